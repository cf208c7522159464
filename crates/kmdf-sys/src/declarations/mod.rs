//! The names of `wdk-sys` that this project uses, declared without a WDK.

#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "the names and their documentation are those of the WDK headers"
)]

/// Gives each listed type the all-zero `Default` that bindgen gives it.
macro_rules! zeroed_default {
    ($($name:ident,)*) => {$(
        impl Default for $name {
            fn default() -> Self {
                // SAFETY: Plain C data made of integers, pointers and optional function pointers,
                // for all of which the all-zero pattern is a value.
                unsafe { core::mem::zeroed() }
            }
        }
    )*};
}

mod callbacks;
mod constants;
pub mod entry;
mod enums;
#[cfg(image)]
mod image;
pub mod loader;
mod nt;
pub mod ntddk;
mod registry;
mod types;
mod wdf_structures;

pub use callbacks::*;
pub use constants::*;
pub use entry::{WdfDriverGlobals, WdfFunctions};
pub use enums::*;
pub use nt::*;
pub use registry::*;
pub use types::*;
pub use wdf_structures::*;
