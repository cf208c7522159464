//! The kernel's exports as these tests call them.
//!
//! The wrappers are not marked unsafe: each is called on a machine that stops on misuse and
//! does not return, which is what the tests are about.

use kmdf_sys::*;
use nt_model::{Config, Kernel, NtStatus, Stop, Verifier};
use std::ffi::c_void;
use std::sync::Mutex;

pub const NX: POOL_TYPE = _POOL_TYPE::NonPagedPoolNx;
pub const PAGED: POOL_TYPE = _POOL_TYPE::PagedPool;
pub const TAG: u32 = tag(b"Test");
pub const PAGE: u64 = 4096;

pub const fn tag(text: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*text)
}

/// A machine without any verifier option.
pub fn unverified() -> Config {
    Config {
        verifier: Verifier::off(),
        ..Config::default()
    }
}

/// Verified but for special pool, so that lookaside lists keep entries.
pub fn without_special_pool() -> Config {
    let mut config = Config::default();
    config.verifier.special_pool = false;
    config
}

/// Runs a scenario that must stop, and returns the stop.
pub fn stopped<T: Send + 'static>(
    config: Config,
    scenario: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> Stop {
    match nt_model::run(config, scenario) {
        Ok(_) => panic!("the run was not stopped"),
        Err(stop) => stop,
    }
}

/// Runs a scenario that must not stop.
pub fn runs<T: Send + 'static>(
    config: Config,
    scenario: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> T {
    nt_model::run(config, scenario).expect("nothing to stop the run for")
}

/// The code and first parameter of a stop.
pub fn case(stop: &Stop) -> (u32, u64) {
    (stop.code, stop.parameters[0])
}

macro_rules! exports {
    ($($(#[$note:meta])* $name:ident = $export:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        $(#[$note])*
        pub fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: See the module's first lines.
            unsafe { ntddk::$export($($argument),*) }
        }
    )*};
}

exports! {
    allocate = ExAllocatePoolWithTag(kind: POOL_TYPE, size: u64, tag: u32) -> PVOID;
    allocate2 = ExAllocatePool2(flags: u64, size: u64, tag: u32) -> PVOID;
    free = ExFreePool(block: PVOID);
    free_with_tag = ExFreePoolWithTag(block: PVOID, tag: u32);
    irql = KeGetCurrentIrql() -> KIRQL;
    raise = KfRaiseIrql(new: KIRQL) -> KIRQL;
    lower = KeLowerIrql(new: KIRQL);
    initialize_lock = KeInitializeSpinLock(lock: PKSPIN_LOCK);
    acquire = KeAcquireSpinLockRaiseToDpc(lock: PKSPIN_LOCK) -> KIRQL;
    acquire_at_dpc = KeAcquireSpinLockAtDpcLevel(lock: PKSPIN_LOCK);
    release = KeReleaseSpinLock(lock: PKSPIN_LOCK, irql: KIRQL);
    release_from_dpc = KeReleaseSpinLockFromDpcLevel(lock: PKSPIN_LOCK);
    enter_region = KeEnterCriticalRegion();
    leave_region = KeLeaveCriticalRegion();
    initialize_event = KeInitializeEvent(event: PRKEVENT, kind: EVENT_TYPE, state: BOOLEAN);
    set_event = KeSetEvent(event: PRKEVENT, increment: KPRIORITY, wait: BOOLEAN) -> LONG;
    reset_event = KeResetEvent(event: PRKEVENT) -> LONG;
    read_event = KeReadStateEvent(event: PRKEVENT) -> LONG;
    initialize_dpc = KeInitializeDpc(dpc: PRKDPC, routine: PKDEFERRED_ROUTINE, context: PVOID);
    queue_dpc = KeInsertQueueDpc(dpc: PRKDPC, first: PVOID, second: PVOID) -> BOOLEAN;
    delete_paged_list = ExDeletePagedLookasideList(list: PPAGED_LOOKASIDE_LIST);
    delete_nonpaged_list = ExDeleteNPagedLookasideList(list: PNPAGED_LOOKASIDE_LIST);
    initialize_slist = InitializeSListHead(header: PSLIST_HEADER);
    pop = ExpInterlockedPopEntrySList(header: PSLIST_HEADER) -> PSLIST_ENTRY;
    push = ExpInterlockedPushEntrySList(header: PSLIST_HEADER, entry: PSLIST_ENTRY) -> PSLIST_ENTRY;
    flush = ExpInterlockedFlushSList(header: PSLIST_HEADER) -> PSLIST_ENTRY;
    depth = ExQueryDepthSList(header: PSLIST_HEADER) -> USHORT;
}

