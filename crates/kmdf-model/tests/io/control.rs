//! Starting, stopping, draining and purging queues, and taking requests by hand (QUE-42 to QUE-54).

use crate::driver::*;
use kmdf_sys::*;
use nt_model::{Config, File, Pending, RegistryData, RegistryValue, Stop};
use std::ptr::null_mut;
use std::time::Duration;

/// A device with one default queue, whose handle the slot gets.
fn with_queue(kind: WDF_IO_QUEUE_DISPATCH_TYPE, slot: &Slot) -> Hooks {
    let slot = slot.clone();
    Hooks::default()
        .created(move |device| {
            slot.set(create_queue(device, default_config(kind)));
            STATUS_SUCCESS
        })
        .state(|_, context| log(format!("notified {}", context.addr())))
}

fn state(queue: WDFQUEUE) -> (i32, u32, u32) {
    let (mut queued, mut owned) = (9, 9);
    let state = wdf!(WdfIoQueueGetState(queue, &mut queued, &mut owned));
    (state, queued, owned)
}

pub(crate) fn send(file: &File, number: u8) -> Pending {
    file.ioctl_async(BUFFERED, &[number], 0)
}

pub(crate) fn status_of(pending: Pending) -> NTSTATUS {
    let (outcome, _) = pending.wait();
    assert_eq!(outcome.information, 0);
    outcome.status
}

fn context(number: usize) -> WDFCONTEXT {
    std::ptr::without_provenance_mut(number)
}

pub(crate) fn next(queue: WDFQUEUE) -> Result<WDFREQUEST, NTSTATUS> {
    let mut request = std::ptr::dangling_mut();
    let status = wdf!(WdfIoQueueRetrieveNextRequest(queue, &mut request));
    if status == STATUS_SUCCESS {
        return Ok(request);
    }
    assert!(request.is_null(), "QUE-51: NULL on failure");
    Err(status)
}

/// A stopped queue still accepts, and its callback runs when the driver owns no request (QUE-42,
/// QUE-43, QUE-50).
#[test]
fn a_stopped_queue_keeps_new_requests_and_reports_when_the_driver_owns_none() {
    let (queue, owned) = (Slot::default(), Slot::default());
    let kept = owned.clone();
    let hooks =
        with_queue(SEQUENTIAL, &queue).control(move |_, request, _, _, _| kept.set(request));
    with_file(verified(), hooks, move |file| {
        let queue: WDFQUEUE = queue.get();
        let first = send(file, 1);
        wdf!(WdfIoQueueStop(queue, Some(on_state), context(1)));
        assert!(take_log().is_empty(), "the driver has one");
        let second = send(file, 2);
        assert_eq!(state(queue), (1, 1, 1));
        complete(owned.take(), STATUS_SUCCESS);
        assert_eq!(take_log(), ["notified 1"]);
        assert_eq!(state(queue), (1 | 8, 1, 0));
        wdf!(WdfIoQueueStart(queue));
        assert_eq!(state(queue), (1 | 2 | 4, 0, 1));
        complete(owned.take(), STATUS_SUCCESS);
        assert_eq!(
            (status_of(first), status_of(second)),
            (STATUS_SUCCESS, STATUS_SUCCESS)
        );
    });
}

/// WdfIoQueueStopAndPurge cancels the waiting requests, and later ones wait (QUE-44, QUE-33,
/// REQ-53).
#[test]
fn stop_and_purge_cancels_waiting_requests_and_accepts_new_ones() {
    let (queue, owned) = (Slot::default(), Slot::default());
    let kept = owned.clone();
    let hooks =
        with_queue(SEQUENTIAL, &queue).control(move |_, request, _, _, _| kept.set(request));
    with_file(verified(), hooks, move |file| {
        let queue: WDFQUEUE = queue.get();
        let (first, second) = (send(file, 1), send(file, 2));
        let request: WDFREQUEST = owned.take();
        assert_eq!(wdf!(WdfRequestIsCanceled(request)), 0);
        wdf!(WdfIoQueueStopAndPurge(queue, Some(on_state), context(2)));
        assert_eq!(status_of(second), STATUS_CANCELLED);
        assert_eq!(
            wdf!(WdfRequestIsCanceled(request)),
            0,
            "nobody cancelled it"
        );
        let third = send(file, 3);
        assert_eq!(state(queue), (1, 1, 1));
        complete(request, STATUS_SUCCESS);
        assert_eq!(take_log(), ["notified 2"]);
        wdf!(WdfIoQueueStart(queue));
        complete(owned.take(), STATUS_SUCCESS);
        assert_eq!(
            (status_of(first), status_of(third)),
            (STATUS_SUCCESS, STATUS_SUCCESS)
        );
    });
}

