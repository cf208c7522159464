//! The allocator's own functions, with all kinds of layouts.

use super::{PoolAllocator, TAG, in_use, inside};
use kmdf::{DriverParent, SpinLock};
use std::alloc::{GlobalAlloc, Layout};
use std::ptr::null_mut;

const ALLOCATOR: PoolAllocator = PoolAllocator::new(TAG);

/// An allocation of a test, filled with a pattern of its own.
struct Block {
    start: *mut u8,
    layout: Layout,
}

impl Block {
    fn new(size: usize, alignment: usize) -> Self {
        let layout = Layout::from_size_align(size, alignment).expect("a layout");
        // SAFETY: The layout is not empty: every test passes a size above zero.
        let start = unsafe { ALLOCATOR.alloc(layout) };
        assert!(!start.is_null());
        assert_eq!(start.addr() % alignment, 0, "{layout:?}");
        let mut block = Self { start, layout };
        block.fill();
        block
    }

    /// Fails if the pool cannot give the new size.
    fn resize(&mut self, size: usize) -> bool {
        // SAFETY: The block is this allocator's, and every test passes a size above zero.
        let start = unsafe { ALLOCATOR.realloc(self.start, self.layout, size) };
        if start.is_null() {
            return false;
        }
        self.start = start;
        let former = self.layout.size();
        self.layout = Layout::from_size_align(size, self.layout.align()).expect("a layout");
        assert_eq!(self.start.addr() % self.layout.align(), 0);
        self.check(former.min(size));
        self.fill();
        true
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: The block has so many bytes, and all were written when it was made.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.layout.size()) }
    }

    fn fill(&mut self) {
        for offset in 0..self.layout.size() {
            // SAFETY: The index is below the size of the block.
            let byte = unsafe { self.start.add(offset) };
            // SAFETY: The index is below the size of the block, which this value owns.
            unsafe { byte.write(offset as u8 ^ 0x5A) };
        }
    }

    fn check(&mut self, count: usize) {
        let bytes = self.bytes().iter().take(count).zip(0_usize..);
        bytes.for_each(|(&byte, offset)| assert_eq!(byte, offset as u8 ^ 0x5A, "at {offset}"));
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check(self.layout.size());
        // SAFETY: The block came from this allocator with this layout, and is not used any more.
        unsafe { ALLOCATOR.dealloc(self.start, self.layout) };
    }
}

/// Special pool stops the run at an access outside of the pool's block.
#[test]
fn memory_has_its_size_and_alignment_and_keeps_its_content() {
    inside(|kernel, _, _| {
        for alignment in [1, 2, 4, 8, 16, 32, 64, 128, 1024, 4096, 8192, 65536] {
            let sizes = [
                1, 7, 16, 17, 100, 2047, 4000, 4063, 4064, 4096, 5000, 8192, 70_000,
            ];
            let mut blocks = sizes.map(|size| Block::new(size, alignment));
            assert_eq!(in_use(&kernel.verifier()).0, sizes.len() as u64);
            for block in &mut blocks {
                let size = block.layout.size();
                for size in [size + 1, size * 3, size, size.div_ceil(2), 1] {
                    assert!(block.resize(size));
                }
            }
        }
        assert_eq!(in_use(&kernel.verifier()), (0, 0));
    });
}

#[test]
fn an_allocation_takes_what_its_documentation_says() {
    inside(|kernel, _, _| {
        for (size, alignment, of_pool) in [
            (1, 1, 33),
            (100, 8, 132),
            (100, 16, 132),
            (100, 32, 148),
            (64, 64, 144),
            (4096, 16, 4128),
            (4096, 4096, 8208),
            (8192, 8192, 16400),
        ] {
            let block = Block::new(size, alignment);
            let used = in_use(&kernel.verifier());
            assert_eq!(used, (1, of_pool), "{size} bytes at {alignment}");
            drop(block);
        }
    });
}

#[test]
fn zeroed_memory_is_zero_where_freed_memory_was_not() {
    inside(|_, _, _| {
        for (size, alignment) in [(100, 1), (4096, 64), (9000, 8192)] {
            drop(Block::new(size, alignment));
            let layout = Layout::from_size_align(size, alignment).expect("a layout");
            // SAFETY: The layout is not empty.
            let start = unsafe { ALLOCATOR.alloc_zeroed(layout) };
            assert_eq!(start.addr() % alignment, 0);
            let mut block = Block { start, layout };
            assert!(block.bytes().iter().all(|&byte| byte == 0));
            block.fill();
        }
    });
}

#[test]
fn memory_is_allocated_used_and_freed_at_dispatch_level() {
    inside(|_, _, irql| {
        let lock = SpinLock::new(&DriverParent, ()).expect("lock");
        let block = lock.with(irql, |_, _| {
            let mut block = Block::new(5000, 64);
            assert!(block.resize(10_000));
            drop(Block::new(3, 1));
            block
        });
        lock.with(irql, |_, _| drop(block)).expect("not held");
    });
}

#[test]
fn an_exhausted_pool_gives_null_and_what_was_there_stays() {
    inside(|kernel, _, _| {
        let layout = Layout::from_size_align(64, 64).expect("a layout");
        kernel.fail_nth_allocation(1);
        // SAFETY: The layout is not empty.
        let start = unsafe { ALLOCATOR.alloc(layout) };
        assert_eq!(start, null_mut());
        kernel.fail_nth_allocation(1);
        // SAFETY: The layout is not empty.
        let start = unsafe { ALLOCATOR.alloc_zeroed(layout) };
        assert_eq!(start, null_mut());
        let mut block = Block::new(100, 32);
        kernel.fail_nth_allocation(1);
        assert!(!block.resize(101));
        block.check(100);
        assert!(block.resize(101));
        assert_eq!(kernel.verifier().faults_injected, 3);
    });
}

#[test]
fn memory_becomes_smaller_where_it_is_when_the_pool_is_exhausted() {
    inside(|kernel, _, _| {
        let mut block = Block::new(100, 32);
        let start = block.start;
        kernel.fail_nth_allocation(1);
        assert!(block.resize(10));
        assert_eq!(block.start, start);
        assert_eq!(kernel.verifier().faults_injected, 1);
    });
}

#[test]
fn layouts_that_no_pool_can_hold_give_null() {
    inside(|kernel, _, _| {
        let before = kernel.verifier().allocations;
        for (size, alignment) in [
            (1, 1 << 32),
            (1, 1 << 62),
            (isize::MAX as usize, 1),
            (isize::MAX as usize - 15, 16),
        ] {
            let layout = Layout::from_size_align(size, alignment).expect("a layout");
            // SAFETY: The layout is not empty.
            let start = unsafe { ALLOCATOR.alloc(layout) };
            assert_eq!(start, null_mut(), "{layout:?}");
        }
        // Alignments that large do not reach the pool.
        assert_eq!(kernel.verifier().allocations, before + 2);
    });
}

#[test]
fn memory_that_is_never_freed_is_gone_after_the_unload() {
    inside(|kernel, _, _| {
        for alignment in [1, 64, 8192] {
            std::mem::forget(Block::new(500, alignment));
        }
        assert_eq!(in_use(&kernel.verifier()).0, 3);
    });
}
