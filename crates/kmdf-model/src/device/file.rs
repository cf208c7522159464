//! File objects (WDFFILEOBJECT), and what happens at create, cleanup and close (DEV-43 to DEV-51).

use crate::device::init::{FileClass, FileConfig};
use crate::device::{Constraints, Device};
use crate::driver::globals::Globals;
use crate::object::handle;
use crate::object::live::Live;
use crate::object::{
    self, CANNOT_DELETE, FrameworkObject, Kind, NewParent, Object, PASSIVE_CALLBACKS, type_code,
};
use crate::queue::{self, Config, Handler, Kind as QueueKind, Scope};
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

/// One open of a device.
///
/// # Invariants
///
/// In its device's list, and known to the WDM file object if its class says so, from creation to
/// deletion. `next` is touched under the lock of the list.
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
    const KIND: &'static Kind = &Kind {
        marks: CANNOT_DELETE | PASSIVE_CALLBACKS,
        lockable: true,
        ..Kind::new(c"WDFFILEOBJECT", type_code::FILE_OBJECT)
    };
}

/// The open files of a device, and how its file callbacks are made.
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

/// DEV-46: the level is always Passive, the scope Device if the attributes ask for it.
pub(crate) fn constraints(
    config: &FileConfig,
    device: Constraints,
) -> Result<Constraints, NTSTATUS> {
    use _WDF_SYNCHRONIZATION_SCOPE as Wanted;
    let wanted = config.attributes.map(|given| given.SynchronizationScope);
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

/// The queue that takes creates to EvtDeviceFileCreate.
pub(crate) fn make_create_queue(device: &Device) -> Result<(), NTSTATUS> {
    let constraints = device.files.constraints;
    let config = || {
        Ok(Config {
            kind: QueueKind::Parallel { limit: u32::MAX },
            takes_creates: true,
            default: Some(Handler::Create),
            ..Config::new(constraints)
        })
    };
    let parent = device.io_package();
    // SAFETY: There are no attributes.
    let queue = unsafe { queue::build_queue(device, None, parent, constraints, config) }?;
    device.set_create_queue(queue);
    Ok(())
}

/// DEV-44: the handler of that queue, which holds the lock that the scope asks for.
pub(crate) fn call_create(device: &Device, request: Live<Request>) {
    if let Some(callback) = device.file_config.callbacks.EvtDeviceFileCreate {
        let file = request.created_file();
        let file = file.map_or(null_mut(), |file| file.handle().cast());
        // SAFETY: The driver's callback, with live handles.
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

    /// DEV-47, DEV-51; `None` if the class needs no file object.
    fn create(device: Live<Device>, irp: Irp) -> Result<Option<Live<Self>>, NTSTATUS> {
        let class = device.file_class();
        if class == FileClass::NotRequired {
            return Ok(None);
        }
        let wdm = irp.file_object();
        if wdm.is_null() && !(class == FileClass::Neither && device.is_exclusive()) {
            verifier::break_point(device.globals(), c"a create came without a file object");
            return Err(STATUS_DEVICE_CONFIGURATION_ERROR);
        }
        let attributes = device.file_config.attributes.as_ref();
        let build = |object| Self {
            object,
            device,
            wdm,
            next: Cell::new(None),
            cleaned_up: Cell::new(false),
        };
        // SAFETY: Validated when they were set.
        let file = unsafe { object::create::<Self>(device.globals(), attributes, build) }?;
        let parent = NewParent::Object(device.object());
        // SAFETY: Just created; the attributes name no parent.
        unsafe { object::commit_or_delete(file, attributes, parent) }?;
        // SAFETY: Alive until it is closed.
        let file = unsafe { Live::new(file) };
        file.enter_list();
        file.tell_wdm(file.as_ptr().cast());
        Ok(Some(file))
    }

    fn enter_list(&self) {
        // SAFETY: Taken out of the list before its deletion.
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

    /// Leaves word in the WDM file object, as the class allows.
    fn tell_wdm(&self, word: *mut core::ffi::c_void) {
        if self.wdm.is_null() {
            return;
        }
        match self.device.file_class() {
            // SAFETY: The file object outlives this one, and the class makes the member ours.
            FileClass::FsContext => unsafe { (*self.wdm).FsContext = word },
            // SAFETY: As above.
            FileClass::FsContext2 => unsafe { (*self.wdm).FsContext2 = word },
            _ => (),
        }
    }
}

impl Live<FileObject> {
    /// The end of a file object, children and contexts included (DEV-44, DEV-49).
    fn delete(self) {
        self.tell_wdm(null_mut());
        self.leave_list();
        // SAFETY: Out of everybody's reach.
        unsafe { object::delete(self.object().pointer()) };
    }
}

/// DEV-43 to DEV-47
pub(crate) fn on_create(device: Live<Device>, irp: Irp) -> NTSTATUS {
    let opens = device.open_count.fetch_add(1, Ordering::SeqCst);
    if device.is_exclusive() && opens > 0 {
        return refuse_create(device, irp, STATUS_ACCESS_DENIED);
    }
    let file = match FileObject::create(device, irp) {
        Ok(file) => file,
        Err(status) => return refuse_create(device, irp, status),
    };
    let Some(queue) = device.queue_for(IRP_MJ_CREATE).or(device.create_queue()) else {
        return irp.finish(STATUS_SUCCESS);
    };
    let too_high = u32::from(kernel::current_irql()) >= DISPATCH_LEVEL;
    let request = match Request::create(device, irp) {
        Some(request) if !too_high => request,
        refused => {
            if let Some(request) = refused {
                request.set_created_file(file);
                request.complete(STATUS_INVALID_DEVICE_REQUEST);
                return STATUS_INVALID_DEVICE_REQUEST;
            }
            if let Some(file) = file {
                // The driver has not heard of it and never will (FLT-27).
                file.object().context().set_callbacks(None, None);
                file.delete();
            }
            return refuse_create(device, irp, STATUS_INSUFFICIENT_RESOURCES);
        }
    };
    request.set_created_file(file);
    queue.accept(request)
}

fn refuse_create(device: Live<Device>, irp: Irp, status: NTSTATUS) -> NTSTATUS {
    device.open_count.fetch_sub(1, Ordering::SeqCst);
    irp.finish(status)
}

impl Device {
    /// DEV-44: a create that fails takes its file object with it.
    pub(crate) fn create_completed(&self, file: Option<Live<FileObject>>, status: NTSTATUS) {
        if NT_SUCCESS(status) {
            return;
        }
        self.open_count.fetch_sub(1, Ordering::SeqCst);
        if let Some(file) = file {
            file.delete();
        }
    }

    /// Makes a file callback, under the device's lock if the scope is that (DEV-46, DEV-50).
    fn call_file(&self, callback: PFN_WDF_FILE_CLEANUP, file: Option<Live<FileObject>>) {
        let Some(callback) = callback else { return };
        let handle = file.map_or(null_mut(), |file| file.handle().cast());
        let lock = self
            .callback_lock()
            .filter(|_| self.files.constraints.scope == Scope::Device);
        lock.inspect(|lock| lock.acquire(self.globals()));
        // SAFETY: The driver's callback, with a live handle or none.
        unsafe { callback(handle) };
        lock.inspect(|lock| lock.release());
    }

    /// DEV-48
    fn clean_up(&self, wdm: PFILE_OBJECT, file: Option<Live<FileObject>>) {
        if let Some(file) = file {
            file.cleaned_up.set(true);
        }
        self.call_file(self.file_config.callbacks.EvtFileCleanup, file);
        if kernel::at_passive_level() {
            self.flush_queues(wdm);
        } else {
            verifier::break_point(self.globals(), c"a cleanup came above PASSIVE_LEVEL");
        }
    }
}

/// DEV-48
pub(crate) fn on_cleanup(device: Live<Device>, irp: Irp) -> NTSTATUS {
    let wdm = irp.file_object();
    device.clean_up(wdm, find(&device, wdm));
    irp.finish(STATUS_SUCCESS)
}

/// DEV-49
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
    // DEV-37. A device of another kind may be gone as soon as the request is complete.
    let postponed = last && device.deletion_postponed.load(Ordering::SeqCst);
    let status = irp.finish(STATUS_SUCCESS);
    if postponed {
        device.finish_postponed_deletion();
    }
    status
}

/// # Safety
///
/// As for the calls: bound globals, and NULL or the handle of a live object.
unsafe fn resolve<'a>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    file: WDFFILEOBJECT,
) -> &'a FileObject {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    unsafe { handle::typed(globals, call, file.cast()) }
}

