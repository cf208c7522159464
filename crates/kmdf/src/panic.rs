//! What a panic does in a driver's image, where nothing can unwind.
//!
//! A kernel image needs a `#[panic_handler]`, even if nothing in it panics; the image's own crate chooses it.
//! [`panic_handler!`](crate::panic_handler) defines one that calls [`stop`]. With `--cfg wdk`, `extern crate
//! wdk_panic as _;` does the same with the handler of Microsoft's `wdk-panic`.

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
    // SAFETY: The call takes any numbers, at any IRQL, and does not return.
    unsafe { ntddk::KeBugCheckEx(RUST_PANIC, file, length, line, column) }
}

/// Defines the panic handler of a driver's image: see the documentation of the build for the model.
#[cfg(any(wdk, image))]
#[macro_export]
macro_rules! panic_handler {
    () => {
        #[cfg(not(test))]
        #[panic_handler]
        fn panic(info: &::core::panic::PanicInfo<'_>) -> ! {
            $crate::panic::stop(info)
        }
    };
}

/// Defines the panic handler of a driver's image: one line in the crate that becomes the image, beside
/// [`driver_entry!`](crate::driver_entry). A driver with a handler of its own leaves this line out.
///
/// With `--cfg wdk` or `--cfg image`, the handler calls [`stop`](crate::panic::stop). In the model, and so in
/// tests, the macro expands to nothing: the process has a panic handler already.
///
/// ```
/// kmdf::panic_handler!();
/// # fn main() {}
/// ```
#[cfg(not(any(wdk, image)))]
#[macro_export]
macro_rules! panic_handler {
    () => {};
}
