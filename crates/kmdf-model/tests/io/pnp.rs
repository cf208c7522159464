//! Start, stop, removal and unload (DEV-23, DEV-25, DEV-52 to DEV-61).

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, Ordering};

const STATUS_DEVICE_POWER_FAILURE: NTSTATUS = 0xC000_009E_u32 as NTSTATUS;

/// What the callback named first in [`FAILING`] returns, if that is this one.
static FAILING: std::sync::Mutex<&str> = std::sync::Mutex::new("");
static STATUS: AtomicI32 = AtomicI32::new(STATUS_UNSUCCESSFUL);

fn happened(name: &str) -> NTSTATUS {
    log(name);
    let failing = FAILING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if *failing == name {
        STATUS.load(Ordering::SeqCst)
    } else {
        STATUS_SUCCESS
    }
}

unsafe extern "C" fn prepare(
    _: WDFDEVICE,
    raw: WDFCMRESLIST,
    translated: WDFCMRESLIST,
) -> NTSTATUS {
    assert!(!raw.is_null() && !translated.is_null());
    happened("PrepareHardware")
}

unsafe extern "C" fn release(_: WDFDEVICE, _: WDFCMRESLIST) -> NTSTATUS {
    happened("ReleaseHardware")
}

unsafe extern "C" fn d0_entry(_: WDFDEVICE, previous: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    log(format!("previous {previous}"));
    happened("D0Entry")
}

unsafe extern "C" fn d0_entry_post(_: WDFDEVICE, _: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    happened("D0EntryPost")
}

unsafe extern "C" fn d0_exit(_: WDFDEVICE, target: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    log(format!("target {target}"));
    happened("D0Exit")
}

unsafe extern "C" fn d0_exit_pre(_: WDFDEVICE, _: WDF_POWER_DEVICE_STATE) -> NTSTATUS {
    happened("D0ExitPre")
}

macro_rules! simple {
    ($($function:ident = $name:literal $(-> $result:ty)?;)*) => {$(
        unsafe extern "C" fn $function(_: WDFDEVICE) $(-> $result)? {
            let _status = happened($name);
            $({ let status: $result = _status; status })?
        }
    )*};
}

simple! {
    io_init = "IoInit" -> NTSTATUS;
    io_suspend = "IoSuspend" -> NTSTATUS;
    io_restart = "IoRestart" -> NTSTATUS;
    io_flush = "IoFlush";
    io_cleanup = "IoCleanup";
    surprise = "SurpriseRemoval";
    query_remove = "QueryRemove" -> NTSTATUS;
    query_stop = "QueryStop" -> NTSTATUS;
}

fn all_callbacks() -> WDF_PNPPOWER_EVENT_CALLBACKS {
    WDF_PNPPOWER_EVENT_CALLBACKS {
        Size: size_of::<WDF_PNPPOWER_EVENT_CALLBACKS>() as ULONG,
        EvtDeviceD0Entry: Some(d0_entry),
        EvtDeviceD0EntryPostInterruptsEnabled: Some(d0_entry_post),
        EvtDeviceD0Exit: Some(d0_exit),
        EvtDeviceD0ExitPreInterruptsDisabled: Some(d0_exit_pre),
        EvtDevicePrepareHardware: Some(prepare),
        EvtDeviceReleaseHardware: Some(release),
        EvtDeviceSelfManagedIoCleanup: Some(io_cleanup),
        EvtDeviceSelfManagedIoFlush: Some(io_flush),
        EvtDeviceSelfManagedIoInit: Some(io_init),
        EvtDeviceSelfManagedIoSuspend: Some(io_suspend),
        EvtDeviceSelfManagedIoRestart: Some(io_restart),
        EvtDeviceSurpriseRemoval: Some(surprise),
        EvtDeviceQueryRemove: Some(query_remove),
        EvtDeviceQueryStop: Some(query_stop),
        ..WDF_PNPPOWER_EVENT_CALLBACKS::default()
    }
}

/// A device with every callback, a labelled child and itself labelled.
fn observed() -> Hooks {
    let hooks = Hooks {
        pnp: all_callbacks(),
        device_attributes: Some(logged(attributes())),
        ..Hooks::default()
    };
    hooks.created(|device| {
        label(device, "device");
        logged_object(device, "child");
        create_queue(device, default_config(PARALLEL));
        STATUS_SUCCESS
    })
}

const STARTED: [&str; 5] = [
    "PrepareHardware",
    "previous 5",
    "D0Entry",
    "D0EntryPost",
    "IoInit",
];
const RELEASED: [&str; 5] = [
    "IoSuspend",
    "D0ExitPre",
    "target 5",
    "D0Exit",
    "ReleaseHardware",
];
const GONE: [&str; 6] = [
    "IoFlush",
    "IoCleanup",
    "cleanup child",
    "cleanup device",
    "destroy child",
    "destroy device",
];

fn set_failing(name: &'static str) {
    *FAILING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner) = name;
}

