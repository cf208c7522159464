//! What the I/O half waits on and locks with: spin-locked state, events, callback locks.

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

/// State that is reached only with its spin lock held, at DISPATCH_LEVEL.
///
/// # Invariants
///
/// `value` is touched only while `lock` is held.
pub(crate) struct Locked<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

impl<T> Locked<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            // A spin lock that nobody holds is zero.
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

/// A held [`Locked`]: released, and the IRQL lowered, when it goes.
pub(crate) struct Guard<'a, T> {
    locked: &'a Locked<T>,
    irql: KIRQL,
}

impl<T> Guard<'_, T> {
    /// The level at which the lock was taken.
    pub(crate) fn previous_irql(&self) -> KIRQL {
        self.irql
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the invariant of `Locked`; this guard is the proof that the lock is held.
        unsafe { &*self.locked.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As in `deref`, and there is one guard per acquisition.
        unsafe { &mut *self.locked.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: Taken by this thread in `Locked::lock`, which also gave the level.
        unsafe { KeReleaseSpinLock(self.locked.lock.get(), self.irql) }
    }
}

/// A kernel event.
///
/// # Invariants
///
/// Between [`Event::initialize`] and the last use the event does not move.
pub(crate) struct Event(UnsafeCell<KEVENT>);

impl Event {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(KEVENT::default()))
    }

    /// Makes it a notification event, not signalled.
    pub(crate) fn initialize(&self) {
        self.initialize_as(_EVENT_TYPE::NotificationEvent, false);
    }

    fn initialize_as(&self, kind: EVENT_TYPE, signalled: bool) {
        // SAFETY: The storage is this event's, and nothing waits on it yet.
        unsafe { KeInitializeEvent(self.0.get(), kind, signalled.into()) }
    }

    pub(crate) fn set(&self) {
        // SAFETY: Initialised, by the invariant.
        unsafe { KeSetEvent(self.0.get(), IO_NO_INCREMENT as KPRIORITY, 0) };
    }

    pub(crate) fn reset(&self) {
        // SAFETY: Initialised, by the invariant.
        unsafe { KeResetEvent(self.0.get()) };
    }

    /// Waits without a time limit. PASSIVE_LEVEL only.
    pub(crate) fn wait(&self) {
        let _ = self.wait_for(null_mut());
    }

    /// As [`Event::wait`], and says so each time that it has taken long (VER-29).
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
            verifier::break_point(globals, c"the framework is still waiting");
        }
    }

    fn wait_for(&self, limit: PLARGE_INTEGER) -> NTSTATUS {
        let object = self.0.get().cast();
        let mode = _MODE::KernelMode as KPROCESSOR_MODE;
        // SAFETY: Initialised, by the invariant; the limit is NULL or the caller's.
        unsafe { KeWaitForSingleObject(object, _KWAIT_REASON::Executive, mode, 0, limit) }
    }
}

/// Keeps asynchronous procedure calls away from the thread while it lives.
pub(crate) struct CriticalRegion(());

impl CriticalRegion {
    pub(crate) fn enter() -> Self {
        // SAFETY: Left again when the value goes, on the same thread.
        unsafe { KeEnterCriticalRegion() };
        Self(())
    }
}

impl Drop for CriticalRegion {
    fn drop(&mut self) {
        // SAFETY: Entered in `enter`.
        unsafe { KeLeaveCriticalRegion() }
    }
}

/// The thread that runs, as a number that no other live thread has. Never 0.
pub(crate) fn current_thread() -> u64 {
    // SAFETY: No preconditions.
    let thread = unsafe { PsGetCurrentThreadId() } as u64;
    if thread != 0 {
        return thread;
    }
    // The idle threads share the number 0; each stays on its processor. Other numbers are even.
    // SAFETY: No preconditions; the pointer is optional.
    let processor = unsafe { KeGetCurrentProcessorNumberEx(null_mut()) };
    u64::from(processor) << 1 | 1
}

/// The lock that a driver's callbacks are made under: of the kind that their level allows (QUE-37).
///
/// # Invariants
///
/// `irql` is written and read only by the holder.
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

    /// To be called once the lock is where it stays.
    pub(crate) fn initialize(&self) {
        self.free
            .initialize_as(_EVENT_TYPE::SynchronizationEvent, true);
    }

    /// OBJ-64
    pub(crate) fn acquire(&self, globals: &Globals) {
        if self.is_held() {
            let address = core::ptr::from_ref(self).addr() as ULONG_PTR;
            stop::violation(globals, _WDF_BUGCHECK_CODES::WDF_RECURSIVE_LOCK, address, 0);
        }
        if self.passive {
            // SAFETY: Left in `release`, by the same thread.
            unsafe { KeEnterCriticalRegion() };
            self.free.wait();
        } else {
            // SAFETY: The lock is part of a framework object, which is nonpaged.
            let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.spin.get()) };
            self.irql.set(irql);
        }
        self.owner.store(current_thread(), Ordering::Relaxed);
    }

    pub(crate) fn release(&self) {
        self.owner.store(0, Ordering::Relaxed);
        if self.passive {
            self.free.set();
            // SAFETY: Entered in `acquire`.
            unsafe { KeLeaveCriticalRegion() };
        } else {
            let irql = self.irql.get();
            // SAFETY: Taken in `acquire` by this thread, which noted the level.
            unsafe { KeReleaseSpinLock(self.spin.get(), irql) };
        }
    }

    /// Whether the thread that runs holds the lock.
    pub(crate) fn is_held(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == current_thread()
    }
}
