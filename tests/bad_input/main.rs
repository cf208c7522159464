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

#[path = "../../crates/wdfmem-ioctl/tests/samples/mod.rs"]
mod samples;

use common::*;
use kmdf_test::File;
use samples::{Objects, Sample};
use wdfmem_ioctl::*;

/// A valid request of each call on a [`World`].
pub(crate) fn sample(code: Code, world: &World) -> Sample {
    let objects = Objects {
        memory: world.memory,
        paged: world.paged,
        preallocated: world.preallocated,
        list: world.list,
        ex_list: world.ex_list,
        entry: world.entry,
        other_ex_list: world.other_ex_list,
    };
    samples::sample(code, &objects)
}

/// Checks that a valid call succeeded, with the reply that is expected of it.
pub(crate) fn succeeds(reply: &Reply, sample: &Sample) {
    let message = &sample.message;
    let length = usize::try_from(message.reply_length()).unwrap();
    let transferred = match message.info().data {
        Data::SecondBuffer => message.data.len(),
        Data::None | Data::Follows => length,
    };
    assert_eq!(
        (reply.status, reply.information, reply.output.len()),
        (Status::SUCCESS, transferred, length),
        "{message:?}"
    );
    if let Some(expected) = sample.reply {
        assert_eq!(reply.output, expected, "{message:?}");
    }
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
    let reply = send(file, code, request, &output);
    assert_eq!(reply, Reply::refused(expected), "{code:#x} {request:02x?}");
    assert_eq!(world.state(file), before, "{code:#x} {request:02x?}");
}

/// Runs a test on a [`World`], once for each call.
pub(crate) fn for_every_call(check: impl Fn(&File, &World, &Sample) + Send + 'static) {
    scenario().run(move |test| {
        let file = open(test);
        let world = World::new(&file);
        for row in CALLS {
            let sample = sample(row.code, &world);
            assert_eq!(sample.message.code(), row.code);
            check(&file, &world, &sample);
        }
    });
}
