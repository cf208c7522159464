//! Passing requests on: forward, requeue, enqueue (REQ-55 to REQ-58, QUE-63).

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

fn forward(request: WDFREQUEST, queue: WDFQUEUE) -> NTSTATUS {
    wdf!(WdfRequestForwardToIoQueue(request, queue))
}

fn next(queue: WDFQUEUE) -> WDFREQUEST {
    let mut request = null_mut();
    let status = wdf!(WdfIoQueueRetrieveNextRequest(queue, &mut request));
    assert_eq!(status, STATUS_SUCCESS);
    request
}

fn counts(queue: WDFQUEUE) -> (u32, u32) {
    let (mut queued, mut owned) = (9, 9);
    wdf!(WdfIoQueueGetState(queue, &mut queued, &mut owned));
    (queued, owned)
}

/// A default queue of one kind and a second queue of another.
fn two_queues(
    kind: WDF_IO_QUEUE_DISPATCH_TYPE,
    second: WDF_IO_QUEUE_DISPATCH_TYPE,
    slot: &Slot,
) -> Hooks {
    let slot = slot.clone();
    Hooks::default().created(move |device| {
        create_queue(device, default_config(kind));
        let config = WDF_IO_QUEUE_CONFIG {
            EvtIoDefault: (second != MANUAL).then_some(on_any),
            ..queue_config(second)
        };
        slot.set(create_queue(device, config));
        STATUS_SUCCESS
    })
}

/// WdfRequestForwardToIoQueue moves a request, which the other queue delivers (REQ-55).
#[test]
fn a_forwarded_request_waits_in_the_other_queue() {
    let manual = Slot::default();
    let target = manual.clone();
    let hooks = two_queues(SEQUENTIAL, MANUAL, &manual).control(move |queue, request, _, _, _| {
        assert_eq!(forward(request, target.get()), STATUS_SUCCESS);
        assert_eq!(counts(queue).1, 0);
    });
    with_file(verified(), hooks, move |file| {
        let pending = [1, 2, 3].map(|number| send(file, number));
        assert_eq!(counts(manual.get()), (3, 0), "the source went on");
        pending[1].cancel();
        for number in [1, 3] {
            let request = next(manual.get());
            assert_eq!(first_byte(request), number);
            assert_eq!(wdf!(WdfRequestGetIoQueue(request)), manual.get());
            complete(request, STATUS_SUCCESS);
        }
        let statuses = pending.map(status_of);
        assert_eq!(statuses, [STATUS_SUCCESS, STATUS_CANCELLED, STATUS_SUCCESS]);
    });
}

/// The source queue counts the request until the other queue has accepted it (REQ-56, QUE-63).
#[test]
fn the_other_queue_delivers_inside_the_forward_and_the_source_waits_for_that() {
    let second = Slot::default();
    let target = second.clone();
    let hooks = two_queues(SEQUENTIAL, PARALLEL, &second)
        .control(move |queue, request, _, _, _| {
            log(format!("source {}", first_byte(request)));
            assert_eq!(forward(request, target.get()), STATUS_SUCCESS);
            log(format!("forwarded, {} owned", counts(queue).1));
        })
        .any(|_, request| {
            log(format!("destination {}", first_byte(request)));
            complete(request, STATUS_SUCCESS);
        });
    with_file(verified(), hooks, |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
        assert_eq!(
            take_log(),
            ["source 1", "destination 1", "forwarded, 0 owned"]
        );
    });
}

/// The driver keeps a request if forwarding fails with STATUS_WDF_BUSY (REQ-55).
#[test]
fn a_queue_that_does_not_accept_leaves_the_request_with_the_driver() {
    let manual = Slot::default();
    let target = manual.clone();
    let hooks = two_queues(SEQUENTIAL, MANUAL, &manual).control(move |queue, request, _, _, _| {
        wdf!(WdfIoQueueDrain(target.get(), None, null_mut()));
        assert_eq!(forward(request, target.get()), STATUS_WDF_BUSY);
        assert_eq!(counts(queue).1, 1);
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
        assert_eq!(status_of(send(file, 2)), STATUS_SUCCESS);
    });
}

