//! Typed object contexts: Rust values that live inside framework objects and are dropped with them.

use crate::object;
use crate::plain::assert_by_value;
use crate::status::{Error, Result, check};
use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use kmdf_sys::{
    MEMORY_ALLOCATION_ALIGNMENT, PCWDF_OBJECT_CONTEXT_TYPE_INFO, ULONG, WDF_OBJECT_ATTRIBUTES,
    WDF_OBJECT_CONTEXT_TYPE_INFO, WDFOBJECT, WDFREQUEST, call_unsafe_wdf_function_binding,
};

/// A type whose values live in the context space of framework objects; made one by
/// [`context!`](crate::context!).
///
/// The framework destroys the object when its last reference is gone and the value is dropped then,
/// exactly once. Callbacks run on any thread and at the same time, hence `Send + Sync`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as an object context",
    note = "write `kmdf::context!({Self});` beside the type; it must be `Send + Sync + 'static`"
)]
pub trait Context: Send + Sync + Sized + 'static {
    /// The type's identity, by which the framework finds the context of an object.
    fn type_info() -> &'static TypeInfo<Self>;
}

/// `WDF_DECLARE_CONTEXT_TYPE`: declares a type to be an object context.
///
/// ```
/// struct DeviceState { opened: core::sync::atomic::AtomicU32 }
/// kmdf::context!(DeviceState);
/// ```
///
/// Values come over the stack, so a type has at most [`MAX_BY_VALUE`](crate::MAX_BY_VALUE) bytes; what
/// is larger stands in a [`PoolBox`](crate::PoolBox) in it.
///
/// An alignment above 16 bytes, which the framework does not give (OBJ-10), does not compile:
///
/// ```compile_fail,E0080
/// #[repr(align(32))]
/// struct TooAligned(u8);
/// kmdf::context!(TooAligned);
/// ```
#[macro_export]
macro_rules! context {
    ($type:ident<'_>) => {
        ::core::compile_error!(
            "an object context outlives every callback, so it borrows from none"
        );
    };
    ($type:ty) => {
        const _: () = {
            static TYPE_INFO: $crate::context::TypeInfo<$type> = $crate::context::TypeInfo::new(
                &TYPE_INFO,
                match ::core::ffi::CStr::from_bytes_with_nul(
                    ::core::concat!(::core::stringify!($type), "\0").as_bytes(),
                ) {
                    Ok(name) => name,
                    Err(_) => c"context",
                },
            );

            impl $crate::context::Context for $type {
                fn type_info() -> &'static $crate::context::TypeInfo<Self> {
                    &TYPE_INFO
                }
            }
        };
    };
}

/// `WDF_OBJECT_CONTEXT_TYPE_INFO` of a static, whose address identifies the context type.
///
/// The cell is never written to. It is there to put the static into writable memory: with /OPT:ICF a
/// linker may give two read-only statics of equal contents one address, and two context types would
/// then be one type.
///
/// # Invariants
///
/// The structure never changes once it is made.
#[repr(transparent)]
pub(crate) struct Identity(UnsafeCell<WDF_OBJECT_CONTEXT_TYPE_INFO>);

// SAFETY: Neither the structure, by the type invariant, nor what it points at ever changes.
unsafe impl Sync for Identity {}

impl Identity {
    /// Describes a context of `size` bytes, for the static whose address `unique` is.
    pub(crate) const fn new(
        unique: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
        name: &'static CStr,
        size: usize,
    ) -> Self {
        Self(UnsafeCell::new(WDF_OBJECT_CONTEXT_TYPE_INFO {
            Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as ULONG,
            // PCHAR in the headers of KMDF 1.15, LPCSTR in those of 1.33: this is taken for either.
            ContextName: name.as_ptr().cast_mut(),
            ContextSize: size,
            UniqueType: unique,
            EvtDriverGetUniqueContextType: None,
        }))
    }

    /// `UniqueType`: what the framework compares.
    pub(crate) fn unique(&'static self) -> PCWDF_OBJECT_CONTEXT_TYPE_INFO {
        // SAFETY: No code writes to the cell, by the type invariant.
        unsafe { (*self.0.get()).UniqueType }
    }
}

/// `WDF_OBJECT_CONTEXT_TYPE_INFO` of the context type `T`.
///
/// # Invariants
///
/// The context size is that of `Slot<T>`, and the unique type is a `TypeInfo<T>` too, which no linker
/// folds with that of another type. Hence any context that the framework finds by it was made for a
/// `Slot<T>`.
#[repr(transparent)]
pub struct TypeInfo<T>(Identity, PhantomData<fn(T) -> T>);

