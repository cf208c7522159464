//! MDLs: descriptions of locked memory.
//!
//! User and kernel memory share one address space here, so a mapping is the memory itself.

use crate::irp;
use crate::machine::{self, Machine};
use crate::object::{Field, Shared, field, tag};
use crate::pool::{self, Owner, Pool};
use crate::{irql, stop};
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::atomic::Ordering;

const PAGE: usize = 1 << PAGE_SHIFT;

type Mdl = Shared<MDL>;

const NEXT: Field<MDL, PMDL> = field!(MDL, Next);
const SIZE: Field<MDL, CSHORT> = field!(MDL, Size);
const FLAGS: Field<MDL, CSHORT> = field!(MDL, MdlFlags);
const MAPPED: Field<MDL, PVOID> = field!(MDL, MappedSystemVa);
const START: Field<MDL, PVOID> = field!(MDL, StartVa);
const COUNT: Field<MDL, ULONG> = field!(MDL, ByteCount);
const OFFSET: Field<MDL, ULONG> = field!(MDL, ByteOffset);

/// Flags whose meaning is that the memory may be mapped.
const RESIDENT: u32 = MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL;

impl Shared<MDL> {
    fn has(self, flag: u32) -> bool {
        self.get(FLAGS) as u16 as u32 & flag != 0
    }

    fn add(self, flags: u32) {
        self.set(FLAGS, self.get(FLAGS) | flags as CSHORT);
    }

    fn remove(self, flags: u32) {
        self.set(FLAGS, self.get(FLAGS) & !(flags as CSHORT));
    }

    /// The first byte described.
    fn first(self) -> PVOID {
        self.get(START).wrapping_byte_add(self.get(OFFSET) as usize)
    }
}

/// Allocates an MDL for the range; `None` if there is no memory.
pub(crate) fn allocate(
    machine: &Machine,
    address: PVOID,
    length: ULONG,
    owner: Owner,
) -> Option<Mdl> {
    let offset = address.addr() % PAGE;
    let pages = (offset + length as usize).div_ceil(PAGE);
    let size = size_of::<MDL>() + pages * size_of::<u64>();
    let block = pool::allocate(machine, Pool::NonPaged, size, tag::MDL, true, owner);
    if block.is_null() {
        return None;
    }
    // SAFETY: The block holds an MDL and lives until it is freed by `release`.
    let mdl = unsafe { Mdl::new(block.cast()) };
    mdl.set(SIZE, size as CSHORT);
    mdl.set(START, address.wrapping_byte_sub(offset));
    mdl.set(OFFSET, offset as ULONG);
    mdl.set(COUNT, length);
    Some(mdl)
}

/// Locks the pages described.
pub(crate) fn lock(mdl: Mdl, operation: LOCK_OPERATION) {
    mdl.add(MDL_PAGES_LOCKED);
    if operation != _LOCK_OPERATION::IoReadAccess {
        mdl.add(MDL_WRITE_OPERATION);
    }
}

fn unlock(mdl: Mdl) {
    mdl.remove(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA);
}

fn release(machine: &Machine, mdl: Mdl, call: &str) {
    // SAFETY: The caller owns the MDL and does not use it again.
    unsafe { pool::free(machine, mdl.as_ptr().cast(), Some(tag::MDL), call) };
}

/// Unlocks and frees all MDLs of a completed IRP.
pub(crate) fn release_chain(machine: &Machine, first: PMDL) {
    let mut next = first;
    while !next.is_null() {
        // SAFETY: The chain of a completed IRP, which belongs to the I/O manager.
        let mdl = unsafe { Mdl::new(next) };
        next = mdl.get(NEXT);
        if mdl.has(MDL_PAGES_LOCKED) {
            unlock(mdl);
        }
        release(machine, mdl, "the I/O manager");
    }
}

/// Stops the run above DISPATCH_LEVEL if the verifier checks I/O.
fn check_irql(machine: &Machine, code: u64, mdl: PMDL, call: &str) {
    let level = irql::current();
    if machine.config.verifier.force_irql_checking && u32::from(level) > DISPATCH_LEVEL {
        verifier(
            [code, level.into(), mdl.addr() as u64, 0],
            format!("{call} was called above DISPATCH_LEVEL"),
        );
    }
}

