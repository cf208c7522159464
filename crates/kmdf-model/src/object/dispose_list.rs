//! Dispose lists: objects whose disposal or destruction has to wait for PASSIVE_LEVEL.

use crate::driver::globals::Globals;
use crate::object::{self, Object};
use crate::support::pool;
use crate::support::stop;
use crate::support::sync::{Event, Locked, current_thread};
use crate::support::system_work_item::SystemWorkItem;
use crate::support::verifier;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use kmdf_sys::{NTSTATUS, PDEVICE_OBJECT, STATUS_INSUFFICIENT_RESOURCES};

/// The objects on the list, and whether its worker is active.
struct Waiting {
    first: Option<NonNull<Object>>,
    last: Option<NonNull<Object>>,
    /// The work item is queued or running.
    draining: bool,
}

/// A list that one work item drains, first in first out (OBJ-60).
///
/// # Invariants
///
/// Objects on the list are kept alive by it alone or by their initial reference. `empty` is
/// signalled exactly while nothing waits and no worker drains; it changes with `waiting`'s lock held.
pub(crate) struct DisposeList {
    waiting: Locked<Waiting>,
    empty: Event,
    work_item: Option<NonNull<SystemWorkItem>>,
    /// The lock verifier's record of the list, if it has one.
    lock_record: Option<NonNull<u8>>,
    /// The thread of the worker while it drains, else 0.
    worker: AtomicU64,
}

impl DisposeList {
    /// Allocates a list: two allocations of the framework's, each with a record under the verifier,
    /// and a work item of the kernel's.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub(crate) fn create(
        globals: &Globals,
        io_object: PDEVICE_OBJECT,
    ) -> Result<NonNull<Self>, NTSTATUS> {
        let block =
            pool::allocate(globals, size_of::<Self>()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let mut list = block.cast::<Self>();
        let contents = Self {
            waiting: Locked::new(Waiting {
                first: None,
                last: None,
                draining: false,
            }),
            empty: Event::new(),
            work_item: None,
            lock_record: verifier::lock_record(globals),
            worker: AtomicU64::new(0),
        };
        // SAFETY: The block has the size of a list and is 16-aligned.
        unsafe { list.write(contents) };
        let context = list.as_ptr().cast();
        match SystemWorkItem::create(globals, io_object, drain, context) {
            Ok(work_item) => {
                // SAFETY: Written above; the work item is not queued before the list is used.
                let this = unsafe { list.as_mut() };
                this.work_item = Some(work_item);
                this.empty.initialize();
                this.empty.set();
                Ok(list)
            }
            Err(status) => {
                // SAFETY: Allocated above, and not returned to the caller.
                unsafe { Self::free(list) };
                Err(status)
            }
        }
    }

    /// Waits until the list is empty and frees it. PASSIVE_LEVEL.
    ///
    /// # Safety
    ///
    /// `this` must come from [`DisposeList::create`], and nothing add to it or use it afterwards. The
    /// list's own worker must not call this.
    pub(crate) unsafe fn destroy(this: NonNull<Self>, globals: &Globals) {
        // SAFETY: The list is freed at the end of this function.
        let list = unsafe { this.as_ref() };
        list.wait_until_empty(globals);
        if let Some(work_item) = list.work_item {
            // SAFETY: Only `add` queues the work item, and the caller guarantees no further `add`.
            unsafe { SystemWorkItem::destroy(work_item) };
        }
        // SAFETY: The list is empty, and the caller guarantees that nothing uses it.
        unsafe { Self::free(this) };
    }

    /// Frees the list and the lock verifier's record of it.
    ///
    /// # Safety
    ///
    /// `this` must come from [`DisposeList::create`] and no longer be in use.
    unsafe fn free(this: NonNull<Self>) {
        // SAFETY: The list is freed below.
        if let Some(record) = unsafe { this.as_ref() }.lock_record {
            // SAFETY: The record was allocated with the list, for the list alone.
            unsafe { pool::free(record) };
        }
        // SAFETY: `create` allocated the block, and the caller guarantees that it is out of use.
        unsafe { pool::free(this.cast()) };
    }

    /// Appends an object to the list and queues the worker unless it is active.
    pub(crate) fn add(&self, object: NonNull<Object>) {
        let mut waiting = self.waiting.lock();
        match waiting.last {
            Some(last) => {
                // SAFETY: Objects on the list are alive, by the invariant.
                let last = unsafe { last.as_ref() };
                last.set_next_deferred(Some(object));
            }
            None => waiting.first = Some(object),
        }
        waiting.last = Some(object);
        let start = !waiting.draining;
        if start {
            waiting.draining = true;
            self.empty.reset();
        }
        drop(waiting);
        if let (true, Some(work_item)) = (start, self.work_item) {
            // SAFETY: The work item lives as long as the list.
            unsafe { work_item.as_ref() }.enqueue();
        }
    }

    /// Waits until the list is empty and its worker idle. PASSIVE_LEVEL. Called by the worker itself,
    /// it processes the list instead.
    pub(crate) fn wait_until_empty(&self, globals: &Globals) {
        if self.worker.load(Ordering::Relaxed) == current_thread() {
            while let Some(object) = self.take_first() {
                // SAFETY: `take_first` took it from the list.
                unsafe { object::process_deferred(object) };
            }
            return;
        }
        self.empty.wait_reported(globals);
        // The worker signals with the lock held.
        drop(self.waiting.lock());
    }

    fn take_first(&self) -> Option<NonNull<Object>> {
        let mut waiting = self.waiting.lock();
        let first = waiting.first?;
        // SAFETY: Objects on the list are alive, by the invariant.
        let next = unsafe { first.as_ref() }.take_next_deferred();
        waiting.first = next;
        if next.is_none() {
            waiting.last = None;
        }
        Some(first)
    }

    /// Ends draining if the list is empty; false if it is not.
    fn rest(&self) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.first.is_some() {
            return false;
        }
        waiting.draining = false;
        self.empty.set();
        true
    }
}

/// The work item's routine: processes the list until it is empty.
///
/// # Safety
///
/// `context` must be a live [`DisposeList`] that called through its own work item.
unsafe fn drain(context: *mut c_void) {
    // SAFETY: The work item's context is its list, which waits for this routine before it is freed.
    let list = unsafe { &*context.cast::<DisposeList>() };
    list.worker.store(current_thread(), Ordering::Relaxed);
    loop {
        while let Some(object) = list.take_first() {
            // SAFETY: `take_first` took it from the list.
            unsafe { object::process_deferred(object) };
        }
        list.worker.store(0, Ordering::Relaxed);
        if list.rest() {
            return;
        }
        list.worker.store(current_thread(), Ordering::Relaxed);
    }
}

impl Globals {
    /// The driver's list, which also takes what is destroyed above PASSIVE_LEVEL (OBJ-59).
    pub(crate) fn driver_dispose_list(&self) -> &DisposeList {
        match self.dispose_list.get() {
            // SAFETY: The list is destroyed with the driver object, the last of the driver's objects.
            Some(list) => unsafe { list.as_ref() },
            None => stop::undefined(
                c"an object outlived the driver object: delete or dereference it before EvtDriverUnload returns",
            ),
        }
    }
}
