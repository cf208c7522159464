//! Who deletes what, in whatever order: OBJ-45 to OBJ-59. `docs/soundness.md` names these tests.

use super::driver::{INTERFACE, RUN, on_requests, run_body, scenario, wait_until, with_device};
use kmdf::{
    Allows, BorrowedBuffer, Device, DriverParent, Error, LookasideList, Memory, NonPagedLookaside,
    NonPagedNx, Paged, PagedLookaside, Passive, PoolBox, PoolBuffer, PoolKind, PreallocatedMemory,
    SpinLock, Tag, UninitMemory, WaitLock, context,
};
use kmdf_model::{Window, hold_windows};
use kmdf_test::{Config, Reply, Verifier};
use std::mem::forget;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TAG: Tag = Tag::new(b"Own1");

type Kept = (
    Memory<Paged>,
    Memory<NonPagedNx>,
    LookasideList<Paged>,
    Memory<Paged>,
    SpinLock<u8>,
);

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// C9, P6, L4, OBJ-46, OBJ-53, OBJ-56: values survive the removal of the device that their objects
/// were parented to; they are used and dropped with another device's help.
#[test]
fn values_survive_the_deletion_of_their_parent() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        run_body(&file, |device, irql| {
            let list =
                LookasideList::with_memory_parent(&device, &device, TAG, 32, irql).expect("list");
            let entry = list.allocate(irql).expect("memory");
            let kept = (
                Memory::new(&device, TAG, 100, irql).expect("memory"),
                Memory::new(&device, TAG, 5000, irql).expect("memory"),
                list,
                entry,
                SpinLock::new(&device, 1).expect("lock"),
            );
            *KEPT.lock().expect("not poisoned") = Some(kept);
        });
        file.close();
        test.device().remove().expect("nothing is open");

        test.add_device().expect("the device starts");
        run_body(&test.open(INTERFACE), |_, irql| {
            let (mut first, mut second, list, mut entry, lock) =
                KEPT.lock().expect("not poisoned").take().expect("kept");
            first.bytes_mut(irql).fill(1);
            second.bytes_mut(irql).fill(2);
            entry.bytes_mut(irql).fill(3);
            assert_eq!(list.allocate(irql).err(), Some(Error::DELETE_PENDING));
            lock.with(irql, |value, _| *value += 1)
                .expect("not recursive");
            lock.with(irql, |_, _| drop((first, second)))
                .expect("not recursive");
            drop(list);
            assert_eq!(entry.bytes(irql), [3; 32]);
        });
    });
}

/// One of everything that owns something, with memory and entries out of every list.
fn forget_everything(device: Device<'_>, irql: &mut Passive) {
    forget(Memory::<Paged>::new(&DriverParent, TAG, 16, irql).expect("memory"));
    forget(Memory::<NonPagedNx>::new(&device, TAG, 5000, irql).expect("memory"));
    forget(Memory::<Paged>::new_uninit(&device, TAG, 16, irql).expect("memory"));
    forget(SpinLock::new(&device, 1).expect("lock"));
    forget(WaitLock::new(&DriverParent, [2; 100]).expect("lock"));
    let paged = PoolBuffer::<Paged>::new(TAG, 64, irql).expect("pool");
    forget(PreallocatedMemory::new(&device, paged).expect("memory"));
    forget(PoolBuffer::<NonPagedNx>::new(TAG, 4096, irql).expect("pool"));
    let list = LookasideList::<Paged>::with_memory_parent(&device, &device, TAG, 32, irql);
    let list = list.expect("list");
    forget(list.allocate(irql).expect("memory"));
    drop(list.allocate(irql).expect("memory"));
    forget(list);
    let list = LookasideList::<NonPagedNx>::new(&DriverParent, TAG, 5000, irql).expect("list");
    forget(list.allocate(irql).expect("memory"));
    let list = PagedLookaside::new(TAG, 64, irql).expect("list");
    forget(list.allocate(irql).expect("entry"));
    drop(list.allocate(irql).expect("entry"));
    forget(list.clone());
    let list = NonPagedLookaside::with_system_routines(TAG, 64, irql).expect("list");
    forget(list.allocate(irql).expect("entry"));
    let inner = Memory::<Paged>::new(&device, TAG, 16, irql).expect("memory");
    forget(PoolBox::new(TAG, inner).expect("pool"));
}

/// C9, C10, L5, E4: what is forgotten is released when the driver is unloaded, whatever its parent; no
/// check of the verifier finds anything left.
#[test]
fn forgetting_is_harmless() {
    for verifier in [Verifier::standard(), Verifier::off()] {
        let config = Config {
            verifier,
            ..Config::default()
        };
        with_device(config, |_, file| run_body(file, forget_everything)).expect("no bug check");
    }
}

