//! Work items (WDFWORKITEM): a callback of the driver's, run once per enqueuing in a system thread.

use crate::device::Device;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Rules};
use crate::object::handle;
use crate::object::live::Live;
use crate::object::{
    self, Cleanup, FrameworkObject, Kind, NewParent, Object, PASSIVE_CALLBACKS, type_code,
};
use crate::support::stop;
use crate::support::sync::current_thread;
use crate::support::system_work_item::SystemWorkItem;
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU64, Ordering};
use kmdf_sys::{
    NTSTATUS, PASSIVE_LEVEL, PFN_WDF_WORKITEM, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES,
    PWDF_WORKITEM_CONFIG, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS, STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL,
    STATUS_WDF_PARENT_NOT_SPECIFIED, ULONG, WDF_OBJECT_ATTRIBUTES, WDF_WORKITEM_CONFIG, WDFOBJECT,
    WDFWORKITEM,
};

/// One work item.
///
/// # Invariants
///
/// `device` outlives the work item, which is below it. `item` is written before the driver knows
/// the work item, and is destroyed with it.
#[repr(C)]
struct WorkItem {
    object: Object,
    device: Live<Device>,
    callback: PFN_WDF_WORKITEM,
    /// Under the device's lock.
    serialised: bool,
    item: Cell<Option<NonNull<SystemWorkItem>>>,
    /// The thread in the callback, 0 if none.
    thread: AtomicU64,
}

// SAFETY: `repr(C)` with the object first; made in `create` alone.
unsafe impl FrameworkObject for WorkItem {
    const KIND: &'static Kind = &Kind {
        marks: PASSIVE_CALLBACKS,
        lockable: true,
        dispose: |object| {
            work_item_of(object).flush(c"WdfObjectDelete of a work item in its own callback");
            Cleanup::Now
        },
        destroy: |object| {
            if let Some(item) = work_item_of(object).item.take() {
                // SAFETY: Nobody queues it any more.
                unsafe { SystemWorkItem::destroy(item) };
            }
        },
        ..Kind::new(c"WDFWORKITEM", type_code::WORK_ITEM)
    };
}

fn work_item_of(object: &Object) -> &WorkItem {
    // SAFETY: Called for objects of this kind alone.
    unsafe { object.downcast() }
}

impl WorkItem {
    fn system_item(&self) -> Option<&SystemWorkItem> {
        // SAFETY: By the invariant.
        self.item.get().map(|item| unsafe { item.as_ref() })
    }

    /// Waits until the callback neither runs nor is going to.
    fn flush(&self, call: &'static CStr) {
        if self.thread.load(Ordering::Relaxed) == current_thread() {
            stop::not_modelled(call);
        }
        if let Some(item) = self.system_item() {
            item.wait();
        }
    }

    fn run(&self) {
        let Some(callback) = self.callback else {
            return;
        };
        self.thread.store(current_thread(), Ordering::Relaxed);
        let lock = self.device.callback_lock().filter(|_| self.serialised);
        if let Some(lock) = lock {
            lock.acquire(self.object.globals());
        }
        // SAFETY: The driver's callback, with a live handle: disposal waits for this routine.
        unsafe { callback(self.handle().cast()) };
        if let Some(lock) = lock {
            lock.release();
        }
        self.thread.store(0, Ordering::Relaxed);
    }
}

/// # Safety
///
/// Called by the system work item of the work item at `context`.
unsafe fn run(context: *mut c_void) {
    // SAFETY: By the contract of this function; it waits for this routine before it goes.
    let item = unsafe { &*context.cast::<WorkItem>() };
    item.run();
}

