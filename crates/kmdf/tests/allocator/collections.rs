//! Collections of `alloc` over the allocator.

use super::process::ProcessAllocator;
use super::{PoolAllocator, TAG, in_use, inside};
use kmdf::{DriverParent, SpinLock};
use std::cell::Cell;
use std::collections::VecDeque;
use std::mem::forget;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static ALLOCATOR: ProcessAllocator = ProcessAllocator {
    pool: PoolAllocator::new(TAG),
    belongs_to_driver: |_| FOR_DRIVER.get(),
};

thread_local! {
    static FOR_DRIVER: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body` with all its allocations from the pool.
fn from_pool<R>(body: impl FnOnce() -> R) -> R {
    FOR_DRIVER.set(true);
    let result = body();
    FOR_DRIVER.set(false);
    result
}

#[repr(align(64))]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Line([u8; 64]);

#[test]
fn a_vector_grows_in_the_pool_and_goes_with_its_value() {
    inside(|kernel, _, irql| {
        let mut bytes = Vec::new();
        for round in 1..=5_u8 {
            from_pool(|| bytes.try_reserve(1000)).expect("pool");
            bytes.extend_from_slice(&[round; 1000]);
            assert_eq!(in_use(&kernel.verifier()).0, 1);
        }
        from_pool(|| bytes.shrink_to_fit());
        assert_eq!(in_use(&kernel.verifier()), (1, 5032));
        assert!(
            bytes
                .chunks(1000)
                .zip(1..)
                .all(|(part, round)| part == [round; 1000])
        );
        let mut lines = Vec::new();
        from_pool(|| lines.try_reserve_exact(3)).expect("pool");
        lines.extend([Line([1; 64]), Line([2; 64])]);
        assert_eq!(in_use(&kernel.verifier()), (2, 5032 + 3 * 64 + 16 + 64));
        assert_eq!(lines, [Line([1; 64]), Line([2; 64])]);
        let mut deque = VecDeque::new();
        from_pool(|| deque.try_reserve(1)).expect("pool");
        deque.push_back(bytes);
        assert_eq!(in_use(&kernel.verifier()).0, 3);
        let lock = SpinLock::new(&DriverParent, (deque, lines)).expect("lock");
        lock.with(irql, |value, _| *value = (VecDeque::new(), Vec::new()))
            .expect("not held");
        assert_eq!(in_use(&kernel.verifier()), (0, 0));
    });
}

#[test]
fn a_vector_of_nothing_asks_for_no_pool() {
    inside(|kernel, _, _| {
        let before = kernel.verifier().allocations;
        from_pool(|| {
            let mut units = Vec::new();
            units.try_reserve(1000).expect("nothing to reserve");
            units.extend([(); 1000]);
            let none = Vec::<u64>::new();
            (units.len(), none)
        });
        assert_eq!(kernel.verifier().allocations, before);
    });
}

#[test]
fn an_exhausted_pool_is_an_error_and_the_vector_stays() {
    inside(|kernel, _, _| {
        let mut bytes = Vec::new();
        for failing in [true, false, true] {
            let before = bytes.clone();
            kernel.fail_nth_allocation(if failing { 1 } else { 2 });
            let reserved = from_pool(|| bytes.try_reserve_exact(300));
            assert_eq!(reserved.is_err(), failing);
            assert_eq!(bytes, before);
            if reserved.is_ok() {
                bytes.extend_from_slice(&[9; 300]);
            }
        }
        assert_eq!(bytes, [9; 300]);
        assert_eq!(kernel.verifier().faults_injected, 2);
    });
}

static KEPT: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// How many elements were dropped.
static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Element(u64);

impl Drop for Element {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn forgotten_collections_leave_nothing_and_drop_no_elements() {
    inside(|kernel, _, _| {
        let (mut forgotten, mut leaked, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        from_pool(|| forgotten.try_reserve(1)).expect("pool");
        forgotten.push(Element(7));
        assert_eq!(forgotten[0].0, 7);
        forget(forgotten);
        from_pool(|| leaked.try_reserve_exact(1)).expect("pool");
        leaked.push(Line([3; 64]));
        assert_eq!(leaked.leak(), [Line([3; 64])]);
        from_pool(|| kept.try_reserve_exact(5000)).expect("pool");
        kept.extend(std::iter::repeat_n(4, 5000));
        *KEPT.lock().expect("not poisoned") = kept;
        assert_eq!(in_use(&kernel.verifier()).0, 3);
    });
    assert_eq!(DROPPED.load(Ordering::Relaxed), 0);
    // On Windows the static ends with the image.
    forget(std::mem::take(&mut *KEPT.lock().expect("not poisoned")));
}
