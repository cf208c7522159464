//! What the contract promises of its bytes: only a complete, valid request becomes a call.

mod samples;

use proptest::prelude::*;
use samples::{Objects, Sample, sample};
use wdfmem_ioctl::*;

/// A sample of each call.
fn samples() -> impl Iterator<Item = Sample> {
    let [
        memory,
        paged,
        preallocated,
        list,
        ex_list,
        entry,
        other_ex_list,
    ] = [0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107].map(Handle::from_number);
    let objects = Objects {
        memory,
        paged,
        preallocated,
        list,
        ex_list,
        entry,
        other_ex_list,
    };
    Code::ALL.iter().map(move |code| sample(*code, &objects))
}

/// A call of each kind, as far as it is in the request itself: without what is in the second buffer.
fn messages() -> impl Iterator<Item = Message<'static>> {
    samples().map(|Sample { message, .. }| match message.info().data {
        Data::SecondBuffer => Message {
            data: &[],
            ..message
        },
        Data::None | Data::Follows => message,
    })
}

fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut request = vec![0xEE; message.encoded_length()];
    assert_eq!(message.encode(&mut request), Some(request.len()));
    request
}

#[test]
fn the_code_and_the_bytes_of_each_call_are_those_of_its_documentation() {
    for Sample {
        number,
        message,
        fields,
        ..
    } in samples()
    {
        assert_eq!(message.code().number(), number, "{message:?}");
        let digits: String = fields.split(' ').collect();
        let fields = (0..digits.len())
            .step_by(2)
            .map(|place| u8::from_str_radix(&digits[place..place + 2], 16).unwrap());
        let data = match message.info().data {
            Data::Follows => message.data,
            Data::None | Data::SecondBuffer => &[],
        };
        let rest: Vec<u8> = fields.chain(data.iter().copied()).collect();
        let mut expected = vec![16 + u8::try_from(rest.len()).unwrap(), 0, 0, 0];
        expected.extend(VERSION.to_le_bytes());
        expected.extend([0; 8]);
        expected.extend(rest);
        assert_eq!(encoded(&message), expected, "{message:?}");
    }
}

#[test]
fn every_code_has_one_call_and_one_row_of_the_table() {
    let codes: Vec<Code> = messages().map(|message| message.code()).collect();
    assert_eq!(codes, Code::ALL);
    let rows: Vec<Code> = CALLS.iter().map(|row| row.code).collect();
    assert_eq!(rows, Code::ALL);
}

#[test]
fn what_is_encoded_decodes_to_itself() {
    for message in messages() {
        assert_eq!(
            Message::decode(message.code().number(), &encoded(&message)),
            Ok(message)
        );
    }
}

#[test]
fn a_shorter_buffer_is_not_encoded_into() {
    for message in messages() {
        let mut short = vec![0; message.encoded_length() - 1];
        assert_eq!(message.encode(&mut short), None);
    }
}

#[test]
fn every_proper_prefix_is_refused_and_so_is_every_longer_request() {
    for message in messages() {
        let request = encoded(&message);
        let fields = message.info().request_size;
        for length in 0..request.len() {
            let expected = if length < fields {
                DecodeError::Short
            } else {
                DecodeError::LengthMismatch
            };
            assert_eq!(
                Message::decode(message.code().number(), &request[..length]),
                Err(expected),
                "{message:?} cut to {length}"
            );
        }
        let mut longer = request;
        longer.push(0);
        assert_eq!(
            Message::decode(message.code().number(), &longer),
            Err(DecodeError::LengthMismatch),
            "{message:?}"
        );
    }
}

#[test]
fn extra_bytes_are_refused_even_if_the_header_counts_them() {
    for message in messages().filter(|message| message.data.is_empty()) {
        let mut request = encoded(&message);
        request.push(0);
        let length = u32::try_from(request.len()).unwrap();
        request[..4].copy_from_slice(&length.to_le_bytes());
        assert_eq!(
            Message::decode(message.code().number(), &request),
            Err(DecodeError::LengthMismatch),
            "{message:?}"
        );
    }
}

/// The contract's table: the length is checked before the version.
#[test]
fn of_a_wrong_length_and_another_version_the_length_is_reported() {
    for message in messages() {
        let mut request = encoded(&message);
        request.extend([0; 5]);
        request[6] ^= 1;
        let expected = Err(DecodeError::LengthMismatch);
        let code = message.code().number();
        assert_eq!(Message::decode(code, &request), expected, "{message:?}");
        if message.info().data != Data::Follows {
            request[0] += 5;
            assert_eq!(Message::decode(code, &request), expected, "{message:?}");
        }
    }
}

#[test]
fn another_version_is_refused_except_by_the_call_that_asks_for_it() {
    for message in messages() {
        let mut request = encoded(&message);
        request[6] ^= 1;
        let expected = if message.code() == Code::QueryVersion {
            Ok(message)
        } else {
            Err(DecodeError::Version)
        };
        assert_eq!(Message::decode(message.code().number(), &request), expected);
    }
}

/// Sets each byte in turn: a request is refused, or it means something else. No byte is ignored
/// but the version where it does not count.
#[test]
fn no_byte_of_a_request_is_without_meaning() {
    for message in messages() {
        let request = encoded(&message);
        let ignored = if message.code() == Code::QueryVersion {
            4..8
        } else {
            0..0
        };
        for place in (0..request.len()).filter(|place| !ignored.contains(place)) {
            let mut changed = request.clone();
            changed[place] ^= 0x10;
            assert_ne!(
                Message::decode(message.code().number(), &changed),
                Ok(message),
                "{message:?}, byte {place}"
            );
        }
    }
}

#[test]
fn codes_that_are_none_are_refused() {
    for code in [
        0,
        1,
        u32::MAX,
        Code::QueryVersion.number() | 1,
        Code::Read.number() ^ 0x4000,
    ] {
        assert_eq!(
            Message::decode(code, &[0; 64]),
            Err(DecodeError::UnknownCode)
        );
    }
}

#[test]
fn codes_are_those_that_the_windows_macro_makes() {
    assert_eq!(Code::QueryVersion.number(), 0x0022_6000);
    assert_eq!(Code::CreateMemory.number(), 0x0022_E040);
    assert_eq!(Code::BulkWrite.number(), 0x0022_A141);
    assert_eq!(Code::BulkRead.number(), 0x0022_6146);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_are_what_their_call_encodes_to(
        code in prop::sample::select(Code::ALL.to_vec()),
        fields in prop::collection::vec(prop_oneof![Just(0_u8), Just(1_u8), any::<u8>()], 0..64),
    ) {
        let mut request = fields;
        let length = u8::try_from(request.len()).unwrap();
        if let Some(header) = request.get_mut(..8) {
            header[..4].copy_from_slice(&[length, 0, 0, 0]);
            header[4..].copy_from_slice(&VERSION.to_le_bytes());
        }
        if let Ok(message) = Message::decode(code.number(), &request) {
            prop_assert_eq!(encoded(&message), request);
        }
    }
}
