//! Devices (WDFDEVICE): function devices of PnP drivers, and control devices.

mod api;
mod create;
pub(crate) mod file;
pub(crate) mod init;
pub(crate) mod interface;
pub(crate) mod pnp;
mod routes;
pub(crate) mod security;
mod wdm;

pub(crate) use api::*;
pub(crate) use create::wdf_device_create;

use crate::device::file::FileList;
use crate::device::init::FileConfig;
use crate::device::interface::Interfaces;
use crate::device::pnp::Pnp;
use crate::driver::globals::Globals;
use crate::memory::entry_list::EntryList;
use crate::object::attributes::{Attributes, StoredAttributes};
use crate::object::dispose_list::DisposeList;
use crate::object::live::Live;
use crate::object::{
    self, Cleanup, FrameworkObject, Layout, Object, ObjectKind, PASSIVE_DISPOSE, type_code,
};
use crate::queue::Scope;
use crate::support::sync::CallbackLock;
use crate::support::unicode::PoolString;
use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use kmdf_sys::{
    _WDF_EXECUTION_LEVEL, _WDF_SYNCHRONIZATION_SCOPE, PDEVICE_OBJECT, PFN_WDF_IO_IN_CALLER_CONTEXT,
    WDF_OBJECT_ATTRIBUTES,
};
use routes::Routes;

/// How reads and writes pass their buffers, as WDF_DEVICE_IO_TYPE says (DEV-30).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IoType {
    Neither,
    Buffered,
    Direct,
}

/// Execution level and synchronization scope of callbacks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Constraints {
    pub(crate) passive: bool,
    pub(crate) scope: Scope,
}

impl Constraints {
    /// The defaults of a driver: callbacks at up to DISPATCH_LEVEL, not synchronised (QUE-41).
    pub(crate) const DRIVER_DEFAULT: Self = Self {
        passive: false,
        scope: Scope::None,
    };

    /// The constraints in attributes, else the inherited ones (QUE-25, DEV-29).
    pub(crate) fn effective(self, given: Option<&WDF_OBJECT_ATTRIBUTES>) -> Self {
        use _WDF_EXECUTION_LEVEL as Level;
        use _WDF_SYNCHRONIZATION_SCOPE as Wanted;
        let Some(given) = given else { return self };
        Self {
            passive: match given.ExecutionLevel {
                Level::WdfExecutionLevelPassive => true,
                Level::WdfExecutionLevelDispatch => false,
                _ => self.passive,
            },
            scope: match given.SynchronizationScope {
                Wanted::WdfSynchronizationScopeDevice => Scope::Device,
                Wanted::WdfSynchronizationScopeQueue => Scope::Queue,
                Wanted::WdfSynchronizationScopeNone => Scope::None,
                _ => self.scope,
            },
        }
    }
}

/// The parent of a device's queues: the first child of the device, so that the queues are disposed of
/// before any other child (QUE-21, DEV-57).
#[repr(C)]
pub(crate) struct IoPackage {
    object: Object,
}

// SAFETY: `repr(C)` with the object first.
unsafe impl FrameworkObject for IoPackage {
    const KIND: &'static ObjectKind = &ObjectKind {
        marks: PASSIVE_DISPOSE,
        ..ObjectKind::new(c"I/O package", 0x1103)
    };
}

/// A WDFDEVICE: a function device or a control device.
///
/// # Invariants
///
/// - `wdm` is this driver's device object, whose extension leads back here, until it is NULL.
/// - `lower` is the device object that `wdm` is attached to, or NULL.
/// - `package` and `dispose_list` are written once, before the device has a handle; the package is a
///   child of the device.
/// - The other `Cell`s are written during creation and by PnP requests, which come one at a time.
#[repr(C)]
pub(crate) struct Device {
    object: Object,
    pdo: PDEVICE_OBJECT,
    wdm: Cell<PDEVICE_OBJECT>,
    lower: Cell<PDEVICE_OBJECT>,
    constraints: Constraints,
    lock: CallbackLock,
    io_type: IoType,
    exclusive: bool,
    pub(crate) file_config: FileConfig,
    pub(crate) files: FileList,
    pub(crate) in_caller_context: PFN_WDF_IO_IN_CALLER_CONTEXT,
    request_attributes: StoredAttributes,
    request_layout: Layout,
    requests: EntryList,
    package: Cell<Option<NonNull<Object>>>,
    dispose_list: Cell<Option<NonNull<DisposeList>>>,
    routes: Routes,
    pub(crate) pnp: Pnp,
    pub(crate) interfaces: Interfaces,
    /// The name that the driver assigned, which the symbolic link of a control device needs (DEV-40).
    name: Cell<Option<PoolString>>,
    link: Cell<Option<PoolString>>,
    security: Cell<Option<NonNull<u8>>>,
    pub(crate) open_count: AtomicU32,
    /// The driver deleted this control device while it was open (DEV-37).
    pub(crate) deletion_postponed: AtomicBool,
    /// WdfControlFinishInitializing was called (DEV-36).
    finished: Cell<bool>,
}

// SAFETY: `repr(C)`, an `Object` first, and all objects of this kind are made by `create`.
unsafe impl FrameworkObject for Device {
    const KIND: &'static ObjectKind = &ObjectKind {
        marks: PASSIVE_DISPOSE,
        lockable: true,
        delete: delete_by_driver,
        dispose: |object| device_of(object).dispose(),
        destroy: |object| device_of(object).destroy(),
        callback_lock: Some(|object| device_of(object).callback_lock()),
        dispose_list: |object| device_of(object).own_dispose_list(),
        ..ObjectKind::new(c"WDFDEVICE", type_code::DEVICE)
    };
}

