//! Readers, writers and cancellation on threads of their own.

use super::{error, read, scenario, start_read, statistics, write};
use kmdf::Error;
use kmdf_test::{Config, Reply, Verifier};
use packet_ring::{INTERFACE, PACKETS};
use std::collections::HashSet;
use std::sync::Barrier;
use std::thread::{ScopedJoinHandle, scope};

#[path = "../../src/delivery.rs"]
mod delivery;
use delivery::Delivery;

/// With and without Driver Verifier, which keeps lookaside lists empty.
fn configurations() -> [Config; 2] {
    [Verifier::standard(), Verifier::off()].map(|verifier| Config {
        verifier,
        ..Config::default()
    })
}

/// A packet: who wrote it, and its number among that writer's.
fn packet(writer: u8, number: u16) -> [u8; 3] {
    let [low, high] = number.to_le_bytes();
    [writer, low, high]
}

/// Each packet is read once or dropped, and no reader sees the packets of one writer out of order.
#[test]
fn many_readers_and_writers_lose_and_repeat_no_packet() {
    const WRITERS: u8 = 3;
    const READERS: usize = 3;
    const WRITTEN: u16 = 150;
    /// The packet after which its reader stops.
    const STOP: [u8; 1] = [0xFF];
    for config in configurations() {
        scenario().config(config).run(|test| {
            let read = scope(|scope| {
                let readers = [(); READERS].map(|()| {
                    scope.spawn(|| {
                        let file = test.open(INTERFACE);
                        let mut packets = Vec::new();
                        loop {
                            let reply = read(&file);
                            if reply == Reply::success(STOP) {
                                return packets;
                            }
                            assert_eq!(reply, Reply::success(&reply.output));
                            packets.push(reply.output);
                        }
                    })
                });
                scope.spawn(|| {
                    std::thread::scope(|scope| {
                        for writer in 0..WRITERS {
                            scope.spawn(move || {
                                let file = test.open(INTERFACE);
                                for number in 0..WRITTEN {
                                    write(&file, &packet(writer, number));
                                }
                            });
                        }
                    });
                    let file = test.open(INTERFACE);
                    for _ in 0..READERS {
                        write(&file, &STOP);
                    }
                });
                readers.map(|reader| reader.join().expect("no panic"))
            });
            for packets in &read {
                for writer in 0..WRITERS {
                    let of_writer = packets.iter().filter(|packet| packet[0] == writer);
                    let numbers =
                        of_writer.map(|packet| u16::from_le_bytes([packet[1], packet[2]]));
                    assert!(numbers.is_sorted_by(|before, after| before < after));
                }
            }
            let count: usize = read.iter().map(Vec::len).sum();
            let distinct: HashSet<Vec<u8>> = read.into_iter().flatten().collect();
            assert_eq!(distinct.len(), count);
            let figures = statistics(&test.open(INTERFACE));
            let arrived = u64::from(WRITERS) * u64::from(WRITTEN) + READERS as u64;
            let delivered = (count + READERS) as u64;
            assert_eq!(
                (figures.arrived, figures.delivered, figures.in_ring),
                (arrived, delivered, 0)
            );
            assert_eq!(figures.dropped, arrived - delivered);
        });
    }
}

/// The one moment that threads find too seldom for a test: a request is added after the delivering thread has
/// found none, and before it ends.
#[test]
fn what_is_added_while_a_delivery_ends_makes_it_look_again() {
    let mut delivery = Delivery::Idle;
    assert!(delivery.start());
    assert!(!delivery.start());
    assert!(!delivery.start());
    assert!(!delivery.end());
    assert!(delivery.end());
    assert!(delivery.start());
    assert!(delivery.end());
}

/// As many packets as reads, all at the same time: each read has its packet when the last thread is done.
#[test]
fn no_read_waits_while_there_is_a_packet() {
    /// More than processors, so that threads are interrupted anywhere.
    const PAIRS: u8 = 4;
    const ROUNDS: u16 = 100;
    for config in configurations() {
        scenario().config(config).run(|test| {
            for round in 0..ROUNDS {
                let start = &Barrier::new(2 * usize::from(PAIRS));
                let reads: Vec<_> = scope(|scope| {
                    let readers: Vec<_> = (0..PAIRS)
                        .map(|pair| {
                            scope.spawn(move || {
                                let file = test.open(INTERFACE);
                                start.wait();
                                write(&file, &packet(pair, round));
                            });
                            scope.spawn(move || {
                                let file = test.open(INTERFACE);
                                start.wait();
                                (start_read(&file), file)
                            })
                        })
                        .collect();
                    let join = |reader: ScopedJoinHandle<'_, _>| reader.join().expect("no panic");
                    readers.into_iter().map(join).collect()
                });
                for (read, _file) in reads {
                    assert!(!read.is_pending(), "round {round}");
                    assert_eq!(read.wait().status, 0);
                }
            }
        });
    }
}

/// Whether the read or its cancellation comes first, the packet is read once.
#[test]
fn a_packet_that_arrives_during_a_cancellation_is_not_lost() {
    const ROUNDS: u32 = 200;
    for config in configurations() {
        scenario().config(config).run(|test| {
            let reader = test.open(INTERFACE);
            let writer = test.open(INTERFACE);
            for round in 0..ROUNDS {
                let packet = round.to_le_bytes();
                let pending = start_read(&reader);
                scope(|scope| {
                    scope.spawn(|| write(&writer, &packet));
                    pending.cancel();
                });
                let reply = pending.wait();
                if reply == error(Error::CANCELLED) {
                    assert_eq!(read(&reader), Reply::success(packet));
                } else {
                    assert_eq!(reply, Reply::success(packet));
                }
                assert_eq!(statistics(&reader).in_ring, 0);
            }
        });
    }
}

/// As above, for the cancellation that the end of a handle is.
#[test]
fn a_packet_that_arrives_while_its_reader_closes_is_not_lost() {
    const ROUNDS: u32 = 100;
    for config in configurations() {
        scenario().config(config).run(|test| {
            let writer = test.open(INTERFACE);
            for round in 0..ROUNDS {
                let packet = round.to_le_bytes();
                let reader = test.open(INTERFACE);
                let pending = start_read(&reader);
                scope(|scope| {
                    scope.spawn(|| write(&writer, &packet));
                    reader.close();
                });
                let reply = pending.wait();
                if reply == error(Error::CANCELLED) {
                    assert_eq!(read(&writer), Reply::success(packet));
                } else {
                    assert_eq!(reply, Reply::success(packet));
                }
            }
        });
    }
}

/// The ring stays within its bound while it is filled from several threads, and every packet is accounted for.
#[test]
fn writers_without_readers_fill_the_ring_and_no_more() {
    for config in configurations() {
        scenario().config(config).run(|test| {
            scope(|scope| {
                for writer in 0..3 {
                    scope.spawn(move || {
                        let file = test.open(INTERFACE);
                        for number in 0..100 {
                            write(&file, &packet(writer, number));
                            assert!(statistics(&file).in_ring <= PACKETS as u64);
                        }
                    });
                }
            });
            let figures = statistics(&test.open(INTERFACE));
            let expected = (300, PACKETS as u64, 0, 300 - PACKETS as u64);
            assert_eq!(
                (
                    figures.arrived,
                    figures.in_ring,
                    figures.delivered,
                    figures.dropped
                ),
                expected
            );
        });
    }
}
