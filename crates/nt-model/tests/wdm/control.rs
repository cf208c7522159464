//! A driver with one named device that it creates in its entry point.

use super::{Request, peek, string};
use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use std::ptr::null_mut;

pub const DEVICE: &str = r"\Device\Test";
pub const LINK: &str = r"\DosDevices\Test";
pub const PATH: &str = r"\\.\Test";

/// The behaviour of a test driver.
pub trait Behaviour {
    /// Flags of the device object.
    const FLAGS: u32 = DO_BUFFERED_IO;
    const EXCLUSIVE: bool = false;

    /// Handles everything but create, cleanup and close.
    fn handle(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        request.complete(STATUS_INVALID_DEVICE_REQUEST, 0)
    }

    /// Handles create, cleanup and close.
    fn open_or_close(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        request.complete(STATUS_SUCCESS, 0)
    }

    /// Called with the new device.
    fn created(_device: PDEVICE_OBJECT) {}

    /// Called before the device is deleted.
    fn unloading(_device: PDEVICE_OBJECT) {}
}

/// The entry point of a driver with this behaviour.
pub unsafe extern "C" fn entry<B: Behaviour>(
    driver: PDRIVER_OBJECT,
    _path: PUNICODE_STRING,
) -> NTSTATUS {
    let (mut name, mut link) = (string(DEVICE), string(LINK));
    let mut device = null_mut();
    let exclusive = B::EXCLUSIVE.into();
    // SAFETY: The driver object is the kernel's.
    let status = unsafe {
        IoCreateDevice(
            driver,
            64,
            &raw mut name,
            FILE_DEVICE_UNKNOWN,
            0,
            exclusive,
            &raw mut device,
        )
    };
    if status != STATUS_SUCCESS {
        return status;
    }
    // SAFETY: A device of this driver.
    unsafe { (*device).Flags |= B::FLAGS };
    B::created(device);
    // SAFETY: The strings live for the call.
    let status = unsafe { IoCreateSymbolicLink(&raw mut link, &raw mut name) };
    assert_eq!(status, STATUS_SUCCESS);
    let mut functions: [PDRIVER_DISPATCH; 28] = [Some(handle::<B>); 28];
    for major in [IRP_MJ_CREATE, IRP_MJ_CLEANUP, IRP_MJ_CLOSE] {
        functions[major as usize] = Some(open_or_close::<B>);
    }
    // SAFETY: The driver object is the kernel's.
    unsafe { (*driver).MajorFunction = functions };
    // SAFETY: The kernel's driver object, which DriverEntry may change.
    unsafe { (*driver).DriverUnload = Some(unload::<B>) };
    STATUS_SUCCESS
}

unsafe extern "C" fn handle<B: Behaviour>(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    B::handle(device, Request(irp))
}

unsafe extern "C" fn open_or_close<B: Behaviour>(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    B::open_or_close(device, Request(irp))
}

unsafe extern "C" fn unload<B: Behaviour>(driver: *mut DRIVER_OBJECT) {
    let device = peek(driver).DeviceObject;
    B::unloading(device);
    let mut link = string(LINK);
    // SAFETY: The string lives for the call.
    let status = unsafe { IoDeleteSymbolicLink(&raw mut link) };
    assert_eq!(status, STATUS_SUCCESS);
    // SAFETY: A device of this driver.
    unsafe { IoDeleteDevice(device) };
}
