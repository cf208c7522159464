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
mod functions;
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
pub use functions::*;
pub use nt::*;
pub use registry::*;
pub use types::*;
pub use wdf_structures::*;

/// Calls the named framework function through the table that the driver bound to.
///
/// Has the shape of `wdk_sys::call_unsafe_wdf_function_binding!`: the driver globals are passed by
/// the macro, the other arguments follow the name, and the call needs an `unsafe` block.
#[macro_export]
macro_rules! call_unsafe_wdf_function_binding {
    ($name:ident $(, $argument:expr)* $(,)?) => {
        $crate::__private::$name($($argument),*)
    };
}
