//! The kernel's lookaside lists: rules E1 to E7.

use super::driver::wait_until;
use super::{inside, inside_with};
use kmdf::{
    Counters, Error, ExLookaside, ExPool, NonPagedLookaside, NonPagedNx, PAGE_SIZE, Paged,
    PagedLookaside, Passive, Result, SpinLock, Tag,
};
use kmdf_test::{Config, Verifier, Windows};

const TAG: Tag = Tag::new(b"Ex01");

type Constructor<P> = fn(Tag, usize, &Passive) -> Result<ExLookaside<P>>;

/// Both arms of E7 for a kind of list.
fn constructors<P: ExPool>() -> [Constructor<P>; 2] {
    [ExLookaside::new, ExLookaside::with_system_routines]
}

fn take_and_give<P: ExPool>(irql: &Passive) {
    for make in constructors::<P>() {
        for size in [8, 24, 100, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 5000] {
            let list = make(TAG, size, irql).expect("list");
            for _ in 0..4 {
                let mut entries: Vec<_> = (0..6)
                    .map(|_| list.allocate(irql).expect("entry"))
                    .collect();
                for entry in &mut entries {
                    assert_eq!(entry.len(), size);
                    assert_eq!(entry.bytes(irql).as_ptr().addr() % 16, 0);
                    assert!(
                        entry.bytes(irql).iter().all(|&byte| byte == 0),
                        "{size} bytes"
                    );
                    entry.bytes_mut(irql).fill(0xDB);
                }
            }
            assert_eq!(list.counters().allocates, 24);
            assert_eq!(list.counters().frees, 24);
        }
    }
}

/// E2, E3, E4: entries of both kinds, by both arms; nothing of a former owner shows.
#[test]
fn entries_are_zero_and_go_back_to_their_list() {
    // The verifier keeps lists empty; without it entries are used again.
    for verifier in [Verifier::standard(), Verifier::off()] {
        let config = Config {
            verifier,
            ..Config::default()
        };
        inside_with(config, |_, irql| {
            take_and_give::<Paged>(irql);
            take_and_give::<NonPagedNx>(irql);
        })
        .expect("no bug check");
    }
}

/// E3: an empty list allocates, one that is not gives up an entry; counted alike by both arms.
#[test]
fn hits_and_misses_are_counted() {
    fn counters(make: Constructor<Paged>, irql: &Passive) -> Counters {
        let list = make(TAG, 64, irql).expect("list");
        drop(list.allocate(irql).expect("entry"));
        drop(list.allocate(irql).expect("entry"));
        list.counters()
    }
    // The verifier keeps lists empty, to see every block.
    let config = Config {
        verifier: Verifier::off(),
        ..Config::default()
    };
    inside_with(config, |_, irql| {
        let [inline, exported] = constructors().map(|make| counters(make, irql));
        assert_eq!(inline, exported);
        assert_eq!((inline.allocates, inline.allocate_misses), (2, 1));
        assert_eq!((inline.allocate_hits(), inline.free_hits()), (1, 2));
    })
    .expect("no bug check");
}

/// E3, NT-1: a list that keeps nothing allocates and frees each time.
#[test]
fn a_list_of_depth_zero_keeps_nothing() {
    let config = Config {
        lookaside_depth: 0,
        ..Config::default()
    };
    inside_with(config, |_, irql| {
        for make in constructors::<Paged>() {
            let list = make(TAG, 64, irql).expect("list");
            drop(list.allocate(irql).expect("entry"));
            drop(list.allocate(irql).expect("entry"));
            assert_eq!(list.counters().allocate_hits(), 0);
            assert_eq!(list.counters().free_hits(), 0);
        }
    })
    .expect("no bug check");
}

/// E7: the export is found where it exists, and the list works where it does not.
#[test]
fn the_exports_are_optional() {
    let uses_exports = |config| {
        inside_with(config, |_, irql| {
            let list = PagedLookaside::with_system_routines(TAG, 64, irql).expect("list");
            drop(list.allocate(irql).expect("entry"));
            assert!(
                !PagedLookaside::new(TAG, 64, irql)
                    .expect("list")
                    .uses_system_routines()
            );
            list.uses_system_routines()
        })
        .expect("no bug check")
    };
    assert!(uses_exports(Config::default()));
    assert!(!uses_exports(Config {
        windows: Windows::V10_1809,
        ..Config::default()
    }));
    let withheld = vec!["ExFreeToPagedLookasideList"];
    assert!(!uses_exports(Config {
        withheld,
        ..Config::default()
    }));
}

