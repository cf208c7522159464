//! How queues deliver requests (QUE-26 to QUE-41, QUE-62).

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A place where requests wait for the test.
fn keep(slots: &[Slot], request: WDFREQUEST) {
    let free = slots.iter().find(|slot| slot.get::<u8>().is_null());
    free.expect("a free slot").set(request);
}

fn slots() -> [Slot; 4] {
    Default::default()
}

fn attributes_with(
    level: WDF_EXECUTION_LEVEL,
    scope: WDF_SYNCHRONIZATION_SCOPE,
) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        ExecutionLevel: level,
        SynchronizationScope: scope,
        ..attributes()
    }
}

use _WDF_EXECUTION_LEVEL as Level;
use _WDF_SYNCHRONIZATION_SCOPE as Scope;

/// EvtIoRead, EvtIoWrite and EvtIoDeviceControl come before EvtIoDefault (QUE-27, QUE-28).
#[test]
fn the_specific_callback_wins_over_the_default_one() {
    let hooks = Hooks::default()
        .created(|device| {
            let config = WDF_IO_QUEUE_CONFIG {
                EvtIoDefault: Some(on_any),
                EvtIoRead: Some(on_read),
                ..default_config(PARALLEL)
            };
            create_queue(device, config);
            STATUS_SUCCESS
        })
        .any(|_, request| {
            log("default");
            complete(request, STATUS_SUCCESS);
        })
        .read(|_, request, length| {
            log(format!("read {length}"));
            complete(request, STATUS_SUCCESS);
        })
        .control(|_, request, output, input, _| {
            log(format!("control {output} {input}"));
            complete(request, STATUS_SUCCESS);
        });
    with_file(verified(), hooks, |file| {
        file.ioctl(BUFFERED, &[1], &mut [0; 2]);
        file.read(&mut [0; 3], 0);
        file.write(&[0; 3], 0);
        assert_eq!(take_log(), ["control 2 1", "read 3", "default"]);
    });
}

/// A queue delivers reads and writes of no bytes only with AllowZeroLengthRequests (QUE-29).
#[test]
fn empty_reads_and_writes_complete_by_themselves_unless_allowed() {
    for (allowed, delivered) in [(0, 0), (1, 2)] {
        let hooks = Hooks::default()
            .created(move |device| {
                let config = WDF_IO_QUEUE_CONFIG {
                    AllowZeroLengthRequests: allowed,
                    EvtIoDefault: Some(on_any),
                    DefaultQueue: 1,
                    ..queue_config(SEQUENTIAL)
                };
                create_queue(device, config);
                STATUS_SUCCESS
            })
            .any(|_, request| {
                log("delivered");
                complete(request, STATUS_SUCCESS);
            });
        with_file(verified(), hooks, move |file| {
            let read = file.read(&mut [], 0);
            let write = file.write(&[], 0);
            assert_eq!(
                (read.status, write.status),
                (STATUS_SUCCESS, STATUS_SUCCESS)
            );
            assert_eq!((read.information, write.information), (0, 0));
            assert_eq!(take_log().len(), delivered);
        });
    }
}

/// A sequential queue delivers the next request when the previous one is completed, not when its
/// callback returns (QUE-30, QUE-31).
#[test]
fn a_sequential_queue_presents_the_next_request_when_the_last_is_complete() {
    let slots = slots();
    let kept = slots.clone();
    let hooks = queued(SEQUENTIAL).control(move |_, request, _, _, _| {
        log(format!("{}", first_byte(request)));
        keep(&slots, request);
    });
    with_file(verified(), hooks, move |file| {
        let pending = [1, 2, 3].map(|number| file.ioctl_async(BUFFERED, &[number], 0));
        assert_eq!(take_log(), ["1"]);
        complete(kept[0].take(), STATUS_SUCCESS);
        assert_eq!(take_log(), ["2"], "QUE-32: inside the completing call");
        complete(kept[0].take(), STATUS_SUCCESS);
        complete(kept[0].take(), STATUS_SUCCESS);
        assert_eq!(take_log(), ["3"]);
        for pending in pending {
            assert_eq!(pending.wait().0.status, STATUS_SUCCESS);
        }
    });
}