fn device_of(object: &Object) -> &Device {
    // SAFETY: Only the kind of `Device` has the functions that call this.
    unsafe { object.downcast() }
}

/// WdfObjectDelete of a control device, which is put off while the device is open (DEV-37).
///
/// # Safety
///
/// `pointer` must be a live device, which the caller must not use afterwards.
unsafe fn delete_by_driver(pointer: NonNull<Object>) {
    // SAFETY: Alive, as the caller guarantees.
    let device = device_of(unsafe { pointer.as_ref() });
    device.delete_wdm_device();
    device.deletion_postponed.store(true, Ordering::SeqCst);
    if device.open_count.load(Ordering::SeqCst) == 0 {
        device.finish_postponed_deletion();
    }
}

impl Device {
    /// The device as a pointer that what lies below it keeps.
    ///
    /// # Safety
    ///
    /// The result must not be used after the device is freed.
    pub(crate) unsafe fn live(&self) -> Live<Self> {
        // SAFETY: Alive for as long as the result is used, as the caller guarantees.
        unsafe { Live::of(self) }
    }

    pub(crate) fn globals(&self) -> &Globals {
        self.object.globals()
    }

    pub(crate) fn is_pnp(&self) -> bool {
        !self.pdo.is_null()
    }

    pub(crate) fn pdo(&self) -> PDEVICE_OBJECT {
        self.pdo
    }

    pub(crate) fn wdm(&self) -> PDEVICE_OBJECT {
        self.wdm.get()
    }

    pub(crate) fn lower(&self) -> PDEVICE_OBJECT {
        self.lower.get()
    }

    pub(crate) fn io_type(&self) -> IoType {
        self.io_type
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    pub(crate) fn is_passive(&self) -> bool {
        self.constraints.passive
    }

    pub(crate) fn constraints(&self) -> Constraints {
        self.constraints
    }

    pub(crate) fn constraints_of(&self, given: Option<&WDF_OBJECT_ATTRIBUTES>) -> Constraints {
        self.constraints.effective(given)
    }

    /// The lock of everything that is synchronised by the device (QUE-38).
    pub(crate) fn callback_lock(&self) -> Option<&CallbackLock> {
        Some(&self.lock)
    }

    pub(crate) fn requests(&self) -> &EntryList {
        &self.requests
    }

    pub(crate) fn request_layout(&self) -> &Layout {
        &self.request_layout
    }

    pub(crate) fn request_attributes(&self) -> Attributes<'_> {
        self.request_attributes.get()
    }

    /// The default parent of queues.
    pub(crate) fn io_package(&self) -> &Object {
        match self.package.get() {
            // SAFETY: A child of the device, by the invariant, which lives as long.
            Some(package) => unsafe { package.as_ref() },
            None => &self.object,
        }
    }

    fn own_dispose_list(&self) -> Option<&DisposeList> {
        // SAFETY: Only `destroy` takes the list away and frees it.
        self.dispose_list.get().map(|list| unsafe { list.as_ref() })
    }

    /// Disposal of a control device: callbacks, children, symbolic link, device object (DEV-38, DEV-39).
    /// A PnP device has done this before, and its remove request does the rest.
    fn dispose(&self) -> Cleanup {
        if self.is_pnp() {
            return Cleanup::Now;
        }
        object::call_cleanup(&self.object);
        object::destroy_children(&self.object);
        if let Some(list) = self.own_dispose_list() {
            list.wait_until_empty(self.object.globals());
        }
        self.delete_symbolic_link();
        self.delete_wdm_device();
        Cleanup::Done
    }

    fn destroy(&self) {
        if let Some(list) = self.dispose_list.take() {
            // SAFETY: The objects below the device, which alone used the list, are destroyed.
            unsafe { DisposeList::destroy(list, self.object.globals()) };
        }
        self.requests.delete();
        self.interfaces.free();
        self.name.take();
        self.link.take();
        self.free_security();
    }

    /// Does the deletion that WdfObjectDelete put off until the last handle is closed (DEV-37).
    pub(crate) fn finish_postponed_deletion(&self) {
        if self.deletion_postponed.swap(false, Ordering::SeqCst) {
            // SAFETY: The driver deleted the device, and its last handle is closed.
            unsafe { object::delete(self.object.pointer()) };
        }
    }

    /// Disposes of everything below a function device that is removed or whose creation failed, up to the
    /// remove request itself (DEV-57).
    pub(crate) fn dispose_tree(&self) {
        let pointer = self.object.pointer();
        // At PASSIVE_LEVEL early disposal is always possible.
        // SAFETY: The initial reference, which `remove` drops later, keeps the device.
        let _ = unsafe { object::early_dispose(pointer) };
        object::destroy_children(&self.object);
        if let Some(list) = self.own_dispose_list() {
            list.wait_until_empty(self.object.globals());
        }
    }

    /// Deletes the WDM device object and the device, after [`Device::dispose_tree`].
    ///
    /// # Safety
    ///
    /// The device must not be used afterwards.
    pub(crate) unsafe fn remove(&self) {
        self.detach();
        self.delete_symbolic_link();
        self.delete_wdm_device();
        // SAFETY: Alive until here, and not used afterwards, as the caller guarantees.
        unsafe { object::delete(self.object.pointer()) };
    }
}
