//! Cancellation (REQ-46 to REQ-54).

use crate::driver::*;
use kmdf_sys::*;
use nt_model::{File, Pending};
use std::ptr::null_mut;

fn send(file: &File, number: u8) -> Pending {
    file.ioctl_async(BUFFERED, &[number], 0)
}

fn status_of(pending: Pending) -> NTSTATUS {
    pending.wait().0.status
}

/// The cancel callback that logs and completes.
fn cancelling(hooks: Hooks) -> Hooks {
    hooks.cancel(|request| {
        log("cancel");
        complete(request, STATUS_CANCELLED);
    })
}

fn mark(request: WDFREQUEST) {
    wdf!(WdfRequestMarkCancelable(request, Some(on_cancel)));
}

fn mark_ex(request: WDFREQUEST) -> NTSTATUS {
    wdf!(WdfRequestMarkCancelableEx(request, Some(on_cancel)))
}

fn unmark(request: WDFREQUEST) -> NTSTATUS {
    wdf!(WdfRequestUnmarkCancelable(request))
}

/// EvtRequestCancel runs once, and completes the request (REQ-52).
#[test]
fn a_marked_request_is_cancelled_by_its_callback() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| mark(request));
    with_file(verified(), cancelling(hooks), |file| {
        let pending = send(file, 1);
        assert!(pending.cancel());
        assert_eq!(take_log(), ["cancel"], "inside the cancelling call");
        assert_eq!(status_of(pending), STATUS_CANCELLED);
    });
}

/// After WdfRequestUnmarkCancelable the sender's cancellation no longer calls back (REQ-50).
#[test]
fn an_unmarked_request_is_the_drivers_again() {
    let owned = Slot::default();
    let kept = owned.clone();
    let hooks = queued(PARALLEL).control(move |_, request, _, _, _| {
        mark(request);
        assert_eq!(unmark(request), STATUS_SUCCESS);
        assert_eq!(mark_ex(request), STATUS_SUCCESS);
        kept.set(request);
    });
    with_file(verified(), cancelling(hooks), move |file| {
        let pending = send(file, 1);
        let request: WDFREQUEST = owned.take();
        assert_eq!(unmark(request), STATUS_SUCCESS);
        pending.cancel();
        assert!(take_log().is_empty());
        assert_eq!(wdf!(WdfRequestIsCanceled(request)), 1, "REQ-53");
        complete(request, STATUS_SUCCESS);
        assert_eq!(status_of(pending), STATUS_SUCCESS);
    });
}

/// The two calls differ for a request that is already cancelled (REQ-48, REQ-49).
#[test]
fn marking_a_cancelled_request_calls_back_and_marking_ex_returns_cancelled() {
    let owned = Slot::default();
    let kept = owned.clone();
    let hooks = queued(PARALLEL).control(move |_, request, _, _, _| kept.set(request));
    with_file(verified(), cancelling(hooks), move |file| {
        let pending = send(file, 1);
        pending.cancel();
        let request: WDFREQUEST = owned.take();
        assert_eq!(mark_ex(request), STATUS_CANCELLED);
        assert!(take_log().is_empty(), "it is not called");
        mark(request);
        assert_eq!(
            take_log(),
            ["cancel"],
            "inside the call, as no loop is active"
        );
        assert_eq!(status_of(pending), STATUS_CANCELLED);
    });
}

/// From inside an I/O callback the cancellation waits for its end (REQ-48).
#[test]
fn marking_inside_the_callback_cancels_after_it() {
    let queue = Slot::default();
    let kept = queue.clone();
    let hooks = Hooks::default()
        .created(move |device| {
            kept.set(create_queue(device, default_config(SEQUENTIAL)));
            STATUS_SUCCESS
        })
        .control(|queue, request, _, _, _| {
            // From here on marking counts as marking a cancelled request (QUE-33).
            wdf!(WdfIoQueueStopAndPurge(queue, None, null_mut()));
            mark(request);
            log("returns");
        });
    with_file(verified(), cancelling(hooks), move |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_CANCELLED);
        assert_eq!(take_log(), ["returns", "cancel"]);
        wdf!(WdfIoQueueStart(queue.get()));
    });
}