/// Completing inside the callback does not enter the dispatch loop again (QUE-32 b).
#[test]
fn completing_in_the_callback_does_not_nest_callbacks() {
    let slots = slots();
    let kept = slots.clone();
    let hooks = queued(SEQUENTIAL).control(move |_, request, _, _, _| {
        let number = first_byte(request);
        log(format!("begin {number}"));
        if number == 1 {
            return keep(&slots, request);
        }
        complete(request, STATUS_SUCCESS);
        log(format!("end {number}"));
    });
    with_file(verified(), hooks, move |file| {
        let pending = [1, 2, 3].map(|number| file.ioctl_async(BUFFERED, &[number], 0));
        complete(kept[0].take(), STATUS_SUCCESS);
        assert_eq!(
            take_log(),
            ["begin 1", "begin 2", "end 2", "begin 3", "end 3"]
        );
        drop(pending.map(|pending| pending.wait()));
    });
}

/// NumberOfPresentedRequests limits the requests that the driver owns (QUE-15, QUE-30).
#[test]
fn a_parallel_queue_delivers_up_to_its_limit() {
    let slots = slots();
    let kept = slots.clone();
    let hooks = Hooks::default()
        .created(|device| {
            let mut config = default_config(PARALLEL);
            config.Settings.Parallel.NumberOfPresentedRequests = 2;
            create_queue(device, config);
            STATUS_SUCCESS
        })
        .control(move |_, request, _, _, _| {
            log(format!("{}", first_byte(request)));
            keep(&slots, request);
        });
    with_file(verified(), hooks, move |file| {
        let pending = [1, 2, 3, 4].map(|number| file.ioctl_async(BUFFERED, &[number], 0));
        assert_eq!(take_log(), ["1", "2"]);
        complete(kept[1].take(), STATUS_SUCCESS);
        assert_eq!(take_log(), ["3"]);
        complete(kept[0].take(), STATUS_SUCCESS);
        assert_eq!(take_log(), ["4"]);
        complete(kept[0].take(), STATUS_SUCCESS);
        complete(kept[1].take(), STATUS_SUCCESS);
        drop(pending.map(|pending| pending.wait()));
    });
}

/// A limit of 0 is accepted and stops delivery (QUE-20).
#[test]
fn a_parallel_queue_with_a_limit_of_zero_delivers_nothing() {
    let hooks = Hooks::default().created(|device| {
        let mut config = default_config(PARALLEL);
        config.Settings.Parallel.NumberOfPresentedRequests = 0;
        create_queue(device, config);
        STATUS_SUCCESS
    });
    with_file(verified(), hooks, |file| {
        let pending = file.ioctl_async(BUFFERED, &[1], 0);
        assert!(!pending.is_complete());
        pending.cancel();
        assert_eq!(pending.wait().0.status, STATUS_CANCELLED, "REQ-54");
    });
}

/// A queue with execution level Passive calls back at PASSIVE_LEVEL, others up to DISPATCH_LEVEL
/// (QUE-36, QUE-37).
#[test]
fn callbacks_run_at_the_execution_level_of_the_queue() {
    let cases = [
        (
            Level::WdfExecutionLevelDispatch,
            Scope::WdfSynchronizationScopeNone,
            0,
        ),
        (
            Level::WdfExecutionLevelDispatch,
            Scope::WdfSynchronizationScopeQueue,
            2,
        ),
        (
            Level::WdfExecutionLevelPassive,
            Scope::WdfSynchronizationScopeQueue,
            0,
        ),
        (
            Level::WdfExecutionLevelPassive,
            Scope::WdfSynchronizationScopeNone,
            0,
        ),
    ];
    for (level, scope, irql) in cases {
        let hooks = Hooks::default()
            .created(move |device| {
                let attributes = attributes_with(level, scope);
                let config = default_config(PARALLEL);
                try_create_queue(device, config, Some(attributes)).expect("is created");
                STATUS_SUCCESS
            })
            .control(move |_, request, _, _, _| {
                // SAFETY: KeGetCurrentIrql can be called at any time.
                assert_eq!(unsafe { ntddk::KeGetCurrentIrql() }, irql);
                complete(request, STATUS_SUCCESS);
            });
        with_file(verified(), hooks, |file| {
            assert_eq!(file.ioctl(BUFFERED, &[], &mut []).status, STATUS_SUCCESS);
        });
    }
}

