//! `WdfLookasideListCreate` and `WdfMemoryCreateFromLookaside`: rules L1 to L7.

use super::{inside, inside_with};
use kmdf::{
    DriverParent, Error, LookasideList, NonPagedNx, PAGE_SIZE, Paged, Passive, PoolKind, SpinLock,
    Tag,
};
use nt_model::{Config, Verifier};

const TAG: Tag = Tag::new(b"Look");

fn sizes_and_contents<P: PoolKind>(device: kmdf::Device<'_>, irql: &Passive) {
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

/// L1, L2, C6: size and pool are the list's, the address comes from WdfMemoryGetBuffer; MEM-60:
/// nothing of a former owner shows, whatever the size.
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
    super::driver::with_device(Config::default(), |kernel, file| {
        let kernel = kernel.clone();
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
