//! The end of a run whose scenario leaves handles open, devices started and drivers loaded.

mod wdm;

use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use nt_model::{Kernel, MODEL_STOP};
use std::any::Any;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wdm::pnp::{Behaviour, CLASS, Correct, entry, pass_down, see, seen};
use wdm::{Request, assert_stop, boot, code, crash, peek};

const CANCELABLE: u32 = code(1, METHOD_BUFFERED);
const KEPT: u32 = code(2, METHOD_BUFFERED);

unsafe extern "C" fn cancel(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: An IRP that is being cancelled is alive.
    let before = peek(unsafe { &raw const (*irp).CancelIrql });
    // SAFETY: The cancel routine runs with the cancel spin lock held.
    unsafe { IoReleaseCancelSpinLock(before) };
    see("cancel");
    Request(irp).complete(STATUS_CANCELLED, 0);
}

/// Keeps every control, one kind of them with a cancel routine.
struct Keeping;

impl Behaviour for Keeping {
    fn control(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        request.mark_pending();
        if request.control().0 == CANCELABLE {
            request.set_cancel_routine(Some(cancel));
        }
        STATUS_PENDING
    }
}

fn start<B: Behaviour + 'static>(kernel: &Kernel) {
    let driver = kernel.load_driver("thing", entry::<B>).unwrap();
    driver.add_device(r"Root\Thing").unwrap();
    seen();
}

/// Where the values are that a scenario forgets, so that a leak checker finds them.
static FORGOTTEN: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());

fn forget(value: impl Any + Send) {
    FORGOTTEN.lock().unwrap().push(Box::new(value));
}

/// Until the test has read what the drivers saw, no other may run.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the drivers of a scenario see once their devices are started, to the end of the run.
fn seen_by_drivers<T: Send + 'static>(
    scenario: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> Vec<String> {
    let _turn = turn();
    let value = boot(scenario);
    let seen = seen();
    // What is in the value outlives the machine.
    drop(value);
    seen
}

/// What a driver sees at the end of a run that leaves its device.
const END: [&str; 3] = ["query remove", "remove", "unload"];

#[test]
fn a_driver_left_loaded_is_unloaded_with_its_devices() {
    let seen = seen_by_drivers(|kernel| {
        start::<Correct>(kernel);
        kernel.load_driver("other", entry::<Correct>).unwrap();
    });
    assert_eq!(seen, [&END[..], &["unload"]].concat());
}

#[test]
fn what_a_driver_left_loaded_leaks_stops_the_run() {
    struct Leaking;
    impl Behaviour for Leaking {
        fn created(_device: PDEVICE_OBJECT) {
            // SAFETY: At PASSIVE_LEVEL any pool may be allocated from.
            let block = unsafe { ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, 100, 0x6B61_654C) };
            assert!(!block.is_null());
        }
    }
    let _turn = turn();
    let stop = crash(start::<Leaking>);
    assert_stop(&stop, DRIVER_VERIFIER_DETECTED_VIOLATION, 0x62);
    assert!(
        stop.message.contains("'Leak' Paged: 1 blocks, 100 bytes"),
        "{stop}"
    );
}

#[test]
fn a_handle_left_open_is_closed() {
    let seen = seen_by_drivers(|kernel| {
        start::<Correct>(kernel);
        forget(kernel.open_interface(&CLASS).unwrap());
    });
    let expected = [&["create", "cleanup", "close"][..], &END[..]].concat();
    assert_eq!(seen, expected);
}

#[test]
fn a_request_left_pending_on_a_handle_left_open_is_cancelled() {
    let seen = seen_by_drivers(|kernel| {
        start::<Keeping>(kernel);
        let file = kernel.open_interface(&CLASS).unwrap();
        forget(file.ioctl_async(CANCELABLE, &[], 0));
        // In other hands the request outlives the scenario.
        let pending = file.ioctl_async(CANCELABLE, &[], 10);
        (file, pending)
    });
    let expected = [
        &["create", "cancel", "cancel", "cleanup", "close"][..],
        &END[..],
    ]
    .concat();
    assert_eq!(seen, expected);
}

#[test]
fn a_request_that_nothing_cancels_is_lost() {
    let _turn = turn();
    let stop = crash(|kernel| {
        start::<Keeping>(kernel);
        let file = kernel.open_interface(&CLASS).unwrap();
        forget(file.ioctl_async(KEPT, &[], 0));
        forget(file);
    });
    assert_stop(&stop, MODEL_STOP, 1);
    assert!(stop.message.contains("never completed"), "{stop}");
}

#[test]
fn a_device_whose_driver_refuses_the_removal_goes_without_being_asked() {
    struct Refusing;
    impl Behaviour for Refusing {
        fn pnp(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            if request.minor() == IRP_MN_QUERY_REMOVE_DEVICE {
                return request.complete(STATUS_DEVICE_BUSY, 0);
            }
            pass_down(device, request)
        }
    }
    let seen = seen_by_drivers(|kernel| {
        start::<Refusing>(kernel);
        let refused = kernel.shut_down();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].contains("STATUS_DEVICE_BUSY"), "{refused:?}");
    });
    let expected = [
        "query remove",
        "cancel remove",
        "surprise removal",
        "remove",
        "unload",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_driver_that_cannot_be_unloaded_stays() {
    unsafe extern "C" fn stays(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
        // SAFETY: The arguments are the kernel's.
        let status = unsafe { entry::<Correct>(driver, path) };
        // SAFETY: The driver object is the kernel's.
        unsafe { (*driver).DriverUnload = None };
        status
    }
    let seen = seen_by_drivers(|kernel| {
        seen();
        kernel.load_driver("thing", stays).unwrap();
        let refused = kernel.shut_down();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].contains("thing was not unloaded"), "{refused:?}");
    });
    assert_eq!(seen, [] as [&str; 0]);
}

#[test]
fn a_scenario_shuts_its_machine_down_itself() {
    let seen = seen_by_drivers(|kernel| {
        start::<Correct>(kernel);
        let file = kernel.open_interface(&CLASS).unwrap();
        assert_eq!(kernel.shut_down(), [] as [&str; 0]);
        assert_eq!(kernel.verifier().live_blocks, 0);
        assert_eq!(
            file.ioctl(code(3, 0), &[], &mut []).status,
            STATUS_INVALID_HANDLE
        );
        file.close();
        assert_eq!(kernel.shut_down(), [] as [&str; 0]);
    });
    assert_eq!(
        seen,
        [&["create", "cleanup", "close"][..], &END[..]].concat()
    );
}
