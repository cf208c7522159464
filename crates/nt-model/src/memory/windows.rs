//! Pages by `VirtualAlloc` and `VirtualProtect`.

use std::mem::zeroed;
use std::ptr::{null, with_exposed_provenance, with_exposed_provenance_mut};
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_RESERVE, MEMORY_BASIC_INFORMATION, PAGE_NOACCESS, PAGE_READWRITE,
    VirtualAlloc, VirtualFree, VirtualProtect, VirtualQuery,
};

/// The system's pages are NT's.
pub(super) fn protects() -> bool {
    true
}

/// Reserves inaccessible address space.
pub(super) fn reserve(size: usize) -> Option<usize> {
    // SAFETY: New address space at an address of the system's choice.
    let base = unsafe { VirtualAlloc(null(), size, MEM_RESERVE, PAGE_NOACCESS) };
    (!base.is_null()).then(|| base.expose_provenance())
}

fn protect(address: usize, size: usize, protection: u32) -> bool {
    let mut before = 0;
    // SAFETY: The range lies in a region's reservation, and the caller owns its pages.
    let done = unsafe {
        VirtualProtect(
            with_exposed_provenance(address),
            size,
            protection,
            &raw mut before,
        )
    };
    done != 0
}

/// Allows reading and writing of pages.
pub(super) fn allow(address: usize, size: usize) -> bool {
    // SAFETY: As in `protect`. Pages that have memory keep it.
    let base = unsafe {
        VirtualAlloc(
            with_exposed_provenance(address),
            size,
            MEM_COMMIT,
            PAGE_READWRITE,
        )
    };
    !base.is_null() && protect(address, size, PAGE_READWRITE)
}

/// Makes pages inaccessible, their contents kept.
pub(super) fn forbid(address: usize, size: usize) {
    let end = address + size;
    let mut next = address;
    while next < end {
        // SAFETY: All zeros are a valid value of this C structure.
        let mut pages: MEMORY_BASIC_INFORMATION = unsafe { zeroed() };
        let room = size_of::<MEMORY_BASIC_INFORMATION>();
        // SAFETY: VirtualQuery only reads, and the structure has this size.
        let written = unsafe { VirtualQuery(with_exposed_provenance(next), &raw mut pages, room) };
        if written == 0 {
            return;
        }
        // Only pages with memory have a protection of their own.
        let after = end.min(pages.BaseAddress.addr() + pages.RegionSize);
        if pages.State == MEM_COMMIT {
            protect(next, after - next, PAGE_NOACCESS);
        }
        next = after;
    }
}

/// Makes pages inaccessible and gives their memory back.
pub(super) fn discard(address: usize, size: usize) {
    // SAFETY: Pages of a region's own reservation that no block uses.
    unsafe { VirtualFree(with_exposed_provenance_mut(address), size, MEM_DECOMMIT) };
}
