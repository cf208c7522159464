//! How requests end (REQ-23 to REQ-43).

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::null_mut;

fn reference(object: WDFOBJECT) {
    wdf!(WdfObjectReferenceActual(
        object,
        null_mut(),
        0,
        c"".as_ptr()
    ));
}

fn dereference(object: WDFOBJECT) {
    wdf!(WdfObjectDereferenceActual(
        object,
        null_mut(),
        0,
        c"".as_ptr()
    ));
}

/// Requests with a label and callbacks that log.
fn with_logged_requests(hooks: Hooks) -> Hooks {
    hooks.init(|init| {
        let mut attributes = logged(attributes());
        wdf!(WdfDeviceInitSetRequestAttributes(init, &mut attributes));
    })
}

/// The children of a request are cleaned up and destroyed before the IRP is completed (REQ-37,
/// REQ-38, OBJ-62).
#[test]
fn completion_disposes_children_then_request_destroys_children_then_completes() {
    let hooks = with_logged_requests(queued(PARALLEL)).control(|_, request, _, _, _| {
        label(request, "request");
        logged_object(request, "first");
        logged_object(request, "second");
        complete(request, STATUS_SUCCESS);
        log("completed");
    });
    with_file(plain(), hooks, |file| {
        file.ioctl(BUFFERED, &[], &mut []);
        let order = [
            "cleanup first",
            "cleanup second",
            "cleanup request",
            "destroy first",
            "destroy second",
            "destroy request",
            "completed",
        ];
        assert_eq!(take_log(), order);
    });
}

/// With the verifier the request lives until the callback has returned, and a second completion is
/// ignored (VER-13, VER-17, REQ-24, REQ-30).
#[test]
fn the_verifier_keeps_the_request_until_the_callback_returns() {
    let hooks = with_logged_requests(queued(PARALLEL)).control(|_, request, _, _, _| {
        label(request, "request");
        complete(request, STATUS_SUCCESS);
        complete(request, STATUS_UNSUCCESSFUL);
        assert_eq!(wdf!(WdfRequestGetInformation(request)), 0, "REQ-24");
        log("returns");
    });
    with_file(verified(), hooks, |file| {
        let outcome = file.ioctl(BUFFERED, &[], &mut []);
        assert_eq!(
            outcome.status, STATUS_SUCCESS,
            "REQ-30: the second one is ignored"
        );
        assert_eq!(
            take_log(),
            ["cleanup request", "returns", "destroy request"]
        );
    });
}

/// Only the verifier catches a second completion (REQ-31).
#[test]
#[cfg_attr(
    other_framework,
    ignore = "undefined on Windows; the model stops the run"
)]
fn without_the_verifier_a_second_completion_is_undefined() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        reference(request.cast());
        complete(request, STATUS_SUCCESS);
        complete(request, STATUS_SUCCESS);
    });
    let stop = stop_with_file(plain(), hooks, |file| {
        file.ioctl(BUFFERED, &[], &mut []);
    });
    assert_model_stop(&stop, "does not own the request");
}

/// A request that was never delivered has no callbacks (REQ-3).
#[test]
fn the_callbacks_of_a_request_that_was_not_presented_do_not_run() {
    let hooks = with_logged_requests(Hooks::default()).created(|device| {
        let config = WDF_IO_QUEUE_CONFIG {
            EvtIoRead: Some(on_read),
            ..queue_config(PARALLEL)
        };
        let config = WDF_IO_QUEUE_CONFIG {
            DefaultQueue: 1,
            ..config
        };
        create_queue(device, config);
        STATUS_SUCCESS
    });
    with_file(verified(), hooks, |file| {
        let outcome = file.read(&mut [], 0);
        assert_eq!(
            (outcome.status, outcome.information),
            (STATUS_SUCCESS, 0),
            "QUE-29"
        );
        let outcome = file.ioctl(BUFFERED, &[], &mut []);
        assert_eq!(outcome.status, STATUS_INVALID_DEVICE_REQUEST, "QUE-27");
        assert!(take_log().is_empty());
    });
}

