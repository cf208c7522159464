//! Bytes of objects: write, read, fill, copy, checksum, and the same in bulk.

use wdfmem_ioctl::*;

use super::checker::{CONTRACT, Checker};
use crate::session;

/// The CRC-32 of "123456789": the check value that descriptions of the algorithm give.
const CHECK: u32 = 0xCBF4_3926;

fn memory(pool: PoolKind, size: u64) -> Message<'static> {
    Message::from(CreateMemory {
        pool,
        parent: Parent::FileObject,
        content: Content::Zeroed,
        tag: Tag::DEFAULT,
        size,
    })
}

/// Runs the chapter about reading, writing, copying and filling memory.
pub fn run(checker: &mut Checker<'_>) {
    checker.chapter("Bytes");
    let one = checker
        .make_unchecked(memory(PoolKind::NonPaged, 64))
        .handle;
    let two = checker.make_unchecked(memory(PoolKind::Paged, 32)).handle;
    small(checker, one, two);
    past_the_end(checker, one, two);
    bulk(checker);
    checker.send(Delete { handle: one });
    checker.send(Delete { handle: two });
    checker.reject(
        CONTRACT,
        "read a deleted object",
        span(one, 0, 1).read(),
        Status::INVALID_HANDLE,
    );
}

const fn span(handle: Handle, offset: u64, length: u64) -> Span {
    Span {
        handle,
        offset,
        length,
    }
}

fn small(checker: &mut Checker<'_>, one: Handle, two: Handle) {
    checker.succeed(
        CONTRACT,
        "write nine bytes",
        Write {
            handle: one,
            offset: 0,
        }
        .with(b"123456789"),
    );
    checker.reads(CONTRACT, "read them", span(one, 0, 9), b"123456789");
    let checksum = span(one, 0, 9).checksum(Level::Passive);
    let reply = checker.succeed(CONTRACT, "compute their checksum", checksum);
    let reply = reply.parse::<Checksummed>();
    let right = reply.is_some_and(|reply| reply.checksum.get() == CHECK);
    checker.check(
        CONTRACT,
        "the checksum is right",
        "WdfMemoryGetBuffer",
        right,
        "",
    );
    let copy = |source, target, target_offset| {
        Message::from(CopyBytes {
            source,
            source_offset: 0,
            target,
            target_offset,
            length: 9,
        })
    };
    checker.succeed(
        CONTRACT,
        "copy them from nonpaged to paged memory",
        copy(one, two, 3),
    );
    checker.reads(
        CONTRACT,
        "read the copy",
        span(two, 0, 12),
        b"\0\0\x00123456789",
    );
    checker.succeed(
        CONTRACT,
        "copy within one object, overlapping",
        copy(one, one, 4),
    );
    checker.reads(
        CONTRACT,
        "read the result",
        span(one, 0, 13),
        b"1234123456789",
    );
    let fill = span(one, 2, 3).fill(b'*');
    checker.succeed(CONTRACT, "fill three of them", fill);
    checker.reads(CONTRACT, "read the result", span(one, 0, 6), b"12***2");
}

fn past_the_end(checker: &mut Checker<'_>, one: Handle, two: Handle) {
    let source = Status::BUFFER_TOO_SMALL;
    let target = Status::INVALID_BUFFER_SIZE;
    let copy = |source_offset, target_offset| {
        Message::from(CopyBytes {
            source: one,
            source_offset,
            target: two,
            target_offset,
            length: 32,
        })
    };
    let cases: [(&str, Message<'_>, Status); 8] = [
        ("read past the end", span(one, 60, 5).read(), source),
        (
            "read at an offset of 2^64 - 1",
            span(one, u64::MAX, 2).read(),
            source,
        ),
        (
            "write past the end",
            Write {
                handle: one,
                offset: 63,
            }
            .with(b"ab"),
            target,
        ),
        ("fill past the end", span(one, 64, 1).fill(0), target),
        (
            "compute a checksum past the end",
            span(one, 1, 64).checksum(Level::Passive),
            source,
        ),
        ("copy from past the end", copy(33, 0), source),
        ("copy to past the end", copy(0, 1), target),
        (
            "write zero bytes",
            Write {
                handle: one,
                offset: 0,
            }
            .with(b""),
            Status::INVALID_PARAMETER,
        ),
    ];
    for (what, call, status) in cases {
        checker.reject(CONTRACT, what, call, status);
    }
}

fn bulk(checker: &mut Checker<'_>) {
    const LENGTH: usize = 100_000;
    let object = checker.make_unchecked(memory(PoolKind::NonPaged, LENGTH as u64));
    let data: Vec<u8> = (0..=250).cycle().take(LENGTH).collect();
    let write = BulkWrite {
        handle: object.handle,
        offset: 0,
    };
    let reply = checker.send(write.with(&data));
    let windows_call = "DeviceIoControl (METHOD_IN_DIRECT)";
    checker.record(
        CONTRACT,
        "write 100,000 bytes by direct I/O",
        windows_call,
        &reply,
        Status::SUCCESS,
    );
    checker.check(
        CONTRACT,
        "the driver reports that it transferred all of them",
        windows_call,
        reply.information == LENGTH,
        format!("it reports {} bytes", reply.information),
    );
    let read = object.first(LENGTH as u64).bulk_read();
    let reply = checker.send(read);
    let windows_call = "DeviceIoControl (METHOD_OUT_DIRECT)";
    checker.record(
        CONTRACT,
        "read them by direct I/O",
        windows_call,
        &reply,
        Status::SUCCESS,
    );
    let same = reply.output == data;
    checker.check(CONTRACT, "the bytes are the same", windows_call, same, "");
    let reply = session::call_with(checker.file, read, vec![session::UNTOUCHED; LENGTH - 1]);
    let short = Status::BUFFER_TOO_SMALL;
    checker.record(
        CONTRACT,
        "read them into a buffer one byte too short",
        windows_call,
        &reply,
        short,
    );
    checker.send(Delete {
        handle: object.handle,
    });
}