/// Without the verifier, unmarking a request that is not marked returns STATUS_CANCELLED (REQ-51).
#[test]
fn unmarking_what_was_never_marked_counts_as_cancelled_without_the_verifier() {
    for (config, wanted) in [
        (plain(), STATUS_CANCELLED),
        (verified(), STATUS_INVALID_DEVICE_REQUEST),
    ] {
        let hooks = queued(PARALLEL).control(move |_, request, _, _, _| {
            assert_eq!(unmark(request), wanted);
            complete(request, STATUS_SUCCESS);
        });
        with_file(config, hooks, |file| {
            assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
        });
    }
}

/// With the verifier, a marked request can neither be marked again nor polled for cancellation
/// (REQ-47, REQ-53).
#[test]
fn the_verifier_refuses_marking_twice_and_asking_while_marked() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        assert_eq!(mark_ex(request), STATUS_SUCCESS);
        assert_eq!(mark_ex(request), STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(wdf!(WdfRequestIsCanceled(request)), 0);
        assert_eq!(unmark(request), STATUS_SUCCESS);
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
    });
}

/// A request without a queue cannot be marked cancelable (REQ-46).
#[test]
fn a_completed_request_cannot_be_marked() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        wdf!(WdfObjectReferenceActual(
            request.cast(),
            null_mut(),
            0,
            c"".as_ptr()
        ));
        complete(request, STATUS_SUCCESS);
        assert_eq!(mark_ex(request), STATUS_INVALID_DEVICE_REQUEST);
        mark(request);
        assert_eq!(unmark(request), STATUS_INVALID_DEVICE_REQUEST);
        wdf!(WdfObjectDereferenceActual(
            request.cast(),
            null_mut(),
            0,
            c"".as_ptr()
        ));
    });
    with_file(verified(), hooks, |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
    });
}

/// EvtRequestCancel is a required parameter (REQ-46, OBJ-72).
#[test]
fn marking_without_a_callback_is_a_bug_check() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        wdf!(WdfRequestMarkCancelable(request, None));
    });
    let stop = stop_with_file(plain(), hooks, |file| {
        file.ioctl(BUFFERED, &[], &mut []);
    });
    assert_violation(&stop, 4, 0);
}

/// While a callback of the queue runs, cancellation waits (REQ-52).
#[test]
fn cancellation_waits_for_a_running_callback_of_the_queue() {
    let inside = Slot::default();
    let entered = inside.clone();
    let hooks = queued(PARALLEL).control(move |_, request, _, _, _| {
        if first_byte(request) == 1 {
            return mark(request);
        }
        entered.set(request);
        while !entered.get::<u8>().is_null() {
            std::thread::yield_now();
        }
        log("returns");
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), cancelling(hooks), move |file| {
        let pending = send(file, 1);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| file.ioctl(BUFFERED, &[2], &mut []).status);
            while inside.get::<u8>().is_null() {
                std::thread::yield_now();
            }
            pending.cancel();
            assert!(!pending.is_complete());
            inside.take::<u8>();
            assert_eq!(second.join().expect("no panic"), STATUS_SUCCESS);
        });
        assert_eq!(status_of(pending), STATUS_CANCELLED);
        assert_eq!(take_log(), ["returns", "cancel"]);
    });
}

/// A request that was never delivered is completed by the framework when its sender cancels it
/// (REQ-54, QUE-34).
#[test]
fn what_waits_is_cancelled_without_the_driver() {
    let owned = Slot::default();
    let kept = owned.clone();
    let hooks = queued(SEQUENTIAL).control(move |_, request, _, _, _| kept.set(request));
    let hooks = hooks.canceled_on_queue(|_, _| unreachable!());
    with_file(verified(), hooks, move |file| {
        let (first, second) = (send(file, 1), send(file, 2));
        assert!(second.cancel());
        let (outcome, _) = second.wait();
        assert_eq!((outcome.status, outcome.information), (STATUS_CANCELLED, 0));
        complete(owned.take(), STATUS_SUCCESS);
        assert_eq!(status_of(first), STATUS_SUCCESS);
    });
}

