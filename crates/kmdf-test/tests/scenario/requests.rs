//! Replies of requests, and those that are not believed.

use super::driver::{INTERFACE, REPORTS_TOO_LITTLE, REVERSE, SHORT, TAKE, WAIT, WAKE};
use super::{panic_of, scenario};
use kmdf::Error;
use kmdf_test::{File, Reply};
use std::thread;
use std::time::Duration;

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
        assert_eq!(file.ioctl(TAKE, &[], 3), Reply::written(3), "all is input");
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

fn wake(file: &File) {
    assert_eq!(file.ioctl(WAKE, &[], 0), Reply::success([]));
}

#[test]
fn requests_wait_until_the_driver_completes_them() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let control = file.start_ioctl(WAIT, &[], 8);
        let read = file.start_read(SHORT + 1);
        let write = file.start_write(&[7; SHORT + 2]);
        wake(&file);
        assert!(!control.is_pending() && read.is_pending() && write.is_pending());
        assert!(!read.completes_within(Duration::from_millis(5)));
        wake(&file);
        wake(&file);
        assert_eq!(control.wait(), Reply::success(b"woken"));
        assert_eq!(read.wait(), Reply::success(b"woken"));
        assert_eq!(write.wait(), Reply::written(SHORT + 2));
    });
}

#[test]
fn requests_are_cancelled() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let requests = [
            file.start_ioctl(WAIT, &[], 8),
            file.start_read(SHORT + 1),
            file.start_write(&[7; SHORT + 2]),
        ];
        for request in requests {
            assert!(request.is_pending() && request.cancel());
            assert_eq!(request.wait(), Reply::error(Error::CANCELLED.status()));
        }
        let done = file.start_ioctl(REVERSE, b"12", 2);
        assert!(!done.is_pending() && !done.cancel());
        assert_eq!(done.wait(), Reply::success(b"21"));
    });
}

#[test]
fn several_threads_use_one_handle_and_handles_of_their_own() {
    scenario().run(|test| {
        let shared = test.open(INTERFACE);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let own = test.open(INTERFACE);
                    for file in [&shared, &own].repeat(20) {
                        assert_eq!(file.ioctl(REVERSE, b"abc", 3), Reply::success(b"cba"));
                    }
                });
            }
        });
    });
}

#[test]
fn a_waiting_request_ends_with_a_surprise_removal() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let waiting = file.start_read(SHORT + 1);
        test.device().surprise_remove().expect("it is there");
        assert_ne!(waiting.wait().status, 0);
        assert_ne!(file.read(1).status, 0);
        assert!(test.try_open(INTERFACE).is_err());
        file.close();
        test.add_device().expect("another one starts");
        assert_eq!(test.open(INTERFACE).read(9), Reply::success(b"read"));
    });
}
