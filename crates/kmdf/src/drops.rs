//! Drops of nested boxes one after another instead of recursively, so that they do not overflow the stack.
//!
//! A box may hold what holds a box, as in a linked list. If each drop called the next, a few hundred
//! nodes would overflow the kernel stack. So the drop of a box within the drop of another one, on the
//! same thread, waits until that one has returned.

use crate::lock::Owner;
use crate::unload_list::{self, Node, Release};
use core::cell::Cell;
use core::ffi::c_void;
use core::mem;
use core::ptr::{NonNull, null, null_mut};

/// A drop in progress: on the stack of the thread that does it.
///
/// # Invariants
///
/// The cells are only touched with the unload list's lock held. `first` to `last` are live nodes outside
/// of the unload list, linked by their `next`, each with the function that drops what it stands for.
struct Progress {
    thread: *mut c_void,
    first: Cell<*mut Node>,
    last: Cell<*mut Node>,
    /// The drop in progress on another thread.
    next: Cell<*const Self>,
}

/// The drops in progress on all threads.
///
/// # Invariants
///
/// The cell is only touched with the unload list's lock held. It starts a linked list of live ones.
struct Drops(Cell<*const Progress>);

// SAFETY: The cell is only touched with a spin lock held, so by one thread at a time.
unsafe impl Sync for Drops {}

static IN_PROGRESS: Drops = Drops(Cell::new(null()));

/// Takes a node out of the unload list and calls `release` with it: at once, or when the call in
/// progress on this thread has returned. All calls are done when the outermost one returns.
///
/// # Safety
///
/// The node is in the unload list and belongs to the caller. `release` may be called with it once, at any
/// time until this thread's outermost call returns.
pub(crate) unsafe fn one_after_another(node: NonNull<Node>, release: Release) {
    let progress = Progress {
        thread: Owner::current(),
        first: Cell::new(null_mut()),
        last: Cell::new(null_mut()),
        next: Cell::new(null()),
    };
    // SAFETY: The caller guarantees that the node is in the unload list. `begins` does not use the list.
    let outermost = unsafe { unload_list::remove_and(node, || progress.begins(node, release)) };
    if !outermost {
        return;
    }
    // Only a panic leaves it behind, and that goes on to unwind in a test only.
    let leave = Leave(&progress);
    let mut turn = Some((node, release));
    while let Some((node, release)) = turn {
        // SAFETY: The caller that brought the node allowed this call until the outermost one returns.
        unsafe { release(node) };
        turn = unload_list::locked(|| progress.next_turn());
    }
    mem::forget(leave);
}

/// Takes a drop in progress off the list when its thread unwinds.
struct Leave<'a>(&'a Progress);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        unload_list::locked(|| self.0.leave());
    }
}

impl Progress {
    /// Enters the list of drops in progress, or leaves the node to the one of this thread. Returns whether
    /// this drop is the outermost. Called with the unload list's lock held.
    fn begins(&self, node: NonNull<Node>, release: Release) -> bool {
        let mut next = IN_PROGRESS.0.get();
        // SAFETY: The drops in the list are alive while the lock is held.
        while let Some(progress) = unsafe { next.as_ref() } {
            if progress.thread == self.thread {
                // SAFETY: The caller guarantees that the node is alive until it is released.
                let waiting = unsafe { node.as_ref() };
                waiting.next.set(null_mut());
                waiting.release.set(Some(release));
                // SAFETY: The last node of a drop in progress is alive by the type invariant.
                match unsafe { progress.last.get().as_ref() } {
                    Some(last) => last.next.set(node.as_ptr()),
                    None => progress.first.set(node.as_ptr()),
                }
                // INVARIANT: The node was linked above, with its function.
                progress.last.set(node.as_ptr());
                return false;
            }
            next = progress.next.get();
        }
        self.next.set(IN_PROGRESS.0.get());
        // INVARIANT: `next_turn` or `Leave` takes this drop off the list before it ends.
        IN_PROGRESS.0.set(self);
        true
    }

    /// Takes the next node to be released, or leaves the list if there is none. Called with the unload
    /// list's lock held.
    fn next_turn(&self) -> Option<(NonNull<Node>, Release)> {
        let Some(node) = NonNull::new(self.first.get()) else {
            self.leave();
            return None;
        };
        // SAFETY: The nodes of a drop in progress are alive by the type invariant.
        let first = unsafe { node.as_ref() };
        let next = first.next.get();
        self.first.set(next);
        if next.is_null() {
            self.last.set(null_mut());
        }
        first.release.get().map(|release| (node, release))
    }

    /// Leaves the list of drops in progress. Called with the unload list's lock held.
    fn leave(&self) {
        let mut link = &IN_PROGRESS.0;
        // SAFETY: The drops in the list are alive while the lock is held.
        while let Some(progress) = unsafe { link.get().as_ref() } {
            if core::ptr::eq(progress, self) {
                link.set(self.next.get());
                return;
            }
            link = &progress.next;
        }
    }
}