/// # Safety
///
/// As for the function table's WdfFileObjectGetFileName: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_file_object_get_file_name(
    globals: PWDF_DRIVER_GLOBALS,
    file: WDFFILEOBJECT,
) -> PUNICODE_STRING {
    // SAFETY: By the contract of this function.
    let wdm = unsafe { resolve(globals, c"WdfFileObjectGetFileName", file) }.wdm;
    if wdm.is_null() {
        return null_mut();
    }
    // SAFETY: The file object outlives this one.
    unsafe { &raw mut (*wdm).FileName }
}

/// # Safety
///
/// As for the function table's WdfFileObjectGetFlags: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_file_object_get_flags(
    globals: PWDF_DRIVER_GLOBALS,
    file: WDFFILEOBJECT,
) -> ULONG {
    // SAFETY: By the contract of this function.
    let wdm = unsafe { resolve(globals, c"WdfFileObjectGetFlags", file) }.wdm;
    // SAFETY: NULL, or a file object that outlives this one.
    unsafe { wdm.as_ref() }.map_or(0, |wdm| wdm.Flags)
}

/// # Safety
///
/// As for the function table's WdfFileObjectGetDevice: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_file_object_get_device(
    globals: PWDF_DRIVER_GLOBALS,
    file: WDFFILEOBJECT,
) -> WDFDEVICE {
    // SAFETY: By the contract of this function.
    let file = unsafe { resolve(globals, c"WdfFileObjectGetDevice", file) };
    file.device.handle().cast()
}

/// # Safety
///
/// As for the function table's WdfFileObjectWdmGetFileObject: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_file_object_wdm_get_file_object(
    globals: PWDF_DRIVER_GLOBALS,
    file: WDFFILEOBJECT,
) -> PFILE_OBJECT {
    // SAFETY: By the contract of this function.
    unsafe { resolve(globals, c"WdfFileObjectWdmGetFileObject", file) }.wdm
}

/// # Safety
///
/// As for the function table's WdfDeviceGetFileObject: bound globals, a handle, a file object or
/// NULL.
pub(crate) unsafe extern "C" fn wdf_device_get_file_object(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    wdm: PFILE_OBJECT,
) -> WDFFILEOBJECT {
    // SAFETY: By the contract of this function.
    let device = unsafe { crate::device::resolve(globals, c"WdfDeviceGetFileObject", device) };
    find(device, wdm).map_or(null_mut(), |file| file.handle().cast())
}
