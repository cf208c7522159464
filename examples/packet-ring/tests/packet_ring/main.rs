//! The driver in the model: packets and readers in their order, and what happens when either is missing, too
//! many, cancelled or gone.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

mod threads;

use kmdf::Error;
use kmdf_test::{File, Pending, Reply, Scenario, Test};
use packet_ring::{GET_STATISTICS, INTERFACE, PACKET_BYTES, PACKETS, READ_PACKET, Statistics};
use zerocopy::FromBytes;

fn scenario() -> Scenario {
    Scenario::new("packet_ring", packet_ring::fx_driver_entry)
}

fn error(error: Error) -> Reply {
    Reply::error(error.status())
}

fn read(file: &File) -> Reply {
    file.ioctl(READ_PACKET, &[], PACKET_BYTES)
}

fn start_read(file: &File) -> Pending {
    file.start_ioctl(READ_PACKET, &[], PACKET_BYTES)
}

fn statistics(file: &File) -> Statistics {
    let reply = file.ioctl(GET_STATISTICS, &[], size_of::<Statistics>());
    assert_eq!(reply, Reply::success(&reply.output));
    Statistics::read_from_bytes(&reply.output).expect("all of them")
}

fn write(file: &File, packet: &[u8]) {
    assert_eq!(file.write(packet), Reply::written(packet.len()));
}

#[test]
fn packets_are_read_in_the_order_in_which_they_arrived() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        for packet in [&b"first"[..], b"second", b"third"] {
            write(&file, packet);
        }
        assert_eq!(read(&file), Reply::success(b"first"));
        assert_eq!(read(&file), Reply::success(b"second"));
        write(&file, b"fourth");
        assert_eq!(read(&file), Reply::success(b"third"));
        assert_eq!(read(&file), Reply::success(b"fourth"));
    });
}

#[test]
fn a_packet_has_the_length_that_was_written() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let longest: Vec<u8> = (0..PACKET_BYTES).map(|index| index as u8).collect();
        // Each from an entry of the lookaside list that the one before may have left full.
        for packet in [&longest[..], b"x", &longest[..100]] {
            write(&file, packet);
            assert_eq!(read(&file), Reply::success(packet));
        }
    });
}

#[test]
fn a_packet_that_is_too_long_is_refused() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let reply = file.write(&[7; PACKET_BYTES + 1]);
        assert_eq!(reply, error(Error::INVALID_BUFFER_SIZE));
        assert_eq!(statistics(&file), Statistics::default());
    });
}

#[test]
fn a_read_without_room_for_the_longest_packet_is_refused() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        write(&file, b"packet");
        let reply = file.ioctl(READ_PACKET, &[], PACKET_BYTES - 1);
        assert_eq!(reply, error(Error::BUFFER_TOO_SMALL));
        assert_eq!(read(&file), Reply::success(b"packet"));
    });
}

#[test]
fn a_read_waits_until_a_packet_arrives() {
    scenario().run(|test| {
        let reader = test.open(INTERFACE);
        let writer = test.open(INTERFACE);
        let waiting = start_read(&reader);
        assert!(waiting.is_pending());
        write(&writer, b"packet");
        assert!(!waiting.is_pending());
        assert_eq!(waiting.wait(), Reply::success(b"packet"));
    });
}

#[test]
fn waiting_reads_get_packets_in_the_order_in_which_they_were_sent() {
    scenario().run(|test| {
        let files = [test.open(INTERFACE), test.open(INTERFACE)];
        let waiting = [0, 1, 0, 1].map(|file: usize| start_read(&files[file]));
        for (number, read) in waiting.into_iter().enumerate() {
            assert!(read.is_pending());
            write(&files[0], &[number as u8]);
            assert_eq!(read.wait(), Reply::success([number as u8]));
        }
    });
}

#[test]
fn packets_arrive_at_dispatch_level_and_reads_may_be_sent_at_it() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let raised = || test.kernel().verifier().raise_irqls;
        let before = raised();
        write(&file, b"packet");
        assert!(raised() > before);
        // The framework brings the request down to the level of the queue's handler.
        let read = file.start_ioctl_from_dpc(READ_PACKET, &[], PACKET_BYTES);
        assert_eq!(read.wait(), Reply::success(b"packet"));
    });
}

#[test]
fn a_full_ring_drops_its_oldest_packet() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let other = test.open(INTERFACE);
        for number in 0..PACKETS + 2 {
            write(&file, &[number as u8; 10]);
        }
        write(&other, &[PACKETS as u8 + 2; 10]);
        let full = Statistics {
            handle_writes: PACKETS as u64 + 2,
            handle_bytes: 10 * (PACKETS as u64 + 2),
            handle_displaced: 2,
            arrived: PACKETS as u64 + 3,
            in_ring: PACKETS as u64,
            dropped: 3,
            ..Statistics::default()
        };
        assert_eq!(statistics(&file), full);
        for number in 3..PACKETS + 3 {
            assert_eq!(read(&file), Reply::success([number as u8; 10]));
        }
        let empty = Statistics {
            handle_reads: PACKETS as u64,
            in_ring: 0,
            delivered: PACKETS as u64,
            ..full
        };
        assert_eq!(statistics(&file), empty);
    });
}

