//! Counted strings (UNICODE_STRING), from and to text.

use crate::machine::enter;
use kmdf_sys::{PCWSTR, PUNICODE_STRING, UNICODE_STRING, USHORT};

/// Bytes of the longest string that `RtlInitUnicodeString` makes, without its terminator.
const LONGEST: usize = 0xFFFC;

/// Makes a counted string of a terminated one, without copying.
///
/// # Safety
///
/// `target` must be writable, `source` null or a terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn RtlInitUnicodeString(target: PUNICODE_STRING, source: PCWSTR) {
    enter();
    let mut length = 0;
    if !source.is_null() {
        // SAFETY: A character of `source`, whose terminator was not reached.
        while length < LONGEST / 2 && unsafe { source.wrapping_add(length).read() } != 0 {
            length += 1;
        }
    }
    let terminator = usize::from(!source.is_null());
    let string = UNICODE_STRING {
        Length: (length * 2) as USHORT,
        MaximumLength: ((length + terminator) * 2) as USHORT,
        Buffer: source.cast_mut(),
    };
    // SAFETY: `target` is writable, as the caller guarantees.
    unsafe { target.write(string) };
}

/// The text of a counted string, with U+FFFD for invalid characters.
///
/// # Safety
///
/// `string` must be null or readable with its characters.
pub(crate) unsafe fn text(string: *const UNICODE_STRING) -> String {
    // SAFETY: `string` is null or readable, as the caller guarantees.
    let Some(string) = (unsafe { string.as_ref() }) else {
        return String::new();
    };
    if string.Buffer.is_null() {
        return String::new();
    }
    let units = (0..usize::from(string.Length) / 2).map(|index| {
        // SAFETY: A valid string holds `Length` bytes; it need not be aligned.
        unsafe { string.Buffer.wrapping_add(index).read_unaligned() }
    });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
