//! The driver in the model.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

use kmdf::Error;
use kmdf_test::{Reply, Scenario};
use sioctl::{
    INTERFACE, MESSAGE, METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_NEITHER, METHOD_OUT_DIRECT,
};

/// The control codes of Microsoft's sample, calculated by hand from its CTL_CODE arguments.
const CODES: [u32; 4] = [0x9C40_2401, 0x9C40_2406, 0x9C40_2408, 0x9C40_240F];

fn scenario() -> Scenario {
    Scenario::new("sioctl", sioctl::fx_driver_entry)
}

fn error(error: Error) -> Reply {
    Reply::error(error.status())
}

#[test]
fn the_control_codes_are_those_of_the_sample() {
    let codes = [
        METHOD_IN_DIRECT,
        METHOD_OUT_DIRECT,
        METHOD_BUFFERED,
        METHOD_NEITHER,
    ];
    assert_eq!(codes, CODES);
}

#[test]
fn buffered_and_out_direct_controls_give_the_message() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        for code in [METHOD_BUFFERED, METHOD_OUT_DIRECT] {
            // The second buffer ends with the message, is larger, and spans pages.
            for room in [MESSAGE.len(), 100, 10_000] {
                assert_eq!(file.ioctl(code, b"hello", room), Reply::success(MESSAGE));
            }
        }
        assert_eq!(
            test.kernel().debug_output(),
            ["sioctl: input: hello"; 6].map(String::from)
        );
    });
}

#[test]
fn an_in_direct_control_reads_both_buffers() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let second = b"the second buffer, which is input too";
        let reply = file.ioctl_in_direct(METHOD_IN_DIRECT, b"hello", second);
        assert_eq!(reply, Reply::written(second.len()));
        assert_eq!(
            test.kernel().debug_output(),
            [
                "sioctl: input: hello",
                "sioctl: second buffer: the second buffer, which is input too"
            ]
        );
        // All of a long buffer is taken, and the start of it printed.
        let reply = file.ioctl_in_direct(METHOD_IN_DIRECT, b"hello", &[b'a'; 10_000]);
        assert_eq!(reply, Reply::written(10_000));
        let printed = test.kernel().debug_output();
        assert_eq!(
            printed[3],
            format!("sioctl: second buffer: {}", "a".repeat(64))
        );
    });
}

#[test]
fn what_is_not_printable_is_printed_as_full_stops() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let reply = file.ioctl(METHOD_BUFFERED, b"a b%s\0\n\xFF~", 100);
        assert_eq!(reply, Reply::success(MESSAGE));
        assert_eq!(test.kernel().debug_output(), ["sioctl: input: a b%s...~"]);
    });
}

#[test]
fn a_neither_control_is_refused() {
    scenario().run(|test| {
        let reply = test.open(INTERFACE).ioctl(METHOD_NEITHER, b"hello", 100);
        assert_eq!(reply, error(Error::INVALID_DEVICE_REQUEST));
    });
}

#[test]
fn missing_buffers_are_refused_before_the_code_is_looked_at() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        for code in CODES.into_iter().chain([0x9C40_2410]) {
            let short = MESSAGE.len() - 1;
            for (input, room) in [(&b""[..], 100), (b"hello", 0), (b"hello", short)] {
                let reply = file.as_model().ioctl(code, input, &mut vec![0; room]);
                let refused = (Error::INVALID_PARAMETER.status(), 0);
                assert_eq!(
                    (reply.status, reply.information),
                    refused,
                    "{code:#x} {room}"
                );
            }
        }
        assert!(test.kernel().debug_output().is_empty());
    });
}

#[test]
fn unknown_controls_and_reads_and_writes_are_refused() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let refused = error(Error::INVALID_DEVICE_REQUEST);
        assert_eq!(file.ioctl(0x9C40_2410, b"hello", 100), refused);
        assert_eq!(file.read(100), refused);
        assert_eq!(file.write(b"hello"), refused);
    });
}

#[test]
fn pages_that_cannot_be_mapped_are_an_error() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let refused = error(Error::INSUFFICIENT_RESOURCES);
        test.kernel().fail_next_mapping();
        assert_eq!(file.ioctl(METHOD_OUT_DIRECT, b"hello", 100), refused);
        test.kernel().fail_next_mapping();
        let reply = file.ioctl_in_direct(METHOD_IN_DIRECT, b"hello", &[1; 100]);
        assert_eq!(reply, refused);
        assert_eq!(
            file.ioctl(METHOD_OUT_DIRECT, b"hello", 100),
            Reply::success(MESSAGE)
        );
    });
}

#[test]
fn the_device_has_the_name_of_the_sample() {
    scenario().run(|test| {
        let file = test.kernel().open(r"\\.\IoctlTest").expect("opens");
        let mut output = [0; 100];
        let reply = file.ioctl(METHOD_BUFFERED, b"hello", &mut output);
        assert_eq!((reply.status, reply.information), (0, MESSAGE.len()));
        assert_eq!(&output[..MESSAGE.len()], MESSAGE);
        // There is one device of this name.
        let second = test.add_device().expect_err("the name is taken");
        assert_eq!(second.status, Error::OBJECT_NAME_COLLISION.status());
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
            (
                file.ioctl(METHOD_BUFFERED, b"in", 100),
                Reply::success(MESSAGE),
            ),
            (
                file.ioctl(METHOD_OUT_DIRECT, b"in", 100),
                Reply::success(MESSAGE),
            ),
            (
                file.ioctl_in_direct(METHOD_IN_DIRECT, b"in", &[1; 100]),
                Reply::written(100),
            ),
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