/// A draining queue rejects new requests and delivers the waiting ones (QUE-45, QUE-47).
#[test]
fn a_draining_queue_accepts_nothing_and_delivers_what_it_has() {
    let (queue, owned) = (Slot::default(), Slot::default());
    let kept = owned.clone();
    let hooks =
        with_queue(SEQUENTIAL, &queue).control(move |_, request, _, _, _| kept.set(request));
    with_file(verified(), hooks, move |file| {
        let queue: WDFQUEUE = queue.get();
        let (first, second) = (send(file, 1), send(file, 2));
        wdf!(WdfIoQueueDrain(queue, Some(on_state), context(3)));
        assert_eq!(status_of(send(file, 3)), STATUS_INVALID_DEVICE_STATE);
        complete(owned.take(), STATUS_SUCCESS);
        assert!(take_log().is_empty());
        complete(owned.take(), STATUS_SUCCESS);
        assert_eq!(take_log(), ["notified 3"]);
        assert_eq!(
            (status_of(first), status_of(second)),
            (STATUS_SUCCESS, STATUS_SUCCESS)
        );
        assert_eq!(state(queue), (2 | 4 | 8, 0, 0));
        wdf!(WdfIoQueueStart(queue));
        let fourth = send(file, 4);
        complete(owned.take(), STATUS_SUCCESS);
        assert_eq!(status_of(fourth), STATUS_SUCCESS);
    });
}

/// A purge also cancels a request that is marked cancelable during it (QUE-46, QUE-33, REQ-53).
#[test]
fn a_purged_queue_cancels_what_waits_and_what_is_cancelable() {
    let queue = Slot::default();
    let owned: [Slot; 2] = Default::default();
    let kept = owned.clone();
    let hooks = with_queue(PARALLEL, &queue)
        .control(move |_, request, _, _, _| {
            let number = usize::from(first_byte(request));
            kept[number].set(request);
            if number == 0 {
                wdf!(WdfRequestMarkCancelable(request, Some(on_cancel)));
            }
        })
        .cancel(|request| {
            log("cancel");
            complete(request, STATUS_CANCELLED);
        });
    with_file(verified(), hooks, move |file| {
        let queue: WDFQUEUE = queue.get();
        let (first, second) = (send(file, 0), send(file, 1));
        wdf!(WdfIoQueuePurge(queue, Some(on_state), context(4)));
        assert_eq!(status_of(first), STATUS_CANCELLED);
        assert_eq!(take_log(), ["cancel"]);
        let request: WDFREQUEST = owned[1].take();
        assert_eq!(wdf!(WdfRequestIsCanceled(request)), 0, "REQ-53");
        assert_eq!(
            wdf!(WdfRequestMarkCancelableEx(request, Some(on_cancel))),
            STATUS_CANCELLED
        );
        complete(request, STATUS_UNSUCCESSFUL);
        assert_eq!(take_log(), ["notified 4"]);
        assert_eq!(status_of(second), STATUS_UNSUCCESSFUL);
    });
}

/// A second stop, drain or purge with a callback must not begin before the first has ended
/// (QUE-48).
#[test]
fn overlapping_completion_callbacks_are_a_bug_check() {
    let calls: [fn(WDFQUEUE); 2] = [
        |queue| wdf!(WdfIoQueueStop(queue, Some(on_state), null_mut())),
        |queue| wdf!(WdfIoQueueDrain(queue, Some(on_state), null_mut())),
    ];
    for call in calls {
        let queue = Slot::default();
        let hooks = with_queue(PARALLEL, &queue).control(|_, _, _, _, _| ());
        let stop = stop_with_file(plain(), hooks, move |file| {
            let _pending = send(file, 1);
            wdf!(WdfIoQueueStop(queue.get(), None, null_mut()));
            wdf!(WdfIoQueueDrain(queue.get(), None, null_mut()));
            call(queue.get());
            call(queue.get());
        });
        assert_eq!(
            (stop.code, stop.parameters[0], stop.parameters[2]),
            (WDF_VIOLATION, 10, 0)
        );
    }
}

