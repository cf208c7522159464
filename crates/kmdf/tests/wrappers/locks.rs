//! Spin locks and wait locks.

use super::driver::INTERFACE;
use super::{driver, inside};
use kmdf::{DriverParent, Error, Memory, Paged, SpinLock, Tag, WaitLock};
use nt_model::Config;
use std::sync::Arc;

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
                request.complete(Ok(()))
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
