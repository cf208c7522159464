//! Many threads on what they share: reference counts, and the list of releases that wait.

use super::driver::{INTERFACE, RUN, run_body, while_handling, with_device};
use kmdf::{
    Device, DriverParent, Entry, LookasideList, Memory, NonPagedLookaside, NonPagedNx, Paged,
    PagedLookaside, Passive, PoolBuffer, Result, SpinLock, Tag,
};
use kmdf_test::{Config, Reply, Test, Verifier};
use std::sync::Mutex;

const TAG: Tag = Tag::new(b"Thrd");
const THREADS: usize = 4;

/// With and without the verifier, which keeps lookaside lists empty.
fn configurations() -> [Config; 2] {
    [Verifier::standard(), Verifier::off()].map(|verifier| Config {
        verifier,
        ..Config::default()
    })
}

/// Sends requests from several threads, each through its own file object.
fn hammer(test: &Test, rounds: usize) {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let file = test.open(INTERFACE);
                for _ in 0..rounds {
                    assert_eq!(file.ioctl(RUN, &[], 0), Reply::success([]));
                }
            });
        }
    });
}

/// Drops pageable values under a lock of its own, so that threads do it at the same time, while
/// others release them.
fn defer(device: Device<'_>, irql: &mut Passive) -> Result<()> {
    let lock = SpinLock::new(&device, ())?;
    let list = PagedLookaside::new(TAG, 64, irql)?;
    for round in 0..3 {
        let entries = (list.allocate(irql)?, list.allocate(irql)?);
        let buffer = PoolBuffer::<Paged>::new(TAG, 100 + round, irql)?;
        let clone = list.clone();
        lock.with(irql, |(), _| drop((buffer, entries, clone)))?;
    }
    lock.with(irql, |(), _| drop(list))
}

/// E4, E5: releases that wait are done once each, by whichever thread finds them.
#[test]
fn threads_defer_releases_and_do_them() {
    for config in configurations() {
        with_device(config, |test, _| {
            while_handling(
                |device, request, irql| {
                    let deferred = defer(device, irql);
                    request.complete(deferred.map(|()| 0))
                },
                || hammer(test, 60),
            );
        })
        .expect("no bug check");
    }
}

/// What threads pass on to each other.
type Passed = (
    Entry<Paged>,
    PagedLookaside,
    NonPagedLookaside,
    Memory<Paged>,
    Memory<NonPagedNx>,
);

fn make(irql: &mut Passive) -> Result<Passed> {
    let list = PagedLookaside::new(TAG, 48, irql)?;
    let framework = LookasideList::<Paged>::new(&DriverParent, TAG, 48, irql)?;
    Ok((
        list.allocate(irql)?,
        list,
        NonPagedLookaside::with_system_routines(TAG, 48, irql)?,
        framework.allocate(irql)?,
        Memory::new(&DriverParent, TAG, 48, irql)?,
    ))
}

/// E1, E4, L5: a list goes with whichever of its clones and entries is the last, on whatever
/// thread, and the bytes are those of the last writer.
#[test]
fn the_last_owner_is_on_any_thread() {
    static PASSED: Mutex<Vec<Passed>> = Mutex::new(Vec::new());

    for config in configurations() {
        with_device(config, |test, file| {
            while_handling(
                |_, request, irql| {
                    let swapped =
                        make(irql).map(|(mut entry, list, nonpaged, mut memory, other)| {
                            entry.bytes_mut(irql).fill(0x77);
                            memory.bytes_mut(irql).fill(0x78);
                            let (clone, copy) = (list.clone(), nonpaged.clone());
                            let mut passed =
                                PASSED.lock().expect("no thread panicked with this lock");
                            passed.push((entry, clone, copy, memory, other));
                            let taken = if passed.len() > 3 {
                                Some(passed.swap_remove(0))
                            } else {
                                None
                            };
                            drop(passed);
                            // These race with the threads that have the others.
                            drop((list, nonpaged));
                            if let Some((entry, list, _, memory, _)) = taken {
                                drop(list);
                                assert_eq!(entry.bytes(irql), [0x77; 48]);
                                assert_eq!(memory.bytes(irql), [0x78; 48]);
                            }
                        });
                    request.complete(swapped.map(|()| 0))
                },
                || hammer(test, 60),
            );
            run_body(file, |_, _| {
                PASSED
                    .lock()
                    .expect("no thread panicked with this lock")
                    .clear();
            });
        })
        .expect("no bug check");
    }
}