/// P8: the buffer of a forgotten preallocated memory object is the lender's again; the framework
/// disposes of the object with its parent and never touches the buffer.
#[test]
fn a_lent_buffer_comes_back_from_a_forgotten_object() {
    with_device(Config::default(), |_, file| {
        run_body(file, |device, _| {
            let mut bytes = [1; 16];
            let memory = PreallocatedMemory::new(&device, BorrowedBuffer::from(&mut bytes[..]))
                .expect("memory");
            forget(memory);
            bytes.fill(2);
        });
    })
    .expect("no bug check");
}

/// OBJ-46, OBJ-53: a value that outlived the parent of its object is forgotten after that.
#[test]
fn forgetting_an_orphan_is_harmless() {
    scenario().without_device().run(|test| {
        for _ in 0..2 {
            let device = test.add_device().expect("the device starts");
            let file = test.open(INTERFACE);
            let kept = run_body(&file, |device, irql| {
                let list =
                    LookasideList::<Paged>::with_memory_parent(&device, &device, TAG, 32, irql)
                        .expect("list");
                (
                    list.allocate(irql).expect("memory"),
                    Memory::<Paged>::new(&device, TAG, 100, irql).expect("memory"),
                    list,
                    SpinLock::new(&device, 1).expect("lock"),
                )
            });
            file.close();
            device.remove().expect("nothing is open");
            forget(kept);
        }
    });
}

/// MEM-54, MEM-58: a list allocates while another thread removes the device that its memory is
/// parented to: the allocation succeeds or not, and what it gave stays valid.
#[test]
fn allocating_races_with_the_end_of_the_memory_parent() {
    fn race<P: PoolKind>()
    where
        Passive: Allows<P>,
    {
        scenario().run(|test| {
            let going = test.device();
            test.add_device().expect("another device starts");
            let links = test.kernel().interfaces(&INTERFACE.get());
            let [first, second] = links.try_into().expect("two");
            let file = test.open_path(&first);
            let list = run_body(&file, |device, irql| {
                let parent = &DriverParent;
                LookasideList::<P>::with_memory_parent(parent, &device, TAG, 32, irql)
                    .expect("list")
            });
            file.close();
            let file = test.open_path(&second);
            let started = Arc::new(AtomicBool::new(false));
            let start = started.clone();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    run_body(&file, move |_, irql| {
                        start.store(true, Ordering::Release);
                        let mut kept = Vec::new();
                        let refused = loop {
                            match list.allocate(irql) {
                                Ok(memory) if kept.len() < 10 => kept.push(memory),
                                Ok(mut memory) => memory.bytes_mut(irql).fill(1),
                                Err(error) => break error,
                            }
                        };
                        assert_eq!(refused, Error::DELETE_PENDING);
                        drop(list);
                        for memory in &mut kept {
                            assert_eq!(memory.bytes(irql), [0; 32]);
                        }
                    });
                });
                while !started.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                going.remove().expect("nothing is open");
            });
        });
    }

    for _ in 0..20 {
        race::<Paged>();
        race::<NonPagedNx>();
    }
}

/// What creating children of the device ends in, one of each kind.
fn create_children(device: Device<'_>, irql: &mut Passive) -> [Option<Error>; 6] {
    let mut bytes = [0; 8];
    [
        Memory::<Paged>::new(&device, TAG, 8, irql).err(),
        Memory::<NonPagedNx>::new(&device, TAG, 5000, irql).err(),
        PreallocatedMemory::new(&device, BorrowedBuffer::from(&mut bytes[..])).err(),
        LookasideList::<Paged>::new(&device, TAG, 8, irql).err(),
        SpinLock::new(&device, ()).err(),
        WaitLock::new(&device, ()).err(),
    ]
}

/// QUE-57, DEV-58: what is left of a handler after it completed its request holds the removal of its
/// device up, so that the device takes children until the handler returns; C9, P6: they go with it.
#[test]
fn a_removal_waits_for_handlers_before_it_disposes_of_the_device() {
    static ANSWERED: AtomicBool = AtomicBool::new(false);
    static REMOVING: AtomicBool = AtomicBool::new(false);
    static MADE: Mutex<Option<[Option<Error>; 6]>> = Mutex::new(None);

    scenario().run(|test| {
        let file = test.open(INTERFACE);
        on_requests(|queue, request, irql| {
            let handled = request.complete(Ok(0));
            ANSWERED.store(true, Ordering::Release);
            while !REMOVING.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            // Time for the removal to go on, if it could.
            std::thread::sleep(Duration::from_millis(50));
            let made = create_children(queue.device(), irql);
            SpinLock::new(&queue.device(), ())
                .map(forget)
                .expect("a lock");
            *MADE.lock().expect("no thread panicked with this lock") = Some(made);
            handled
        });
        // From a DPC, so that the handler has a thread of its own.
        let reply = file.start_ioctl_from_dpc(RUN, &[], 0).wait();
        assert_eq!(reply, Reply::success([]));
        while !ANSWERED.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        file.close();
        REMOVING.store(true, Ordering::Release);
        test.device().remove().expect("nothing is open");
        let made = *MADE.lock().expect("no thread panicked with this lock");
        assert_eq!(made, Some([None; 6]), "the handler has returned by now");
    });
}

