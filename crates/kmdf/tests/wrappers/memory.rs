//! `WdfMemoryCreate`: rules C1 to C13.

use super::{inside, inside_with};
use kmdf::{DriverParent, Error, Memory, NonPagedNx, Paged, PoolKind, SpinLock, Tag};
use kmdf_test::{Config, Pool, Verifier};

const TAG: Tag = Tag::new(b"Mem1");
const PAGE: usize = 4096;

/// C1, C9: no parent named, hence the driver; and a device as parent.
#[test]
fn memory_is_made_with_and_without_a_parent() {
    inside(|device, irql| {
        let alone = Memory::<Paged>::new(&DriverParent, TAG, 100, irql).expect("memory");
        let child = Memory::<Paged>::new(&device, TAG, 100, irql).expect("memory");
        assert_eq!((alone.len(), child.len()), (100, 100));
    });
}

/// C2, C11: each pool, below a page: the exact size, aligned to 16.
#[test]
fn small_memory_has_the_exact_size_and_is_aligned_to_16() {
    fn check<P: PoolKind>(device: kmdf::Device<'_>, irql: &kmdf::Passive) {
        for length in [1, 15, 16, 17, 1000, PAGE - 1] {
            let mut memory = Memory::<P>::new(&device, TAG, length, irql).expect("memory");
            let bytes = memory.bytes_mut(irql);
            assert_eq!(bytes.len(), length);
            assert_eq!(bytes.as_ptr().addr() % 16, 0);
            bytes.fill(0xA5);
        }
    }
    inside(|device, irql| {
        check::<Paged>(device, irql);
        check::<NonPagedNx>(device, irql);
    });
}

/// C12: from a page up the buffer is page-aligned.
#[test]
fn memory_of_a_page_or_more_is_page_aligned() {
    fn check<P: PoolKind>(device: kmdf::Device<'_>, irql: &kmdf::Passive) {
        for length in [PAGE, PAGE + 1, 3 * PAGE, 100_000] {
            let mut memory = Memory::<P>::new(&device, TAG, length, irql).expect("memory");
            assert_eq!(memory.bytes(irql).as_ptr().addr() % PAGE, 0);
            memory.bytes_mut(irql).fill(0xA5);
        }
    }
    inside(|device, irql| {
        check::<Paged>(device, irql);
        check::<NonPagedNx>(device, irql);
    });
}

/// C3: the tag reaches the pool; C10: the pool has the memory back once the value is dropped.
#[test]
fn the_pool_sees_the_tag() {
    super::driver::with_device(Config::default(), |test, file| {
        let memory = super::driver::run_body(file, |_, irql| {
            Memory::<Paged>::new(&DriverParent, TAG, 123, irql).expect("memory")
        });
        let tags = test.kernel().verifier().tags;
        let ours: Vec<_> = tags.iter().filter(|tag| tag.tag == TAG.value()).collect();
        assert_eq!(ours.len(), 1);
        assert_eq!(
            (ours[0].pool, ours[0].blocks, ours[0].bytes),
            (Pool::Paged, 1, 123)
        );
        drop(memory);
        assert!(
            test.kernel()
                .verifier()
                .tags
                .iter()
                .all(|tag| tag.tag != TAG.value())
        );
    })
    .expect("no bug check");
}

/// C3: tag 0 is the default, made of the service name `wrappers`.
#[test]
fn tag_zero_is_the_drivers_default() {
    super::driver::with_device(Config::default(), |test, file| {
        let expected = const { Tag::new(b"wrap") }.value();
        let paged = || -> u64 {
            let tags = test.kernel().verifier().tags;
            let own = tags
                .iter()
                .filter(|tag| tag.tag == expected && tag.pool == Pool::Paged);
            own.map(|tag| tag.bytes).sum()
        };
        // The framework's copy of the registry path is there already.
        let before = paged();
        let memory = super::driver::run_body(file, |_, irql| {
            Memory::<Paged>::new(&DriverParent, Tag::DEFAULT, 77, irql).expect("memory")
        });
        assert_eq!(paged() - before, 77, "{:?}", test.kernel().verifier().tags);
        drop(memory);
    })
    .expect("no bug check");
}

/// C3: bad tags at run time.
#[test]
fn a_bad_tag_is_refused() {
    for bad in [&b""[..], b"\0\0\0\0", b"12345", b"a\x80bc", b"\xFF"] {
        assert_eq!(
            Tag::try_from_bytes(bad),
            Err(Error::INVALID_PARAMETER),
            "{bad:?}"
        );
    }
    assert_eq!(
        Tag::try_from_bytes(b"A").map(Tag::value),
        Ok(u32::from(b'A'))
    );
}

/// C5, C7: a length of zero.
#[test]
fn memory_of_no_bytes_is_refused() {
    inside(|device, irql| {
        let refused = Memory::<Paged>::new(&device, TAG, 0, irql).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));
        let refused = Memory::<NonPagedNx>::new(&device, TAG, 0, irql).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));
    });
}

/// C7: an exhausted pool, and each failing allocation on the way.
#[test]
fn exhaustion_reaches_the_caller() {
    inside(|device, irql| {
        let refused = Memory::<Paged>::new(&device, TAG, usize::MAX / 2, irql).err();
        assert_eq!(refused, Some(Error::INSUFFICIENT_RESOURCES));
    });
    super::driver::with_device(Config::default(), |test, file| {
        let kernel = test.kernel().clone();
        super::driver::run_body(file, move |device, irql| {
            for nth in 1..=2 {
                kernel.fail_nth_allocation(nth);
                let refused = Memory::<Paged>::new(&device, TAG, 64, irql).err();
                assert_eq!(
                    refused,
                    Some(Error::INSUFFICIENT_RESOURCES),
                    "allocation {nth}"
                );
            }
            kernel.fail_nth_allocation(0);
            Memory::<Paged>::new(&device, TAG, 64, irql).expect("memory");
        });
    })
    .expect("no bug check");
}

