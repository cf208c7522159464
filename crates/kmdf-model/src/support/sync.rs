//! Synchronisation inside the framework: state under a spin lock, events, callback locks.

use crate::driver::globals::Globals;
use crate::support::stop;
use crate::support::verifier;
use core::cell::{Cell, UnsafeCell};
use core::ops::{Deref, DerefMut};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU64, Ordering};
use kmdf_sys::ntddk::{
    KeAcquireSpinLockRaiseToDpc, KeEnterCriticalRegion, KeGetCurrentProcessorNumberEx,
    KeInitializeEvent, KeLeaveCriticalRegion, KeReleaseSpinLock, KeResetEvent, KeSetEvent,
    KeWaitForSingleObject, PsGetCurrentThreadId,
};
use kmdf_sys::{
    _EVENT_TYPE, _KWAIT_REASON, _MODE, _WDF_BUGCHECK_CODES, EVENT_TYPE, IO_NO_INCREMENT, KEVENT,
    KIRQL, KPRIORITY, KPROCESSOR_MODE, KSPIN_LOCK, LARGE_INTEGER, NTSTATUS, PLARGE_INTEGER,
    STATUS_TIMEOUT, ULONG_PTR,
};

/// A value under a spin lock, which is accessed at DISPATCH_LEVEL.
///
/// # Invariants
///
/// `value` is accessed only while `lock` is held.
pub(crate) struct Locked<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

impl<T> Locked<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            // Zero is a free spin lock.
            lock: UnsafeCell::new(0),
            value: UnsafeCell::new(value),
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        // SAFETY: The lock lives as long as `self`, and framework state is nonpaged.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        Guard { locked: self, irql }
    }
}

/// Access to a [`Locked`] value: dropping it releases the lock and lowers the IRQL.
pub(crate) struct Guard<'a, T> {
    locked: &'a Locked<T>,
    irql: KIRQL,
}

impl<T> Guard<'_, T> {
    /// The IRQL at which the lock was acquired.
    pub(crate) fn previous_irql(&self) -> KIRQL {
        self.irql
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The lock is held while this guard exists, so nothing else accesses the value.
        unsafe { &*self.locked.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is held, and there is one guard per acquisition.
        unsafe { &mut *self.locked.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: This thread acquired the lock in `Locked::lock`, at this IRQL.
        unsafe { KeReleaseSpinLock(self.locked.lock.get(), self.irql) }
    }
}

/// A kernel event (KEVENT).
///
/// # Invariants
///
/// Between [`Event::initialize`] and the last use the event does not move.
pub(crate) struct Event(UnsafeCell<KEVENT>);

impl Event {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(KEVENT::default()))
    }

    /// Initialises a notification event, not signalled.
    pub(crate) fn initialize(&self) {
        self.initialize_as(_EVENT_TYPE::NotificationEvent, false);
    }

    fn initialize_as(&self, kind: EVENT_TYPE, signalled: bool) {
        // SAFETY: The storage is part of this event, and nothing waits on it yet.
        unsafe { KeInitializeEvent(self.0.get(), kind, signalled.into()) }
    }

    pub(crate) fn set(&self) {
        // SAFETY: Initialised at this address, by the invariant.
        unsafe { KeSetEvent(self.0.get(), IO_NO_INCREMENT as KPRIORITY, 0) };
    }

    pub(crate) fn reset(&self) {
        // SAFETY: Initialised at this address, by the invariant.
        unsafe { KeResetEvent(self.0.get()) };
    }

    /// Waits without a time limit. PASSIVE_LEVEL only.
    pub(crate) fn wait(&self) {
        let _ = self.wait_for(null_mut());
    }

    /// [`Event::wait`] that reports each time that the configured seconds have passed (VER-29).
    pub(crate) fn wait_reported(&self, globals: &Globals) {
        let seconds = i64::from(globals.settings.wait_report_seconds.get());
        loop {
            // In units of 100 ns; negative is from now on.
            let mut limit = LARGE_INTEGER {
                QuadPart: seconds * -10_000_000,
            };
            if self.wait_for(&mut limit) != STATUS_TIMEOUT {
                return;
            }
            verifier::break_point(
                globals,
                c"the framework is still waiting: for requests that the driver owns, or for a callback of it",
            );
        }
    }

    fn wait_for(&self, limit: PLARGE_INTEGER) -> NTSTATUS {
        let object = self.0.get().cast();
        let mode = _MODE::KernelMode as KPROCESSOR_MODE;
        // SAFETY: Initialised, by the invariant; `limit` is NULL or a variable of the caller.
        unsafe { KeWaitForSingleObject(object, _KWAIT_REASON::Executive, mode, 0, limit) }
    }
}

