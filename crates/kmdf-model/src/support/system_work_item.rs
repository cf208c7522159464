//! Work items of the framework's own: one routine, run in a system thread at PASSIVE_LEVEL.

use crate::driver::globals::Globals;
use crate::support::pool;
use crate::support::sync::{Event, Locked};
use crate::support::verifier;
use core::ffi::c_void;
use core::ptr::NonNull;
use kmdf_sys::ntddk::{IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem};
use kmdf_sys::{
    _WORK_QUEUE_TYPE, NTSTATUS, PDEVICE_OBJECT, PIO_WORKITEM, STATUS_INSUFFICIENT_RESOURCES,
};

struct Progress {
    queued: bool,
    running: u32,
}

/// A work item that can be queued again as soon as its routine has started.
///
/// # Invariants
///
/// `idle` is signalled exactly while the routine neither runs nor waits to run; it and `progress`
/// change together, under the lock.
pub(crate) struct SystemWorkItem {
    item: PIO_WORKITEM,
    routine: unsafe fn(*mut c_void),
    context: *mut c_void,
    progress: Locked<Progress>,
    idle: Event,
    /// What the verifier keeps for its lock.
    lock_record: Option<NonNull<u8>>,
}

impl SystemWorkItem {
    /// Allocates a work item: one allocation of the framework's, with a record under the verifier,
    /// and one of the kernel's.
    ///
    /// `io_object` is a device object, or the driver object.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub(crate) fn create(
        globals: &Globals,
        io_object: PDEVICE_OBJECT,
        routine: unsafe fn(*mut c_void),
        context: *mut c_void,
    ) -> Result<NonNull<Self>, NTSTATUS> {
        let block =
            pool::allocate(globals, size_of::<Self>()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let lock_record = verifier::lock_record(globals);
        // SAFETY: The object lives as long as the work item, by the callers' order of teardown.
        let item = unsafe { IoAllocateWorkItem(io_object) };
        if item.is_null() {
            for block in lock_record.into_iter().chain([block]) {
                // SAFETY: Just allocated.
                unsafe { pool::free(block) };
            }
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let created = block.cast::<Self>();
        let contents = Self {
            item,
            lock_record,
            routine,
            context,
            progress: Locked::new(Progress {
                queued: false,
                running: 0,
            }),
            idle: Event::new(),
        };
        // SAFETY: The block has room for it and is 16-aligned.
        unsafe { created.write(contents) };
        // SAFETY: Just written.
        let this = unsafe { created.as_ref() };
        this.idle.initialize();
        this.idle.set();
        Ok(created)
    }

    /// Has the routine run once more; false if that is already to come.
    pub(crate) fn enqueue(&self) -> bool {
        let mut progress = self.progress.lock();
        if progress.queued {
            return false;
        }
        progress.queued = true;
        self.idle.reset();
        drop(progress);
        let context = core::ptr::from_ref(self).cast_mut().cast();
        let queue = _WORK_QUEUE_TYPE::DelayedWorkQueue;
        // SAFETY: The item is not queued, and whoever frees it waits for the routine to end.
        unsafe { IoQueueWorkItem(self.item, Some(run), queue, context) };
        true
    }

    /// Waits until the routine neither runs nor is going to. PASSIVE_LEVEL, and not in the routine.
    pub(crate) fn wait(&self) {
        self.idle.wait();
        // The worker signals with the lock held; it is done with `self` once the lock is free.
        drop(self.progress.lock());
    }

    /// Waits for the routine to end and frees the work item.
    ///
    /// # Safety
    ///
    /// Came from [`SystemWorkItem::create`]; nobody queues it or knows it any more.
    pub(crate) unsafe fn destroy(this: NonNull<Self>) {
        // SAFETY: By the contract of this function it is still there.
        let item = unsafe { this.as_ref() };
        item.wait();
        // SAFETY: It neither runs nor is queued.
        unsafe { IoFreeWorkItem(item.item) };
        for block in item.lock_record.into_iter().chain([this.cast()]) {
            // SAFETY: A block of the framework's allocator, by `create`.
            unsafe { pool::free(block) };
        }
    }
}

/// # Safety
///
/// Called by the kernel with the address of a live [`SystemWorkItem`].
unsafe extern "C" fn run(_device: PDEVICE_OBJECT, context: *mut c_void) {
    // SAFETY: By the contract of this function.
    let this = unsafe { &*context.cast::<SystemWorkItem>() };
    let mut progress = this.progress.lock();
    progress.queued = false;
    progress.running += 1;
    drop(progress);
    // SAFETY: The routine got its context with the work item.
    unsafe { (this.routine)(this.context) };
    let mut progress = this.progress.lock();
    progress.running -= 1;
    if progress.running == 0 && !progress.queued {
        this.idle.set();
    }
}
