//! Lists whose Allocate and Free routines ask a supply: rule E3.

use super::inside_with;
use kmdf::{Error, ExLookaside, ExPool, NonPagedNx, Paged, PagedLookaside, Passive, Supply, Tag};
use kmdf_test::{Config, Verifier};
use std::mem::forget;
use std::sync::atomic::{AtomicUsize, Ordering};

const TAG: Tag = Tag::new(b"Supp");

/// At most three entries of one size.
struct Three;

static LIVE: AtomicUsize = AtomicUsize::new(0);

impl Supply for Three {
    fn admit(size: usize) -> bool {
        assert_eq!(size, 64);
        LIVE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |live| {
            (live < 3).then_some(live + 1)
        })
        .is_ok()
    }

    fn released() {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

fn take_three<P: ExPool>(irql: &Passive)
where
    Passive: kmdf::Allows<P>,
{
    let list = ExLookaside::<P>::with_supply::<Three>(TAG, 64, irql).expect("list");
    for _ in 0..2 {
        let mut entries: Vec<_> = (0..3)
            .map(|_| list.allocate(irql).expect("entry"))
            .collect();
        assert_eq!(
            list.allocate(irql).err(),
            Some(Error::INSUFFICIENT_RESOURCES)
        );
        for entry in &mut entries {
            assert_eq!(entry.bytes(irql), [0; 64]);
            entry.bytes_mut(irql).fill(0xDB);
        }
    }
    drop(list);
    assert_eq!(live(), 0, "deleting the list frees what it kept");
}

/// E2, E3: an empty list asks its own Allocate routine, a full one its Free routine, and so does
/// its deletion; what is forgotten is freed without asking at the end.
#[test]
fn a_supply_limits_its_lists() {
    for verifier in [Verifier::standard(), Verifier::off()] {
        let config = Config {
            verifier,
            ..Config::default()
        };
        LIVE.store(0, Ordering::Relaxed);
        inside_with(config, |_, irql| {
            take_three::<Paged>(irql);
            take_three::<NonPagedNx>(irql);
            let list = PagedLookaside::with_supply::<Three>(TAG, 64, irql).expect("list");
            forget(list.allocate(irql).expect("entry"));
        })
        .expect("no bug check");
        assert_eq!(live(), 1);
    }
}

/// E2: what was admitted and then not allocated is not counted.
#[test]
fn an_exhausted_pool_is_reported_to_the_supply() {
    static OUT: AtomicUsize = AtomicUsize::new(0);
    struct Any;
    impl Supply for Any {
        fn admit(_size: usize) -> bool {
            OUT.fetch_add(1, Ordering::Relaxed);
            true
        }
        fn released() {
            OUT.fetch_sub(1, Ordering::Relaxed);
        }
    }

    super::driver::with_device(Config::default(), |test, file| {
        let kernel = test.kernel().clone();
        super::driver::run_body(file, move |_, irql| {
            let list = PagedLookaside::with_supply::<Any>(TAG, 64, irql).expect("list");
            drop(list.allocate(irql).expect("entry"));
            kernel.fail_nth_allocation(1);
            assert_eq!(
                list.allocate(irql).err(),
                Some(Error::INSUFFICIENT_RESOURCES)
            );
            drop(list);
            assert_eq!(OUT.load(Ordering::Relaxed), 0);
        });
    })
    .expect("no bug check");
}
