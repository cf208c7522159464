//! A device below the driver's that the test plays.

use super::driver::INTERFACE;
use super::scenario;
use kmdf_sys::{
    IRP_MJ_PNP, IRP_MN_QUERY_REMOVE_DEVICE, IRP_MN_REMOVE_DEVICE, IRP_MN_START_DEVICE,
    STATUS_NO_SUCH_DEVICE, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};
use kmdf_test::{LowerRequest, Reply};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn is_pnp(request: &LowerRequest, minor: u32) -> bool {
    (request.major(), request.minor()) == (IRP_MJ_PNP, minor)
}

#[test]
fn a_device_does_not_start_without_its_lower_device() {
    let broken = scenario().without_device().lower_device(|request| {
        if is_pnp(&request, IRP_MN_START_DEVICE) {
            request.complete(STATUS_NO_SUCH_DEVICE, 0);
        }
    });
    broken.run(|test| {
        let refused = test.add_device().expect_err("it does not start");
        assert_eq!(refused.status, STATUS_NO_SUCH_DEVICE);
        assert!(test.try_open(INTERFACE).is_err());
    });
}

#[test]
fn the_framework_waits_for_a_lower_device_that_starts_later() {
    let slow = scenario().lower_device(|request| {
        if is_pnp(&request, IRP_MN_START_DEVICE) {
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                request.complete(STATUS_SUCCESS, 0);
            });
        }
    });
    slow.run(|test| assert_eq!(test.open(INTERFACE).read(9), Reply::success(b"read")));
}

#[test]
fn a_lower_device_may_refuse_the_removal_once() {
    let refuse = Arc::new(AtomicBool::new(true));
    let refuses = refuse.clone();
    let stubborn = scenario().lower_device(move |request| {
        if is_pnp(&request, IRP_MN_QUERY_REMOVE_DEVICE) && refuses.load(Ordering::Relaxed) {
            request.complete(STATUS_UNSUCCESSFUL, 0);
        }
    });
    stubborn.run(move |test| {
        let refused = test.device().remove().expect_err("it is refused");
        assert_eq!(refused.0, STATUS_UNSUCCESSFUL);
        assert_eq!(test.open(INTERFACE).read(9), Reply::success(b"read"));
        refuse.store(false, Ordering::Relaxed);
    });
}

#[test]
fn the_script_sees_what_the_framework_sends_down() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = seen.clone();
    scenario()
        .lower_device(move |request| {
            if request.major() == IRP_MJ_PNP {
                see.lock().expect("no panic").push(request.minor());
            }
        })
        .run(|test| test.open(INTERFACE).close());
    let seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen.first(), Some(&IRP_MN_START_DEVICE));
    let end = [IRP_MN_QUERY_REMOVE_DEVICE, IRP_MN_REMOVE_DEVICE];
    assert!(seen.ends_with(&end), "{seen:?}");
}
