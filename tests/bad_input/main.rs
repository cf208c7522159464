//! Bad input of every sort, for every call: the documented status, and nothing else.

#![cfg(not(wdk))]

#[path = "../common/mod.rs"]
mod common;

mod access;
mod handles;
mod quotas;
mod random;
mod requests;
mod sizes;

use common::*;
use nt_model::File;
use wdfmem_ioctl::{
    CALLS, Call, Code, CopyBytes, Data, Level, Operation, PoolKind, Status, Tag, Transform,
};

/// A right call of each code on a [`World`].
pub(crate) fn sample(code: Code, world: &World) -> Call<'static> {
    let (pool, tag) = (PoolKind::Paged, Tag::DRIVER);
    match code {
        Code::QueryVersion => Call::QueryVersion,
        Code::Statistics => Call::Statistics,
        Code::CreateMemory => memory(pool, 10),
        Code::CreatePreallocated => preallocated(pool, 10),
        Code::AssignBuffer => Call::AssignBuffer {
            handle: world.preallocated,
            tag,
            size: 10,
        },
        Code::CreateLookaside => list(pool, 10),
        Code::CreateFromLookaside => Call::CreateFromLookaside { list: world.list },
        Code::Delete => Call::Delete {
            handle: world.memory,
        },
        Code::InitializeExList => ex_list(pool, 10),
        Code::AllocateEntry => Call::AllocateEntry {
            list: world.ex_list,
        },
        Code::FreeEntry => Call::FreeEntry {
            list: world.ex_list,
            entry: world.entry,
        },
        Code::DeleteExList => Call::DeleteExList {
            list: world.other_ex_list,
        },
        Code::Write => Call::Write {
            handle: world.memory,
            offset: 1,
            data: b"bytes",
        },
        Code::Read => Call::Read(span(world.memory, 1, 5)),
        Code::Fill => Call::Fill {
            span: span(world.memory, 1, 5),
            byte: 1,
        },
        Code::Copy => Call::Copy(CopyBytes {
            source: world.memory,
            source_offset: 1,
            target: world.paged,
            target_offset: 2,
            length: 5,
        }),
        Code::Checksum => Call::Checksum {
            span: span(world.memory, 1, 5),
            level: Level::Passive,
        },
        Code::Transform => Call::Transform(Transform {
            operation: Operation::Reverse,
            key: 0,
            tag,
            data: b"bytes",
        }),
        Code::BulkWrite => Call::BulkWrite {
            handle: world.memory,
            offset: 1,
        },
        Code::BulkRead => Call::BulkRead(span(world.memory, 1, 5)),
    }
}

/// The second buffer of a right call: room for the answer, or the data that it carries.
pub(crate) fn second_buffer(call: &Call<'_>) -> Vec<u8> {
    let length = match call.code().info().data {
        Data::SecondBuffer => 5,
        _ => usize::try_from(call.answer_length()).unwrap(),
    };
    vec![UNTOUCHED; length]
}

/// How a right call with this second buffer ends, its output aside.
pub(crate) fn succeeds(reply: &Reply, call: &Call<'_>, second_buffer: usize) {
    let answer = usize::try_from(call.answer_length()).unwrap();
    let transferred = match call.code().info().data {
        Data::SecondBuffer => second_buffer,
        _ => answer,
    };
    assert_eq!(
        (reply.status, reply.information, reply.output.len()),
        (Status::SUCCESS, transferred, answer),
        "{call:?}"
    );
}

/// Sends a wrong request, and checks that it is refused so and changes nothing.
pub(crate) fn wrong(
    file: &File,
    world: &World,
    code: u32,
    request: &[u8],
    output: Vec<u8>,
    expected: Status,
) {
    let before = world.state(file);
    let reply = send(file, code, request, output);
    assert_eq!(reply, Reply::refused(expected), "{code:#x} {request:02x?}");
    assert_eq!(world.state(file), before, "{code:#x} {request:02x?}");
}

/// Runs a test on a [`World`], once for each call.
pub(crate) fn for_every_call(
    test: impl Fn(&File, &World, Code, Call<'static>, Vec<u8>) + Send + 'static,
) {
    with_all_checks(move |kernel| {
        let file = open(kernel);
        let world = World::new(&file);
        for row in CALLS {
            let call = sample(row.code, &world);
            assert_eq!(call.code(), row.code);
            let output = second_buffer(&call);
            test(&file, &world, row.code, call, output);
        }
    });
}
