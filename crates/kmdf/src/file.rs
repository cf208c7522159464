//! Framework file objects: one for each open of a device.

use crate::context::Context;
use crate::device::Device;
use crate::irql::Passive;
use crate::object::{self, ObjectRef, Parent};
use crate::status::Result;
use kmdf_sys::{
    STATUS_SUCCESS, WDFDEVICE, WDFFILEOBJECT, WDFOBJECT, WDFREQUEST,
    call_unsafe_wdf_function_binding,
};

/// What a driver keeps for each open of its device: the context of the file object.
///
/// The framework makes these callbacks at PASSIVE_LEVEL. User mode may send requests on the same
/// handle from several threads, hence the shared reference.
pub trait FileHandler: Context {
    /// `EvtDeviceFileCreate`: a program or driver opens the device. The create request is completed with
    /// the result.
    ///
    /// # Errors
    ///
    /// Any error refuses the open; no further callback follows for this file object.
    ///
    /// Source: "EVT_WDF_DEVICE_FILE_CREATE callback function (wdfdevice.h)".
    fn create(device: Device<'_>, irql: &mut Passive) -> Result<Self>;

    /// `EvtFileCleanup`: the last handle is closed. Requests of this file object may still be
    /// running.
    ///
    /// Source: "EVT_WDF_FILE_CLEANUP callback function (wdfdevice.h)".
    fn cleanup(&self, file: FileObject<'_>, irql: &mut Passive) {
        let _ = (file, irql);
    }

    /// `EvtFileClose`: the last request is completed too; the value is dropped after this.
    ///
    /// Source: "EVT_WDF_FILE_CLOSE callback function (wdfdevice.h)".
    fn close(&self, file: FileObject<'_>, irql: &mut Passive) {
        let _ = (file, irql);
    }
}

/// A `WDFFILEOBJECT`, borrowed: the framework owns it.
///
/// # Invariants
///
/// `object` is a file object.
#[derive(Clone, Copy, Debug)]
pub struct FileObject<'a> {
    object: ObjectRef<'a>,
}

impl<'a> FileObject<'a> {
    /// Borrows a file object by its handle.
    ///
    /// # Safety
    ///
    /// `handle` is a file object that is not destroyed for `'a`.
    pub(crate) const unsafe fn new(handle: WDFFILEOBJECT) -> Self {
        // SAFETY: A file object is a framework object, and the caller guarantees that it lives for `'a`.
        let object = unsafe { ObjectRef::new(handle.cast()) };
        // INVARIANT: The caller guarantees that it is a file object.
        Self { object }
    }

    const fn handle(self) -> WDFFILEOBJECT {
        self.object.handle().cast()
    }

    /// `WdfObjectGetTypedContext`: the file object's context. IRQL: any.
    ///
    /// # Errors
    ///
    /// [`Error::NOT_FOUND`](crate::Error::NOT_FOUND) if the device's file objects have another context type;
    /// [`Error::DEVICE_NOT_READY`](crate::Error::DEVICE_NOT_READY) if the context is not there yet.
    ///
    /// Source: "WdfObjectGetTypedContext macro (wdfobject.h)".
    pub fn context<T: Context>(self) -> Result<&'a T> {
        self.object.context()
    }

    /// `WdfObjectAllocateContext`: gives the file object one more context, of another type. It is dropped
    /// when the file object is destroyed. IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_DEVICE_STATE`](crate::Error::INVALID_DEVICE_STATE) if there is a value of this type already;
    /// [`Error::INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES);
    /// [`Error::DELETE_PENDING`](crate::Error::DELETE_PENDING) if the file object is being deleted. The value is dropped
    /// then.
    ///
    /// Source: "WdfObjectAllocateContext function (wdfobject.h)".
    pub fn attach<T: Context>(self, value: T) -> Result<&'a T> {
        self.object.attach(value)
    }

    /// `WdfFileObjectGetDevice`: the device that was opened. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfFileObjectGetDevice function (wdffileobject.h)".
    pub fn device(self) -> Device<'a> {
        // SAFETY: The file object is alive by the type invariant.
        let device =
            unsafe { call_unsafe_wdf_function_binding!(WdfFileObjectGetDevice, self.handle()) };
        // SAFETY: A file object is a child of its device, which is destroyed after it.
        unsafe { Device::new(device) }
    }
}

impl object::sealed::ParentHandle for FileObject<'_> {
    fn parent_handle(&self) -> WDFOBJECT {
        self.object.handle()
    }
}

impl Parent for FileObject<'_> {}

/// `EvtDeviceFileCreate`.
///
/// # Safety
///
/// Called by the framework, for a device whose file objects have a context of type `F`.
pub(crate) unsafe extern "C" fn create<F: FileHandler>(
    device: WDFDEVICE,
    request: WDFREQUEST,
    file: WDFFILEOBJECT,
) {
    // SAFETY: The framework makes this callback at PASSIVE_LEVEL (DEV-46).
    let mut irql = unsafe { Passive::assume() };
    // SAFETY: The framework does not destroy the device while one of its file callbacks runs.
    let device = unsafe { Device::new(device) };
    let opened = F::create(device, &mut irql).and_then(|state| {
        // SAFETY: The file object is alive until the create request is completed, below.
        let file = unsafe { FileObject::new(file) };
        file.object.fill(state)?;
        Ok(())
    });
    let status = match opened {
        Ok(()) => STATUS_SUCCESS,
        Err(error) => error.status(),
    };
    // SAFETY: The request was presented to this callback, which has not completed it.
    unsafe { call_unsafe_wdf_function_binding!(WdfRequestComplete, request, status) };
}

/// `EvtFileCleanup`.
///
/// # Safety
///
/// Called by the framework, for a file object of a device whose file objects have a context of type `F`.
pub(crate) unsafe extern "C" fn cleanup<F: FileHandler>(file: WDFFILEOBJECT) {
    // SAFETY: This is a file callback, and the framework passes a file object with such a context.
    unsafe { with_state::<F>(file, F::cleanup) };
}

/// `EvtFileClose`.
///
/// # Safety
///
/// Called by the framework, for a file object of a device whose file objects have a context of type `F`.
pub(crate) unsafe extern "C" fn close<F: FileHandler>(file: WDFFILEOBJECT) {
    // SAFETY: This is a file callback, and the framework passes a file object with such a context.
    unsafe { with_state::<F>(file, F::close) };
}

/// Calls `callback` with the state of a file object.
///
/// # Safety
///
/// Called from a file callback, for a file object with a context of type `F`.
unsafe fn with_state<F: FileHandler>(
    file: WDFFILEOBJECT,
    callback: impl FnOnce(&F, FileObject<'_>, &mut Passive),
) {
    // SAFETY: The framework makes file callbacks at PASSIVE_LEVEL (DEV-46).
    let mut irql = unsafe { Passive::assume() };
    // SAFETY: The file object outlives its callbacks.
    let file = unsafe { FileObject::new(file) };
    if let Ok(state) = file.context::<F>() {
        callback(state, file, &mut irql);
    }
}
