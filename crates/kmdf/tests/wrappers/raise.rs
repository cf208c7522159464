//! Raising the IRQL without a lock.

use super::driver::{on_requests, run_body, with_device};
use kmdf::{Error, Memory, NonPagedNx, Paged, Passive, Result, SpinLock, Tag};
use kmdf_test::{Config, Kernel, Reply};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

const TAG: Tag = Tag::new(b"Rais");

/// Runs `body` in a request handler, with a kernel to ask for the IRQL.
fn inside<T: Send + 'static>(body: impl FnOnce(&Kernel, &mut Passive) -> T + Send + 'static) -> T {
    with_device(Config::default(), |test, file| {
        let kernel = test.kernel().clone();
        run_body(file, move |_, irql| body(&kernel, irql))
    })
    .expect("no bug check")
}

/// C2, C13 (KmdfIrql): the body runs at DISPATCH_LEVEL, what comes after it at the level before.
#[test]
fn the_level_is_raised_for_the_body_alone() {
    inside(|kernel, irql| {
        assert_eq!(kernel.irql(), 0);
        let raised = irql.raise(|_| (kernel.irql(), "what it returns"));
        assert_eq!(raised, (2, "what it returns"));
        assert_eq!(kernel.irql(), 0);
    });
}

#[test]
fn the_level_is_raised_from_apc_level_and_goes_back_there() {
    inside(|kernel, irql| {
        let levels = kernel.at_irql(1, || {
            let raised = irql.as_apc().raise(|_| kernel.irql());
            (raised, kernel.irql())
        });
        assert_eq!(levels, (2, 1));
        assert_eq!(kernel.irql(), 0);
    });
}

#[test]
fn raising_nests_in_itself_and_in_spin_locks() {
    inside(|kernel, irql| {
        let lock = SpinLock::new(&kmdf::DriverParent, 1).expect("lock");
        let levels = irql.raise(|irql| {
            let inner = irql.raise(|irql| {
                let locked = lock.with(irql, |value, irql| {
                    *value += 1;
                    irql.raise(|_| kernel.irql())
                });
                (locked, kernel.irql())
            });
            (inner, kernel.irql())
        });
        assert_eq!(levels, ((Ok(2), 2), 2));
        assert_eq!(kernel.irql(), 0);
        assert_eq!(lock.with(irql, |value, _| *value), Ok(2));
    });
}

/// A panic, which stops the machine on Windows, leaves the level as it was in a test.
#[test]
fn the_level_goes_back_when_the_body_panics() {
    inside(|kernel, irql| {
        // Without the message, whose printing takes more than a kernel stack.
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            irql.raise(|_| -> () { resume_unwind(Box::new("on purpose")) })
        }));
        assert!(panicked.is_err());
        assert_eq!(kernel.irql(), 0);
    });
}

/// C2, L6: nonpaged memory is allocated, borrowed before and touched there; pageable memory may be
/// dropped there.
#[test]
fn memory_is_used_at_the_raised_level() {
    inside(|_, irql| -> Result<()> {
        let mut before = Memory::<NonPagedNx>::new(&kmdf::DriverParent, TAG, 8, irql)?;
        let paged = Memory::<Paged>::new(&kmdf::DriverParent, TAG, 5000, irql)?;
        let bytes = before.bytes_mut(irql);
        let made = irql.raise(|irql| -> Result<_> {
            bytes.fill(5);
            drop(paged);
            let memory = Memory::<NonPagedNx>::new(&kmdf::DriverParent, TAG, 8, irql)?;
            assert_eq!(memory.bytes(irql), [0; 8]);
            Ok(memory)
        })?;
        assert_eq!((bytes.len(), made.len()), (8, 8));
        assert_eq!(before.bytes(irql), [5; 8]);
        Ok(())
    })
    .expect("memory is there");
}

/// REQ-37: a request is completed at any level up to DISPATCH_LEVEL.
#[test]
fn a_request_is_completed_at_the_raised_level() {
    with_device(Config::default(), |_, file| {
        on_requests(|_, request, irql| irql.raise(|_| request.complete(Err(Error::CANCELLED))));
        let reply = file.ioctl(super::driver::RUN, &[], 0);
        assert_eq!(reply, Reply::error(Error::CANCELLED.status()));
    })
    .expect("no bug check");
}
