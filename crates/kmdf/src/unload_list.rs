//! The unload list: everything that forgotten Rust values own, freed when the driver is unloaded.
//!
//! `mem::forget` is safe, and so is a value in a `static`, which is never dropped either. What such a
//! value owns would still be allocated when the image is gone, which Driver Verifier reports as bug
//! check 0xC4. So everything that no parent object frees has a [`Node`] in one list. Dropping the
//! value takes its node out. What is left once the driver's own value has been dropped belongs to
//! values that no code can reach any more, and is released then.

use crate::sync::Cell;
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, Ordering};
use kmdf_sys::{KSPIN_LOCK, ntddk};

/// Releases what the node stands for, at PASSIVE_LEVEL, without running code of the driver's own.
pub(crate) type Release = unsafe fn(NonNull<Node>);

/// A place in the unload list, inside of what it stands for. Zeroed memory is a node outside of the
/// list.
///
/// # Invariants
///
/// The fields are only touched with the list's lock held. Outside of the list, `next` and `release`
/// may be used by the thread that took the node out.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) next: Cell<*mut Node>,
    previous: Cell<*mut Node>,
    pub(crate) release: Cell<Option<Release>>,
}

impl Node {
    /// Makes a node that is outside of the list.
    pub(crate) const fn new() -> Self {
        Self {
            next: Cell::new(null_mut()),
            previous: Cell::new(null_mut()),
            release: Cell::new(None),
        }
    }
}

/// The type of the one list, which is in a static.
///
/// # Invariants
///
/// `first` is only touched with `lock` held. It starts a doubly linked list of live nodes, each of
/// which has a release function.
struct UnloadList {
    lock: UnsafeCell<KSPIN_LOCK>,
    first: Cell<*mut Node>,
}

// SAFETY: The list is only touched with its spin lock held, so by one thread at a time.
unsafe impl Sync for UnloadList {}

static LIST: UnloadList = UnloadList {
    lock: UnsafeCell::new(0),
    first: Cell::new(null_mut()),
};

/// Set once the last driver callback has returned.
static UNLOADING: AtomicBool = AtomicBool::new(false);

/// Runs `body` with the list's lock held. IRQL: <= DISPATCH_LEVEL.
pub(crate) fn locked<R>(body: impl FnOnce() -> R) -> R {
    // SAFETY: Zero is a free lock; this crate runs at DISPATCH_LEVEL at most, and no `body` acquires
    // the lock again.
    let irql = unsafe { ntddk::KeAcquireSpinLockRaiseToDpc(LIST.lock.get()) };
    let result = body();
    // SAFETY: This thread acquired the lock above, and `irql` is the level that it had before.
    unsafe { ntddk::KeReleaseSpinLock(LIST.lock.get(), irql) };
    result
}

/// A neighbour in the list as a reference, or `None` for NULL.
///
/// # Safety
///
/// The calling thread holds the lock, and `node` is NULL or in the list.
unsafe fn linked<'a>(node: *mut Node) -> Option<&'a Node> {
    // SAFETY: A node of the list is alive, and does not leave the list while the caller holds the
    // lock. Its fields are cells, so that shared references may exist beside each other.
    unsafe { node.as_ref() }
}

/// Inserts a node if `inserts` returns true with the lock held; returns whether it did.
///
/// # Safety
///
/// If `inserts` returns true, the node is outside of the list, and stays alive and in its place until
/// it is removed or released; `release` may be called with it from then on, once.
pub(crate) unsafe fn insert_if(
    node: NonNull<Node>,
    release: Release,
    inserts: impl FnOnce() -> bool,
) -> bool {
    locked(|| {
        if !inserts() {
            return false;
        }
        // SAFETY: The caller guarantees that the node is alive from here until it is removed.
        let inserted = unsafe { node.as_ref() };
        let first = LIST.first.get();
        inserted.release.set(Some(release));
        inserted.previous.set(null_mut());
        inserted.next.set(first);
        // SAFETY: The lock is held, and `first` comes from the list.
        if let Some(first) = unsafe { linked(first) } {
            first.previous.set(node.as_ptr());
        }
        // INVARIANT: The caller guarantees that the node is alive; its release function is set above.
        LIST.first.set(node.as_ptr());
        true
    })
}

/// Inserts a node. IRQL: <= DISPATCH_LEVEL.
///
/// # Safety
///
/// The node is outside of the list, and stays alive and in its place until it is removed or released;
/// `release` may be called with it from now on, once.
pub(crate) unsafe fn insert(node: NonNull<Node>, release: Release) {
    // SAFETY: The caller guarantees for every case what `insert_if` needs if the closure is true.
    unsafe { insert_if(node, release, || true) };
}

/// Takes a node out. IRQL: <= DISPATCH_LEVEL.
///
/// # Safety
///
/// The node was inserted, and neither removed nor released since.
pub(crate) unsafe fn remove(node: NonNull<Node>) {
    // SAFETY: The caller guarantees that the node is in the list; the closure does nothing.
    unsafe { remove_and(node, || ()) };
}

/// Takes a node out, and runs `body` while the lock is still held. IRQL: <= DISPATCH_LEVEL.
///
/// # Safety
///
/// The node was inserted, and neither removed nor released since. `body` does not use the list.
pub(crate) unsafe fn remove_and<R>(node: NonNull<Node>, body: impl FnOnce() -> R) -> R {
    locked(|| {
        // SAFETY: The lock is held here, and the caller guarantees that the node is in the list.
        unsafe { unlink(node) };
        body()
    })
}

/// Takes a node out of the list whose lock the caller holds.
///
/// # Safety
///
/// The node is in the list, and the calling thread holds the lock.
unsafe fn unlink(node: NonNull<Node>) {
    // SAFETY: The caller holds the lock, and guarantees that the node is in the list, so it is alive.
    let node = unsafe { node.as_ref() };
    let (previous, next) = (node.previous.get(), node.next.get());
    // SAFETY: The lock is held, and the neighbour of a node in the list is in the list.
    match unsafe { linked(previous) } {
        Some(previous) => previous.next.set(next),
        None => LIST.first.set(next),
    }
    // SAFETY: The lock is held, and the neighbour of a node in the list is in the list.
    if let Some(next) = unsafe { linked(next) } {
        next.previous.set(previous);
    }
}

/// Forgets what a former load of this image left behind.
///
/// # Safety
///
/// No other code of the driver has run since it was loaded.
pub(crate) unsafe fn reset() {
    UNLOADING.store(false, Ordering::Relaxed);
    LIST.first.set(null_mut());
}

/// Whether [`release_all`] has begun, so that no code of the driver's own may run any more.
pub(crate) fn is_unloading() -> bool {
    UNLOADING.load(Ordering::Relaxed)
}

/// Releases everything that is left. IRQL: PASSIVE_LEVEL.
///
/// # Safety
///
/// No value that has a node in the list can be reached by any code any more.
pub(crate) unsafe fn release_all() {
    UNLOADING.store(true, Ordering::Relaxed);
    loop {
        let left = locked(|| {
            let node = NonNull::new(LIST.first.get())?;
            // SAFETY: The lock is held, and this is the first node of the list.
            unsafe { unlink(node) };
            // SAFETY: The node was in the list until now, and is released below only: it is alive.
            let release = unsafe { node.as_ref() }.release.get()?;
            Some((node, release))
        });
        let Some((node, release)) = left else {
            return;
        };
        // SAFETY: The code that inserted the node allowed this call, once; the node is out of the list, and
        // the caller guarantees that no value uses it.
        unsafe { release(node) };
    }
}