/// Waits with a timeout in milliseconds, for ever with none.
pub fn wait(event: PRKEVENT, milliseconds: Option<i64>) -> NtStatus {
    let mut timeout = LARGE_INTEGER {
        QuadPart: milliseconds.unwrap_or(0) * -10_000,
    };
    let timeout = match milliseconds {
        Some(_) => &raw mut timeout,
        None => std::ptr::null_mut(),
    };
    // SAFETY: See the module's first lines.
    NtStatus(unsafe { ntddk::KeWaitForSingleObject(event.cast(), 0, 0, 0, timeout) })
}

/// Initialises a list with the default routines.
pub fn initialize_paged_list(list: PPAGED_LOOKASIDE_LIST, size: u64) {
    // SAFETY: See the module's first lines.
    unsafe { ntddk::ExInitializePagedLookasideList(list, None, None, 0, size, TAG, 0) };
}

/// Initialises a list with the default routines.
pub fn initialize_nonpaged_list(list: PNPAGED_LOOKASIDE_LIST, size: u64) {
    let flags = _POOL_TYPE::NonPagedPoolNx as u32;
    // SAFETY: See the module's first lines.
    unsafe { ntddk::ExInitializeNPagedLookasideList(list, None, None, flags, size, TAG, 0) };
}

/// The address of an export, null if there is none.
pub fn routine(name: &str) -> PVOID {
    let mut text: Vec<u16> = name.encode_utf16().collect();
    let mut string = UNICODE_STRING {
        Length: (text.len() * 2) as u16,
        MaximumLength: (text.len() * 2) as u16,
        Buffer: text.as_mut_ptr(),
    };
    // SAFETY: See the module's first lines.
    unsafe { ntddk::MmGetSystemRoutineAddress(&raw mut string) }
}

/// Reads a byte of the pool.
pub fn peek(block: *const c_void, offset: isize) -> u8 {
    let place = block.cast::<u8>().wrapping_offset(offset);
    // SAFETY: See the module's first lines.
    unsafe { place.read_volatile() }
}

/// Writes a byte of the pool.
pub fn poke(block: *mut c_void, offset: isize, value: u8) {
    let place = block.cast::<u8>().wrapping_offset(offset);
    // SAFETY: See the module's first lines.
    unsafe { place.write_volatile(value) };
}

/// Where the values of [`Place::zeroed`] are, so that a leak checker finds them.
static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A value at an address of its own that may go to other threads.
pub struct Place<T>(*mut T);

// SAFETY: What is behind the address is only handed to the kernel.
unsafe impl<T> Send for Place<T> {}
// SAFETY: The value itself is not accessed through the wrapper, only its address passed on.
unsafe impl<T> Sync for Place<T> {}

impl<T> Place<T> {
    /// A zeroed value in nonpaged memory outside the pool, never freed.
    pub fn zeroed() -> Self
    where
        T: Default,
    {
        let place: *mut T = Box::into_raw(Box::default());
        KEPT.lock().unwrap().push(place.addr());
        Self(place)
    }

    pub fn of(address: *mut T) -> Self {
        Self(address)
    }

    pub fn get(&self) -> *mut T {
        self.0
    }
}
