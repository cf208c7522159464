//! The calls that work on objects of every type, and WdfObjectCreate.

use crate::driver::globals::Globals;
use crate::object::attributes::{self, Attributes, Parent, Rules};
use crate::object::context::ContextHeader;
use crate::object::handle;
use crate::object::{
    self, CANNOT_DELETE, Count, DisposalState, FrameworkObject, NewParent, Object, ObjectKind,
    type_code,
};
use crate::support::kernel;
use crate::support::pool;
use crate::support::stop;
use crate::support::sync::CallbackLock;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::NonNull;
use kmdf_sys::{
    _WDF_BUGCHECK_CODES, LONG, NTSTATUS, PCCH, PCWDF_OBJECT_CONTEXT_TYPE_INFO, PVOID,
    PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, STATUS_DELETE_PENDING,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INTEGER_OVERFLOW, STATUS_NOT_FOUND,
    STATUS_OBJECT_NAME_EXISTS, STATUS_OBJECT_NAME_INVALID, STATUS_SUCCESS, ULONG, ULONG_PTR,
    WDFOBJECT,
};

const STATUS_OBJECT_PATH_INVALID: NTSTATUS = 0xC000_0039_u32 as NTSTATUS;

/// A general object, as WdfObjectCreate creates it.
#[repr(C)]
struct UserObject {
    object: Object,
}

// SAFETY: `#[repr(C)]` with the object first.
unsafe impl FrameworkObject for UserObject {
    const KIND: &'static ObjectKind = &ObjectKind {
        lockable: true,
        ..ObjectKind::new(c"WDFOBJECT", type_code::USER_OBJECT)
    };
}

/// WdfObjectCreate: a general framework object, for its context and callbacks (OBJ-75).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `object` must be NULL or writable.
/// `attributes` must be NULL or attributes that stay unchanged for the call, with readable type
/// information and a live parent.
pub(crate) unsafe extern "C" fn wdf_object_create(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    object: *mut WDFOBJECT,
) -> NTSTATUS {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let own = unsafe { Globals::from_public(globals) };
    // SAFETY: The caller's attributes and out pointer are as `create` asks.
    kernel::to_status(unsafe { create(own, attributes, object) })
}

/// Creates and commits the object, with the checks in their order (OBJ-75).
///
/// # Safety
///
/// `attributes` must be NULL or as [`attributes::validate`] asks, `object` NULL or writable.
unsafe fn create(
    own: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    object: *mut WDFOBJECT,
) -> Result<(), NTSTATUS> {
    // SAFETY: The attributes are NULL or readable and their parent is live.
    let globals = unsafe { attributes::globals_of_parent(own, attributes) }.unwrap_or(own);
    // SAFETY: `object` is NULL or writable, as the caller guarantees.
    let object = unsafe { verifier::required_out(globals, c"WdfObjectCreate", object) };
    let rules = Rules {
        level: true,
        ..Rules::PLAIN
    };
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(attributes, rules) }?;
    let created = object::create(globals, attributes, |object| UserObject { object })?
        .commit(attributes, NewParent::Default)?;
    object.write(created.handle());
    Ok(())
}

/// WdfObjectDelete: deletes the object and everything below it (OBJ-50).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `object` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_object_delete(globals: PWDF_DRIVER_GLOBALS, object: WDFOBJECT) {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: `object` is NULL or the handle of a live object, as the caller guarantees.
    let object = unsafe { handle::object(globals, c"WdfObjectDelete", object) };
    if object.has(CANNOT_DELETE) {
        kernel::print_about(object.kind().name, c"the driver cannot delete this object");
        verifier::break_point(globals, c"WdfObjectDelete: STATUS_CANNOT_DELETE");
        return;
    }
    // SAFETY: The object is alive, and the driver gives it up with this call.
    unsafe { (object.kind().delete)(object.pointer()) };
}

/// Adds or drops a reference, on the object or on the embedded memory that the handle leads to (OBJ-48,
/// OBJ-49).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, `handle` NULL or that of a live
/// object. For [`Count::Down`] the caller must own a reference.
unsafe fn count(globals: PWDF_DRIVER_GLOBALS, call: &CStr, handle: WDFOBJECT, change: Count) {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, call, handle);
    // SAFETY: `handle` is not NULL, so of a live object.
    let (object, offset) = unsafe { handle::decode(handle) };
    match (object.kind().count_embedded, change) {
        (Some(count_embedded), _) if offset != 0 => count_embedded(object, change),
        (_, Count::Up) => object::reference(object),
        // SAFETY: The caller owns the reference that it drops.
        (_, Count::Down) => unsafe { object::release(object.pointer()) },
    }
}

