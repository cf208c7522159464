//! The calls that work on objects of every type, and WdfObjectCreate.

use crate::driver::globals::Globals;
use crate::object::attributes::{self, Parent, Rules};
use crate::object::context::ContextHeader;
use crate::object::handle;
use crate::object::{
    self, CANNOT_DELETE, Count, FrameworkObject, Kind, NewParent, Object, State, type_code,
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
    WDF_OBJECT_ATTRIBUTES, WDFOBJECT,
};

const STATUS_OBJECT_PATH_INVALID: NTSTATUS = 0xC000_0039_u32 as NTSTATUS;

/// What WdfObjectCreate makes: an object of the driver's own.
#[repr(C)]
struct UserObject {
    object: Object,
}

// SAFETY: `#[repr(C)]` with the object first.
unsafe impl FrameworkObject for UserObject {
    const KIND: &'static Kind = &Kind {
        lockable: true,
        ..Kind::new(c"WDFOBJECT", type_code::USER_OBJECT)
    };
}

/// # Safety
///
/// As for WdfObjectCreate, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_create(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    object: *mut WDFOBJECT,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let own = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    kernel::to_status(unsafe { create(own, attributes, object) })
}

/// OBJ-75, in its order.
///
/// # Safety
///
/// As for WdfObjectCreate.
unsafe fn create(
    own: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    object: *mut WDFOBJECT,
) -> Result<(), NTSTATUS> {
    // SAFETY: By the contract of this function.
    let globals = unsafe { attributes::globals_of_parent(own, attributes) }.unwrap_or(own);
    verifier::require(globals, c"WdfObjectCreate", object);
    let rules = Rules {
        level: true,
        ..Rules::PLAIN
    };
    // SAFETY: By the contract of this function.
    let attributes = unsafe { attributes::validate(attributes, rules) }?;
    // SAFETY: Validated above.
    let created = unsafe { object::create(globals, attributes, |object| UserObject { object }) }?;
    // SAFETY: Just created.
    let handle = unsafe { object::commit_or_delete(created, attributes, NewParent::Default) }?;
    // SAFETY: Not NULL, so valid.
    unsafe { object.write(handle) };
    Ok(())
}

/// OBJ-50.
///
/// # Safety
///
/// As for WdfObjectDelete, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_delete(globals: PWDF_DRIVER_GLOBALS, object: WDFOBJECT) {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let object = unsafe { handle::object(globals, c"WdfObjectDelete", object) };
    if object.has(CANNOT_DELETE) {
        kernel::print_about(object.kind().name, c"the driver cannot delete this object");
        verifier::break_point(globals, c"WdfObjectDelete: STATUS_CANNOT_DELETE");
        return;
    }
    // SAFETY: The handle is live.
    unsafe { (object.kind().delete)(object.pointer()) };
}

/// OBJ-48, OBJ-49.
///
/// # Safety
///
/// `handle` is NULL or that of a live object.
unsafe fn count(globals: PWDF_DRIVER_GLOBALS, call: &CStr, handle: WDFOBJECT, change: Count) {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, call, handle);
    // SAFETY: As above.
    let (object, offset) = unsafe { handle::decode(handle) };
    match (object.kind().count_embedded, change) {
        (Some(count_embedded), _) if offset != 0 => count_embedded(object, change),
        (_, Count::Up) => object::reference(object),
        // SAFETY: The driver gives up a reference that it took.
        (_, Count::Down) => unsafe { object::release(object.pointer()) },
    }
}

/// # Safety
///
/// As for WdfObjectReferenceActual, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_reference_actual(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
    _tag: PVOID,
    _line: LONG,
    _file: PCCH,
) {
    // SAFETY: By the contract of this function.
    unsafe { count(globals, c"WdfObjectReferenceActual", object, Count::Up) };
}

/// # Safety
///
/// As for WdfObjectDereferenceActual, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_dereference_actual(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
    _tag: PVOID,
    _line: LONG,
    _file: PCCH,
) {
    // SAFETY: By the contract of this function.
    unsafe { count(globals, c"WdfObjectDereferenceActual", object, Count::Down) };
}

/// OBJ-76.
///
/// # Safety
///
/// As for WdfObjectQuery, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_query(
    _globals: PWDF_DRIVER_GLOBALS,
    _object: WDFOBJECT,
    _guid: *const kmdf_sys::GUID,
    _length: ULONG,
    _buffer: PVOID,
) -> NTSTATUS {
    STATUS_NOT_FOUND
}

/// OBJ-38 to OBJ-40. Takes no lock: also called from EvtDestroy.
///
/// # Safety
///
/// As for WdfObjectGetTypedContextWorker, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_get_typed_context_worker(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
    type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
) -> PVOID {
    const CALL: &CStr = c"WdfObjectGetTypedContextWorker";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, CALL, object);
    verifier::require(globals, CALL, type_info);
    // SAFETY: As above.
    let (object, _) = unsafe { handle::decode(object) };
    match object.context().find(type_info) {
        Some(header) => header.context(),
        None => {
            kernel::print_about(CALL, c"the object has no context of this type");
            core::ptr::null_mut()
        }
    }
}

/// OBJ-41.
///
/// # Safety
///
/// As for WdfObjectContextGetObject, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_context_get_object(
    globals: PWDF_DRIVER_GLOBALS,
    context: PVOID,
) -> WDFOBJECT {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, c"WdfObjectContextGetObject", context);
    // SAFETY: As above.
    let header = unsafe { ContextHeader::of_context(context) };
    // SAFETY: A context's object is alive as long as the context is.
    unsafe { header.object().as_ref() }.handle()
}

