//! Handles: how a framework object's address looks to the driver, and the way back.

use crate::driver::globals::Globals;
use crate::memory::MemoryMethods;
use crate::object::{FrameworkObject, Object, type_code};
use crate::support::kernel;
use crate::support::stop;
use core::ffi::CStr;
use kmdf_sys::{_WDF_BUGCHECK_CODES, ULONG_PTR, WDFMEMORY, WDFOBJECT};

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
/// A handle that leads to no live object stops the run if that can be told.
///
/// # Safety
///
/// `handle` is not NULL and is that of a live object, or leads to readable memory at least.
pub(crate) unsafe fn decode<'a>(handle: WDFOBJECT) -> (&'a Object, u16) {
    // SAFETY: The caller passes a handle that leads to readable memory.
    match unsafe { find(handle) } {
        Ok(found) => found,
        Err(message) => stop::undefined(message),
    }
}

/// As [`decode`], with a message for a handle that leads to no live object.
///
/// # Safety
///
/// As for [`decode`].
pub(crate) unsafe fn find<'a>(handle: WDFOBJECT) -> Result<(&'a Object, u16), &'static CStr> {
    let bits = handle.addr();
    let mut address = (bits & !FLAGS) ^ !FLAGS;
    let mut offset = 0;
    if bits & OFFSET != 0 {
        let word = core::ptr::with_exposed_provenance::<u16>(address);
        // SAFETY: The caller's handle leads to readable memory; addresses are 8-aligned by the mask.
        offset = unsafe { word.read() };
        address = address.wrapping_sub(offset.into());
    }
    let object = core::ptr::with_exposed_provenance::<Object>(address);
    if !object.is_aligned() {
        return Err(c"a handle leads to no framework object");
    }
    // SAFETY: The caller's handle leads to readable memory, where objects are.
    let object = unsafe { &*object };
    if !object.is_live() {
        return Err(c"a handle leads to no live framework object; was the object deleted?");
    }
    Ok((object, offset))
}

/// OBJ-70, OBJ-71: the handle is NULL or that of an object of another type.
fn refuse(globals: &Globals, call: &CStr, handle: WDFOBJECT, wanted: u16) -> ! {
    kernel::print_about(call, c"the handle is NULL or of another type");
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
/// As for [`decode`], but `handle` may be NULL.
unsafe fn decode_or_refuse<'a>(
    globals: &Globals,
    call: &CStr,
    handle: WDFOBJECT,
    wanted: u16,
) -> (&'a Object, u16) {
    if handle.is_null() {
        refuse(globals, call, handle, wanted);
    }
    // SAFETY: By the contract of this function.
    unsafe { decode(handle) }
}

/// The object of any handle; for a request's embedded memory that is the request (OBJ-7).
///
/// # Safety
///
/// As for [`decode`], but `handle` may be NULL. The object stays alive for `'a`.
pub(crate) unsafe fn object<'a>(globals: &Globals, call: &CStr, handle: WDFOBJECT) -> &'a Object {
    // SAFETY: By the contract of this function.
    unsafe { decode_or_refuse(globals, call, handle, type_code::OBJECT) }.0
}

/// The object of a handle that must be of type `T` (OBJ-5).
///
/// # Safety
///
/// As for [`object`].
pub(crate) unsafe fn typed<'a, T: FrameworkObject>(
    globals: &Globals,
    call: &CStr,
    handle: WDFOBJECT,
) -> &'a T {
    // SAFETY: By the contract of this function.
    let (object, offset) = unsafe { decode_or_refuse(globals, call, handle, T::TYPE) };
    let kind = object.kind();
    if kind.type_code != T::TYPE && !(kind.answers)(object, offset, T::TYPE) {
        refuse(globals, call, handle, T::TYPE);
    }
    // SAFETY: Objects that answer for the type are of it, by the contract of `FrameworkObject`.
    unsafe { object.downcast() }
}

/// A memory as the memory calls see it: an object of its own, or part of a request.
#[derive(Clone, Copy)]
pub(crate) struct MemoryRef<'a> {
    pub(crate) object: &'a Object,
    /// 0, or that of the handle within the request.
    pub(crate) offset: u16,
    pub(crate) methods: &'static MemoryMethods,
}

/// The memory of a handle (OBJ-6).
///
/// # Safety
///
/// As for [`object`].
pub(crate) unsafe fn memory<'a>(
    globals: &Globals,
    call: &CStr,
    handle: WDFMEMORY,
) -> MemoryRef<'a> {
    let handle = handle.cast();
    // SAFETY: By the contract of this function.
    let (object, offset) = unsafe { decode_or_refuse(globals, call, handle, type_code::MEMORY) };
    match (object.kind().memory)(object, offset) {
        Some(methods) => MemoryRef {
            object,
            offset,
            methods,
        },
        None => refuse(globals, call, handle, type_code::MEMORY),
    }
}
