//! The framework's own work items: a routine that runs in a system thread at PASSIVE_LEVEL.

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

/// How far the work item is.
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
    /// The lock verifier's record of the work item, if it has one.
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
        // SAFETY: The callers destroy the work item before the device or driver object.
        let item = unsafe { IoAllocateWorkItem(io_object) };
        if item.is_null() {
            for block in lock_record.into_iter().chain([block]) {
                // SAFETY: Allocated above, and not used yet.
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
        // SAFETY: The block has the size of the work item and is 16-aligned.
        unsafe { created.write(contents) };
        // SAFETY: Written above, and freed by `destroy` only.
        let this = unsafe { created.as_ref() };
        this.idle.initialize();
        this.idle.set();
        Ok(created)
    }

    /// Queues the routine to run once more; false if it is already queued.
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
        // SAFETY: The item is not queued, and `destroy` waits for the routine to end.
        unsafe { IoQueueWorkItem(self.item, Some(run), queue, context) };
        true
    }

    /// Waits until the routine neither runs nor is queued. PASSIVE_LEVEL, and not in the routine.
    pub(crate) fn wait(&self) {
        self.idle.wait();
        // The signalling worker holds the lock, and does not use `self` after releasing it.
        drop(self.progress.lock());
    }

    /// Waits for the routine to end and frees the work item.
    ///
    /// # Safety
    ///
    /// `this` must come from [`SystemWorkItem::create`], and not be queued or used afterwards.
    pub(crate) unsafe fn destroy(this: NonNull<Self>) {
        // SAFETY: The work item is freed below.
        let item = unsafe { this.as_ref() };
        item.wait();
        // SAFETY: The routine neither runs nor is queued, as awaited above.
        unsafe { IoFreeWorkItem(item.item) };
        for block in item.lock_record.into_iter().chain([this.cast()]) {
            // SAFETY: `create` allocated both blocks, which are out of use.
            unsafe { pool::free(block) };
        }
    }
}

/// The routine that the kernel calls.
///
/// # Safety
///
/// `context` must be a live [`SystemWorkItem`].
unsafe extern "C" fn run(_device: PDEVICE_OBJECT, context: *mut c_void) {
    // SAFETY: `enqueue` passed the work item, which waits for this routine before it is freed.
    let this = unsafe { &*context.cast::<SystemWorkItem>() };
    let mut progress = this.progress.lock();
    progress.queued = false;
    progress.running += 1;
    drop(progress);
    // SAFETY: The routine and its context came together, in `create`.
    unsafe { (this.routine)(this.context) };
    let mut progress = this.progress.lock();
    progress.running -= 1;
    if progress.running == 0 && !progress.queued {
        this.idle.set();
    }
}
