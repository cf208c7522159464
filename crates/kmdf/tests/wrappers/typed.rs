//! Values and slices in memory: alignment, size, contents.

use super::{inside, inside_with};
use kmdf::{
    DriverParent, Error, LookasideList, Memory, NonPagedLookaside, NonPagedNx, PAGE_SIZE, Page,
    Paged, PagedLookaside, SpinLock, Tag,
};
use kmdf_test::{Config, Verifier};

const TAG: Tag = Tag::new(b"Type");

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(16))]
struct Sample {
    time: u64,
    level: u16,
}

const SAMPLE: Sample = Sample { time: 7, level: 9 };

/// C11: a value of the highest alignment below a page, of either pool.
#[test]
fn memory_holds_a_value() {
    inside(|device, irql| {
        let mut paged =
            Memory::<Paged, Sample>::with_value(&device, TAG, SAMPLE, irql).expect("memory");
        assert_eq!(paged.get(irql), &SAMPLE);
        paged.get_mut(irql).level = 10;
        assert_eq!(paged.get(irql).level, 10);
        let lock = SpinLock::new(&device, ()).expect("lock");
        let nonpaged =
            Memory::<NonPagedNx, _>::with_value(&device, TAG, SAMPLE, irql).expect("memory");
        let seen = lock.with(irql, |(), irql| *nonpaged.get(irql));
        assert_eq!(seen, Ok(SAMPLE));
    });
}

/// C5, C8: a slice is zero, and has elements and a size.
#[test]
fn memory_holds_elements() {
    inside(|device, irql| {
        let mut totals = Memory::<Paged, [u64]>::zeroed(&device, TAG, 100, irql).expect("memory");
        assert_eq!(totals.get(irql), [0; 100]);
        totals.get_mut(irql)[99] = u64::MAX;
        assert_eq!(totals.get(irql).iter().sum::<u64>(), u64::MAX);
        let refused = Memory::<Paged, [u64]>::zeroed(&device, TAG, 0, irql).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));
        let refused = Memory::<Paged, [u64]>::zeroed(&device, TAG, usize::MAX / 4, irql).err();
        assert_eq!(refused, Some(Error::INTEGER_OVERFLOW));
    });
}

/// C12: pages are where the type says that they are.
#[test]
fn pages_are_page_aligned() {
    inside(|_, irql| {
        for count in [1, 2, 5] {
            let pages = Memory::<NonPagedNx, [Page]>::zeroed(&DriverParent, TAG, count, irql);
            let pages = pages.expect("memory");
            let pages = pages.get(irql);
            assert_eq!((pages.len(), pages.as_ptr().addr() % PAGE_SIZE), (count, 0));
            assert!(pages.iter().all(|page| page.0 == [0; PAGE_SIZE]));
        }
    });
}

/// L2, E3, MEM-61: values in memory and entries of lists; a list whose buffers are too small for a
/// value refuses it.
#[test]
fn lists_hold_values() {
    for verifier in [Verifier::standard(), Verifier::off()] {
        let config = Config {
            verifier,
            ..Config::default()
        };
        inside_with(config, |device, irql| {
            let list = LookasideList::<Paged>::new(&device, TAG, 40, irql).expect("list");
            let paged = PagedLookaside::new(TAG, 40, irql).expect("list");
            let nonpaged = NonPagedLookaside::new(TAG, 40, irql).expect("list");
            for _ in 0..3 {
                let memory = list.allocate_value(SAMPLE, irql).expect("memory");
                let mut entry = paged.allocate_value(SAMPLE, irql).expect("entry");
                let other = nonpaged.allocate_value([1_u64; 5], irql).expect("entry");
                entry.get_mut(irql).time += 1;
                assert_eq!(memory.get(irql).time + 1, entry.get(irql).time);
                assert_eq!(other.get(irql), &[1; 5]);
            }
            let refused = list.allocate_value([0_u64; 6], irql).err();
            assert_eq!(refused, Some(Error::INVALID_BUFFER_SIZE));
            let refused = paged.allocate_value([0_u64; 6], irql).err();
            assert_eq!(refused, Some(Error::INVALID_BUFFER_SIZE));
            let pages = LookasideList::<NonPagedNx>::new(&device, TAG, 5000, irql).expect("list");
            let mut page = pages.allocate_zeroed::<Page>(irql).expect("memory");
            assert_eq!(page.get(irql).0, [0; PAGE_SIZE]);
            page.get_mut(irql).0.fill(3);
            assert_eq!(page.get(irql).0, [3; PAGE_SIZE]);
        })
        .expect("no bug check");
    }
}

/// Larger than the stack of the thread that makes it.
type Large = [u64; 1 << 20];

/// The kernel stack has 24 KiB.
#[test]
fn large_values_are_made_in_place() {
    inside(|device, irql| {
        let mut memory = Memory::<Paged, Large>::zeroed_value(&device, TAG, irql).expect("memory");
        memory.get_mut(irql)[7] = 7;
        assert_eq!(memory.get(irql).iter().sum::<u64>(), 7);
        let list = LookasideList::<NonPagedNx>::new(&device, TAG, size_of::<Large>(), irql);
        let memory = list.expect("list").allocate_zeroed::<Large>(irql);
        assert_eq!(memory.expect("memory").get(irql).iter().sum::<u64>(), 0);
        let list = PagedLookaside::new(TAG, size_of::<Large>(), irql).expect("list");
        let mut entry = list.allocate_zeroed::<Large>(irql).expect("entry");
        entry.get_mut(irql).fill(1);
        drop(entry);
        let entry = list.allocate_zeroed::<Large>(irql).expect("entry");
        assert_eq!(entry.get(irql).iter().sum::<u64>(), 0);
        let small = PagedLookaside::new(TAG, size_of::<Large>() - 1, irql).expect("list");
        let refused = small.allocate_zeroed::<Large>(irql).err();
        assert_eq!(refused, Some(Error::INVALID_BUFFER_SIZE));
    });
}