/// A request that was delivered before is cancelled through EvtIoCanceledOnQueue (REQ-54).
#[test]
fn what_was_presented_and_requeued_goes_to_canceled_on_queue() {
    for has_callback in [true, false] {
        let queue = Slot::default();
        let kept = queue.clone();
        let hooks = Hooks::default()
            .created(move |device| {
                let config = WDF_IO_QUEUE_CONFIG {
                    EvtIoCanceledOnQueue: has_callback.then_some(on_canceled_on_queue as _),
                    ..default_config(MANUAL)
                };
                kept.set(create_queue(device, config));
                STATUS_SUCCESS
            })
            .canceled_on_queue(|_, request| {
                log("canceled on queue");
                complete(request, STATUS_UNSUCCESSFUL);
            });
        with_file(verified(), hooks, move |file| {
            let pending = send(file, 1);
            let mut request = null_mut();
            wdf!(WdfIoQueueRetrieveNextRequest(queue.get(), &mut request));
            assert_eq!(wdf!(WdfRequestRequeue(request)), STATUS_SUCCESS);
            pending.cancel();
            let wanted = if has_callback {
                STATUS_UNSUCCESSFUL
            } else {
                STATUS_CANCELLED
            };
            assert_eq!(status_of(pending), wanted);
            assert_eq!(take_log().len(), usize::from(has_callback));
        });
    }
}

/// A driver has to unmark a request before it completes it (REQ-32).
#[test]
fn completing_a_marked_request_is_reported_by_the_verifier_and_by_the_kernel() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        mark(request);
        complete(request, STATUS_SUCCESS);
    });
    let stop = stop_with_file(verified(), hooks, |file| {
        file.ioctl(BUFFERED, &[], &mut []);
    });
    let reported = stop
        .debug_output
        .iter()
        .any(|line| line.contains("marked cancelable"));
    model_only(|| assert!(reported, "{stop}"));
}

/// Cancellation and completion race, and one of them wins (REQ-50, REQ-51, REQ-52).
#[test]
fn cancellation_races_completion() {
    let owned = Slot::default();
    let kept = owned.clone();
    let hooks = queued(PARALLEL).control(move |_, request, _, _, _| {
        mark(request);
        kept.set(request);
    });
    with_file(verified(), cancelling(hooks), move |file| {
        for _ in 0..200 {
            let pending = send(file, 1);
            let request: WDFREQUEST = owned.take();
            // The object outlives the race, as a driver has to see to.
            wdf!(WdfObjectReferenceActual(
                request.cast(),
                null_mut(),
                0,
                c"".as_ptr()
            ));
            let address = request.addr();
            std::thread::scope(|scope| {
                scope.spawn(|| pending.cancel());
                let request = std::ptr::with_exposed_provenance_mut(address);
                if unmark(request) == STATUS_SUCCESS {
                    complete(request, STATUS_SUCCESS);
                }
            });
            let status = status_of(pending);
            assert!([STATUS_SUCCESS, STATUS_CANCELLED].contains(&status));
            wdf!(WdfObjectDereferenceActual(
                request.cast(),
                null_mut(),
                0,
                c"".as_ptr()
            ));
        }
    });
}

/// Senders cancel while another thread takes requests out, and none is lost (REQ-54, QUE-51).
#[test]
fn cancellation_races_retrieval() {
    let (queue, hooks) = manual_queue();
    with_file(verified(), hooks, move |file| {
        let busy = std::sync::atomic::AtomicUsize::new(3);
        std::thread::scope(|scope| {
            for cancels in [true, true, false] {
                let busy = &busy;
                scope.spawn(move || {
                    for _ in 0..100 {
                        let pending = send(file, 1);
                        if cancels {
                            pending.cancel();
                        }
                        let status = status_of(pending);
                        let cancelled = cancels && status == STATUS_CANCELLED;
                        assert!(cancelled || status == STATUS_SUCCESS, "{status:#x}");
                    }
                    busy.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
            while busy.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                let mut request = null_mut();
                let status = wdf!(WdfIoQueueRetrieveNextRequest(queue.get(), &mut request));
                if status == STATUS_SUCCESS {
                    complete(request, STATUS_SUCCESS);
                }
            }
        });
    });
}

/// Cancellation of waiting requests races their delivery (QUE-30, QUE-34).
#[test]
fn cancellation_races_presentation() {
    let hooks = queued(SEQUENTIAL).control(|_, request, _, _, _| {
        std::thread::yield_now();
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let pending = send(file, 1);
                        pending.cancel();
                        let status = status_of(pending);
                        assert!([STATUS_SUCCESS, STATUS_CANCELLED].contains(&status));
                    }
                });
            }
        });
    });
}
