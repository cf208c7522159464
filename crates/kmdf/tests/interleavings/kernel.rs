//! The functions of ntoskrnl.exe that the wrappers import, small enough for loom: pool, interlocked
//! lists, lookaside lists, a spin lock, work items and the IRQL.
//!
//! What threads share is touched in single steps, before each of which another thread may run. What
//! is freed stays until the end, filled with a pattern, so that a later use of it is noticed. Loom
//! notices a use that merely happened to come earlier, with nothing that ordered it before the end.

use kmdf_sys::{
    _POOL_TYPE, APC_LEVEL, BOOLEAN, DISPATCH_LEVEL, GENERAL_LOOKASIDE, KIRQL, KPROCESSOR_MODE,
    NTSTATUS, PALLOCATE_FUNCTION, PDEVICE_OBJECT, PFREE_FUNCTION, PIO_WORKITEM,
    PIO_WORKITEM_ROUTINE, PKSPIN_LOCK, PLARGE_INTEGER, PNPAGED_LOOKASIDE_LIST, POOL_TYPE,
    PPAGED_LOOKASIDE_LIST, PSLIST_ENTRY, PSLIST_HEADER, PVOID, SIZE_T, SLIST_ENTRY, STATUS_SUCCESS,
    ULONG, USHORT, WORK_QUEUE_TYPE,
};
use loom::cell::UnsafeCell;
use loom::sync::MutexGuard;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::JoinHandle;
use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::take;
use std::ptr::{null_mut, with_exposed_provenance_mut};
use std::slice;
use std::sync::{Arc, Mutex};

/// What freed memory is filled with, and what new memory is.
const FREED: u8 = 0xDD;
const NEW: u8 = 0xCD;

/// How many free entries a lookaside list keeps: the second one that comes back is freed.
const DEPTH: USHORT = 1;

/// The tag of work items.
const WORK_ITEM: ULONG = u32::from_le_bytes(*b"IoWi");

loom::lazy_static! {
    static ref KERNEL: Kernel = Kernel::default();
}

loom::thread_local! {
    static IRQL: Cell<KIRQL> = Cell::new(0);
    static HELD: RefCell<Option<MutexGuard<'static, ()>>> = RefCell::new(None);
}

/// The state of the kernel, in one execution. Its own locks are never held across a step.
struct Kernel {
    blocks: Mutex<BTreeMap<usize, Block>>,
    headers: Mutex<HashMap<usize, Arc<Header>>>,
    /// Made by the first thread, for headers that are met later.
    spare_turns: Mutex<Vec<AtomicUsize>>,
    /// That of the unload list: the wrappers have no other.
    spin_lock: loom::sync::Mutex<()>,
    lookaside_lists: Mutex<BTreeSet<usize>>,
    /// The work items that wait in the kernel's queue.
    queued: Mutex<BTreeSet<usize>>,
    /// The threads that run or ran one.
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// An allocation of the pool.
struct Block {
    layout: Layout,
    tag: ULONG,
    pageable: bool,
    freed: bool,
    uses: Arc<Uses>,
}

/// By which loom learns who uses a block when.
#[derive(Default)]
struct Uses(UnsafeCell<()>);

// SAFETY: The cell holds nothing; loom reports threads that do not take turns.
unsafe impl Sync for Uses {}

/// An interlocked list. Its operations are full barriers, which the turns are for loom.
struct Header {
    turn: AtomicUsize,
    entries: Mutex<Vec<usize>>,
    /// How many entries there were after none, one and more turns.
    depths: Mutex<Vec<usize>>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self {
            blocks: Mutex::default(),
            headers: Mutex::default(),
            spare_turns: Mutex::new((0..8).map(|_| AtomicUsize::new(0)).collect()),
            spin_lock: loom::sync::Mutex::new(()),
            lookaside_lists: Mutex::default(),
            queued: Mutex::default(),
            workers: Mutex::default(),
        }
    }
}

impl Header {
    /// One interlocked operation: the entries, afterwards.
    fn step<R>(&self, operation: impl FnOnce(&mut Vec<usize>) -> R) -> R {
        self.turn.fetch_add(1, Ordering::AcqRel);
        let mut entries = lock(&self.entries);
        let result = operation(&mut entries);
        lock(&self.depths).push(entries.len());
        result
    }

