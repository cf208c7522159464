//! Queues and power, and the end of queues (QUE-55 to QUE-60, DEV-58).

use crate::driver::*;
use kmdf_sys::*;
use nt_model::{File, Pending};
use std::ptr::null_mut;

const SUSPEND: u32 = 1;
const PURGE: u32 = 2;
const CANCELABLE: u32 = 0x1000_0000;

fn send(file: &File, number: u8) -> Pending {
    file.ioctl_async(BUFFERED, &[number], 0)
}

fn status_of(pending: Pending) -> NTSTATUS {
    pending.wait().0.status
}

/// One default queue with EvtIoStop and EvtIoResume.
fn stoppable(kind: WDF_IO_QUEUE_DISPATCH_TYPE) -> Hooks {
    Hooks::default().created(move |device| {
        let config = WDF_IO_QUEUE_CONFIG {
            EvtIoStop: Some(on_stop),
            EvtIoResume: Some(on_resume),
            ..default_config(kind)
        };
        create_queue(device, config);
        STATUS_SUCCESS
    })
}

/// A power-managed queue delivers only while the device is in D0 (QUE-56).
#[test]
fn a_stopped_device_holds_requests_until_it_runs_again() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| complete(request, STATUS_SUCCESS));
    with_device(verified(), hooks, |machine, device| {
        let file = machine.open();
        device.stop().expect("stops");
        let pending = send(&file, 1);
        assert!(!pending.is_complete());
        device.start().expect("starts");
        assert_eq!(status_of(pending), STATUS_SUCCESS);
    });
}

/// A queue that is not power-managed delivers in any power state (QUE-55).
#[test]
fn a_queue_that_is_not_power_managed_goes_on() {
    let hooks = Hooks::default()
        .created(|device| {
            let config = WDF_IO_QUEUE_CONFIG {
                PowerManaged: _WDF_TRI_STATE::WdfFalse,
                ..default_config(PARALLEL)
            };
            create_queue(device, config);
            STATUS_SUCCESS
        })
        .control(|_, request, _, _, _| complete(request, STATUS_SUCCESS));
    with_device(verified(), hooks, |machine, device| {
        let file = machine.open();
        device.stop().expect("stops");
        assert_eq!(status_of(send(&file, 1)), STATUS_SUCCESS);
        device.start().expect("starts");
    });
}

/// EvtIoResume is called for requests that the driver kept when the device stopped (QUE-57).
#[test]
fn an_acknowledged_request_is_resumed() {
    let owned = Slot::default();
    let kept = owned.clone();
    let hooks = stoppable(SEQUENTIAL)
        .control(move |_, request, _, _, _| kept.set(request))
        .stop(|_, request, action| {
            assert_eq!(action, SUSPEND);
            log("stop");
            wdf!(WdfRequestStopAcknowledge(request, 0));
        })
        .resume(|_, _| log("resume"));
    with_device(verified(), hooks, move |machine, device| {
        let file = machine.open();
        let pending = send(&file, 1);
        device.stop().expect("stops");
        assert_eq!(take_log(), ["stop"]);
        device.start().expect("starts");
        assert_eq!(take_log(), ["resume"]);
        complete(owned.take(), STATUS_SUCCESS);
        assert_eq!(status_of(pending), STATUS_SUCCESS);
    });
}

/// WdfRequestStopAcknowledge with requeue has the request delivered again (QUE-57).
#[test]
fn a_request_requeued_at_a_stop_is_delivered_again() {
    let hooks = stoppable(SEQUENTIAL)
        .control(|_, request, _, _, _| {
            log(format!("delivered {}", first_byte(request)));
            if peek_log().len() > 2 {
                complete(request, STATUS_SUCCESS);
            }
        })
        .stop(|_, request, _| {
            log("stop");
            wdf!(WdfRequestStopAcknowledge(request, 1));
        })
        .resume(|_, _| log("resume"));
    with_device(verified(), hooks, |machine, device| {
        let file = machine.open();
        let pending = [1, 2].map(|number| send(&file, number));
        device.stop().expect("stops");
        device.start().expect("starts");
        assert_eq!(pending.map(status_of), [STATUS_SUCCESS; 2]);
        assert_eq!(
            take_log(),
            ["delivered 1", "stop", "delivered 1", "delivered 2"]
        );
    });
}

