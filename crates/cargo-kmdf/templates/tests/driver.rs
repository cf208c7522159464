//! The driver in the model of the kernel and of the framework: `cargo test`, on any machine.

use my_driver::{INTERFACE, REVERSE};

use kmdf::Error;
use kmdf_test::{Reply, Scenario};

fn driver() -> Scenario {
    Scenario::new("my_driver", my_driver::fx_driver_entry)
}

#[test]
fn reverse_returns_the_bytes_in_reverse_order() {
    driver().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.ioctl(REVERSE, b"abc", 3), Reply::success(b"cba"));
    });
}

#[test]
fn an_unknown_control_code_is_rejected() {
    driver().run(|test| {
        let file = test.open(INTERFACE);
        let reply = file.ioctl(REVERSE + 4, b"abc", 3);
        assert_eq!(reply.status, Error::INVALID_DEVICE_REQUEST.status());
        assert_eq!(reply.information, 0);
    });
}

#[test]
fn a_short_output_buffer_is_rejected_and_the_next_request_works() {
    driver().run(|test| {
        let file = test.open(INTERFACE);
        let reply = file.ioctl(REVERSE, b"abc", 2);
        assert_eq!(reply.status, Error::BUFFER_TOO_SMALL.status());
        assert_eq!(file.ioctl(REVERSE, b"abc", 3), Reply::success(b"cba"));
    });
}

/// The tests add a device `Root\my_driver`: the INF must install the driver for it.
#[test]
fn the_inf_is_for_the_device_of_these_tests() {
    let inx = include_str!("../my_driver.inx");
    assert!(inx.contains(r"= my_driver_Install, Root\my_driver"));
}