#[test]
fn each_handle_has_counters_of_its_own() {
    scenario().run(|test| {
        let writer = test.open(INTERFACE);
        let reader = test.open(INTERFACE);
        write(&writer, b"abc");
        write(&writer, b"de");
        assert_eq!(read(&reader), Reply::success(b"abc"));
        let device = Statistics {
            arrived: 2,
            in_ring: 1,
            delivered: 1,
            ..Statistics::default()
        };
        let of_writer = Statistics {
            handle_writes: 2,
            handle_bytes: 5,
            ..device
        };
        let of_reader = Statistics {
            handle_reads: 1,
            ..device
        };
        assert_eq!(statistics(&writer), of_writer);
        assert_eq!(statistics(&reader), of_reader);
        // A new handle starts from zero, in an entry that another handle may have given back.
        writer.close();
        assert_eq!(statistics(&test.open(INTERFACE)), device);
    });
}

#[test]
fn statistics_without_room_and_unknown_controls_are_refused() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let short = file.ioctl(GET_STATISTICS, &[], size_of::<Statistics>() - 1);
        assert_eq!(short, error(Error::BUFFER_TOO_SMALL));
        let unknown = file.ioctl(GET_STATISTICS + 4, &[], 100);
        assert_eq!(unknown, error(Error::INVALID_DEVICE_REQUEST));
        assert_eq!(file.read(100), error(Error::INVALID_DEVICE_REQUEST));
    });
}

#[test]
fn a_cancelled_read_gets_no_packet_and_others_wait_on() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let [first, second, third] = [(); 3].map(|()| start_read(&file));
        assert!(second.cancel());
        assert_eq!(second.wait(), error(Error::CANCELLED));
        write(&file, b"a");
        write(&file, b"b");
        assert_eq!(first.wait(), Reply::success(b"a"));
        assert_eq!(third.wait(), Reply::success(b"b"));
    });
}

#[test]
fn closing_a_handle_ends_its_waiting_reads_only() {
    scenario().run(|test| {
        let closed = test.open(INTERFACE);
        let open = test.open(INTERFACE);
        let ended = [start_read(&closed), start_read(&closed)];
        let waiting = start_read(&open);
        closed.close();
        for read in ended {
            assert_eq!(read.wait(), error(Error::CANCELLED));
        }
        write(&open, b"packet");
        assert_eq!(waiting.wait(), Reply::success(b"packet"));
    });
}

#[test]
fn a_device_that_disappears_ends_waiting_reads() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let waiting = [start_read(&file), start_read(&file)];
        test.device().surprise_remove().expect("it is removed");
        for read in waiting {
            assert_eq!(read.wait(), error(Error::CANCELLED));
        }
    });
}

/// A stop is what Plug and Play does to rebalance resources. When the device starts again, packets arrive before the
/// framework has started the queue in which the reads wait.
#[test]
fn packets_and_reads_find_each_other_after_a_stop_of_their_device() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let reads = [(); 2].map(|()| start_read(&file));
        test.device().stop().expect("it stops");
        let writes = [&b"a"[..], b"b"].map(|packet| file.start_write(packet));
        assert!(
            writes
                .iter()
                .chain(&reads)
                .all(|request| request.is_pending())
        );
        test.device().start().expect("it starts");
        for (write, (read, packet)) in writes.into_iter().zip(reads.into_iter().zip(["a", "b"])) {
            assert_eq!(write.wait(), Reply::written(1));
            assert_eq!(read.wait(), Reply::success(packet));
        }
    });
}

/// That nothing is left of the packets is checked at the end of the scenario.
#[test]
fn a_device_is_removed_with_packets_in_its_ring() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        for _ in 0..PACKETS + 1 {
            write(&file, b"packet");
        }
        file.close();
        test.device().remove().expect("nothing is open");
        test.add_device().expect("the device starts");
        let file = test.open(INTERFACE);
        assert_eq!(statistics(&file), Statistics::default());
    });
}

/// Each allocation from the load to the unload fails once: those of the framework and of the I/O manager
/// included.
#[test]
fn each_failing_allocation_is_an_error_and_leaves_nothing() {
    let failed = scenario().each_allocation_fails(|test| {
        let (Ok(reader), Ok(writer)) = (test.try_open(INTERFACE), test.try_open(INTERFACE)) else {
            return;
        };
        let waiting = start_read(&reader);
        if !succeeds(test, &writer.write(b"first"), &Reply::written(5)) {
            // Without a packet, the read waits until its handle is closed.
            assert!(waiting.is_pending());
            return;
        }
        if !succeeds(test, &waiting.wait(), &Reply::success(b"first")) {
            // Without a reader, the packet stays.
            assert_eq!(read(&writer), Reply::success(b"first"));
        }
        let written = succeeds(test, &writer.write(b"second"), &Reply::written(6));
        if written && !succeeds(test, &read(&reader), &Reply::success(b"second")) {
            assert_eq!(read(&reader), Reply::success(b"second"));
        }
        let reply = reader.ioctl(GET_STATISTICS, &[], size_of::<Statistics>());
        succeeds(test, &reply, &Reply::success(&reply.output));
    });
    assert!(failed > 10, "{failed}");
}

/// Whether a request succeeded. If not, it is for want of memory.
fn succeeds(test: &Test, reply: &Reply, expected: &Reply) -> bool {
    let succeeds = reply == expected;
    if !succeeds {
        assert_eq!(*reply, Reply::error(Error::INSUFFICIENT_RESOURCES.status()));
        assert!(test.allocation_failed());
    }
    succeeds
}
