//! All wrappers at once: with each allocation failing in turn, on several threads, and while the
//! device goes away.

use super::driver::{INTERFACE, RUN, on_requests, run_body, scenario, while_handling, with_device};
use kmdf::{
    BorrowedBuffer, Device, DriverParent, LookasideList, Memory, NonPagedLookaside, NonPagedNx,
    Paged, PagedLookaside, Passive, PoolBox, PoolBuffer, PreallocatedMemory, Result, SpinLock, Tag,
    WaitLock,
};
use kmdf_test::{Config, Reply, Verifier};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const TAG: Tag = Tag::new(b"All1");

/// Makes one of everything, and drops some of it under a spin lock.
fn make_everything(device: Device<'_>, irql: &mut Passive) -> Result<()> {
    let spin = SpinLock::new(&device, ())?;
    let wait = WaitLock::new(
        &DriverParent,
        Memory::<Paged>::new(&device, TAG, 100, irql)?,
    )?;
    wait.with(irql, |memory, irql| memory.bytes_mut(irql).fill(1))?;
    let large = Memory::<NonPagedNx>::new_uninit(&device, TAG, 5000, irql)?.filled(2, irql);
    let boxed = PoolBox::new(TAG, [3_u64; 4])?;

    let mut over_pool = PreallocatedMemory::new(&device, PoolBuffer::<Paged>::new(TAG, 64, irql)?)?;
    let former = over_pool.assign(PoolBuffer::<Paged>::new(TAG, 128, irql)?)?;
    let mut bytes = [0; 8];
    let mut over_bytes = PreallocatedMemory::new(&device, BorrowedBuffer::from(&mut bytes[..]))?;
    over_bytes.copy_from(0, &boxed[0].to_le_bytes(), irql)?;

    let small_list = LookasideList::<NonPagedNx>::new(&device, TAG, 64, irql)?;
    let large_list = LookasideList::<Paged>::with_memory_parent(&device, &device, TAG, 5000, irql)?;
    let small = small_list.allocate(irql)?;
    let page = large_list.allocate(irql)?;

    let paged_list = PagedLookaside::new(TAG, 64, irql)?;
    let exported = NonPagedLookaside::with_system_routines(TAG, 64, irql)?;
    let entries = (paged_list.allocate(irql)?, exported.allocate(irql)?);

    let paged = (over_pool, former, page, large_list, entries, paged_list);
    spin.with(irql, |(), irql| {
        drop(paged);
        small.bytes(irql).len() + large.bytes(irql).len()
    })?;
    Ok(())
}

/// C7, P4, L3, E2: whichever allocation fails, everything is taken down without a trace.
#[test]
fn every_failing_allocation_is_survived() {
    let failed = scenario().each_allocation_fails(|test| {
        if let Ok(file) = test.try_open(INTERFACE) {
            on_requests(|queue, request, irql| {
                let made = make_everything(queue.device(), irql);
                request.complete(made.map(|()| 0))
            });
            let reply = file.ioctl(RUN, &[], 0);
            assert!(reply == Reply::success([]) || test.allocation_failed());
        }
    });
    assert!(failed > 30, "{failed} allocations");
}

/// The same on several threads at once; reference counts and list teardown race.
#[test]
fn threads_make_everything_at_once() {
    with_device(Config::default(), |test, _| {
        while_handling(
            |device, request, irql| {
                let made = make_everything(device, irql);
                request.complete(made.map(|()| 0))
            },
            || {
                std::thread::scope(|scope| {
                    for _ in 0..4 {
                        scope.spawn(|| {
                            let file = test.open(INTERFACE);
                            for _ in 0..50 {
                                assert_eq!(file.ioctl(RUN, &[], 0), Reply::success([]));
                            }
                        });
                    }
                });
            },
        );
    })
    .expect("no bug check");
}

/// E4, L5: one list of each kind, shared by all threads.
#[test]
fn threads_share_lists() {
    with_device(
        Config {
            verifier: Verifier::off(),
            ..Config::default()
        },
        |test, file| {
            let lists = run_body(file, |_, irql| {
                let framework = LookasideList::<Paged>::new(&DriverParent, TAG, 80, irql);
                let executive = PagedLookaside::new(TAG, 80, irql);
                (Arc::new(framework.expect("list")), executive.expect("list"))
            });
            let counted = lists.1.clone();
            while_handling(
                move |_, request, irql| {
                    let used = lists.0.allocate(irql).and_then(|mut memory| {
                        let mut entry = lists.1.allocate(irql)?;
                        assert_eq!(entry.bytes(irql), memory.bytes(irql));
                        entry.bytes_mut(irql).fill(0xEE);
                        memory.bytes_mut(irql).fill(0xDD);
                        Ok(())
                    });
                    request.complete(used.map(|()| 0))
                },
                || {
                    std::thread::scope(|scope| {
                        for _ in 0..4 {
                            scope.spawn(|| {
                                let file = test.open(INTERFACE);
                                for _ in 0..200 {
                                    assert_eq!(file.ioctl(RUN, &[], 0), Reply::success([]));
                                }
                            });
                        }
                    });
                },
            );
            let counters = counted.counters();
            assert_eq!((counters.allocates, counters.frees), (800, 800));
            run_body(file, |_, _| drop(counted));
        },
    )
    .expect("no bug check");
}

/// C9, OBJ-56: values are dropped by one thread while another removes the device their objects are
/// parented to.
#[test]
fn dropping_races_with_removal() {
    for _ in 0..10 {
        scenario().run(|test| {
            let file = test.open(INTERFACE);
            let mut values = run_body(&file, |device, irql| {
                (0..50)
                    .map(|size| Memory::<Paged>::new(&device, TAG, size * 200 + 1, irql))
                    .collect::<Result<Vec<_>>>()
                    .expect("memory")
            });
            file.close();
            let go = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Makes this thread one of the machine's.
                    let _ = test.kernel().verifier();
                    while !go.load(Ordering::Acquire) {
                        std::hint::spin_loop();
                    }
                    while values.pop().is_some() {}
                });
                go.store(true, Ordering::Release);
                test.device().remove().expect("nothing is open");
            });
        });
    }
}

/// C9: the device is pulled out while it is open; its values go when it does.
#[test]
fn surprise_removal_leaves_nothing() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let memory = run_body(&file, |device, irql| {
            Memory::<Paged>::new(&device, TAG, 100, irql).expect("memory")
        });
        test.device().surprise_remove().expect("there");
        drop(memory);
    });
}
