//! Replies of requests, and those that are not believed.

use super::driver::{INTERFACE, REPORTS_TOO_LITTLE, REVERSE, TAKE};
use super::{panic_of, scenario};
use kmdf::Error;
use kmdf_test::Reply;

#[test]
fn a_request_comes_back_with_status_information_and_output() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.ioctl(REVERSE, b"abc", 3), Reply::success(b"cba"));
        assert_eq!(file.ioctl(REVERSE, b"abc", 10), Reply::success(b"cba"));
        let short = Reply::error(Error::BUFFER_TOO_SMALL.status());
        assert_eq!(file.ioctl(REVERSE, b"abc", 2), short);
        let unknown = Reply::error(Error::INVALID_DEVICE_REQUEST.status());
        assert_eq!(file.ioctl(0, b"abc", 3), unknown);
        assert_eq!(file.read(10), Reply::success(b"read"));
        assert_eq!(file.write(b"five!"), Reply::written(5));
        assert_eq!(file.ioctl_in_direct(TAKE, &[], b"data"), Reply::written(4));
    });
}

#[test]
fn several_handles_are_open_at_once() {
    scenario().run(|test| {
        let files = [test.open(INTERFACE), test.open(INTERFACE)];
        for file in &files {
            assert_eq!(file.ioctl(REVERSE, b"12", 2), Reply::success(b"21"));
        }
        drop(files);
        assert_eq!(test.open(INTERFACE).read(4), Reply::success(b"read"));
    });
}

#[test]
fn a_byte_written_beyond_the_information_fails_the_test() {
    let message =
        panic_of(|| scenario().run(|test| test.open(INTERFACE).ioctl(REPORTS_TOO_LITTLE, &[], 8)));
    assert!(message.contains("information 2"), "{message}");
    assert!(message.contains("byte 2"), "{message}");
}
