//! WDFSPINLOCK and WDFWAITLOCK.

use crate::driver::globals::Globals;
use crate::object::attributes::{self, Rules};
use crate::object::handle;
use crate::object::{self, FrameworkObject, Kind, NewParent, Object, type_code};
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

/// # Invariants
///
/// `irql` is written and read only by the holder of `lock`.
#[repr(C)]
struct SpinLock {
    object: Object,
    lock: UnsafeCell<KSPIN_LOCK>,
    irql: Cell<KIRQL>,
}

// SAFETY: `#[repr(C)]` with the object first.
unsafe impl FrameworkObject for SpinLock {
    const KIND: &'static Kind = &Kind::new(c"WDFSPINLOCK", type_code::SPIN_LOCK);
}

/// # Invariants
///
/// `free` is an initialised synchronization event, signalled while nobody holds the lock.
#[repr(C)]
struct WaitLock {
    object: Object,
    free: UnsafeCell<KEVENT>,
    /// The thread that holds it, 0 if none.
    owner: AtomicU64,
}

// SAFETY: `#[repr(C)]` with the object first.
unsafe impl FrameworkObject for WaitLock {
    const KIND: &'static Kind = &Kind::new(c"WDFWAITLOCK", type_code::WAIT_LOCK);
}

/// Creates a lock object of either type.
///
/// # Safety
///
/// `attributes` and `lock` are as the create calls of locks want them.
unsafe fn create<T: FrameworkObject>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    lock: *mut WDFOBJECT,
    build: impl FnOnce(Object) -> T,
    initialize: impl FnOnce(&T),
) -> Result<(), NTSTATUS> {
    // SAFETY: By the contract of this function.
    let own = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let globals = unsafe { attributes::globals_of_parent(own, attributes) }.unwrap_or(own);
    verifier::require(globals, call, lock);
    // SAFETY: By the contract of this function.
    let attributes = unsafe { attributes::validate(attributes, Rules::PLAIN) }?;
    // OBJ-77: refused attributes leave what is there.
    // SAFETY: Not NULL, so valid.
    unsafe { lock.write(null_mut()) };
    // SAFETY: Validated above.
    let created = unsafe { object::create(globals, attributes, build) }?;
    // SAFETY: Just created.
    initialize(unsafe { created.as_ref() });
    // SAFETY: Just created.
    let handle = unsafe { object::commit_or_delete(created, attributes, NewParent::Default) }?;
    // SAFETY: Not NULL, so valid.
    unsafe { lock.write(handle) };
    Ok(())
}

/// # Safety
///
/// As for WdfSpinLockCreate, with bound driver globals.
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
    // SAFETY: By the contract of this function.
    kernel::to_status(unsafe { create(globals, call, attributes, lock, build, |_| ()) })
}

/// # Safety
///
/// As for WdfSpinLockAcquire, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_spin_lock_acquire(
    globals: PWDF_DRIVER_GLOBALS,
    lock: WDFSPINLOCK,
) {
    const CALL: &CStr = c"WdfSpinLockAcquire";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let this: &SpinLock = unsafe { handle::typed(globals, CALL, lock.cast()) };
    if verifier::check_irql(globals, CALL, DISPATCH_LEVEL).is_err() {
        return;
    }
    // SAFETY: The lock is part of a live object, which is nonpaged.
    let irql = unsafe { KeAcquireSpinLockRaiseToDpc(this.lock.get()) };
    this.irql.set(irql);
}

/// # Safety
///
/// As for WdfSpinLockRelease, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_spin_lock_release(
    globals: PWDF_DRIVER_GLOBALS,
    lock: WDFSPINLOCK,
) {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let this: &SpinLock = unsafe { handle::typed(globals, c"WdfSpinLockRelease", lock.cast()) };
    let irql = this.irql.get();
    // SAFETY: The driver holds it, since the level was noted; else the kernel stops the run.
    unsafe { KeReleaseSpinLock(this.lock.get(), irql) };
}

/// # Safety
///
/// As for WdfWaitLockCreate, with bound driver globals.
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
        // SAFETY: The event stays where it is and nobody waits on it yet.
        unsafe { KeInitializeEvent(lock.free.get(), _EVENT_TYPE::SynchronizationEvent, 1) };
    };
    let (call, lock) = (c"WdfWaitLockCreate", lock.cast());
    // SAFETY: By the contract of this function.
    kernel::to_status(unsafe { create(globals, call, attributes, lock, build, initialize) })
}

/// Waits inside a critical region, which the holder stays in.
///
/// # Safety
///
/// As for WdfWaitLockAcquire, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_wait_lock_acquire(
    globals: PWDF_DRIVER_GLOBALS,
    lock: WDFWAITLOCK,
    timeout: PLONGLONG,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfWaitLockAcquire";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let this: &WaitLock = unsafe { handle::typed(globals, CALL, lock.cast()) };
    // SAFETY: The driver gives a valid pointer or NULL.
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
            c"WdfWaitLockAcquire by the thread that holds the lock",
        );
    }
    // SAFETY: Left on timeout here, otherwise when the lock is released.
    unsafe { KeEnterCriticalRegion() };
    let (event, mode) = (this.free.get().cast(), _MODE::KernelMode as KPROCESSOR_MODE);
    let reason = _KWAIT_REASON::Executive;
    // SAFETY: An initialised event, by the invariant; the timeout is valid or NULL.
    let status = unsafe { KeWaitForSingleObject(event, reason, mode, 0, timeout.cast()) };
    if status == STATUS_TIMEOUT {
        // SAFETY: Entered above.
        unsafe { KeLeaveCriticalRegion() };
    } else {
        this.owner.store(current_thread(), Ordering::Relaxed);
    }
    status
}

/// # Safety
///
/// As for WdfWaitLockRelease, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_wait_lock_release(
    globals: PWDF_DRIVER_GLOBALS,
    lock: WDFWAITLOCK,
) {
    const CALL: &CStr = c"WdfWaitLockRelease";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let this: &WaitLock = unsafe { handle::typed(globals, CALL, lock.cast()) };
    if verifier::check_irql(globals, CALL, DISPATCH_LEVEL).is_err() {
        return;
    }
    this.owner.store(0, Ordering::Relaxed);
    // SAFETY: An initialised event, by the invariant.
    unsafe { KeSetEvent(this.free.get(), 0, 0) };
    // SAFETY: Entered when the lock was acquired.
    unsafe { KeLeaveCriticalRegion() };
}
