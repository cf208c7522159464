//! Text for the kernel debugger, without allocation and without `core::fmt`.

use crate::plain::assert_by_value;
use core::ffi::CStr;
use core::fmt;
use kmdf_sys::ntddk;

/// `DbgPrint("%s", text)`: sends a line to the kernel debugger. Any IRQL.
///
/// Source: "DbgPrint function (wdm.h)".
pub fn print(text: &CStr) {
    // SAFETY: The format takes one C string, which is what it gets.
    let _ = unsafe { ntddk::DbgPrint(c"%s".as_ptr().cast(), text.as_ptr()) };
}

/// `DbgBreakPoint`: breaks into the kernel debugger. Any IRQL.
///
/// Without a debugger the exception, STATUS_BREAKPOINT, is not handled, which is a bug check. For debug
/// builds, where the driver finds itself in a state that it should never be in.
///
/// Source: "DbgBreakPoint function (wdm.h)".
// Inline, so that an image that does not call it does not import what it calls.
#[inline]
pub fn break_in() {
    // SAFETY: Has no preconditions: it raises an exception, which memory safety does not depend on.
    unsafe { ntddk::DbgBreakPoint() };
}

/// A line of at most `N - 1` bytes, put together on the stack and printed by [`Line::print`]. `N` is
/// at most [`MAX_BY_VALUE`](crate::MAX_BY_VALUE).
///
/// What does not fit is cut off. `core::fmt` is not used because its machinery would end up, panics
/// included, in the driver's image. For debug builds, where that does no harm, `write!` works too.
///
/// ```
/// let mut line = kmdf::debug::Line::<64>::new();
/// line.text("status ").hexadecimal(0xC000_009A).text(", live objects: ").decimal(30).text("\n");
/// assert_eq!(line.as_c_str(), c"status 0xC000009A, live objects: 30\n");
///
/// // In a debug build:
/// use core::fmt::Write;
/// let mut line = kmdf::debug::Line::<16>::new();
/// write!(line, "{:?} is cut off", [1, 2]).expect("never fails");
/// assert_eq!(line.as_c_str(), c"[1, 2] is cut o");
/// ```
#[derive(Debug)]
pub struct Line<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Line<N> {
    /// Makes a line without text.
    pub const fn new() -> Self {
        const { assert!(N > 0, "a line needs room for its terminator") };
        const { assert_by_value::<[u8; N]>() };
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    /// Appends text; a NUL in it ends what is printed.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for &byte in text.as_bytes() {
            self.push(byte);
        }
        self
    }

    /// Appends a number in decimal.
    pub fn decimal(&mut self, number: u64) -> &mut Self {
        self.digits::<10>(number)
    }

    /// Appends a number in hexadecimal, with `0x` before it.
    pub fn hexadecimal(&mut self, number: u64) -> &mut Self {
        self.text("0x").digits::<16>(number)
    }

    /// The base is a constant, so that the compiler sees that nothing is divided by zero.
    fn digits<const BASE: u64>(&mut self, mut number: u64) -> &mut Self {
        let mut digits = [b'0'; 20];
        let mut used = 0;
        for place in digits.iter_mut().rev() {
            let digit = (number % BASE) as u8;
            *place = if digit < 10 {
                b'0' + digit
            } else {
                b'A' + (digit - 10)
            };
            used += 1;
            number /= BASE;
            if number == 0 {
                break;
            }
        }
        for &digit in digits.iter().skip(digits.len() - used) {
            self.push(digit);
        }
        self
    }

    fn push(&mut self, byte: u8) {
        // The last byte stays zero, as the terminator.
        if self.length + 1 < N
            && let Some(place) = self.bytes.get_mut(self.length)
        {
            *place = byte;
            self.length += 1;
        }
    }

    /// The line so far.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// Sends the line to the kernel debugger. Any IRQL.
    pub fn print(&self) {
        print(self.as_c_str());
    }
}

/// Appends what was formatted; what does not fit is cut off, which is no error.
impl<const N: usize> fmt::Write for Line<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

impl<const N: usize> Default for Line<N> {
    fn default() -> Self {
        Self::new()
    }
}
