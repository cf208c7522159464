//! Device security: translates an SDDL string to the self-relative descriptor that the kernel checks.

/// The string is not SDDL, or uses a part of SDDL that device security strings may not use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError;

/// The string of a named device without one of its own: the system and administrators have access.
pub(crate) const SYSTEM_ALL_ADMINISTRATORS_ALL: &[u8] = b"D:P(A;;GA;;;SY)(A;;GA;;;BA)";

const HEADER_SIZE: usize = 20;
const ACL_HEADER_SIZE: usize = 8;
const ACE_HEADER_SIZE: usize = 8;
const MAXIMUM_SUB_AUTHORITIES: usize = 15;
const MAXIMUM_SID_SIZE: usize = 8 + 4 * MAXIMUM_SUB_AUTHORITIES;
const SE_DACL_PRESENT: u16 = 0x0004;
const SE_DACL_AUTO_INHERIT_REQ: u16 = 0x0100;
const SE_DACL_AUTO_INHERITED: u16 = 0x0400;
const SE_DACL_PROTECTED: u16 = 0x1000;
const SE_SELF_RELATIVE: u16 = 0x8000;

/// Two-letter names of well-known accounts: identifier authority, then sub-authorities.
const ACCOUNTS: &[(&[u8; 2], u8, &[u32])] = &[
    (b"AC", 15, &[2, 1]),
    (b"AN", 5, &[7]),
    (b"AU", 5, &[11]),
    (b"BA", 5, &[32, 544]),
    (b"BG", 5, &[32, 546]),
    (b"BU", 5, &[32, 545]),
    (b"CG", 3, &[1]),
    (b"CO", 3, &[0]),
    (b"IU", 5, &[4]),
    (b"LS", 5, &[19]),
    (b"NS", 5, &[20]),
    (b"NU", 5, &[2]),
    (b"OW", 3, &[4]),
    (b"RC", 5, &[12]),
    (b"SU", 5, &[6]),
    (b"SY", 5, &[18]),
    (b"UD", 5, &[84, 0, 0, 0, 0, 0]),
    (b"WD", 1, &[0]),
];

/// Two-letter names of access rights.
const RIGHTS: &[(&[u8; 2], u32)] = &[
    (b"CC", 0x0001),
    (b"DC", 0x0002),
    (b"LC", 0x0004),
    (b"SW", 0x0008),
    (b"RP", 0x0010),
    (b"WP", 0x0020),
    (b"DT", 0x0040),
    (b"LO", 0x0080),
    (b"CR", 0x0100),
    (b"SD", 0x0001_0000),
    (b"RC", 0x0002_0000),
    (b"WD", 0x0004_0000),
    (b"WO", 0x0008_0000),
    (b"FA", 0x001F_01FF),
    (b"FR", 0x0012_0089),
    (b"FW", 0x0012_0116),
    (b"FX", 0x0012_00A0),
    (b"GA", 0x1000_0000),
    (b"GX", 0x2000_0000),
    (b"GW", 0x4000_0000),
    (b"GR", 0x8000_0000),
];

/// Two-letter names of the flags of an access control entry.
const ACE_FLAGS: &[(&[u8; 2], u8)] = &[
    (b"OI", 0x01),
    (b"CI", 0x02),
    (b"NP", 0x04),
    (b"IO", 0x08),
    (b"ID", 0x10),
];

/// An upper bound of the size in bytes of the descriptor of `text`.
pub(crate) fn size_bound(text: &[u16]) -> usize {
    let entries = text.iter().filter(|&&unit| unit == u16::from(b'(')).count();
    HEADER_SIZE
        + 2 * MAXIMUM_SID_SIZE
        + ACL_HEADER_SIZE
        + entries * (ACE_HEADER_SIZE + MAXIMUM_SID_SIZE)
}

/// Writes the descriptor that `text` describes to `output`, which holds at least
/// [`size_bound`] bytes. `Ok` is the number of bytes written.
pub(crate) fn write_descriptor(text: &[u16], output: &mut [u8]) -> Result<usize, SyntaxError> {
    let mut reader = Reader { text };
    let mut writer = Writer { output, length: 0 };
    let mut control = SE_SELF_RELATIVE;
    let (mut owner, mut group, mut dacl) = (0, 0, 0);
    writer.zeros(HEADER_SIZE)?;
    while let Some(part) = reader.next() {
        reader.expect(b':')?;
        let start = writer.length as u32;
        match part {
            b'O' if owner == 0 => {
                write_sid(&mut reader, &mut writer)?;
                owner = start;
            }
            b'G' if group == 0 => {
                write_sid(&mut reader, &mut writer)?;
                group = start;
            }
            b'D' if dacl == 0 => {
                control |= SE_DACL_PRESENT | read_acl_flags(&mut reader)?;
                write_acl(&mut reader, &mut writer)?;
                dacl = start;
            }
            _ => return Err(SyntaxError),
        }
    }
    let length = writer.length;
    writer.length = 0;
    writer.bytes(&[1, 0])?;
    writer.bytes(&control.to_le_bytes())?;
    for offset in [owner, group, 0, dacl] {
        writer.bytes(&offset.to_le_bytes())?;
    }
    Ok(length)
}

