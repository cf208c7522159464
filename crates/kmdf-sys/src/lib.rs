//! The seam under `kmdf`: the C names of NT and KMDF, wherever they come from.
//!
//! With `--cfg wdk` this crate re-exports `wdk-sys`, which generates its declarations from the headers of
//! the Windows Driver Kit. Without it, it declares the same names with the same types, table indices and
//! layouts: just those that this project uses. The same source compiles against either.
//!
//! | in RUSTFLAGS | functions of the kernel and of the framework's loader |
//! | --- | --- |
//! | nothing, on any platform: the model | symbols that `nt-model` and `kmdf-model` define in the same process |
//! | `--cfg wdk` | libraries of the WDK, as `wdk-sys` links them |
//! | `--cfg image` | imported from `ntoskrnl.exe` and `WDFLDR.SYS` by name |
//!
//! No other switch exists. Combinations that cannot be built are rejected by the build script.

#![no_std]

// In the model a driver lives in a process, whose `std` brings the panic handler. An image has the one that
// the driver chooses.
#[cfg(not(any(wdk, image)))]
extern crate std as _;

#[cfg(all(wdk, not(panic = "abort"), not(test)))]
compile_error!(
    "a driver cannot unwind, so `--cfg wdk` needs panic = \"abort\": build with `cargo make`, or set \
     CARGO_PROFILE_DEV_PANIC=abort and CARGO_PROFILE_RELEASE_PANIC=abort in the environment. Tests run in \
     the model: `cargo test` without `--cfg wdk`"
);

#[cfg(not(wdk))]
mod declarations;
#[cfg(wdk)]
mod wdk;

#[cfg(not(wdk))]
pub use declarations::*;
#[cfg(wdk)]
pub use wdk::*;

mod functions;
mod load_id;
mod status;

#[doc(hidden)]
pub use functions::framework_calls;
#[cfg(not(wdk))]
pub use functions::*;
pub use load_id::LoadId;
pub use status::*;

/// Makes the entry point of a driver image out of a `DriverEntry` function, by the name that the
/// build's linker or loader wants: `DriverEntry`, which the WDK's own stub calls.
#[cfg(wdk)]
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
            // SAFETY: The system calls this entry point once per load, with the arguments of one.
            unsafe { $driver_entry(driver_object, registry_path) }
        }
    };
}

/// Makes the entry point of a driver image out of a `DriverEntry` function, by the name that the
/// build's linker or loader wants: `FxDriverEntry`, which binds to the framework first.
#[cfg(image)]
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
            // SAFETY: The system calls this entry point once per load, with the arguments of one.
            unsafe { $crate::entry::fx_driver_entry(driver_object, registry_path, $driver_entry) }
        }
    };
}

/// Makes the entry point of a driver image out of a `DriverEntry` function: here a public function,
/// `fx_driver_entry`, that a test hands to the model's loader.
#[cfg(not(any(wdk, image)))]
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
            // SAFETY: The system calls this entry point once per load, with the arguments of one.
            unsafe { $crate::entry::fx_driver_entry(driver_object, registry_path, $driver_entry) }
        }
    };
}
