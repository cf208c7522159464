//! The framework's lookaside lists: `WdfLookasideListCreate` and `WdfMemoryCreateFromLookaside`.

use crate::irql::{Allows, AtPassive};
use crate::memory::{Memory, UninitMemory, buffer_raw};
use crate::object::{self, Owned, Parent};
use crate::plain::{Fits, Zeroable, assert_by_value};
use crate::pool::PoolKind;
use crate::status::{Error, Result, check};
use crate::tag::Tag;
use core::marker::PhantomData;
use core::ptr::null_mut;
use kmdf_sys::{WDFLOOKASIDE, call_unsafe_wdf_function_binding};

/// A `WDFLOOKASIDE`: a list of buffers of one size, from which memory objects are made.
///
/// `Drop` deletes the list. Memory taken from it stays valid: the framework keeps the list's
/// storage until the last memory is deleted (MEM-65).
///
/// Stale data: [`LookasideList::allocate`] zeroes the bytes itself. The documentation promises nothing
/// about what is in a buffer that comes from a list; [`LookasideList::allocate_uninit`] leaves it.
///
/// ```no_run
/// use kmdf::{DriverParent, LookasideList, NonPagedNx, Passive, Tag};
///
/// fn memory_from_a_list(irql: &Passive) -> kmdf::Result<()> {
///     const TAG: Tag = Tag::new(b"Look");
///     let list = LookasideList::<NonPagedNx>::new(&DriverParent, TAG, 512, irql)?;
///     let mut memory = list.allocate(irql)?;
///     memory.bytes_mut(irql).fill(0xFF);
///     drop(memory); // Back to the list.
///     assert_eq!(list.allocate(irql)?.bytes(irql), [0; 512]);
///     Ok(())
/// }
/// ```
///
/// A list is only made by these functions, so that there is no invalid handle (rule L4):
///
/// ```compile_fail,E0308
/// fn forged() -> kmdf::LookasideList<kmdf::Paged> {
///     kmdf::LookasideList::from(core::ptr::null_mut())
/// }
/// ```
///
/// # Invariants
///
/// `list` is a lookaside list over `P` with this entry size. The parent that it gives its memory
/// objects is the driver, or one for which the list has rundown protection.
#[derive(Debug)]
pub struct LookasideList<P: PoolKind> {
    list: Owned<WDFLOOKASIDE, P>,
    has_memory_parent: bool,
    entry_size: usize,
    kind: PhantomData<fn(P) -> P>,
}

impl<P: PoolKind> LookasideList<P> {
    /// `WdfLookasideListCreate`: a list of buffers of `entry_size` bytes. The memory objects made
    /// from it are parented to the driver (MEM-59). IRQL: PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`] for a size of zero, or of 4 GiB and more, of which the kernel's
    /// list keeps the low 32 bits only (MEM-50); [`Error::INSUFFICIENT_RESOURCES`];
    /// [`Error::DELETE_PENDING`] if the parent is being deleted; whatever else the framework returns
    /// (rule L3).
    ///
    /// Source: "WdfLookasideListCreate function (wdfmemory.h)".
    pub fn new(
        parent: &impl Parent,
        tag: Tag,
        entry_size: usize,
        irql: &impl AtPassive,
    ) -> Result<Self> {
        Self::with_memory_parent(parent, &object::DriverParent, tag, entry_size, irql)
    }

