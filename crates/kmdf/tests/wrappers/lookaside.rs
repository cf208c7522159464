//! `WdfLookasideListCreate` and `WdfMemoryCreateFromLookaside`: rules L1 to L7.

use super::{inside, inside_with};
use kmdf::{
    Device, DriverParent, Error, LookasideList, NonPagedNx, PAGE_SIZE, Paged, Passive, PoolKind,
    SpinLock, Tag,
};
use kmdf_test::{Config, Pool, Verifier};

const TAG: Tag = Tag::new(b"Look");

fn sizes_and_contents<P: PoolKind>(device: Device<'_>, irql: &Passive) {
    for size in [1, 24, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 5000] {
        let list = LookasideList::<P>::new(&device, TAG, size, irql).expect("list");
        for _ in 0..6 {
            let mut memories: Vec<_> = (0..6)
                .map(|_| list.allocate(irql).expect("memory"))
                .collect();
            for memory in &mut memories {
                assert_eq!(memory.len(), size);
                assert!(
                    memory.bytes(irql).iter().all(|&byte| byte == 0),
                    "{size} bytes"
                );
                memory.bytes_mut(irql).fill(0xDB);
            }
        }
    }
}

/// L1, L2, C6: size and pool are the list's, the address comes from WdfMemoryGetBuffer; C8: nothing
/// of a former owner shows, whatever the size. The model leaves in a buffer what was there, as the
/// documentation allows.
#[test]
fn memory_from_a_list_has_its_size_and_is_zero() {
    // The verifier keeps lists empty; without it buffers are used again.
    for verifier in [Verifier::standard(), Verifier::off()] {
        let config = Config {
            verifier,
            ..Config::default()
        };
        inside_with(config, |device, irql| {
            sizes_and_contents::<Paged>(device, irql);
            sizes_and_contents::<NonPagedNx>(device, irql);
        })
        .expect("no bug check");
    }
}

/// C8: what is asked for without zeroing has what was there before, as `MaybeUninit` until it is
/// written.
#[test]
fn uninitialised_memory_from_a_list_is_not_zeroed() {
    fn written<P: PoolKind>(device: Device<'_>, irql: &Passive) {
        for size in [24, PAGE_SIZE + 1] {
            let list = LookasideList::<P>::new(&device, TAG, size, irql).expect("list");
            let memory = list.allocate_uninit(irql).expect("memory");
            assert_eq!(memory.len(), size);
            let bytes = vec![0x5A; size];
            let memory = memory.written(&bytes, irql).expect("as many bytes");
            assert_eq!(memory.bytes(irql), bytes);
            drop(memory);
            drop(list.allocate_uninit(irql).expect("memory"));
            let memory = list.allocate_uninit(irql).expect("memory");
            assert_eq!(memory.filled(7, irql).bytes(irql), vec![7; size]);
        }
    }
    for verifier in [Verifier::standard(), Verifier::off()] {
        let config = Config {
            verifier,
            ..Config::default()
        };
        inside_with(config, |device, irql| {
            written::<Paged>(device, irql);
            written::<NonPagedNx>(device, irql);
        })
        .expect("no bug check");
    }
}

/// MEM-50: the kernel's list keeps 32 bits of a size; the framework would hand out memory that says
/// it has 4 GiB more than its block.
#[test]
fn a_list_of_four_gibibytes_or_more_is_refused() {
    fn error_of<P: PoolKind>(size: usize, device: Device<'_>, irql: &Passive) -> Option<Error> {
        let list = LookasideList::<P>::new(&device, TAG, size, irql);
        list.and_then(|list| list.allocate(irql)).err()
    }
    inside(|device, irql| {
        let refused = Some(Error::INVALID_PARAMETER);
        for size in [
            1 << 32,
            (1 << 32) + 8192,
            (1 << 33) + 64,
            1 << 47,
            usize::MAX,
        ] {
            assert_eq!(error_of::<Paged>(size, device, irql), refused, "{size:#x}");
            assert_eq!(error_of::<NonPagedNx>(size, device, irql), refused);
        }
        let too_large_for_the_pool = Some(Error::INSUFFICIENT_RESOURCES);
        let largest = u32::MAX as usize;
        assert_eq!(
            error_of::<Paged>(largest, device, irql),
            too_large_for_the_pool
        );
        assert_eq!(
            error_of::<NonPagedNx>(largest, device, irql),
            too_large_for_the_pool
        );
    });
}