    /// What a plain read of the depth gives, which may be late.
    fn depth(&self) -> usize {
        let turn = self.turn.load(Ordering::Relaxed);
        lock(&self.depths)[turn]
    }
}

impl Kernel {
    fn header(&self, address: usize) -> Arc<Header> {
        use_memory(address);
        let mut headers = lock(&self.headers);
        let new = || {
            let turn = lock(&self.spare_turns).pop();
            Arc::new(Header {
                turn: turn.expect("few headers"),
                entries: Mutex::default(),
                depths: Mutex::new(vec![0]),
            })
        };
        Arc::clone(headers.entry(address).or_insert_with(new))
    }
}

/// A lock of this kernel's own.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("a panic ends the test")
}

/// The uses of the block that the address lies in, should it lie in one.
fn uses(address: usize) -> Option<Arc<Uses>> {
    let blocks = lock(&KERNEL.blocks);
    let (start, block) = blocks.range(..=address).next_back()?;
    if address - start >= block.layout.size() {
        return None;
    }
    assert!(
        !block.freed,
        "memory at {address:#x} is used after it was freed"
    );
    let level = ULONG::from(KeGetCurrentIrql());
    assert!(
        !block.pageable || level <= APC_LEVEL,
        "pageable memory is used at DISPATCH_LEVEL"
    );
    Some(Arc::clone(&block.uses))
}

/// The memory at this address is used in a way that others may share.
pub(crate) fn use_memory(address: usize) {
    if let Some(uses) = uses(address) {
        uses.0.with(|_| ());
    }
}

/// Checks that no other thread uses the memory at this address.
pub(crate) fn own_memory(address: usize) {
    if let Some(uses) = uses(address) {
        uses.0.with_mut(|_| ());
    }
}

pub(crate) fn allocate(pool: POOL_TYPE, size: usize, tag: ULONG) -> usize {
    let layout = Layout::from_size_align(size, 16).expect("a small size");
    // SAFETY: The size is not zero.
    let memory = unsafe { alloc(layout) };
    // SAFETY: The memory was allocated above with this size.
    unsafe { memory.write_bytes(NEW, size) };
    let block = Block {
        layout,
        tag,
        pageable: pool == _POOL_TYPE::PagedPool,
        freed: false,
        uses: Arc::default(),
    };
    let mut blocks = lock(&KERNEL.blocks);
    blocks.insert(memory.addr(), block);
    memory.expose_provenance()
}

pub(crate) fn free(address: usize, tag: Option<ULONG>) {
    own_memory(address);
    let mut blocks = lock(&KERNEL.blocks);
    let block = blocks.get_mut(&address).expect("the start of a block");
    assert!(
        tag.is_none_or(|tag| tag == block.tag),
        "freed with another tag"
    );
    block.freed = true;
    let size = block.layout.size();
    let lists = lock(&KERNEL.lookaside_lists);
    let list = lists.range(address..address + size).next();
    assert!(
        list.is_none(),
        "an active lookaside list is in freed memory"
    );
    let memory = with_exposed_provenance_mut::<u8>(address);
    // SAFETY: The block is still allocated.
    unsafe { memory.write_bytes(FREED, size) };
}

/// Checks that there is no lookaside list.
pub(crate) fn assert_lists_deleted() {
    let lists = lock(&KERNEL.lookaside_lists);
    assert!(lists.is_empty(), "a lookaside list was not deleted");
}

/// Checks that the driver left nothing behind, and wrote to nothing that it had freed.
pub(crate) fn end() {
    assert_lists_deleted();
    let mut blocks = lock(&KERNEL.blocks);
    for (address, block) in take(&mut *blocks) {
        let Block { layout, tag, .. } = block;
        let tag = String::from_utf8_lossy(&tag.to_le_bytes()).into_owned();
        assert!(block.freed, "{layout:?} with the tag {tag} is leaked");
        let memory = with_exposed_provenance_mut::<u8>(address);
        // SAFETY: The block is still allocated.
        let bytes = unsafe { slice::from_raw_parts(memory, layout.size()) };
        let untouched = bytes.iter().all(|&byte| byte == FREED);
        assert!(
            untouched,
            "{layout:?} with the tag {tag} was written to after it was freed"
        );
        // SAFETY: Allocated with this layout, and in no list any more.
        unsafe { dealloc(memory, layout) };
    }
}

