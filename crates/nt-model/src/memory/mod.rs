//! Page-granular memory: reserved regions whose pages are accessible, guarded, freed or paged out.

mod fault;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

use crate::machine::lock;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// `PAGE_SIZE` of NT on x64.
pub(crate) const PAGE: usize = 4096;

/// Pages brought in at once around a faulting one.
const CLUSTER: usize = 16;

/// How long a thread below `DISPATCH_LEVEL` waits for those at it before it gets its page anyway.
/// Only a thread that blocks at `DISPATCH_LEVEL` outside the kernel's sight takes that long.
const PATIENCE: Duration = Duration::from_secs(1);

/// The state of a page of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Page {
    /// The page belongs to no block.
    Unused,
    /// The page belongs to a block; it is accessible, unless it is paged out.
    Live,
    /// The guard page behind a block of special pool.
    SpecialGuard,
    /// The page was a block of special pool.
    SpecialFreed,
    /// The page was part of a block of whole pages.
    Freed,
}

impl Page {
    fn from_state(state: u8) -> Self {
        [
            Self::Unused,
            Self::Live,
            Self::SpecialGuard,
            Self::SpecialFreed,
            Self::Freed,
        ][usize::from(state)]
    }
}

/// A range of reserved pages, which lives as long as the process and serves one machine at a time.
///
/// # Invariants
///
/// `base` starts a reservation of `pages` pages that is never given back to the system. With
/// [`protects`](Region::protects), pages other than [`Page::Live`] ones are inaccessible.
pub(crate) struct Region {
    base: usize,
    pages: usize,
    states: Box<[AtomicU8]>,
    pageable: bool,
    /// The machine stopped: its threads that still run must not continue.
    abandoned: AtomicBool,
    pager: Mutex<Pager>,
    quiet: Condvar,
    next: AtomicPtr<Region>,
}

/// The threads that decide whether pageable pages are accessible.
struct Pager {
    /// Threads at `DISPATCH_LEVEL` or above.
    at_dispatch: usize,
    /// Threads that wait for there to be none of them.
    waiting: usize,
    /// First and last page that may be accessible.
    resident: Option<(usize, usize)>,
}

/// All regions, the newest first. Regions are only ever added, so that a fault handler can walk it.
static REGIONS: AtomicPtr<Region> = AtomicPtr::new(null_mut());

/// Regions of machines that ended normally.
static IDLE: Mutex<Vec<&'static Region>> = Mutex::new(Vec::new());

/// Prepares the calling thread for the fault handler.
pub(crate) fn prepare_thread() {
    fault::prepare_thread();
}

/// The region that `address` lies in. Takes no lock.
fn region_of(address: usize) -> Option<&'static Region> {
    let mut next = REGIONS.load(Ordering::Acquire);
    loop {
        // SAFETY: The list holds leaked regions and ends with null.
        let region: &'static Region = unsafe { next.as_ref() }?;
        if region.contains(address) {
            return Some(region);
        }
        next = region.next.load(Ordering::Acquire);
    }
}