impl<T> TypeInfo<T> {
    /// Describes the context type for the static `unique`, which is the one being initialised.
    ///
    /// # Panics
    ///
    /// On a type of an alignment above 16 bytes, or of more than [`MAX_BY_VALUE`](crate::MAX_BY_VALUE)
    /// bytes: in the static, that is a compile error.
    #[track_caller]
    pub const fn new(unique: &'static Self, name: &'static CStr) -> Self {
        assert!(
            align_of::<Slot<T>>() <= MEMORY_ALLOCATION_ALIGNMENT as usize,
            "an object context is aligned to 16 bytes, not more (OBJ-10)"
        );
        assert_by_value::<T>();
        let unique: *const Self = unique;
        // INVARIANT: Size and unique type are of `T`, and an `Identity` is not folded.
        Self(
            Identity::new(unique.cast(), name, size_of::<Slot<T>>()),
            PhantomData,
        )
    }

    fn unique(&'static self) -> PCWDF_OBJECT_CONTEXT_TYPE_INFO {
        self.0.unique()
    }
}

const EMPTY: u8 = 0;
const FILLING: u8 = 1;
const FULL: u8 = 2;

/// The context space of one object, which the framework zeroes when it makes the object.
///
/// # Invariants
///
/// `value` is initialised exactly while `state` is `FULL`. Zeroed space is an empty slot.
#[repr(C)]
pub(crate) struct Slot<T> {
    state: AtomicU8,
    /// A number that no other value in any slot ever had; 0 until there is a value.
    serial: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// The serial number that the next value gets.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

// SAFETY: The value is written once, before `FULL` is published, and only shared afterwards.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// Puts the value in; the value comes back if there is one already.
    pub(crate) fn fill(&self, value: T) -> Result<&T> {
        let filling =
            self.state
                .compare_exchange(EMPTY, FILLING, Ordering::Acquire, Ordering::Relaxed);
        if filling.is_err() {
            return Err(Error::INVALID_DEVICE_STATE);
        }
        // SAFETY: Only one thread gets from `EMPTY` to `FILLING`, and no thread reads the value before `FULL`.
        unsafe { self.value.get().write(MaybeUninit::new(value)) };
        self.serial.store(
            NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            Ordering::Relaxed,
        );
        // INVARIANT: The value was written above, before `FULL` is published.
        self.state.store(FULL, Ordering::Release);
        self.get().ok_or(Error::INTERNAL_ERROR)
    }

    /// The value, once it is there.
    pub(crate) fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != FULL {
            return None;
        }
        // SAFETY: The value was published with `FULL`, after which only `empty` writes, whose caller
        // guarantees that no reference is left.
        let value = unsafe { &*self.value.get() };
        // SAFETY: The value is initialised while the state is `FULL`, by the type invariant.
        Some(unsafe { value.assume_init_ref() })
    }

    /// The value's serial number, once the value is there.
    pub(crate) fn serial(&self) -> Option<u64> {
        let serial = self.serial.load(Ordering::Relaxed);
        // Not that of an empty slot, which all empty slots have.
        (serial != 0).then_some(serial)
    }

    /// Drops the value if there is one.
    ///
    /// # Safety
    ///
    /// There is no reference to the value, and none will be made.
    unsafe fn empty(&self) {
        if self.state.swap(EMPTY, Ordering::Acquire) == FULL {
            // SAFETY: The caller guarantees that there is no other reference to the value.
            let value = unsafe { &mut *self.value.get() };
            // SAFETY: The value was initialised while the state was `FULL`, which it no longer is.
            unsafe { value.assume_init_drop() };
        }
    }
}

/// Attributes that give the object a context of type `T`, dropped when the object is destroyed.
pub(crate) fn attributes<T: Context>(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        EvtDestroyCallback: Some(destroy::<T>),
        ContextTypeInfo: T::type_info().unique(),
        ..object::attributes(parent)
    }
}

/// Attributes that give a request a context of type `T`, dropped when the request is completed.
///
/// Not when it is destroyed: the framework destroys a request after its packet is completed, and one
/// that was cancelled in a queue when nothing counts it any more. Handle, device and driver may be gone
/// by then. In `EvtCleanupCallback` the packet is there, which holds up the close of its handle, and so
/// the removal of the device and the unload (REQ-37, REQ-54).
pub(crate) fn request_attributes<T: Context>() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(destroy::<T>),
        EvtDestroyCallback: None,
        ..attributes::<T>(null_mut())
    }
}