/// WdfObjectReferenceActual: adds a reference to the object.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `object` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_object_reference_actual(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
    _tag: PVOID,
    _line: LONG,
    _file: PCCH,
) {
    // SAFETY: `globals` and `object` are what `count` asks for too.
    unsafe { count(globals, c"WdfObjectReferenceActual", object, Count::Up) };
}

/// WdfObjectDereferenceActual: drops a reference that the driver took.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `object` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_object_dereference_actual(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
    _tag: PVOID,
    _line: LONG,
    _file: PCCH,
) {
    // SAFETY: The driver took the reference that it drops, with WdfObjectReference.
    unsafe { count(globals, c"WdfObjectDereferenceActual", object, Count::Down) };
}

/// WdfObjectQuery: no object has an interface to be found (OBJ-76).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller.
pub(crate) unsafe extern "C" fn wdf_object_query(
    _globals: PWDF_DRIVER_GLOBALS,
    _object: WDFOBJECT,
    _guid: *const kmdf_sys::GUID,
    _length: ULONG,
    _buffer: PVOID,
) -> NTSTATUS {
    STATUS_NOT_FOUND
}

/// WdfObjectGetTypedContextWorker: the object's context of one type, NULL if it has none (OBJ-38 to
/// OBJ-40). Takes no lock, because EvtDestroy calls it too.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `object` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_object_get_typed_context_worker(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
    type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
) -> PVOID {
    const CALL: &CStr = c"WdfObjectGetTypedContextWorker";
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, CALL, object);
    verifier::require(globals, CALL, type_info);
    // SAFETY: `object` is not NULL, so the handle of a live object.
    let (object, _) = unsafe { handle::decode(object) };
    match object.context().find(type_info) {
        Some(header) => header.context(),
        None => {
            kernel::print_about(CALL, c"the object has no context of this type");
            core::ptr::null_mut()
        }
    }
}

/// WdfObjectContextGetObject: the object that a context belongs to (OBJ-41).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `context` must be NULL or a context
/// of a live object.
pub(crate) unsafe extern "C" fn wdf_object_context_get_object(
    globals: PWDF_DRIVER_GLOBALS,
    context: PVOID,
) -> WDFOBJECT {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, c"WdfObjectContextGetObject", context);
    // SAFETY: `context` is not NULL, so a context of a live object.
    let header = unsafe { ContextHeader::of_context(context) };
    // SAFETY: The object lives as long as its contexts.
    unsafe { header.object().as_ref() }.handle()
}

/// WdfObjectAllocateContext: adds a context to an object, or finds the one of its type (OBJ-42).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `object` NULL or the handle of
/// a live object. `context` must be NULL or writable. `attributes` must be NULL or attributes that
/// stay unchanged for the call, with readable type information and a live parent.
pub(crate) unsafe extern "C" fn wdf_object_allocate_context(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    context: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: The caller's handle and attributes are as `allocate_context` asks.
    let (status, found) = match unsafe { allocate_context(globals, object, attributes) } {
        Ok(outcome) => outcome,
        Err(status) => return status,
    };
    // SAFETY: `context` is NULL or writable, as the caller guarantees.
    unsafe { verifier::write_optional(context, found) };
    status
}

/// The status of success and the context, with the checks in their order (OBJ-42).
///
/// # Safety
///
/// `handle` must be NULL or that of a live object, `attributes` NULL or as [`attributes::validate`]
/// asks.
unsafe fn allocate_context(
    globals: &Globals,
    handle: WDFOBJECT,
    attributes: PWDF_OBJECT_ATTRIBUTES,
) -> Result<(NTSTATUS, PVOID), NTSTATUS> {
    verifier::require(globals, c"WdfObjectAllocateContext", handle);
    // SAFETY: `handle` is not NULL, so of a live object.
    let (object, offset) = unsafe { handle::decode(handle) };
    if offset != 0 {
        return Err(STATUS_OBJECT_PATH_INVALID);
    }
    let parent = if globals.client_is_at_least(11) {
        Parent::Forbidden
    } else {
        Parent::Optional
    };
    let rules = Rules {
        required: true,
        parent,
        ..Rules::PLAIN
    };
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(attributes, rules) }?;
    if attributes.type_info().is_null() {
        return Err(STATUS_OBJECT_NAME_INVALID);
    }
    if object::is_unreferenced(object) {
        // The call takes a reference and drops it, which is the last one again (OBJ-78).
        stop::stack_overflow(
            c"WdfObjectAllocateContext in EvtDestroy calls EvtDestroy again, until the stack overflows",
        );
    }
    let added = new_context(object, attributes)?;
    // SAFETY: `new_context` placed it at the start of a new block.
    unsafe { attach(object, added) }
}

