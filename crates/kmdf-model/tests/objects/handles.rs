//! Handles: their encoding, their checks.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::NonPagedPoolNx;
use kmdf_sys::*;
use std::ptr::null_mut;

/// A handle is the inverted address, but for its three lowest bits (OBJ-1, OBJ-2).
#[test]
fn handle_is_the_address_with_all_but_three_bits_flipped() {
    for config in [plain(), verified()] {
        run(config, |_| {
            let object = object(1, null_mut());
            let address = (object.addr() & !7) ^ !7;
            assert_eq!(object.addr() & 7, 0);
            assert_eq!(address % 16, 0);
            let context = context_of(object, &LABEL);
            // The context is behind the object in the same block.
            assert!((address..address + 1024).contains(&context.addr()));
        })
        .unwrap();
    }
}

/// Only the lowest bit of a handle has a meaning (OBJ-4).
#[test]
fn bits_one_and_two_of_a_handle_are_ignored() {
    run(plain(), |_| {
        let (memory, buffer) = create_memory(null_mut(), NonPagedPoolNx, 0, 32).unwrap();
        let altered = memory.map_addr(|address| address | 6);
        assert_eq!(buffer_of(altered), (buffer, 32));
        wdf!(WdfObjectDelete(altered.cast()));
    })
    .unwrap();
}

/// A NULL handle is a bug check, with the wanted type as parameter 3 (OBJ-70).
#[test]
fn null_handle_stops_the_run() {
    let stop = stop_of(plain(), |_| {
        wdf!(WdfMemoryGetBuffer(null_mut(), null_mut()))
    });
    assert_bad_handle(&stop, null_mut(), 0x100A);
    let stop = stop_of(plain(), |_| delete(null_mut()));
    assert_bad_handle(&stop, null_mut(), 0x1000);
    let stop = stop_of(plain(), |_| wdf!(WdfSpinLockAcquire(null_mut())));
    assert_bad_handle(&stop, null_mut(), 0x1024);
}

/// A handle of another type is a bug check, with the wanted type as parameter 3 (OBJ-71, OBJ-8).
#[test]
fn handle_of_another_type_stops_the_run() {
    let wrong = |call: fn(WDFOBJECT)| stop_of(plain(), move |_| call(driver().cast()));
    let cases: [(fn(WDFOBJECT), u64); 5] = [
        (|handle| _ = buffer_of(handle.cast()), 0x100A),
        (|handle| _ = take(handle.cast()), 0x1009),
        (|handle| wdf!(WdfSpinLockAcquire(handle.cast())), 0x1024),
        (|handle| wdf!(WdfWaitLockRelease(handle.cast())), 0x1023),
        (
            |handle| {
                let _ = wdf!(WdfMemoryAssignBuffer(handle.cast(), handle, 8));
            },
            0x1022,
        ),
    ];
    for (call, wanted) in cases {
        let stop = wrong(call);
        assert_violation(&stop, 5, stop.parameters[1]);
        assert_eq!(stop.parameters[2], wanted);
        assert_ne!(stop.parameters[1], 0);
    }
}

/// The verifier does not change the bug check for a handle of another type (OBJ-71).
#[test]
fn wrong_handle_stops_the_run_with_the_verifier_on_too() {
    let stop = stop_of(verified(), |_| buffer_of(driver().cast()));
    assert_eq!(stop.parameters[2], 0x100A);
}

/// Parameter 4 of WDF_VIOLATION is the address of the framework's globals (OBJ-74).
#[test]
fn fourth_parameter_is_the_private_globals_address() {
    let (stop, log) = stop_and_log(plain(), |_| {
        log(format!("{}", globals().addr()));
        delete(null_mut());
    });
    let public: u64 = log[0].parse().unwrap();
    assert_ne!(stop.parameters[3], public);
    assert_ne!(stop.parameters[3], 0);
}

/// Windows does not check for a stale handle; the model stops if it can tell (OBJ-5).
#[test]
#[cfg_attr(
    other_framework,
    ignore = "undefined on Windows; the model stops the run"
)]
fn stale_handle_stops_the_run() {
    let stop = stop_of(plain(), |_| {
        let object = object(1, null_mut());
        delete(object);
        reference(object);
    });
    // Either the signature is gone, or the page is.
    assert!(
        stop.code == nt_model::MODEL_STOP || stop.name().is_some(),
        "{stop}"
    );
}

/// The calls that take a handle but check only for a NULL pointer (OBJ-49, OBJ-72).
#[test]
fn null_handle_is_a_null_pointer_to_reference_and_context_calls() {
    assert_required_null(&stop_of(plain(), |_| reference(null_mut())));
    assert_required_null(&stop_of(plain(), |_| dereference(null_mut())));
    assert_required_null(&stop_of(plain(), |_| context_of(null_mut(), &LABEL)));
    let allocate =
        |_: &nt_model::Kernel| wdf!(WdfObjectAllocateContext(null_mut(), null_mut(), null_mut()));
    assert_required_null(&stop_of(plain(), allocate));
}

/// WdfObjectQuery always returns STATUS_NOT_FOUND (OBJ-76).
#[test]
fn query_finds_nothing() {
    run(plain(), |_| {
        let status = wdf!(WdfObjectQuery(
            driver().cast(),
            &GUID::default(),
            0,
            null_mut()
        ));
        assert_eq!(status, STATUS_NOT_FOUND);
    })
    .unwrap();
}
