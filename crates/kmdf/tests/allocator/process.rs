//! The global allocator of a test process: the system's, with a driver's allocations taken from the
//! model's pool.
//!
//! A driver makes [`PoolAllocator`] the global allocator of its image. A test process has one
//! allocator for the driver, the models and the tests, so that it must tell them apart.

use kmdf::PoolAllocator;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

/// The system's allocator, except for those allocations that `belongs_to_driver` names.
pub struct ProcessAllocator {
    pub pool: PoolAllocator,
    pub belongs_to_driver: fn(Layout) -> bool,
}

/// Where the allocations from the pool start, in no order; zero is an empty place. Addresses of the
/// model's pool are never those of other memory, so that what a driver leaves behind may stay here.
static FROM_POOL: Mutex<[usize; 256]> = Mutex::new([0; 256]);

thread_local! {
    /// Set while the pool is called: the model allocates for its own account meanwhile.
    static IN_POOL: Cell<bool> = const { Cell::new(false) };
}

/// Replaces the first `old` in the table by `new`, if there is one.
fn replace(old: usize, new: usize) -> bool {
    let mut table = FROM_POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let place = table.iter_mut().find(|address| **address == old);
    let found = place.is_some();
    if let Some(address) = place {
        *address = new;
    }
    found
}

fn in_pool<R>(call: impl FnOnce() -> R) -> R {
    IN_POOL.set(true);
    let result = call();
    IN_POOL.set(false);
    result
}

// SAFETY: Each allocation goes back to the one of the two allocators that it came from.
unsafe impl GlobalAlloc for ProcessAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IN_POOL.get() || !(self.belongs_to_driver)(layout) {
            // SAFETY: The caller passes a layout that is not empty.
            return unsafe { System.alloc(layout) };
        }
        // SAFETY: The caller passes a layout that is not empty.
        let memory = in_pool(|| unsafe { self.pool.alloc(layout) });
        if !memory.is_null() {
            let address = memory.addr();
            let noted = replace(address, address) || replace(0, address);
            assert!(noted, "more allocations of the driver than the table holds");
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if replace(memory.addr(), 0) {
            // SAFETY: The table says that it came from the pool.
            in_pool(|| unsafe { self.pool.dealloc(memory, layout) });
        } else {
            // SAFETY: What is not in the table came from the system.
            unsafe { System.dealloc(memory, layout) };
        }
    }
}