/// A reference keeps the WDFREQUEST, not the IRP (REQ-17, REQ-40).
#[test]
fn retrieving_a_buffer_after_completion_faults() {
    for config in [plain(), verified()] {
        let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
            reference(request.cast());
            complete(request, STATUS_SUCCESS);
            assert!(wdf!(WdfRequestGetIoQueue(request)).is_null());
            let _ = input(request, 0);
        });
        let stop = stop_with_file(config, hooks, |file| {
            file.ioctl(BUFFERED, &[1], &mut []);
        });
        assert_model_stop(&stop, "WdfRequestRetrieveInputBuffer");
    }
}

/// The IRP is still attached in EvtCleanup of a child (REQ-17).
#[test]
fn in_a_childs_cleanup_the_verifier_refuses_buffers_and_without_it_they_are_given() {
    unsafe extern "C" fn retrieve(object: WDFOBJECT) {
        // SAFETY: The context of `control` below.
        let request = unsafe { *context_of(object) };
        log(format!(
            "{:x?}",
            input(request, 0).map(|(_, length)| length)
        ));
    }
    fn context_of(object: WDFOBJECT) -> *mut WDFREQUEST {
        label_address(object).cast()
    }
    for (config, wanted) in [(plain(), "Ok(1)"), (verified(), "Err(c00000e5)")] {
        let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
            let mut attributes = WDF_OBJECT_ATTRIBUTES {
                EvtCleanupCallback: Some(retrieve),
                EvtDestroyCallback: None,
                ..logged(under(request))
            };
            let mut child = null_mut();
            wdf!(WdfObjectCreate(&mut attributes, &mut child));
            // SAFETY: The context has room for a handle.
            unsafe { context_of(child).write(request) };
            complete(request, STATUS_SUCCESS);
        });
        with_file(config, hooks, move |file| {
            file.ioctl(BUFFERED, &[1], &mut []);
            assert_eq!(take_log(), [wanted]);
        });
    }
}

/// The verifier compares the information with the length of the output buffer (REQ-33, VER-14).
#[test]
fn more_information_than_output_is_a_bug_check_under_the_verifier_alone() {
    let hooks = || {
        queued(PARALLEL).control(|_, request, _, _, _| {
            let status = match first_byte(request) {
                0 => STATUS_SUCCESS,
                _ => STATUS_UNSUCCESSFUL,
            };
            complete_with(request, status, 5);
        })
    };
    let stop = stop_with_file(verified(), hooks(), |file| {
        file.ioctl(BUFFERED, &[0], &mut [0; 4]);
    });
    assert_violation(&stop, 6, 4);
    with_file(verified(), hooks(), |file| {
        let outcome = file.ioctl(BUFFERED, &[1], &mut [0; 4]);
        assert_eq!(
            outcome.status, STATUS_UNSUCCESSFUL,
            "errors are not checked"
        );
    });
}

/// Without an output buffer the I/O manager copies nothing, whatever the information says (REQ-34).
#[test]
fn information_without_an_output_buffer_is_passed_on_and_nothing_is_copied() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        complete_with(request, STATUS_SUCCESS, 77);
    });
    with_file(verified(), hooks, |file| {
        let outcome = file.ioctl(BUFFERED, &[1], &mut []);
        assert_eq!((outcome.status, outcome.information), (STATUS_SUCCESS, 77));
    });
}

/// The sender gets a system status for each of the framework's own (REQ-35).
#[test]
fn the_frameworks_own_statuses_are_translated() {
    let pairs = [
        (STATUS_WDF_PAUSED, STATUS_DEVICE_BUSY),
        (STATUS_WDF_BUSY, STATUS_DEVICE_BUSY),
        (STATUS_WDF_INTERNAL_ERROR, STATUS_INTERNAL_ERROR),
        (STATUS_WDF_TOO_FRAGMENTED, STATUS_INVALID_DEVICE_REQUEST),
        (STATUS_WDF_TOO_MANY_TRANSFERS, STATUS_INVALID_DEVICE_REQUEST),
        (
            STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS,
            STATUS_INSUFFICIENT_RESOURCES,
        ),
        (STATUS_WDF_NO_CALLBACK, STATUS_INVALID_DEVICE_REQUEST),
        (STATUS_WDF_QUEUED, STATUS_INVALID_DEVICE_REQUEST),
        (STATUS_NO_SUCH_DEVICE, STATUS_NO_SUCH_DEVICE),
    ];
    let hooks = queued(PARALLEL).control(move |_, request, _, _, _| {
        let index = usize::from(first_byte(request));
        complete(request, pairs[index].0);
    });
    with_file(verified(), hooks, move |file| {
        for (index, (given, wanted)) in (0..).zip(pairs) {
            let outcome = file.ioctl(BUFFERED, &[index], &mut []);
            assert_eq!(outcome.status, wanted, "for {given:#x}");
        }
    });
}

