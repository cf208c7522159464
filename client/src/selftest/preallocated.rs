//! WdfMemoryCreatePreallocated and WdfMemoryAssignBuffer.

use wdfmem_ioctl::{
    Call, Content, CreateMemory, CreatePreallocated, Handle, Level, MAX_OBJECT_BYTES, Parent,
    PoolKind, Status, Tag,
};

use super::guide::{CONTRACT, Guide, delete};

const CALL: &str = "WdfMemoryCreatePreallocated";
const ASSIGN: &str = "WdfMemoryAssignBuffer";

/// The tag of this part's buffers.
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

/// Takes this part of the tour.
pub fn take(guide: &mut Guide<'_>) {
    guide.chapter(CALL);
    let parents = [
        (
            "P1, P6",
            "without attributes: a child of the driver object",
            Parent::Driver,
        ),
        ("P6", "as a child of the device", Parent::Device),
    ];
    for (rule, what, parent) in parents {
        let call = Call::CreatePreallocated(CreatePreallocated {
            parent,
            ..create(64)
        });
        let made = guide.make(rule, what, &call);
        guide.quietly(&delete(made.handle));
    }
    let zero = Call::CreatePreallocated(create(0));
    guide.refuse(
        "P3, P4",
        "over zero bytes",
        &zero,
        Status::INVALID_PARAMETER,
    );
    let huge = Call::CreatePreallocated(create(MAX_OBJECT_BYTES + 1));
    guide.refuse(
        CONTRACT,
        "over more than the greatest size",
        &huge,
        Status::INVALID_BUFFER_SIZE,
    );
    guide.starve("P4", &Call::CreatePreallocated(create(100)), delete);

    let what = "over 64 bytes that the driver allocated";
    let made = guide.make("P2", what, &Call::CreatePreallocated(create(64)));
    guide.blocks("P2", "one block is the driver's own", CALL, tag(), 1);
    guide.quietly(&Call::Write {
        handle: made.handle,
        offset: 0,
        data: b"first",
    });
    guide.about(Some("WdfMemoryGetBuffer"));
    let at_dispatch = Call::Checksum {
        span: made.first(64),
        level: Level::Dispatch,
    };
    guide.succeed("P9", "touch it at DISPATCH_LEVEL", &at_dispatch);
    guide.about(None);
    assign(guide, made.handle);
    guide.succeed("P7", "delete it", &delete(made.handle));
    guide.blocks(
        "P8",
        "the driver has freed the buffer, once",
        "WdfObjectDelete",
        tag(),
        0,
    );
    guide.refuse(
        "P7",
        "delete it again",
        &delete(made.handle),
        Status::INVALID_HANDLE,
    );
}

fn assign(guide: &mut Guide<'_>, handle: Handle) {
    let assign = |size| Call::AssignBuffer {
        handle,
        tag: tag(),
        size,
    };
    let made = guide.make("P5", "assign 200 other bytes", &assign(200));
    guide.hold(
        "P5",
        "the same object has the new size",
        ASSIGN,
        made.size == 200,
        "",
    );
    guide.reads("P5", "and the new bytes", made.first(5), &[0; 5]);
    guide.blocks(
        "P8",
        "the driver has freed the old buffer, once",
        ASSIGN,
        tag(),
        1,
    );
    guide.refuse(
        "P3",
        "assign zero bytes",
        &assign(0),
        Status::INVALID_PARAMETER,
    );
    guide.quietly(&Call::Write {
        handle,
        offset: 195,
        data: b"still",
    });
    guide.reads(
        "P5",
        "a refused assignment changes nothing",
        wdfmem_ioctl::Span {
            handle,
            offset: 195,
            length: 5,
        },
        b"still",
    );
    let other = guide.make_quietly(&Call::CreateMemory(CreateMemory {
        pool: PoolKind::NonPaged,
        parent: Parent::FileObject,
        content: Content::Zeroed,
        tag: Tag::DEFAULT,
        size: 8,
    }));
    let wrong = Call::AssignBuffer {
        handle: other.handle,
        tag: tag(),
        size: 8,
    };
    guide.refuse(
        "P5",
        "assign to memory that is not preallocated",
        &wrong,
        Status::OBJECT_TYPE_MISMATCH,
    );
    guide.quietly(&delete(other.handle));
}