/// The synchronous calls return when the driver has completed its requests (QUE-49).
#[test]
fn the_synchronous_calls_wait_for_the_driver() {
    let (queue, owned) = (Slot::default(), Slot::default());
    let kept = owned.clone();
    let hooks =
        with_queue(SEQUENTIAL, &queue).control(move |_, request, _, _, _| kept.set(request));
    with_device(verified(), hooks, move |machine, _| {
        let file = machine.open();
        let queue_of = queue.clone();
        machine
            .kernel
            .at_irql(2, || wdf!(WdfIoQueueStopSynchronously(queue.get())));
        assert_eq!(
            state(queue.get()).0,
            1 | 2 | 4 | 8,
            "refused above PASSIVE_LEVEL"
        );
        let calls: [fn(WDFQUEUE); 4] = [
            |queue| wdf!(WdfIoQueueStopSynchronously(queue)),
            |queue| wdf!(WdfIoQueueStopAndPurgeSynchronously(queue)),
            |queue| wdf!(WdfIoQueueDrainSynchronously(queue)),
            |queue| wdf!(WdfIoQueuePurgeSynchronously(queue)),
        ];
        for call in calls {
            let pending = send(&file, 1);
            let queue = queue_of.clone();
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| call(queue.get()));
                std::thread::sleep(std::time::Duration::from_millis(20));
                assert!(!waiting.is_finished());
                complete(owned.take(), STATUS_SUCCESS);
                waiting.join().expect("no panic");
            });
            assert_eq!(status_of(pending), STATUS_SUCCESS);
            wdf!(WdfIoQueueStart(queue_of.get()));
        }
    });
}

/// A stop that a callback requests is reported after the callback (QUE-62).
#[test]
fn a_stop_from_inside_a_callback_is_told_after_it() {
    let queue = Slot::default();
    let hooks = with_queue(SEQUENTIAL, &queue).control(|queue, request, _, _, _| {
        wdf!(WdfIoQueueStop(queue, Some(on_state), context(5)));
        complete(request, STATUS_SUCCESS);
        log("returns");
    });
    with_file(verified(), hooks, |file| {
        assert_eq!(status_of(send(file, 1)), STATUS_SUCCESS);
        assert_eq!(take_log(), ["returns", "notified 5"]);
    });
}

/// WdfIoQueueRetrieveNextRequest gives the oldest waiting request (QUE-51).
#[test]
fn requests_are_taken_from_a_manual_queue_in_order() {
    let queue = Slot::default();
    with_file(verified(), with_queue(MANUAL, &queue), move |file| {
        let queue: WDFQUEUE = queue.get();
        assert_eq!(next(queue), Err(STATUS_NO_MORE_ENTRIES));
        let (first, second) = (send(file, 1), send(file, 2));
        let request = next(queue).expect("there is one");
        assert_eq!(first_byte(request), 1);
        assert_eq!(state(queue), (1 | 2, 1, 1));
        wdf!(WdfIoQueueStop(queue, None, null_mut()));
        assert_eq!(next(queue), Err(STATUS_WDF_PAUSED));
        wdf!(WdfIoQueueStart(queue));
        complete(request, STATUS_SUCCESS);
        complete(next(queue).expect("there is one"), STATUS_SUCCESS);
        assert_eq!(
            (status_of(first), status_of(second)),
            (STATUS_SUCCESS, STATUS_SUCCESS)
        );
    });
}

/// Requests cannot be retrieved from a parallel queue (QUE-51).
#[test]
fn requests_of_a_parallel_queue_cannot_be_retrieved() {
    let queue = Slot::default();
    with_file(verified(), with_queue(PARALLEL, &queue), move |_| {
        assert_eq!(next(queue.get()), Err(STATUS_INVALID_DEVICE_STATE));
    });
}

