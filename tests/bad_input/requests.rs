//! Requests and buffers that are not as their call wants them.

use nt_model::File;
use wdfmem_ioctl::{CALLS, Call, Code, Data, Status};

use crate::common::*;
use crate::{for_every_call, sample, second_buffer, succeeds, wrong};

/// The call with its request changed is refused.
fn changed(
    file: &File,
    world: &World,
    call: &Call<'_>,
    expected: Status,
    change: impl FnOnce(&mut Vec<u8>),
) {
    let mut request = encode(call);
    change(&mut request);
    let code = call.code().number();
    wrong(file, world, code, &request, second_buffer(call), expected);
}

#[test]
fn an_absent_or_short_input_is_too_small() {
    for_every_call(|file, world, code, call, _| {
        for length in 0..code.info().request_size {
            let too_small = Status::BUFFER_TOO_SMALL;
            changed(file, world, &call, too_small, |request| {
                request.truncate(length);
            });
        }
    });
}

#[test]
fn an_input_of_another_length_than_its_header_says_is_refused() {
    for_every_call(|file, world, code, call, _| {
        let mismatch = Status::INFO_LENGTH_MISMATCH;
        changed(file, world, &call, mismatch, |request| request.push(0));
        let longer = encode(&call).len() as u32 + 1;
        for wrong_size in [0, 15, longer, u32::MAX] {
            changed(file, world, &call, mismatch, |request| {
                request[..4].copy_from_slice(&wrong_size.to_le_bytes());
            });
        }
        // Even if the header counts them, a call without data takes no more bytes.
        if code.info().data != Data::Follows {
            changed(file, world, &call, mismatch, |request| {
                request.push(0);
                request[..4].copy_from_slice(&longer.to_le_bytes());
            });
        }
    });
}

#[test]
fn another_version_is_refused_by_every_call_but_the_one_that_asks_for_it() {
    for_every_call(|file, world, code, call, output| {
        for place in 4..8 {
            if code == Code::QueryVersion {
                let mut request = encode(&call);
                request[place] ^= 0x40;
                let reply = send(file, code.number(), &request, output.clone());
                assert_eq!(reply.status, Status::SUCCESS);
            } else {
                let revision = Status::REVISION_MISMATCH;
                changed(file, world, &call, revision, |request| {
                    request[place] ^= 0x40;
                });
            }
        }
    });
}

/// The places of reserved bytes, apart from the header's.
fn reserved(code: Code) -> &'static [usize] {
    match code {
        Code::CreatePreallocated => &[28, 29, 30, 31],
        Code::CreateFromLookaside
        | Code::Delete
        | Code::AllocateEntry
        | Code::DeleteExList
        | Code::Write
        | Code::Read
        | Code::BulkWrite
        | Code::BulkRead => &[20, 21, 22, 23],
        Code::InitializeExList => &[36, 37, 38, 39],
        Code::Fill => &[21, 22, 23],
        Code::Transform => &[20, 21, 22, 23, 29, 30, 31],
        Code::QueryVersion
        | Code::Statistics
        | Code::CreateMemory
        | Code::AssignBuffer
        | Code::CreateLookaside
        | Code::FreeEntry
        | Code::Copy
        | Code::Checksum => &[],
    }
}

#[test]
fn a_reserved_field_that_is_not_zero_is_refused() {
    for_every_call(|file, world, code, call, _| {
        for place in (8..16).chain(reserved(code).iter().copied()) {
            let invalid = Status::INVALID_PARAMETER;
            changed(file, world, &call, invalid, |request| request[place] = 1);
        }
    });
}

/// The places of fields that have one of a few values, with the first number that is none.
fn values(code: Code) -> &'static [(usize, u32)] {
    match code {
        Code::CreateMemory => &[(16, 2), (20, 3), (24, 2)],
        Code::CreatePreallocated => &[(16, 2), (20, 3)],
        Code::CreateLookaside => &[(16, 2)],
        Code::InitializeExList => &[(16, 2), (32, 2)],
        Code::Checksum => &[(20, 2)],
        Code::Transform => &[(16, 2)],
        _ => &[],
    }
}

