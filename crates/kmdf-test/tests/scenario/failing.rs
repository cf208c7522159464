//! Drivers that do not load or do not start, and what the report says of why.

use super::panic_of;
use kmdf::{DeviceInit, DispatchType, Driver, IoHandler, Passive, Result, wide};
use kmdf_sys::{STATUS_DEVICE_BUSY, STATUS_UNSUCCESSFUL};
use kmdf_test::Scenario;

mod unstartable {
    use super::*;

    struct Unstartable;
    kmdf::driver_entry!(Unstartable);

    impl Driver for Unstartable {
        fn load(_irql: &mut Passive) -> Result<Self> {
            Ok(Self)
        }

        fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
            init.set_generated_name(irql);
            init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
            let device = init.create(State, irql)?;
            device.create_default_queue(DispatchType::Parallel, State, irql)?;
            device.create_default_queue(DispatchType::Sequential, State, irql)?;
            Ok(())
        }
    }

    struct State;
    kmdf::context!(State);

    impl IoHandler for State {
        type Level = Passive;
    }
}

mod unloadable {
    use super::*;

    struct Unloadable;
    kmdf::driver_entry!(Unloadable);

    impl Driver for Unloadable {
        fn load(_irql: &mut Passive) -> Result<Self> {
            Err(kmdf::Error::DEVICE_BUSY)
        }

        fn add_device(&self, _: DeviceInit<'_>, _: &mut Passive) -> Result<()> {
            unreachable!("it is not loaded")
        }
    }
}

const REASON: &str =
    "WdfIoQueueCreate(WDFDEVICE, Config (Size 96), no parent) -> STATUS_UNSUCCESSFUL";

#[test]
fn the_call_that_kept_a_device_from_starting_is_in_the_report() {
    let scenario = || Scenario::new("unstartable", unstartable::fx_driver_entry);
    let message = panic_of(|| scenario().run(|_| ()));
    assert!(
        message.contains("adding a device failed: STATUS_UNSUCCESSFUL"),
        "{message}"
    );
    assert!(message.contains(REASON), "{message}");
    scenario().without_device().run(|test| {
        let refused = test.add_device().expect_err("it does not start");
        assert_eq!(refused.status, STATUS_UNSUCCESSFUL);
        let [call] = &refused.failed_calls[..] else {
            panic!("{refused:?}");
        };
        assert!(call.starts_with(REASON), "{call}");
    });
}

#[test]
fn a_driver_that_does_not_load_ends_with_the_status_of_its_entry_point() {
    let scenario = || Scenario::new("unloadable", unloadable::fx_driver_entry);
    let message = panic_of(|| scenario().run(|_| ()));
    assert!(
        message.contains("loading the driver failed: STATUS_DEVICE_BUSY"),
        "{message}"
    );
    scenario().without_driver().run(|test| {
        assert_eq!(
            test.load().expect_err("it does not").status,
            STATUS_DEVICE_BUSY
        );
    });
}

#[test]
fn calls_of_an_earlier_scenario_are_not_in_a_report() {
    // Several times, for the scenarios of other tests may come in between.
    for _ in 0..20 {
        Scenario::new("unstartable", unstartable::fx_driver_entry)
            .without_device()
            .run(|test| assert!(test.driver().add_device(r"Root\unstartable").is_err()));
        let refused = Scenario::new("unloadable", unloadable::fx_driver_entry)
            .without_driver()
            .run(|test| test.load().expect_err("it does not load"));
        assert_eq!(refused.failed_calls, [] as [String; 0]);
    }
}

#[test]
fn the_calls_that_failed_are_reported_with_a_bug_check() {
    let failure = Scenario::new("unstartable", unstartable::fx_driver_entry)
        .without_device()
        .try_run(|test| {
            assert!(test.driver().add_device(r"Root\unstartable").is_err());
            let block = std::ptr::dangling_mut();
            // SAFETY: What is wrong with it stops the run.
            unsafe { kmdf_sys::ntddk::ExFreePool(block) };
        });
    let failure = failure.expect_err("nothing was allocated");
    assert_eq!(
        (failure.code, failure.parameters[0]),
        (0xC4, 0x10),
        "{failure}"
    );
    assert!(failure.to_string().contains(REASON), "{failure}");
}
