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

struct Waiting {
    first: Option<NonNull<Object>>,
    last: Option<NonNull<Object>>,
    /// A worker is on its way or at work.
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
    /// What the verifier keeps for its lock.
    lock_record: Option<NonNull<u8>>,
    /// The thread that drains, 0 if none.
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
        // SAFETY: The block has room for it and is 16-aligned.
        unsafe { list.write(contents) };
        let context = list.as_ptr().cast();
        match SystemWorkItem::create(globals, io_object, drain, context) {
            Ok(work_item) => {
                // SAFETY: Nobody else knows the list yet.
                let this = unsafe { list.as_mut() };
                this.work_item = Some(work_item);
                this.empty.initialize();
                this.empty.set();
                Ok(list)
            }
            Err(status) => {
                // SAFETY: Nobody else knows the list yet.
                unsafe { Self::free(list) };
                Err(status)
            }
        }
    }

    /// Waits until the list is empty and frees it. PASSIVE_LEVEL.
    ///
    /// # Safety
    ///
    /// Came from [`DisposeList::create`]; nobody adds to it or knows it any more; not called by the
    /// list's own worker.
    pub(crate) unsafe fn destroy(this: NonNull<Self>, globals: &Globals) {
        // SAFETY: By the contract of this function it is still there.
        let list = unsafe { this.as_ref() };
        list.wait_until_empty(globals);
        if let Some(work_item) = list.work_item {
            // SAFETY: Nothing queues it any more.
            unsafe { SystemWorkItem::destroy(work_item) };
        }
        // SAFETY: By the contract of this function nobody knows it any more.
        unsafe { Self::free(this) };
    }

    /// # Safety
    ///
    /// Came from `create`, and nobody uses it any more.
    unsafe fn free(this: NonNull<Self>) {
        // SAFETY: By the contract of this function it is still there.
        if let Some(record) = unsafe { this.as_ref() }.lock_record {
            // SAFETY: Allocated with the list, for the list alone.
            unsafe { pool::free(record) };
        }
        // SAFETY: A block of the framework's allocator, by `create`.
        unsafe { pool::free(this.cast()) };
    }

    /// Puts an object on the list and has it drained.
    pub(crate) fn add(&self, object: NonNull<Object>) {
        let mut waiting = self.waiting.lock();
        match waiting.last {
            Some(last) => {
                // SAFETY: Objects on the list are alive.
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

    /// Waits until everything on the list is done. PASSIVE_LEVEL. In the list's own worker it
    /// works the list off.
    pub(crate) fn wait_until_empty(&self, globals: &Globals) {
        if self.worker.load(Ordering::Relaxed) == current_thread() {
            while let Some(object) = self.take_first() {
                // SAFETY: Just taken from the list.
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
        // SAFETY: Objects on the list are alive.
        let next = unsafe { first.as_ref() }.take_next_deferred();
        waiting.first = next;
        if next.is_none() {
            waiting.last = None;
        }
        Some(first)
    }

    /// Ends draining if nothing waits.
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

/// # Safety
///
/// Called by the work item of the [`DisposeList`] at `context`.
unsafe fn drain(context: *mut c_void) {
    // SAFETY: By the contract of this function; the list waits for this routine before it goes.
    let list = unsafe { &*context.cast::<DisposeList>() };
    list.worker.store(current_thread(), Ordering::Relaxed);
    loop {
        while let Some(object) = list.take_first() {
            // SAFETY: Just taken from the list.
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
            // SAFETY: The list outlives the driver's objects.
            Some(list) => unsafe { list.as_ref() },
            None => stop::undefined(
                c"an object outlived its driver and was then dropped above PASSIVE_LEVEL",
            ),
        }
    }
}
