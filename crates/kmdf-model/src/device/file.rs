//! File objects (WDFFILEOBJECT), and the create, cleanup and close requests (DEV-43 to DEV-51).

use crate::device::init::{FileClass, FileConfig};
use crate::device::{Constraints, Device};
use crate::object::attributes::Attributes;
use crate::object::handle;
use crate::object::live::Live;
use crate::object::{
    self, CANNOT_DELETE, FrameworkObject, NewParent, Object, ObjectKind, PASSIVE_CALLBACKS,
    type_code,
};
use crate::queue::{self, DispatchType, Handler, QueueConfig, Scope};
use crate::request::Request;
use crate::request::irp::Irp;
use crate::support::kernel;
use crate::support::sync::Locked;
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::CStr;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use kmdf_sys::{
    _WDF_SYNCHRONIZATION_SCOPE, DISPATCH_LEVEL, IRP_MJ_CREATE, NT_SUCCESS, NTSTATUS, PFILE_OBJECT,
    PFN_WDF_FILE_CLEANUP, PUNICODE_STRING, PWDF_DRIVER_GLOBALS, STATUS_ACCESS_DENIED,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, ULONG, WDFDEVICE,
    WDFFILEOBJECT,
};

const STATUS_DEVICE_CONFIGURATION_ERROR: NTSTATUS = 0xC000_0182_u32 as NTSTATUS;

/// A WDFFILEOBJECT: one open of a device.
///
/// # Invariants
///
/// From creation to deletion the object is in its device's list, and the WDM file object leads to it if
/// the file object class says so. `next` is accessed under the lock of the list.
#[repr(C)]
pub(crate) struct FileObject {
    object: Object,
    device: Live<Device>,
    wdm: PFILE_OBJECT,
    next: Cell<Option<Live<FileObject>>>,
    /// EvtFileCleanup has been called.
    cleaned_up: Cell<bool>,
}

// SAFETY: `repr(C)` with the object first; made in `FileObject::create` alone.
unsafe impl FrameworkObject for FileObject {
    const KIND: &'static ObjectKind = &ObjectKind {
        marks: CANNOT_DELETE | PASSIVE_CALLBACKS,
        lockable: true,
        ..ObjectKind::new(c"WDFFILEOBJECT", type_code::FILE_OBJECT)
    };
}

/// The file objects of a device, and the constraints of its file callbacks.
pub(crate) struct FileList {
    first: Locked<Option<Live<FileObject>>>,
    constraints: Constraints,
}

impl FileList {
    pub(crate) fn new(constraints: Constraints) -> Self {
        Self {
            first: Locked::new(None),
            constraints,
        }
    }
}

