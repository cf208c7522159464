//! The formats of `DbgPrint` for integers, pointers, characters and strings.

use crate::rtl;
use kmdf_sys::{PCCH, UNICODE_STRING};
use std::ffi::CStr;

/// A conversion as it is written: `%`, flags, width, precision, size, letter.
#[derive(Default)]
struct Conversion {
    left: bool,
    zero: bool,
    prefix: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
    size: String,
}

/// Formats arguments as a format string says.
///
/// # Safety
///
/// `format` must be a C string that asks for no more arguments than there are. An argument that it takes
/// for a string must be one, or null.
pub(super) unsafe fn render(format: PCCH, arguments: &[usize]) -> String {
    // SAFETY: A C string, as the caller guarantees.
    let format = unsafe { CStr::from_ptr(format.cast()) }
        .to_string_lossy()
        .into_owned();
    let mut text = String::new();
    let mut rest = format.chars().peekable();
    let mut arguments = arguments.iter().copied();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let mut conversion = Conversion::default();
        while let Some(flag) = rest.next_if(|c| "-0#+ ".contains(*c)) {
            match flag {
                '-' => conversion.left = true,
                '0' => conversion.zero = true,
                '#' => conversion.prefix = true,
                _ => conversion.plus = flag == '+',
            }
        }
        conversion.width = number(&mut rest, &mut arguments).unwrap_or(0);
        if rest.next_if_eq(&'.').is_some() {
            conversion.precision = Some(number(&mut rest, &mut arguments).unwrap_or(0));
        }
        while let Some(size) = rest.next_if(|c| "hlwIzj6432".contains(*c)) {
            conversion.size.push(size);
        }
        match rest.next() {
            Some('%') => text.push('%'),
            Some(letter) => {
                let argument = arguments.next().unwrap_or(0);
                // SAFETY: The format asks for this argument by this letter.
                let piece = unsafe { conversion.apply(letter, argument) };
                text.push_str(&conversion.pad(piece, letter));
            }
            None => {}
        }
    }
    text
}

fn number(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    arguments: &mut impl Iterator<Item = usize>,
) -> Option<usize> {
    if rest.next_if_eq(&'*').is_some() {
        return arguments.next();
    }
    let mut value = None;
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
        rest.next();
        value = Some(value.unwrap_or(0) * 10 + digit as usize);
    }
    value
}

impl Conversion {
    /// The text of an argument.
    ///
    /// # Safety
    ///
    /// If `letter` asks for a string, `argument` must be one, or null.
    unsafe fn apply(&self, letter: char, argument: usize) -> String {
        let wide = matches!(self.size.as_str(), "l" | "w");
        match letter {
            'd' | 'i' => {
                let value = self.signed(argument);
                format!("{}{value}", if self.plus && value >= 0 { "+" } else { "" })
            }
            'u' => self.unsigned(argument).to_string(),
            'x' if self.prefix => format!("{:#x}", self.unsigned(argument)),
            'x' => format!("{:x}", self.unsigned(argument)),
            'X' => format!("{:X}", self.unsigned(argument)),
            'o' => format!("{:o}", self.unsigned(argument)),
            'p' | 'P' => format!("{argument:016X}"),
            'c' | 'C' => char::from_u32(argument as u32 & 0xFFFF)
                .unwrap_or('?')
                .into(),
            // SAFETY: The letter asks for a counted string, which the caller passes.
            'Z' => unsafe { rtl::text(argument as *const UNICODE_STRING) },
            's' | 'S' if argument == 0 => "(null)".into(),
            // SAFETY: Not null, so a wide string, which the letter asks for.
            's' | 'S' if wide || letter == 'S' => self.cut(unsafe { wide_text(argument) }),
            // SAFETY: Not null, so a C string, which the letter asks for.
            's' => self.cut(
                unsafe { CStr::from_ptr(argument as *const _) }
                    .to_string_lossy()
                    .into(),
            ),
            other => format!("%{}{other}", self.size),
        }
    }

    fn is_long(&self) -> bool {
        matches!(self.size.as_str(), "ll" | "I64" | "I" | "z" | "j")
    }

    /// An integer of 64 bits if the size says so, else of 32 bits, which `long` has on Windows too.
    fn signed(&self, argument: usize) -> i64 {
        if self.is_long() {
            argument as i64
        } else {
            (argument as i32).into()
        }
    }

    fn unsigned(&self, argument: usize) -> u64 {
        if self.is_long() {
            argument as u64
        } else {
            (argument as u32).into()
        }
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text,
        }
    }

    fn pad(&self, piece: String, letter: char) -> String {
        let width = self.width;
        let digits = "diuxXo".contains(letter);
        match self.precision {
            Some(least) if digits && piece.len() < least => format!("{piece:0>least$}"),
            _ if self.left => format!("{piece:<width$}"),
            _ if self.zero && digits => format!("{piece:0>width$}"),
            _ => format!("{piece:>width$}"),
        }
    }
}

/// The text of a wide string.
///
/// # Safety
///
/// `address` must be that of a terminated string of 16-bit characters.
unsafe fn wide_text(address: usize) -> String {
    let start = address as *const u16;
    let mut units = Vec::new();
    loop {
        // SAFETY: A character of the string, whose terminator was not reached.
        match unsafe { start.wrapping_add(units.len()).read_unaligned() } {
            0 => return String::from_utf16_lossy(&units),
            unit => units.push(unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: &CStr, arguments: &[usize]) -> String {
        // SAFETY: Each test passes what its format asks for.
        unsafe { render(format.as_ptr().cast(), arguments) }
    }

    #[test]
    fn integers_have_the_sizes_of_windows() {
        assert_eq!(
            shown(c"%d|%u|%lx", &[usize::MAX, usize::MAX, usize::MAX]),
            "-1|4294967295|ffffffff"
        );
        assert_eq!(shown(c"%I64x %llu", &[usize::MAX, 5]), "ffffffffffffffff 5");
        assert_eq!(
            shown(c"%08x %#x %5d|%-5d|", &[0xBEEF, 255, 42, 42]),
            "0000beef 0xff    42|42   |"
        );
        assert_eq!(shown(c"100%%", &[]), "100%");
    }

    #[test]
    fn strings_are_narrow_wide_or_counted() {
        let wide: Vec<u16> = "wide\0".encode_utf16().collect();
        let counted = UNICODE_STRING {
            Length: 4,
            MaximumLength: 4,
            Buffer: wide.as_ptr().cast_mut(),
        };
        let arguments = [
            c"narrow".as_ptr() as usize,
            wide.as_ptr() as usize,
            &raw const counted as usize,
        ];
        assert_eq!(shown(c"%s %ws %wZ", &arguments), "narrow wide wi");
        assert_eq!(
            shown(c"%.3s|%s", &[c"narrow".as_ptr() as usize, 0]),
            "nar|(null)"
        );
    }
}