fn verifier(parameters: [u64; 4], message: String) -> ! {
    stop::bug_check(DRIVER_VERIFIER_DETECTED_VIOLATION, parameters, message)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoAllocateMdl(
    virtual_address: PVOID,
    length: ULONG,
    secondary_buffer: BOOLEAN,
    _charge_quota: BOOLEAN,
    irp: PIRP,
) -> PMDL {
    let machine = machine::enter();
    let Some(mdl) = allocate(&machine, virtual_address, length, Owner::Driver) else {
        return null_mut();
    };
    if !irp.is_null() {
        // SAFETY: The caller passes an IRP that it owns.
        let irp = unsafe { irp::Irp::new(irp) };
        if secondary_buffer == 0 {
            irp.set(irp::MDL_ADDRESS, mdl.as_ptr());
        } else {
            append(irp, mdl);
        }
    }
    mdl.as_ptr()
}

fn append(irp: irp::Irp, mdl: Mdl) {
    let mut slot = irp.pointer(irp::MDL_ADDRESS);
    loop {
        // SAFETY: The link field of the IRP, or of an MDL of its chain.
        let next = unsafe { slot.read() };
        if next.is_null() {
            break;
        }
        // SAFETY: An MDL of the IRP's chain.
        slot = unsafe { Mdl::new(next) }.pointer(NEXT);
    }
    // SAFETY: The last link of the IRP's chain of MDLs, which belongs to the driver that has the IRP.
    unsafe { slot.write(mdl.as_ptr()) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoFreeMdl(mdl: PMDL) {
    let machine = machine::enter();
    // SAFETY: The caller passes an MDL that it owns.
    let mdl = unsafe { Shared::new(mdl) };
    if mdl.has(MDL_PAGES_LOCKED) {
        stop::bug_check(
            stop::MODEL_STOP,
            [mdl.address() as u64, 0, 0, 0],
            "IoFreeMdl: the pages of the MDL are still locked",
        );
    }
    release(&machine, mdl, "IoFreeMdl");
}

#[unsafe(no_mangle)]
unsafe extern "C" fn MmBuildMdlForNonPagedPool(memory_descriptor_list: PMDLX) {
    machine::enter();
    // SAFETY: The caller passes an MDL that it owns.
    let mdl = unsafe { Shared::new(memory_descriptor_list) };
    mdl.add(MDL_SOURCE_IS_NONPAGED_POOL);
    mdl.set(MAPPED, mdl.first());
}

#[unsafe(no_mangle)]
unsafe extern "C" fn MmProbeAndLockPages(
    memory_descriptor_list: PMDL,
    _access_mode: KPROCESSOR_MODE,
    operation: LOCK_OPERATION,
) {
    let machine = machine::enter();
    check_irql(
        &machine,
        0x70,
        memory_descriptor_list,
        "MmProbeAndLockPages",
    );
    // SAFETY: The caller passes an MDL that it owns.
    let mdl = unsafe { Shared::new(memory_descriptor_list) };
    if mdl.first().is_null() {
        stop::bug_check(
            KMODE_EXCEPTION_NOT_HANDLED,
            [STATUS_ACCESS_VIOLATION as u32 as u64, 0, 0, 0],
            "MmProbeAndLockPages raised STATUS_ACCESS_VIOLATION, which no model of a driver can \
             catch: the MDL describes address 0",
        );
    }
    lock(mdl, operation);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn MmUnlockPages(memory_descriptor_list: PMDL) {
    let machine = machine::enter();
    check_irql(&machine, 0x78, memory_descriptor_list, "MmUnlockPages");
    // SAFETY: The caller passes an MDL that it owns.
    let mdl = unsafe { Shared::new(memory_descriptor_list) };
    let flags = mdl.get(FLAGS) as u16;
    let wrong = if mdl.has(MDL_SOURCE_IS_NONPAGED_POOL) {
        Some((0x7D, "is of nonpaged pool, which is never unlocked"))
    } else if !mdl.has(MDL_PAGES_LOCKED) {
        Some((0x7C, "was never locked"))
    } else {
        None
    };
    if let Some((code, what)) = wrong {
        verifier(
            [code, mdl.address() as u64, flags.into(), 0],
            format!("MmUnlockPages: the MDL {what}"),
        );
    }
    unlock(mdl);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn MmMapLockedPagesSpecifyCache(
    memory_descriptor_list: PMDLX,
    _access_mode: KPROCESSOR_MODE,
    _cache_type: MEMORY_CACHING_TYPE,
    _base_address: PVOID,
    _bug_check_on_failure: ULONG,
    _priority: MM_PAGE_PRIORITY,
) -> PVOID {
    let machine = machine::enter();
    check_irql(
        &machine,
        0x76,
        memory_descriptor_list,
        "MmMapLockedPagesSpecifyCache",
    );
    // SAFETY: The caller passes an MDL that it owns.
    let mdl = unsafe { Shared::new(memory_descriptor_list) };
    if !mdl.has(RESIDENT) {
        verifier(
            [0x85, mdl.address() as u64, 0, 0],
            "MmMapLockedPagesSpecifyCache: the pages of the MDL are not locked".into(),
        );
    }
    if machine.mapping_fails.swap(false, Ordering::Relaxed) {
        return null_mut();
    }
    let mapped = mdl.first();
    mdl.set(MAPPED, mapped);
    mdl.add(MDL_MAPPED_TO_SYSTEM_VA);
    mapped
}

#[unsafe(no_mangle)]
unsafe extern "C" fn MmUnmapLockedPages(_base_address: PVOID, memory_descriptor_list: PMDL) {
    let machine = machine::enter();
    check_irql(&machine, 0x79, memory_descriptor_list, "MmUnmapLockedPages");
    // SAFETY: The caller passes an MDL that it owns.
    let mdl = unsafe { Shared::new(memory_descriptor_list) };
    if !mdl.has(MDL_MAPPED_TO_SYSTEM_VA) {
        stop::bug_check(
            stop::MODEL_STOP,
            [mdl.address() as u64, 0, 0, 0],
            "MmUnmapLockedPages: the MDL is not mapped",
        );
    }
    mdl.remove(MDL_MAPPED_TO_SYSTEM_VA);
    mdl.set(MAPPED, null_mut());
}
