//! The places of blocks in one pool: special pool's slots, slots within pages, and whole pages.

use crate::memory::{PAGE, Page, Region};
use std::collections::{BTreeMap, VecDeque};

/// Alignment of every block.
pub(super) const ALIGNMENT: usize = 16;

/// Bytes before a block that shares its page.
pub(super) const HEADER: usize = 16;

/// Pages of a special pool slot: the block's and its guard.
const SLOT: usize = 2;

/// Slots of special pool.
const SLOTS: usize = 16 * 1024;

/// Live special blocks at most: each costs the system two mappings, of which it has few.
const SPECIAL_LIVE: usize = 10 * 1024;

/// Freed slots of special pool that stay inaccessible before the oldest is used again.
const QUARANTINE: usize = 8 * 1024;

/// Pages of a pool at most where pages cannot be protected.
const UNPROTECTED_PAGES: usize = 16 * 1024;

/// The smallest slot within a page: a header and 16 bytes.
const SMALLEST: usize = HEADER + ALIGNMENT;

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// At the end of a page of its own, followed by a guard page.
    Special {
        /// First page of the slot.
        page: usize,
    },
    /// Within a page, after a header.
    Slot {
        /// How many slots of this size a page has.
        per_page: usize,
        /// Whether the slot was never used, so that it has no freed pattern yet.
        fresh: bool,
    },
    /// In whole pages of its own.
    Pages {
        /// Number of the first page.
        page: usize,
        /// The number of pages, without the inaccessible one that follows.
        count: usize,
    },
}

/// The places of one pool.
pub(super) struct Arena {
    region: &'static Region,
    special: Special,
    /// Free slots by how many of their size a page has: address, and whether it is fresh. First in,
    /// first out, so that a freed block stays recognisable for a while.
    slots: Vec<VecDeque<(usize, bool)>>,
    runs: Runs,
}

struct Special {
    fresh: std::ops::Range<usize>,
    freed: VecDeque<usize>,
    live: usize,
}

/// Free runs of pages: first page and count.
struct Runs {
    free: BTreeMap<usize, usize>,
    /// The end of the last run: the search continues there, so that pages are reused late.
    cursor: usize,
}

impl Arena {
    /// A pool that can hold `limit` bytes.
    pub(super) fn new(limit: usize, pageable: bool) -> Self {
        // Twice the pages: every block of whole pages is followed by one that is never accessible.
        let pages = 2 * limit.div_ceil(PAGE) + 2;
        // What cannot be reserved without being had must stay small.
        let (slots, pages) = if Region::protects() {
            (SLOTS, pages)
        } else {
            (0, pages.min(UNPROTECTED_PAGES))
        };
        let first = slots * SLOT;
        Self {
            region: Region::acquire(first + pages, pageable),
            special: Special {
                fresh: 0..slots,
                freed: VecDeque::new(),
                live: 0,
            },
            slots: vec![VecDeque::new(); PAGE / SMALLEST + 1],
            runs: Runs {
                free: BTreeMap::from([(first, pages)]),
                cursor: first,
            },
        }
    }

    pub(super) fn region(&self) -> &'static Region {
        self.region
    }

    /// A place in special pool, if it has one left.
    pub(super) fn special(&mut self, size: usize, alignment: usize) -> Option<(usize, Place)> {
        if self.special.live == SPECIAL_LIVE {
            return None;
        }
        let slot = if self.special.freed.len() < QUARANTINE {
            self.special.fresh.next()
        } else {
            None
        };
        let slot = slot.or_else(|| self.special.freed.pop_front())?;
        let page = slot * SLOT;
        if !self.region.commit(page, 1) {
            self.special.freed.push_back(slot);
            return None;
        }
        self.region.mark(page + 1, 1, Page::SpecialGuard);
        self.special.live += 1;
        let end = self.region.address(page + 1);
        let address = (end - size) & !(alignment - 1);
        Some((address, Place::Special { page }))
    }

    /// A place within a page.
    pub(super) fn slot(&mut self, size: usize) -> Option<(usize, Place)> {
        let per_page = slots_per_page(size)?;
        if self.slots[per_page].is_empty() {
            let page = self.runs.take(1)?;
            if !self.region.commit(page, 1) {
                self.runs.give(page, 1);
                return None;
            }
            let (start, stride) = (self.region.address(page), slot_size(per_page));
            let blocks = (0..per_page).map(|slot| (start + slot * stride + HEADER, true));
            self.slots[per_page].extend(blocks);
        }
        let (address, fresh) = self.slots[per_page].pop_front()?;
        Some((address, Place::Slot { per_page, fresh }))
    }

    /// Blocks of whole pages.
    pub(super) fn pages(&mut self, size: usize) -> Option<(usize, Place)> {
        let count = size.div_ceil(PAGE);
        let page = self.runs.take(count + 1)?;
        if !self.region.commit(page, count) {
            self.runs.give(page, count + 1);
            return None;
        }
        let place = Place::Pages { page, count };
        Some((self.region.address(page), place))
    }

    /// Takes a place back, whose pages, if they were its own, have been released.
    pub(super) fn give(&mut self, address: usize, place: Place) {
        match place {
            Place::Special { page } => {
                self.special.live -= 1;
                self.special.freed.push_back(page / SLOT);
            }
            Place::Slot { per_page, .. } => self.slots[per_page].push_back((address, false)),
            Place::Pages { page, count } => self.runs.give(page, count + 1),
        }
    }
}

/// How many blocks of a size fit on a page with their headers; none if not even one does.
fn slots_per_page(size: usize) -> Option<usize> {
    let needed = (size.max(1).next_multiple_of(ALIGNMENT) + HEADER).max(SMALLEST);
    (needed <= PAGE).then(|| PAGE / needed)
}

/// Bytes of a slot, header included, of which a page has `per_page`.
pub(super) fn slot_size(per_page: usize) -> usize {
    PAGE / per_page / ALIGNMENT * ALIGNMENT
}

impl Runs {
    fn take(&mut self, count: usize) -> Option<usize> {
        let fits = |(_, have): &(&usize, &usize)| **have >= count;
        let (&start, &have) = (self.free.range(self.cursor..).find(fits))
            .or_else(|| self.free.range(..self.cursor).find(fits))?;
        self.free.remove(&start);
        if have > count {
            self.free.insert(start + count, have - count);
        }
        self.cursor = start + count;
        Some(start)
    }

    fn give(&mut self, mut start: usize, mut count: usize) {
        if let Some((&before, &have)) = self.free.range(..start).next_back()
            && before + have == start
        {
            self.free.remove(&before);
            start = before;
            count += have;
        }
        if let Some(have) = self.free.remove(&(start + count)) {
            count += have;
        }
        self.free.insert(start, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_hold_their_size_and_do_not_leave_the_page() {
        for size in 1..=PAGE - HEADER {
            let per_page = slots_per_page(size).expect("fits a page with its header");
            let slot = slot_size(per_page);
            assert!(slot >= size + HEADER && slot * per_page <= PAGE, "{size}");
        }
        assert_eq!(slots_per_page(PAGE - HEADER + 1), None);
    }

    #[test]
    fn runs_coalesce_when_given_back() {
        let mut runs = Runs {
            free: BTreeMap::from([(0, 10)]),
            cursor: 0,
        };
        let taken: Vec<_> = (0..5).map(|_| runs.take(2).expect("room")).collect();
        assert_eq!(runs.take(1), None);
        for start in [taken[1], taken[3], taken[2], taken[0], taken[4]] {
            runs.give(start, 2);
        }
        assert_eq!(runs.free, BTreeMap::from([(0, 10)]));
    }
}
