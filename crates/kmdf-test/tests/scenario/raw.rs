//! Drivers without `kmdf`: one on the raw calls of the framework, and one without a framework.

use super::panic_of;
use kmdf_sys::entry::fx_driver_entry;
use kmdf_sys::{
    _POOL_TYPE, DEVICE_OBJECT, DO_BUFFERED_IO, DRIVER_OBJECT, FILE_DEVICE_UNKNOWN, IRP, NTSTATUS,
    PCUNICODE_STRING, PDRIVER_OBJECT, PUNICODE_STRING, PWDFDEVICE_INIT,
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, UNICODE_STRING,
    WDF_DRIVER_CONFIG, WDFDRIVER, call_unsafe_wdf_function_binding, ntddk,
};
use kmdf_test::Scenario;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};

/// The size that the driver says its configuration has.
static CONFIG_SIZE: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn add_device(_driver: WDFDRIVER, _init: PWDFDEVICE_INIT) -> NTSTATUS {
    STATUS_INVALID_PARAMETER
}

unsafe extern "C" fn driver_entry(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    let mut config = WDF_DRIVER_CONFIG {
        Size: CONFIG_SIZE.load(Ordering::Relaxed),
        EvtDriverDeviceAdd: Some(add_device),
        ..WDF_DRIVER_CONFIG::default()
    };
    let (attributes, handle) = (null_mut(), null_mut());
    // SAFETY: The arguments are those of the entry point, and a configuration that lives as long as the call.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfDriverCreate,
            driver,
            path,
            attributes,
            &mut config,
            handle
        )
    }
}

unsafe extern "C" fn kmdf_entry(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: This is the image's entry point, called by the kernel.
    unsafe { fx_driver_entry(driver, path, driver_entry) }
}

#[test]
fn a_driver_on_the_raw_calls_is_loaded_and_reported_like_any_other() {
    let scenario = || Scenario::new("raw", kmdf_entry);
    CONFIG_SIZE.store(size_of::<WDF_DRIVER_CONFIG>() as ULONG, Ordering::Relaxed);
    scenario().without_device().run(|test| {
        let refused = test.add_device().expect_err("the driver refuses");
        assert_eq!(refused.status, STATUS_INVALID_PARAMETER);
        assert_eq!(refused.failed_calls, [] as [String; 0], "it made none");
    });
    CONFIG_SIZE.store(4, Ordering::Relaxed);
    let refused = scenario()
        .without_driver()
        .run(|test| test.load().map(drop));
    let refused = refused.expect_err("the configuration is wrong");
    assert_eq!(refused.status, STATUS_INFO_LENGTH_MISMATCH);
    let call = refused.failed_calls.last().expect("the call that failed");
    assert!(call.starts_with("WdfDriverCreate("), "{call}");
    assert!(
        call.contains("no attributes, DriverConfig (Size 4)"),
        "{call}"
    );
}

unsafe extern "C" fn unload(_driver: *mut DRIVER_OBJECT) {}

unsafe extern "C" fn leaking_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: At PASSIVE_LEVEL any pool may be allocated from.
    let block = unsafe { ntddk::ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, 8, 0x204D_4457) };
    assert!(!block.is_null());
    // SAFETY: The kernel passes the driver's own object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    STATUS_SUCCESS
}

const DEVICE: &str = r"\Device\Claiming";

unsafe extern "C" fn claiming_unload(driver: *mut DRIVER_OBJECT) {
    // SAFETY: The kernel passes the driver's own object.
    let device = unsafe { (*driver).DeviceObject };
    // SAFETY: The only device of this driver, which nobody has open.
    unsafe { ntddk::IoDeleteDevice(device) };
}

/// Completes every request with as many bytes, whatever room there is.
unsafe extern "C" fn claim(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: The I/O manager passes an IRP that is this driver's now.
    let irp = unsafe { &mut *irp };
    irp.IoStatus.Information = 100;
    irp.IoStatus.__bindgen_anon_1.Status = STATUS_SUCCESS;
    // SAFETY: The IRP is not touched again.
    unsafe { ntddk::IofCompleteRequest(irp, 0) };
    STATUS_SUCCESS
}

unsafe extern "C" fn claiming_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    let mut units: Vec<u16> = DEVICE.encode_utf16().collect();
    let length = (units.len() * 2) as u16;
    let mut name = UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: units.as_mut_ptr(),
    };
    let mut device = null_mut();
    // SAFETY: The kernel's driver object, and a name that lives as long as the call.
    let status = unsafe {
        ntddk::IoCreateDevice(
            driver,
            0,
            &raw mut name,
            FILE_DEVICE_UNKNOWN,
            0,
            0,
            &raw mut device,
        )
    };
    assert_eq!(status, STATUS_SUCCESS);
    // SAFETY: The device is this driver's.
    unsafe { (*device).Flags |= DO_BUFFERED_IO };
    // SAFETY: The kernel passes the driver's own object.
    let driver = unsafe { &mut *driver };
    driver.MajorFunction = [Some(claim as _); 28];
    driver.DriverUnload = Some(claiming_unload);
    STATUS_SUCCESS
}

#[test]
fn information_beyond_the_buffer_fails_the_test() {
    let message = panic_of(|| {
        Scenario::new("claiming", claiming_entry)
            .without_device()
            .run(|test| {
                let file = test.open_path(DEVICE);
                assert_eq!(file.read(100).information, 100);
                file.read(99)
            })
    });
    assert!(
        message.contains("information 100, but its buffer has 99 bytes"),
        "{message}"
    );
}

unsafe extern "C" fn resident_entry(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    STATUS_SUCCESS
}

#[test]
fn a_wdm_driver_is_checked_for_leaks() {
    let leaking = Scenario::new("wdm", leaking_entry).without_device();
    let stop = leaking.try_run(|_| ()).expect_err("a block is left");
    assert_eq!((stop.code, stop.parameters[0]), (0xC4, 0x62), "{stop}");
    assert!(stop.message.contains("'WDM '"), "{stop}");
}

#[test]
fn a_driver_that_cannot_be_unloaded_fails_the_scenario() {
    let resident = Scenario::new("resident", resident_entry).without_device();
    let message = panic_of(|| resident.run(|_| ()));
    assert!(
        message.contains("the driver resident was not unloaded"),
        "{message}"
    );
}