struct Cycle(LookasideList<Paged>, Memory<Paged>);
context!(Cycle);

static CYCLE_DROPPED: AtomicBool = AtomicBool::new(false);

impl Drop for Cycle {
    fn drop(&mut self) {
        assert_eq!(self.0.entry_size(), self.1.len());
        CYCLE_DROPPED.store(true, Ordering::Release);
    }
}

/// C9, OBJ-52: a list and its memory are kept in the context of the very object that they are
/// parented to: neither keeps it alive, and all go with it.
#[test]
fn values_in_the_context_of_their_own_parent_go_with_it() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        run_body(&file, |device, irql| {
            let list = LookasideList::with_memory_parent(&device, &device, TAG, 32, irql);
            let list = list.expect("list");
            let memory = list.allocate(irql).expect("memory");
            device
                .attach(Cycle(list, memory))
                .expect("the only one of its type");
        });
        file.close();
        test.device().remove().expect("nothing is open");
        assert!(
            CYCLE_DROPPED.load(Ordering::Acquire),
            "before the driver goes"
        );
    });
}

/// C10: a value may be dropped on a thread of its own.
#[test]
fn values_may_be_dropped_on_another_thread() {
    with_device(Config::default(), |test, file| {
        let memory = run_body(file, |device, irql| {
            Memory::<Paged>::new(&device, TAG, 100, irql).expect("memory")
        });
        let kernel = test.kernel().clone();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // Joins the machine; a thread of the system would be part of it already.
                let _ = kernel.verifier();
                drop(memory);
            });
        });
    })
    .expect("no bug check");
}

/// A thread is where the framework has taken an object from its parent and not yet put it on the
/// dispose list of its device.
static IN_WINDOW: AtomicBool = AtomicBool::new(false);
/// It may go on.
static REMOVED: AtomicBool = AtomicBool::new(false);
/// The values were dropped.
static DROPPED: AtomicBool = AtomicBool::new(false);

/// One of everything that is disposed of at PASSIVE_LEVEL.
type Pageable = (
    Memory<Paged>,
    Memory<Paged, u64>,
    UninitMemory<Paged>,
    LookasideList<Paged>,
    Memory<Paged>,
);

fn make_pageable(device: Device<'_>, irql: &mut Passive) -> kmdf::Result<Pageable> {
    let list = LookasideList::with_memory_parent(&device, &device, TAG, 32, irql)?;
    let entry = list.allocate(irql)?;
    Ok((
        Memory::new(&device, TAG, 100, irql)?,
        Memory::with_value(&device, TAG, 7, irql)?,
        Memory::new_uninit(&device, TAG, 5000, irql)?,
        list,
        entry,
    ))
}

/// OBJ-57, OBJ-58: what is disposed of at PASSIVE_LEVEL is dropped at DISPATCH_LEVEL, in a handler of
/// another device, while its own device is removed. The framework would take it from its parent and
/// then use the device, which nothing keeps: this crate does not ask it to.
#[test]
fn dropping_at_dispatch_level_races_with_removal() {
    scenario().without_device().run(|test| {
        for flag in [&IN_WINDOW, &REMOVED, &DROPPED] {
            flag.store(false, Ordering::Release);
        }
        hold_windows(Some(|window| {
            if window == Window::DeferredDisposal && !REMOVED.load(Ordering::Acquire) {
                IN_WINDOW.store(true, Ordering::Release);
                while !REMOVED.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
            }
        }));
        let going = test.add_device().expect("the device starts");
        let file = test.open(INTERFACE);
        let pageable = run_body(&file, |device, irql| {
            make_pageable(device, irql).expect("resources")
        });
        file.close();
        test.add_device().expect("another device starts");
        let interfaces = test.kernel().interfaces(&INTERFACE.get());
        let file = test.open_path(interfaces.last().expect("two"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                run_body(&file, |device, irql| {
                    let lock = SpinLock::new(&device, ()).expect("lock");
                    lock.with(irql, |(), _| drop(pageable))
                        .expect("not recursive");
                });
                DROPPED.store(true, Ordering::Release);
            });
            wait_until(|| IN_WINDOW.load(Ordering::Acquire) || DROPPED.load(Ordering::Acquire));
            going.remove().expect("nothing is open");
            REMOVED.store(true, Ordering::Release);
        });
        wait_until(|| {
            test.kernel()
                .verifier()
                .tags
                .iter()
                .all(|tag| tag.tag != TAG.value())
        });
        file.close();
        test.device().remove().expect("nothing is open");
        test.driver().unload().expect("nothing is left");
        hold_windows(None);
    });
}
