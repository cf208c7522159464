//! Memory objects whose parent is a request: freed when it completes.

use wdfmem_ioctl::*;

use super::checker::{CONTRACT, Checker};

/// Runs the chapter about memory whose parent is a request.
pub fn run(checker: &mut Checker<'_>) {
    checker.chapter("Memory of a request");
    let tag = Tag::parse("Requ").unwrap_or(Tag::DEFAULT);
    let transform = |operation, key, data| {
        Transform {
            operation,
            key,
            tag,
        }
        .with(data)
    };
    let cases: [(&str, Message<'_>, &[u8]); 2] = [
        (
            "reverse bytes",
            transform(Operation::Reverse, 0, b"lookaside"),
            b"edisakool",
        ),
        (
            "XOR bytes with a key",
            transform(Operation::Xor, 0x20, b"WDF"),
            b"wdf",
        ),
    ];
    for (what, call, expected) in cases {
        checker.about(Some("WdfMemoryCreate, WdfMemoryCreatePreallocated"));
        let reply = checker.succeed(
            "C9, P2, P10",
            format!("{what} in memory whose parent is the request"),
            call,
        );
        let right = reply.output == expected;
        checker.check(
            "P2",
            "the reply holds the right bytes",
            "WdfRequestComplete",
            right,
            "",
        );
        checker.about(None);
        checker.blocks(
            "C9, P6",
            "the memory is freed before the request completes",
            "WdfRequestComplete",
            tag,
            0,
        );
    }
    let nothing = transform(Operation::Reverse, 0, b"");
    checker.reject(
        CONTRACT,
        "transform zero bytes",
        nothing,
        Status::INVALID_PARAMETER,
    );
    checker.fail_allocations(
        "C7, P4",
        transform(Operation::Reverse, 0, b"lookaside"),
        |_| Message::from(QueryVersion {}),
    );
    checker.blocks(
        "C9",
        "failed requests leave nothing allocated",
        "WdfRequestComplete",
        tag,
        0,
    );
}
