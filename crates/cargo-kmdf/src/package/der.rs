//! A small writer and reader of DER, the encoding of certificates and catalogs.

use anyhow::{Context, Result, ensure};

/// Tags of the types that a catalog is made of.
pub mod tag {
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OBJECT_IDENTIFIER: u8 = 0x06;
    pub const UTC_TIME: u8 = 0x17;
    pub const BMP_STRING: u8 = 0x1E;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;
}

/// An element: its tag, the length of its content, and the content.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut element = vec![tag];
    match significant {
        [] => element.push(0),
        [short @ 0..=0x7F] => element.push(*short),
        long => {
            // At most eight bytes of length, so the count fits its seven bits.
            element.push(0x80 | long.len() as u8);
            element.extend(long);
        }
    }
    element.extend(content);
    element
}

/// A sequence of elements.
pub fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    element(tag::SEQUENCE, &elements.concat())
}

/// A set of elements, which DER wants in the order of their encodings.
pub fn set(mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort();
    element(tag::SET, &elements.concat())
}

/// A tagged element that holds others.
pub fn tagged(number: u8, elements: &[Vec<u8>]) -> Vec<u8> {
    element(0xA0 | number, &elements.concat())
}

/// A tagged element without content.
pub fn empty(number: u8) -> Vec<u8> {
    element(0x80 | number, &[])
}

/// An unsigned number.
pub fn integer(value: u32) -> Vec<u8> {
    let mut bytes = value.to_be_bytes().to_vec();
    while let [0, next, ..] = bytes[..]
        && next < 0x80
    {
        bytes.remove(0);
    }
    if bytes[0] >= 0x80 {
        bytes.insert(0, 0);
    }
    element(tag::INTEGER, &bytes)
}

/// An object identifier, given as numbers.
pub fn identifier(numbers: &[u32]) -> Vec<u8> {
    let (first, rest) = numbers.split_at(2);
    let mut content = vec![];
    for number in std::iter::once(first[0] * 40 + first[1]).chain(rest.iter().copied()) {
        let groups = (32 - number.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            content.push(more | (number >> (7 * group)) as u8 & 0x7F);
        }
    }
    element(tag::OBJECT_IDENTIFIER, &content)
}

/// A string of bytes.
pub fn octets(content: &[u8]) -> Vec<u8> {
    element(tag::OCTET_STRING, content)
}

/// A string of 16-bit characters.
pub fn bmp_string(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    element(tag::BMP_STRING, &units)
}

/// Reads the elements of a content one after another.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element's tag and content; none at the end.
    pub fn next(&mut self) -> Result<Option<(u8, &'a [u8])>> {
        let [tag, first, rest @ ..] = self.0 else {
            ensure!(self.0.is_empty(), "an element is cut off");
            return Ok(None);
        };
        let (length, rest) = match first {
            0..=0x7F => (usize::from(*first), rest),
            _ => {
                let count = usize::from(first & 0x7F);
                let (bytes, rest) = rest
                    .split_at_checked(count)
                    .context("a length is cut off")?;
                ensure!(count <= 4, "a length has {count} bytes");
                (
                    bytes
                        .iter()
                        .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                    rest,
                )
            }
        };
        let (content, rest) = rest
            .split_at_checked(length)
            .context("an element is cut off")?;
        self.0 = rest;
        Ok(Some((*tag, content)))
    }

    /// The content of the next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<Reader<'a>> {
        let (found, content) = self.next()?.context("an element is missing")?;
        ensure!(
            found == tag,
            "an element has the tag {found:#04x}, not {tag:#04x}"
        );
        Ok(Reader(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        assert_eq!(element(4, &[]), [4, 0]);
        assert_eq!(element(4, &[7; 127])[..2], [4, 127]);
        assert_eq!(element(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(element(4, &[7; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn numbers_and_identifiers_are_encoded_as_the_standard_shows() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(127), [2, 1, 127]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(integer(0x1001_0001), [2, 4, 0x10, 1, 0, 1]);
        assert_eq!(integer(0x8000_0000), [2, 5, 0, 0x80, 0, 0, 0]);
        let rsa = [6, 6, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D];
        assert_eq!(identifier(&[1, 2, 840, 113549]), rsa);
        assert_eq!(identifier(&[2, 16, 0, 1]), [6, 3, 96, 0, 1]);
    }

    #[test]
    fn a_set_is_sorted_and_a_string_is_big_endian() {
        assert_eq!(
            set(vec![integer(9), integer(1)]),
            [0x31, 6, 2, 1, 1, 2, 1, 9]
        );
        assert_eq!(bmp_string("Ab"), [0x1E, 4, 0, 0x41, 0, 0x62]);
        assert_eq!(tagged(2, &[empty(0)]), [0xA2, 2, 0x80, 0]);
    }

    #[test]
    fn what_is_written_is_read_and_what_is_cut_off_is_refused() {
        let written = sequence(&[octets(&[7; 300]), integer(5)]);
        let mut inside = Reader(&written).expect(tag::SEQUENCE).unwrap();
        assert_eq!(inside.expect(tag::OCTET_STRING).unwrap().0, [7; 300]);
        assert!(inside.expect(tag::OCTET_STRING).is_err());
        assert!(inside.next().unwrap().is_none());
        for end in 1..written.len() {
            assert!(Reader(&written[..end]).next().is_err(), "{end}");
        }
    }
}