/// Allocates a header and the context behind it, with the callbacks set.
fn new_context(
    object: &Object,
    attributes: Attributes<'_>,
) -> Result<NonNull<ContextHeader>, NTSTATUS> {
    let size = attributes
        .context_size()
        .checked_next_multiple_of(size_of::<usize>())
        .ok_or(STATUS_INTEGER_OVERFLOW)?;
    let total = size
        .checked_add(size_of::<ContextHeader>())
        .ok_or(STATUS_INTEGER_OVERFLOW)?;
    let block = pool::allocate(object.globals(), total).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    block.expose_provenance();
    let added = block.cast::<ContextHeader>();
    // SAFETY: The block has `total` bytes: a header and `size` more.
    unsafe { ContextHeader::place(added, object.pointer(), attributes.type_info(), size) };
    if let Some(given) = attributes.get() {
        // SAFETY: `place` wrote the header.
        let header = unsafe { added.as_ref() };
        header.set_callbacks(given.EvtCleanupCallback, given.EvtDestroyCallback);
    }
    Ok(added)
}

/// Adds a new context to its object, unless there is one of its type already (OBJ-43).
///
/// # Safety
///
/// `added` must be the start of a block of the framework's allocator that only the caller knows.
unsafe fn attach(
    object: &Object,
    added: NonNull<ContextHeader>,
) -> Result<(NTSTATUS, PVOID), NTSTATUS> {
    let topology = object.globals().topology();
    let outcome = if object.state() == DisposalState::Created {
        // SAFETY: A placed header at the start of its block; the topology lock is held.
        match unsafe { object.context().append(added) } {
            // SAFETY: Part of the object's chain now, and freed with the object.
            Ok(()) => return Ok((STATUS_SUCCESS, unsafe { added.as_ref() }.context())),
            Err(existing) => Ok((STATUS_OBJECT_NAME_EXISTS, existing.context())),
        }
    } else {
        Err(STATUS_DELETE_PENDING)
    };
    drop(topology);
    // SAFETY: Not attached, so that only the caller knows it.
    unsafe { pool::free(added.cast()) };
    outcome
}

/// The lock that an object's callbacks run under, for WdfObjectAcquireLock (OBJ-63).
///
/// # Safety
///
/// `handle` must be NULL or that of an object that stays alive for `'a`.
unsafe fn callback_lock<'a>(globals: &Globals, call: &CStr, handle: WDFOBJECT) -> &'a CallbackLock {
    // SAFETY: `handle` is NULL or of an object that lives for `'a`, as the caller guarantees.
    let object: &'a Object = unsafe { handle::object(globals, call, handle) };
    let Some(lock) = object.kind().callback_lock else {
        verifier::break_point(
            globals,
            c"WdfObjectAcquireLock: only devices, queues and their file objects have a lock",
        );
        let code = _WDF_BUGCHECK_CODES::WDF_INVALID_LOCK_OPERATION;
        stop::violation(globals, code, handle.addr() as ULONG_PTR, 0)
    };
    match lock(object) {
        Some(lock) => lock,
        None => stop::undefined(c"WdfObjectAcquireLock or WdfObjectReleaseLock on an object whose callbacks are not synchronised"),
    }
}

/// WdfObjectAcquireLock: acquires the lock that the object's callbacks run under (OBJ-63).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `object` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_object_acquire_lock(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
) {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: `object` is NULL or the handle of an object that outlives the call.
    unsafe { callback_lock(globals, c"WdfObjectAcquireLock", object) }.acquire(globals);
}

/// WdfObjectReleaseLock: releases the lock that the object's callbacks run under (OBJ-63).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `object` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_object_release_lock(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
) {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: `object` is NULL or the handle of an object that outlives the call.
    unsafe { callback_lock(globals, c"WdfObjectReleaseLock", object) }.release();
}
