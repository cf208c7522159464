//! Drivers without `kmdf`: one on the raw calls of the framework, and one without a framework.

use super::panic_of;
use kmdf_sys::entry::fx_driver_entry;
use kmdf_sys::{
    _POOL_TYPE, DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT, PUNICODE_STRING,
    PWDFDEVICE_INIT, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
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

unsafe extern "C" fn wdm_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: At PASSIVE_LEVEL any pool may be allocated from.
    let block = unsafe { ntddk::ExAllocatePoolWithTag(_POOL_TYPE::PagedPool, 8, 0x204D_4457) };
    assert!(!block.is_null());
    // SAFETY: The kernel passes the driver's own object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    STATUS_SUCCESS
}

unsafe extern "C" fn resident_entry(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    STATUS_SUCCESS
}

#[test]
fn a_wdm_driver_is_checked_for_leaks() {
    let leaking = Scenario::new("wdm", wdm_entry).without_device();
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