    /// `WdfLookasideListCreate`: as [`LookasideList::new`], with a parent for the memory objects.
    ///
    /// The framework remembers that parent by its bare handle (MEM-54, MEM-58). The list does not
    /// keep it alive, but is notified of its deletion before anything of it is freed: from then on,
    /// allocations fail with [`Error::DELETE_PENDING`]. IRQL:
    /// PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// As [`LookasideList::new`]; for pageable kinds also
    /// [`Error::INVALID_PARAMETER`] if the two parents belong to
    /// different devices.
    ///
    /// Source: "WdfLookasideListCreate function (wdfmemory.h)".
    pub fn with_memory_parent(
        parent: &impl Parent,
        memory_parent: &impl Parent,
        tag: Tag,
        entry_size: usize,
        _irql: &impl AtPassive,
    ) -> Result<Self> {
        // The framework takes a larger size, and its memory claims to have it (MEM-50).
        if u32::try_from(entry_size).is_err() {
            return Err(Error::INVALID_PARAMETER);
        }
        let memory_parent = memory_parent.parent_handle();
        let rundown = if memory_parent.is_null() {
            None
        } else {
            // SAFETY: The parent is borrowed, so alive; it is a device or a file object, which the
            // framework disposes of at PASSIVE_LEVEL.
            Some(unsafe { object::rundown(memory_parent) }?)
        };
        let mut attributes = object::owned_attributes(parent);
        let mut memory_attributes = object::owned_by_handle(memory_parent);
        let mut handle = null_mut();
        // SAFETY: Both parents are borrowed, so alive; the level allows any pool.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfLookasideListCreate,
                &mut attributes,
                entry_size,
                P::POOL_TYPE,
                &mut memory_attributes,
                tag.value(),
                &mut handle
            )
        })?;
        // SAFETY: The list was created above with attributes of an owned object, and may be deleted by the
        // driver. It is disposed of at PASSIVE_LEVEL only if its kind is pageable (MEM-56).
        let list = unsafe { Owned::new(handle) };
        let has_memory_parent = rundown.is_some();
        if let Some(rundown) = rundown {
            list.keep_rundown(rundown);
        }
        // INVARIANT: List and rundown protection were created above.
        Ok(Self {
            list,
            has_memory_parent,
            entry_size,
            kind: PhantomData,
        })
    }

    /// `WdfMemoryCreateFromLookaside`: memory of the list's entry size, all zero. IRQL: <=
    /// APC_LEVEL for [`Paged`](crate::Paged), else <= DISPATCH_LEVEL (rule L6).
    ///
    /// Dropping the memory gives its buffer back to the list (rule L5).
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`];
    /// [`Error::DELETE_PENDING`] if the parent of the memory objects
    /// is being deleted; whatever else the framework returns (rule L3).
    ///
    /// Source: "WdfMemoryCreateFromLookaside function (wdfmemory.h)".
    pub fn allocate(&self, irql: &impl Allows<P>) -> Result<Memory<P>> {
        Ok(self.allocate_uninit(irql)?.zeroed(irql))
    }

    /// `WdfMemoryCreateFromLookaside`: memory that holds `value`, of at most
    /// [`MAX_BY_VALUE`](crate::MAX_BY_VALUE) bytes. IRQL: as [`LookasideList::allocate`].
    ///
    /// The type is one that [`Memory::with_value`] takes. Bytes of the buffer past the value cannot
    /// be reached.
    ///
    /// # Errors
    ///
    /// As [`LookasideList::allocate`];
    /// [`Error::INVALID_BUFFER_SIZE`] if the list's buffers are
    /// too small.
    ///
    /// Source: "WdfMemoryCreateFromLookaside function (wdfmemory.h)".
    pub fn allocate_value<T>(&self, value: T, irql: &impl Allows<P>) -> Result<Memory<P, T>> {
        let fits = const { Fits::check() };
        const { assert_by_value::<T>() };
        self.allocate_uninit(irql)?.holding(value, fits, irql)
    }

    /// As [`LookasideList::allocate_value`], with a value of zeroes, made in place. IRQL: the same.
    ///
    /// # Errors
    ///
    /// As [`LookasideList::allocate_value`].
    ///
    /// Source: "WdfMemoryCreateFromLookaside function (wdfmemory.h)".
    pub fn allocate_zeroed<T: Zeroable>(&self, irql: &impl Allows<P>) -> Result<Memory<P, T>> {
        let fits = const { Fits::check() };
        self.allocate_uninit(irql)?.holding_zeroes(fits, irql)
    }

    /// `WdfMemoryCreateFromLookaside`: memory of the list's entry size that holds whatever was there
    /// before. IRQL: as [`LookasideList::allocate`].
    ///
    /// # Errors
    ///
    /// As [`LookasideList::allocate`].
    ///
    /// Source: "WdfMemoryCreateFromLookaside function (wdfmemory.h)".
    pub fn allocate_uninit(&self, _irql: &impl Allows<P>) -> Result<UninitMemory<P>> {
        let mut handle = null_mut();
        self.list.with_rundown_protection(|| {
            // SAFETY: The list is alive by the type invariant, and the parent of its memory is not
            // deleted while its rundown protection is held. The witness allows taking from this pool.
            check(unsafe {
                call_unsafe_wdf_function_binding!(
                    WdfMemoryCreateFromLookaside,
                    self.list.handle(),
                    &mut handle
                )
            })
        })?;
        // SAFETY: The memory was created above with attributes of an owned object, and may be deleted by the
        // driver. It is disposed of at PASSIVE_LEVEL only if its kind is pageable (MEM-63).
        let object = unsafe { Owned::new(handle) };
        // SAFETY: The memory object is alive, as `object` owns it, and has a buffer.
        let (start, length) = unsafe { buffer_raw(handle) };
        // SAFETY: The buffer is that of the object for its whole life, is of the kind `P`, and nothing else
        // refers to it.
        Ok(unsafe { UninitMemory::from_parts(object, start, length) })
    }

    /// The size of each buffer, in bytes.
    pub const fn entry_size(&self) -> usize {
        self.entry_size
    }

    /// Whether the memory objects have a parent other than the driver.
    pub const fn has_memory_parent(&self) -> bool {
        self.has_memory_parent
    }
}
