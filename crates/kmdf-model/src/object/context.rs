//! Object contexts: the typed memory of the driver's that lies with an object, and its callbacks.

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
    /// At `header` there is room for both, 16-aligned.
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
        // SAFETY: By the contract of this function.
        unsafe { header.write(contents) };
        // SAFETY: The context begins where the header ends.
        let context = unsafe { header.add(1) }.cast::<u8>();
        // SAFETY: By the contract of this function.
        unsafe { context.write_bytes(0, size) };
    }

    /// The header in front of a context.
    ///
    /// # Safety
    ///
    /// `context` is the address of a context of a live object.
    pub(crate) unsafe fn of_context<'a>(context: *mut c_void) -> &'a Self {
        let header = context.cast::<Self>().wrapping_sub(1);
        // SAFETY: By the contract of this function a header lies in front.
        unsafe { &*header }
    }

    pub(crate) fn object(&self) -> NonNull<Object> {
        self.object
    }

    /// The context itself.
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
        // SAFETY: By the invariant; further contexts live as long as the object.
        unsafe { next.as_ref() }
    }

    /// The context of the given type in the chain (OBJ-38).
    pub(crate) fn find(&self, type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO) -> Option<&Self> {
        self.chain().find(|header| header.type_info == type_info)
    }

    /// Appends a context to the chain, or finds the one of its type. The topology lock is held.
    ///
    /// # Safety
    ///
    /// `added` is a placed header at the start of a block of the framework's allocator.
    pub(crate) unsafe fn append(&self, added: NonNull<Self>) -> Result<(), &Self> {
        // SAFETY: By the contract of this function.
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

    /// Calls EvtCleanup unless it ran (OBJ-54).
    pub(crate) fn call_cleanup(&self, object: &Object) {
        if let Some(cleanup) = self.cleanup.take() {
            // SAFETY: The driver gave this callback for objects such as this one.
            unsafe { cleanup(object.handle()) };
        }
    }

    pub(crate) fn call_destroy(&self, object: &Object) {
        if let Some(destroy) = self.destroy.take() {
            // SAFETY: The driver gave this callback for objects such as this one.
            unsafe { destroy(object.handle()) };
        }
    }

    /// Frees the contexts that were added to the one that came with the object.
    ///
    /// # Safety
    ///
    /// This is the object's first header, and nobody uses a context any more.
    pub(crate) unsafe fn free_others(&self) {
        let mut next = NonNull::new(self.next.swap(null_mut(), Ordering::Acquire));
        while let Some(header) = next {
            // SAFETY: By the invariant it is live until freed below.
            let after = unsafe { header.as_ref() }.next.load(Ordering::Acquire);
            next = NonNull::new(after);
            // SAFETY: By the invariant it is a block of the framework's allocator.
            unsafe { pool::free(header.cast()) };
        }
    }
}
