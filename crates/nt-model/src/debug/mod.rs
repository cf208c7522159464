//! `DbgPrint`, captured.

mod format;

use crate::machine::{Kernel, enter, lock};
use kmdf_sys::{NTSTATUS, PCCH, STATUS_SUCCESS};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Lines that are kept; the oldest go first.
const KEPT: usize = 10_000;

/// What was printed.
#[derive(Default)]
pub(crate) struct State {
    output: Mutex<Output>,
}

#[derive(Default)]
struct Output {
    lines: VecDeque<String>,
    /// What follows the last line break.
    open: String,
}

impl State {
    /// All lines so far, an unfinished one included.
    pub(crate) fn lines(&self) -> Vec<String> {
        let output = lock(&self.output);
        let open = (!output.open.is_empty()).then(|| output.open.clone());
        output.lines.iter().cloned().chain(open).collect()
    }

    /// Adds text, which need not end with a line.
    pub(crate) fn print(&self, text: &str) {
        let mut output = lock(&self.output);
        for piece in text.split_inclusive('\n') {
            output.open.push_str(piece);
            if piece.ends_with('\n') {
                let line = std::mem::take(&mut output.open);
                output
                    .lines
                    .push_back(line.trim_end_matches(['\n', '\r']).to_owned());
            }
        }
        let surplus = output.lines.len().saturating_sub(KEPT);
        output.lines.drain(..surplus);
    }
}

impl Kernel {
    /// What was printed with `DbgPrint` so far, one entry per line.
    pub fn debug_output(&self) -> Vec<String> {
        self.enter().debug.lines()
    }
}

/// Prints as a C caller of the variadic function expects. Rust cannot define one, so up to six
/// arguments are taken where the calling convention has them.
///
/// # Safety
///
/// `format` is a C string, and the arguments that it asks for were passed: integers and pointers,
/// no more than six.
#[cfg(not(all(target_vendor = "apple", target_arch = "aarch64")))]
#[unsafe(no_mangle)]
unsafe extern "C" fn DbgPrint(
    format: PCCH,
    first: usize,
    second: usize,
    third: usize,
    fourth: usize,
    fifth: usize,
    sixth: usize,
) -> NTSTATUS {
    let arguments = [first, second, third, fourth, fifth, sixth];
    // SAFETY: By the contract of this function.
    unsafe { print(format, arguments) }
}

/// As elsewhere; variadic arguments are all on the stack here, behind eight registers.
///
/// # Safety
///
/// As elsewhere.
#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
#[unsafe(no_mangle)]
#[expect(
    clippy::too_many_arguments,
    reason = "the unused ones fill the registers"
)]
unsafe extern "C" fn DbgPrint(
    format: PCCH,
    _: usize,
    _: usize,
    _: usize,
    _: usize,
    _: usize,
    _: usize,
    _: usize,
    first: usize,
    second: usize,
    third: usize,
    fourth: usize,
    fifth: usize,
    sixth: usize,
) -> NTSTATUS {
    let arguments = [first, second, third, fourth, fifth, sixth];
    // SAFETY: By the contract of this function.
    unsafe { print(format, arguments) }
}

/// # Safety
///
/// As for `DbgPrint`.
unsafe fn print(format: PCCH, arguments: [usize; 6]) -> NTSTATUS {
    let machine = enter();
    // SAFETY: By the contract of this function.
    let text = unsafe { format::render(format, &arguments) };
    machine.debug.print(&text);
    STATUS_SUCCESS
}

/// `STATUS_BREAKPOINT`.
const STATUS_BREAKPOINT: NTSTATUS = 0x8000_0003_u32 as NTSTATUS;

/// A breakpoint without a debugger stops the system.
#[unsafe(no_mangle)]
extern "C" fn DbgBreakPoint() {
    enter();
    crate::stop::exception(
        STATUS_BREAKPOINT,
        0,
        "DbgBreakPoint was called, and there is no debugger".into(),
    );
}