/// A passive queue delivers a request that arrives above PASSIVE_LEVEL from a work item (QUE-36).
#[test]
fn a_passive_queue_defers_what_is_triggered_above_passive_level() {
    let slots = slots();
    let kept = slots.clone();
    let hooks = Hooks::default()
        .created(|device| {
            let level = Level::WdfExecutionLevelPassive;
            let attributes = attributes_with(level, Scope::WdfSynchronizationScopeNone);
            let config = default_config(SEQUENTIAL);
            try_create_queue(device, config, Some(attributes)).expect("is created");
            STATUS_SUCCESS
        })
        .control(move |_, request, _, _, _| {
            // SAFETY: KeGetCurrentIrql can be called at any time.
            assert_eq!(unsafe { ntddk::KeGetCurrentIrql() }, 0);
            if first_byte(request) == 1 {
                keep(&slots, request);
            } else {
                complete(request, STATUS_SUCCESS);
            }
        });
    with_device(verified(), hooks, move |machine, _| {
        let file = machine.open();
        let first = file.ioctl_async(BUFFERED, &[1], 0);
        let second = file.ioctl_async(BUFFERED, &[2], 0);
        machine
            .kernel
            .at_irql(2, || complete(kept[0].take(), STATUS_SUCCESS));
        assert_eq!(first.wait().0.status, STATUS_SUCCESS);
        assert_eq!(second.wait().0.status, STATUS_SUCCESS);
    });
}

/// Callbacks under one lock run one at a time, whichever thread sends the requests (QUE-38,
/// QUE-39).
#[test]
fn a_scope_serialises_callbacks_of_several_threads() {
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    for (level, scope) in [
        (
            Level::WdfExecutionLevelPassive,
            Scope::WdfSynchronizationScopeQueue,
        ),
        (
            Level::WdfExecutionLevelDispatch,
            Scope::WdfSynchronizationScopeQueue,
        ),
        (
            Level::WdfExecutionLevelInheritFromParent,
            Scope::WdfSynchronizationScopeDevice,
        ),
    ] {
        let hooks = Hooks::default()
            .created(move |device| {
                let attributes = attributes_with(level, scope);
                let config = default_config(PARALLEL);
                try_create_queue(device, config, Some(attributes)).expect("is created");
                STATUS_SUCCESS
            })
            .control(|_, request, _, _, _| {
                assert_eq!(INSIDE.fetch_add(1, Ordering::SeqCst), 0);
                std::thread::yield_now();
                INSIDE.fetch_sub(1, Ordering::SeqCst);
                complete(request, STATUS_SUCCESS);
            });
        with_file(verified(), hooks, |file| {
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            assert_eq!(file.ioctl(BUFFERED, &[], &mut []).status, STATUS_SUCCESS);
                        }
                    });
                }
            });
        });
    }
}

/// Without a synchronization scope several threads deliver at once (QUE-32, QUE-41).
#[test]
fn every_queue_type_serves_several_threads() {
    for kind in [SEQUENTIAL, PARALLEL] {
        let hooks = queued(kind).control(|_, request, _, _, _| {
            let byte = first_byte(request);
            let (to, _) = output(request, 1).expect("there is output");
            // SAFETY: At least one byte.
            unsafe { to.write(byte.wrapping_add(1)) };
            complete_with(request, STATUS_SUCCESS, 1);
        });
        with_file(verified(), hooks, |file| {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for number in 0..100 {
                            let mut output = [0];
                            let outcome = file.ioctl(BUFFERED, &[number], &mut output);
                            assert_eq!(outcome.status, STATUS_SUCCESS);
                            assert_eq!(output, [number + 1]);
                        }
                    });
                }
            });
        });
    }
}