/// WdfRequestComplete reports the information that WdfRequestSetInformation set (REQ-24, REQ-36).
#[test]
fn completion_keeps_the_information_that_was_set() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        assert_eq!(wdf!(WdfRequestGetInformation(request)), 0);
        wdf!(WdfRequestSetInformation(request, 2));
        assert_eq!(wdf!(WdfRequestGetInformation(request)), 2);
        wdf!(WdfRequestCompleteWithPriorityBoost(
            request,
            STATUS_SUCCESS,
            1
        ));
    });
    with_file(verified(), hooks, |file| {
        let outcome = file.ioctl(BUFFERED, &[], &mut [0; 4]);
        assert_eq!(outcome.information, 2);
    });
}

/// WdfRequestGetParameters copies the stack location, without the user address under the verifier
/// (REQ-23, VER-15).
#[test]
fn parameters_are_those_of_the_stack_location() {
    let hooks = |blank| {
        queued(PARALLEL).control(move |_, request, _, _, code| {
            let mut parameters = WDF_REQUEST_PARAMETERS {
                Size: 1,
                ..WDF_REQUEST_PARAMETERS::default()
            };
            wdf!(WdfRequestGetParameters(request, &mut parameters));
            assert_eq!(
                (parameters.Size, parameters.Type),
                (1, 0),
                "a wrong size is ignored"
            );
            parameters.Size = size_of::<WDF_REQUEST_PARAMETERS>() as u16;
            wdf!(WdfRequestGetParameters(request, &mut parameters));
            assert_eq!(parameters.Type, IRP_MJ_DEVICE_CONTROL as i32);
            // SAFETY: A device control.
            let control = unsafe { parameters.Parameters.DeviceIoControl };
            let lengths = (control.OutputBufferLength, control.InputBufferLength);
            assert_eq!((lengths, control.IoControlCode), ((2, 1), code));
            if code & 3 == METHOD_NEITHER {
                assert_eq!(control.Type3InputBuffer.is_null(), blank);
            }
            complete(request, STATUS_SUCCESS);
        })
    };
    for (config, blank) in [(plain(), false), (verified(), true)] {
        with_file(config, hooks(blank), |file| {
            file.ioctl(BUFFERED, &[1], &mut [0; 2]);
            file.ioctl(ioctl(METHOD_NEITHER), &[1], &mut [0; 2]);
        });
    }
}

/// The getters read the IRP, and return NULL after completion (REQ-25, REQ-26, REQ-27, REQ-28,
/// REQ-29).
#[test]
fn a_request_knows_its_mode_packet_file_and_queue() {
    let hooks = queued(PARALLEL).control(|queue, request, _, _, _| {
        let mode = wdf!(WdfRequestGetRequestorMode(request));
        assert_eq!(mode, _MODE::UserMode as KPROCESSOR_MODE);
        assert!(!wdf!(WdfRequestWdmGetIrp(request)).is_null());
        assert_eq!(wdf!(WdfRequestGetIoQueue(request)), queue);
        assert!(
            wdf!(WdfRequestGetFileObject(request)).is_null(),
            "none was asked for"
        );
        assert_eq!(wdf!(WdfRequestIsFrom32BitProcess(request)), 0);
        assert_eq!(wdf!(WdfRequestGetStatus(request)), STATUS_SUCCESS);
        complete(request, STATUS_SUCCESS);
        assert!(wdf!(WdfRequestWdmGetIrp(request)).is_null(), "REQ-26");
        assert!(wdf!(WdfRequestGetIoQueue(request)).is_null(), "REQ-28");
    });
    with_file(verified(), hooks, |file| {
        file.ioctl(BUFFERED, &[], &mut []);
    });
}

