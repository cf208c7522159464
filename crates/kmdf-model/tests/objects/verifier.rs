//! The framework verifier: its switches, its break, its own calls.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::{NonPagedPool, NonPagedPoolNx, PagedPool};
use kmdf_sys::*;
use nt_model::{Config, Verifier};
use std::ptr::null_mut;

const VERIFIER_ON: u32 = _WDF_DRIVER_INIT_FLAGS::WdfVerifierOn as u32;
const VERIFY_ON: u32 = _WDF_DRIVER_INIT_FLAGS::WdfVerifyOn as u32;

fn flags(config: Config) -> u32 {
    let both = VERIFIER_ON | VERIFY_ON;
    run(config, move |_| {
        // SAFETY: Bound, so the globals are there.
        let flags = unsafe { (*globals()).DriverFlags };
        flags & both
    })
    .unwrap()
}

/// DriverFlags show whether the verifier is on (VER-1, VER-2, VER-3).
#[test]
fn public_flags_show_what_is_on() {
    assert_eq!(flags(plain()), 0);
    assert_eq!(flags(verified()), VERIFIER_ON | VERIFY_ON);
    assert_eq!(
        flags(with_registry(plain(), "VerifierOn", 1)),
        VERIFIER_ON | VERIFY_ON
    );
    assert_eq!(flags(with_registry(plain(), "VerifierOn", 0)), 0);
    // An override does not take back what the master set.
    assert_eq!(
        flags(with_registry(verified(), "VerifyOn", 0)),
        VERIFIER_ON | VERIFY_ON
    );
}

/// The break is a breakpoint, and without a debugger that is the end (VER-5, VER-2).
#[test]
fn verifier_break_stops_the_run_unless_switched_off() {
    let break_point = |_: &nt_model::Kernel| wdf!(WdfVerifierDbgBreakPoint());
    let stop = stop_of(Config::default(), break_point);
    assert_eq!(stop.code, KMODE_EXCEPTION_NOT_HANDLED, "{stop}");
    run(verified(), break_point).unwrap();
    run(plain(), break_point).unwrap();
    let stop = stop_of(with_registry(plain(), "DbgBreakOnError", 1), break_point);
    assert_eq!(stop.code, KMODE_EXCEPTION_NOT_HANDLED, "{stop}");
}

/// A break prints its message with the verifier off too (VER-5).
#[test]
fn verifier_break_is_printed_with_the_verifier_off_too() {
    run(plain(), |kernel| {
        let before = kernel.debug_output().len();
        wdf!(WdfVerifierDbgBreakPoint());
        assert!(kernel.debug_output().len() > before);
        model_only(|| assert!(printed(kernel, "WdfVerifierDbgBreakPoint")));
    })
    .unwrap();
}

/// Without the verifier the framework does not check the IRQL (VER-6, VER-11).
#[test]
fn irql_is_checked_with_the_verifier_on_alone() {
    let at_apc = |kernel: &nt_model::Kernel| {
        kernel.at_irql(1, || {
            create_list(null_mut(), 8, PagedPool, null_mut()).err()
        })
    };
    assert_eq!(run(plain(), at_apc).unwrap(), None);
    assert_eq!(
        run(verified(), at_apc).unwrap(),
        Some(STATUS_INVALID_DEVICE_REQUEST)
    );
}

/// What the kernel's code integrity check says of executable pool (MEM-6, MEM-16, VER-12).
#[test]
fn executable_pool_is_for_the_kernel_to_judge() {
    let config = Config {
        verifier: Verifier {
            code_integrity: true,
            ..plain().verifier
        },
        ..Config::default()
    };
    let stop = stop_of(config.clone(), |_| {
        create_memory(null_mut(), NonPagedPool, 0, 5000).err()
    });
    assert_eq!(stop.code, DRIVER_VERIFIER_DETECTED_VIOLATION, "{stop}");
    assert_eq!(stop.parameters[0], 0x2000, "{stop}");
    let create = |pool_type| {
        move |_: &nt_model::Kernel| create_memory(null_mut(), pool_type, 0, 5000).is_ok()
    };
    assert!(run(config, create(NonPagedPoolNx)).unwrap());
    assert!(run(plain(), create(NonPagedPool)).unwrap());
}

/// VerifierAllocateFailCount lets that many allocations succeed, and no more (VER-21).
#[test]
fn allocations_fail_for_good_after_the_count() {
    // WdfDriverCreate takes its share first; find where the limit falls.
    let created_with = |limit| {
        run(
            with_registry(verified(), "VerifierAllocateFailCount", limit),
            |_| {
                (0..50)
                    .map_while(|_| create_object(&mut attributes()).ok())
                    .count()
            },
        )
        .unwrap()
    };
    let [few, more] = [20, 40].map(created_with);
    // An object and its lock's record are two allocations.
    assert_eq!(more - few, 10);
    assert_eq!(created_with(u32::MAX), 50);
}