/// Whether this thread runs at PASSIVE_LEVEL.
pub(crate) fn is_at_passive() -> bool {
    KeGetCurrentIrql() == 0
}

/// Runs `body` at DISPATCH_LEVEL.
pub(crate) fn at_dispatch<R>(body: impl FnOnce() -> R) -> R {
    let before = IRQL.with(|level| level.replace(DISPATCH_LEVEL as KIRQL));
    let result = body();
    IRQL.with(|level| level.set(before));
    result
}

#[unsafe(no_mangle)]
extern "C" fn ExAllocatePoolWithTag(pool: POOL_TYPE, size: SIZE_T, tag: ULONG) -> PVOID {
    with_exposed_provenance_mut(allocate(pool, size as usize, tag))
}

#[unsafe(no_mangle)]
extern "C" fn ExFreePoolWithTag(memory: PVOID, tag: ULONG) {
    free(memory.addr(), Some(tag));
}

#[unsafe(no_mangle)]
extern "C" fn ExFreePool(memory: PVOID) {
    free(memory.addr(), None);
}

#[unsafe(no_mangle)]
extern "C" fn InitializeSListHead(header: PSLIST_HEADER) {
    KERNEL.header(header.addr()).step(Vec::clear);
}

#[unsafe(no_mangle)]
extern "C" fn ExQueryDepthSList(header: PSLIST_HEADER) -> USHORT {
    KERNEL.header(header.addr()).depth() as USHORT
}

#[unsafe(no_mangle)]
extern "C" fn ExpInterlockedPushEntrySList(
    header: PSLIST_HEADER,
    entry: PSLIST_ENTRY,
) -> PSLIST_ENTRY {
    use_memory(entry.addr());
    let former = KERNEL.header(header.addr()).step(|entries| {
        let first = entries.last().copied();
        assert!(!entries.contains(&entry.addr()), "an entry is pushed twice");
        entries.push(entry.expose_provenance());
        first
    });
    with_exposed_provenance_mut(former.unwrap_or(0))
}

#[unsafe(no_mangle)]
extern "C" fn ExpInterlockedPopEntrySList(header: PSLIST_HEADER) -> PSLIST_ENTRY {
    let entry = KERNEL.header(header.addr()).step(Vec::pop).unwrap_or(0);
    use_memory(entry);
    with_exposed_provenance_mut(entry)
}

#[unsafe(no_mangle)]
extern "C" fn ExpInterlockedFlushSList(header: PSLIST_HEADER) -> PSLIST_ENTRY {
    let entries = KERNEL.header(header.addr()).step(take);
    let mut first: PSLIST_ENTRY = null_mut();
    for entry in entries {
        use_memory(entry);
        let entry: PSLIST_ENTRY = with_exposed_provenance_mut(entry);
        // SAFETY: The entry was taken off its list above, so this thread alone has it.
        unsafe { entry.write(SLIST_ENTRY { Next: first }) };
        first = entry;
    }
    first
}

#[unsafe(no_mangle)]
extern "C" fn IoAllocateWorkItem(_: PDEVICE_OBJECT) -> PIO_WORKITEM {
    with_exposed_provenance_mut(allocate(_POOL_TYPE::NonPagedPoolNx, 1, WORK_ITEM))
}

#[unsafe(no_mangle)]
extern "C" fn IoFreeWorkItem(item: PIO_WORKITEM) {
    let queued = lock(&KERNEL.queued).contains(&item.addr());
    assert!(!queued, "a work item is freed while it is queued");
    free(item.addr(), Some(WORK_ITEM));
}

#[unsafe(no_mangle)]
extern "C" fn IoQueueWorkItem(
    item: PIO_WORKITEM,
    routine: PIO_WORKITEM_ROUTINE,
    _: WORK_QUEUE_TYPE,
    context: PVOID,
) {
    let routine = routine.expect("a routine");
    let (item, context) = (item.expose_provenance(), context.expose_provenance());
    use_memory(item);
    let new = lock(&KERNEL.queued).insert(item);
    assert!(new, "a work item is queued twice");
    on_worker(move || {
        lock(&KERNEL.queued).remove(&item);
        // SAFETY: The driver queued this routine with this context.
        unsafe { routine(null_mut(), with_exposed_provenance_mut(context)) };
    });
}

