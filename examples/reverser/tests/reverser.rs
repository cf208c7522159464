//! The driver in the model.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

use kmdf::Error;
use kmdf_test::{Reply, Scenario, Test};
use reverser::{INTERFACE, REVERSE};

fn scenario() -> Scenario {
    Scenario::new("reverser", reverser::fx_driver_entry)
}

fn error(error: Error) -> Reply {
    Reply::error(error.status())
}

#[test]
fn the_bytes_come_back_in_reverse_order() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.ioctl(REVERSE, b"abc", 3), Reply::success(b"cba"));
        assert_eq!(file.ioctl(REVERSE, b"x", 100), Reply::success(b"x"));
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        let reply = file.ioctl(REVERSE, &bytes, bytes.len());
        assert_eq!(reply, Reply::success(reversed));
    });
}

#[test]
fn missing_buffers_are_refused() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.ioctl(REVERSE, b"", 3), error(Error::BUFFER_TOO_SMALL));
        assert_eq!(
            file.ioctl(REVERSE, b"abc", 2),
            error(Error::BUFFER_TOO_SMALL)
        );
        assert_eq!(
            file.ioctl(REVERSE, b"abc", 0),
            error(Error::BUFFER_TOO_SMALL)
        );
    });
}

#[test]
fn other_requests_are_refused() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let refused = error(Error::INVALID_DEVICE_REQUEST);
        assert_eq!(file.ioctl(REVERSE + 4, b"abc", 3), refused);
        assert_eq!(file.read(3), refused);
        assert_eq!(file.write(b"abc"), refused);
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
    let reply = file.ioctl(REVERSE, b"abc", 3);
    if reply.status != 0 {
        assert_eq!(reply, Reply::error(reply.status));
        return Err(reply.status);
    }
    assert_eq!(reply, Reply::success(b"cba"));
    Ok(())
}
