//! Rust values in nonpaged pool allocations of their own.

use crate::drops;
use crate::plain::{Zeroable, assert_by_value};
use crate::status::{Error, Result};
use crate::tag::Tag;
use crate::unload_list::{self, Node};
use core::mem::{ManuallyDrop, MaybeUninit, needs_drop};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use kmdf_sys::{_POOL_TYPE, LoadId, MEMORY_ALLOCATION_ALIGNMENT, ntddk};

/// `ExAllocatePoolWithTag` and `ExFreePoolWithTag`: a Rust value in a nonpaged allocation of its
/// own.
///
/// For state that is too large to stand in an object's context, or that comes and goes. `Drop`
/// drops the value and frees the allocation. IRQL: <= DISPATCH_LEVEL throughout.
///
/// A large value is made in place, as the kernel stack has 24 KiB and a value may be copied several
/// times on its way: with [`zeroed`](Self::zeroed), [`from_fn`](PoolBox::from_fn) or
/// [`new_uninit`](Self::new_uninit). [`new`](Self::new) takes small ones.
///
/// A box in a box, as in a linked list, is dropped after it rather than inside of its drop, so that
/// a list of any length takes the stack of one node. That is why values do not borrow: `T` is
/// `'static`. All are dropped by the time the outermost drop returns.
///
/// A forgotten box leaves its allocation until the driver is unloaded; its value is not dropped.
///
/// # Invariants
///
/// `block` is the start of a live nonpaged allocation with a value, owned by this box alone, and
/// its node is in the unload list.
#[derive(Debug)]
// In the model a box is larger, for its load.
#[cfg_attr(any(wdk, image, loom), repr(transparent))]
pub struct PoolBox<T: 'static> {
    block: NonNull<Block<T>>,
    load: LoadId,
}

/// What is allocated for a box. With `MaybeUninit<T>` it has the layout that it has with `T`.
#[repr(C)]
struct Block<T> {
    /// First, so that its address is the allocation's.
    node: Node,
    tag: Tag,
    value: T,
}

// SAFETY: The box owns the value by the type invariant, and moves with it.
unsafe impl<T: Send> Send for PoolBox<T> {}
// SAFETY: A shared box gives shared references to its value only.
unsafe impl<T: Sync> Sync for PoolBox<T> {}
// SAFETY: A wrapper of `NonNull`, for which all-zero bytes are `None`: of a transparent one that is
// promised, and of that in the model it is checked below.
unsafe impl<T> Zeroable for Option<PoolBox<T>> {}

const _: () = {
    let zeroes = MaybeUninit::<Option<PoolBox<u8>>>::zeroed();
    // SAFETY: Bytes of zero are a null pointer, which is the niche, or an error of the compiler here.
    assert!(unsafe { zeroes.assume_init_ref() }.is_none());
};