/// A driver has to drop its references to a request's memory objects before it completes the
/// request (REQ-41).
#[test]
fn a_reference_left_on_a_requests_memory_is_a_bug_check_at_completion() {
    let hooks = || {
        queued(PARALLEL).control(|_, request, _, _, _| {
            let mut memory = null_mut();
            wdf!(WdfRequestRetrieveInputMemory(request, &mut memory));
            reference(memory.cast());
            if first_byte(request) == 1 {
                dereference(memory.cast());
            }
            complete(request, STATUS_SUCCESS);
        })
    };
    let stop = stop_with_file(plain(), hooks(), |file| {
        file.ioctl(BUFFERED, &[0], &mut []);
    });
    assert_eq!(
        (stop.code, stop.parameters[0], stop.parameters[2]),
        (WDF_VIOLATION, 3, 1)
    );
    with_file(plain(), hooks(), |file| {
        let outcome = file.ioctl(BUFFERED, &[1], &mut []);
        assert_eq!(outcome.status, STATUS_SUCCESS);
    });
}

/// The memory object of a completed request has no buffer, and the run stops (REQ-43).
#[test]
fn a_requests_memory_dangles_after_completion() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let mut memory = null_mut();
        wdf!(WdfRequestRetrieveInputMemory(request, &mut memory));
        reference(request.cast());
        complete(request, STATUS_SUCCESS);
        wdf!(WdfMemoryGetBuffer(memory, null_mut()));
    });
    let stop = stop_with_file(plain(), hooks, |file| {
        file.ioctl(BUFFERED, &[0], &mut []);
    });
    assert_model_stop(&stop, "WdfMemoryGetBuffer");
}

/// A child that needs PASSIVE_LEVEL keeps its request from being completed at DISPATCH_LEVEL
/// (REQ-39).
#[test]
#[cfg_attr(
    other_framework,
    ignore = "undefined on Windows; the model stops the run"
)]
fn paged_memory_under_a_request_completed_at_dispatch_level_is_an_error() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let mut attributes = under(request);
        let mut memory = null_mut();
        let paged = _POOL_TYPE::PagedPool;
        let status = wdf!(WdfMemoryCreate(
            &mut attributes,
            paged,
            0,
            64,
            &mut memory,
            null_mut()
        ));
        assert_eq!(status, STATUS_SUCCESS);
        // SAFETY: Lowered again by nobody: the run ends here.
        unsafe { ntddk::KfRaiseIrql(DISPATCH_LEVEL as KIRQL) };
        complete(request, STATUS_SUCCESS);
    });
    let stop = stop_with_file(plain(), hooks, |file| {
        file.ioctl(BUFFERED, &[0], &mut []);
    });
    assert_model_stop(&stop, "above PASSIVE_LEVEL");
}

/// If no WDFREQUEST can be allocated, the IRP fails with STATUS_INSUFFICIENT_RESOURCES (REQ-1,
/// FLT-11).
#[test]
fn without_memory_for_the_request_the_irp_fails() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| complete(request, STATUS_SUCCESS));
    with_device(plain(), hooks, |machine, _| {
        let file = machine.open();
        let mut refused = 0;
        for nth in 1.. {
            machine.kernel.fail_nth_allocation(nth);
            let outcome = file.ioctl(BUFFERED, &[1, 2], &mut [0; 4]);
            if outcome.status == STATUS_SUCCESS {
                break;
            }
            assert_eq!(outcome.status, STATUS_INSUFFICIENT_RESOURCES);
            assert_eq!(outcome.information, 0);
            refused += 1;
        }
        assert!(refused >= 1);
    });
}

/// References to a request's memory objects are counted, and the verifier reports one too few
/// (REQ-42).
#[test]
fn releasing_more_memory_references_than_taken_is_reported_by_the_verifier() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let mut memory = null_mut();
        wdf!(WdfRequestRetrieveInputMemory(request, &mut memory));
        dereference(memory.cast());
        reference(memory.cast());
        complete(request, STATUS_SUCCESS);
    });
    with_device(verified(), hooks, |machine, _| {
        let file = machine.open();
        let before = machine.kernel.debug_output().len();
        file.ioctl(BUFFERED, &[0], &mut []);
        let output = machine.kernel.debug_output();
        assert!(output.len() > before, "VER-5");
        model_only(|| {
            assert!(
                output
                    .iter()
                    .any(|line| line.contains("more often than referenced"))
            )
        });
    });
}
