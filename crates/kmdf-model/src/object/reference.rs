//! Reference counts and the end of an object.

use super::{COMMITTED, DEAD, DESTROYING, Object, PASSIVE_DISPOSE, State};
use crate::support::kernel;
use crate::support::pool;
use crate::support::stop;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use kmdf_sys::{_WDF_BUGCHECK_CODES, ULONG_PTR};

/// Adds a reference.
pub(crate) fn reference(object: &Object) {
    if object.references.fetch_add(1, Ordering::Relaxed) <= 0 {
        stop::undefined(c"a reference was taken on an object whose last reference is gone");
    }
}

/// Whether the last reference is gone, as in EvtDestroy (OBJ-55).
pub(crate) fn is_unreferenced(object: &Object) -> bool {
    object.references.load(Ordering::Relaxed) <= 0
}

/// Drops a reference; with the last one the object is destroyed (OBJ-45).
///
/// # Safety
///
/// The caller owns the reference and does not use the object afterwards.
pub(crate) unsafe fn release(pointer: NonNull<Object>) {
    // SAFETY: The reference that the caller owns keeps the object alive.
    let object = unsafe { pointer.as_ref() };
    match object.references.fetch_sub(1, Ordering::AcqRel) {
        1 => {}
        ..=0 => stop::undefined(c"an object was dereferenced more often than it was referenced"),
        _ => return,
    }
    object.mark(DESTROYING);
    if matches!(object.state(), State::Deferred | State::Disposing) {
        stop::undefined(c"the last reference of an object was dropped while it was being disposed");
    }
    if object.has(PASSIVE_DISPOSE) && !kernel::at_passive_level() {
        object.globals().driver_dispose_list().add(pointer);
    } else {
        // SAFETY: The last reference is gone.
        unsafe { destroy(pointer) };
    }
}

/// Calls what is left of the callbacks, checks and frees (OBJ-54, OBJ-55).
///
/// # Safety
///
/// The count is 0 and the caller is the only one left to use the object.
pub(super) unsafe fn destroy(pointer: NonNull<Object>) {
    // SAFETY: By the contract of this function the object is still there.
    let object = unsafe { pointer.as_ref() };
    if object.has(COMMITTED) {
        for context in object.context().chain() {
            context.call_cleanup(object);
            context.call_destroy(object);
        }
    }
    (object.kind.destroy)(object);
    // VER-19
    let disposal_is_due = object.kind.disposed_before_destroyed
        && object.has(COMMITTED)
        && object.globals().verifier_on();
    if object.is_linked() || (disposal_is_due && object.state() == State::Created) {
        let address = pointer.as_ptr().addr() as ULONG_PTR;
        stop::violation(
            object.globals(),
            _WDF_BUGCHECK_CODES::WDF_OBJECT_ERROR,
            object.handle().addr() as ULONG_PTR,
            address,
        );
    }
    if let Some(record) = object.lock_record.take() {
        // SAFETY: Allocated with the object, for the object alone.
        unsafe { pool::free(record) };
    }
    // SAFETY: No callback is left to look at a context.
    unsafe { object.context().free_others() };
    object.signature.set(DEAD);
    // SAFETY: By the contract of this function.
    unsafe { (object.kind.free)(pointer) };
}
