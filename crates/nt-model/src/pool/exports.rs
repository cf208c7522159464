//! `ExAllocatePool2`, `ExAllocatePoolWithTag`, `ExFreePool` and `ExFreePoolWithTag`.

use super::{Allocation, Owner, Pool, allocate_as, free, highest_irql, tag_text};
use crate::machine::{Machine, enter};
use crate::memory::PAGE;
use crate::stop::{bug_check, not_modelled};
use crate::verifier::Violation;
use crate::{config::Windows, irql};
use kmdf_sys::*;
use std::ptr::null_mut;

/// Pool type bits beside the base type.
const NX: POOL_TYPE = 0x200;
const ZERO: POOL_TYPE = 0x400;
const QUOTA_FAIL_INSTEAD_OF_RAISE: POOL_TYPE = 0x8;
const RAISE_IF_FAILS: POOL_TYPE = 0x10;
const KNOWN_BITS: POOL_TYPE = 0x7 | NX | ZERO | QUOTA_FAIL_INSTEAD_OF_RAISE | RAISE_IF_FAILS;

/// A call that allocates, as it was made.
#[derive(Clone, Copy)]
struct Call {
    name: &'static str,
    pool: Pool,
    pool_type: POOL_TYPE,
    size: SIZE_T,
    tag: ULONG,
    zeroed: bool,
    cache_aligned: bool,
}

impl Call {
    fn stop_with(&self, code: u64, parameters: [u64; 3], what: &str) -> ! {
        let [second, third, fourth] = parameters;
        let parameters = [code, second, third, fourth];
        bug_check(BAD_POOL_CALLER, parameters, self.describe(what));
    }

    fn describe(&self, what: &str) -> String {
        let Self {
            name,
            size,
            tag,
            pool_type,
            ..
        } = self;
        let tag = tag_text(*tag);
        format!("{name} of {size} bytes of pool type {pool_type:#x} with tag '{tag}' {what}")
    }

    fn check_tag(&self, machine: &Machine) {
        let (kind, size) = (self.pool_type as u64, self.size);
        if self.tag == 0 {
            self.stop_with(0x9B, [kind, size, 0], "has a tag of 0");
        }
        if self.tag == u32::from_le_bytes(*b"BIG\0") {
            self.stop_with(
                0x9C,
                [kind, size, 0],
                "has the tag BIG, which belongs to the kernel",
            );
        }
        let has_alphanumeric = self.tag.to_le_bytes().iter().any(u8::is_ascii_alphanumeric);
        if !has_alphanumeric && machine.config.verifier.is_on() {
            let what = "has a tag without any letter or digit";
            self.stop_with(0x9D, [self.tag.into(), kind, 0], what);
        }
    }

    fn check(&self, machine: &Machine) {
        let irql = irql::current();
        let (level, kind) = (u64::from(irql), self.pool_type as u64);
        if self.size == 0 {
            Violation {
                verifier: [0x0, level, kind, 0],
                plain: (BAD_POOL_CALLER, [0x0, 0, kind, self.tag.into()]),
            }
            .stop(machine, self.describe("asks for 0 bytes"));
        }
        if u32::from(irql) > highest_irql(self.pool) {
            let case = match self.pool {
                Pool::Paged => 0x1,
                Pool::NonPaged => 0x2,
            };
            Violation {
                verifier: [case, level, kind, self.size],
                plain: (BAD_POOL_CALLER, [0x8, level, kind, self.size]),
            }
            .stop(machine, self.describe(&format!("at IRQL {irql}")));
        }
        let executable = self.pool == Pool::NonPaged && self.pool_type & NX == 0;
        if executable && machine.config.verifier.code_integrity {
            bug_check(
                DRIVER_VERIFIER_DETECTED_VIOLATION,
                [0x2000, 0, kind, self.tag.into()],
                self.describe("asks for executable memory"),
            );
        }
    }

    fn allocate(&self, machine: &Machine) -> PVOID {
        let Ok(size) = usize::try_from(self.size) else {
            return null_mut();
        };
        let request = Allocation {
            pool: self.pool,
            size,
            tag: self.tag,
            zeroed: self.zeroed,
            cache_aligned: self.cache_aligned && size < PAGE,
            owner: Owner::Driver,
        };
        allocate_as(machine, request)
    }
}

