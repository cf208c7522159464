//! What Rust values own and nobody else would release: released when the driver is unloaded, should
//! the values have been forgotten.
//!
//! `mem::forget` is safe, and so is a value in a `static`, which is never dropped either. Whatever
//! such a value owns would still be there when the image is gone, which Driver Verifier answers
//! with bug check 0xC4. So everything that no parent releases has a [`Node`] in one list. Dropping
//! the value takes it out; what is left once the driver's own value has been dropped belongs to
//! values that nobody can reach any more, and is released then.

use crate::sync::Cell;
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, Ordering};
use kmdf_sys::{KSPIN_LOCK, ntddk};

/// How to release what the node stands for, at PASSIVE_LEVEL. Runs no code of the driver's own.
pub(crate) type Release = unsafe fn(NonNull<Node>);

/// A place in the list, inside of what it stands for. Zeroed memory is a node outside of the list.
///
/// # Invariants
///
/// The fields are only touched with the registry's lock held. Outside of the list `next` and `release`
/// are at the disposal of whoever took the node out.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) next: Cell<*mut Node>,
    previous: Cell<*mut Node>,
    pub(crate) release: Cell<Option<Release>>,
}

impl Node {
    /// A node outside of the list.
    pub(crate) const fn new() -> Self {
        Self {
            next: Cell::new(null_mut()),
            previous: Cell::new(null_mut()),
            release: Cell::new(None),
        }
    }
}

/// The list.
///
/// # Invariants
///
/// `first` is only touched with `lock` held. It starts a list of live nodes, each of which has a
/// release function.
struct Registry {
    lock: UnsafeCell<KSPIN_LOCK>,
    first: Cell<*mut Node>,
}

// SAFETY: By the type invariant threads take turns.
unsafe impl Sync for Registry {}

static REGISTRY: Registry = Registry {
    lock: UnsafeCell::new(0),
    first: Cell::new(null_mut()),
};

/// Whether the driver is past its last own code.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs `body` with the lock held. IRQL: <= DISPATCH_LEVEL.
pub(crate) fn locked<R>(body: impl FnOnce() -> R) -> R {
    // SAFETY: Zero is a free lock; this crate runs at DISPATCH_LEVEL at most, and no `body` takes
    // the lock again.
    let irql = unsafe { ntddk::KeAcquireSpinLockRaiseToDpc(REGISTRY.lock.get()) };
    let result = body();
    // SAFETY: Taken above.
    unsafe { ntddk::KeReleaseSpinLock(REGISTRY.lock.get(), irql) };
    result
}

/// Enters a node, if `enters` says so with the lock held; whether it did.
///
/// # Safety
///
/// If `enters` says so, the node is outside of the list and stays where it is until it is removed
/// or released; `release` may then be called with it, once.
pub(crate) unsafe fn enter_if(
    node: NonNull<Node>,
    release: Release,
    enters: impl FnOnce() -> bool,
) -> bool {
    locked(|| {
        if !enters() {
            return false;
        }
        // SAFETY: By the contract of this function the node is alive.
        let entered = unsafe { node.as_ref() };
        let first = REGISTRY.first.get();
        entered.release.set(Some(release));
        entered.previous.set(null_mut());
        entered.next.set(first);
        // SAFETY: By the invariant of the list its nodes are alive.
        if let Some(first) = unsafe { first.as_ref() } {
            first.previous.set(node.as_ptr());
        }
        // INVARIANT: Alive by the contract of this function, and with a release function.
        REGISTRY.first.set(node.as_ptr());
        true
    })
}

/// Enters a node. IRQL: <= DISPATCH_LEVEL.
///
/// # Safety
///
/// As for `enter_if`.
pub(crate) unsafe fn enter(node: NonNull<Node>, release: Release) {
    // SAFETY: By the contract of this function.
    unsafe { enter_if(node, release, || true) };
}

/// Takes a node out. IRQL: <= DISPATCH_LEVEL.
///
/// # Safety
///
/// It was entered, and neither removed nor released since.
pub(crate) unsafe fn remove(node: NonNull<Node>) {
    // SAFETY: The caller's node is in the registry; the body does nothing.
    unsafe { remove_and(node, || ()) };
}

/// As [`remove`], and then runs `body` while the lock is still held.
///
/// # Safety
///
/// As for `remove`.
pub(crate) unsafe fn remove_and<R>(node: NonNull<Node>, body: impl FnOnce() -> R) -> R {
    locked(|| {
        // SAFETY: By the contract of this function.
        unsafe { unlink(node) };
        body()
    })
}

/// # Safety
///
/// The node is in the list, and the lock is held.
unsafe fn unlink(node: NonNull<Node>) {
    // SAFETY: By the invariant of the list.
    let node = unsafe { node.as_ref() };
    let (previous, next) = (node.previous.get(), node.next.get());
    // SAFETY: As above.
    match unsafe { previous.as_ref() } {
        Some(previous) => previous.next.set(next),
        None => REGISTRY.first.set(next),
    }
    // SAFETY: As above.
    if let Some(next) = unsafe { next.as_ref() } {
        next.previous.set(previous);
    }
}

/// Forgets what a former load of this image left behind.
///
/// # Safety
///
/// No other code of the driver runs yet.
pub(crate) unsafe fn reset() {
    CLOSED.store(false, Ordering::Relaxed);
    REGISTRY.first.set(null_mut());
}

/// Whether [`close`] has begun: no code of the driver's own may run any more.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Releases everything that is left. IRQL: PASSIVE_LEVEL.
///
/// # Safety
///
/// No value that owns something is reachable any more.
pub(crate) unsafe fn close() {
    CLOSED.store(true, Ordering::Relaxed);
    loop {
        let left = locked(|| {
            let node = NonNull::new(REGISTRY.first.get())?;
            // SAFETY: It is the first of the list.
            unsafe { unlink(node) };
            // SAFETY: By the invariant of the list.
            let release = unsafe { node.as_ref() }.release.get()?;
            Some((node, release))
        });
        let Some((node, release)) = left else {
            return;
        };
        // SAFETY: By the contract of `enter_if`: entered, and out of the list now.
        unsafe { release(node) };
    }
}
