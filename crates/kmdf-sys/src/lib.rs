//! The seam under `kmdf`: the C names of NT and KMDF, wherever they come from.
//!
//! On Windows with a WDK this crate re-exports `wdk-sys`.
//! Anywhere else, and on Windows when built with `--cfg wdk_free`, it declares the same names with
//! the same types, table indices and layouts: just those that this project uses. The same source
//! compiles against either.
//!
//! | build | functions of the kernel and of the framework's loader |
//! | --- | --- |
//! | Windows, WDK | libraries of the WDK, as `wdk-sys` links them |
//! | `--cfg wdk_free --cfg image` | imported from `ntoskrnl.exe` and `WDFLDR.SYS` by name |
//! | otherwise | symbols that `nt-model` and `kmdf-model` define in the same process |

#![no_std]

// The panic handler of each route: a bug check on Windows, that of `std` in the model.
#[cfg(not(any(image, all(windows, not(wdk_free)))))]
extern crate std as _;
#[cfg(all(windows, not(wdk_free)))]
extern crate wdk_panic as _;

#[cfg(not(all(windows, not(wdk_free))))]
mod free;
#[cfg(all(windows, not(wdk_free)))]
mod wdk;

#[cfg(not(all(windows, not(wdk_free))))]
pub use free::*;
#[cfg(all(windows, not(wdk_free)))]
pub use wdk::*;

mod functions;
mod status;

#[doc(hidden)]
pub use functions::framework_calls;
#[cfg(not(all(windows, not(wdk_free))))]
pub use functions::*;
pub use status::*;

/// Makes the entry point of a driver image out of a `DriverEntry` function, by the name that the
/// build's linker or loader wants: `DriverEntry`, which the WDK's own stub calls.
#[cfg(all(windows, not(wdk_free)))]
#[macro_export]
macro_rules! export_driver_entry {
    ($driver_entry:expr) => {
        /// The driver's entry point, called by the stub of the WDK.
        ///
        /// # Safety
        ///
        /// Called by the system when it loads the image.
        #[unsafe(export_name = "DriverEntry")]
        pub unsafe extern "C" fn fx_driver_entry(
            driver_object: $crate::PDRIVER_OBJECT,
            registry_path: $crate::PCUNICODE_STRING,
        ) -> $crate::NTSTATUS {
            // SAFETY: The arguments are the system's.
            unsafe { $driver_entry(driver_object, registry_path) }
        }
    };
}

/// Makes the entry point of a driver image out of a `DriverEntry` function, by the name that the
/// build's linker or loader wants: `FxDriverEntry`, which binds to the framework first.
#[cfg(all(image, not(all(windows, not(wdk_free)))))]
#[macro_export]
macro_rules! export_driver_entry {
    ($driver_entry:expr) => {
        /// The image's entry point: binds to the framework, then enters the driver.
        ///
        /// # Safety
        ///
        /// Called by the system when it loads the image.
        #[unsafe(export_name = "FxDriverEntry")]
        pub unsafe extern "C" fn fx_driver_entry(
            driver_object: $crate::PDRIVER_OBJECT,
            registry_path: $crate::PUNICODE_STRING,
        ) -> $crate::NTSTATUS {
            // SAFETY: The arguments are the system's.
            unsafe { $crate::entry::fx_driver_entry(driver_object, registry_path, $driver_entry) }
        }
    };
}

/// Makes the entry point of a driver image out of a `DriverEntry` function: here a public function,
/// `fx_driver_entry`, that a test hands to the model's loader.
#[cfg(all(not(image), not(all(windows, not(wdk_free)))))]
#[macro_export]
macro_rules! export_driver_entry {
    ($driver_entry:expr) => {
        /// The image's entry point: binds to the framework, then enters the driver.
        ///
        /// # Safety
        ///
        /// Called by the system when it loads the image.
        pub unsafe extern "C" fn fx_driver_entry(
            driver_object: $crate::PDRIVER_OBJECT,
            registry_path: $crate::PUNICODE_STRING,
        ) -> $crate::NTSTATUS {
            // SAFETY: The arguments are the system's.
            unsafe { $crate::entry::fx_driver_entry(driver_object, registry_path, $driver_entry) }
        }
    };
}
