//! A driver with devices and a queue, for the rules about objects that only those have.

use crate::driver::*;
use kmdf_sys::entry::fx_driver_entry;
use kmdf_sys::*;
use nt_model::{Config, Kernel, Stop};
use std::ptr::{null, null_mut};
use std::sync::{Mutex, PoisonError};

/// What the queue's callback does with a request before it completes it.
type Handler = fn(device: WDFDEVICE, request: WDFREQUEST);

static HANDLER: Mutex<Option<Handler>> = Mutex::new(None);
static DEVICES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

const INTERFACE: GUID = GUID {
    Data1: 0x0b1e_c7ed,
    Data2: 1,
    Data3: 2,
    Data4: [3; 8],
};

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The devices that were added, oldest first.
pub(crate) fn devices() -> Vec<WDFDEVICE> {
    let devices = locked(&DEVICES);
    devices
        .iter()
        .map(|&address| std::ptr::without_provenance_mut(address))
        .collect()
}

unsafe extern "C" fn image_entry(
    driver_object: PDRIVER_OBJECT,
    registry_path: PUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: Called by the kernel as the image's entry point.
    unsafe { fx_driver_entry(driver_object, registry_path, driver_entry) }
}

unsafe extern "C" fn driver_entry(
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        EvtDriverDeviceAdd: Some(device_add),
        ..WDF_DRIVER_CONFIG::default()
    };
    let none = null_mut();
    wdf!(WdfDriverCreate(
        driver_object,
        registry_path,
        none,
        &mut config,
        null_mut()
    ))
}

/// The callbacks of a device are synchronised by its lock.
unsafe extern "C" fn device_add(_driver: WDFDRIVER, mut init: PWDFDEVICE_INIT) -> NTSTATUS {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeDevice,
        ..attributes()
    };
    let mut device = null_mut();
    let status = wdf!(WdfDeviceCreate(&mut init, &mut attributes, &mut device));
    assert_eq!(status, STATUS_SUCCESS);
    locked(&DEVICES).push(device.addr());
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as ULONG,
        DispatchType: _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchSequential,
        PowerManaged: _WDF_TRI_STATE::WdfUseDefault,
        DefaultQueue: 1,
        EvtIoDeviceControl: Some(device_control),
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    let mut queue_attributes = WDF_OBJECT_ATTRIBUTES {
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeNone,
        ..crate::driver::attributes()
    };
    let status = wdf!(WdfIoQueueCreate(
        device,
        &mut config,
        &mut queue_attributes,
        null_mut()
    ));
    assert_eq!(status, STATUS_SUCCESS);
    wdf!(WdfDeviceCreateDeviceInterface(device, &INTERFACE, null()))
}

unsafe extern "C" fn device_control(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    _output_length: usize,
    _input_length: usize,
    _code: ULONG,
) {
    let handler = *locked(&HANDLER);
    if let Some(handler) = handler {
        handler(wdf!(WdfIoQueueGetDevice(queue)), request);
    }
    wdf!(WdfRequestComplete(request, STATUS_SUCCESS));
}

/// Runs a test with two devices of the driver, started.
pub(crate) fn run_with_devices<T: Send + 'static>(
    config: Config,
    test: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> (Result<T, Stop>, Vec<String>) {
    run_image(config, image_entry, |kernel, driver| {
        locked(&DEVICES).clear();
        let add = || driver.add_device(r"Root\Tdrv").expect("added");
        let added = [add(), add()];
        let outcome = test(kernel);
        for device in added {
            device.remove().expect("removed");
        }
        outcome
    })
}

/// Sends one request of 16 bytes each way and has the handler look at it.
pub(crate) fn with_request(
    config: Config,
    method: u32,
    handler: Handler,
) -> (Option<Stop>, Vec<String>) {
    let (outcome, log) = run_with_devices(config, move |kernel| {
        *locked(&HANDLER) = Some(handler);
        let file = kernel.open_interface(&INTERFACE).expect("opened");
        let code = 0x22 << 16 | 0x800 << 2 | method;
        let status = file.ioctl(code, &[1; 16], &mut [2; 16]);
        assert_eq!(status.status, STATUS_SUCCESS);
        file.close();
    });
    (outcome.err(), log)
}

/// The memory object of the request's input.
pub(crate) fn input(request: WDFREQUEST) -> WDFMEMORY {
    let mut memory = null_mut();
    let status = wdf!(WdfRequestRetrieveInputMemory(request, &mut memory));
    assert_eq!(status, STATUS_SUCCESS);
    memory
}

/// The memory object of the request's output.
pub(crate) fn output(request: WDFREQUEST) -> WDFMEMORY {
    let mut memory = null_mut();
    let status = wdf!(WdfRequestRetrieveOutputMemory(request, &mut memory));
    assert_eq!(status, STATUS_SUCCESS);
    memory
}
