//! Debug output, strings, time and ids.

use crate::kernel::*;
use kmdf_sys::*;
use nt_model::Config;

fn print(format: &std::ffi::CStr, argument: usize) {
    // SAFETY: The formats ask for no more than this argument.
    unsafe { ntddk::DbgPrint(format.as_ptr().cast(), argument) };
}

#[test]
fn debug_output_is_kept_line_by_line() {
    runs(Config::default(), |kernel| {
        print(c"one %d\ntwo", 1);
        print(c", %s\nthree", c"still two".as_ptr() as usize);
        assert_eq!(kernel.debug_output(), ["one 1", "two, still two", "three"]);
    });
}

#[test]
fn a_stop_carries_the_debug_output() {
    let stop = stopped(Config::default(), |_| {
        print(c"about to fail\n", 0);
        lower(5);
    });
    assert_eq!(stop.debug_output, ["about to fail"]);
}

#[test]
fn a_string_is_initialised_from_a_terminated_one() {
    runs(Config::default(), |_| {
        let text: Vec<u16> = "name\0".encode_utf16().collect();
        let mut string = UNICODE_STRING::default();
        // SAFETY: The text is terminated.
        unsafe { ntddk::RtlInitUnicodeString(&raw mut string, text.as_ptr()) };
        assert_eq!((string.Length, string.MaximumLength), (8, 10));
        assert_eq!(string.Buffer.cast_const(), text.as_ptr());
        // SAFETY: Null is allowed.
        unsafe { ntddk::RtlInitUnicodeString(&raw mut string, std::ptr::null()) };
        assert_eq!((string.Length, string.MaximumLength), (0, 0));
    });
}

#[test]
fn the_performance_counter_advances_at_its_frequency() {
    runs(Config::default(), |_| {
        let mut frequency = LARGE_INTEGER::default();
        let mut ticks = || {
            // SAFETY: The frequency is valid for a write.
            let counter = unsafe { ntddk::KeQueryPerformanceCounter(&raw mut frequency) };
            // SAFETY: All bits of the union are initialised.
            unsafe { counter.QuadPart }
        };
        let start = ticks();
        std::thread::sleep(std::time::Duration::from_millis(10));
        let passed = ticks() - start;
        // SAFETY: All bits of the union are initialised.
        let frequency = unsafe { frequency.QuadPart };
        assert!(passed * 100 >= frequency, "{passed} ticks of {frequency}");
    });
}

#[test]
fn threads_have_ids_of_their_own() {
    runs(Config::default(), |_| {
        // SAFETY: PsGetCurrentThreadId can be called at any time.
        let id = || unsafe { ntddk::PsGetCurrentThreadId() }.addr();
        let other = std::thread::scope(|scope| scope.spawn(id).join()).expect("no panic");
        assert_ne!(id(), other);
        assert_eq!((id() % 4, other % 4), (0, 0));
        assert_eq!(id(), id());
        // SAFETY: PsGetCurrentProcessId can be called at any time.
        assert_ne!(unsafe { ntddk::PsGetCurrentProcessId() }.addr(), 0);
    });
}

#[test]
fn a_routine_is_looked_up_at_passive_level() {
    runs(Config::default(), |_| {
        let found = routine("ExFreePool");
        assert_eq!(found.addr(), ntddk::ExFreePool as *const () as usize);
    });
    let stop = stopped(Config::default(), |_| {
        raise(2);
        routine("ExFreePool").addr()
    });
    assert_eq!(
        (stop.code, stop.parameters[..2].to_vec()),
        (0xC4, vec![0xE5, 2])
    );
}
