//! Rust values in nonpaged pool allocations of their own.

use crate::registry::{self, Node};
use crate::status::{Error, Result};
use crate::tag::Tag;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use kmdf_sys::{_POOL_TYPE, MEMORY_ALLOCATION_ALIGNMENT, ntddk};

/// `ExAllocatePoolWithTag` and `ExFreePoolWithTag`: a Rust value in a nonpaged allocation of its
/// own.
///
/// For state that is too large to stand in an object's context, or that comes and goes. `Drop`
/// drops the value and frees the allocation. IRQL: <= DISPATCH_LEVEL throughout.
///
/// A forgotten box leaves its allocation until the driver is unloaded; its value is not dropped.
///
/// # Invariants
///
/// `block` is the start of a live nonpaged allocation with a value, owned by this box alone, and
/// its node is in the registry.
#[derive(Debug)]
pub struct PoolBox<T> {
    block: NonNull<Block<T>>,
}

/// What is allocated for a box.
#[repr(C)]
struct Block<T> {
    /// First, so that its address is the allocation's.
    node: Node,
    tag: Tag,
    value: T,
}

// SAFETY: By the type invariant the box owns the value.
unsafe impl<T: Send> Send for PoolBox<T> {}
// SAFETY: As above; a shared box gives shared references only.
unsafe impl<T: Sync> Sync for PoolBox<T> {}

impl<T> PoolBox<T> {
    /// `ExAllocatePoolWithTag`: puts `value` in an allocation of its own. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Pool memory is aligned to 16 bytes:
    ///
    /// ```
    /// # use kmdf_model as _;
    /// #[repr(align(16))]
    /// struct Line([u8; 64]);
    /// # use kmdf::{PoolBox, Result, Tag};
    ///
    /// fn line(tag: Tag) -> Result<PoolBox<Line>> {
    ///     PoolBox::new(tag, Line([0; 64]))
    /// }
    /// # let _: fn(_) -> _ = line;
    /// ```
    ///
    /// A greater alignment, or a type without a size, is refused when the program is built, though
    /// not yet by `cargo check`:
    ///
    /// ```compile_fail,E0080
    /// # use kmdf_model as _;
    /// #[repr(align(32))]
    /// struct Line([u8; 64]);
    /// # use kmdf::{PoolBox, Result, Tag};
    ///
    /// fn line(tag: Tag) -> Result<PoolBox<Line>> {
    ///     PoolBox::new(tag, Line([0; 64]))
    /// }
    /// # let _: fn(_) -> _ = line;
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`] for [`Tag::DEFAULT`], which only the framework knows;
    /// [`Error::INSUFFICIENT_RESOURCES`]. The value is dropped then.
    ///
    /// Source: "ExAllocatePoolWithTag function (wdm.h)".
    pub fn new(tag: Tag, value: T) -> Result<Self> {
        const { assert_fits::<T>() };
        if tag == Tag::DEFAULT {
            return Err(Error::INVALID_PARAMETER);
        }
        let size = size_of::<Block<T>>() as u64;
        // SAFETY: This crate runs at DISPATCH_LEVEL at most; size and tag are not zero.
        let block =
            unsafe { ntddk::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, size, tag.value()) };
        let block = NonNull::new(block.cast::<Block<T>>()).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        let content = Block {
            node: Node::new(),
            tag,
            value,
        };
        // SAFETY: Allocated above for one, and pool memory is aligned for it.
        unsafe { block.write(content) };
        // SAFETY: The node stays where it is until the box is dropped; a block of a forgotten box
        // may be freed.
        unsafe { registry::enter(block.cast(), free::<T>) };
        // INVARIANT: Allocated, initialised and entered above.
        Ok(Self { block })
    }
}

/// As [`Fits::check`](crate::plain::Fits::check), for what stands behind a node and is dropped.
#[track_caller]
const fn assert_fits<T>() {
    assert!(
        align_of::<T>() <= MEMORY_ALLOCATION_ALIGNMENT as usize,
        "pool memory is aligned to 16 bytes, not more"
    );
    assert!(size_of::<T>() > 0, "there is nothing to allocate");
}

/// Frees a block, whose value is left alone.
///
/// # Safety
///
/// The node is that of a block which is out of the registry and not used any more.
unsafe fn free<T>(node: NonNull<Node>) {
    let block = node.cast::<Block<T>>();
    // SAFETY: By the contract of this function the block is alive.
    let tag = unsafe { (*block.as_ptr()).tag };
    // SAFETY: This is how it was allocated, and nobody uses it.
    unsafe { ntddk::ExFreePoolWithTag(block.as_ptr().cast(), tag.value()) };
}

impl<T> Deref for PoolBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { &(*self.block.as_ptr()).value }
    }
}

impl<T> DerefMut for PoolBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant; the exclusive borrow makes this the only access.
        unsafe { &mut (*self.block.as_ptr()).value }
    }
}

impl<T> Drop for PoolBox<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { registry::remove(self.block.cast()) };
        let value: *mut T = &raw mut **self;
        // SAFETY: By the type invariant; the value is not used again.
        unsafe { value.drop_in_place() };
        // SAFETY: Taken out above; nobody uses the block any more.
        unsafe { free::<T>(self.block.cast()) };
    }
}