/// Has a system thread do `work`, at PASSIVE_LEVEL.
pub(crate) fn on_worker(work: impl FnOnce() + Send + 'static) {
    let worker = loom::thread::spawn(work);
    lock(&KERNEL.workers).push(worker);
}

/// Waits until all that system threads were given is done.
pub(crate) fn wait_for_workers() {
    loop {
        let worker = lock(&KERNEL.workers).pop();
        let Some(worker) = worker else { return };
        worker.join().expect("no panic");
    }
}

fn initialize_lookaside_list(
    list: *mut GENERAL_LOOKASIDE,
    pool: POOL_TYPE,
    size: SIZE_T,
    tag: ULONG,
) {
    let mut value = GENERAL_LOOKASIDE {
        Depth: DEPTH,
        Type: pool,
        Size: size as ULONG,
        Tag: tag,
        ..GENERAL_LOOKASIDE::default()
    };
    value.__bindgen_anon_4.Allocate = Some(ExAllocatePoolWithTag);
    value.__bindgen_anon_5.Free = Some(ExFreePool);
    own_memory(list.addr());
    // SAFETY: The caller passes storage for a list.
    unsafe { list.write(value) };
    InitializeSListHead(list.cast());
    let new = lock(&KERNEL.lookaside_lists).insert(list.addr());
    assert!(new, "a lookaside list is initialised twice");
}

fn delete_lookaside_list(list: *mut GENERAL_LOOKASIDE) {
    own_memory(list.addr());
    // SAFETY: The list is alive, as checked above, and used by no other thread.
    let counted = unsafe { &*list };
    assert_eq!(
        counted.TotalAllocates, counted.TotalFrees,
        "a lookaside list is deleted while entries are out"
    );
    let active = lock(&KERNEL.lookaside_lists).remove(&list.addr());
    assert!(active, "a lookaside list is deleted twice");
    for entry in KERNEL.header(list.addr()).step(take) {
        free(entry, None);
    }
}

macro_rules! lookaside_functions {
    ($($initialize:ident, $delete:ident, $list:ty, $pool:ident;)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $initialize(
            list: $list,
            allocate: PALLOCATE_FUNCTION,
            free: PFREE_FUNCTION,
            _flags: ULONG,
            size: SIZE_T,
            tag: ULONG,
            _depth: USHORT,
        ) {
            assert!(allocate.is_none() && free.is_none(), "only the default routines");
            initialize_lookaside_list(list.cast(), _POOL_TYPE::$pool, size, tag);
        }

        #[unsafe(no_mangle)]
        extern "C" fn $delete(list: $list) {
            delete_lookaside_list(list.cast());
        }
    )*};
}

lookaside_functions! {
    ExInitializePagedLookasideList, ExDeletePagedLookasideList, PPAGED_LOOKASIDE_LIST, PagedPool;
    ExInitializeNPagedLookasideList, ExDeleteNPagedLookasideList, PNPAGED_LOOKASIDE_LIST, NonPagedPoolNx;
}

#[unsafe(no_mangle)]
extern "C" fn KeGetCurrentIrql() -> KIRQL {
    IRQL.with(Cell::get)
}

#[unsafe(no_mangle)]
extern "C" fn KeAcquireSpinLockRaiseToDpc(_: PKSPIN_LOCK) -> KIRQL {
    let guard = KERNEL.spin_lock.lock().expect("a panic ends the test");
    HELD.with(|held| held.replace(Some(guard)));
    IRQL.with(|level| level.replace(DISPATCH_LEVEL as KIRQL))
}

#[unsafe(no_mangle)]
extern "C" fn KeReleaseSpinLock(_: PKSPIN_LOCK, before: KIRQL) {
    IRQL.with(|level| level.set(before));
    let guard = HELD.with(RefCell::take);
    drop(guard.expect("held by this thread"));
}

#[unsafe(no_mangle)]
extern "C" fn KeDelayExecutionThread(
    _: KPROCESSOR_MODE,
    _: BOOLEAN,
    _: PLARGE_INTEGER,
) -> NTSTATUS {
    assert_eq!(KeGetCurrentIrql(), 0, "waiting needs PASSIVE_LEVEL");
    loom::thread::yield_now();
    STATUS_SUCCESS
}
