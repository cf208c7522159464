//! Values that may stand in memory which the framework frees: plain data of a suitable alignment.

use core::marker::PhantomData;
use core::mem::{MaybeUninit, needs_drop};
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};
use kmdf_sys::{MEMORY_ALLOCATION_ALIGNMENT, PAGE_SHIFT};

/// The size of a page of memory, from which on buffers are page-aligned (rule C12).
pub const PAGE_SIZE: usize = 1 << PAGE_SHIFT;

/// One page of memory. Its alignment is the page-alignment that the framework guarantees from
/// PAGE_SIZE up (rule C12), as a fact of the type.
///
/// ```no_run
/// use kmdf::{DriverParent, Memory, NonPagedNx, Page, Passive, Tag};
///
/// fn four_pages(irql: &Passive) -> kmdf::Result<Memory<NonPagedNx, [Page]>> {
///     const TAG: Tag = Tag::new(b"Page");
///     Memory::zeroed(&DriverParent, TAG, 4, irql)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(4096))]
pub struct Page(pub [u8; PAGE_SIZE]);

const _: () = assert!(align_of::<Page>() == PAGE_SIZE && size_of::<Page>() == PAGE_SIZE);

/// The size of the largest value, in bytes, that a function of this crate takes by value.
///
/// A value is copied from frame to frame on its way into memory, most of all without optimisation,
/// and the kernel stack has 24 KiB for the driver and for what is above and below it. Larger values
/// are made in place: see [`PoolBox::zeroed`](crate::PoolBox::zeroed) and what is beside it,
/// [`Memory::zeroed_value`](crate::Memory::zeroed_value) and `allocate_zeroed` of the lookaside lists.
/// A large part of a context, or of what a lock guards, goes into a [`PoolBox`](crate::PoolBox).
pub const MAX_BY_VALUE: usize = 1024;

/// Fails to compile for a type that is too large to be passed by value.
#[track_caller]
pub(crate) const fn assert_by_value<T>() {
    assert!(
        size_of::<T>() <= MAX_BY_VALUE,
        "a value of more than 1024 bytes does not go over the kernel stack, which has 24 KiB: make \
         it in place (`zeroed`, `zeroed_value`, `allocate_zeroed`, `from_fn`), or put it in a \
         `PoolBox` (see `kmdf::MAX_BY_VALUE`)"
    );
}

/// Types of which all-zero bytes are a value.
///
/// # Safety
///
/// All-zero bytes must be a valid value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may have no value whose bytes are all zero",
    note = "make the memory from a value, or implement `kmdf::Zeroable` if zeroes are one"
)]
pub unsafe trait Zeroable: Sized {}

macro_rules! zeroable {
    ($($number:ty)*) => {
        // SAFETY: All-zero bytes are the number zero, and `false`.
        $(unsafe impl Zeroable for $number {})*
    };
}

zeroable!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);
zeroable!(AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize AtomicI32 AtomicI64 bool AtomicBool);

// SAFETY: An array of zeroes is an array of elements that are zero, which are values.
unsafe impl<T: Zeroable, const N: usize> Zeroable for [T; N] {}
// SAFETY: A page is an array of bytes, of which zero is one.
unsafe impl Zeroable for Page {}
// SAFETY: `MaybeUninit` allows all bytes.
unsafe impl<T> Zeroable for MaybeUninit<T> {}

/// Whether each buffer of the framework that is large enough for a `T` is aligned for one (rules
/// C11, C12).
const fn is_aligned<T>() -> bool {
    let alignment = align_of::<T>();
    alignment <= MEMORY_ALLOCATION_ALIGNMENT as usize
        || (size_of::<T>() >= PAGE_SIZE && alignment <= PAGE_SIZE)
}

/// A proof that a buffer of the framework may hold a `T`, or several: it is aligned, and nothing is
/// lost when the framework frees it.
///
/// # Invariants
///
/// It was made by [`Fits::check`].
pub(crate) struct Fits<T>(PhantomData<T>);

impl<T> Fits<T> {
    /// Checks that. To be called in a `const` block of the very function that a driver calls: then a
    /// type that does not fit does not compile, and the error names the driver's line.
    #[track_caller]
    pub(crate) const fn check() -> Self {
        assert!(size_of::<T>() > 0, "there is nothing to allocate (rule C5)");
        assert!(
            is_aligned::<T>(),
            "memory is aligned to 16 bytes below PAGE_SIZE, and to PAGE_SIZE from there on (rules \
             C11, C12)"
        );
        assert!(
            !needs_drop::<T>(),
            "the framework frees the memory without dropping what is in it (rule C10)"
        );
        // INVARIANT: This is `check`, and all assertions hold.
        Self(PhantomData)
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, is_aligned};

    #[repr(align(16))]
    struct Sixteen;
    #[repr(align(32))]
    struct ThirtyTwo;
    #[repr(align(64))]
    struct LargeLine([u8; 4096]);
    #[repr(align(8192))]
    struct TwoPages;

    /// C11, C12: what `Fits::check` refuses to compile.
    #[test]
    fn alignments_above_16_need_a_page() {
        assert!(is_aligned::<u8>() && is_aligned::<u128>() && is_aligned::<Sixteen>());
        assert!(!is_aligned::<ThirtyTwo>());
        assert!(is_aligned::<LargeLine>() && is_aligned::<Page>());
        assert!(!is_aligned::<TwoPages>());
        assert_eq!(LargeLine([0; 4096]).0.len(), 4096);
    }
}