/// The PnP and power callbacks of start and removal run in the documented order (DEV-52, DEV-55,
/// DEV-57).
#[test]
fn the_callbacks_of_start_and_removal_come_in_their_order() {
    let outcome = run(verified(), observed(), |machine| {
        set_failing("");
        let device = machine.add();
        assert_eq!(take_log(), STARTED);
        assert_eq!(machine.kernel.interfaces(&CLASS).len(), 1);
        device.remove().expect("is removed");
        let mut wanted = vec!["QueryRemove"];
        wanted.extend(RELEASED);
        wanted.extend(GONE);
        assert_eq!(take_log(), wanted);
        assert_eq!(machine.kernel.interfaces(&CLASS).len(), 0);
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// Callbacks that fail do not stop the removal (DEV-56).
#[test]
fn a_surprise_removal_is_told_before_the_release() {
    for failing in ["", "D0Exit", "ReleaseHardware", "IoSuspend"] {
        let outcome = run(verified(), observed(), move |machine| {
            set_failing("");
            let device = machine.add();
            drop(take_log());
            set_failing(failing);
            device.surprise_remove().expect("is removed");
            let mut wanted = vec!["SurpriseRemoval"];
            wanted.extend(RELEASED);
            wanted.extend(GONE);
            assert_eq!(take_log(), wanted);
        });
        outcome.unwrap_or_else(|stop| panic!("{stop}"));
    }
}

/// A callback that fails the start leads back through the callbacks that ran (DEV-54).
#[test]
fn a_failed_start_undoes_what_was_reached() {
    let prepare = vec!["PrepareHardware", "ReleaseHardware"];
    let entry = vec![
        "PrepareHardware",
        "previous 5",
        "D0Entry",
        "ReleaseHardware",
    ];
    let cases = [
        ("PrepareHardware", prepare, STATUS_UNSUCCESSFUL),
        // Whatever the driver says, the device did not power up.
        ("D0Entry", entry, STATUS_DEVICE_POWER_FAILURE),
    ];
    for (failing, wanted, status) in cases {
        let outcome = run(verified(), observed(), move |machine| {
            set_failing(failing);
            let failure = machine.try_add().expect_err("does not start");
            assert_eq!(failure.0, status);
            let log = take_log();
            let (start, end) = log.split_at(wanted.len());
            assert_eq!(start, wanted);
            assert_eq!(end, &GONE[2..], "self-managed I/O never began");
        });
        outcome.unwrap_or_else(|stop| panic!("{stop}"));
    }
}

/// EvtDeviceSelfManagedIoInit that fails ends the start, and the device leaves D0 (DEV-54).
#[test]
fn a_failing_self_managed_io_init_leaves_d0_and_releases() {
    let outcome = run(verified(), observed(), move |machine| {
        set_failing("IoInit");
        let failure = machine.try_add().expect_err("does not start");
        assert_eq!(failure.0, STATUS_DEVICE_POWER_FAILURE);
        let mut wanted = STARTED.to_vec();
        wanted.extend(["D0ExitPre", "target 5", "D0Exit", "ReleaseHardware"]);
        wanted.extend(GONE);
        assert_eq!(take_log(), wanted);
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// Later power-ups restart self-managed I/O, from D3Final, the state of a stopped device (DEV-52,
/// DEV-61).
#[test]
fn a_stopped_device_restarts() {
    let outcome = run(verified(), observed(), |machine| {
        set_failing("");
        let device = machine.add();
        drop(take_log());
        device.stop().expect("stops");
        let stopped = [
            "QueryStop",
            "IoSuspend",
            "D0ExitPre",
            "target 5",
            "D0Exit",
            "ReleaseHardware",
        ];
        assert_eq!(take_log(), stopped);
        device.start().expect("starts");
        let restarted = [
            "PrepareHardware",
            "previous 5",
            "D0Entry",
            "D0EntryPost",
            "IoRestart",
        ];
        assert_eq!(take_log(), restarted);
        device.remove().expect("is removed");
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// EvtDeviceQueryRemove can fail the query (DEV-55).
#[test]
fn a_driver_may_refuse_an_orderly_removal() {
    let outcome = run(verified(), observed(), |machine| {
        set_failing("QueryRemove");
        let device = machine.add();
        assert_eq!(
            device.clone().remove().map_err(|status| status.0),
            Err(STATUS_UNSUCCESSFUL)
        );
        set_failing("");
        drop(machine.open());
        device.remove().expect("is removed");
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// The framework deletes a device if EvtDriverDeviceAdd fails after creating it (DEV-25).
#[test]
fn a_device_whose_device_add_fails_is_torn_down() {
    let hooks = observed().created(|device| {
        label(device, "device");
        logged_object(device, "child");
        create_queue(device, default_config(PARALLEL));
        STATUS_NOT_SUPPORTED
    });
    let outcome = run(verified(), hooks, |machine| {
        let failure = machine.try_add().expect_err("fails");
        assert_eq!(failure.0, STATUS_NOT_SUPPORTED);
        assert_eq!(take_log(), &GONE[2..]);
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// EvtDriverUnload runs before the driver object's children are deleted (DEV-23, MEM-29).
#[test]
fn unloading_calls_the_driver_before_its_objects_are_deleted() {
    let hooks = Hooks::default()
        .created(|_| {
            logged_object(null_mut::<WDFDRIVER__>(), "of the driver");
            STATUS_SUCCESS
        })
        .unload(|_| log("unload"));
    let (outcome, log) = run_to_end(verified(), hooks, |machine| {
        machine.add().remove().expect("is removed");
        assert!(take_log().is_empty(), "it outlives the device");
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
    assert_eq!(
        log,
        ["unload", "cleanup of the driver", "destroy of the driver"]
    );
}

/// Loading, starting, removing and unloading many times leaves no memory behind (DEV-5, DEV-23,
/// DEV-57).
#[test]
fn devices_come_and_go_without_a_trace() {
    let outcome = run(verified(), queued(PARALLEL), |machine| {
        let before = machine.kernel.verifier();
        for round in 0..20 {
            let first = machine.add();
            let second = machine.add();
            drop(machine.open());
            if round % 2 == 0 {
                first.remove().expect("is removed");
                second.surprise_remove().expect("is removed");
            } else {
                second.remove().expect("is removed");
                first.remove().expect("is removed");
            }
        }
        let after = machine.kernel.verifier();
        assert_eq!(before.tags, after.tags);
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// Power-managed queues deliver before EvtDeviceSelfManagedIoRestart runs (DEV-53).
#[test]
fn queues_deliver_before_self_managed_io_restarts() {
    let hooks = observed().control(|_, request, _, _, _| {
        log("delivered");
        complete(request, STATUS_SUCCESS);
    });
    let outcome = run(verified(), hooks, |machine| {
        set_failing("");
        let device = machine.add();
        let file = machine.open();
        device.stop().expect("stops");
        let pending = file.ioctl_async(BUFFERED, &[1], 0);
        drop(take_log());
        device.start().expect("starts");
        let log = take_log();
        let at = |text| log.iter().position(|line| line == text);
        assert!(at("D0EntryPost") < at("delivered") && at("delivered") < at("IoRestart"));
        assert_eq!(pending.wait().0.status, STATUS_SUCCESS);
        file.close();
        device.remove().expect("is removed");
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// The removal waits for a callback that has completed its request and not returned (QUE-57,
/// DEV-55).
#[test]
fn removal_waits_for_callbacks_to_return() {
    let hooks = observed().control(|queue, request, _, _, _| {
        complete(request, STATUS_SUCCESS);
        log("completed");
        while !peek_log().iter().any(|line| line == "IoSuspend") {
            std::thread::yield_now();
        }
        // Time for the removal to go on, if it could.
        std::thread::sleep(std::time::Duration::from_millis(20));
        logged_object(wdf!(WdfIoQueueGetDevice(queue)), "late child");
        log("returns");
    });
    let outcome = run(verified(), hooks, |machine| {
        set_failing("");
        let device = machine.add();
        let file = machine.open();
        drop(take_log());
        std::thread::scope(|scope| {
            let completed = scope.spawn(|| file.ioctl(BUFFERED, &[1], &mut []).status);
            while peek_log().is_empty() {
                std::thread::yield_now();
            }
            device.surprise_remove().expect("is removed");
            assert_eq!(completed.join().expect("no panic"), STATUS_SUCCESS);
        });
        file.close();
        let mut wanted = vec!["completed", "SurpriseRemoval", "IoSuspend", "returns"];
        wanted.extend(&RELEASED[1..]);
        wanted.extend(&GONE[..3]);
        wanted.extend(["cleanup late child", "cleanup device"]);
        wanted.extend(["destroy child", "destroy late child", "destroy device"]);
        assert_eq!(take_log(), wanted);
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// A device is removed while several threads send requests (DEV-56, DEV-58).
#[test]
fn a_device_vanishes_under_traffic() {
    for kind in [SEQUENTIAL, PARALLEL] {
        let hooks = queued(kind).control(|_, request, _, _, _| complete(request, STATUS_SUCCESS));
        let outcome = run(verified(), hooks, |machine| {
            for _ in 0..10 {
                let device = machine.add();
                std::thread::scope(|scope| {
                    let senders = [machine.open(), machine.open()].map(|file| {
                        scope.spawn(move || {
                            while file.ioctl(BUFFERED, &[1], &mut []).status == STATUS_SUCCESS {}
                            file
                        })
                    });
                    // A moment for the senders to begin.
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    device.surprise_remove().expect("is removed");
                    for sender in senders {
                        sender.join().expect("no panic").close();
                    }
                });
            }
        });
        outcome.unwrap_or_else(|stop| panic!("{stop}"));
    }
}
