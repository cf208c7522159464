//! Spin locks and wait locks.

use super::driver::INTERFACE;
use super::{driver, inside};
use kmdf::{
    Allows, DeviceInit, Dispatch, DispatchType, Driver, DriverParent, Error, Handled, IoHandler,
    Memory, NonPagedLookaside, NonPagedNx, Paged, Passive, PoolBuffer, PoolKind,
    PreallocatedMemory, Queue, Request, Result, SpinLock, Tag, WaitLock, context, driver_entry,
    wide,
};
use kmdf_test::{Config, Reply, Scenario};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn acquiring_a_lock_that_this_thread_holds_is_an_error() {
    inside(|device, irql| {
        let spin = SpinLock::new(&device, 1).expect("lock");
        let nested = spin.with(irql, |_, irql| spin.with(irql, |value, _| *value));
        assert_eq!(nested, Ok(Err(Error::INVALID_LOCK_SEQUENCE)));
        let wait = WaitLock::new(&DriverParent, 2).expect("lock");
        let nested = wait.with(irql, |_, irql| wait.with(irql, |value, _| *value));
        assert_eq!(nested, Ok(Err(Error::INVALID_LOCK_SEQUENCE)));
        assert_eq!(
            wait.with_irql_mut(irql, |value, irql| spin
                .with(irql, |other, _| *value + *other)),
            Ok(Ok(3))
        );
        let nested = wait.with_irql_mut(irql, |_, irql| wait.with(irql, |value, _| *value));
        assert_eq!(nested, Ok(Err(Error::INVALID_LOCK_SEQUENCE)));
    });
}

/// C2: pageable memory inside a wait lock is touched while it is held.
#[test]
fn a_wait_lock_guards_pageable_memory() {
    inside(|device, irql| {
        let memory =
            Memory::<Paged>::new(&device, const { Tag::new(b"Lock") }, 16, irql).expect("memory");
        let lock = WaitLock::new(&device, memory).expect("lock");
        lock.with(irql, |memory, irql| memory.bytes_mut(irql).fill(4))
            .expect("not recursive");
        let sum = lock.with(irql, |memory, irql| memory.bytes(irql).iter().sum::<u8>());
        assert_eq!(sum, Ok(64));
    });
}

/// C2: nonpaged bytes of every kind stay borrowed while the level is raised, and are used there.
#[test]
fn nonpaged_bytes_stay_borrowed_across_a_spin_lock() {
    inside(|device, irql| {
        const TAG: Tag = Tag::new(b"Held");
        let lock = SpinLock::new(&device, 0_usize).expect("lock");
        let mut memory = Memory::<NonPagedNx>::new(&device, TAG, 16, irql).expect("memory");
        let mut value =
            Memory::<NonPagedNx, u64>::with_value(&device, TAG, 7, irql).expect("value");
        let buffer = || PoolBuffer::<NonPagedNx>::new(TAG, 16, irql).expect("buffer");
        let (mut buffer, under) = (buffer(), buffer());
        let mut over = PreallocatedMemory::new(&device, under).expect("memory");
        let list = NonPagedLookaside::new(TAG, 16, irql).expect("list");
        let (mut entry, mut number) = (
            list.allocate(irql).expect("entry"),
            list.allocate_value(5_u64, irql).expect("entry"),
        );
        let mut uninit = Memory::<NonPagedNx>::new_uninit(&device, TAG, 16, irql).expect("memory");
        {
            let held = [
                memory.bytes_mut(irql),
                buffer.bytes_mut(irql),
                over.bytes_mut(irql),
                entry.bytes_mut(irql),
            ];
            let (value, number) = (value.get_mut(irql), number.get_mut(irql));
            let uninit = uninit.bytes_mut(irql);
            lock.with(irql, |count, _| {
                for bytes in held {
                    *count += bytes.len();
                    bytes.fill(3);
                }
                (*value, *number) = (*number, *value);
                uninit[0].write(1);
            })
            .expect("not recursive");
        }
        let held = [
            memory.bytes(irql),
            buffer.bytes(irql),
            over.bytes(irql),
            entry.bytes(irql),
        ];
        let (value, number) = (value.get(irql), number.get(irql));
        let seen = lock.with(irql, |count, irql| {
            // What is borrowed under the lock is good without it, too.
            (*count, held.map(|bytes| bytes[15]), memory.bytes(irql))
        });
        assert_eq!(seen, Ok((64, [3; 4], &[3; 16][..])));
        assert_eq!((*value, *number), (5, 7));
    });
}

/// C2: a wait lock leaves the level where it is, so that pageable bytes stay borrowed.
#[test]
fn pageable_bytes_stay_borrowed_across_a_wait_lock() {
    inside(|device, irql| {
        const TAG: Tag = Tag::new(b"Held");
        let guarded = Memory::<Paged>::new(&device, TAG, 16, irql).expect("memory");
        let lock = WaitLock::new(&device, guarded).expect("lock");
        let mut source = Memory::<Paged>::new(&device, TAG, 16, irql).expect("memory");
        let bytes = source.bytes_mut(irql);
        bytes.fill(9);
        let copied = lock.with(irql, |guarded, irql| {
            guarded.bytes_mut(irql).copy_from_slice(bytes);
            bytes.fill(8);
            lock.with(irql, |_, _| ()).err()
        });
        assert_eq!(copied, Ok(Some(Error::INVALID_LOCK_SEQUENCE)));
        assert_eq!(bytes, [8; 16]);
        let seen = lock.with(irql, |guarded, irql| guarded.bytes(irql) == [9; 16]);
        assert_eq!(seen, Ok(true));
    });
}

