//! Handles: how a framework object's address looks to the driver, and the way back.

use crate::driver::globals::Globals;
use crate::memory::MemoryMethods;
use crate::object::{FrameworkObject, Object, type_code};
use crate::support::kernel;
use crate::support::stop;
use core::ffi::CStr;
use kmdf_sys::{_WDF_BUGCHECK_CODES, PWDF_DRIVER_GLOBALS, ULONG_PTR, WDFMEMORY, WDFOBJECT};

/// The bits of a handle that are not part of the address (OBJ-1).
const FLAGS: usize = 0x7;
/// Flag of a handle whose address leads into an object (OBJ-3).
const OFFSET: usize = 0x1;

/// The handle of an object (OBJ-1).
pub(crate) fn encode(object: &Object) -> WDFOBJECT {
    let address = core::ptr::from_ref(object).expose_provenance();
    core::ptr::without_provenance_mut(address ^ !FLAGS)
}

/// The handle of a part of an object; at `offset` the object has a 16-bit word that holds
/// `offset` (OBJ-3).
pub(crate) fn encode_embedded(object: &Object, offset: u16) -> WDFOBJECT {
    let address = core::ptr::from_ref(object).expose_provenance() + usize::from(offset);
    core::ptr::without_provenance_mut((address ^ !FLAGS) | OFFSET)
}

/// Decodes a handle into its object and the offset, 0 for ordinary handles (OBJ-4).
///
/// A handle that leads to readable memory without a live object stops the run.
///
/// # Safety
///
/// `handle` must not be NULL. It must be the handle of an object that stays alive for `'a`, or lead to
/// readable memory at least.
pub(crate) unsafe fn decode<'a>(handle: WDFOBJECT) -> (&'a Object, u16) {
    // SAFETY: The caller passes a handle that leads to readable memory.
    match unsafe { find(handle) } {
        Ok(found) => found,
        Err(message) => stop::undefined(message),
    }
}

/// [`decode`] that returns a message for a handle that leads to no live object.
///
/// # Safety
///
/// `handle` must be as [`decode`] asks.
pub(crate) unsafe fn find<'a>(handle: WDFOBJECT) -> Result<(&'a Object, u16), &'static CStr> {
    let bits = handle.addr();
    let mut address = (bits & !FLAGS) ^ !FLAGS;
    let mut offset = 0;
    if bits & OFFSET != 0 {
        let word = core::ptr::with_exposed_provenance::<u16>(address);
        // SAFETY: The caller's handle leads to readable memory; the mask aligns the address to 8.
        offset = unsafe { word.read() };
        address = address.wrapping_sub(offset.into());
    }
    let object = core::ptr::with_exposed_provenance::<Object>(address);
    if !object.is_aligned() {
        return Err(c"the handle is not that of a framework object");
    }
    // SAFETY: Aligned, as checked, and readable memory, as the caller guarantees.
    let object = unsafe { &*object };
    if !object.is_live() {
        return Err(c"the handle is not that of a live framework object; was the object deleted?");
    }
    Ok((object, offset))
}

/// Stops the run for a handle that is NULL or of another type (OBJ-70, OBJ-71).
fn refuse(globals: &Globals, call: &CStr, handle: WDFOBJECT, wanted: u16) -> ! {
    kernel::print_about(
        call,
        c"the handle is NULL or of another type than the call takes",
    );
    stop::violation(
        globals,
        _WDF_BUGCHECK_CODES::WDF_INVALID_HANDLE,
        handle.addr() as ULONG_PTR,
        wanted.into(),
    )
}

/// The object and offset of a handle that must not be NULL.
///
/// # Safety
///
/// `handle` must be NULL, which stops the run, or as [`decode`] asks.
unsafe fn decode_or_refuse<'a>(
    globals: &Globals,
    call: &CStr,
    handle: WDFOBJECT,
    wanted: u16,
) -> (&'a Object, u16) {
    if handle.is_null() {
        refuse(globals, call, handle, wanted);
    }
    // SAFETY: `handle` is not NULL and else as `decode` asks, as the caller guarantees.
    unsafe { decode(handle) }
}

/// The object of any handle; for a request's embedded memory that is the request (OBJ-7).
///
/// # Safety
///
/// `handle` must be NULL, which stops the run, or that of an object that stays alive for `'a`.
pub(crate) unsafe fn object<'a>(globals: &Globals, call: &CStr, handle: WDFOBJECT) -> &'a Object {
    // SAFETY: `handle` is NULL or of a live object, as the caller guarantees.
    unsafe { decode_or_refuse(globals, call, handle, type_code::OBJECT) }.0
}

/// The object of a handle that a client passed to a framework call, which must be of type `T` (OBJ-5).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the client, `handle` NULL, which stops the run, or
/// that of an object that stays alive for `'a`.
pub(crate) unsafe fn resolve<'a, T: FrameworkObject>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    handle: WDFOBJECT,
) -> &'a T {
    // SAFETY: `globals` is bound and `handle` NULL or live, as the caller guarantees.
    unsafe { resolve_with_globals(globals, call, handle) }.1
}

/// [`resolve`] for calls that also use the globals of the client.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the client, `handle` NULL, which stops the run, or
/// that of an object that stays alive for `'a`.
pub(crate) unsafe fn resolve_with_globals<'a, T: FrameworkObject>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    handle: WDFOBJECT,
) -> (&'a Globals, &'a T) {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: `handle` is NULL or of a live object, as the caller guarantees.
    (globals, unsafe { typed(globals, call, handle) })
}

/// The object of a handle that must be of type `T` (OBJ-5).
///
/// # Safety
///
/// `handle` must be NULL, which stops the run, or that of an object that stays alive for `'a`.
pub(crate) unsafe fn typed<'a, T: FrameworkObject>(
    globals: &Globals,
    call: &CStr,
    handle: WDFOBJECT,
) -> &'a T {
    // SAFETY: `handle` is NULL or of a live object, as the caller guarantees.
    let (object, offset) = unsafe { decode_or_refuse(globals, call, handle, T::TYPE) };
    let kind = object.kind();
    if kind.type_code != T::TYPE && !(kind.is_also)(object, offset, T::TYPE) {
        refuse(globals, call, handle, T::TYPE);
    }
    // SAFETY: An object whose kind has, or is also, this type begins with a `T`: `FrameworkObject`.
    unsafe { object.downcast() }
}

/// A memory as the memory calls see it: an object of its own, or part of a request.
#[derive(Clone, Copy)]
pub(crate) struct MemoryRef<'a> {
    pub(crate) object: &'a Object,
    /// 0 for a memory object, else where in the request the handle leads.
    pub(crate) offset: u16,
    pub(crate) methods: &'static MemoryMethods,
}

/// The memory object of a handle that a client passed to a framework call (OBJ-6), and the client's globals.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the client, `handle` NULL, which stops the run, or
/// that of an object that stays alive for `'a`.
pub(crate) unsafe fn memory<'a>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    handle: WDFMEMORY,
) -> (&'a Globals, MemoryRef<'a>) {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    let handle = handle.cast();
    // SAFETY: `handle` is NULL or of a live object, as the caller guarantees.
    let (object, offset) = unsafe { decode_or_refuse(globals, call, handle, type_code::MEMORY) };
    match (object.kind().memory)(object, offset) {
        Some(methods) => {
            let memory = MemoryRef {
                object,
                offset,
                methods,
            };
            (globals, memory)
        }
        None => refuse(globals, call, handle, type_code::MEMORY),
    }
}
