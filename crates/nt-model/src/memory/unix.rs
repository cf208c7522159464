//! Pages by `mmap` and `mprotect`.

use super::PAGE;
use std::ptr::null_mut;
use std::sync::OnceLock;

/// Whether the system's pages are NT's: with larger ones nothing can be protected one by one.
pub(super) fn protects() -> bool {
    static PAGES_ARE_4_KIB: OnceLock<bool> = OnceLock::new();
    *PAGES_ARE_4_KIB.get_or_init(|| {
        // SAFETY: Asks for a constant of the system.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        size == PAGE as libc::c_long
    })
}

/// Reserves inaccessible address space, or accessible memory where nothing can be protected.
pub(super) fn reserve(size: usize) -> Option<usize> {
    let access = if protects() {
        libc::PROT_NONE
    } else {
        libc::PROT_READ | libc::PROT_WRITE
    };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    // SAFETY: A new mapping at an address of the system's choice.
    let base = unsafe { libc::mmap(null_mut(), size, access, flags, -1, 0) };
    (base != libc::MAP_FAILED).then_some(base as usize)
}

fn protect(address: usize, size: usize, access: libc::c_int) -> bool {
    // SAFETY: The range lies in a region's reservation, and the caller owns its pages.
    let result = unsafe { libc::mprotect(address as *mut libc::c_void, size, access) };
    result == 0
}

/// Allows reading and writing of pages.
pub(super) fn allow(address: usize, size: usize) -> bool {
    !protects() || protect(address, size, libc::PROT_READ | libc::PROT_WRITE)
}

/// Makes pages inaccessible, their contents kept.
pub(super) fn forbid(address: usize, size: usize) {
    if protects() {
        protect(address, size, libc::PROT_NONE);
    }
}

/// Makes pages inaccessible and gives their memory back; where nothing can be protected they stay
/// as they are.
pub(super) fn discard(address: usize, size: usize) {
    if !protects() {
        return;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE | libc::MAP_FIXED;
    let (target, access) = (address as *mut libc::c_void, libc::PROT_NONE);
    // SAFETY: Replaces pages of a region's own reservation that no block uses.
    let base = unsafe { libc::mmap(target, size, access, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        // Out of mappings: the pages stay, inaccessible if that much can be had.
        protect(address, size, libc::PROT_NONE);
    }
}
