//! Paged and nonpaged pool: placing, patterns, checks at free, and the account of live blocks.

mod arena;
mod check;
mod exports;

pub(crate) use check::{fill_freed, require_freed};

use crate::config::{Config, LowResources};
use crate::irql;
use crate::machine::{Machine, lock};
use crate::memory::{PAGE, Page, Region};
use crate::object::tag;
use crate::stop::bug_check;
use crate::verifier::Violation;
use crate::{lookaside, slist};
use arena::{ALIGNMENT, Arena, Place};
use kmdf_sys::{
    _POOL_TYPE, APC_LEVEL, BAD_POOL_CALLER, DISPATCH_LEVEL, DRIVER_VERIFIER_DETECTED_VIOLATION,
    POOL_TYPE, PVOID, SYSTEM_CACHE_ALIGNMENT_SIZE, ULONG,
};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The pattern in a block that is not zeroed.
const UNINITIALIZED: u8 = 0xBA;

/// The pattern in a freed block, or in a free entry of a lookaside list.
pub(crate) const FREED: u8 = 0xDF;

/// The pattern around a block.
const SLACK: u8 = 0x7E;

/// Freed blocks that are remembered, to tell a double free from a wild one.
const REMEMBERED: usize = 64 * 1024;

/// One of the two pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pool {
    /// Resident at any IRQL.
    NonPaged,
    /// Only for code below `DISPATCH_LEVEL`.
    Paged,
}

impl Pool {
    /// The pool type by which Windows reports a block of it.
    fn pool_type(self) -> POOL_TYPE {
        match self {
            Self::NonPaged => _POOL_TYPE::NonPagedPoolNx,
            Self::Paged => _POOL_TYPE::PagedPool,
        }
    }
}

/// The owner that a block is allocated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The driver or its framework: subject to fault injection and to leak tracking.
    Driver,
    /// The kernel itself (objects, IRPs): neither.
    Kernel,
}

/// The block that a call asks for.
#[derive(Clone, Copy)]
struct Allocation {
    pool: Pool,
    size: usize,
    tag: ULONG,
    zeroed: bool,
    cache_aligned: bool,
    owner: Owner,
}

/// A block that is allocated.
#[derive(Clone, Copy)]
struct Block {
    pool: Pool,
    size: usize,
    tag: ULONG,
    owner: Owner,
    place: Place,
}

/// All pool of a machine.
pub(crate) struct Pools {
    /// Address ranges of the two pools, indexed by [`Pool`].
    regions: [&'static Region; 2],
    blocks: Mutex<Blocks>,
    limit: usize,
    /// Allocations of drivers since boot, those that failed included.
    allocations: AtomicU64,
    /// The allocation that is to fail, 0 for none.
    failing: AtomicU64,
    /// Whether later allocations fail too.
    failing_on: bool,
    injected: AtomicU64,
}

/// The account of what lies where.
///
/// # Invariants
///
/// Every live block's place is taken in the arena of its pool, and no two overlap.
struct Blocks {
    arenas: [Arena; 2],
    live: BTreeMap<usize, Block>,
    freed: HashMap<usize, Block>,
    freed_order: VecDeque<usize>,
    used: [usize; 2],
    peak: [usize; 2],
    total: [u64; 2],
    special: u64,
    below_page: u64,
}

impl Pools {
    pub(crate) fn boot(config: &Config) -> Self {
        let new = |pool| Arena::new(config.pool_limit, pool == Pool::Paged);
        let arenas = [new(Pool::NonPaged), new(Pool::Paged)];
        let (failing, failing_on) = match config.verifier.low_resources {
            LowResources::Off => (0, false),
            LowResources::FailNth(n) => (n, false),
            LowResources::FailFrom(n) => (n, true),
        };
        Self {
            regions: [arenas[0].region(), arenas[1].region()],
            limit: config.pool_limit,
            allocations: AtomicU64::new(0),
            failing: AtomicU64::new(failing),
            failing_on,
            injected: AtomicU64::new(0),
            blocks: Mutex::new(Blocks {
                arenas,
                live: BTreeMap::new(),
                freed: HashMap::new(),
                freed_order: VecDeque::new(),
                used: [0; 2],
                peak: [0; 2],
                total: [0; 2],
                special: 0,
                below_page: 0,
            }),
        }
    }

    /// The pages that are paged out for threads at `DISPATCH_LEVEL`.
    pub(crate) fn paged(&self) -> &'static Region {
        self.regions[Pool::Paged as usize]
    }

    /// Whether `address` lies in paged pool.
    pub(crate) fn is_paged(&self, address: usize) -> bool {
        self.paged().contains(address)
    }

    /// Ends the pool after a normal end of the run, when it is no longer in use.
    pub(crate) fn power_off(&self) {
        self.regions.iter().for_each(|region| region.retire());
    }

    /// Keeps the memory after a stop, because threads may still access it.
    pub(crate) fn abandon(&self) {
        self.regions.iter().for_each(|region| region.abandon());
    }

    /// Makes the n-th driver allocation from now fail, counted from 1; 0 makes none fail.
    pub(crate) fn fail_nth(&self, n: u64) {
        let target = if n == 0 { 0 } else { self.allocations() + n };
        self.failing.store(target, Ordering::Relaxed);
    }

