//! The driver in the model.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

use kmdf::Error;
use kmdf_test::{Reply, Scenario};
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

/// Each allocation from the load to the unload fails once: those of the framework and of the I/O manager
/// included.
#[test]
fn each_failing_allocation_is_an_error_and_leaves_nothing() {
    let failed = scenario().each_allocation_fails(|test| {
        let Ok(file) = test.try_open(INTERFACE) else {
            return;
        };
        let reply = file.ioctl(REVERSE, b"abc", 3);
        if reply != Reply::success(b"cba") {
            assert_eq!(reply, error(Error::INSUFFICIENT_RESOURCES));
            assert!(test.allocation_failed());
        }
    });
    assert!(failed > 10, "{failed}");
}
