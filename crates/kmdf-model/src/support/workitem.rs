//! Work items (WDFWORKITEM): a callback of the driver that runs in a system thread.

use crate::device::Device;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Attributes, Rules};
use crate::object::handle;
use crate::object::live::Live;
use crate::object::{
    self, Cleanup, FrameworkObject, NewParent, Object, ObjectKind, PASSIVE_CALLBACKS, type_code,
};
use crate::support::kernel;
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
    STATUS_INVALID_PARAMETER, STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL,
    STATUS_WDF_PARENT_NOT_SPECIFIED, ULONG, WDF_WORKITEM_CONFIG, WDFOBJECT, WDFWORKITEM,
};

/// A WDFWORKITEM: a work item as an object.
///
/// # Invariants
///
/// `device` outlives the work item, which is below it. `item` is written before the work item has a
/// handle, and is destroyed with it.
#[repr(C)]
struct WorkItem {
    object: Object,
    device: Live<Device>,
    callback: PFN_WDF_WORKITEM,
    /// Whether the callback runs under the device's lock.
    serialised: bool,
    item: Cell<Option<NonNull<SystemWorkItem>>>,
    /// The thread that is in the callback, else 0.
    thread: AtomicU64,
}

// SAFETY: `repr(C)` with the object first; made in `create` alone.
unsafe impl FrameworkObject for WorkItem {
    const KIND: &'static ObjectKind = &ObjectKind {
        marks: PASSIVE_CALLBACKS,
        lockable: true,
        dispose: |object| {
            work_item_of(object).flush(c"WdfObjectDelete of a work item in its own callback");
            Cleanup::Now
        },
        destroy: |object| {
            if let Some(item) = work_item_of(object).item.take() {
                // SAFETY: The last reference was dropped, so no call queues it.
                unsafe { SystemWorkItem::destroy(item) };
            }
        },
        ..ObjectKind::new(c"WDFWORKITEM", type_code::WORK_ITEM)
    };
}

fn work_item_of(object: &Object) -> &WorkItem {
    // SAFETY: Only the kind of `WorkItem` has the functions that call this.
    unsafe { object.downcast() }
}

impl WorkItem {
    fn system_item(&self) -> Option<&SystemWorkItem> {
        // SAFETY: The system work item is destroyed with this one, by the invariant.
        self.item.get().map(|item| unsafe { item.as_ref() })
    }

    /// Waits until the callback neither runs nor is queued.
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
        // SAFETY: EvtWorkItem, with a live handle: disposal waits for this routine.
        unsafe { callback(self.handle().cast()) };
        if let Some(lock) = lock {
            lock.release();
        }
        self.thread.store(0, Ordering::Relaxed);
    }
}

/// The routine of the system work item.
///
/// # Safety
///
/// `context` must be a live [`WorkItem`].
unsafe fn run(context: *mut c_void) {
    // SAFETY: `create` made the work item the context; its disposal waits for this routine.
    let item = unsafe { &*context.cast::<WorkItem>() };
    item.run();
}

/// WdfWorkItemCreate: creates a work item below a device.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `config` must be NULL or readable.
/// `work_item` must be NULL or writable. `item_attributes` must be NULL or attributes that stay
/// unchanged for the call, with readable type information and a live parent.
pub(crate) unsafe extern "C" fn wdf_work_item_create(
    globals: PWDF_DRIVER_GLOBALS,
    config: PWDF_WORKITEM_CONFIG,
    item_attributes: PWDF_OBJECT_ATTRIBUTES,
    work_item: *mut WDFWORKITEM,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfWorkItemCreate";
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, CALL, item_attributes);
    // SAFETY: `config` is NULL or readable, as the caller guarantees.
    let config = unsafe { verifier::required(globals, CALL, config) };
    // SAFETY: `work_item` is NULL or writable, as the caller guarantees.
    let work_item = unsafe { verifier::required_out(globals, CALL, work_item) };
    // SAFETY: The attributes are as `create` asks.
    kernel::to_status(
        unsafe { create(globals, config, item_attributes) }.map(|created| {
            work_item.write(created.cast());
        }),
    )
}

