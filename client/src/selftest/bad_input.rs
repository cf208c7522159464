//! Every call with bytes that are no request of it: each is refused, and nothing changes.

use wdfmem_ioctl::{CALLS, Call, CallInfo, Code, Status, VERSION, wire::Header};
use zerocopy::IntoBytes;

use super::checker::{CONTRACT, Checker};
use crate::session::{UNTOUCHED, send};

/// Longer than the answer of any call that does not ask for a length.
const OUTPUT: usize = 512;

/// Runs this chapter.
pub fn run(checker: &mut Checker<'_>) {
    checker.chapter("Bad input to every call");
    let before = checker.send(&Call::Statistics).output;
    for info in CALLS {
        let faults = faults(info);
        let wrong = faults.iter().find_map(|(fault, request, expected)| {
            let output = vec![UNTOUCHED; OUTPUT];
            let reply = send(checker.file, info.code.number(), request, output);
            let refused = reply.status == *expected && reply.output.is_empty() && reply.tidy;
            (!refused).then(|| format!("{fault}: {}, not {expected}", reply.status))
        });
        checker.check(
            CONTRACT,
            format!("{}: {} wrong requests are refused", info.name, faults.len()),
            "DeviceIoControl",
            wrong.is_none(),
            wrong.unwrap_or_default(),
        );
    }
    let after = checker.send(&Call::Statistics).output;
    checker.check(
        CONTRACT,
        "nothing has changed by that",
        "DeviceIoControl",
        !before.is_empty() && before == after,
        "",
    );
}

/// Requests that are wrong in one way each, with the status that tells which.
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
            "a byte short",
            request(size - 1, sized(size as u32 - 1)),
            Status::BUFFER_TOO_SMALL,
        ),
        (
            "a byte longer than it says",
            request(size + 1, header),
            Status::INFO_LENGTH_MISMATCH,
        ),
        (
            "a byte shorter than it says",
            request(size, sized(size as u32 + 1)),
            Status::INFO_LENGTH_MISMATCH,
        ),
        (
            "a size of zero",
            request(size, sized(0)),
            Status::INFO_LENGTH_MISMATCH,
        ),
        (
            "a size of all the bytes there are",
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
    // Which version it is may be asked in any.
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