/// A thread that owns the callback lock does not deliver; a DPC or work item does (QUE-40).
#[test]
fn presentation_is_deferred_while_the_thread_holds_the_lock() {
    let kept = Slot::default();
    let slot = kept.clone();
    let hooks = Hooks::default()
        .created(move |device| {
            let level = Level::WdfExecutionLevelDispatch;
            let attributes = attributes_with(level, Scope::WdfSynchronizationScopeQueue);
            let config = default_config(SEQUENTIAL);
            let queue = try_create_queue(device, config, Some(attributes)).expect("is created");
            slot.set(queue);
            STATUS_SUCCESS
        })
        .control(|_, request, _, _, _| {
            log("delivered");
            complete(request, STATUS_SUCCESS);
        });
    with_file(verified(), hooks, move |file| {
        let queue: WDFQUEUE = kept.get();
        wdf!(WdfIoQueueStop(queue, None, null_mut()));
        let pending = file.ioctl_async(BUFFERED, &[1], 0);
        wdf!(WdfObjectAcquireLock(queue.cast()));
        wdf!(WdfIoQueueStart(queue));
        let during = take_log();
        wdf!(WdfObjectReleaseLock(queue.cast()));
        assert!(during.is_empty());
        assert_eq!(pending.wait().0.status, STATUS_SUCCESS);
    });
}

/// WdfObjectAcquireLock in a callback of the same lock is a recursion (OBJ-64).
#[test]
fn acquiring_a_callback_lock_twice_is_a_bug_check() {
    for level in [
        Level::WdfExecutionLevelPassive,
        Level::WdfExecutionLevelDispatch,
    ] {
        for config in [plain(), verified()] {
            let kept = Slot::default();
            let slot = kept.clone();
            let hooks = Hooks::default().created(move |device| {
                let attributes = attributes_with(level, Scope::WdfSynchronizationScopeQueue);
                let config = default_config(SEQUENTIAL);
                let queue = try_create_queue(device, config, Some(attributes));
                slot.set(queue.expect("is created"));
                STATUS_SUCCESS
            });
            let stop = stop_with_file(config, hooks, move |_| {
                let queue: WDFQUEUE = kept.get();
                wdf!(WdfObjectAcquireLock(queue.cast()));
                wdf!(WdfObjectReleaseLock(queue.cast()));
                wdf!(WdfObjectAcquireLock(queue.cast()));
                wdf!(WdfObjectAcquireLock(queue.cast()));
            });
            assert_eq!(stop.code, WDF_VIOLATION, "{stop}");
            assert_eq!((stop.parameters[0], stop.parameters[2]), (2, 0), "{stop}");
            assert_ne!(stop.parameters[1], 0, "{stop}");
        }
    }
}

/// A request that a DPC sends is delivered on the idle thread, whose number 0 must not count as the
/// owner of a free lock (QUE-32, QUE-36, QUE-40).
#[test]
fn idle_threads_present_under_the_lock() {
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    let hooks = Hooks::default()
        .created(|device| {
            let level = Level::WdfExecutionLevelDispatch;
            let attributes = attributes_with(level, Scope::WdfSynchronizationScopeQueue);
            let config = default_config(PARALLEL);
            try_create_queue(device, config, Some(attributes)).expect("is created");
            STATUS_SUCCESS
        })
        .control(|_, request, _, _, _| {
            // SAFETY: PsGetCurrentThreadId can be called at any time.
            assert!(unsafe { ntddk::PsGetCurrentThreadId() }.is_null());
            assert_eq!(INSIDE.fetch_add(1, Ordering::SeqCst), 0);
            std::thread::yield_now();
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            complete(request, STATUS_SUCCESS);
        });
    with_file(verified(), hooks, |file| {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let sent = file.ioctl_from_dpc(BUFFERED, &[], 0);
                        assert!(sent.is_complete(), "delivered at once");
                        assert_eq!(sent.wait().0.status, STATUS_SUCCESS);
                    }
                });
            }
        });
    });
}

