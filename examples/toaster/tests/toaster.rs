//! The driver in the model.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

use kmdf::Error;
use kmdf_test::{Reply, Scenario};
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

/// Each allocation from the load to the unload fails once: those of the framework and of the I/O manager
/// included.
#[test]
fn each_failing_allocation_is_an_error_and_leaves_nothing() {
    let failed = scenario().each_allocation_fails(|test| {
        let Ok(file) = test.try_open(INTERFACE) else {
            return;
        };
        let replies = [
            (file.write(b"slice"), Reply::written(5)),
            (file.read(100), Reply::success(b"")),
        ];
        for (reply, expected) in replies {
            if reply != expected {
                assert_eq!(reply, Reply::error(Error::INSUFFICIENT_RESOURCES.status()));
                assert!(test.allocation_failed());
            }
        }
    });
    assert!(failed > 10, "{failed}");
}
