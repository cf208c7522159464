//! The lock objects WDFSPINLOCK and WDFWAITLOCK.

use crate::driver::globals::Globals;
use crate::object::attributes::{self, Rules};
use crate::object::handle;
use crate::object::{self, FrameworkObject, NewParent, Object, ObjectKind, type_code};
use crate::support::kernel;
use crate::support::sync::current_thread;
use crate::support::verifier;
use core::cell::{Cell, UnsafeCell};
use core::ffi::CStr;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU64, Ordering};
use kmdf_sys::ntddk::{
    KeAcquireSpinLockRaiseToDpc, KeEnterCriticalRegion, KeInitializeEvent, KeLeaveCriticalRegion,
    KeReleaseSpinLock, KeSetEvent, KeWaitForSingleObject,
};
use kmdf_sys::{
    _EVENT_TYPE, _KWAIT_REASON, _MODE, DISPATCH_LEVEL, KEVENT, KIRQL, KPROCESSOR_MODE, KSPIN_LOCK,
    NTSTATUS, PASSIVE_LEVEL, PLONGLONG, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES,
    STATUS_TIMEOUT, WDFOBJECT, WDFSPINLOCK, WDFWAITLOCK,
};

/// A WDFSPINLOCK: a spin lock as an object.
///
/// # Invariants
///
/// `irql` is written and read only by the owner of `lock`.
#[repr(C)]
struct SpinLock {
    object: Object,
    lock: UnsafeCell<KSPIN_LOCK>,
    irql: Cell<KIRQL>,
}

// SAFETY: `#[repr(C)]` with the object first.
unsafe impl FrameworkObject for SpinLock {
    const KIND: &'static ObjectKind = &ObjectKind::new(c"WDFSPINLOCK", type_code::SPIN_LOCK);
}

/// A WDFWAITLOCK: a lock that waits at PASSIVE_LEVEL.
///
/// # Invariants
///
/// `free` is an initialised synchronization event, signalled while the lock has no owner.
#[repr(C)]
struct WaitLock {
    object: Object,
    free: UnsafeCell<KEVENT>,
    /// The thread that owns the lock, else 0.
    owner: AtomicU64,
}

// SAFETY: `#[repr(C)]` with the object first.
unsafe impl FrameworkObject for WaitLock {
    const KIND: &'static ObjectKind = &ObjectKind::new(c"WDFWAITLOCK", type_code::WAIT_LOCK);
}

/// Creates a lock object of either type.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, `attributes` NULL or as
/// [`attributes::validate`] asks, `lock` NULL or writable.
unsafe fn create<T: FrameworkObject>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    lock: *mut WDFOBJECT,
    build: impl FnOnce(Object) -> T,
    initialize: impl FnOnce(&T),
) -> Result<(), NTSTATUS> {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let own = unsafe { Globals::from_public(globals) };
    // SAFETY: The attributes are NULL or readable and their parent is live.
    let globals = unsafe { attributes::globals_of_parent(own, attributes) }.unwrap_or(own);
    // SAFETY: `lock` is NULL or writable, as the caller guarantees.
    let lock = unsafe { verifier::required_out(globals, call, lock) };
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(attributes, Rules::PLAIN) }?;
    // Invalid attributes leave the variable unchanged, so it is cleared only here (OBJ-77).
    lock.write(null_mut());
    let created = object::create(globals, attributes, build)?;
    initialize(&created);
    let created = created.commit(attributes, NewParent::Default)?;
    lock.write(created.handle());
    Ok(())
}

/// WdfSpinLockCreate: creates a spin lock object.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `lock` must be NULL or writable.
/// `attributes` must be NULL or attributes that stay unchanged for the call, with readable type
/// information and a live parent.
pub(crate) unsafe extern "C" fn wdf_spin_lock_create(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    lock: *mut WDFSPINLOCK,
) -> NTSTATUS {
    let build = |object| SpinLock {
        object,
        lock: UnsafeCell::new(0),
        irql: Cell::new(0),
    };
    let (call, lock) = (c"WdfSpinLockCreate", lock.cast());
    // SAFETY: `globals`, `attributes` and `lock` are what `create` asks for too.
    kernel::to_status(unsafe { create(globals, call, attributes, lock, build, |_| ()) })
}

/// WdfSpinLockAcquire: acquires the lock and raises to DISPATCH_LEVEL.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `lock` NULL or the handle of a
/// live object.
pub(crate) unsafe extern "C" fn wdf_spin_lock_acquire(
    globals: PWDF_DRIVER_GLOBALS,
    lock: WDFSPINLOCK,
) {
    const CALL: &CStr = c"WdfSpinLockAcquire";
    // SAFETY: `globals` is bound and `lock` NULL or live, as the caller guarantees.
    let (globals, this) =
        unsafe { handle::resolve_with_globals::<SpinLock>(globals, CALL, lock.cast()) };
    if verifier::check_irql(globals, CALL, DISPATCH_LEVEL).is_err() {
        return;
    }
    // SAFETY: The spin lock is part of a live object, which is nonpaged.
    let irql = unsafe { KeAcquireSpinLockRaiseToDpc(this.lock.get()) };
    this.irql.set(irql);
}