/// L1: pool and tag are given when the list is made, and hold for all memory from it.
#[test]
fn the_pool_sees_pool_and_tag_of_the_list() {
    super::driver::with_device(Config::default(), |test, file| {
        let (list, first, second) = super::driver::run_body(file, |_, irql| {
            let list = LookasideList::<Paged>::new(&DriverParent, TAG, 5000, irql).expect("list");
            let first = list.allocate(irql).expect("memory");
            let second = list.allocate(irql).expect("memory");
            (list, first, second)
        });
        let tags = test.kernel().verifier().tags;
        let paged = |tag: &&nt_model::TagUse| tag.tag == TAG.value() && tag.pool == Pool::Paged;
        let ours = tags.iter().find(paged).expect("blocks with the tag");
        assert_eq!((ours.blocks, ours.bytes), (2, 10_000));
        drop((first, second, list));
        let left = test.kernel().verifier().tags;
        assert!(left.iter().all(|tag| tag.tag != TAG.value()), "{left:?}");
    })
    .expect("no bug check");
}

/// L2, L5: what is given back to the list is what it gives next.
#[test]
fn a_buffer_goes_back_to_its_list_and_comes_from_it() {
    // The verifier keeps lists empty; without it buffers are used again.
    let config = Config {
        verifier: Verifier::off(),
        ..Config::default()
    };
    inside_with(config, |device, irql| {
        let list = LookasideList::<NonPagedNx>::new(&device, TAG, 64, irql).expect("list");
        let other = LookasideList::<NonPagedNx>::new(&device, TAG, 64, irql).expect("list");
        let address = |list: &LookasideList<NonPagedNx>| {
            let memory = list.allocate(irql).expect("memory");
            memory.bytes(irql).as_ptr().addr()
        };
        let first = address(&list);
        let held = other.allocate(irql).expect("memory");
        assert_ne!(held.bytes(irql).as_ptr().addr(), first);
        assert_eq!(address(&list), first);
    })
    .expect("no bug check");
}

/// L3: an entry size of zero.
#[test]
fn a_list_of_no_bytes_is_refused() {
    inside(|device, irql| {
        let refused = LookasideList::<Paged>::new(&device, TAG, 0, irql).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));
    });
}

/// L3: each failing allocation reaches the caller.
#[test]
fn exhaustion_reaches_the_caller() {
    super::driver::with_device(Config::default(), |test, file| {
        let kernel = test.kernel().clone();
        super::driver::run_body(file, move |device, irql| {
            kernel.fail_nth_allocation(1);
            let refused = LookasideList::<Paged>::new(&device, TAG, 100, irql).err();
            assert_eq!(refused, Some(Error::INSUFFICIENT_RESOURCES));
            let list = LookasideList::<Paged>::new(&DriverParent, TAG, 100, irql).expect("list");
            for nth in 1..=2 {
                kernel.fail_nth_allocation(nth);
                let refused = list.allocate(irql).err();
                assert_eq!(
                    refused,
                    Some(Error::INSUFFICIENT_RESOURCES),
                    "allocation {nth}"
                );
            }
            kernel.fail_nth_allocation(0);
            list.allocate(irql).expect("memory");
        });
    })
    .expect("no bug check");
}

/// L5, MEM-65: memory stays valid when its list is dropped first.
#[test]
fn memory_outlives_its_list() {
    inside(|device, irql| {
        let list = LookasideList::<Paged>::new(&device, TAG, 64, irql).expect("list");
        let mut memory = list.allocate(irql).expect("memory");
        drop(list);
        memory.bytes_mut(irql).fill(9);
        assert_eq!(memory.bytes(irql), [9; 64]);
    });
}

/// L6: a nonpaged list is used under a spin lock; memory of a paged one is dropped under it.
#[test]
fn lists_work_at_the_levels_of_their_pools() {
    inside(|device, irql| {
        let lock = SpinLock::new(&device, ()).expect("lock");
        let nonpaged = LookasideList::<NonPagedNx>::new(&device, TAG, 64, irql).expect("list");
        let paged = LookasideList::<Paged>::new(&device, TAG, 64, irql).expect("list");
        let memory = paged.allocate(irql).expect("memory");
        lock.with(irql, |(), irql| {
            let mut memory = nonpaged.allocate(irql).expect("memory");
            memory.bytes_mut(irql).fill(1);
            drop(memory);
        })
        .expect("not recursive");
        lock.with(irql, |(), _| drop(memory))
            .expect("not recursive");
        lock.with(irql, |(), _| drop(paged)).expect("not recursive");
    });
}

/// MEM-54, MEM-59: the parent of the memory is the driver, or the one named.
#[test]
fn a_list_may_name_the_parent_of_its_memory() {
    inside(|device, irql| {
        let list =
            LookasideList::<NonPagedNx>::with_memory_parent(&DriverParent, &device, TAG, 64, irql)
                .expect("list");
        assert!(list.has_memory_parent());
        let memory = list.allocate(irql).expect("memory");
        drop(list);
        assert_eq!(memory.bytes(irql), [0; 64]);
    });
}
