//! Scenarios that end well, and what each mistake of a driver or a test does to one.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

mod driver;
mod failing;
mod faults;
mod lower;
mod raw;
mod requests;

use driver::{INTERFACE, LEAK, SHORT, WAIT, fx_driver_entry};
use kmdf_test::{Config, NtStatus, Scenario, Verifier};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

fn scenario() -> Scenario {
    Scenario::new("tested", fx_driver_entry)
}

/// Where the values are that a test forgets, so that a leak checker finds them.
static FORGOTTEN: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());

fn forget(value: impl Any + Send) {
    let mut forgotten = FORGOTTEN.lock().unwrap_or_else(PoisonError::into_inner);
    forgotten.push(Box::new(value));
}

/// The message of the panic that `act` must end with.
fn panic_of<T>(act: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act))
        .err()
        .expect("it panics");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast::<&str>().expect("a message")).into(),
    }
}

#[test]
fn a_scenario_gives_back_what_the_test_gave() {
    let blocks = scenario().run(|test| test.kernel().verifier().live_blocks);
    assert_ne!(blocks, 0);
}

#[test]
fn a_block_of_pool_that_the_driver_leaks_is_a_bug_check_at_unload() {
    let leaking = scenario().try_run(|test| {
        assert_eq!(test.open(INTERFACE).ioctl(LEAK, &[], 0).status, 0);
    });
    let stop = leaking.expect_err("the block is left").stop;
    assert_eq!(
        (stop.code, stop.parameters),
        (0xC4, [0x62, 0, 0, 1]),
        "{stop}"
    );
    assert!(stop.message.contains("'Scen'"), "{stop}");
}

#[test]
fn what_a_test_forgets_is_taken_down_and_what_the_driver_leaks_is_still_seen() {
    let forgetful = |leaks: bool| {
        scenario().without_driver().try_run(move |test| {
            let driver = test.kernel().load_driver("own", fx_driver_entry);
            driver
                .expect("it loads")
                .add_device(r"Root\own")
                .expect("it starts");
            let file = test.open(INTERFACE);
            forget((file.start_read(SHORT + 1), file.start_ioctl(WAIT, &[], 5)));
            if leaks {
                assert_eq!(file.ioctl(LEAK, &[], 0).status, 0);
            }
            forget(file);
        })
    };
    forgetful(false).expect("nothing is left");
    let stop = forgetful(true).expect_err("a block is left").stop;
    assert_eq!((stop.code, stop.parameters[0]), (0xC4, 0x62), "{stop}");
}

#[test]
fn without_the_verifier_a_leak_fails_the_test_all_the_same() {
    let config = Config {
        verifier: Verifier::off(),
        ..Config::default()
    };
    let message = panic_of(|| {
        scenario().config(config).run(|test| {
            assert_eq!(test.open(INTERFACE).ioctl(LEAK, &[], 0).status, 0);
        })
    });
    assert!(message.contains("'Scen' NonPaged: 1 blocks"), "{message}");
}

#[test]
fn an_interface_that_the_driver_has_not_is_not_opened() {
    let unknown = kmdf::Guid::from_u128(1);
    scenario().run(move |test| {
        let refused = test.try_open(unknown).expect_err("there is none");
        assert_eq!(
            refused.status,
            NtStatus(kmdf_sys::STATUS_OBJECT_NAME_NOT_FOUND).0
        );
    });
    let message = panic_of(|| scenario().run(move |test| test.open(unknown).close()));
    assert!(
        message.contains("STATUS_OBJECT_NAME_NOT_FOUND"),
        "{message}"
    );
    assert!(
        message.contains("{00000000-0000-0000-0000-000000000001}"),
        "{message}"
    );
}

#[test]
fn a_panic_of_the_test_is_the_scenarios() {
    assert_eq!(
        panic_of(|| scenario().run(|_| panic!("the test's own"))),
        "the test's own"
    );
}

#[test]
fn a_scenario_does_not_start_within_another() {
    let message = panic_of(|| scenario().run(|_| scenario().run(|_| ())));
    assert!(message.contains("from within another"), "{message}");
}

#[test]
fn without_a_device_there_is_nothing_to_open() {
    scenario().without_device().run(|test| {
        assert!(test.try_open(INTERFACE).is_err());
        let device = test.add_device().expect("it starts");
        test.open(INTERFACE).close();
        device.remove().expect("nothing is open");
    });
    let message = panic_of(|| scenario().without_device().run(|test| test.device()));
    assert!(message.contains("add_device"), "{message}");
}

#[test]
fn without_a_driver_there_is_no_device() {
    scenario().without_driver().run(|test| {
        for _ in 0..2 {
            let driver = test.load().expect("it loads");
            driver.unload().expect("it unloads");
        }
    });
    let message = panic_of(|| {
        scenario()
            .without_driver()
            .run(|test| test.add_device().map(drop))
    });
    assert!(message.contains("load"), "{message}");
}