/// C8: what the short name gives is zero, whatever was there before.
#[test]
fn new_memory_is_zeroed() {
    inside(|device, irql| {
        for _ in 0..8 {
            let mut memory = Memory::<NonPagedNx>::new(&device, TAG, 5000, irql).expect("memory");
            assert!(memory.bytes(irql).iter().all(|&byte| byte == 0));
            memory.bytes_mut(irql).fill(0xEE);
        }
    });
}

/// C8: uninitialised memory becomes readable by being written only.
#[test]
fn uninitialised_memory_is_written_before_it_is_read() {
    inside(|device, irql| {
        let memory = Memory::<Paged>::new_uninit(&device, TAG, 4, irql).expect("memory");
        assert_eq!(memory.filled(7, irql).bytes(irql), [7; 4]);
        let memory = Memory::<Paged>::new_uninit(&device, TAG, 4, irql).expect("memory");
        let memory = memory
            .written(b"abcd", irql)
            .expect("as long as the memory");
        assert_eq!(memory.bytes(irql), b"abcd");
        let memory = Memory::<Paged>::new_uninit(&device, TAG, 4, irql).expect("memory");
        assert_eq!(
            memory.written(b"abc", irql).err(),
            Some(Error::INVALID_BUFFER_SIZE)
        );
    });
}

/// MEM-36, MEM-37, MEM-38: the copies and their statuses; C6: the address that the wrapper reads at is
/// that of the object's buffer.
#[test]
fn copies_report_the_frameworks_statuses() {
    inside(|device, irql| {
        let mut memory = Memory::<Paged>::new(&device, TAG, 8, irql).expect("memory");
        memory.copy_from(2, b"abc", irql).expect("fits");
        assert_eq!(memory.bytes(irql), b"\0\0abc\0\0\0");
        let mut target = [0; 3];
        memory.copy_to(2, &mut target, irql).expect("is there");
        assert_eq!(&target, b"abc");
        memory
            .copy_from(5, b"xyz", irql)
            .expect("ends with the memory");

        assert_eq!(
            memory.copy_from(6, b"xyz", irql),
            Err(Error::INVALID_BUFFER_SIZE)
        );
        assert_eq!(
            memory.copy_from(8, b"x", irql),
            Err(Error::INVALID_BUFFER_SIZE)
        );
        assert_eq!(
            memory.copy_from(usize::MAX, b"x", irql),
            Err(Error::INVALID_BUFFER_SIZE)
        );
        assert_eq!(
            memory.copy_from(0, b"", irql),
            Err(Error::INVALID_PARAMETER)
        );
        assert_eq!(
            memory.copy_to(6, &mut target, irql),
            Err(Error::BUFFER_TOO_SMALL)
        );
        assert_eq!(
            memory.copy_to(8, &mut target, irql),
            Err(Error::BUFFER_TOO_SMALL)
        );
        assert_eq!(
            memory.copy_to(0, &mut [], irql),
            Err(Error::INVALID_PARAMETER)
        );
        assert_eq!(memory.bytes(irql), b"\0\0abcxyz");
    });
}

/// C2, C13 (KmdfIrql): nonpaged memory is made and used under a spin lock.
#[test]
fn nonpaged_memory_works_at_dispatch_level() {
    inside(|device, irql| {
        let lock = SpinLock::new(&device, ()).expect("lock");
        let memory = lock.with(irql, |(), irql| {
            let mut memory =
                Memory::<NonPagedNx>::new(&DriverParent, TAG, 64, irql).expect("memory");
            memory.copy_from(0, b"under the lock", irql).expect("fits");
            memory
        });
        let memory = memory.expect("not recursive");
        assert!(memory.bytes(irql).starts_with(b"under the lock"));
    });
}

/// C10: the release of pageable memory that is dropped under a spin lock is deferred.
#[test]
fn pageable_memory_may_be_dropped_at_dispatch_level() {
    inside(|device, irql| {
        let lock = SpinLock::new(&device, ()).expect("lock");
        let memory = Memory::<Paged>::new(&device, TAG, 9000, irql).expect("memory");
        lock.with(irql, |(), _| drop(memory))
            .expect("not recursive");
    });
}

/// C10, C13: the same with the verifier off, when nothing is checked but all must go well.
#[test]
fn the_unverified_machine_behaves_alike() {
    let config = Config {
        verifier: Verifier::off(),
        ..Config::default()
    };
    inside_with(config, |device, irql| {
        let mut memories: Vec<_> = (1..40)
            .map(|size| Memory::<NonPagedNx>::new(&device, TAG, size * 300, irql).expect("memory"))
            .collect();
        for memory in &mut memories {
            memory.bytes_mut(irql).fill(1);
        }
        memories.reverse();
    })
    .expect("no bug check");
}

/// C7: a driver whose every allocation fails is refused, without a trace.
#[test]
fn failing_allocations_refuse_the_load() {
    let failed = super::driver::scenario().each_allocation_fails(|_| ());
    assert!(failed > 10, "{failed} allocations");
}
