//! The seam under `kmdf`: the C names of NT and KMDF, wherever they come from.
//!
//! On Windows with a WDK this crate re-exports [`wdk-sys`](https://crates.io/crates/wdk-sys).
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

mod status;
pub use status::*;