impl<T> PoolBox<T> {
    /// `ExAllocatePoolWithTag`: puts `value`, of at most [`MAX_BY_VALUE`](crate::MAX_BY_VALUE) bytes,
    /// in an allocation of its own. IRQL: <= DISPATCH_LEVEL.
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
    /// So is a larger value, for which there are the other functions:
    ///
    /// ```compile_fail,E0080
    /// # use kmdf_model as _;
    /// # use kmdf::{PoolBox, Result, Tag};
    /// fn two_pages(tag: Tag) -> Result<PoolBox<[u8; 8192]>> {
    ///     PoolBox::new(tag, [0; 8192])
    /// }
    /// # let _: fn(_) -> _ = two_pages;
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
        const { assert_by_value::<T>() };
        let mut uninit = allocate::<T>(tag)?;
        uninit.write(value);
        // SAFETY: The value was written above.
        Ok(unsafe { uninit.assume_init() })
    }

    /// `ExAllocatePoolWithTag`: a value of zeroes, made in place. IRQL: <= DISPATCH_LEVEL.
    ///
    /// ```
    /// # use kmdf_model as _;
    /// # use kmdf::{PoolBox, Result, Tag};
    /// fn two_pages(tag: Tag) -> Result<PoolBox<[u8; 8192]>> {
    ///     PoolBox::zeroed(tag)
    /// }
    /// # let _: fn(_) -> _ = two_pages;
    /// ```
    ///
    /// # Errors
    ///
    /// As [`PoolBox::new`].
    ///
    /// Source: "ExAllocatePoolWithTag function (wdm.h)".
    pub fn zeroed(tag: Tag) -> Result<Self>
    where
        T: Zeroable,
    {
        const { assert_fits::<T>() };
        let mut uninit = allocate::<T>(tag)?;
        let value = uninit.as_mut_ptr();
        // SAFETY: The pointer is to the room for one value, which is the box's alone.
        unsafe { value.write_bytes(0, 1) };
        // SAFETY: The room was zeroed above, and zeroes are a value of the type.
        Ok(unsafe { uninit.assume_init() })
    }

    /// `ExAllocatePoolWithTag`: room for a value, to be made in place through the box, which then
    /// becomes one of `T` by [`assume_init`](PoolBox::assume_init). IRQL: <= DISPATCH_LEVEL.
    ///
    /// ```
    /// # use kmdf_model as _;
    /// # use kmdf::{PoolBox, Result, Tag};
    /// fn a_copy(of: &[u8; 8192], tag: Tag) -> Result<PoolBox<[u8; 8192]>> {
    ///     let mut room = PoolBox::<[u8; 8192]>::new_uninit(tag)?;
    ///     // SAFETY: The room is of this size, and the box's alone.
    ///     unsafe { room.as_mut_ptr().copy_from_nonoverlapping(of, 1) };
    ///     // SAFETY: All bytes were copied into it.
    ///     Ok(unsafe { room.assume_init() })
    /// }
    /// # let _: fn(&_, _) -> _ = a_copy;
    /// ```
    ///
    /// # Errors
    ///
    /// As [`PoolBox::new`].
    ///
    /// Source: "ExAllocatePoolWithTag function (wdm.h)".
    pub fn new_uninit(tag: Tag) -> Result<PoolBox<MaybeUninit<T>>> {
        const { assert_fits::<T>() };
        allocate(tag)
    }
}

impl<T, const N: usize> PoolBox<[T; N]> {
    /// `ExAllocatePoolWithTag`: an array, made in place from what `make` returns for each index.
    /// IRQL: <= DISPATCH_LEVEL.
    ///
    /// ```
    /// # use kmdf_model as _;
    /// # use kmdf::{PoolBox, Result, Tag};
    /// fn squares(tag: Tag) -> Result<PoolBox<[u64; 4096]>> {
    ///     PoolBox::from_fn(tag, |index| Ok((index * index) as u64))
    /// }
    /// # let _: fn(_) -> _ = squares;
    /// ```
    ///
    /// # Errors
    ///
    /// As [`PoolBox::new`], and the first error of `make`; the elements made until then are dropped.
    ///
    /// Source: "ExAllocatePoolWithTag function (wdm.h)".
    pub fn from_fn(tag: Tag, mut make: impl FnMut(usize) -> Result<T>) -> Result<Self> {
        const { assert_fits::<[T; N]>() };
        const { assert_by_value::<T>() };
        let mut uninit = allocate::<[T; N]>(tag)?;
        let first = uninit.as_mut_ptr().cast::<T>();
        for index in 0..N {
            // SAFETY: The room is for `N` elements, and the index is below `N`.
            let place = unsafe { first.add(index) };
            match make(index) {
                // SAFETY: The place is one of the elements', and the room is the box's alone.
                Ok(element) => unsafe { place.write(element) },
                Err(error) => {
                    let made = core::ptr::slice_from_raw_parts_mut(first, index);
                    // SAFETY: The elements below this index were written, and are not used again.
                    unsafe { made.drop_in_place() };
                    return Err(error);
                }
            }
        }
        // SAFETY: The loop wrote all elements.
        Ok(unsafe { uninit.assume_init() })
    }
}

