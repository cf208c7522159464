//! A PnP function driver.

use super::{Request, peek};
use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::Mutex;

pub const CLASS: GUID = GUID {
    Data1: 0xA1B2_C3D4,
    Data2: 0x1111,
    Data3: 0x2222,
    Data4: [1, 2, 3, 4, 5, 6, 7, 8],
};

/// The requests that the drivers of a test got, in order.
pub static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

pub fn see(what: impl Into<String>) {
    SEEN.lock().unwrap().push(what.into());
}

pub fn seen() -> Vec<String> {
    std::mem::take(&mut SEEN.lock().unwrap())
}

/// The contents of a device extension.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Extension {
    pub lower: PDEVICE_OBJECT,
    pub interface: UNICODE_STRING,
}

pub fn extension(device: PDEVICE_OBJECT) -> *mut Extension {
    peek(device).DeviceExtension.cast()
}

/// Where a test driver departs from a correct one.
pub trait Behaviour {
    /// Passes a PnP request on, or does what the test is about; after it the usual handling of
    /// remove follows unless `LEAVES` is false.
    fn pnp(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        pass_down(device, request)
    }
    const DETACHES: bool = true;
    const DELETES: bool = true;
    const CLEARS_INITIALIZING: bool = true;
    const ATTACHES: bool = true;
    const LEAVES_AT: u32 = IRP_MN_REMOVE_DEVICE;
    const ADD_STATUS: NTSTATUS = STATUS_SUCCESS;

    fn created(_device: PDEVICE_OBJECT) {}

    fn control(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        request.complete(STATUS_SUCCESS, 0)
    }
}

pub struct Correct;

impl Behaviour for Correct {}

pub fn pass_down(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
    request.skip_location();
    request.call(peek(extension(device)).lower)
}

pub unsafe extern "C" fn entry<B: Behaviour>(
    driver: PDRIVER_OBJECT,
    _path: PUNICODE_STRING,
) -> NTSTATUS {
    let mut functions: [PDRIVER_DISPATCH; 28] = [Some(other); 28];
    functions[IRP_MJ_PNP as usize] = Some(pnp::<B>);
    functions[IRP_MJ_DEVICE_CONTROL as usize] = Some(control::<B>);
    // SAFETY: The driver object is the kernel's.
    unsafe { (*driver).MajorFunction = functions };
    // SAFETY: The kernel's driver object, which DriverEntry may change.
    unsafe { (*driver).DriverUnload = Some(unload) };
    let extension = peek(driver).DriverExtension;
    // SAFETY: Every driver object has an extension, which DriverEntry may change.
    unsafe { (*extension).AddDevice = Some(add_device::<B>) };
    STATUS_SUCCESS
}

unsafe extern "C" fn unload(_driver: *mut DRIVER_OBJECT) {
    see("unload");
}

unsafe extern "C" fn control<B: Behaviour>(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    B::control(device, Request(irp))
}

unsafe extern "C" fn other(_device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    let request = Request(irp);
    match request.major() {
        IRP_MJ_CREATE => see("create"),
        IRP_MJ_CLEANUP => see("cleanup"),
        IRP_MJ_CLOSE => see("close"),
        other => see(format!("major {other:#x}")),
    }
    request.complete(STATUS_SUCCESS, 0)
}

unsafe extern "C" fn add_device<B: Behaviour>(
    driver: *mut DRIVER_OBJECT,
    physical: PDEVICE_OBJECT,
) -> NTSTATUS {
    see("add");
    if !NT_SUCCESS(B::ADD_STATUS) || !B::ATTACHES {
        return B::ADD_STATUS;
    }
    let mut device = null_mut();
    let size = size_of::<Extension>() as u32;
    // SAFETY: The driver object is the kernel's.
    let status = unsafe {
        IoCreateDevice(
            driver,
            size,
            null_mut(),
            FILE_DEVICE_UNKNOWN,
            0,
            0,
            &raw mut device,
        )
    };
    if !NT_SUCCESS(status) {
        return status;
    }
    let mut interface = UNICODE_STRING::default();
    // SAFETY: The physical device object is the PnP manager's.
    let status =
        unsafe { IoRegisterDeviceInterface(physical, &CLASS, null_mut(), &raw mut interface) };
    assert_eq!(status, STATUS_SUCCESS);
    // SAFETY: A device of this driver.
    let lower = unsafe { IoAttachDeviceToDeviceStack(device, physical) };
    assert_eq!(lower, physical);
    // SAFETY: The device has an extension of this type.
    unsafe { extension(device).write(Extension { lower, interface }) };
    if B::CLEARS_INITIALIZING {
        // SAFETY: A device of this driver.
        unsafe { (*device).Flags &= !DO_DEVICE_INITIALIZING };
    }
    B::created(device);
    STATUS_SUCCESS
}

pub fn set_interface(device: PDEVICE_OBJECT, enable: bool) -> NTSTATUS {
    let mut interface = peek(extension(device)).interface;
    // SAFETY: The string lives for the call.
    unsafe { IoSetDeviceInterfaceState(&raw mut interface, enable.into()) }
}

unsafe extern "C" fn pnp<B: Behaviour>(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    let request = Request(irp);
    let minor = request.minor();
    let own = peek(extension(device));
    match minor {
        IRP_MN_START_DEVICE => see("start"),
        IRP_MN_QUERY_REMOVE_DEVICE => see("query remove"),
        IRP_MN_CANCEL_REMOVE_DEVICE => see("cancel remove"),
        IRP_MN_SURPRISE_REMOVAL => see("surprise removal"),
        IRP_MN_REMOVE_DEVICE => see("remove"),
        _ => {}
    }
    if matches!(
        minor,
        IRP_MN_QUERY_REMOVE_DEVICE | IRP_MN_SURPRISE_REMOVAL | IRP_MN_REMOVE_DEVICE
    ) {
        request.set_outcome(STATUS_SUCCESS, 0);
    }
    let status = B::pnp(device, request);
    if minor == IRP_MN_START_DEVICE && NT_SUCCESS(status) {
        assert_eq!(set_interface(device, true), STATUS_SUCCESS);
    }
    if minor == B::LEAVES_AT {
        // SAFETY: Allocated for this driver by IoRegisterDeviceInterface.
        unsafe { ExFreePool(own.interface.Buffer.cast()) };
        if B::DETACHES {
            // SAFETY: Attached in AddDevice.
            unsafe { IoDetachDevice(own.lower) };
        }
        if B::DELETES {
            // SAFETY: A device of this driver.
            unsafe { IoDeleteDevice(device) };
        }
    }
    status
}
