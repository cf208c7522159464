//! Requests and buffers that are not as their call wants them.

use kmdf_test::File;
use wdfmem_ioctl::*;

use crate::common::*;
use crate::samples::Sample;
use crate::{for_every_call, sample, succeeds, wrong};

/// The call with its request changed is refused.
fn changed(
    file: &File,
    world: &World,
    Sample { message, .. }: &Sample,
    expected: Status,
    change: impl FnOnce(&mut Vec<u8>),
) {
    let mut request = encode(*message);
    change(&mut request);
    let code = message.code().number();
    wrong(
        file,
        world,
        code,
        &request,
        second_buffer(message),
        expected,
    );
}

#[test]
fn an_absent_or_short_input_is_too_small() {
    for_every_call(|file, world, sample| {
        for length in 0..sample.message.info().request_size {
            let too_small = Status::BUFFER_TOO_SMALL;
            changed(file, world, sample, too_small, |request| {
                request.truncate(length);
            });
        }
    });
}

#[test]
fn an_input_of_another_length_than_its_header_says_is_refused() {
    for_every_call(|file, world, sample| {
        let mismatch = Status::INFO_LENGTH_MISMATCH;
        changed(file, world, sample, mismatch, |request| request.push(0));
        let longer = encode(sample.message).len() as u32 + 1;
        for wrong_size in [0, 15, longer, u32::MAX] {
            changed(file, world, sample, mismatch, |request| {
                request[..4].copy_from_slice(&wrong_size.to_le_bytes());
            });
        }
        // Even if the header counts them, a call without data takes no more bytes.
        if sample.message.info().data != Data::Follows {
            changed(file, world, sample, mismatch, |request| {
                request.push(0);
                request[..4].copy_from_slice(&longer.to_le_bytes());
            });
        }
    });
}

#[test]
fn another_version_is_refused_by_every_call_but_the_one_that_asks_for_it() {
    for_every_call(|file, world, sample| {
        for place in 4..8 {
            let code = sample.message.code();
            if code == Code::QueryVersion {
                let mut request = encode(sample.message);
                request[place] ^= 0x40;
                let reply = send(
                    file,
                    code.number(),
                    &request,
                    &second_buffer(&sample.message),
                );
                assert_eq!(reply.status, Status::SUCCESS);
            } else {
                let revision = Status::REVISION_MISMATCH;
                changed(file, world, sample, revision, |request| {
                    request[place] ^= 0x40;
                });
            }
        }
    });
}

#[test]
fn a_reserved_field_that_is_not_zero_is_refused() {
    for_every_call(|file, world, sample| {
        for place in (8..16).chain(sample.reserved.iter().copied()) {
            let invalid = Status::INVALID_PARAMETER;
            changed(file, world, sample, invalid, |request| request[place] = 1);
        }
    });
}

#[test]
fn a_value_that_its_field_cannot_have_is_refused() {
    for_every_call(|file, world, sample| {
        for (place, first) in sample.values {
            for value in [*first, 0x0101, u32::MAX] {
                let invalid = Status::INVALID_PARAMETER;
                changed(file, world, sample, invalid, |request| {
                    request[*place..place + 4].copy_from_slice(&value.to_le_bytes());
                });
            }
        }
    });
}

/// A pool tag is up to four ASCII characters (C3).
#[test]
fn c3_a_tag_that_the_pool_does_not_take_is_refused() {
    for_every_call(|file, world, sample| {
        let Some(place) = sample.tag else { return };
        for tag in [
            *b"caf\xE9",
            [0x80, b'a', b'b', b'c'],
            *b"a\0bc",
            *b"\0abc",
            *b"+-+-",
            *b"BIG\0",
            [1, 0, 0, 0],
        ] {
            let invalid = Status::INVALID_PARAMETER;
            changed(file, world, sample, invalid, |request| {
                request[place..place + 4].copy_from_slice(&tag);
            });
        }
    });
}

#[test]
fn an_output_buffer_that_is_absent_or_short_is_too_small() {
    for_every_call(|file, world, sample| {
        for length in 0..second_buffer(&sample.message).len() {
            if sample.message.info().data == Data::SecondBuffer && length > 0 {
                break;
            }
            let output = vec![UNTOUCHED; length];
            let too_small = Status::BUFFER_TOO_SMALL;
            wrong(
                file,
                world,
                sample.message.code().number(),
                &encode(sample.message),
                output,
                too_small,
            );
        }
    });
}

#[test]
fn a_longer_output_buffer_is_not_written_beyond_the_reply() {
    scenario().run(|test| {
        for row in CALLS {
            let file = open(test);
            let world = World::new(&file);
            let sample = sample(row.code, &world);
            let mut output = second_buffer(&sample.message);
            if row.data != Data::SecondBuffer {
                output.resize(output.len() + 100, UNTOUCHED);
            }
            let reply = send(&file, row.code.number(), &encode(sample.message), &output);
            succeeds(&reply, &sample);
        }
    });
}

/// C7, P4, L3, E2: whichever allocation fails that is made for a request, the kernel's and the framework's
/// included, the call is done all the same, or is refused and changes nothing.
#[test]
fn every_call_withstands_a_pool_that_is_out_of_memory() {
    scenario().run(|test| {
        for row in CALLS {
            let refusals = test.each_allocation_fails(|nth| {
                test.kernel().fail_nth_allocation(0);
                let file = open(test);
                let world = World::new(&file);
                let sample = sample(row.code, &world);
                let message = sample.message;
                let before = world.state(&file);
                let output = second_buffer(&message);
                test.kernel().fail_nth_allocation(nth);
                let reply = send(&file, row.code.number(), &encode(message), &output);
                test.kernel().fail_nth_allocation(0);
                if reply.status == Status::SUCCESS {
                    succeeds(&reply, &sample);
                    return true;
                }
                let refused = Reply::refused(Status::INSUFFICIENT_RESOURCES);
                assert_eq!(reply, refused, "{message:?}, allocation {nth}");
                let mut after = world.state(&file);
                if row.code == Code::AllocateEntry {
                    // An Ex list counts a miss before it asks the pool.
                    after.0.list_misses = before.0.list_misses;
                }
                assert_eq!(after, before, "{message:?}, allocation {nth}");
                false
            });
            assert_ne!(refusals, 0, "{row:?} allocates at least its request");
        }
    });
}
