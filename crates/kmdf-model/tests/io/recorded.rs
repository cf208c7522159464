//! Results that KMDF 1.33 is known to give, compared with the framework that the suite runs over.

use crate::common::recorded::{Probe, compare};
use crate::driver::*;
use crate::{control, faults, loading, raw};
use kmdf_sys::*;
use nt_model::Pool;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// A status, as the record spells it.
fn spelled(status: NTSTATUS) -> String {
    format!("0x{status:08X}")
}

/// The last state that EvtDeviceD0Exit got.
static TARGET: AtomicI32 = AtomicI32::new(0);

unsafe extern "C" fn failing_entry(_: WDFDEVICE, _: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    STATUS_UNSUCCESSFUL
}

unsafe extern "C" fn noted_exit(_: WDFDEVICE, target: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    TARGET.store(target, Ordering::SeqCst);
    STATUS_SUCCESS
}

unsafe extern "C" fn logged_exit(_: WDFDEVICE, _: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    log("D0 exit");
    STATUS_SUCCESS
}

unsafe extern "C" fn noted_suspend(_: WDFDEVICE) -> NTSTATUS {
    log("suspended");
    STATUS_SUCCESS
}

fn with_power(callbacks: WDF_PNPPOWER_EVENT_CALLBACKS) -> Hooks {
    Hooks {
        pnp: WDF_PNPPOWER_EVENT_CALLBACKS {
            Size: size_of::<WDF_PNPPOWER_EVENT_CALLBACKS>() as ULONG,
            ..callbacks
        },
        ..queued(PARALLEL)
    }
}

fn failed_d0_entry() -> String {
    let hooks = with_power(WDF_PNPPOWER_EVENT_CALLBACKS {
        EvtDeviceD0Entry: Some(failing_entry),
        ..WDF_PNPPOWER_EVENT_CALLBACKS::default()
    });
    let failure = run(verified(), hooks, |machine| machine.try_add().err());
    spelled(failure.expect("no stop").expect("does not start").0)
}

fn d0_exit_on_stop() -> String {
    let hooks = with_power(WDF_PNPPOWER_EVENT_CALLBACKS {
        EvtDeviceD0Exit: Some(noted_exit),
        ..WDF_PNPPOWER_EVENT_CALLBACKS::default()
    });
    with_device(verified(), hooks, |_, device| {
        device.stop().expect("stops");
        let target = TARGET.load(Ordering::SeqCst);
        device.start().expect("starts");
        target.to_string()
    })
}

/// The status of a request without a file object.
fn sent(hooks: Hooks, major: u32) -> String {
    let kept = Slot::default();
    let hooks = raw::keeping(hooks, &kept, raw::controls);
    with_device(verified(), hooks, move |_, _| {
        spelled(raw::send(kept.get(), &raw::request_of(major, 0)).1)
    })
}

fn shutdown() -> String {
    sent(Hooks::default(), IRP_MJ_SHUTDOWN)
}

fn create_without_file_object() -> String {
    use _WDF_FILEOBJECT_CLASS as Class;
    let hooks = Hooks::default().init(|init| {
        let mut config = WDF_FILEOBJECT_CONFIG {
            Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
            AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
            FileObjectClass: Class::WdfFileObjectWdfCannotUseFsContexts
                | Class::WdfFileObjectCanBeOptional,
            ..WDF_FILEOBJECT_CONFIG::default()
        };
        let none = null_mut();
        wdf!(WdfDeviceInitSetFileObjectConfig(init, &mut config, none));
    });
    sent(hooks, IRP_MJ_CREATE)
}

fn canceled_by_a_purge() -> String {
    let owned = Slot::default();
    let kept = owned.clone();
    let hooks = queued(SEQUENTIAL).control(move |_, request, _, _, _| kept.set(request));
    with_file(verified(), hooks, move |file| {
        let pending = control::send(file, 1);
        let request: WDFREQUEST = owned.get();
        let queue = wdf!(WdfRequestGetIoQueue(request));
        wdf!(WdfIoQueueStopAndPurge(queue, None, null_mut()));
        let canceled = wdf!(WdfRequestIsCanceled(request));
        complete(request, STATUS_SUCCESS);
        control::status_of(pending);
        canceled.to_string()
    })
}

fn unmark_of_a_found_request() -> String {
    let (queue, hooks) = manual_queue();
    with_file(plain(), hooks, move |file| {
        let pending = control::send(file, 1);
        let found = control::find(queue.get(), null_mut()).expect("there is one");
        let unmarked = wdf!(WdfRequestUnmarkCancelable(found));
        let next = control::next(queue.get());
        let second = next
            .as_ref()
            .err()
            .map_or("a request".into(), |&status| spelled(status));
        complete(next.unwrap_or(found), STATUS_SUCCESS);
        control::status_of(pending);
        control::dereference(found);
        format!("{}, then {second}", spelled(unmarked))
    })
}