/// The place of the tag.
const fn tag_place(code: Code) -> Option<usize> {
    match code {
        Code::CreateMemory | Code::CreatePreallocated => {
            Some(if matches!(code, Code::CreateMemory) {
                28
            } else {
                24
            })
        }
        Code::AssignBuffer | Code::CreateLookaside | Code::InitializeExList => Some(20),
        Code::Transform => Some(24),
        _ => None,
    }
}

#[test]
fn a_value_that_is_none_of_its_kind_is_refused() {
    for_every_call(|file, world, code, call, _| {
        for (place, first) in values(code) {
            for value in [*first, 0x0101, u32::MAX] {
                let invalid = Status::INVALID_PARAMETER;
                changed(file, world, &call, invalid, |request| {
                    request[*place..place + 4].copy_from_slice(&value.to_le_bytes());
                });
            }
        }
    });
}

/// C3
#[test]
fn c3_a_tag_that_is_none_is_refused() {
    for_every_call(|file, world, code, call, _| {
        let Some(place) = tag_place(code) else { return };
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
            changed(file, world, &call, invalid, |request| {
                request[place..place + 4].copy_from_slice(&tag);
            });
        }
    });
}

#[test]
fn an_output_buffer_that_is_absent_or_short_is_too_small() {
    for_every_call(|file, world, code, call, output| {
        for length in 0..output.len() {
            if code.info().data == Data::SecondBuffer && length > 0 {
                break;
            }
            let output = vec![UNTOUCHED; length];
            let too_small = Status::BUFFER_TOO_SMALL;
            wrong(
                file,
                world,
                code.number(),
                &encode(&call),
                output,
                too_small,
            );
        }
    });
}

#[test]
fn a_longer_output_buffer_is_fine_and_left_alone_beyond_the_answer() {
    with_all_checks(|kernel| {
        for row in CALLS {
            let file = open(kernel);
            let world = World::new(&file);
            let call = sample(row.code, &world);
            let mut output = second_buffer(&call);
            if row.data != Data::SecondBuffer {
                output.resize(output.len() + 100, UNTOUCHED);
            }
            let length = output.len();
            let reply = send(&file, row.code.number(), &encode(&call), output);
            succeeds(&reply, &call, length);
        }
    });
}

/// C7, P4, L3, E2: whichever allocation fails that is made for a request, the kernel's and the framework's
/// included, the call is done all the same, or is refused and changes nothing.
#[test]
fn every_call_bears_a_pool_that_is_out_of_memory() {
    with_all_checks(|kernel| {
        for row in CALLS {
            let mut refusals = 0;
            for nth in 1.. {
                assert!(nth < 100, "there is no end to the allocations of {row:?}");
                let file = open(kernel);
                let world = World::new(&file);
                let call = sample(row.code, &world);
                let before = world.state(&file);
                let failed = kernel.verifier().faults_injected;
                kernel.fail_nth_allocation(nth);
                let output = second_buffer(&call);
                let length = output.len();
                let reply = send(&file, row.code.number(), &encode(&call), output);
                kernel.fail_nth_allocation(0);
                if reply.status == Status::SUCCESS {
                    succeeds(&reply, &call, length);
                } else {
                    let refused = Reply::refused(Status::INSUFFICIENT_RESOURCES);
                    assert_eq!(reply, refused, "{call:?}, allocation {nth}");
                    let mut after = world.state(&file);
                    if row.code == Code::AllocateEntry {
                        // An Ex list counts a miss before it asks the pool.
                        after.0.list_misses = before.0.list_misses;
                    }
                    assert_eq!(after, before, "{call:?}, allocation {nth}");
                    refusals += 1;
                }
                if kernel.verifier().faults_injected == failed {
                    assert_eq!(reply.status, Status::SUCCESS, "{call:?}");
                    break;
                }
            }
            assert_ne!(refusals, 0, "{row:?} allocates at least its request");
        }
    });
}
