//! Mistakes of a driver with IRPs, devices and work items, and the bug check of
//! Windows for it.

mod wdm;

use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use nt_model::{Config, Stop, Verifier, run};
use std::ptr::null_mut;
use wdm::control::{self, Behaviour, PATH, entry};
use wdm::{Request, assert_stop, code, crash, peek};

/// Sends one request to a driver that handles it wrongly.
fn mishandle<B: Behaviour + 'static>() -> Stop {
    crash(|kernel| {
        let driver = kernel.load_driver("test", entry::<B>).unwrap();
        let file = kernel.open(PATH).unwrap();
        file.ioctl(code(1, METHOD_BUFFERED), &[1], &mut [0; 4]);
        drop(file);
        driver.unload()
    })
}

fn unverified() -> Config {
    Config {
        verifier: Verifier::off(),
        ..Config::default()
    }
}

/// Declares a driver by how it handles a request.
macro_rules! driver {
    ($name:ident, |$device:ident, $request:ident| $body:expr) => {
        struct $name;
        impl Behaviour for $name {
            fn handle($device: PDEVICE_OBJECT, $request: Request) -> NTSTATUS {
                $body
            }
        }
    };
}

unsafe extern "C" fn cancel_routine(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: The cancel routine runs with the cancel spin lock held.
    unsafe { IoReleaseCancelSpinLock(peek(irp).CancelIrql) };
}

#[test]
fn completing_twice_is_0x44() {
    driver!(Twice, |_device, request| {
        request.complete(STATUS_SUCCESS, 0);
        request.finish();
        STATUS_SUCCESS
    });
    let stop = mishandle::<Twice>();
    assert_eq!(stop.code, MULTIPLE_IRP_COMPLETE_REQUESTS, "{stop}");
}

#[test]
fn completing_with_status_pending_is_0xc9_6() {
    driver!(Pending, |_device, request| request
        .complete(STATUS_PENDING, 0));
    let stop = mishandle::<Pending>();
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 6);
    assert_eq!(stop.parameters[1], STATUS_PENDING as u64);
    driver!(Garbage, |_device, request| request.complete(-1, 0));
    let stop = mishandle::<Garbage>();
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 6);
}

#[test]
fn completing_with_a_cancel_routine_set_is_0xc9_7() {
    driver!(Cancelable, |_device, request| {
        request.set_cancel_routine(Some(cancel_routine));
        request.complete(STATUS_SUCCESS, 0)
    });
    let stop = mishandle::<Cancelable>();
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 7);
}

#[test]
fn completing_above_dispatch_level_is_0xc9_e() {
    driver!(High, |_device, request| {
        // SAFETY: KfRaiseIrql checks its arguments itself.
        unsafe { KfRaiseIrql(5) };
        request.complete(STATUS_SUCCESS, 0)
    });
    let stop = mishandle::<High>();
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0xE);
    assert_eq!(stop.parameters[1], 5);
}

#[test]
fn returning_at_another_irql_is_0xc9_5_or_0x4a_without_verifier() {
    driver!(Raised, |_device, request| {
        // SAFETY: KfRaiseIrql checks its arguments itself.
        unsafe { KfRaiseIrql(DISPATCH_LEVEL as KIRQL) };
        request.complete(STATUS_SUCCESS, 0)
    });
    let stop = mishandle::<Raised>();
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 5);
    assert_eq!(stop.parameters[2..], [0, 2]);
    let stop = run(unverified(), |kernel| {
        kernel.load_driver("test", entry::<Raised>).unwrap();
        let file = kernel.open(PATH).unwrap();
        file.ioctl(code(1, METHOD_BUFFERED), &[], &mut [])
    });
    let stop = stop.unwrap_err();
    assert_eq!(
        (stop.code, stop.parameters[1]),
        (IRQL_GT_ZERO_AT_SYSTEM_SERVICE, 2)
    );
}

#[test]
fn returning_pending_without_marking_is_0xc9_23d() {
    driver!(Unmarked, |_device, request| {
        request.complete(STATUS_SUCCESS, 0);
        STATUS_PENDING
    });
    assert_stop(
        &mishandle::<Unmarked>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x23D,
    );
    driver!(UnmarkedAndKept, |_device, _request| STATUS_PENDING);
    assert_stop(
        &mishandle::<UnmarkedAndKept>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x23D,
    );
}