/// The verifier checks the source, the destination and the cancelable mark (REQ-55).
#[test]
fn the_verifier_refuses_to_forward_to_the_same_queue_or_a_marked_request() {
    let manual = Slot::default();
    let target = manual.clone();
    let hooks = two_queues(SEQUENTIAL, MANUAL, &manual).control(move |queue, request, _, _, _| {
        assert_eq!(forward(request, queue), STATUS_INVALID_DEVICE_REQUEST);
        wdf!(WdfRequestMarkCancelable(request, Some(on_cancel)));
        assert_eq!(
            forward(request, target.get()),
            STATUS_INVALID_DEVICE_REQUEST
        );
        assert_eq!(wdf!(WdfRequestUnmarkCancelable(request)), STATUS_SUCCESS);
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
    });
}

/// WdfRequestRequeue puts the request in front of those that wait (REQ-57).
#[test]
fn a_requeued_request_is_first_again() {
    let (queue, hooks) = manual_queue();
    with_file(verified(), hooks, move |file| {
        let pending = [1, 2].map(|number| send(file, number));
        let request = next(queue.get());
        assert_eq!(wdf!(WdfRequestRequeue(request)), STATUS_SUCCESS);
        assert_eq!(counts(queue.get()), (2, 0));
        for number in [1, 2] {
            let request = next(queue.get());
            assert_eq!(first_byte(request), number);
            complete(request, STATUS_SUCCESS);
        }
        assert_eq!(pending.map(status_of), [STATUS_SUCCESS; 2]);
    });
}

/// A request that was cancelled meanwhile is cancelled by WdfRequestRequeue (REQ-57, REQ-54).
#[test]
fn requeueing_a_cancelled_request_succeeds_and_cancels_it() {
    let (queue, hooks) = manual_queue();
    with_file(verified(), hooks, move |file| {
        let pending = send(file, 1);
        let request = next(queue.get());
        pending.cancel();
        assert_eq!(wdf!(WdfRequestRequeue(request)), STATUS_SUCCESS);
        assert_eq!(status_of(pending), STATUS_CANCELLED);
    });
}

/// The hooks of a device whose queue does not take requests back, and whose driver tries, then
/// completes the request all the same.
fn requeued_in_vain() -> Hooks {
    queued(SEQUENTIAL).control(|_, request, _, _, _| {
        assert_eq!(
            wdf!(WdfRequestRequeue(request)),
            STATUS_INVALID_DEVICE_REQUEST
        );
        complete(request, STATUS_SUCCESS);
    })
}

/// WdfRequestRequeue fails for queues that deliver by themselves (REQ-57).
#[test]
fn only_a_manual_queue_takes_a_request_back() {
    with_file(plain(), requeued_in_vain(), |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
    });
}

/// With the verifier, WdfRequestRequeue on a queue that is not manual fails and still ends the
/// driver's ownership, so that the completion fails too. The IRP is lost, and the machine cannot be
/// shut down in order (REQ-64, REQ-30).
#[test]
fn a_refused_requeue_loses_the_request_under_the_verifier() {
    let outcome = run_and_leave(verified(), requeued_in_vain(), |machine| {
        machine.add();
        let file = machine.open();
        let pending = send(&file, 1);
        assert!(!pending.is_complete());
        pending.cancel();
        assert!(!pending.is_complete(), "nobody listens to cancellation");
    });
    let stop = outcome.expect_err("an IRP is lost");
    assert!(stop.message.contains("1 IRP(s) never completed"), "{stop}");
}

/// WdfDeviceEnqueueRequest fails without a queue for the type (REQ-58, QUE-35).
#[test]
fn a_request_that_no_queue_takes_stays_with_the_caller_context() {
    let hooks = Hooks::default()
        .init(|init| {
            let callback = Some(on_in_caller_context as _);
            wdf!(WdfDeviceInitSetIoInCallerContextCallback(init, callback));
        })
        .in_caller_context(|device, request| {
            let status = wdf!(WdfDeviceEnqueueRequest(device, request));
            assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
            complete(request, STATUS_NOT_SUPPORTED);
        });
    with_file(verified(), hooks, |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_NOT_SUPPORTED);
    });
}

/// The verifier checks that WdfDeviceEnqueueRequest is called in EvtIoInCallerContext (REQ-58).
#[test]
fn enqueueing_outside_the_caller_context_is_refused_by_the_verifier() {
    let hooks = queued(PARALLEL).control(|queue, request, _, _, _| {
        let device = wdf!(WdfIoQueueGetDevice(queue));
        let status = wdf!(WdfDeviceEnqueueRequest(device, request));
        assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
    });
}
