//! Every call with malformed requests: each is rejected, and no object is created or deleted.

use wdfmem_ioctl::*;
use zerocopy::IntoBytes;

use super::checker::{CONTRACT, Checker};
use crate::session::{UNTOUCHED, send};

/// Longer than the reply of any call whose request has no length field.
const OUTPUT: usize = 512;

/// Runs the chapter about malformed requests to every call.
pub fn run(checker: &mut Checker<'_>) {
    checker.chapter("Malformed requests to every call");
    let before = checker.send(Statistics {}).output;
    for info in CALLS {
        let faults = faults(info);
        let wrong = faults.iter().find_map(|(fault, request, expected)| {
            let output = vec![UNTOUCHED; OUTPUT];
            let reply = send(checker.file, info.code.number(), request, output);
            let rejected =
                reply.status == *expected && reply.output.is_empty() && reply.output_tail_untouched;
            (!rejected).then(|| format!("{fault}: {}, not {expected}", reply.status))
        });
        checker.check(
            CONTRACT,
            format!(
                "{}: {} malformed requests are rejected",
                info.name,
                faults.len()
            ),
            "DeviceIoControl",
            wrong.is_none(),
            wrong.unwrap_or_default(),
        );
    }
    let after = checker.send(Statistics {}).output;
    checker.check(
        CONTRACT,
        "none of them changed what is allocated",
        "DeviceIoControl",
        !before.is_empty() && before == after,
        "",
    );
}

/// Requests with one defect each, and the status that reports it.
fn faults(info: &CallInfo) -> Vec<(&'static str, Vec<u8>, Status)> {
    let size = info.request_size;
    let request = |length: usize, header: Header| {
        let mut request = header.as_bytes().to_vec();
        request.resize(length, 0);
        request
    };
    let header = Header {
        size: (size as u32).into(),
        version: VERSION.into(),
        reserved: 0.into(),
    };
    let sized = |size: u32| Header {
        size: size.into(),
        ..header
    };
    let mut faults = vec![
        ("no input", Vec::new(), Status::BUFFER_TOO_SMALL),
        ("one byte", vec![0], Status::BUFFER_TOO_SMALL),
        (
            "one byte too short",
            request(size - 1, sized(size as u32 - 1)),
            Status::BUFFER_TOO_SMALL,
        ),
        (
            "one byte longer than its size field",
            request(size + 1, header),
            Status::INFO_LENGTH_MISMATCH,
        ),
        (
            "one byte shorter than its size field",
            request(size, sized(size as u32 + 1)),
            Status::INFO_LENGTH_MISMATCH,
        ),
        (
            "a size field of zero",
            request(size, sized(0)),
            Status::INFO_LENGTH_MISMATCH,
        ),
        (
            "a size field of 0xFFFFFFFF",
            request(size, sized(u32::MAX)),
            Status::INFO_LENGTH_MISMATCH,
        ),
        (
            "a reserved field that is not zero",
            request(
                size,
                Header {
                    reserved: u64::MAX.into(),
                    ..header
                },
            ),
            Status::INVALID_PARAMETER,
        ),
    ];
    // The version may be queried with any version in the header.
    if info.code != Code::QueryVersion {
        faults.push((
            "another version",
            request(
                size,
                Header {
                    version: (VERSION ^ 0x8000_0000).into(),
                    ..header
                },
            ),
            Status::REVISION_MISMATCH,
        ));
    }
    faults
}