/// `EvtDestroyCallback` of an object with a context of type `T`, `EvtCleanupCallback` of a request.
///
/// # Safety
///
/// Called by the framework when the object is destroyed, so that no reference to it is left, or for a
/// request that is being completed, so that no callback has it.
pub(crate) unsafe extern "C" fn destroy<T: Context>(object: WDFOBJECT) {
    // SAFETY: The framework passes an object whose contexts may be looked up in this callback (OBJ-39).
    if let Some(slot) = unsafe { slot::<T>(object) } {
        // SAFETY: No callback of the object runs or will run.
        unsafe { slot.empty() };
    }
}

/// `WdfObjectGetTypedContext`: the context space for `T` of an object, if it has one.
///
/// # Safety
///
/// `object` is a live framework object and stays one for `'a`.
pub(crate) unsafe fn slot<'a, T: Context>(object: WDFOBJECT) -> Option<&'a Slot<T>> {
    let info = T::type_info().unique();
    // SAFETY: The caller guarantees a live object; the type's description is a static.
    let space =
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectGetTypedContextWorker, object, info) };
    let space = NonNull::new(space.cast::<Slot<T>>())?;
    // SAFETY: By the invariant of `TypeInfo` the space is that of a `Slot<T>`, which lives as long
    // as the object, started as zeroes and is only accessed through shared references.
    Some(unsafe { space.as_ref() })
}

/// The value in the context space for `T` of an object.
///
/// # Safety
///
/// `object` is a live framework object, whose contexts are not dropped for `'a`.
pub(crate) unsafe fn get<'a, T: Context>(object: WDFOBJECT) -> Result<&'a T> {
    // SAFETY: The caller guarantees an object that lives for `'a`.
    let slot = unsafe { slot::<T>(object) };
    slot.ok_or(Error::NOT_FOUND)?
        .get()
        .ok_or(Error::DEVICE_NOT_READY)
}

/// Gives an object a context of type `T` that it was not made with, or fills the one that it was.
///
/// # Safety
///
/// `object` is a live framework object, neither a request nor a buffer of one, and is not destroyed for
/// `'a`.
pub(crate) unsafe fn attach<'a, T: Context>(object: WDFOBJECT, value: T) -> Result<&'a T> {
    // SAFETY: The caller guarantees an object that is not destroyed for `'a`, until which the value is
    // not dropped; the attributes are those of `T` for such an object.
    unsafe { attach_with(object, value, attributes::<T>(null_mut())) }
}

/// Gives a request a context of type `T` that it was not made with, or fills the one that it was.
///
/// # Safety
///
/// The driver owns the request, and does not complete it for `'a`.
pub(crate) unsafe fn attach_to_request<'a, T: Context>(
    request: WDFREQUEST,
    value: T,
) -> Result<&'a T> {
    // SAFETY: A request that the driver owns is alive; the value is dropped when the request is
    // completed, by which `'a` has ended; the attributes are those of `T` for a request.
    unsafe { attach_with(request.cast(), value, request_attributes::<T>()) }
}

/// `WdfObjectAllocateContext`, unless the object was made with the context.
///
/// # Safety
///
/// `object` is a live framework object and no buffer of a request. The attributes are for a context of
/// type `T` of such an object, whose value is not dropped for `'a`.
unsafe fn attach_with<'a, T: Context>(
    object: WDFOBJECT,
    value: T,
    mut attributes: WDF_OBJECT_ATTRIBUTES,
) -> Result<&'a T> {
    // SAFETY: The caller guarantees an object that lives for `'a`.
    if let Some(slot) = unsafe { slot::<T>(object) } {
        return slot.fill(value);
    }
    // SAFETY: The caller guarantees a live object and attributes for it, which are set up as their
    // `INIT` function does, without a parent (OBJ-42).
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfObjectAllocateContext,
            object,
            &mut attributes,
            null_mut()
        )
    })?;
    // Not the address that the call returns: if another thread attached the type at this moment, it is
    // the same slot all the same (OBJ-43), and only one of the two fills it.
    // SAFETY: The caller guarantees an object that lives for `'a`.
    let slot = unsafe { slot::<T>(object) };
    slot.ok_or(Error::INTERNAL_ERROR)?.fill(value)
}