/// Retrieval completes reads of no bytes unless the queue allows them (QUE-29, QUE-51).
#[test]
fn retrieval_skips_and_completes_empty_reads() {
    let queue = Slot::default();
    with_file(verified(), with_queue(MANUAL, &queue), move |file| {
        let queue: WDFQUEUE = queue.get();
        std::thread::scope(|scope| {
            let read = scope.spawn(|| file.read(&mut [], 0));
            while state(queue).1 == 0 {
                std::thread::yield_now();
            }
            let pending = send(file, 1);
            let request = next(queue).expect("the one behind it");
            assert_eq!(read.join().expect("no panic").status, STATUS_SUCCESS);
            complete(request, STATUS_SUCCESS);
            assert_eq!(status_of(pending), STATUS_SUCCESS);
        });
    });
}

pub(crate) fn find(queue: WDFQUEUE, after: WDFREQUEST) -> Result<WDFREQUEST, NTSTATUS> {
    let mut found = null_mut();
    let (file, parameters) = (null_mut(), null_mut());
    let status = wdf!(WdfIoQueueFindRequest(
        queue, after, file, parameters, &mut found
    ));
    if status == STATUS_SUCCESS {
        Ok(found)
    } else {
        Err(status)
    }
}

fn take_found(queue: WDFQUEUE, found: WDFREQUEST) -> Result<WDFREQUEST, NTSTATUS> {
    let mut request = null_mut();
    let status = wdf!(WdfIoQueueRetrieveFoundRequest(queue, found, &mut request));
    if status == STATUS_SUCCESS {
        Ok(request)
    } else {
        Err(status)
    }
}

pub(crate) fn dereference(request: WDFREQUEST) {
    wdf!(WdfObjectDereferenceActual(
        request.cast(),
        null_mut(),
        0,
        c"".as_ptr()
    ));
}

/// WdfIoQueueFindRequest and WdfIoQueueRetrieveFoundRequest reach any waiting request (QUE-52,
/// QUE-53).
#[test]
fn requests_can_be_found_and_retrieved_out_of_order() {
    let queue = Slot::default();
    with_file(verified(), with_queue(MANUAL, &queue), move |file| {
        let queue: WDFQUEUE = queue.get();
        assert_eq!(find(queue, null_mut()), Err(STATUS_NO_MORE_ENTRIES));
        let (first, second) = (send(file, 1), send(file, 2));
        let one = find(queue, null_mut()).expect("the first");
        let two = find(queue, one).expect("the second");
        assert_eq!(find(queue, two), Err(STATUS_NO_MORE_ENTRIES));
        assert_eq!(state(queue).1, 2, "they stay");
        assert_eq!(take_found(queue, two), Ok(two));
        assert_eq!(first_byte(two), 2);
        assert_eq!(find(queue, two), Err(STATUS_NOT_FOUND), "the tag is gone");
        complete(two, STATUS_SUCCESS);
        dereference(two);
        first.cancel();
        assert_eq!(take_found(queue, one), Err(STATUS_NOT_FOUND));
        dereference(one);
        let statuses = (status_of(first), status_of(second));
        assert_eq!(statuses, (STATUS_CANCELLED, STATUS_SUCCESS));
    });
}

/// WdfIoQueueFindRequest checks the size of the parameters before the dispatch type (QUE-53).
#[test]
fn finding_needs_a_manual_queue_and_parameters_of_the_right_size() {
    let queue = Slot::default();
    with_file(verified(), with_queue(SEQUENTIAL, &queue), move |_| {
        assert_eq!(
            find(queue.get(), null_mut()),
            Err(STATUS_INVALID_DEVICE_REQUEST)
        );
        let mut parameters = WDF_REQUEST_PARAMETERS {
            Size: 3,
            ..WDF_REQUEST_PARAMETERS::default()
        };
        let untouched = std::ptr::dangling_mut();
        let mut found = untouched;
        let status = wdf!(WdfIoQueueFindRequest(
            queue.get(),
            null_mut(),
            null_mut(),
            &mut parameters,
            &mut found
        ));
        assert_eq!((status, found), (STATUS_INVALID_PARAMETER_4, untouched));
    });
}

