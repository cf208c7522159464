//! What the contract promises of its bytes: nothing but a whole, right request becomes a call.

use proptest::prelude::*;
use wdfmem_ioctl::{
    CALLS, Call, Code, Content, CopyBytes, CreateList, CreateMemory, CreatePreallocated, Handle,
    InitializeExList, Level, Operation, Parent, PoolKind, Refusal, Routines, Span, Tag, Transform,
};

const SPAN: Span = Span {
    handle: Handle::from_number(0x0102),
    offset: 3,
    length: 4,
};
const HANDLE: Handle = Handle::from_number(0x0708);

/// One call of each kind.
fn calls() -> Vec<Call<'static>> {
    let pool = PoolKind::Paged;
    let tag = Tag::DRIVER;
    vec![
        Call::QueryVersion,
        Call::Statistics,
        Call::CreateMemory(CreateMemory {
            pool,
            parent: Parent::Device,
            content: Content::Uninitialized,
            tag,
            size: u64::MAX,
        }),
        Call::CreatePreallocated(CreatePreallocated {
            pool,
            parent: Parent::FileObject,
            tag,
            size: 1,
        }),
        Call::AssignBuffer {
            handle: HANDLE,
            tag: Tag::DEFAULT,
            size: 2,
        },
        Call::CreateLookaside(CreateList { pool, tag, size: 3 }),
        Call::CreateFromLookaside { list: HANDLE },
        Call::Delete { handle: HANDLE },
        Call::InitializeExList(InitializeExList {
            pool,
            tag,
            size: 4,
            routines: Routines::Exported,
        }),
        Call::AllocateEntry { list: HANDLE },
        Call::FreeEntry {
            list: HANDLE,
            entry: Handle::from_number(5),
        },
        Call::DeleteExList { list: HANDLE },
        Call::Write {
            handle: HANDLE,
            offset: 6,
            data: b"data",
        },
        Call::Read(SPAN),
        Call::Fill {
            span: SPAN,
            byte: 0xA5,
        },
        Call::Copy(CopyBytes {
            source: HANDLE,
            source_offset: 7,
            target: Handle::from_number(8),
            target_offset: 9,
            length: 10,
        }),
        Call::Checksum {
            span: SPAN,
            level: Level::Dispatch,
        },
        Call::Transform(Transform {
            operation: Operation::Xor,
            key: 0x55,
            tag,
            data: b"bytes",
        }),
        Call::BulkWrite {
            handle: HANDLE,
            offset: 11,
        },
        Call::BulkRead(SPAN),
    ]
}

fn encoded(call: &Call<'_>) -> Vec<u8> {
    let mut request = vec![0xEE; call.encoded_length()];
    assert_eq!(call.encode(&mut request), Some(request.len()));
    request
}

#[test]
fn every_code_has_one_call_and_one_row_of_the_table() {
    let codes: Vec<Code> = calls().iter().map(Call::code).collect();
    assert_eq!(codes, Code::ALL);
    let rows: Vec<Code> = CALLS.iter().map(|row| row.code).collect();
    assert_eq!(rows, Code::ALL);
}

#[test]
fn what_is_encoded_decodes_to_itself() {
    for call in calls() {
        assert_eq!(
            Call::decode(call.code().number(), &encoded(&call)),
            Ok(call)
        );
    }
}

#[test]
fn a_shorter_buffer_is_not_encoded_into() {
    for call in calls() {
        let mut short = vec![0; call.encoded_length() - 1];
        assert_eq!(call.encode(&mut short), None);
    }
}

#[test]
fn every_proper_prefix_is_refused_and_so_is_every_longer_request() {
    for call in calls() {
        let request = encoded(&call);
        let fields = call.code().info().request_size;
        for length in 0..request.len() {
            let expected = if length < fields {
                Refusal::Short
            } else {
                Refusal::LengthMismatch
            };
            assert_eq!(
                Call::decode(call.code().number(), &request[..length]),
                Err(expected),
                "{call:?} cut to {length}"
            );
        }
        let mut longer = request;
        longer.push(0);
        assert_eq!(
            Call::decode(call.code().number(), &longer),
            Err(Refusal::LengthMismatch),
            "{call:?}"
        );
    }
}

#[test]
fn extra_bytes_are_refused_even_if_the_header_counts_them() {
    for call in calls()
        .into_iter()
        .filter(|call| !matches!(call.code(), Code::Write | Code::Transform))
    {
        let mut request = encoded(&call);
        request.push(0);
        let length = u32::try_from(request.len()).unwrap();
        request[..4].copy_from_slice(&length.to_le_bytes());
        assert_eq!(
            Call::decode(call.code().number(), &request),
            Err(Refusal::LengthMismatch),
            "{call:?}"
        );
    }
}

#[test]
fn another_version_is_refused_except_by_the_call_that_asks_for_it() {
    for call in calls() {
        let mut request = encoded(&call);
        request[6] ^= 1;
        let expected = if call == Call::QueryVersion {
            Ok(call)
        } else {
            Err(Refusal::Version)
        };
        assert_eq!(Call::decode(call.code().number(), &request), expected);
    }
}

/// Sets each byte in turn: a request is refused, or it means something else. No byte is ignored
/// but the version where it does not count.
#[test]
fn no_byte_of_a_request_is_without_meaning() {
    for call in calls() {
        let request = encoded(&call);
        let ignored = if call == Call::QueryVersion {
            4..8
        } else {
            0..0
        };
        for place in (0..request.len()).filter(|place| !ignored.contains(place)) {
            let mut changed = request.clone();
            changed[place] ^= 0x10;
            assert_ne!(
                Call::decode(call.code().number(), &changed),
                Ok(call),
                "{call:?}, byte {place}"
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
        assert_eq!(Call::decode(code, &[0; 64]), Err(Refusal::UnknownCode));
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
            header.copy_from_slice(&[length, 0, 0, 0, 0, 0, 1, 0]);
        }
        if let Ok(call) = Call::decode(code.number(), &request) {
            prop_assert_eq!(encoded(&call), request);
        }
    }
}
