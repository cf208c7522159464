//! What a panic does in a driver's image, where nothing can unwind.

use core::panic::PanicInfo;
use kmdf_sys::ntddk;

/// `RPNC`: the bug check code of `wdk-panic`, so that the two look the same in a crash dump.
const RUST_PANIC: u32 = u32::from_le_bytes(*b"CNPR");

/// `KeBugCheckEx`: stops the system with where the panic was, for a driver's `#[panic_handler]`.
/// IRQL: any.
///
/// The code is 0x52504E43, the parameters are the address and length of the source file's name, the
/// line and the column. The message is not formatted: that would put `core::fmt` into the image.
///
/// Source: "KeBugCheckEx function (wdm.h)".
pub fn stop(panic: &PanicInfo<'_>) -> ! {
    let [file, length, line, column] = match panic.location() {
        Some(location) => [
            location.file().as_ptr().expose_provenance() as u64,
            location.file().len() as u64,
            u64::from(location.line()),
            u64::from(location.column()),
        ],
        None => [0; 4],
    };
    // SAFETY: The parameters are numbers.
    unsafe { ntddk::KeBugCheckEx(RUST_PANIC, file, length, line, column) }
}