/// Split buffers and lookaside entries are not counted (VER-21).
#[test]
fn limit_does_not_cover_buffers_and_entries() {
    let config = with_registry(verified(), "VerifierAllocateFailCount", 20);
    run(config, |_| {
        let list = create_list(null_mut(), 16, NonPagedPoolNx, null_mut()).unwrap();
        while create_object(&mut attributes()).is_ok() {}
        for _ in 0..20 {
            take(list).unwrap();
        }
    })
    .unwrap();
}

/// An object with a reference left is reported at unload, with one break (VER-10, VER-22, VER-23).
#[test]
fn object_still_referenced_at_unload_breaks_once() {
    let leak = |_: &nt_model::Kernel| {
        reference(object(1, null_mut()));
        reference(object(2, null_mut()));
    };
    let stop = stop_of(Config::default(), leak);
    assert_eq!(stop.code, KMODE_EXCEPTION_NOT_HANDLED, "{stop}");
    let leaked = |line: &&String| line.contains("leaked block");
    model_only(|| {
        assert!(
            stop.debug_output.iter().filter(leaked).count() >= 2,
            "{stop}"
        );
    });
}

/// Without its verifier the framework tracks nothing; it is the kernel's pool tracking that tells
/// (NT-8, VER-10).
#[test]
fn object_still_referenced_at_unload_is_a_pool_leak() {
    let stop = stop_of(plain(), |_| reference(object(1, null_mut())));
    assert_eq!(stop.code, DRIVER_VERIFIER_DETECTED_VIOLATION, "{stop}");
    assert!([0x60, 0x62].contains(&stop.parameters[0]), "{stop}");
    let tracked = |line: &String| line.contains("leaked block");
    model_only(|| assert!(!stop.debug_output.iter().any(tracked), "{stop}"));
}

/// Without the tracking of handles nobody compares tags, lines and files (VER-30, OBJ-49).
#[test]
fn tags_of_references_are_not_compared() {
    run(Config::default(), |kernel| {
        let object = object(1, null_mut());
        let (tag, other) = (null_mut(), std::ptr::dangling_mut());
        let file = c"driver.c".as_ptr().cast_mut();
        wdf!(WdfObjectReferenceActual(object, tag, 1, file));
        let before = kernel.debug_output().len();
        wdf!(WdfObjectDereferenceActual(
            object,
            other,
            2,
            std::ptr::null()
        ));
        delete(object);
        assert_eq!(kernel.debug_output().len(), before);
    })
    .unwrap();
}

/// A WDFDRIVER whose last reference the driver drops (VER-19).
#[test]
fn driver_destroyed_undisposed_stops_the_run_with_the_verifier_on() {
    let drop_driver = |_: &nt_model::Kernel| {
        log(format!("{}", driver().addr()));
        dereference(driver().cast());
        wdf!(WdfVerifierKeBugCheck(0xE2, 1, 2, 3, 4));
    };
    let (stop, log) = stop_and_log(verified(), drop_driver);
    let handle: u64 = log[0].parse().unwrap();
    assert_violation(&stop, 7, handle);
    assert_eq!(stop.parameters[2], handle ^ !7);
    let (stop, _) = stop_and_log(plain(), drop_driver);
    assert_eq!(stop.code, 0xE2, "{stop}");
}

/// The object moves in its block, the handle's formula stays (VER-8).
#[test]
fn debug_extension_lies_in_front_of_objects() {
    let bytes_of = |config| {
        run(config, |kernel| {
            let before = live_bytes(kernel, DRIVER_TAG);
            create_list(null_mut(), 16, NonPagedPoolNx, null_mut()).unwrap();
            live_bytes(kernel, DRIVER_TAG) - before
        })
        .unwrap()
    };
    assert!(bytes_of(verified()) > bytes_of(plain()));
}

/// WdfVerifierKeBugCheck passes its code and parameters on (VER-28).
#[test]
fn bug_check_is_passed_on_verbatim() {
    let stop = stop_of(plain(), |_| wdf!(WdfVerifierKeBugCheck(0xE2, 1, 2, 3, 4)));
    assert_eq!((stop.code, stop.parameters), (0xE2, [1, 2, 3, 4]));
}

/// Switches that are not modelled stop the run by name (VER-24, VER-25, VER-26, and REQ-2 where a request
/// would have a parent).
#[test]
#[cfg_attr(other_framework, ignore = "about what the model lacks")]
fn switches_that_are_not_modelled_stop_the_run() {
    for name in [
        "ObjectLeakDetectionLimit",
        "TrackHandles",
        "EnhancedVerifierOptions",
    ] {
        let stop = stop_of(with_registry(verified(), name, 1), |_| ());
        assert_model_stop(&stop, name);
    }
    let children = with_registry(plain(), "RequestParentOptimizationOn", 0);
    assert_model_stop(&stop_of(children, |_| ()), "RequestParentOptimizationOn");
    run(
        with_registry(plain(), "RequestParentOptimizationOn", 1),
        |_| (),
    )
    .unwrap();
    run(
        with_registry(verified(), "ObjectLeakDetectionLimit", u32::MAX),
        |_| (),
    )
    .unwrap();
    run(
        with_registry(verified(), "EnhancedVerifierOptions", 0),
        |_| (),
    )
    .unwrap();
}