/// Allocates pool of a type. Its contents are undefined, unless the type asks for zeroes.
///
/// # Safety
///
/// The arguments may be anything: the call checks all that Windows asks of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExAllocatePoolWithTag(kind: POOL_TYPE, size: SIZE_T, tag: ULONG) -> PVOID {
    let machine = enter();
    let name = "ExAllocatePoolWithTag";
    let base = kind & 0x7;
    if matches!(base, 2 | 6) {
        let parameters = [0x9A, kind as u64, size, u64::from(tag)];
        let text = format!("{name} of pool type {kind:#x}: there is no must-succeed pool");
        bug_check(BAD_POOL_CALLER, parameters, text);
    }
    if kind & !KNOWN_BITS != 0 || matches!(base, 3 | 7) {
        not_modelled(format!("{name} of pool type {kind:#x}"));
    }
    let call = Call {
        name,
        pool: if base & 1 == 1 {
            Pool::Paged
        } else {
            Pool::NonPaged
        },
        pool_type: kind,
        size,
        tag,
        zeroed: kind & ZERO != 0,
        cache_aligned: base & 4 != 0,
    };
    call.check_tag(&machine);
    call.check(&machine);
    let address = call.allocate(&machine);
    if address.is_null() && kind & RAISE_IF_FAILS != 0 {
        not_modelled(format!("the exception that {name} raises when it fails"));
    }
    address
}

/// Allocates pool by flags: zeroed unless asked otherwise, and null over flags that it cannot
/// satisfy.
///
/// # Safety
///
/// The arguments may be anything: the call checks all that Windows asks of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExAllocatePool2(flags: POOL_FLAGS, size: SIZE_T, tag: ULONG) -> PVOID {
    let machine = enter();
    let name = "ExAllocatePool2";
    if machine.config.windows < Windows::V10_2004 {
        not_modelled(format!(
            "{name}, which this version of Windows does not export,"
        ));
    }
    let required = flags & (POOL_FLAG_OPTIONAL_START - 1);
    let kinds = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    let (pool, pool_type) = match required & kinds {
        POOL_FLAG_NON_PAGED => (Pool::NonPaged, _POOL_TYPE::NonPagedPoolNx),
        POOL_FLAG_NON_PAGED_EXECUTE => (Pool::NonPaged, _POOL_TYPE::NonPagedPool),
        POOL_FLAG_PAGED => (Pool::Paged, _POOL_TYPE::PagedPool),
        _ => return null_mut(),
    };
    if required & POOL_FLAG_SESSION != 0 {
        not_modelled(format!("{name} of session pool"));
    }
    // No process has a quota here: charging it always succeeds.
    let known = kinds
        | POOL_FLAG_USE_QUOTA
        | POOL_FLAG_UNINITIALIZED
        | POOL_FLAG_CACHE_ALIGNED
        | POOL_FLAG_RAISE_ON_FAILURE;
    let refused = required & !known != 0 || tag == 0;
    if refused || size == 0 && !machine.config.verifier.is_on() {
        return fail(flags, name);
    }
    let call = Call {
        name,
        pool,
        pool_type,
        size,
        tag,
        zeroed: required & POOL_FLAG_UNINITIALIZED == 0,
        cache_aligned: required & POOL_FLAG_CACHE_ALIGNED != 0,
    };
    call.check_tag(&machine);
    call.check(&machine);
    let address = call.allocate(&machine);
    if address.is_null() {
        return fail(flags, name);
    }
    address
}

fn fail(flags: POOL_FLAGS, name: &str) -> PVOID {
    if flags & POOL_FLAG_RAISE_ON_FAILURE != 0 {
        not_modelled(format!("the exception that {name} raises when it fails"));
    }
    null_mut()
}

/// Frees a block of pool.
///
/// # Safety
///
/// The block must no longer be in use.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExFreePool(block: PVOID) {
    let machine = enter();
    // SAFETY: The block is no longer in use, as the caller guarantees.
    unsafe { free(&machine, block, None, "ExFreePool") };
}

/// Frees a block of pool that was allocated with the same tag; 0 stands for any.
///
/// # Safety
///
/// The block must no longer be in use.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExFreePoolWithTag(block: PVOID, tag: ULONG) {
    let machine = enter();
    // SAFETY: The block is no longer in use, as the caller guarantees.
    unsafe { free(&machine, block, Some(tag), "ExFreePoolWithTag") };
}