/// The constraints of the file callbacks: at PASSIVE_LEVEL, and under the device's lock if the attributes
/// ask for it (DEV-46).
pub(crate) fn constraints(
    config: &FileConfig,
    device: Constraints,
) -> Result<Constraints, NTSTATUS> {
    use _WDF_SYNCHRONIZATION_SCOPE as Wanted;
    let attributes = config.attributes.get().get();
    let wanted = attributes.map(|given| given.SynchronizationScope);
    let scope = match wanted {
        Some(Wanted::WdfSynchronizationScopeDevice) => Scope::Device,
        Some(Wanted::WdfSynchronizationScopeQueue) => return Err(STATUS_INVALID_DEVICE_REQUEST),
        Some(Wanted::WdfSynchronizationScopeInheritFromParent) if device.scope != Scope::None => {
            Scope::Device
        }
        _ => Scope::None,
    };
    if scope == Scope::Device && !device.passive {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    Ok(Constraints {
        passive: true,
        scope,
    })
}

/// Creates the queue that delivers create requests to EvtDeviceFileCreate.
pub(crate) fn make_create_queue(device: &Device) -> Result<(), NTSTATUS> {
    let constraints = device.files.constraints;
    let config = || {
        Ok(QueueConfig {
            dispatch_type: DispatchType::Parallel { limit: u32::MAX },
            takes_creates: true,
            default: Some(Handler::Create),
            ..QueueConfig::new(constraints)
        })
    };
    let parent = device.io_package();
    let queue = queue::build_queue(device, Attributes::NONE, parent, constraints, config)?;
    device.set_create_queue(queue);
    Ok(())
}

/// Calls EvtDeviceFileCreate, as the handler of that queue (DEV-44).
pub(crate) fn call_create(device: &Device, request: Live<Request>) {
    if let Some(callback) = device.file_config.callbacks.EvtDeviceFileCreate {
        let file = request.created_file();
        let file = file.map_or(null_mut(), |file| file.handle().cast());
        // SAFETY: EvtDeviceFileCreate, with the handles of live objects, or without a file object.
        unsafe { callback(device.handle().cast(), request.wdf_request(), file) };
    }
}

/// The WDFFILEOBJECT of a WDM file object.
pub(crate) fn find(device: &Device, wdm: PFILE_OBJECT) -> Option<Live<FileObject>> {
    if wdm.is_null() {
        return None;
    }
    let first = device.files.first.lock();
    core::iter::successors(*first, |file| file.next.get()).find(|file| file.wdm == wdm)
}

impl FileObject {
    pub(crate) fn wdm(&self) -> PFILE_OBJECT {
        self.wdm
    }

    /// Creates the file object of a create request; `None` if the class asks for none (DEV-47, DEV-51).
    fn create(device: Live<Device>, irp: Irp) -> Result<Option<Live<Self>>, NTSTATUS> {
        let class = device.file_class();
        if class == FileClass::NotRequired {
            return Ok(None);
        }
        let wdm = irp.file_object();
        if wdm.is_null() && !(class == FileClass::Neither && device.is_exclusive()) {
            verifier::break_point(device.globals(), c"a create request without a WDM file object: WdfFileObjectNotRequired would allow it");
            return Err(STATUS_DEVICE_CONFIGURATION_ERROR);
        }
        let attributes = device.file_config.attributes.get();
        let build = |object| Self {
            object,
            device,
            wdm,
            next: Cell::new(None),
            cleaned_up: Cell::new(false),
        };
        let file = object::create(device.globals(), attributes, build)?
            .commit(attributes, NewParent::Object(device.object()))?;
        file.enter_list();
        file.set_wdm_context(file.as_ptr().cast());
        Ok(Some(file))
    }

    fn enter_list(&self) {
        // SAFETY: `delete` removes the object from the list before it deletes it.
        let this = unsafe { Live::of(self) };
        let mut first = self.device.files.first.lock();
        self.next.set(*first);
        *first = Some(this);
    }

    fn leave_list(&self) {
        let mut first = self.device.files.first.lock();
        let mut before: Option<Live<Self>> = None;
        let mut next = *first;
        while let Some(file) = next {
            next = file.next.get();
            if core::ptr::eq(file.as_ptr(), self) {
                match before {
                    Some(before) => before.next.set(next),
                    None => *first = next,
                }
                return;
            }
            before = Some(file);
        }
    }

    /// Writes the member of the WDM file object that the class lets the framework use.
    fn set_wdm_context(&self, word: *mut core::ffi::c_void) {
        if self.wdm.is_null() {
            return;
        }
        match self.device.file_class() {
            // SAFETY: The WDM file object outlives this one, and the class gives the member to the framework.
            FileClass::FsContext => unsafe { (*self.wdm).FsContext = word },
            // SAFETY: It outlives this one, and this class gives the other member to the framework.
            FileClass::FsContext2 => unsafe { (*self.wdm).FsContext2 = word },
            _ => (),
        }
    }
}

impl Live<FileObject> {
    /// Deletes the file object with its children and contexts (DEV-44, DEV-49).
    fn delete(self) {
        self.set_wdm_context(null_mut());
        self.leave_list();
        // SAFETY: Neither the list nor the WDM file object leads to it any more.
        unsafe { object::delete(self.object().pointer()) };
    }
}

/// The create request: makes the file object and delivers the request (DEV-43 to DEV-47).
pub(crate) fn on_create(device: Live<Device>, irp: Irp) -> NTSTATUS {
    let opens = device.open_count.fetch_add(1, Ordering::SeqCst);
    if device.is_exclusive() && opens > 0 {
        return fail_create(device, irp, STATUS_ACCESS_DENIED);
    }
    let file = match FileObject::create(device, irp) {
        Ok(file) => file,
        Err(status) => return fail_create(device, irp, status),
    };
    let Some(queue) = device.queue_for(IRP_MJ_CREATE).or(device.create_queue()) else {
        return irp.finish(STATUS_SUCCESS);
    };
    let above_apc = u32::from(kernel::current_irql()) >= DISPATCH_LEVEL;
    let request = match Request::create(device, irp) {
        Some(request) if !above_apc => request,
        rejected => {
            if let Some(request) = rejected {
                request.set_created_file(file);
                request.complete(STATUS_INVALID_DEVICE_REQUEST);
                return STATUS_INVALID_DEVICE_REQUEST;
            }
            if let Some(file) = file {
                // The driver has no handle of it, so its callbacks do not run (FLT-27).
                file.object().context().set_callbacks(None, None);
                file.delete();
            }
            return fail_create(device, irp, STATUS_INSUFFICIENT_RESOURCES);
        }
    };
    request.set_created_file(file);
    queue.accept(request)
}

fn fail_create(device: Live<Device>, irp: Irp, status: NTSTATUS) -> NTSTATUS {
    device.open_count.fetch_sub(1, Ordering::SeqCst);
    irp.finish(status)
}

impl Device {
    /// Deletes the file object of a create request that the driver failed (DEV-44).
    pub(crate) fn create_completed(&self, file: Option<Live<FileObject>>, status: NTSTATUS) {
        if NT_SUCCESS(status) {
            return;
        }
        self.open_count.fetch_sub(1, Ordering::SeqCst);
        if let Some(file) = file {
            file.delete();
        }
    }

    /// Calls a file callback, under the device's lock if the scope asks for it (DEV-46, DEV-50).
    fn call_file(&self, callback: PFN_WDF_FILE_CLEANUP, file: Option<Live<FileObject>>) {
        let Some(callback) = callback else { return };
        let handle = file.map_or(null_mut(), |file| file.handle().cast());
        let lock = self
            .callback_lock()
            .filter(|_| self.files.constraints.scope == Scope::Device);
        lock.inspect(|lock| lock.acquire(self.globals()));
        // SAFETY: EvtFileCleanup or EvtFileClose, with the handle of a live file object or NULL.
        unsafe { callback(handle) };
        lock.inspect(|lock| lock.release());
    }

    /// Calls EvtFileCleanup and cancels the waiting requests of the file object (DEV-48).
    fn clean_up(&self, wdm: PFILE_OBJECT, file: Option<Live<FileObject>>) {
        if let Some(file) = file {
            file.cleaned_up.set(true);
        }
        self.call_file(self.file_config.callbacks.EvtFileCleanup, file);
        if kernel::at_passive_level() {
            self.flush_queues(wdm);
        } else {
            verifier::break_point(self.globals(), c"IRP_MJ_CLEANUP was sent above PASSIVE_LEVEL: the waiting requests of the file are not cancelled");
        }
    }
}

/// The cleanup request, after the last handle of the file object was closed (DEV-48).
pub(crate) fn on_cleanup(device: Live<Device>, irp: Irp) -> NTSTATUS {
    let wdm = irp.file_object();
    device.clean_up(wdm, find(&device, wdm));
    irp.finish(STATUS_SUCCESS)
}

/// The close request, after the last reference to the file object was dropped (DEV-49).
pub(crate) fn on_close(device: Live<Device>, irp: Irp) -> NTSTATUS {
    let wdm = irp.file_object();
    let file = find(&device, wdm);
    // Wine sends no cleanup request; Windows always does.
    if file.is_some_and(|file| !file.cleaned_up.get()) {
        device.clean_up(wdm, file);
    }
    device.call_file(device.file_config.callbacks.EvtFileClose, file);
    if let Some(file) = file {
        file.delete();
    }
    let last = device.open_count.fetch_sub(1, Ordering::SeqCst) == 1;
    // The deletion of a control device that was put off (DEV-37). Any other device may be freed as soon
    // as the request is completed, so this is read before.
    let postponed = last && device.deletion_postponed.load(Ordering::SeqCst);
    let status = irp.finish(STATUS_SUCCESS);
    if postponed {
        device.finish_postponed_deletion();
    }
    status
}

/// WdfFileObjectGetFileName: the name in the WDM file object, NULL if there is no such object.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `file` NULL or the handle of a
/// live object.
pub(crate) unsafe extern "C" fn wdf_file_object_get_file_name(
    globals: PWDF_DRIVER_GLOBALS,
    file: WDFFILEOBJECT,
) -> PUNICODE_STRING {
    // SAFETY: `globals` is bound and `file` NULL or live, as the caller guarantees.
    let file =
        unsafe { handle::resolve::<FileObject>(globals, c"WdfFileObjectGetFileName", file.cast()) };
    let wdm = file.wdm;
    if wdm.is_null() {
        return null_mut();
    }
    // SAFETY: The WDM file object is not NULL and outlives this one.
    unsafe { &raw mut (*wdm).FileName }
}

/// WdfFileObjectGetFlags: the flags of the WDM file object, 0 if there is no such object.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `file` NULL or the handle of a
/// live object.
pub(crate) unsafe extern "C" fn wdf_file_object_get_flags(
    globals: PWDF_DRIVER_GLOBALS,
    file: WDFFILEOBJECT,
) -> ULONG {
    // SAFETY: `globals` is bound and `file` NULL or live, as the caller guarantees.
    let file =
        unsafe { handle::resolve::<FileObject>(globals, c"WdfFileObjectGetFlags", file.cast()) };
    let wdm = file.wdm;
    // SAFETY: NULL, or a WDM file object that outlives this one.
    unsafe { wdm.as_ref() }.map_or(0, |wdm| wdm.Flags)
}

/// WdfFileObjectGetDevice: the device that the file object was opened on.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `file` NULL or the handle of a
/// live object.
pub(crate) unsafe extern "C" fn wdf_file_object_get_device(
    globals: PWDF_DRIVER_GLOBALS,
    file: WDFFILEOBJECT,
) -> WDFDEVICE {
    // SAFETY: `globals` is bound and `file` NULL or live, as the caller guarantees.
    let file =
        unsafe { handle::resolve::<FileObject>(globals, c"WdfFileObjectGetDevice", file.cast()) };
    file.device.handle().cast()
}

/// WdfFileObjectWdmGetFileObject: the WDM file object, or NULL.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `file` NULL or the handle of a
/// live object.
pub(crate) unsafe extern "C" fn wdf_file_object_wdm_get_file_object(
    globals: PWDF_DRIVER_GLOBALS,
    file: WDFFILEOBJECT,
) -> PFILE_OBJECT {
    // SAFETY: `globals` is bound and `file` NULL or live, as the caller guarantees.
    let file = unsafe {
        handle::resolve::<FileObject>(globals, c"WdfFileObjectWdmGetFileObject", file.cast())
    };
    file.wdm
}

/// WdfDeviceGetFileObject: the WDFFILEOBJECT of a WDM file object, or NULL.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_device_get_file_object(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    wdm: PFILE_OBJECT,
) -> WDFFILEOBJECT {
    const CALL: &CStr = c"WdfDeviceGetFileObject";
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe { handle::resolve::<Device>(globals, CALL, device.cast()) };
    find(device, wdm).map_or(null_mut(), |file| file.handle().cast())
}
