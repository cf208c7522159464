//! Allocations that fail by number.

use super::driver::{INTERFACE, LEAK, REVERSE, TAG};
use super::{panic_of, scenario};
use kmdf::Error;
use kmdf_test::Reply;
use std::sync::atomic::{AtomicU64, Ordering};

const WITHOUT_MEMORY: Reply = Reply::error(Error::INSUFFICIENT_RESOURCES.status());

#[test]
fn the_first_allocation_that_fails_keeps_the_driver_from_loading() {
    let message = panic_of(|| scenario().fail_allocation(1).run(|_| ()));
    assert!(message.contains("loading the driver failed"), "{message}");
}

/// A stop leaves the driver of its run loaded for good; looking for it costs the next load no allocation.
#[test]
fn the_first_allocation_is_the_drivers_after_a_stop_too() {
    let stopped = scenario().try_run(|_| {
        // SAFETY: A block that was never allocated stops the run.
        unsafe { kmdf_sys::ntddk::ExFreePool(std::ptr::dangling_mut()) };
    });
    stopped.expect_err("nothing was allocated");
    let message = panic_of(|| scenario().fail_allocation(1).run(|_| ()));
    assert!(message.contains("loading the driver failed"), "{message}");
}

#[test]
fn a_driver_withstands_the_failure_of_each_allocation() {
    static REFUSED: AtomicU64 = AtomicU64::new(0);
    let failed = scenario().each_allocation_fails(|test| {
        let Ok(file) = test.try_open(INTERFACE) else {
            return;
        };
        let reply = file.ioctl(REVERSE, b"abc", 3);
        if reply == WITHOUT_MEMORY {
            assert!(test.allocation_failed());
            REFUSED.fetch_add(1, Ordering::Relaxed);
        } else {
            assert_eq!(reply, Reply::success(b"cba"));
        }
    });
    let refused = REFUSED.load(Ordering::Relaxed);
    assert!(
        failed > 10 && (1..failed).contains(&refused),
        "{refused} of {failed}"
    );
}

#[test]
fn each_allocation_of_a_part_of_the_test_fails() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let refusals = test.each_allocation_fails(|_| {
            let reply = file.ioctl(REVERSE, b"abc", 3);
            assert!(
                reply == WITHOUT_MEMORY || reply == Reply::success(b"cba"),
                "{reply:?}"
            );
            reply != WITHOUT_MEMORY
        });
        // Some failures are borne without a refusal.
        let failures = test.kernel().verifier().faults_injected;
        assert!(
            (1..=failures).contains(&refusals),
            "{refusals} of {failures}"
        );
    });
}

#[test]
fn a_driver_that_does_not_bear_it_is_reported_with_the_allocation() {
    let message = panic_of(|| {
        scenario().each_allocation_fails(|test| {
            if let Ok(file) = test.try_open(INTERFACE) {
                file.ioctl(LEAK, &[], 0);
            }
        })
    });
    assert!(message.starts_with("when allocation "), "{message}");
    let tag = String::from_utf8_lossy(&TAG.value().to_le_bytes()).into_owned();
    assert!(message.contains(&tag), "{message}");
}

#[test]
fn an_action_that_fails_without_a_reason_is_reported() {
    let message = panic_of(|| scenario().run(|test| test.each_allocation_fails(|_| false)));
    assert!(message.contains("no allocation failed"), "{message}");
}
