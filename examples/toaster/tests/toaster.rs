//! The driver in the model.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

use kmdf::Error;
use kmdf_test::{Reply, Scenario, Test};
use toaster::INTERFACE;

fn scenario() -> Scenario {
    Scenario::new("toaster", toaster::fx_driver_entry)
}

#[test]
fn a_read_gives_nothing() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.read(100), Reply::success(b""));
        assert_eq!(file.read(0), Reply::success(b""));
    });
}

#[test]
fn a_write_takes_everything() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.write(b"two slices"), Reply::written(10));
        assert_eq!(file.write(b""), Reply::written(0));
        assert_eq!(file.read(100), Reply::success(b""));
    });
}

#[test]
fn device_controls_are_refused() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let refused = Reply::error(Error::INVALID_DEVICE_REQUEST.status());
        // IOCTL codes of each transfer method.
        for code in [0x0022_2000, 0x0022_2005, 0x0022_200A, 0x0022_200F] {
            let mut buffer = [7; 8];
            let reply = file.as_model().ioctl(code, b"two slices", &mut buffer);
            assert_eq!((reply.status, reply.information), (refused.status, 0));
            assert_eq!(buffer, [7; 8]);
        }
    });
}

#[test]
fn a_toaster_can_be_removed_while_another_stays() {
    scenario().run(|test| {
        let first = test.device();
        test.add_device().expect("a second device starts");
        first.remove().expect("nothing is open");
        assert_eq!(test.open(INTERFACE).write(b"slice"), Reply::written(5));
    });
}

/// Each allocation from the creation of the device to the last request fails once: those of the framework and of the I/O
/// manager included.
#[test]
fn each_failing_allocation_is_an_error_and_leaves_nothing() {
    for failing in 1.. {
        let injected = scenario().without_device().run(move |test| {
            test.kernel().fail_nth_allocation(failing);
            let outcome = use_all(test);
            let injected = test.kernel().verifier().faults_injected;
            if injected == 0 {
                assert_eq!(outcome, Ok(()));
            } else if let Err(status) = outcome {
                assert_eq!(status, Error::INSUFFICIENT_RESOURCES.status());
            }
            injected
        });
        if injected == 0 {
            assert!(failing > 10, "{failing}");
            break;
        }
    }
}

fn use_all(test: &Test) -> Result<(), i32> {
    test.add_device().map_err(|refused| refused.status)?;
    let file = test.try_open(INTERFACE).map_err(|refused| refused.status)?;
    let replies = [
        (file.write(b"slice"), Reply::written(5)),
        (file.read(100), Reply::success(b"")),
    ];
    for (reply, expected) in replies {
        if reply.status != 0 {
            assert_eq!(reply, Reply::error(reply.status));
            return Err(reply.status);
        }
        assert_eq!(reply, expected);
    }
    Ok(())
}
