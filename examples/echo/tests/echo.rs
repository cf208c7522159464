//! The driver in the model.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

use echo::{INTERFACE, MAX_WRITE_LENGTH};
use kmdf::Error;
use kmdf_test::{Reply, Scenario};

fn scenario() -> Scenario {
    Scenario::new("echo", echo::fx_driver_entry)
}

#[test]
fn a_read_gives_back_what_was_written() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.write(b"hello"), Reply::written(5));
        assert_eq!(file.read(5), Reply::success(b"hello"));
        // The data stay.
        assert_eq!(file.read(5), Reply::success(b"hello"));
    });
}

#[test]
fn a_read_gives_as_much_as_there_is_and_as_there_is_room_for() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.write(b"hello"), Reply::written(5));
        assert_eq!(file.read(100), Reply::success(b"hello"));
        assert_eq!(file.read(2), Reply::success(b"he"));
        assert_eq!(file.read(1), Reply::success(b"h"));
    });
}

#[test]
fn a_write_replaces_all_that_was_written_before() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.write(b"a long text"), Reply::written(11));
        assert_eq!(file.write(b"short"), Reply::written(5));
        assert_eq!(file.read(100), Reply::success(b"short"));
    });
}

#[test]
fn a_read_before_the_first_write_gives_nothing() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.read(100), Reply::success(b""));
    });
}

#[test]
fn empty_reads_and_writes_change_nothing() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.write(b"hello"), Reply::written(5));
        assert_eq!(file.write(b""), Reply::written(0));
        assert_eq!(file.read(0), Reply::success(b""));
        assert_eq!(file.read(5), Reply::success(b"hello"));
    });
}

#[test]
fn a_write_that_is_too_long_changes_nothing() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let longest = vec![7; MAX_WRITE_LENGTH];
        assert_eq!(file.write(&longest), Reply::written(40 * 1024));
        let too_long = file.write(&vec![8; MAX_WRITE_LENGTH + 1]);
        assert_eq!(too_long, Reply::error(Error::BUFFER_OVERFLOW.status()));
        assert_eq!(file.read(MAX_WRITE_LENGTH + 1), Reply::success(longest));
    });
}

#[test]
fn all_handles_read_the_same_data() {
    scenario().run(|test| {
        let writer = test.open(INTERFACE);
        let reader = test.open(INTERFACE);
        assert_eq!(writer.write(b"hello"), Reply::written(5));
        writer.close();
        assert_eq!(reader.read(5), Reply::success(b"hello"));
    });
}

#[test]
fn a_device_has_its_own_data() {
    scenario().run(|test| {
        let first = test.open(INTERFACE);
        assert_eq!(first.write(b"hello"), Reply::written(5));
        first.close();
        test.device().remove().expect("nothing is open");
        test.add_device().expect("the device starts");
        assert_eq!(test.open(INTERFACE).read(5), Reply::success(b""));
    });
}

#[test]
fn device_controls_are_refused() {
    scenario().run(|test| {
        let refused = Reply::error(Error::INVALID_DEVICE_REQUEST.status());
        assert_eq!(test.open(INTERFACE).ioctl(0x0022_2000, b"abc", 3), refused);
    });
}

/// The write that finds no memory for the request changes nothing; the one that finds none for its data has
/// let go of those before.
#[test]
fn a_write_that_finds_no_memory_for_its_data_leaves_none() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.write(b"hello"), Reply::written(5));
        let mut without_data = 0;
        let refusals = test.each_allocation_fails(|_| {
            let reply = file.write(b"world");
            test.kernel().fail_nth_allocation(0);
            let read = file.read(5);
            assert_eq!(file.write(b"hello"), Reply::written(5));
            if reply == Reply::written(5) {
                assert_eq!(read, Reply::success(b"world"));
                return true;
            }
            assert_eq!(reply, Reply::error(Error::INSUFFICIENT_RESOURCES.status()));
            if read == Reply::success(b"") {
                without_data += 1;
            } else {
                assert_eq!(read, Reply::success(b"hello"));
            }
            false
        });
        assert!(without_data > 0 && without_data < refusals);
    });
}

/// A read gives the data of one write: those of two are never mixed.
#[test]
fn threads_read_whole_writes() {
    const THREADS: u8 = 3;
    const ROUNDS: usize = 40;
    scenario().run(|test| {
        std::thread::scope(|scope| {
            for thread in 1..=THREADS {
                scope.spawn(move || {
                    let file = test.open(INTERFACE);
                    for round in 1..=ROUNDS {
                        let data = vec![thread; usize::from(thread) * 100 + round];
                        assert_eq!(file.write(&data), Reply::written(data.len()));
                        let read = file.read(MAX_WRITE_LENGTH);
                        assert_eq!(read, Reply::success(&read.output));
                        let writer = read.output[0];
                        assert!(read.output.iter().all(|&byte| byte == writer));
                        let of_round = read.output.len() - usize::from(writer) * 100;
                        assert!((1..=ROUNDS).contains(&of_round), "{of_round}");
                    }
                });
            }
        });
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
        // A write that fails leaves nothing to read.
        let written = file.write(b"hello");
        let data = if written == Reply::written(5) {
            &b"hello"[..]
        } else {
            b""
        };
        for (reply, expected) in [
            (written, Reply::written(5)),
            (file.read(5), Reply::success(data)),
        ] {
            if reply != expected {
                assert_eq!(reply, Reply::error(Error::INSUFFICIENT_RESOURCES.status()));
                assert!(test.allocation_failed());
            }
        }
    });
    assert!(failed > 10, "{failed}");
}