/// The ready callback runs when the first request arrives in an empty queue (QUE-54).
#[test]
fn a_manual_queue_reports_that_it_is_no_longer_empty() {
    let queue = Slot::default();
    with_file(verified(), with_queue(MANUAL, &queue), move |file| {
        let queue: WDFQUEUE = queue.get();
        let notify = |ready, number| wdf!(WdfIoQueueReadyNotify(queue, ready, context(number)));
        assert_eq!(notify(Some(on_state), 6), STATUS_SUCCESS);
        assert_eq!(notify(Some(on_state), 7), STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(
            notify(None, 0),
            STATUS_INVALID_DEVICE_REQUEST,
            "still dispatching"
        );
        let (first, second) = (send(file, 1), send(file, 2));
        assert_eq!(take_log(), ["notified 6"], "once per transition");
        complete(next(queue).expect("there is one"), STATUS_SUCCESS);
        complete(next(queue).expect("there is one"), STATUS_SUCCESS);
        let third = send(file, 3);
        assert_eq!(take_log(), ["notified 6"]);
        complete(next(queue).expect("there is one"), STATUS_SUCCESS);
        wdf!(WdfIoQueueStop(queue, None, null_mut()));
        assert_eq!(notify(None, 0), STATUS_SUCCESS);
        assert_eq!(
            notify(None, 0),
            STATUS_INVALID_DEVICE_REQUEST,
            "none is set"
        );
        for pending in [first, second, third] {
            assert_eq!(status_of(pending), STATUS_SUCCESS);
        }
    });
}

/// WdfIoQueueReadyNotify fails for queues that deliver by themselves (QUE-54).
#[test]
fn only_a_manual_queue_reports_that_it_is_ready() {
    let queue = Slot::default();
    with_file(verified(), with_queue(PARALLEL, &queue), move |_| {
        let status = wdf!(WdfIoQueueReadyNotify(
            queue.get(),
            Some(on_state),
            null_mut()
        ));
        assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
    });
}

/// WdfIoQueueRetrieveRequestByFileObject skips the requests of other file objects (QUE-52).
#[test]
fn the_requests_of_one_file_can_be_retrieved() {
    use _WDF_FILEOBJECT_CLASS as Class;
    let queue = Slot::default();
    let hooks = with_queue(MANUAL, &queue)
        .init(|init| {
            let mut config = WDF_FILEOBJECT_CONFIG {
                Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
                EvtDeviceFileCreate: Some(on_file_create),
                AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
                FileObjectClass: Class::WdfFileObjectWdfCannotUseFsContexts,
                ..WDF_FILEOBJECT_CONFIG::default()
            };
            wdf!(WdfDeviceInitSetFileObjectConfig(
                init,
                &mut config,
                null_mut()
            ));
        })
        .file_create(|_, request, _| complete(request, STATUS_SUCCESS));
    with_device(verified(), hooks, move |machine, _| {
        let (one, two) = (machine.open(), machine.open());
        let queue: WDFQUEUE = queue.get();
        let pending = [send(&one, 1), send(&two, 2), send(&one, 3)];
        let second = find(queue, find(queue, null_mut()).expect("first")).expect("second");
        let second = take_found(queue, second).expect("is there");
        let file = wdf!(WdfRequestGetFileObject(second));
        let of_file = |file| {
            let mut request = null_mut();
            let status = wdf!(WdfIoQueueRetrieveRequestByFileObject(
                queue,
                file,
                &mut request
            ));
            if status == STATUS_SUCCESS {
                Ok(request)
            } else {
                Err(status)
            }
        };
        assert_eq!(of_file(file), Err(STATUS_NO_MORE_ENTRIES));
        complete(second, STATUS_SUCCESS);
        dereference(second);
        let first = next(queue).expect("there is one");
        dereference(first);
        let file = wdf!(WdfRequestGetFileObject(first));
        let third = of_file(file).expect("there is one");
        assert_eq!(first_byte(third), 3);
        complete(first, STATUS_SUCCESS);
        complete(third, STATUS_SUCCESS);
        for pending in pending {
            assert_eq!(status_of(pending), STATUS_SUCCESS);
        }
    });
}

/// A wait of the framework that takes long is reported repeatedly and goes on; with DbgBreakOnError
/// it breaks into the debugger (VER-29, VER-5).
#[test]
fn a_wait_that_takes_long_is_reported() {
    fn purge(config: Config) -> Result<usize, Stop> {
        let mut config = config;
        config.registry.push(RegistryValue {
            key: r"Parameters\Wdf".into(),
            name: "DbgWaitForSignalTimeoutInSec".into(),
            data: RegistryData::Dword(1),
        });
        let (queue, owned) = (Slot::default(), Slot::default());
        let kept = owned.clone();
        let hooks =
            with_queue(SEQUENTIAL, &queue).control(move |_, request, _, _, _| kept.set(request));
        run(config, hooks, move |machine| {
            let device = machine.add();
            let file = machine.open();
            let pending = send(&file, 1);
            std::thread::scope(|scope| {
                scope.spawn(|| wdf!(WdfIoQueuePurgeSynchronously(queue.get())));
                std::thread::sleep(Duration::from_millis(2200));
                complete(owned.get(), STATUS_SUCCESS);
            });
            assert_eq!(status_of(pending), STATUS_SUCCESS);
            file.close();
            device.remove().expect("is removed");
            let output = machine.kernel.debug_output();
            let reports = output
                .iter()
                .filter(|line| !IS_MODEL || line.contains("still waiting"));
            reports.count()
        })
    }
    let reports = purge(plain()).unwrap_or_else(|stop| panic!("{stop}"));
    assert!(reports >= 2, "{reports} reports");
    let stop = purge(Config::default()).expect_err("a breakpoint without a debugger");
    assert_eq!(stop.code, KMODE_EXCEPTION_NOT_HANDLED, "{stop}");
}

/// Only the verifier checks who owns a request and whether it is marked; for clients older than a
/// check only with VerifyDownLevel (VER-4, VER-7, REQ-65).
#[test]
fn checks_are_the_verifiers_and_of_newer_clients() {
    let down_level = |mut config: Config| {
        config.registry.push(RegistryValue {
            key: r"Parameters\Wdf".into(),
            name: "VerifyDownLevel".into(),
            data: RegistryData::Dword(1),
        });
        config
    };
    for (config, old_client, checked) in [
        (plain(), false, false),
        (verified(), false, true),
        (verified(), true, false),
        (down_level(verified()), true, true),
        (down_level(plain()), true, false),
    ] {
        let verifies = config.verifier.wdf;
        let queue = Slot::default();
        let hooks = Hooks {
            old_client,
            ..with_queue(MANUAL, &queue)
        };
        let hooks = hooks.init(|init| {
            let mut config = WDF_FILEOBJECT_CONFIG {
                Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
                AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
                FileObjectClass: _WDF_FILEOBJECT_CLASS::WdfFileObjectWdfCannotUseFsContexts,
                ..WDF_FILEOBJECT_CONFIG::default()
            };
            let none = null_mut();
            wdf!(WdfDeviceInitSetFileObjectConfig(init, &mut config, none));
        });
        with_file(config, hooks, move |file| {
            let queue: WDFQUEUE = queue.get();
            let pending = send(file, 1);
            let found = find(queue, null_mut()).expect("there is one");
            let object = wdf!(WdfRequestGetFileObject(found));
            assert_eq!(object.is_null(), checked, "still the queue's");
            let unmarked = wdf!(WdfRequestUnmarkCancelable(found));
            let request = if verifies {
                assert_eq!(unmarked, STATUS_INVALID_DEVICE_REQUEST);
                next(queue).expect("still there")
            } else {
                // It waits in a list where it can be cancelled, which is all that is asked for.
                assert_eq!(unmarked, STATUS_SUCCESS);
                assert_eq!(next(queue).err(), Some(STATUS_NO_MORE_ENTRIES));
                found
            };
            assert!(!wdf!(WdfRequestGetFileObject(request)).is_null());
            complete(request, STATUS_SUCCESS);
            assert_eq!(status_of(pending), STATUS_SUCCESS);
            dereference(found);
        });
    }
}

/// The verifier checks that a found request is retrieved from its own queue (VER-20).
#[test]
fn retrieving_a_request_found_in_another_queue_is_a_bug_check() {
    let (queue, other) = (Slot::default(), Slot::default());
    let kept = other.clone();
    let first = queue.clone();
    let hooks = Hooks::default().created(move |device| {
        first.set(create_queue(device, default_config(MANUAL)));
        kept.set(create_queue(device, queue_config(MANUAL)));
        STATUS_SUCCESS
    });
    let stop = stop_with_file(verified(), hooks, move |file| {
        let _pending = send(file, 1);
        let found = find(queue.get(), null_mut()).expect("there is one");
        let _ = take_found(other.get(), found);
    });
    assert_violation(&stop, 6, 5);
}