impl<T> PoolBox<MaybeUninit<T>> {
    /// Claims that the value was made, through the box.
    ///
    /// # Safety
    ///
    /// The bytes in the box must be a value of `T`.
    pub unsafe fn assume_init(self) -> PoolBox<T> {
        let Self { block, load } = *ManuallyDrop::new(self);
        // INVARIANT: The caller made the value. The node is in the unload list with a function that frees
        // the block by the tag in it, which is in the same place for both types.
        PoolBox {
            block: block.cast(),
            load,
        }
    }
}

/// Allocates a box that has no value yet.
fn allocate<T>(tag: Tag) -> Result<PoolBox<MaybeUninit<T>>> {
    if tag == Tag::DEFAULT {
        return Err(Error::INVALID_PARAMETER);
    }
    let size = size_of::<Block<T>>() as u64;
    // SAFETY: This crate runs at DISPATCH_LEVEL at most; size and tag are not zero.
    let block =
        unsafe { ntddk::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, size, tag.value()) };
    let block =
        NonNull::new(block.cast::<Block<MaybeUninit<T>>>()).ok_or(Error::INSUFFICIENT_RESOURCES)?;
    // SAFETY: The block was allocated above, and pool memory is aligned for it.
    let node = unsafe { &raw mut (*block.as_ptr()).node };
    // SAFETY: The node's place lies in the new allocation, which is this function's alone.
    unsafe { node.write(Node::new()) };
    // SAFETY: The tag's place lies in the new allocation too.
    let kept_tag = unsafe { &raw mut (*block.as_ptr()).tag };
    // SAFETY: The place is aligned, and this function's alone.
    unsafe { kept_tag.write(tag) };
    // SAFETY: The node stays where it is until the box is dropped; a block of a forgotten box
    // may be freed.
    unsafe { unload_list::insert(block.cast(), free::<T>) };
    // INVARIANT: The block was allocated and its node inserted above; `MaybeUninit` needs no value.
    Ok(PoolBox {
        block,
        load: LoadId::current(),
    })
}

/// As [`Fits::check`](crate::plain::Fits::check), for a value that stands behind a node and is dropped.
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
/// The node is that of a block, is out of the unload list, and the block is not used any more.
unsafe fn free<T>(node: NonNull<Node>) {
    let block = node.cast::<Block<T>>();
    // SAFETY: The block of the node is alive until it is freed below.
    let tag = unsafe { (*block.as_ptr()).tag };
    // SAFETY: The block was allocated with the tag in it, and the caller gives it up.
    unsafe { ntddk::ExFreePoolWithTag(block.as_ptr().cast(), tag.value()) };
}

/// Drops the value in a block, and frees the block.
///
/// # Safety
///
/// The node is that of a block with a value, is out of the unload list, and the block is not used any
/// more.
unsafe fn drop_and_free<T>(node: NonNull<Node>) {
    let block = node.cast::<Block<T>>();
    // SAFETY: The block of the node is alive until it is freed below.
    let value = unsafe { &raw mut (*block.as_ptr()).value };
    // SAFETY: There is a value in the block, which the caller gives up and nothing uses again.
    unsafe { value.drop_in_place() };
    // SAFETY: The node is out of the unload list, and the value that was in the block is dropped.
    unsafe { free::<T>(node) };
}

impl<T> Deref for PoolBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.load.check();
        // SAFETY: The block is alive with a value, owned by this box, by the type invariant.
        unsafe { &(*self.block.as_ptr()).value }
    }
}

impl<T> DerefMut for PoolBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.load.check();
        // SAFETY: The block is alive with a value by the type invariant; the exclusive borrow makes this the
        // only access.
        unsafe { &mut (*self.block.as_ptr()).value }
    }
}

impl<T> Drop for PoolBox<T> {
    fn drop(&mut self) {
        self.load.check();
        let node = self.block.cast();
        if needs_drop::<T>() {
            // SAFETY: The node is in the unload list, and block and value are this box's, by the type
            // invariant. The value borrows nothing, as `T` is `'static`, so it may be dropped later.
            unsafe { drops::one_after_another(node, drop_and_free::<T>) };
        } else {
            // SAFETY: The node is in the unload list by the type invariant.
            unsafe { unload_list::remove(node) };
            // SAFETY: The node was taken out above, and this is the end of the box that owns the block.
            unsafe { free::<T>(node) };
        }
    }
}