/// Without attributes, callbacks run at the IRQL of the event that causes them, and in parallel
/// (DEV-22).
#[test]
fn the_driver_asks_for_no_level_and_no_scope() {
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        // SAFETY: KeGetCurrentIrql can be called at any time.
        let irql = unsafe { ntddk::KeGetCurrentIrql() };
        assert_eq!(first_byte(request), irql);
        if irql == 0 {
            INSIDE.fetch_add(1, Ordering::SeqCst);
            let start = std::time::Instant::now();
            while INSIDE.load(Ordering::SeqCst) < 2 {
                assert!(start.elapsed().as_secs() < 10, "one at a time");
                std::thread::yield_now();
            }
        }
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        assert!(file.ioctl_from_dpc(BUFFERED, &[2], 0).is_complete());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| file.ioctl(BUFFERED, &[0], &mut []));
            }
        });
    });
}

/// A synchronization scope of the driver serialises EvtDriverDeviceAdd (DEV-22).
#[test]
fn a_scope_of_the_driver_serialises_the_adding_of_devices() {
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    for scope in [
        Scope::WdfSynchronizationScopeDevice,
        Scope::WdfSynchronizationScopeQueue,
    ] {
        let hooks = Hooks {
            driver_attributes: Some(attributes_with(
                Level::WdfExecutionLevelInheritFromParent,
                scope,
            )),
            ..Hooks::default()
        };
        let hooks = hooks.created(|_| {
            assert_eq!(INSIDE.fetch_add(1, Ordering::SeqCst), 0);
            std::thread::sleep(std::time::Duration::from_millis(2));
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            STATUS_SUCCESS
        });
        let added = run(verified(), hooks, |machine| {
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| machine.add().remove().expect("is removed"));
                }
            });
        });
        added.unwrap_or_else(|stop| panic!("{stop}"));
    }
}

/// A request that arrives at or below APC_LEVEL is delivered inside a critical region. The callback
/// can leave it and enter it again; leaving one that was not entered stops the run (REQ-4).
#[test]
fn requests_are_dispatched_in_a_critical_region() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        // SAFETY: The framework's region, which is entered again below.
        unsafe { ntddk::KeLeaveCriticalRegion() };
        // SAFETY: KeEnterCriticalRegion can be called at any time.
        unsafe { ntddk::KeEnterCriticalRegion() };
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        assert_eq!(file.ioctl(BUFFERED, &[], &mut []).status, STATUS_SUCCESS);
    });
}

/// Attributes without level and scope take those of the device (QUE-25, DEV-29).
#[test]
fn a_queue_inherits_level_and_scope_from_its_device() {
    for (level, scope, irql) in [
        (
            Level::WdfExecutionLevelDispatch,
            Scope::WdfSynchronizationScopeDevice,
            2,
        ),
        (
            Level::WdfExecutionLevelPassive,
            Scope::WdfSynchronizationScopeDevice,
            0,
        ),
        (
            Level::WdfExecutionLevelInheritFromParent,
            Scope::WdfSynchronizationScopeNone,
            0,
        ),
    ] {
        let hooks = queued(PARALLEL).control(move |_, request, _, _, _| {
            // SAFETY: KeGetCurrentIrql can be called at any time.
            assert_eq!(unsafe { ntddk::KeGetCurrentIrql() }, irql);
            complete(request, STATUS_SUCCESS);
        });
        let hooks = Hooks {
            device_attributes: Some(attributes_with(level, scope)),
            ..hooks
        };
        with_file(verified(), hooks, |file| {
            assert_eq!(file.ioctl(BUFFERED, &[], &mut []).status, STATUS_SUCCESS);
        });
    }
}