fn read_acl_flags(reader: &mut Reader<'_>) -> Result<u16, SyntaxError> {
    let mut flags = 0;
    loop {
        flags |= match reader.peek() {
            Some(b'P') => SE_DACL_PROTECTED,
            Some(b'A') => {
                reader.expect(b'A')?;
                match reader.peek() {
                    Some(b'R') => SE_DACL_AUTO_INHERIT_REQ,
                    Some(b'I') => SE_DACL_AUTO_INHERITED,
                    _ => return Err(SyntaxError),
                }
            }
            _ => return Ok(flags),
        };
        reader.next();
    }
}

fn write_acl(reader: &mut Reader<'_>, writer: &mut Writer<'_>) -> Result<(), SyntaxError> {
    let start = writer.length;
    let mut entries = 0_u16;
    writer.zeros(ACL_HEADER_SIZE)?;
    while reader.peek() == Some(b'(') {
        write_ace(reader, writer)?;
        entries += 1;
    }
    let size = u16::try_from(writer.length - start).map_err(|_| SyntaxError)?;
    writer.patch(start, &[2, 0])?;
    writer.patch(start + 2, &size.to_le_bytes())?;
    writer.patch(start + 4, &entries.to_le_bytes())
}

fn write_ace(reader: &mut Reader<'_>, writer: &mut Writer<'_>) -> Result<(), SyntaxError> {
    reader.expect(b'(')?;
    let kind = match reader.next() {
        Some(b'A') => 0,
        Some(b'D') => 1,
        _ => return Err(SyntaxError),
    };
    reader.expect(b';')?;
    let mut flags = 0;
    while reader.peek() != Some(b';') {
        flags |= reader.pair(ACE_FLAGS)?;
    }
    reader.expect(b';')?;
    let rights = read_rights(reader)?;
    // Object and inherited object types: device security has neither.
    for _ in 0..3 {
        reader.expect(b';')?;
    }
    let start = writer.length;
    writer.bytes(&[kind, flags, 0, 0])?;
    writer.bytes(&rights.to_le_bytes())?;
    write_sid(reader, writer)?;
    let size = (writer.length - start) as u16;
    writer.patch(start + 2, &size.to_le_bytes())?;
    reader.expect(b')')
}

fn read_rights(reader: &mut Reader<'_>) -> Result<u32, SyntaxError> {
    if reader.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        return reader.number();
    }
    let mut rights = 0;
    while reader.peek() != Some(b';') {
        rights |= reader.pair(RIGHTS)?;
    }
    Ok(rights)
}

fn write_sid(reader: &mut Reader<'_>, writer: &mut Writer<'_>) -> Result<(), SyntaxError> {
    let first = reader.next().ok_or(SyntaxError)?;
    if first == b'S' && reader.peek() == Some(b'-') {
        return write_numeric_sid(reader, writer);
    }
    let second = reader.next().ok_or(SyntaxError)?;
    let (_, authority, subs) = ACCOUNTS
        .iter()
        .find(|(name, ..)| **name == [first, second])
        .ok_or(SyntaxError)?;
    writer.bytes(&[1, subs.len() as u8, 0, 0, 0, 0, 0, *authority])?;
    for sub in *subs {
        writer.bytes(&sub.to_le_bytes())?;
    }
    Ok(())
}

fn write_numeric_sid(reader: &mut Reader<'_>, writer: &mut Writer<'_>) -> Result<(), SyntaxError> {
    reader.expect(b'-')?;
    if reader.number()? != 1 {
        return Err(SyntaxError);
    }
    reader.expect(b'-')?;
    let authority = reader.number()?.to_be_bytes();
    let start = writer.length;
    writer.bytes(&[1, 0, 0, 0])?;
    writer.bytes(&authority)?;
    let mut subs = 0;
    while reader.peek() == Some(b'-') {
        reader.next();
        writer.bytes(&reader.number()?.to_le_bytes())?;
        subs += 1;
    }
    if subs == 0 || usize::from(subs) > MAXIMUM_SUB_AUTHORITIES {
        return Err(SyntaxError);
    }
    writer.patch(start + 1, &[subs])
}