    /// Allocations of drivers since boot, those that failed included.
    pub(crate) fn allocations(&self) -> u64 {
        self.allocations.load(Ordering::Relaxed)
    }

    /// Counts an allocation of a driver, and says whether it is to fail.
    fn is_failing(&self) -> bool {
        let number = self.allocations.fetch_add(1, Ordering::Relaxed) + 1;
        let failing = self.failing.load(Ordering::Relaxed);
        let fails = failing != 0 && (number == failing || self.failing_on && number > failing);
        if fails {
            self.injected.fetch_add(1, Ordering::Relaxed);
        }
        fails
    }

    /// What an address of the pool is or was, for a report. Does not wait for anything.
    pub(crate) fn describe(&self, address: usize) -> Option<String> {
        let blocks = self.blocks.try_lock().ok()?;
        let before = blocks.live.range(..=address).next_back();
        let live = before.map(|(&start, block)| (start, block, address - start));
        if let Some((start, block, offset)) = live
            && offset < block.size
        {
            return Some(format!("{} at {start:#x}", block.describe()));
        }
        let mut freed = blocks.freed.iter();
        let freed = freed.find(|(start, block)| (**start..**start + block.size).contains(&address));
        if let Some((start, block)) = freed {
            return Some(format!("{} at {start:#x}, freed", block.describe()));
        }
        let (start, block, offset) = live?;
        let near = offset < block.size + 2 * PAGE;
        near.then(|| format!("{} at {start:#x}", block.describe()))
    }
}

/// The four characters of a tag as they lie in memory, others than printable ones as `.`.
pub(crate) fn tag_text(tag: ULONG) -> String {
    let printable = |byte: u8| {
        if (0x20..0x7F).contains(&byte) {
            char::from(byte)
        } else {
            '.'
        }
    };
    tag.to_le_bytes().map(printable).iter().collect()
}

impl Block {
    fn describe(&self) -> String {
        let pool = match self.pool {
            Pool::NonPaged => "nonpaged",
            Pool::Paged => "paged",
        };
        format!(
            "a {pool} block of {} bytes, tag '{}'",
            self.size,
            tag_text(self.tag)
        )
    }
}

/// Allocates without checks: zeroed, or filled with a pattern. Null when out of memory or by fault
/// injection.
pub(crate) fn allocate(
    machine: &Machine,
    pool: Pool,
    size: usize,
    tag: ULONG,
    zeroed: bool,
    owner: Owner,
) -> PVOID {
    allocate_as(
        machine,
        Allocation {
            pool,
            size,
            tag,
            zeroed,
            cache_aligned: false,
            owner,
        },
    )
}

fn allocate_as(machine: &Machine, request: Allocation) -> PVOID {
    let state = &machine.pool;
    if request.owner == Owner::Driver && state.is_failing() {
        return null_mut();
    }
    let placed = lock(&state.blocks).place(&request, machine);
    let Some((address, place)) = placed else {
        return null_mut();
    };
    check::prepare(
        state.regions[request.pool as usize],
        address,
        &request,
        place,
    );
    address as PVOID
}

impl Blocks {
    fn place(&mut self, request: &Allocation, machine: &Machine) -> Option<(usize, Place)> {
        let index = request.pool as usize;
        if request.size > machine.pool.limit - self.used[index] {
            return None;
        }
        let arena = &mut self.arenas[index];
        let small = request.size < PAGE;
        let special = machine.config.verifier.special_pool && Region::protects() && small;
        let alignment = if request.cache_aligned {
            SYSTEM_CACHE_ALIGNMENT_SIZE as usize
        } else {
            ALIGNMENT
        };
        let mut placed = None;
        if special {
            placed = arena.special(request.size, alignment);
        }
        if small && !request.cache_aligned {
            placed = placed.or_else(|| arena.slot(request.size));
        }
        let (address, place) = placed.or_else(|| arena.pages(request.size))?;
        let block = Block {
            pool: request.pool,
            size: request.size,
            tag: request.tag,
            owner: request.owner,
            place,
        };
        self.live.insert(address, block);
        self.freed.remove(&address);
        self.used[index] += request.size;
        self.peak[index] = self.peak[index].max(self.used[index]);
        self.total[index] += 1;
        self.below_page += u64::from(small);
        self.special += u64::from(matches!(place, Place::Special { .. }));
        Some((address, place))
    }

    /// Removes a block from the account; its place is freed later.
    fn remove(&mut self, address: usize) -> Option<Block> {
        let block = self.live.remove(&address)?;
        self.used[block.pool as usize] -= block.size;
        if self.freed.insert(address, block).is_none() {
            self.freed_order.push_back(address);
        }
        if self.freed_order.len() > REMEMBERED
            && let Some(oldest) = self.freed_order.pop_front()
        {
            self.freed.remove(&oldest);
        }
        Some(block)
    }
}