#[test]
fn marking_without_returning_pending_is_0xc9_23e() {
    driver!(Marked, |_device, request| {
        request.mark_pending();
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_stop(
        &mishandle::<Marked>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x23E,
    );
}

#[test]
fn returning_another_status_than_completed_with_is_0xc9_224() {
    driver!(Lying, |_device, request| {
        request.complete(STATUS_UNSUCCESSFUL, 0);
        STATUS_SUCCESS
    });
    assert_stop(
        &mishandle::<Lying>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x224,
    );
}

#[test]
fn returning_without_completing_is_0xc9_226() {
    driver!(Lost, |_device, _request| STATUS_SUCCESS);
    assert_stop(
        &mishandle::<Lost>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x226,
    );
}

#[test]
fn sending_without_a_stack_location_left_is_0x35() {
    driver!(Looping, |device, request| request.call(device));
    let stop = mishandle::<Looping>();
    assert_eq!(stop.code, NO_MORE_IRP_STACK_LOCATIONS, "{stop}");
}

#[test]
fn sending_to_nobody_is_0xc9_204_and_to_nothing_4() {
    driver!(Nobody, |_device, request| request.call(null_mut()));
    assert_stop(
        &mishandle::<Nobody>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x204,
    );
    driver!(Nothing, |device, request| request
        .call(device.wrapping_byte_add(16)));
    assert_stop(
        &mishandle::<Nothing>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        4,
    );
}

#[test]
fn sending_with_a_cancel_routine_set_is_0xc9_203() {
    driver!(Cancelable, |device, request| {
        request.set_cancel_routine(Some(cancel_routine));
        request.call(device)
    });
    assert_stop(
        &mishandle::<Cancelable>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x203,
    );
}

#[test]
fn freeing_the_io_managers_irp_is_0xc9_2_and_what_is_no_irp_1() {
    driver!(Freeing, |_device, request| {
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { IoFreeIrp(request.0) };
        STATUS_SUCCESS
    });
    assert_stop(
        &mishandle::<Freeing>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        2,
    );
    driver!(FreeingTwice, |_device, _request| {
        // SAFETY: IoAllocateIrp checks its arguments itself.
        let irp = unsafe { IoAllocateIrp(1, 0) };
        // SAFETY: The driver's own IRP.
        unsafe { IoFreeIrp(irp) };
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { IoFreeIrp(irp) };
        STATUS_SUCCESS
    });
    assert_stop(
        &mishandle::<FreeingTwice>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        1,
    );
}

/// An IRP of the driver's own for its own device, with the given control code.
fn own_irp(code: u32) -> Request {
    // SAFETY: IoAllocateIrp checks its arguments itself.
    let own = Request(unsafe { IoAllocateIrp(1, 0) });
    let mut location = IO_STACK_LOCATION {
        MajorFunction: IRP_MJ_DEVICE_CONTROL as u8,
        ..IO_STACK_LOCATION::default()
    };
    location.Parameters.DeviceIoControl = _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_17 {
        IoControlCode: code,
        ..Default::default()
    };
    own.write_next(location);
    own
}

const OWN: u32 = code(2, METHOD_BUFFERED);

#[test]
fn freeing_an_irp_that_a_driver_still_has_is_0xc9_20b() {
    driver!(Freeing, |device, request| {
        if request.control().0 == OWN {
            request.mark_pending();
            return STATUS_PENDING;
        }
        let own = own_irp(OWN);
        own.call(device);
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { IoFreeIrp(own.0) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_stop(
        &mishandle::<Freeing>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x20B,
    );
}

#[test]
fn a_driver_must_take_its_own_irp_back() {
    driver!(Forgetting, |device, request| {
        if request.control().0 != OWN {
            own_irp(OWN).call(device);
        }
        request.complete(STATUS_SUCCESS, 0)
    });
    let stop = mishandle::<Forgetting>();
    assert_eq!(stop.code, nt_model::MODEL_STOP, "{stop}");
    assert!(stop.message.contains("IoAllocateIrp"), "{stop}");
}

#[test]
fn cancelling_an_irp_that_is_gone_is_0x48() {
    driver!(Cancelling, |_device, request| {
        let own = own_irp(OWN);
        // SAFETY: The driver's own IRP.
        unsafe { IoFreeIrp(own.0) };
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { IoCancelIrp(own.0) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_eq!(
        mishandle::<Cancelling>().code,
        CANCEL_STATE_IN_COMPLETED_IRP
    );
}

#[test]
fn a_cancel_routine_that_keeps_the_lock_is_0xc8() {
    unsafe extern "C" fn keep_lock(_device: *mut DEVICE_OBJECT, _irp: *mut IRP) {}
    driver!(Keeping, |_device, request| {
        request.mark_pending();
        request.set_cancel_routine(Some(keep_lock));
        STATUS_PENDING
    });
    let stop = crash(|kernel| {
        kernel.load_driver("test", entry::<Keeping>).unwrap();
        let file = kernel.open(PATH).unwrap();
        file.ioctl_async(code(1, 0), &[], 0).cancel()
    });
    assert_stop(&stop, IRQL_UNEXPECTED_VALUE, 2 << 16);
}

#[test]
fn an_entry_point_that_returns_raised_is_0xc8() {
    unsafe extern "C" fn raised(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
        // SAFETY: KfRaiseIrql checks its arguments itself.
        unsafe { KfRaiseIrql(APC_LEVEL as KIRQL) };
        STATUS_SUCCESS
    }
    let stop = crash(|kernel| kernel.load_driver("test", raised).is_ok());
    assert_stop(&stop, IRQL_UNEXPECTED_VALUE, 1 << 16);
}

#[test]
fn leaving_the_kernel_in_a_critical_region_is_0x1() {
    driver!(Critical, |_device, request| {
        // SAFETY: KeEnterCriticalRegion can be called at any time.
        unsafe { KeEnterCriticalRegion() };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_eq!(mishandle::<Critical>().code, 1);
}

#[test]
fn a_device_left_at_unload_is_0xce() {
    unsafe extern "C" fn leave(_driver: *mut DRIVER_OBJECT) {}
    struct Leaving;
    impl Behaviour for Leaving {
        fn created(_device: PDEVICE_OBJECT) {}
        fn handle(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            let driver = peek(device).DriverObject;
            // SAFETY: The driver object is the kernel's.
            unsafe { (*driver).DriverUnload = Some(leave) };
            request.complete(STATUS_SUCCESS, 0)
        }
    }
    let stop = mishandle::<Leaving>();
    assert_eq!(
        stop.code, DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
        "{stop}"
    );
}

#[test]
fn pool_left_at_unload_or_by_a_failed_load_is_0xc4_62() {
    driver!(Leaking, |_device, request| {
        // SAFETY: ExAllocatePoolWithTag checks its arguments itself.
        unsafe { ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, 100, 0x31_32_33_34) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_stop(
        &mishandle::<Leaking>(),
        DRIVER_VERIFIER_DETECTED_VIOLATION,
        0x62,
    );
    unsafe extern "C" fn fail(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
        // SAFETY: ExAllocatePoolWithTag checks its arguments itself.
        unsafe { ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, 100, 0x31_32_33_34) };
        STATUS_UNSUCCESSFUL
    }
    let stop = crash(|kernel| kernel.load_driver("test", fail).is_ok());
    assert_stop(&stop, DRIVER_VERIFIER_DETECTED_VIOLATION, 0x62);
}

#[test]
fn deleting_a_device_twice_is_0xc9_240() {
    driver!(Deleting, |device, request| {
        // SAFETY: A device of this driver, kept by the open handle.
        unsafe { IoDeleteDevice(device) };
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { IoDeleteDevice(device) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_stop(
        &mishandle::<Deleting>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x240,
    );
}

#[test]
fn detaching_what_is_not_attached_is_0xc9_202() {
    driver!(Detaching, |device, request| {
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { IoDetachDevice(device) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_stop(
        &mishandle::<Detaching>(),
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        0x202,
    );
}

#[test]
fn making_a_link_above_passive_level_is_0xc4_2000c() {
    driver!(High, |_device, request| {
        let mut name = wdm::string(control::LINK);
        // SAFETY: KfRaiseIrql checks its arguments itself.
        unsafe { KfRaiseIrql(APC_LEVEL as KIRQL) };
        // SAFETY: The kernel stops the run before it uses the argument.
        let _ = unsafe { IoCreateSymbolicLink(&raw mut name, &raw mut name) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_stop(
        &mishandle::<High>(),
        DRIVER_VERIFIER_DETECTED_VIOLATION,
        0x2000C,
    );
}

unsafe extern "C" fn raised_work(_device: PDEVICE_OBJECT, _context: PVOID) {
    // SAFETY: KfRaiseIrql checks its arguments itself.
    unsafe { KfRaiseIrql(DISPATCH_LEVEL as KIRQL) };
}

unsafe extern "C" fn slow_work(_device: PDEVICE_OBJECT, _context: PVOID) {
    std::thread::sleep(std::time::Duration::from_millis(50));
}

fn queue(item: PIO_WORKITEM, routine: PIO_WORKITEM_ROUTINE) {
    let kind = _WORK_QUEUE_TYPE::DelayedWorkQueue;
    // SAFETY: A work item of the test driver.
    unsafe { IoQueueWorkItem(item, routine, kind, null_mut()) };
}

#[test]
fn a_work_item_that_returns_raised_is_0xe1() {
    driver!(Raising, |device, request| {
        // SAFETY: A device of this driver.
        let item = unsafe { IoAllocateWorkItem(device) };
        queue(item, Some(raised_work));
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_eq!(
        mishandle::<Raising>().code,
        WORKER_THREAD_RETURNED_AT_BAD_IRQL
    );
}

#[test]
fn freeing_a_work_item_twice_is_0xe4() {
    driver!(Freeing, |device, request| {
        // SAFETY: A device of this driver.
        let item = unsafe { IoAllocateWorkItem(device) };
        // SAFETY: Never queued.
        unsafe { IoFreeWorkItem(item) };
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { IoFreeWorkItem(item) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_eq!(mishandle::<Freeing>().code, 0xE4);
}

#[test]
fn a_work_item_keeps_its_device_and_unload_waits_for_it() {
    driver!(Slow, |device, request| {
        let driver = peek(device).DriverObject;
        for object in [device, driver.cast()] {
            // SAFETY: A device of this driver, or the driver.
            let item = unsafe { IoAllocateWorkItem(object) };
            queue(item, Some(slow_work));
        }
        request.complete(STATUS_SUCCESS, 0)
    });
    // Both items are never freed, which is found only once both have run.
    let stop = mishandle::<Slow>();
    assert_stop(&stop, DRIVER_VERIFIER_DETECTED_VIOLATION, 0x62);
    assert_eq!(stop.parameters[3], 2, "{stop}");
}

#[test]
fn an_unlocked_mdl_is_neither_mapped_nor_unlocked() {
    driver!(Mapping, |_device, request| {
        let mut byte = 0_u8;
        let address = (&raw mut byte).cast();
        // SAFETY: A local byte.
        let mdl = unsafe { IoAllocateMdl(address, 1, 0, 0, null_mut()) };
        let (kernel, cached) = (_MODE::KernelMode as i8, _MEMORY_CACHING_TYPE::MmCached);
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { MmMapLockedPagesSpecifyCache(mdl, kernel, cached, null_mut(), 0, 16) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_stop(
        &mishandle::<Mapping>(),
        DRIVER_VERIFIER_DETECTED_VIOLATION,
        0x85,
    );
    driver!(Unlocking, |_device, request| {
        let mut byte = 0_u8;
        let address = (&raw mut byte).cast();
        // SAFETY: A local byte.
        let mdl = unsafe { IoAllocateMdl(address, 1, 0, 0, null_mut()) };
        // SAFETY: The kernel stops the run before it uses the argument.
        unsafe { MmUnlockPages(mdl) };
        request.complete(STATUS_SUCCESS, 0)
    });
    assert_stop(
        &mishandle::<Unlocking>(),
        DRIVER_VERIFIER_DETECTED_VIOLATION,
        0x7C,
    );
}

#[test]
fn without_io_verification_a_wrong_status_passes() {
    driver!(Lying, |_device, request| {
        request.complete(STATUS_UNSUCCESSFUL, 0);
        STATUS_SUCCESS
    });
    let outcome = run(unverified(), |kernel| {
        let driver = kernel.load_driver("test", entry::<Lying>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let outcome = file.ioctl(code(1, 0), &[], &mut []);
        drop(file);
        driver.unload().unwrap();
        outcome.status
    });
    assert_eq!(outcome.unwrap(), STATUS_UNSUCCESSFUL);
}
