//! Plain memory where pages cannot be protected: no guard pages, and nothing is paged out.

use super::PAGE;
use std::alloc::{Layout, alloc_zeroed};

/// Nothing can be protected here.
pub(super) fn protects() -> bool {
    false
}

/// Allocates memory for good.
pub(super) fn reserve(size: usize) -> Option<usize> {
    // With a small alignment the system's own zeroed pages are used, which cost nothing untouched.
    let layout = Layout::from_size_align(size + PAGE, 1).ok()?;
    // SAFETY: The size is not zero.
    let base = unsafe { alloc_zeroed(layout) };
    (!base.is_null()).then_some((base as usize).next_multiple_of(PAGE))
}

/// All pages are accessible.
pub(super) fn allow(_address: usize, _size: usize) -> bool {
    true
}

/// Pages stay accessible.
pub(super) fn forbid(_address: usize, _size: usize) {}

/// Pages stay as they are.
pub(super) fn discard(_address: usize, _size: usize) {}