/// E1: the list stays where it is while its value moves.
#[test]
fn a_list_may_move_as_a_value() {
    inside(|_, irql| {
        let mut lists: Vec<_> = (0..20)
            .map(|_| PagedLookaside::new(TAG, 64, irql).expect("list"))
            .collect();
        lists.rotate_left(7);
        let entries: Vec<_> = lists
            .iter()
            .map(|list| list.allocate(irql).expect("entry"))
            .collect();
        lists.truncate(3);
        drop(entries);
    });
}

/// E1, E4: an entry keeps its list alive, and is the last to go.
#[test]
fn an_entry_outlives_the_value_of_its_list() {
    inside(|_, irql| {
        let list = PagedLookaside::new(TAG, 64, irql).expect("list");
        let other = list.clone();
        let mut entry = list.allocate(irql).expect("entry");
        drop(list);
        drop(other);
        entry.bytes_mut(irql).fill(5);
        assert_eq!(entry.bytes(irql), [5; 64]);
    });
}

/// E5, E6: an entry and its list dropped under a spin lock are released later, without a call of the driver.
#[test]
fn pageable_entries_may_be_dropped_at_dispatch_level() {
    inside(|device, irql| {
        let lock = SpinLock::new(&device, ()).expect("lock");
        let list = PagedLookaside::new(TAG, 64, irql).expect("list");
        let first = list.allocate(irql).expect("entry");
        let second = list.allocate(irql).expect("entry");
        let frees = lock.with(irql, |(), _| {
            let before = list.counters().frees;
            drop(first);
            before
        });
        assert_eq!(frees, Ok(0));
        wait_until(|| list.counters().frees == 1);
        lock.with(irql, |(), _| drop((second, list)))
            .expect("not recursive");
    });
}

/// E5: nonpaged entries are for DISPATCH_LEVEL.
#[test]
fn nonpaged_entries_work_at_dispatch_level() {
    inside(|device, irql| {
        let lock = SpinLock::new(&device, ()).expect("lock");
        let list = NonPagedLookaside::new(TAG, 64, irql).expect("list");
        lock.with(irql, |(), irql| {
            let mut entry = list.allocate(irql).expect("entry");
            entry.bytes_mut(irql).fill(1);
        })
        .expect("not recursive");
    });
}

/// E2, and the sizes and tags that a list cannot have.
#[test]
fn impossible_lists_are_refused() {
    inside(|_, irql| {
        for (tag, size) in [(TAG, 0), (TAG, 7), (TAG, 1 << 32), (Tag::DEFAULT, 64)] {
            assert_eq!(
                PagedLookaside::new(tag, size, irql).err(),
                Some(Error::INVALID_PARAMETER),
                "{tag:?}, {size} bytes"
            );
        }
    });
}

/// E2: no memory for the list, none for an entry.
#[test]
fn exhaustion_reaches_the_caller() {
    super::driver::with_device(Config::default(), |test, file| {
        let kernel = test.kernel().clone();
        super::driver::run_body(file, move |_, irql| {
            kernel.fail_nth_allocation(1);
            let refused = PagedLookaside::new(TAG, 64, irql).err();
            assert_eq!(refused, Some(Error::INSUFFICIENT_RESOURCES));
            for make in constructors::<Paged>() {
                let list = make(TAG, 64, irql).expect("list");
                for nth in [2, 1] {
                    kernel.fail_nth_allocation(nth);
                    let refused = list.allocate(irql).err();
                    let expected = Some(Error::INSUFFICIENT_RESOURCES);
                    assert_eq!(refused, expected, "allocation {nth}");
                }
                list.allocate(irql).expect("the next one succeeds");
            }
        });
    })
    .expect("no bug check");
}