/// # Safety
///
/// As for the function table's WdfWorkItemCreate: bound globals, pointers valid or NULL.
pub(crate) unsafe extern "C" fn wdf_work_item_create(
    globals: PWDF_DRIVER_GLOBALS,
    config: PWDF_WORKITEM_CONFIG,
    item_attributes: PWDF_OBJECT_ATTRIBUTES,
    work_item: *mut WDFWORKITEM,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfWorkItemCreate";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, CALL, item_attributes);
    verifier::require(globals, CALL, config);
    verifier::require(globals, CALL, work_item);
    // SAFETY: As above.
    match unsafe { create(globals, config, item_attributes) } {
        Ok(created) => {
            // SAFETY: As above.
            unsafe { work_item.write(created) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// # Safety
///
/// The pointers are valid.
unsafe fn create(
    globals: &Globals,
    config: PWDF_WORKITEM_CONFIG,
    item_attributes: PWDF_OBJECT_ATTRIBUTES,
) -> Result<WDFWORKITEM, NTSTATUS> {
    // SAFETY: By the contract of this function.
    let config = unsafe { *config };
    if config.Size != size_of::<WDF_WORKITEM_CONFIG>() as ULONG {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    if config.EvtWorkItemFunc.is_none() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: As above.
    let given = unsafe { attributes::validate(item_attributes, Rules::PLAIN) }?;
    // SAFETY: As above.
    let device = unsafe { device_of_parent(globals, given) }?;
    let serialised = config.AutomaticSerialization != 0
        && device.constraints().scope != crate::queue::Scope::None;
    if serialised && !device.is_passive() {
        return Err(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
    }
    let build = |object| WorkItem {
        object,
        device,
        callback: config.EvtWorkItemFunc,
        serialised,
        item: Cell::new(None),
        thread: AtomicU64::new(0),
    };
    // SAFETY: Validated above.
    let created = unsafe { object::create::<WorkItem>(globals, given, build) }?;
    // SAFETY: Just created.
    let this = unsafe { created.as_ref() };
    let context = object::as_void(this.object());
    match SystemWorkItem::create(globals, device.wdm(), run, context) {
        Ok(item) => this.item.set(Some(item)),
        Err(status) => {
            // SAFETY: Nobody else knows it.
            unsafe { object::delete(this.object().pointer()) };
            return Err(status);
        }
    }
    // SAFETY: Just created.
    let handle = unsafe { object::commit_or_delete(created, given, NewParent::Default) }?;
    Ok(handle.cast())
}

/// # Safety
///
/// The parent in the attributes is NULL or a live object.
unsafe fn device_of_parent(
    globals: &Globals,
    given: Option<&WDF_OBJECT_ATTRIBUTES>,
) -> Result<Live<Device>, NTSTATUS> {
    let parent = given.map_or(null_mut(), |given| given.ParentObject);
    if parent.is_null() {
        return Err(STATUS_WDF_PARENT_NOT_SPECIFIED);
    }
    // SAFETY: By the contract of this function.
    let parent = unsafe { handle::object(globals, c"parent", parent) };
    let device = parent.device().ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
    // SAFETY: A device outlives what is below it.
    Ok(unsafe { Live::new(device.cast()) })
}

/// # Safety
///
/// As for the calls: bound globals, and NULL or the handle of a live object.
unsafe fn resolve<'a>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    work_item: WDFWORKITEM,
) -> &'a WorkItem {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    unsafe { handle::typed(globals, call, work_item.cast()) }
}

/// # Safety
///
/// As for the function table's WdfWorkItemEnqueue: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_work_item_enqueue(
    globals: PWDF_DRIVER_GLOBALS,
    work_item: WDFWORKITEM,
) {
    // SAFETY: By the contract of this function.
    let item = unsafe { resolve(globals, c"WdfWorkItemEnqueue", work_item) };
    if let Some(item) = item.system_item() {
        item.enqueue();
    }
}

/// # Safety
///
/// As for the function table's WdfWorkItemGetParentObject: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_work_item_get_parent_object(
    globals: PWDF_DRIVER_GLOBALS,
    work_item: WDFWORKITEM,
) -> WDFOBJECT {
    // SAFETY: By the contract of this function.
    let item = unsafe { resolve(globals, c"WdfWorkItemGetParentObject", work_item) };
    let Some(parent) = item.object().parent_referenced() else {
        return null_mut();
    };
    // SAFETY: Referenced.
    let handle = unsafe { parent.as_ref() }.handle();
    // SAFETY: Of `parent_referenced`; the parent outlives its child.
    unsafe { object::release(parent) };
    handle
}

/// # Safety
///
/// As for the function table's WdfWorkItemFlush: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_work_item_flush(
    globals: PWDF_DRIVER_GLOBALS,
    work_item: WDFWORKITEM,
) {
    const CALL: &CStr = c"WdfWorkItemFlush";
    // SAFETY: By the contract of this function.
    let item = unsafe { resolve(globals, CALL, work_item) };
    if verifier::check_irql(item.object().globals(), CALL, PASSIVE_LEVEL).is_ok() {
        item.flush(c"WdfWorkItemFlush in the work item's own callback");
    }
}
