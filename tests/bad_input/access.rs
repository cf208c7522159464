//! Addresses, control codes and callers that the driver does not serve.

use kmdf_test::{Access, Caller, File, NtStatus};
use wdfmem_ioctl::*;

use crate::common::*;
use crate::{for_every_call, sample, wrong};

#[test]
fn buffers_may_lie_at_any_address() {
    scenario().run(|test| {
        for row in CALLS {
            for shift in 0..9 {
                let file = open(test);
                let world = World::new(&file);
                let message = sample(row.code, &world).message;
                let mut request = vec![0; shift];
                request.extend(encode(message));
                let length = second_buffer(&message).len();
                let mut output = vec![UNTOUCHED; shift + length + 8];
                let outcome = file.as_model().ioctl(
                    row.code.number(),
                    &request[shift..],
                    &mut output[shift..shift + length],
                );
                let transferred = match row.data {
                    Data::SecondBuffer => length,
                    _ => usize::try_from(message.reply_length()).unwrap(),
                };
                assert_eq!(
                    (Status::from_code(outcome.status), outcome.information),
                    (Status::SUCCESS, transferred),
                    "{message:?} {shift}"
                );
                assert!(
                    output[..shift]
                        .iter()
                        .chain(&output[shift + length..])
                        .all(|b| *b == UNTOUCHED)
                );
            }
        }
    });
}

#[test]
fn an_address_that_the_caller_cannot_use_is_an_access_violation() {
    for_every_call(|file, world, sample| {
        let message = sample.message;
        let code = message.code();
        let mut output = second_buffer(&message);
        let request = encode(message);
        let before = world.state(file);
        let bad = [16_usize, 0xFFFF_8000_0000_1000];
        for address in bad {
            // SAFETY: The model refuses these addresses; the other range is a live buffer.
            let outcome = unsafe {
                file.as_model().ioctl_raw(
                    code.number(),
                    (std::ptr::without_provenance(address), request.len()),
                    (output.as_mut_ptr(), output.len()),
                )
            };
            assert_eq!(
                Status::from_code(outcome.status),
                Status::ACCESS_VIOLATION,
                "{message:?}"
            );
            if output.is_empty() {
                continue;
            }
            // SAFETY: The model refuses these addresses; the other range is a live buffer.
            let outcome = unsafe {
                file.as_model().ioctl_raw(
                    code.number(),
                    (request.as_ptr(), request.len()),
                    (std::ptr::without_provenance_mut(address), output.len()),
                )
            };
            assert_eq!(
                Status::from_code(outcome.status),
                Status::ACCESS_VIOLATION,
                "{message:?}"
            );
        }
        assert_eq!(world.state(file), before);
    });
}

#[test]
fn codes_that_no_call_has_are_refused_before_their_buffers_are_looked_at() {
    for_every_call(|file, world, sample| {
        let message = sample.message;
        let code = message.code();
        let output = second_buffer(&message);
        let neighbours = [0x4, 0x4000_0000, 0x0001_0000].map(|bit| code.number() ^ bit);
        let unknown = neighbours
            .into_iter()
            .chain([0, u32::MAX, code.number() ^ 3])
            .filter(|number| Code::try_from(*number).is_err());
        for number in unknown {
            let refusal = Status::INVALID_DEVICE_REQUEST;
            wrong(file, world, number, &[], Vec::new(), refusal);
            wrong(
                file,
                world,
                number,
                &encode(message),
                output.clone(),
                refusal,
            );
        }
    });
}

#[test]
fn only_an_administrator_opens_the_device() {
    scenario().run(|test| {
        let refused = test.kernel().open_interface_as(Caller::User, &interface());
        let Err(NtStatus(status)) = refused else {
            panic!("a user opened the device")
        };
        assert_eq!(Status::from_code(status), Status::ACCESS_DENIED);
    });
}

#[test]
fn a_handle_serves_the_calls_that_it_was_opened_for() {
    for (access, bit) in [(Access::Read, 1), (Access::Write, 2)] {
        scenario().run(move |test| {
            let file = open(test);
            let world = World::new(&file);
            let link = &test.kernel().interfaces(&interface())[0];
            let limited = test
                .kernel()
                .open_for(Caller::Administrator, access, link)
                .map(File::from)
                .expect("the device opens");
            for row in CALLS {
                let message = sample(row.code, &world).message;
                let before = world.state(&file);
                let output = second_buffer(&message);
                let reply = send(&limited, row.code.number(), &encode(message), &output);
                // The other handle's objects are not this one's.
                let refused = row.code.access().bits() & !bit != 0;
                assert_eq!(
                    reply == Reply::refused(Status::ACCESS_DENIED),
                    refused,
                    "{access:?} {message:?}"
                );
                if refused {
                    assert_eq!(world.state(&file), before, "{access:?} {message:?}");
                }
            }
        });
    }
}

#[test]
fn reading_and_writing_the_device_itself_is_no_request_of_its() {
    scenario().run(|test| {
        let file = open(test);
        let refusal = kmdf_test::Reply::error(Status::INVALID_DEVICE_REQUEST.code());
        assert_eq!(file.read(8), refusal);
        assert_eq!(file.write(&[0; 8]), refusal);
    });
}
