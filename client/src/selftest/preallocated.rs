//! Chapter: memory objects over a buffer of the driver, by WdfMemoryCreatePreallocated and WdfMemoryAssignBuffer.

use wdfmem_ioctl::*;

use super::checker::{CONTRACT, Checker, delete};

const CALL: &str = "WdfMemoryCreatePreallocated";
const ASSIGN: &str = "WdfMemoryAssignBuffer";

/// The tag of this chapter's buffers.
fn tag() -> Tag {
    Tag::parse("Pre1").unwrap_or(Tag::DEFAULT)
}

fn create(size: u64) -> CreatePreallocated {
    CreatePreallocated {
        pool: PoolKind::NonPaged,
        parent: Parent::FileObject,
        tag: tag(),
        size,
    }
}

/// Runs the chapter about `WdfMemoryCreatePreallocated`.
pub fn run(checker: &mut Checker<'_>) {
    checker.chapter(CALL);
    let parents = [
        (
            "P1, P6",
            "create without attributes: a child of the driver object",
            Parent::Driver,
        ),
        ("P6", "create as a child of the device", Parent::Device),
    ];
    for (rule, what, parent) in parents {
        let call = Message::from(CreatePreallocated {
            parent,
            ..create(64)
        });
        let object = checker.make(rule, what, call);
        checker.send(delete(object.handle));
    }
    let zero = Message::from(create(0));
    checker.reject(
        "P3, P4",
        "create over a buffer of zero bytes",
        zero,
        Status::INVALID_PARAMETER,
    );
    let huge = Message::from(create(MAX_OBJECT_BYTES + 1));
    checker.reject(
        CONTRACT,
        "create over more than the maximum size",
        huge,
        Status::INVALID_BUFFER_SIZE,
    );
    checker.fail_allocations("P4", create(100), delete);

    let what = "create over 64 bytes that the driver allocated";
    let object = checker.make("P2", what, create(64));
    checker.blocks("P2", "the driver has allocated one block", CALL, tag(), 1);
    checker.send(
        Write {
            handle: object.handle,
            offset: 0,
        }
        .with(b"first"),
    );
    checker.about(Some("WdfMemoryGetBuffer"));
    let at_dispatch = object.first(64).checksum(Level::Dispatch);
    checker.succeed("P9", "read it at DISPATCH_LEVEL", at_dispatch);
    checker.about(None);
    assign(checker, object.handle);
    checker.succeed("P7", "delete it", delete(object.handle));
    checker.blocks(
        "P8",
        "the driver has freed the buffer, once",
        "WdfObjectDelete",
        tag(),
        0,
    );
    checker.reject(
        "P7",
        "delete it again",
        delete(object.handle),
        Status::INVALID_HANDLE,
    );
}

fn assign(checker: &mut Checker<'_>, handle: Handle) {
    let assign = |size| {
        Message::from(AssignBuffer {
            handle,
            tag: tag(),
            size,
        })
    };
    let object = checker.make("P5", "assign another buffer of 200 bytes", assign(200));
    checker.check(
        "P5",
        "the same object has the new size",
        ASSIGN,
        object.size == 200,
        "",
    );
    checker.reads(
        "P5",
        "the new buffer reads as zeros",
        object.first(5),
        &[0; 5],
    );
    checker.blocks(
        "P8",
        "the driver has freed the old buffer, once",
        ASSIGN,
        tag(),
        1,
    );
    checker.reject(
        "P3",
        "assign zero bytes",
        assign(0),
        Status::INVALID_PARAMETER,
    );
    checker.send(
        Write {
            handle,
            offset: 195,
        }
        .with(b"still"),
    );
    checker.reads(
        "P5",
        "a rejected assignment changes nothing",
        Span {
            handle,
            offset: 195,
            length: 5,
        },
        b"still",
    );
    let other = checker.make_unchecked(CreateMemory {
        pool: PoolKind::NonPaged,
        parent: Parent::FileObject,
        content: Content::Zeroed,
        tag: Tag::DEFAULT,
        size: 8,
    });
    let wrong = Message::from(AssignBuffer {
        handle: other.handle,
        tag: tag(),
        size: 8,
    });
    checker.reject(
        "P5",
        "assign to memory that is not preallocated",
        wrong,
        Status::OBJECT_TYPE_MISMATCH,
    );
    checker.send(delete(other.handle));
}