/// # Safety
///
/// As for WdfObjectAllocateContext, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_allocate_context(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    context: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let (status, found) = match unsafe { allocate_context(globals, object, attributes) } {
        Ok(outcome) => outcome,
        Err(status) => return status,
    };
    // SAFETY: The driver gives a valid pointer or NULL.
    if let Some(context) = unsafe { context.as_mut() } {
        *context = found;
    }
    status
}

/// OBJ-42, in its order; on success the status and the context.
///
/// # Safety
///
/// As for WdfObjectAllocateContext.
unsafe fn allocate_context(
    globals: &Globals,
    handle: WDFOBJECT,
    attributes: PWDF_OBJECT_ATTRIBUTES,
) -> Result<(NTSTATUS, PVOID), NTSTATUS> {
    verifier::require(globals, c"WdfObjectAllocateContext", handle);
    // SAFETY: By the contract of this function.
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
    // SAFETY: By the contract of this function.
    let Some(given) = unsafe { attributes::validate(attributes, rules) }? else {
        return Err(STATUS_OBJECT_NAME_INVALID);
    };
    if given.ContextTypeInfo.is_null() {
        return Err(STATUS_OBJECT_NAME_INVALID);
    }
    if object::is_unreferenced(object) {
        // OBJ-78: the call takes a reference and drops it, which is the last one again.
        stop::stack_overflow(
            c"WdfObjectAllocateContext in EvtDestroy calls EvtDestroy again, until the stack overflows",
        );
    }
    // SAFETY: Validated above.
    let added = unsafe { new_context(object, given) }?;
    // SAFETY: Just placed at the start of its block.
    unsafe { attach(object, added) }
}

/// Allocates a header and the context behind it, with the callbacks set.
///
/// # Safety
///
/// `given` is validated.
unsafe fn new_context(
    object: &Object,
    given: &WDF_OBJECT_ATTRIBUTES,
) -> Result<NonNull<ContextHeader>, NTSTATUS> {
    // SAFETY: By the contract of this function.
    let size = unsafe { attributes::context_size(Some(given)) };
    let size = size
        .checked_next_multiple_of(size_of::<usize>())
        .ok_or(STATUS_INTEGER_OVERFLOW)?;
    let total = size
        .checked_add(size_of::<ContextHeader>())
        .ok_or(STATUS_INTEGER_OVERFLOW)?;
    let block = pool::allocate(object.globals(), total).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    block.expose_provenance();
    let added = block.cast::<ContextHeader>();
    // SAFETY: The block has room for both.
    unsafe { ContextHeader::place(added, object.pointer(), given.ContextTypeInfo, size) };
    // SAFETY: Just placed.
    let header = unsafe { added.as_ref() };
    header.set_callbacks(given.EvtCleanupCallback, given.EvtDestroyCallback);
    Ok(added)
}

/// Adds a new context to its object, unless there is one of its type already (OBJ-43).
///
/// # Safety
///
/// `added` is at the start of a block of the framework's allocator that nobody else knows.
unsafe fn attach(
    object: &Object,
    added: NonNull<ContextHeader>,
) -> Result<(NTSTATUS, PVOID), NTSTATUS> {
    let held = object.globals().topology();
    let outcome = if object.state() == State::Created {
        // SAFETY: By the contract of this function; the lock is held.
        match unsafe { object.context().append(added) } {
            // SAFETY: The object now keeps it.
            Ok(()) => return Ok((STATUS_SUCCESS, unsafe { added.as_ref() }.context())),
            Err(existing) => Ok((STATUS_OBJECT_NAME_EXISTS, existing.context())),
        }
    } else {
        Err(STATUS_DELETE_PENDING)
    };
    drop(held);
    // SAFETY: Not attached, so still known to nobody else.
    unsafe { pool::free(added.cast()) };
    outcome
}

/// The lock that an object's callbacks run under, for WdfObjectAcquireLock (OBJ-63).
///
/// # Safety
///
/// `handle` is NULL or that of an object that stays alive.
unsafe fn callback_lock<'a>(globals: &Globals, call: &CStr, handle: WDFOBJECT) -> &'a CallbackLock {
    // SAFETY: By the contract of this function.
    let object: &'a Object = unsafe { handle::object(globals, call, handle) };
    let Some(lock) = object.kind().callback_lock else {
        verifier::break_point(globals, c"the object has no lock for the driver to take");
        let code = _WDF_BUGCHECK_CODES::WDF_INVALID_LOCK_OPERATION;
        stop::violation(globals, code, handle.addr() as ULONG_PTR, 0)
    };
    match lock(object) {
        Some(lock) => lock,
        None => stop::undefined(c"WdfObjectAcquireLock or WdfObjectReleaseLock on an object whose callbacks are not synchronised"),
    }
}

/// # Safety
///
/// As for WdfObjectAcquireLock, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_acquire_lock(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
) {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    unsafe { callback_lock(globals, c"WdfObjectAcquireLock", object) }.acquire(globals);
}

/// # Safety
///
/// As for WdfObjectReleaseLock, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_object_release_lock(
    globals: PWDF_DRIVER_GLOBALS,
    object: WDFOBJECT,
) {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    unsafe { callback_lock(globals, c"WdfObjectReleaseLock", object) }.release();
}
