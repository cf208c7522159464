//! `DbgPrint`: formats and captures what drivers print.

mod format;

use crate::machine::{Kernel, enter, lock};
use kmdf_sys::{NTSTATUS, PCCH, STATUS_SUCCESS};
use std::collections::VecDeque;
use std::sync::Mutex;

/// How many lines are kept; the oldest are dropped first.
const KEPT: usize = 10_000;

/// The debug output of a machine.
#[derive(Default)]
pub(crate) struct DebugOutput {
    output: Mutex<Output>,
}

#[derive(Default)]
struct Output {
    lines: VecDeque<String>,
    /// The text after the last line break.
    open: String,
}

impl DebugOutput {
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
/// `format` must be a C string, and the caller have passed the arguments that it asks for: integers and
/// pointers, six at most.
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
    // SAFETY: The format and its arguments, as the caller guarantees.
    unsafe { print(format, arguments) }
}

/// `DbgPrint` for a calling convention that passes variadic arguments on the stack, behind eight
/// registers.
///
/// # Safety
///
/// `format` must be a C string, and the caller have passed the arguments that it asks for: integers and
/// pointers, six at most.
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
    // SAFETY: The format and its arguments, as the caller guarantees.
    unsafe { print(format, arguments) }
}

/// Formats and captures a text.
///
/// # Safety
///
/// `format` must be a C string, and `arguments` what it asks for.
unsafe fn print(format: PCCH, arguments: [usize; 6]) -> NTSTATUS {
    let machine = enter();
    // SAFETY: The format and its arguments, as the caller guarantees.
    let text = unsafe { format::render(format, &arguments) };
    machine.debug.print(&text);
    STATUS_SUCCESS
}

/// The exception code of a breakpoint.
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