fn refused_requeue() -> String {
    static REQUEUED: AtomicI32 = AtomicI32::new(0);
    static COMPLETE: AtomicBool = AtomicBool::new(false);
    let hooks = queued(SEQUENTIAL).control(|_, request, _, _, _| {
        REQUEUED.store(wdf!(WdfRequestRequeue(request)), Ordering::SeqCst);
        complete(request, STATUS_SUCCESS);
    });
    let outcome = run_and_leave(verified(), hooks, |machine| {
        machine.add();
        let file = machine.open();
        let pending = control::send(&file, 1);
        COMPLETE.store(pending.is_complete(), Ordering::SeqCst);
    });
    let complete = COMPLETE.load(Ordering::SeqCst);
    assert_eq!(
        outcome.is_ok(),
        complete,
        "a lost IRP stops the run at its end"
    );
    let requeued = spelled(REQUEUED.load(Ordering::SeqCst));
    format!(
        "{requeued}, {}",
        if complete { "complete" } else { "not complete" }
    )
}

fn first_allocation() -> String {
    spelled(loading::create_failing(1))
}

fn allocate_fail_count() -> String {
    let refused = in_turn(|| {
        boot(faults::failing_after(6), Hooks::default(), |kernel| {
            load(kernel).err()
        })
    });
    refused
        .expect("no stop")
        .map_or("loads".into(), |status| spelled(status.0))
}

fn copy_of_the_registry_path() -> String {
    let blocks = run(plain(), Hooks::default(), |machine| {
        let tags = machine.kernel.verifier().tags;
        let own = |tag: &&nt_model::TagUse| tag.tag == u32::from_le_bytes(*b"Tdrv");
        let paged = tags
            .iter()
            .filter(own)
            .filter(|tag| tag.pool == Pool::Paged);
        paged.map(|tag| tag.blocks).sum::<u64>()
    });
    blocks.expect("no stop").to_string()
}

fn child_during_removal() -> String {
    let suspend = WDF_PNPPOWER_EVENT_CALLBACKS {
        EvtDeviceSelfManagedIoSuspend: Some(noted_suspend),
        EvtDeviceD0Exit: Some(logged_exit),
        ..WDF_PNPPOWER_EVENT_CALLBACKS::default()
    };
    let hooks = with_power(suspend).control(|queue, request, _, _, _| {
        complete(request, STATUS_SUCCESS);
        log("completed");
        while peek_log().len() < 2 {
            std::thread::yield_now();
        }
        // Time for the removal to go on, if it could.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let mut child = null_mut();
        let mut attributes = under(wdf!(WdfIoQueueGetDevice(queue)));
        log(spelled(wdf!(WdfObjectCreate(&mut attributes, &mut child))));
    });
    let outcome = run(verified(), hooks, |machine| {
        let device = machine.add();
        let file = machine.open();
        std::thread::scope(|scope| {
            scope.spawn(|| file.ioctl(BUFFERED, &[1], &mut []));
            while peek_log().is_empty() {
                std::thread::yield_now();
            }
            device.surprise_remove().expect("is removed");
        });
        file.close();
        take_log()[2..].join(", then ")
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"))
}

const PROBES: [(&str, Probe); 11] = [
    ("failed D0 entry", failed_d0_entry),
    ("D0 exit on stop", d0_exit_on_stop),
    ("shutdown", shutdown),
    (
        "create without an optional file object",
        create_without_file_object,
    ),
    ("canceled by a purge", canceled_by_a_purge),
    ("unmark of a found request", unmark_of_a_found_request),
    ("refused requeue", refused_requeue),
    ("first allocation of WdfDriverCreate", first_allocation),
    ("VerifierAllocateFailCount of 6", allocate_fail_count),
    ("copy of the registry path", copy_of_the_registry_path),
    (
        "child of a device that is being removed",
        child_during_removal,
    ),
];

#[test]
fn the_framework_gives_the_results_of_kmdf_1_33() {
    compare("io", &PROBES, |module| {
        Some(match module {
            "control" => include_str!("control.rs"),
            "faults" => include_str!("faults.rs"),
            "forward" => include_str!("forward.rs"),
            "loading" => include_str!("loading.rs"),
            "pnp" => include_str!("pnp.rs"),
            "raw" => include_str!("raw.rs"),
            _ => return None,
        })
    });
}