/// Frees what [`allocate`] gave, with all checks. `call` names the function for the report.
///
/// # Safety
///
/// The block must no longer be in use.
pub(crate) unsafe fn free(machine: &Machine, address: PVOID, tag: Option<ULONG>, call: &str) {
    let address = address as usize;
    let state = &machine.pool;
    let found = lock(&state.blocks).live.get(&address).copied();
    let Some(block) = found else {
        refuse(machine, address, call);
    };
    check_irql_of_free(machine, address, &block, call);
    if let Some(tag) = tag
        && tag != 0
        && tag != block.tag
    {
        let parameters = [0xA, address as u64, u64::from(block.tag), u64::from(tag)];
        let text = format!(
            "{call} with tag '{}' of {}",
            tag_text(tag),
            block.describe()
        );
        bug_check(BAD_POOL_CALLER, parameters, text);
    }
    check_irp(machine, address, &block, call);
    lookaside::check_freed_memory(machine, address, block.size, call);
    slist::forget(machine, address, block.size);
    // Of two threads that free the same block, one comes second here.
    if lock(&state.blocks).remove(address).is_none() {
        refuse(machine, address, call);
    }
    check::at_free(machine, address, &block, call);
    let region = state.regions[block.pool as usize];
    match block.place {
        Place::Special { page } => region.release(page, 1, Page::SpecialFreed),
        Place::Pages { page, count } => region.release(page, count, Page::Freed),
        Place::Slot { .. } => {}
    }
    let mut blocks = lock(&state.blocks);
    blocks.arenas[block.pool as usize].give(address, block.place);
}

/// An IRP is freed by `IoFreeIrp` only.
fn check_irp(machine: &Machine, address: usize, block: &Block, call: &str) {
    let checked = machine.config.verifier.io_verification && call.starts_with("ExFreePool");
    if checked && block.tag == tag::IRP && machine.io.tables().irps.contains_key(&address) {
        bug_check(
            DRIVER_VERIFIER_DETECTED_VIOLATION,
            [0x105, address as u64, 0, 0],
            format!("{call} of the IRP at {address:#x}"),
        );
    }
}

/// Stops the run for a free of an address that is not that of a live block.
fn refuse(machine: &Machine, address: usize, call: &str) -> ! {
    let blocks = lock(&machine.pool.blocks);
    let freed = blocks.freed.get(&address).copied();
    let inside = (blocks.live.range(..address).next_back())
        .filter(|(start, block)| address < **start + block.size)
        .map(|(start, block)| format!(", which lies inside {} at {start:#x}", block.describe()));
    drop(blocks);
    let place = address as u64;
    match freed {
        Some(block) => Violation {
            verifier: [0x13, 0, place, u64::from(block.tag)],
            plain: (BAD_POOL_CALLER, [0x7, 0, u64::from(block.tag), place]),
        }
        .stop(
            machine,
            format!(
                "{call} of {address:#x}, {}, which was already freed",
                block.describe()
            ),
        ),
        None => Violation {
            verifier: [0x10, place, 0, 0],
            plain: (BAD_POOL_CALLER, [0x46, place, 0, 0]),
        }
        .stop(
            machine,
            format!(
                "{call} of {address:#x}, which is not a block of pool{}",
                inside.unwrap_or_default()
            ),
        ),
    }
}

/// The highest IRQL at which a pool may be called.
fn highest_irql(pool: Pool) -> u32 {
    match pool {
        Pool::NonPaged => DISPATCH_LEVEL,
        Pool::Paged => APC_LEVEL,
    }
}

fn check_irql_of_free(machine: &Machine, address: usize, block: &Block, call: &str) {
    let irql = irql::current();
    if u32::from(irql) <= highest_irql(block.pool) {
        return;
    }
    let case = match block.pool {
        Pool::Paged => 0x11,
        Pool::NonPaged => 0x12,
    };
    let [second, third, fourth] = [
        u64::from(irql),
        block.pool.pool_type() as u64,
        address as u64,
    ];
    Violation {
        verifier: [case, second, third, fourth],
        plain: (BAD_POOL_CALLER, [0x9, second, third, fourth]),
    }
    .stop(
        machine,
        format!("{call} of {} at IRQL {irql}", block.describe()),
    );
}

/// What the account shows, for the verifier's report.
pub(crate) struct Account {
    /// Live blocks of drivers by tag and pool: count and bytes.
    pub(crate) live: BTreeMap<(ULONG, Pool), (u64, u64)>,
    pub(crate) total: [u64; 2],
    pub(crate) peak: [usize; 2],
    pub(crate) special: u64,
    pub(crate) below_page: u64,
    pub(crate) injected: u64,
}

impl Pools {
    pub(crate) fn account(&self) -> Account {
        let blocks = lock(&self.blocks);
        let mut live = BTreeMap::new();
        for block in blocks
            .live
            .values()
            .filter(|block| block.owner == Owner::Driver)
        {
            let entry: &mut (u64, u64) = live.entry((block.tag, block.pool)).or_default();
            entry.0 += 1;
            entry.1 += block.size as u64;
        }
        Account {
            live,
            total: blocks.total,
            peak: blocks.peak,
            special: blocks.special,
            below_page: blocks.below_page,
            injected: self.injected.load(Ordering::Relaxed),
        }
    }
}
