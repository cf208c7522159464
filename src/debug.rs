//! What only a debug build does: IRQL checks, formatted lines for the kernel debugger, breakpoints.
//!
//! With the WDK these are the macros and functions of Microsoft's crate `wdk`; in the model and in an
//! image without the WDK, the same over `kmdf`. A release build has nothing of either: no formatting
//! code, no panic, no breakpoint.

/// `PAGED_CODE`: a debug build checks that the IRQL is at most APC_LEVEL. The witness of each callback
/// proves it to the compiler; this checks at run time what the witness rests on, the framework's call.
macro_rules! paged_code {
    () => {{
        #[cfg(wdk)]
        wdk::paged_code!();
        #[cfg(not(wdk))]
        debug_assert!(kmdf::irql::current() <= kmdf::irql::APC_LEVEL);
    }};
}

/// Prints a line to the kernel debugger, in a debug build. IRQL: any. Arguments as of `println!`.
macro_rules! trace {
    ($($argument:tt)+) => {
        if cfg!(debug_assertions) {
            $crate::debug::print(format_args!($($argument)+));
        }
    };
}

pub(crate) use {paged_code, trace};

/// Reports a state that this driver should never be in: prints a line and breaks into the kernel
/// debugger, in a debug build. Without a debugger that is a bug check. IRQL: any.
pub fn unexpected(what: &str) {
    if cfg!(debug_assertions) {
        print(format_args!("{what}"));
        break_in();
    }
}

#[cfg(wdk)]
use wdk::dbg_break as break_in;

#[cfg(not(wdk))]
use kmdf::debug::break_in;

/// Prints a line that starts with the driver's name.
#[cfg(wdk)]
pub fn print(line: core::fmt::Arguments<'_>) {
    wdk::println!("wdfmem: {line}");
}

/// Prints a line that starts with the driver's name.
#[cfg(not(wdk))]
pub fn print(line: core::fmt::Arguments<'_>) {
    let mut text = kmdf::debug::Line::<256>::new();
    // What does not fit is cut off, which is no error.
    let _ = core::fmt::write(&mut text, format_args!("wdfmem: {line}\n"));
    text.print();
}