/// Reads the text from the front. SDDL is ASCII and in upper case.
struct Reader<'a> {
    text: &'a [u16],
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text
            .first()
            // A unit that is not an ASCII character becomes one that the grammar does not have.
            .map(|&unit| u8::try_from(unit).unwrap_or(0xFF))
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.text = self.text.get(1..)?;
        Some(byte)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), SyntaxError> {
        match self.next() {
            Some(byte) if byte == wanted => Ok(()),
            _ => Err(SyntaxError),
        }
    }

    fn pair<T: Copy>(&mut self, names: &[(&[u8; 2], T)]) -> Result<T, SyntaxError> {
        let first = self.next().ok_or(SyntaxError)?;
        let second = self.next().ok_or(SyntaxError)?;
        names
            .iter()
            .find(|(name, _)| **name == [first, second])
            .map(|&(_, value)| value)
            .ok_or(SyntaxError)
    }

    /// A decimal number, or a hexadecimal one after `0x`.
    fn number(&mut self) -> Result<u32, SyntaxError> {
        let mut value = self.digit(10).ok_or(SyntaxError)?;
        let mut radix = 10;
        if value == 0 && matches!(self.peek(), Some(b'x' | b'X')) {
            self.next();
            radix = 16;
            value = self.digit(radix).ok_or(SyntaxError)?;
        }
        while let Some(digit) = self.digit(radix) {
            value = value
                .checked_mul(radix)
                .and_then(|value| value.checked_add(digit))
                .ok_or(SyntaxError)?;
        }
        Ok(value)
    }

    fn digit(&mut self, radix: u32) -> Option<u32> {
        let digit = char::from(self.peek()?).to_digit(radix)?;
        self.next();
        Some(digit)
    }
}

struct Writer<'a> {
    output: &'a mut [u8],
    length: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), SyntaxError> {
        self.patch(self.length, bytes)?;
        self.length += bytes.len();
        Ok(())
    }

    fn zeros(&mut self, count: usize) -> Result<(), SyntaxError> {
        let end = self.length + count;
        self.output
            .get_mut(self.length..end)
            .ok_or(SyntaxError)?
            .fill(0);
        self.length = end;
        Ok(())
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) -> Result<(), SyntaxError> {
        self.output
            .get_mut(at..at + bytes.len())
            .ok_or(SyntaxError)?
            .copy_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(text: &str) -> Result<([u8; 1024], usize), SyntaxError> {
        let mut units = [0; 256];
        let mut count = 0;
        for unit in text.encode_utf16() {
            units[count] = unit;
            count += 1;
        }
        let text = &units[..count];
        let mut output = [0xEE; 1024];
        let length = write_descriptor(text, &mut output[..size_bound(text)])?;
        Ok((output, length))
    }

    #[test]
    fn the_usual_device_string_gives_a_protected_list_of_two_entries() {
        let (bytes, length) = descriptor("D:P(A;;GA;;;SY)(A;;GA;;;BA)").unwrap();
        assert_eq!(length, 20 + 8 + 20 + 24);
        assert_eq!(bytes[..4], [1, 0, 0x04, 0x90]);
        assert_eq!(bytes[16], 20, "the list follows the header");
        assert_eq!(bytes[20..28], [2, 0, 52, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[28..36], [0, 0, 20, 0, 0, 0, 0, 0x10]);
        assert_eq!(bytes[36..48], [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
        assert_eq!(
            bytes[56..72],
            [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0]
        );
    }

    #[test]
    fn owner_group_numeric_account_and_hexadecimal_rights_are_understood() {
        let (bytes, length) = descriptor("O:BAG:SYD:(D;OI;0x1200a9;;;S-1-5-21-7)").unwrap();
        assert_eq!(bytes[4], 20);
        assert_eq!(bytes[8], 36);
        assert_eq!(bytes[16], 48);
        assert_eq!(bytes[56..64], [1, 1, 24, 0, 0xA9, 0, 0x12, 0]);
        assert_eq!(
            bytes[64..length],
            [1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 7, 0, 0, 0]
        );
    }

    #[test]
    fn an_empty_list_is_present_and_admits_nobody() {
        let (bytes, length) = descriptor("D:P").unwrap();
        assert_eq!(length, 28);
        assert_eq!(bytes[20..28], [2, 0, 8, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn anything_else_is_a_syntax_error() {
        for text in [
            "x",
            "D",
            "D:P(A;;GA;;;SY",
            "D:P(A;;GA;;SY)",
            "D:P(A;;GA;;;XX)",
            "D:P(A;;ZZ;;;SY)",
            "D:P(Z;;GA;;;SY)",
            "D:Q",
            "D:PD:P",
            "S:(AU;;GA;;;SY)",
            "D:P(A;;GA;;;S-1-5)",
            "D:P(A;;GA;;;S-2-5-18)",
            "D:P(A;;99999999999;;;SY)",
            "D:P(A;;GA;;;SY) ",
            "D:P(A;;GA;;;\u{100}Y)",
        ] {
            assert_eq!(descriptor(text), Err(SyntaxError), "{text}");
        }
    }
}
