//! Object contexts: the driver's typed memory that lies with an object, and its callbacks.

use crate::object::Object;
use crate::support::pool;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};
use kmdf_sys::{
    PCWDF_OBJECT_CONTEXT_TYPE_INFO, PFN_WDF_OBJECT_CONTEXT_CLEANUP, PFN_WDF_OBJECT_CONTEXT_DESTROY,
};

/// Lies in front of every context (OBJ-10); an object without a context has one too (OBJ-11).
///
/// # Invariants
///
/// The context follows the header directly. `next` leads through the further contexts of the
/// object, each a block of the framework's allocator, in the order in which they were added; it is
/// written under the topology lock, only ever from NULL, and read without it (OBJ-39).
#[repr(C, align(16))]
pub(crate) struct ContextHeader {
    object: NonNull<Object>,
    next: AtomicPtr<ContextHeader>,
    cleanup: Cell<PFN_WDF_OBJECT_CONTEXT_CLEANUP>,
    destroy: Cell<PFN_WDF_OBJECT_CONTEXT_DESTROY>,
    type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
}

impl ContextHeader {
    /// Writes a header and zeroes the context behind it.
    ///
    /// # Safety
    ///
    /// `header` must be 16-aligned and have room for the header and `size` bytes.
    pub(crate) unsafe fn place(
        header: NonNull<Self>,
        object: NonNull<Object>,
        type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
        size: usize,
    ) {
        let contents = Self {
            object,
            next: AtomicPtr::new(null_mut()),
            cleanup: Cell::new(None),
            destroy: Cell::new(None),
            type_info,
        };
        // SAFETY: Aligned and with room for the header, as the caller guarantees.
        unsafe { header.write(contents) };
        // SAFETY: The context begins where the header ends.
        let context = unsafe { header.add(1) }.cast::<u8>();
        // SAFETY: `size` bytes follow the header, as the caller guarantees.
        unsafe { context.write_bytes(0, size) };
    }

    /// The header in front of a context.
    ///
    /// # Safety
    ///
    /// `context` must be a context of an object that stays alive for `'a`.
    pub(crate) unsafe fn of_context<'a>(context: *mut c_void) -> &'a Self {
        let header = context.cast::<Self>().wrapping_sub(1);
        // SAFETY: A header lies in front of every context, by its invariant.
        unsafe { &*header }
    }

    pub(crate) fn object(&self) -> NonNull<Object> {
        self.object
    }

    /// The driver's memory behind the header.
    pub(crate) fn context(&self) -> *mut c_void {
        let header = core::ptr::from_ref(self).addr();
        core::ptr::with_exposed_provenance_mut(header + size_of::<Self>())
    }

    pub(crate) fn set_callbacks(
        &self,
        cleanup: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
        destroy: PFN_WDF_OBJECT_CONTEXT_DESTROY,
    ) {
        self.cleanup.set(cleanup);
        self.destroy.set(destroy);
    }

    /// This context and the ones added after it.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Self> {
        core::iter::successors(Some(self), |header| header.next())
    }

    fn next(&self) -> Option<&Self> {
        let next = self.next.load(Ordering::Acquire);
        // SAFETY: NULL, or a further context of the object, which lives as long as the object does.
        unsafe { next.as_ref() }
    }

    /// The context of the given type in the chain (OBJ-38).
    pub(crate) fn find(&self, type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO) -> Option<&Self> {
        self.chain().find(|header| header.type_info == type_info)
    }

    /// Appends a context to the chain, or finds the one of its type, under the topology lock.
    ///
    /// # Safety
    ///
    /// `added` must be a placed header at the start of a block of the framework's allocator.
    pub(crate) unsafe fn append(&self, added: NonNull<Self>) -> Result<(), &Self> {
        // SAFETY: A placed header, as the caller guarantees.
        let type_info = unsafe { added.as_ref() }.type_info;
        let mut last = self;
        for header in self.chain() {
            if header.type_info == type_info {
                return Err(header);
            }
            last = header;
        }
        last.next.store(added.as_ptr(), Ordering::Release);
        Ok(())
    }

    /// Calls EvtCleanup unless it has run (OBJ-54).
    pub(crate) fn call_cleanup(&self, object: &Object) {
        if let Some(cleanup) = self.cleanup.take() {
            // SAFETY: The driver set EvtCleanup for this object, whose handle is live.
            unsafe { cleanup(object.handle()) };
        }
    }

    pub(crate) fn call_destroy(&self, object: &Object) {
        if let Some(destroy) = self.destroy.take() {
            // SAFETY: The driver set EvtDestroy for this object, whose memory is not freed yet.
            unsafe { destroy(object.handle()) };
        }
    }

    /// Frees the contexts that were added to the one that came with the object.
    ///
    /// # Safety
    ///
    /// This must be the object's first header, and the contexts no longer be in use.
    pub(crate) unsafe fn free_others(&self) {
        let mut next = NonNull::new(self.next.swap(null_mut(), Ordering::Acquire));
        while let Some(header) = next {
            // SAFETY: A further context of the object, live until it is freed below.
            let after = unsafe { header.as_ref() }.next.load(Ordering::Acquire);
            next = NonNull::new(after);
            // SAFETY: A further context is a block of the framework's allocator, by the invariant.
            unsafe { pool::free(header.cast()) };
        }
    }
}