/// Creates a work item, with the checks in their order.
///
/// # Safety
///
/// `item_attributes` must be as [`attributes::validate`] asks.
unsafe fn create(
    globals: &Globals,
    config: &WDF_WORKITEM_CONFIG,
    item_attributes: PWDF_OBJECT_ATTRIBUTES,
) -> Result<WDFOBJECT, NTSTATUS> {
    if config.Size != size_of::<WDF_WORKITEM_CONFIG>() as ULONG {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    if config.EvtWorkItemFunc.is_none() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(item_attributes, Rules::PLAIN) }?;
    let device = device_of_parent(globals, attributes)?;
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
    let created = object::create(globals, attributes, build)?;
    let context = object::as_void(created.object());
    let item = SystemWorkItem::create(globals, device.wdm(), run, context)?;
    created.item.set(Some(item));
    Ok(created.commit(attributes, NewParent::Default)?.handle())
}

/// The device that the parent of a work item is or belongs to.
fn device_of_parent(
    globals: &Globals,
    attributes: Attributes<'_>,
) -> Result<Live<Device>, NTSTATUS> {
    let parent = attributes
        .parent(globals)
        .ok_or(STATUS_WDF_PARENT_NOT_SPECIFIED)?;
    let device = parent.device().ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
    // SAFETY: A device outlives the objects below it, such as this parent and the work item.
    Ok(unsafe { Live::new(device.cast()) })
}

/// WdfWorkItemEnqueue: has EvtWorkItem run once more, unless that is already to come.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `work_item` NULL or the handle
/// of a live object.
pub(crate) unsafe extern "C" fn wdf_work_item_enqueue(
    globals: PWDF_DRIVER_GLOBALS,
    work_item: WDFWORKITEM,
) {
    // SAFETY: `globals` is bound and `work_item` NULL or live, as the caller guarantees.
    let item =
        unsafe { handle::resolve::<WorkItem>(globals, c"WdfWorkItemEnqueue", work_item.cast()) };
    if let Some(item) = item.system_item() {
        item.enqueue();
    }
}

/// WdfWorkItemGetParentObject: the parent, NULL once disposal has begun.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `work_item` NULL or the handle
/// of a live object.
pub(crate) unsafe extern "C" fn wdf_work_item_get_parent_object(
    globals: PWDF_DRIVER_GLOBALS,
    work_item: WDFWORKITEM,
) -> WDFOBJECT {
    // SAFETY: `globals` is bound and `work_item` NULL or live, as the caller guarantees.
    let item = unsafe {
        handle::resolve::<WorkItem>(globals, c"WdfWorkItemGetParentObject", work_item.cast())
    };
    let Some(parent) = item.object().parent_referenced() else {
        return null_mut();
    };
    // SAFETY: `parent_referenced` took a reference.
    let handle = unsafe { parent.as_ref() }.handle();
    // SAFETY: The reference that `parent_referenced` took.
    unsafe { object::release(parent) };
    handle
}

/// WdfWorkItemFlush: waits until EvtWorkItem neither runs nor is queued.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `work_item` NULL or the handle
/// of a live object.
pub(crate) unsafe extern "C" fn wdf_work_item_flush(
    globals: PWDF_DRIVER_GLOBALS,
    work_item: WDFWORKITEM,
) {
    const CALL: &CStr = c"WdfWorkItemFlush";
    // SAFETY: `globals` is bound and `work_item` NULL or live, as the caller guarantees.
    let item = unsafe { handle::resolve::<WorkItem>(globals, CALL, work_item.cast()) };
    if verifier::check_irql(item.object().globals(), CALL, PASSIVE_LEVEL).is_ok() {
        item.flush(c"WdfWorkItemFlush in the work item's own callback");
    }
}