/// WdfSpinLockRelease: releases the lock and lowers to the IRQL of the acquisition.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `lock` NULL or the handle of a
/// live object.
pub(crate) unsafe extern "C" fn wdf_spin_lock_release(
    globals: PWDF_DRIVER_GLOBALS,
    lock: WDFSPINLOCK,
) {
    // SAFETY: `globals` is bound and `lock` NULL or live, as the caller guarantees.
    let this = unsafe { handle::resolve::<SpinLock>(globals, c"WdfSpinLockRelease", lock.cast()) };
    let irql = this.irql.get();
    // SAFETY: The driver owns the lock, or the kernel stops the run; `irql` is that of the acquisition.
    unsafe { KeReleaseSpinLock(this.lock.get(), irql) };
}

/// WdfWaitLockCreate: creates a wait lock object.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `lock` must be NULL or writable.
/// `attributes` must be NULL or attributes that stay unchanged for the call, with readable type
/// information and a live parent.
pub(crate) unsafe extern "C" fn wdf_wait_lock_create(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    lock: *mut WDFWAITLOCK,
) -> NTSTATUS {
    let build = |object| WaitLock {
        object,
        free: UnsafeCell::new(KEVENT::default()),
        owner: AtomicU64::new(0),
    };
    let initialize = |lock: &WaitLock| {
        // SAFETY: The event is part of the object, which does not move, and nothing waits on it yet.
        unsafe { KeInitializeEvent(lock.free.get(), _EVENT_TYPE::SynchronizationEvent, 1) };
    };
    let (call, lock) = (c"WdfWaitLockCreate", lock.cast());
    // SAFETY: `globals`, `attributes` and `lock` are what `create` asks for too.
    kernel::to_status(unsafe { create(globals, call, attributes, lock, build, initialize) })
}

/// WdfWaitLockAcquire: waits for the lock inside a critical region, which the owner stays in.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `lock` NULL or the handle of a
/// live object. `timeout` must be NULL or readable.
pub(crate) unsafe extern "C" fn wdf_wait_lock_acquire(
    globals: PWDF_DRIVER_GLOBALS,
    lock: WDFWAITLOCK,
    timeout: PLONGLONG,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfWaitLockAcquire";
    // SAFETY: `globals` is bound and `lock` NULL or live, as the caller guarantees.
    let (globals, this) =
        unsafe { handle::resolve_with_globals::<WaitLock>(globals, CALL, lock.cast()) };
    // SAFETY: `timeout` is NULL or readable, as the caller guarantees.
    let may_wait = unsafe { timeout.as_ref() }.is_none_or(|&timeout| timeout != 0);
    let limit = if may_wait {
        PASSIVE_LEVEL
    } else {
        DISPATCH_LEVEL
    };
    if let Err(status) = verifier::check_irql(globals, CALL, limit) {
        return status;
    }
    if may_wait && this.owner.load(Ordering::Relaxed) == current_thread() {
        verifier::break_point(
            globals,
            c"WdfWaitLockAcquire by the thread that owns the lock: the wait never ends",
        );
    }
    // SAFETY: On a timeout the region is left below, else when the lock is released.
    unsafe { KeEnterCriticalRegion() };
    let (event, mode) = (this.free.get().cast(), _MODE::KernelMode as KPROCESSOR_MODE);
    let reason = _KWAIT_REASON::Executive;
    // SAFETY: An initialised event, by the invariant; `timeout` is NULL or readable.
    let status = unsafe { KeWaitForSingleObject(event, reason, mode, 0, timeout.cast()) };
    if status == STATUS_TIMEOUT {
        // SAFETY: This thread entered the region above.
        unsafe { KeLeaveCriticalRegion() };
    } else {
        this.owner.store(current_thread(), Ordering::Relaxed);
    }
    status
}

/// WdfWaitLockRelease: releases the lock and leaves the critical region.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `lock` NULL or the handle of a
/// live object.
pub(crate) unsafe extern "C" fn wdf_wait_lock_release(
    globals: PWDF_DRIVER_GLOBALS,
    lock: WDFWAITLOCK,
) {
    const CALL: &CStr = c"WdfWaitLockRelease";
    // SAFETY: `globals` is bound and `lock` NULL or live, as the caller guarantees.
    let (globals, this) =
        unsafe { handle::resolve_with_globals::<WaitLock>(globals, CALL, lock.cast()) };
    if verifier::check_irql(globals, CALL, DISPATCH_LEVEL).is_err() {
        return;
    }
    this.owner.store(0, Ordering::Relaxed);
    // SAFETY: An initialised event, by the invariant.
    unsafe { KeSetEvent(this.free.get(), 0, 0) };
    // SAFETY: The thread entered the region when it acquired the lock.
    unsafe { KeLeaveCriticalRegion() };
}
