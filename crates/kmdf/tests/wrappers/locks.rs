//! Spin locks and wait locks.

use super::driver::{INTERFACE, start};
use super::{driver, inside};
use kmdf::{
    DeviceInit, Dispatch, Driver, DriverParent, Error, Handled, IoHandler, Memory, Paged, Passive,
    Presentation, Queue, Request, Result, SpinLock, Tag, WaitLock, context, driver_entry, wide,
};
use nt_model::Config;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_lock_held_by_this_thread_is_refused() {
    inside(|device, irql| {
        let spin = SpinLock::new(&device, 1).expect("lock");
        let nested = spin.with(irql, |_, irql| spin.with(irql, |value, _| *value));
        assert_eq!(nested, Ok(Err(Error::INVALID_LOCK_SEQUENCE)));
        let wait = WaitLock::new(&DriverParent, 2).expect("lock");
        let nested = wait.with(irql, |_, irql| wait.with(irql, |value, _| *value));
        assert_eq!(nested, Ok(Err(Error::INVALID_LOCK_SEQUENCE)));
        assert_eq!(
            wait.with(irql, |value, irql| spin
                .with(irql, |other, _| *value + *other)),
            Ok(Ok(3))
        );
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

#[test]
fn threads_take_turns() {
    const ROUNDS: u32 = 200;
    let total = driver::with_device(Config::default(), |kernel, file| {
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
                            let file = kernel
                                .open_interface(&INTERFACE.get())
                                .expect("the device opens");
                            for _ in 0..ROUNDS {
                                assert_eq!(file.ioctl(driver::RUN, &[], &mut []).ok(), Ok(0));
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
        device.create_default_queue(Presentation::Parallel, Count(count), irql)?;
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
        request.answer(|transfer| match counted? {
            (count, Err(Error::INVALID_LOCK_SEQUENCE)) => transfer.into_output()?.write(&[count]),
            _ => Err(Error::UNSUCCESSFUL),
        })
    }
}

/// DPCs run on the idle threads of their processors, all of which have the thread id 0: each is told
/// from the others, and from nobody.
#[test]
fn idle_threads_take_turns() {
    const PROCESSORS: u8 = 4;
    const ROUNDS: u8 = 10;
    nt_model::run(Config::default(), |kernel| {
        let (driver, device, file) = start(kernel, fx_driver_entry);
        let send = || {
            let (status, counted) = file.ioctl_from_dpc(driver::RUN, &[], 1).wait();
            assert_eq!(status.ok(), Ok(1));
            counted[0]
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
        file.close();
        device.remove().expect("nothing is open");
        driver.unload().expect("nothing is left");
    })
    .expect("no bug check");
}