/// Code that is generic over the kind of memory needs no other bound than [`Allows`].
#[test]
fn bytes_are_borrowed_whatever_their_kind() {
    fn fill<P: PoolKind>(memory: &mut Memory<P>, irql: &impl Allows<P>) -> usize {
        memory.bytes_mut(irql).fill(6);
        memory
            .bytes(irql)
            .iter()
            .map(|byte| usize::from(*byte))
            .sum()
    }
    fn fill_at_passive<P: PoolKind>(buffer: &mut PoolBuffer<P>, irql: &Passive) -> u8 {
        buffer.bytes_mut(irql).fill(2);
        buffer.bytes(irql)[7]
    }
    inside(|device, irql| {
        const TAG: Tag = Tag::new(b"Kind");
        let mut paged = Memory::<Paged>::new(&device, TAG, 8, irql).expect("memory");
        let mut nonpaged = Memory::<NonPagedNx>::new(&device, TAG, 8, irql).expect("memory");
        assert_eq!(
            (fill(&mut paged, irql), fill(&mut nonpaged, irql)),
            (48, 48)
        );
        let mut paged = PoolBuffer::<Paged>::new(TAG, 8, irql).expect("buffer");
        let mut nonpaged = PoolBuffer::<NonPagedNx>::new(TAG, 8, irql).expect("buffer");
        assert_eq!(fill_at_passive(&mut paged, irql), 2);
        assert_eq!(fill_at_passive(&mut nonpaged, irql), 2);
    });
}

#[test]
fn threads_take_turns() {
    const ROUNDS: u32 = 200;
    let total = driver::with_device(Config::default(), |test, file| {
        let (spin, wait) = driver::run_body(file, |_, _| {
            let spin = SpinLock::new(&DriverParent, 0_u32).expect("lock");
            let wait = WaitLock::new(&DriverParent, 0_u32).expect("lock");
            (Arc::new(spin), Arc::new(wait))
        });
        let (counted, waited) = (spin.clone(), wait.clone());
        driver::while_handling(
            move |_, request, irql| {
                counted
                    .with(irql, |value, _| *value += 1)
                    .expect("not recursive");
                waited
                    .with(irql, |value, _| *value += 1)
                    .expect("not recursive");
                request.complete(Ok(0))
            },
            || {
                std::thread::scope(|scope| {
                    for _ in 0..4 {
                        scope.spawn(|| {
                            let file = test.open(INTERFACE);
                            for _ in 0..ROUNDS {
                                let reply = file.ioctl(driver::RUN, &[], 0);
                                assert_eq!(reply, Reply::success([]));
                            }
                        });
                    }
                });
            },
        );
        driver::run_body(file, move |_, irql| {
            let first = spin.with(irql, |value, _| *value).expect("not recursive");
            let second = wait.with(irql, |value, _| *value).expect("not recursive");
            (first, second)
        })
    });
    assert_eq!(total.expect("no bug check"), (4 * ROUNDS, 4 * ROUNDS));
}

/// A driver that is called in DPCs: each request counts under a lock that all share.
struct Counting;
driver_entry!(Counting);

impl Driver for Counting {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        let device = init.create(Nothing, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        let count = SpinLock::new(&device, 0)?;
        device.create_default_queue(DispatchType::Parallel, Count(count), irql)?;
        Ok(())
    }
}

struct Nothing;
context!(Nothing);

struct Count(SpinLock<u8>);
context!(Count);

impl IoHandler for Count {
    type Level = Dispatch;

    /// Answers with the count, if the lock is refused to the thread that holds it and to no other.
    fn device_control<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        irql: &mut Dispatch,
    ) -> Handled<'r> {
        let counted = self.0.with(irql, |count, irql| {
            // The others come meanwhile, and wait.
            std::thread::sleep(Duration::from_millis(1));
            *count += 1;
            (*count, self.0.with(irql, |_, _| ()))
        });
        request.complete_with(|transfer| match counted? {
            (count, Err(Error::INVALID_LOCK_SEQUENCE)) => transfer.into_output()?.write(&[count]),
            _ => Err(Error::UNSUCCESSFUL),
        })
    }
}

/// DPCs run on the idle threads of their processors, all of which have the thread id 0: a lock
/// distinguishes them from each other, and from having no holder.
#[test]
fn idle_threads_take_turns() {
    const PROCESSORS: u8 = 4;
    const ROUNDS: u8 = 10;
    Scenario::new("counting", fx_driver_entry).run(|test| {
        let file = test.open(INTERFACE);
        let send = || {
            let reply = file.start_ioctl_from_dpc(driver::RUN, &[], 1).wait();
            assert_eq!((reply.status, reply.information), (0, 1));
            reply.output[0]
        };
        std::thread::scope(|scope| {
            for _ in 0..PROCESSORS {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        send();
                    }
                });
            }
        });
        assert_eq!(send(), PROCESSORS * ROUNDS + 1);
    });
}
