//! Reference counts and the end of an object.

use super::{COMMITTED, DEAD, DESTROYING, DisposalState, Object, PASSIVE_DISPOSE};
use crate::support::kernel;
use crate::support::pool;
use crate::support::stop;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use kmdf_sys::{_WDF_BUGCHECK_CODES, ULONG_PTR};

/// Adds a reference, which keeps the object's memory.
pub(crate) fn reference(object: &Object) {
    if object.references.fetch_add(1, Ordering::Relaxed) <= 0 {
        stop::undefined(c"a reference was taken on an object whose last reference was dropped: do not use a handle after its deletion");
    }
}

/// Whether the last reference was dropped, as in EvtDestroy (OBJ-55).
pub(crate) fn is_unreferenced(object: &Object) -> bool {
    object.references.load(Ordering::Relaxed) <= 0
}

/// Drops a reference; with the last one the object is destroyed (OBJ-45).
///
/// # Safety
///
/// The caller must own the reference, and must not use the object afterwards on its account.
pub(crate) unsafe fn release(pointer: NonNull<Object>) {
    // SAFETY: The reference that the caller owns keeps the object alive.
    let object = unsafe { pointer.as_ref() };
    match object.references.fetch_sub(1, Ordering::AcqRel) {
        1 => {}
        ..=0 => stop::undefined(c"an object was dereferenced more often than it was referenced"),
        _ => return,
    }
    object.mark(DESTROYING);
    if matches!(
        object.state(),
        DisposalState::Deferred | DisposalState::Disposing
    ) {
        stop::undefined(c"the last reference of an object was dropped while it was being disposed");
    }
    if object.has(PASSIVE_DISPOSE) && !kernel::at_passive_level() {
        object.globals().driver_dispose_list().add(pointer);
    } else {
        // SAFETY: The count just reached 0, so nothing else uses the object.
        unsafe { destroy(pointer) };
    }
}

/// Calls the callbacks that have not run and frees the object (OBJ-54, OBJ-55).
///
/// # Safety
///
/// The reference count must be 0, and nothing but the caller use the object.
pub(super) unsafe fn destroy(pointer: NonNull<Object>) {
    // SAFETY: The object is freed at the end of this function.
    let object = unsafe { pointer.as_ref() };
    if object.has(COMMITTED) {
        for context in object.context().chain() {
            context.call_cleanup(object);
            context.call_destroy(object);
        }
    }
    (object.kind.destroy)(object);
    // An object that is destroyed undisposed is a violation under the verifier (VER-19).
    let disposal_is_due = object.kind.disposed_before_destroyed
        && object.has(COMMITTED)
        && object.globals().verifier_on();
    if object.is_linked() || (disposal_is_due && object.state() == DisposalState::Created) {
        let address = pointer.as_ptr().addr() as ULONG_PTR;
        stop::violation(
            object.globals(),
            _WDF_BUGCHECK_CODES::WDF_OBJECT_ERROR,
            object.handle().addr() as ULONG_PTR,
            address,
        );
    }
    if let Some(record) = object.lock_record.take() {
        // SAFETY: The lock verifier's record was allocated with the object, for the object alone.
        unsafe { pool::free(record) };
    }
    // SAFETY: The first header; the last callback that could use a context has returned.
    unsafe { object.context().free_others() };
    object.signature.set(DEAD);
    // SAFETY: The object is of this kind, and the caller guarantees that nothing uses it.
    unsafe { (object.kind.free)(pointer) };
}
