//! The interface itself: its version, who may open it, and requests it must reject.

use wdfmem_ioctl::*;

use super::checker::{CONTRACT, Checker};
use crate::session::encode;

/// Runs the chapter about the driver's own interface.
pub fn run(checker: &mut Checker<'_>) {
    checker.chapter("The interface");
    let reply = checker.succeed(CONTRACT, "query the version", QueryVersion {});
    let version = reply.parse::<VersionReply>();
    let ours = version.is_some_and(|reply| reply.version.get() == VERSION);
    checker.check(
        CONTRACT,
        "it is the version that the client was built for",
        "DeviceIoControl",
        ours,
        "",
    );
    if let Some(status) = checker.system.open_as_user() {
        checker.check(
            CONTRACT,
            "open the device without administrator rights",
            "CreateFile",
            status == Status::ACCESS_DENIED,
            status.to_string(),
        );
    }

    let code = Code::Delete.number();
    let request = encode(Delete {
        handle: Handle::from_number(0x0101),
    });
    let changed = |place: usize, value: u8| {
        let mut changed = request.clone();
        if let Some(byte) = changed.get_mut(place) {
            *byte = value;
        }
        changed
    };
    let shorter = request.get(..request.len() - 1).unwrap_or_default();
    let longer = [request.as_slice(), &[0]].concat();
    let unknown = Code::BulkRead.number() + 0x100;
    let cases: [(&str, u32, &[u8], Status); 7] = [
        (
            "an unknown control code",
            unknown,
            &request,
            Status::INVALID_DEVICE_REQUEST,
        ),
        ("no input", code, &[], Status::BUFFER_TOO_SMALL),
        (
            "an input one byte too short",
            code,
            shorter,
            Status::BUFFER_TOO_SMALL,
        ),
        (
            "an input one byte too long",
            code,
            &longer,
            Status::INFO_LENGTH_MISMATCH,
        ),
        (
            "a request of another version",
            code,
            &changed(6, 9),
            Status::REVISION_MISMATCH,
        ),
        (
            "a reserved field that is not zero",
            code,
            &changed(8, 1),
            Status::INVALID_PARAMETER,
        ),
        (
            "a handle that was never returned",
            code,
            &request,
            Status::INVALID_HANDLE,
        ),
    ];
    for (what, code, request, status) in cases {
        checker.reject_bytes(CONTRACT, what, (code, request, 0), status);
    }
    let request = encode(Statistics {});
    let case = (Code::Statistics.number(), request.as_slice(), 8);
    checker.reject_bytes(
        CONTRACT,
        "an output buffer too short for the reply",
        case,
        Status::BUFFER_TOO_SMALL,
    );
}
