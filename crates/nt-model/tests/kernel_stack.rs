//! A routine of a driver has the kernel's 24 KiB of stack, not this process's.

use kmdf_sys::*;
use nt_model::{Config, Stop, run};
use std::hint::black_box;

/// Takes about so many bytes of stack, frame by frame.
#[inline(never)]
fn recurse(bytes: usize) -> usize {
    let frame = black_box([1_u8; 256]);
    match bytes.checked_sub(256) {
        Some(rest) => recurse(rest) + usize::from(frame[7]),
        None => 0,
    }
}

/// Has one large frame.
#[inline(never)]
fn large_frame() -> u8 {
    let frame = black_box([1_u8; 30 << 10]);
    frame[7]
}

unsafe extern "C" fn modest(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    black_box(recurse(6 << 10));
    STATUS_UNSUCCESSFUL
}

unsafe extern "C" fn greedy(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    black_box(recurse(24 << 10));
    STATUS_UNSUCCESSFUL
}

unsafe extern "C" fn large(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    black_box(large_frame());
    STATUS_UNSUCCESSFUL
}

unsafe extern "C" fn endless(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    black_box(recurse(usize::MAX));
    STATUS_UNSUCCESSFUL
}

/// Loads a driver, which refuses to be loaded if it comes to its end.
fn load(config: Config, entry: nt_model::DriverEntryPoint) -> Result<(), Stop> {
    run(config, move |kernel| {
        assert!(kernel.load_driver("stack", entry).is_err());
    })
}

fn is_double_fault(stop: &Stop) -> bool {
    (stop.code, stop.parameters) == (0x7F, [8, 0, 0, 0])
}

#[test]
#[cfg_attr(
    unbounded_stack,
    ignore = "the stack is not watched where a sanitizer makes frames larger"
)]
fn a_routine_that_takes_more_than_a_kernel_stack_is_a_double_fault() {
    assert_eq!(load(Config::default(), modest), Ok(()));
    for entry in [greedy as nt_model::DriverEntryPoint, large] {
        let stop = load(Config::default(), entry).expect_err("more than 24 KiB");
        assert!(is_double_fault(&stop), "{stop}");
        assert!(stop.to_string().contains("UNEXPECTED_KERNEL_MODE_TRAP"));
        assert!(stop.message.contains("a kernel stack has 24576 bytes"));
    }
}

#[test]
#[cfg_attr(
    windows,
    ignore = "on Windows hosts, an overflow of the thread's own stack ends the process"
)]
fn a_recursion_without_end_is_a_double_fault_and_not_the_end_of_the_process() {
    let stop = load(Config::default(), endless).expect_err("no end");
    assert!(is_double_fault(&stop), "{stop}");
}

#[test]
#[cfg_attr(
    unbounded_stack,
    ignore = "the stack is not watched where a sanitizer makes frames larger"
)]
fn the_size_of_the_kernel_stack_may_be_set() {
    let sized = |kernel_stack| Config {
        kernel_stack,
        ..Config::default()
    };
    let stop = load(sized(6 << 10), modest).expect_err("more than 6 KiB");
    assert!(is_double_fault(&stop), "{stop}");
    assert_eq!(load(sized(64 << 10), greedy), Ok(()));
    assert_eq!(load(sized(0), large), Ok(()));
}
