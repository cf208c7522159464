//! Locks of the framework that guard a Rust value: spin locks and wait locks.
//!
//! Use a [`WaitLock`] for what is touched at PASSIVE_LEVEL only, pageable memory included; a
//! [`SpinLock`] for what is touched at DISPATCH_LEVEL too. Both run a closure instead of handing
//! out a guard: a guard that is forgotten, or dropped after another one, would leave the processor
//! at the wrong IRQL or the thread in a critical region.

use crate::irql::{AtMostDispatch, AtPassive, Dispatch};
use crate::object::{self, Owned, Parent};
use crate::plain::assert_by_value;
use crate::status::{Error, Result, check};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::{null_mut, without_provenance_mut};
use core::sync::atomic::{AtomicPtr, Ordering};
use kmdf_sys::{WDFSPINLOCK, WDFWAITLOCK, call_unsafe_wdf_function_binding, ntddk};

/// The thread that holds a lock, so that a second acquisition by the same thread is an error instead of a
/// deadlock.
#[derive(Debug)]
pub(crate) struct Owner(AtomicPtr<c_void>);

impl Owner {
    const fn none() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Never null, and never that of another thread at the same time.
    pub(crate) fn current() -> *mut c_void {
        // SAFETY: The call has no preconditions.
        let thread = unsafe { ntddk::PsGetCurrentThreadId() };
        if !thread.is_null() {
            return thread;
        }
        // The idle threads, on which DPCs run, all have the identity 0. But each stays on its
        // processor. Identities of threads are even.
        // SAFETY: The call has no preconditions; its pointer is optional.
        let processor = unsafe { ntddk::KeGetCurrentProcessorNumberEx(null_mut()) };
        without_provenance_mut((processor as usize) << 1 | 1)
    }

    /// Fails for a thread that holds the lock already. Relaxed order suffices: a thread sees what it
    /// stored itself, and no other thread stores this thread's identity.
    fn check_not_current(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) == Self::current() {
            Err(Error::INVALID_LOCK_SEQUENCE)
        } else {
            Ok(())
        }
    }

    fn set(&self) {
        self.0.store(Self::current(), Ordering::Relaxed);
    }

    fn clear(&self) {
        self.0.store(null_mut(), Ordering::Relaxed);
    }
}

/// Runs a closure at the end of its scope, by return or by unwinding.
pub(crate) struct AtEnd<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A `WDFSPINLOCK` around a value: exclusive access at DISPATCH_LEVEL.
///
/// # Invariants
///
/// `value` is only touched by the holder of `lock`.
#[derive(Debug)]
pub struct SpinLock<T> {
    lock: Owned<WDFSPINLOCK>,
    owner: Owner,
    value: UnsafeCell<T>,
}

// SAFETY: The value moves with the lock, whose object belongs to no thread.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: Only the holder of the lock touches the value, by the type invariant.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// `WdfSpinLockCreate`, for a value of at most [`MAX_BY_VALUE`](crate::MAX_BY_VALUE) bytes. IRQL:
    /// <= DISPATCH_LEVEL. `Drop` deletes the lock.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]; [`Error::DELETE_PENDING`] if the parent is being deleted.
    ///
    /// Source: "WdfSpinLockCreate function (wdfsync.h)".
    pub fn new(parent: &impl Parent, value: T) -> Result<Self> {
        const { assert_by_value::<T>() };
        let mut handle = null_mut();
        let mut attributes = object::owned_attributes(parent);
        // SAFETY: The parent is borrowed, so alive; the attributes are those of an owned object.
        check(unsafe {
            call_unsafe_wdf_function_binding!(WdfSpinLockCreate, &mut attributes, &mut handle)
        })?;
        // SAFETY: The lock was created above with attributes of an owned object; a spin lock may be deleted
        // by the driver, at any level of this crate.
        let lock = unsafe { Owned::new(handle) };
        Ok(Self {
            lock,
            owner: Owner::none(),
            value: UnsafeCell::new(value),
        })
    }

    /// `WdfSpinLockAcquire`, `body`, `WdfSpinLockRelease`. IRQL: <= DISPATCH_LEVEL, at which `body`
    /// runs.
    ///
    /// The caller's witness is out of reach in `body`, which gets one of DISPATCH_LEVEL instead:
    /// nothing pageable can be touched.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_LOCK_SEQUENCE`] if this thread holds the lock already, without running
    /// `body`.
    ///
    /// Source: "WdfSpinLockAcquire function (wdfsync.h)".
    pub fn with<R>(
        &self,
        _irql: &mut impl AtMostDispatch,
        body: impl FnOnce(&mut T, &mut Dispatch) -> R,
    ) -> Result<R> {
        self.owner.check_not_current()?;
        // SAFETY: The lock is alive, and this thread does not hold it.
        unsafe { call_unsafe_wdf_function_binding!(WdfSpinLockAcquire, self.lock.handle()) };
        self.owner.set();
        // SAFETY: The lock raised the level to DISPATCH_LEVEL until it is released.
        let mut irql = unsafe { Dispatch::assume() };
        // SAFETY: This thread holds the lock, and only the holder touches the value by the type invariant.
        let value = unsafe { &mut *self.value.get() };
        let _release = AtEnd(|| {
            self.owner.clear();
            // SAFETY: This thread acquired the lock above and has not released it.
            unsafe { call_unsafe_wdf_function_binding!(WdfSpinLockRelease, self.lock.handle()) };
        });
        Ok(body(value, &mut irql))
    }

    /// Borrows the value without acquiring the lock, which is borrowed exclusively. IRQL: any.
    pub const fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// A `WDFWAITLOCK` around a value: exclusive access at PASSIVE_LEVEL.