/// A critical region: asynchronous procedure calls are disabled for the thread until it is dropped.
pub(crate) struct CriticalRegion(());

impl CriticalRegion {
    pub(crate) fn enter() -> Self {
        // SAFETY: Dropping the value leaves the region, on the same thread.
        unsafe { KeEnterCriticalRegion() };
        Self(())
    }
}

impl Drop for CriticalRegion {
    fn drop(&mut self) {
        // SAFETY: `enter` entered the region on this thread.
        unsafe { KeLeaveCriticalRegion() }
    }
}

/// The current thread, as a number that no other live thread has, and never 0.
pub(crate) fn current_thread() -> u64 {
    // SAFETY: PsGetCurrentThreadId can be called anywhere.
    let thread = unsafe { PsGetCurrentThreadId() } as u64;
    if thread != 0 {
        return thread;
    }
    // The idle threads share the number 0; each stays on its processor. Other numbers are even.
    // SAFETY: KeGetCurrentProcessorNumberEx can be called anywhere, and its pointer is optional.
    let processor = unsafe { KeGetCurrentProcessorNumberEx(null_mut()) };
    u64::from(processor) << 1 | 1
}

/// The lock that a driver's callbacks run under: a wait lock for callbacks at PASSIVE_LEVEL, else a spin
/// lock (QUE-37).
///
/// # Invariants
///
/// `irql` is written and read only by the owner of the lock.
pub(crate) struct CallbackLock {
    passive: bool,
    spin: UnsafeCell<KSPIN_LOCK>,
    irql: Cell<KIRQL>,
    free: Event,
    owner: AtomicU64,
}

impl CallbackLock {
    pub(crate) fn new(passive: bool) -> Self {
        Self {
            passive,
            spin: UnsafeCell::new(0),
            irql: Cell::new(0),
            free: Event::new(),
            owner: AtomicU64::new(0),
        }
    }

    /// Initialises the event; called once the lock is at its final address.
    pub(crate) fn initialize(&self) {
        self.free
            .initialize_as(_EVENT_TYPE::SynchronizationEvent, true);
    }

    /// Acquires the lock; recursion is a bug check (OBJ-64).
    pub(crate) fn acquire(&self, globals: &Globals) {
        if self.is_held() {
            let address = core::ptr::from_ref(self).addr() as ULONG_PTR;
            stop::violation(globals, _WDF_BUGCHECK_CODES::WDF_RECURSIVE_LOCK, address, 0);
        }
        if self.passive {
            // SAFETY: `release` leaves the region, on the same thread.
            unsafe { KeEnterCriticalRegion() };
            self.free.wait();
        } else {
            // SAFETY: The spin lock is part of a framework object, which is nonpaged.
            let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.spin.get()) };
            self.irql.set(irql);
        }
        self.owner.store(current_thread(), Ordering::Relaxed);
    }

    pub(crate) fn release(&self) {
        self.owner.store(0, Ordering::Relaxed);
        if self.passive {
            self.free.set();
            // SAFETY: `acquire` entered the region on this thread.
            unsafe { KeLeaveCriticalRegion() };
        } else {
            let irql = self.irql.get();
            // SAFETY: This thread acquired the lock in `acquire`, at this IRQL.
            unsafe { KeReleaseSpinLock(self.spin.get(), irql) };
        }
    }

    /// Whether the current thread owns the lock.
    pub(crate) fn is_held(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == current_thread()
    }
}