impl Region {
    /// A region of at least `pages` inaccessible pages.
    ///
    /// # Panics
    ///
    /// If the system has no address space left.
    pub(crate) fn acquire(pages: usize, pageable: bool) -> &'static Self {
        fault::install();
        let mut idle = lock(&IDLE);
        let fitting = |region: &&'static Self| region.pages == pages && region.pageable == pageable;
        if let Some(index) = idle.iter().position(fitting) {
            return idle.swap_remove(index);
        }
        drop(idle);
        Self::reserve(pages, pageable)
    }

    fn reserve(pages: usize, pageable: bool) -> &'static Self {
        let base = system::reserve(pages * PAGE).expect("the system has address space for a pool");
        let region = Box::leak(Box::new(Self {
            base,
            pages,
            states: (0..pages).map(|_| AtomicU8::new(0)).collect(),
            pageable,
            abandoned: AtomicBool::new(false),
            pager: Mutex::new(Pager {
                at_dispatch: 0,
                waiting: 0,
                resident: None,
            }),
            quiet: Condvar::new(),
            next: AtomicPtr::new(null_mut()),
        }));
        let mut first = REGIONS.load(Ordering::Acquire);
        loop {
            region.next.store(first, Ordering::Relaxed);
            let new = &raw mut *region;
            match REGIONS.compare_exchange(first, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return region,
                Err(other) => first = other,
            }
        }
    }

    /// Whether this system can make pages inaccessible one by one, as NT has them.
    pub(crate) fn protects() -> bool {
        system::protects()
    }

    /// Whether pages of it are paged out for threads at `DISPATCH_LEVEL`.
    fn is_pageable(&self) -> bool {
        self.pageable
    }

    /// Whether its machine stopped.
    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Whether `address` lies in this region.
    pub(crate) fn contains(&self, address: usize) -> bool {
        (self.base..self.base + self.pages * PAGE).contains(&address)
    }

    /// The address of a page.
    pub(crate) fn address(&self, page: usize) -> usize {
        self.base + page * PAGE
    }

    /// The page that an address of this region lies in.
    fn page(&self, address: usize) -> usize {
        (address - self.base) / PAGE
    }

    /// The state of a page.
    pub(crate) fn state(&self, page: usize) -> Page {
        Page::from_state(self.states[page].load(Ordering::Acquire))
    }

    /// Sets the state of pages without changing their access.
    pub(crate) fn mark(&self, first: usize, count: usize, state: Page) {
        for page in &self.states[first..first + count] {
            page.store(state as u8, Ordering::Release);
        }
    }

    /// Gives pages to a block, with undefined contents. False if the system cannot make them accessible.
    #[must_use]
    pub(crate) fn commit(&self, first: usize, count: usize) -> bool {
        self.mark(first, count, Page::Live);
        let mut pager = lock(&self.pager);
        if self.pageable && pager.at_dispatch > 0 {
            // Paged in by the first access.
            return true;
        }
        let done = system::allow(self.address(first), count * PAGE);
        if done {
            pager.has_resident(first, count);
        } else {
            self.mark(first, count, Page::Unused);
        }
        done
    }

    /// Frees the pages of a block: they are inaccessible and their contents lost.
    pub(crate) fn release(&self, first: usize, count: usize, state: Page) {
        self.mark(first, count, state);
        system::discard(self.address(first), count * PAGE);
    }

    /// Notes that a thread has come to `DISPATCH_LEVEL`: the first one has all pages paged out.
    pub(crate) fn enter_dispatch(&self) {
        let mut pager = lock(&self.pager);
        pager.at_dispatch += 1;
        if pager.at_dispatch == 1
            && let Some((first, last)) = pager.resident.take()
        {
            system::forbid(self.address(first), (last - first + 1) * PAGE);
        }
    }

    /// Notes that a thread has left `DISPATCH_LEVEL`.
    pub(crate) fn leave_dispatch(&self) {
        let mut pager = lock(&self.pager);
        pager.at_dispatch -= 1;
        if pager.at_dispatch == 0 && pager.waiting > 0 {
            self.quiet.notify_all();
        }
    }

    /// Brings a live page in for a thread below `DISPATCH_LEVEL`, once no thread is at it. False if
    /// the system cannot have it accessible.
    #[must_use]
    fn page_in(&self, page: usize) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut pager = lock(&self.pager);
        pager.waiting += 1;
        while pager.at_dispatch > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            pager = (self.quiet.wait_timeout(pager, left))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        pager.waiting -= 1;
        if self.state(page) != Page::Live {
            // Freed meanwhile: the retried access will tell.
            return true;
        }
        let end = self.pages.min(page + CLUSTER);
        let count = (page..end).take_while(|&page| self.state(page) == Page::Live);
        let count = count.count();
        pager.has_resident(page, count);
        system::allow(self.address(page), count * PAGE)
    }

    /// Frees the region for another machine, when it is no longer in use.
    pub(crate) fn retire(&'static self) {
        self.release(0, self.pages, Page::Unused);
        *lock(&self.pager) = Pager {
            at_dispatch: 0,
            waiting: 0,
            resident: None,
        };
        lock(&IDLE).push(self);
    }

    /// Closes the region permanently: threads that access it from now on are blocked.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        if system::protects() {
            system::discard(self.base, self.pages * PAGE);
        }
    }
}

impl Pager {
    fn has_resident(&mut self, first: usize, count: usize) {
        let last = first + count - 1;
        self.resident = Some(match self.resident {
            Some((low, high)) => (low.min(first), high.max(last)),
            None => (first, last),
        });
    }
}