///
/// # Invariants
///
/// `value` is only touched by the holder of `lock`.
#[derive(Debug)]
pub struct WaitLock<T> {
    lock: Owned<WDFWAITLOCK>,
    owner: Owner,
    value: UnsafeCell<T>,
}

// SAFETY: The value moves with the lock, whose object belongs to no thread.
unsafe impl<T: Send> Send for WaitLock<T> {}
// SAFETY: Only the holder of the lock touches the value, by the type invariant.
unsafe impl<T: Send> Sync for WaitLock<T> {}

impl<T> WaitLock<T> {
    /// `WdfWaitLockCreate`, for a value of at most [`MAX_BY_VALUE`](crate::MAX_BY_VALUE) bytes. IRQL:
    /// <= DISPATCH_LEVEL. `Drop` deletes the lock.
    ///
    /// # Errors
    ///
    /// As [`SpinLock::new`].
    ///
    /// Source: "WdfWaitLockCreate function (wdfsync.h)".
    pub fn new(parent: &impl Parent, value: T) -> Result<Self> {
        const { assert_by_value::<T>() };
        let mut handle = null_mut();
        let mut attributes = object::owned_attributes(parent);
        // SAFETY: The parent is borrowed, so alive; the attributes are those of an owned object.
        check(unsafe {
            call_unsafe_wdf_function_binding!(WdfWaitLockCreate, &mut attributes, &mut handle)
        })?;
        // SAFETY: The lock was created above with attributes of an owned object; a wait lock may be deleted
        // by the driver, at any level of this crate.
        let lock = unsafe { Owned::new(handle) };
        Ok(Self {
            lock,
            owner: Owner::none(),
            value: UnsafeCell::new(value),
        })
    }

    /// `WdfWaitLockAcquire` without a time limit, `body`, `WdfWaitLockRelease`. IRQL:
    /// PASSIVE_LEVEL, at which `body` runs too.
    ///
    /// The lock does not raise the IRQL, so pageable bytes that were borrowed before may be used in
    /// `body`. Nor can `body` raise it: see [`WaitLock::with_irql_mut`].
    ///
    /// ```no_run
    /// use kmdf::{Memory, Paged, Passive, Result, WaitLock};
    ///
    /// fn append(log: &WaitLock<Memory<Paged>>, line: &Memory<Paged>, irql: &Passive) -> Result<()> {
    ///     let line = line.bytes(irql);
    ///     log.with(irql, |log, irql| log.copy_from(0, line, irql))?
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_LOCK_SEQUENCE`] if this thread holds the lock already, without running
    /// `body`.
    ///
    /// Source: "WdfWaitLockAcquire function (wdfsync.h)".
    pub fn with<W: AtPassive, R>(&self, irql: &W, body: impl FnOnce(&mut T, &W) -> R) -> Result<R> {
        // SAFETY: The witness proves PASSIVE_LEVEL.
        unsafe { self.hold(|value| body(value, irql)) }
    }

    /// As [`WaitLock::with`], for a `body` that takes a spin lock or raises the IRQL otherwise: it gets
    /// the witness exclusively, so that no pageable bytes that were borrowed before are in its reach.
    ///
    /// # Errors
    ///
    /// As [`WaitLock::with`].
    ///
    /// Source: "WdfWaitLockAcquire function (wdfsync.h)".
    pub fn with_irql_mut<W: AtPassive, R>(
        &self,
        irql: &mut W,
        body: impl FnOnce(&mut T, &mut W) -> R,
    ) -> Result<R> {
        // SAFETY: The witness proves PASSIVE_LEVEL.
        unsafe { self.hold(|value| body(value, irql)) }
    }

    /// Runs `body` with the lock held.
    ///
    /// # Safety
    ///
    /// The processor runs at PASSIVE_LEVEL.
    unsafe fn hold<R>(&self, body: impl FnOnce(&mut T) -> R) -> Result<R> {
        self.owner.check_not_current()?;
        // SAFETY: The lock is alive, this thread does not hold it, and the caller is at
        // PASSIVE_LEVEL.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(WdfWaitLockAcquire, self.lock.handle(), null_mut())
        };
        check(status)?;
        self.owner.set();
        // SAFETY: This thread holds the lock, and only the holder touches the value by the type invariant.
        let value = unsafe { &mut *self.value.get() };
        let _release = AtEnd(|| {
            self.owner.clear();
            // SAFETY: This thread acquired the lock above and has not released it.
            unsafe { call_unsafe_wdf_function_binding!(WdfWaitLockRelease, self.lock.handle()) };
        });
        Ok(body(value))
    }

    /// Borrows the value without acquiring the lock, which is borrowed exclusively. IRQL: any.
    pub const fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}