/// The removal suspends the requests first, then purges the queues (QUE-57, QUE-59, DEV-58).
#[test]
fn removal_stops_then_purges_and_waits_for_the_driver() {
    let owned = Slot::default();
    let kept = owned.clone();
    let hooks = stoppable(PARALLEL)
        .control(move |_, request, _, _, _| {
            if first_byte(request) == 1 {
                wdf!(WdfRequestMarkCancelable(request, Some(on_cancel)));
            } else {
                kept.set(request);
            }
        })
        .stop(|_, request, action| {
            log(format!("stop {action:#x}"));
            if action & 3 == SUSPEND {
                wdf!(WdfRequestStopAcknowledge(request, 0));
            }
        })
        .cancel(|request| {
            log("cancel");
            complete(request, STATUS_CANCELLED);
        });
    let outcome = run(verified(), hooks, move |machine| {
        let device = machine.add();
        let file = machine.open();
        let (first, second) = (send(&file, 1), send(&file, 2));
        std::thread::scope(|scope| {
            let removal = scope.spawn(|| device.surprise_remove());
            while !peek_log()
                .iter()
                .any(|line| *line == format!("stop {PURGE:#x}"))
            {
                std::thread::yield_now();
            }
            assert_eq!(status_of(first), STATUS_CANCELLED);
            assert!(!removal.is_finished());
            complete(owned.take(), STATUS_SUCCESS);
            assert_eq!(status_of(second), STATUS_SUCCESS);
            removal.join().expect("no panic").expect("is removed");
            file.close();
        });
        let mut log = take_log();
        log[..2].sort();
        let cancelable = format!("stop {:#x}", SUSPEND | CANCELABLE);
        assert_eq!(log[..2], ["stop 0x1".to_string(), cancelable]);
        let mut rest = log[2..].to_vec();
        rest.sort();
        assert_eq!(rest, ["cancel", "stop 0x2"]);
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// The verifier checks that WdfRequestStopAcknowledge is called in EvtIoStop (QUE-58).
#[test]
fn an_acknowledgement_outside_the_callback_is_ignored_by_the_verifier() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        wdf!(WdfRequestStopAcknowledge(request, 1));
        complete(request, STATUS_SUCCESS);
    });
    with_device(verified(), hooks, |machine, _| {
        let file = machine.open();
        assert_eq!(status_of(send(&file, 1)), STATUS_SUCCESS);
    });
}

/// Deletion of a queue returns once the driver has completed its requests (QUE-60).
#[test]
fn deleting_a_queue_cancels_what_waits_and_waits_for_the_driver() {
    let (queue, owned) = (Slot::default(), Slot::default());
    let (kept, request_of) = (queue.clone(), owned.clone());
    let hooks = Hooks::default()
        .created(move |device| {
            create_queue(device, default_config(PARALLEL));
            let config = WDF_IO_QUEUE_CONFIG {
                EvtIoDefault: Some(on_any),
                ..queue_config(SEQUENTIAL)
            };
            let attributes = logged(attributes());
            let queue = try_create_queue(device, config, Some(attributes)).expect("is created");
            label(queue, "queue");
            kept.set(queue);
            STATUS_SUCCESS
        })
        .any(move |_, request| request_of.set(request));
    let target = queue.clone();
    let hooks = hooks.control(move |_, request, _, _, _| {
        let status = wdf!(WdfRequestForwardToIoQueue(request, target.get()));
        assert_eq!(status, STATUS_SUCCESS);
    });
    with_device(verified(), hooks, move |machine, _| {
        let file = machine.open();
        let (first, second) = (send(&file, 1), send(&file, 2));
        std::thread::scope(|scope| {
            let deletion = scope.spawn(|| wdf!(WdfObjectDelete(queue.get())));
            assert_eq!(status_of(second), STATUS_CANCELLED);
            assert!(!deletion.is_finished());
            assert!(take_log().is_empty());
            complete(owned.take(), STATUS_SUCCESS);
            assert_eq!(status_of(first), STATUS_SUCCESS);
            deletion.join().expect("no panic");
        });
        assert_eq!(take_log(), ["cleanup queue", "destroy queue"]);
    });
}

/// Deletion from DISPATCH_LEVEL is finished by a work item (QUE-60, OBJ-58).
#[test]
fn deleting_a_queue_at_dispatch_level_is_deferred() {
    let queue = Slot::default();
    let kept = queue.clone();
    let hooks = Hooks::default().created(move |device| {
        let attributes = logged(attributes());
        let config = queue_config(MANUAL);
        let queue = try_create_queue(device, config, Some(attributes)).expect("is created");
        label(queue, "queue");
        kept.set(queue);
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, move |machine, _| {
        machine.kernel.at_irql(2, || {
            // A wait, as in the deletion of a queue, would stop the run here.
            wdf!(WdfObjectDelete(queue.get()));
        });
        while peek_log().len() < 2 {
            std::thread::yield_now();
        }
        assert_eq!(take_log(), ["cleanup queue", "destroy queue"]);
    });
    let _: *mut u8 = null_mut();
}

/// Without EvtIoStop the device leaves D0 when the driver owns no request (QUE-57).
#[test]
fn without_a_stop_callback_the_transition_waits_for_completion() {
    let owned = Slot::default();
    let kept = owned.clone();
    let hooks = queued(PARALLEL).control(move |_, request, _, _, _| kept.set(request));
    with_device(verified(), hooks, move |machine, device| {
        let file = machine.open();
        let pending = send(&file, 1);
        std::thread::scope(|scope| {
            let stopping = scope.spawn(|| device.stop());
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!stopping.is_finished());
            complete(owned.take(), STATUS_SUCCESS);
            stopping.join().expect("no panic").expect("stops");
        });
        assert_eq!(status_of(pending), STATUS_SUCCESS);
        device.start().expect("starts");
    });
}
