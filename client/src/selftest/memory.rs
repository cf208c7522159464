//! Chapter: memory objects with a buffer of their own, by WdfMemoryCreate.

use wdfmem_ioctl::*;

use crate::session;

use super::checker::{CONTRACT, Checker, delete};

const CALL: &str = "WdfMemoryCreate";
const PAGE: u64 = 4096;

/// The tag of this chapter's memory.
fn tag() -> Tag {
    Tag::parse("Mem1").unwrap_or(Tag::DEFAULT)
}

fn create(size: u64) -> CreateMemory {
    CreateMemory {
        pool: PoolKind::NonPaged,
        parent: Parent::FileObject,
        content: Content::Zeroed,
        tag: tag(),
        size,
    }
}

/// Runs the chapter about `WdfMemoryCreate`.
pub fn run(checker: &mut Checker<'_>) {
    checker.chapter(CALL);
    attributes_and_parents(checker);
    pools(checker);
    tags(checker);
    sizes(checker);
    contents(checker);
    ends(checker);
}

fn attributes_and_parents(checker: &mut Checker<'_>) {
    let parents = [
        (
            "C1, C9",
            "create without attributes: a child of the driver object",
            Parent::Driver,
        ),
        (
            "C9",
            "create as a child of the file object",
            Parent::FileObject,
        ),
        ("C9", "create as a child of the device", Parent::Device),
    ];
    for (rule, what, parent) in parents {
        let object = checker.make(
            rule,
            what,
            CreateMemory {
                parent,
                ..create(64)
            },
        );
        checker.send(delete(object.handle));
    }
}

fn pools(checker: &mut Checker<'_>) {
    let resident = checker.make("C2", "allocate 64 bytes of nonpaged memory", create(64));
    let paged = CreateMemory {
        pool: PoolKind::Paged,
        ..create(64)
    };
    let pageable = checker.make("C2", "allocate 64 bytes of paged memory", paged);
    let at = |object: super::checker::Object, level| object.first(64).checksum(level);
    checker.about(Some("WdfMemoryGetBuffer"));
    checker.succeed(
        "C2",
        "read the nonpaged memory at DISPATCH_LEVEL",
        at(resident, Level::Dispatch),
    );
    checker.reject(
        "C2",
        "read the paged memory at DISPATCH_LEVEL",
        at(pageable, Level::Dispatch),
        Status::NOT_SUPPORTED,
    );
    checker.succeed(
        "C2",
        "read the paged memory at PASSIVE_LEVEL",
        at(pageable, Level::Passive),
    );
    checker.about(None);
    checker.send(delete(resident.handle));
    checker.send(delete(pageable.handle));
}

fn tags(checker: &mut Checker<'_>) {
    let object = checker.make("C3", "allocate with the tag 'Mem1'", create(100));
    checker.blocks("C3", "one block has that tag", CALL, tag(), 1);
    checker.send(delete(object.handle));
    let before = checker.system.allocated(Tag::DRIVER);
    let untagged = CreateMemory {
        tag: Tag::DEFAULT,
        ..create(5000)
    };
    let object = checker.make("C3", "allocate with tag 0", untagged);
    if let (Some(before), Some(after)) = (before, checker.system.allocated(Tag::DRIVER)) {
        checker.check(
            "C4",
            "it has the driver's default tag",
            CALL,
            after.bytes >= before.bytes + 5000,
            format!(
                "'{}': {} bytes more",
                Tag::DRIVER,
                after.bytes.saturating_sub(before.bytes)
            ),
        );
    }
    checker.send(delete(object.handle));
    // The type `Tag` cannot hold this one, so it is sent as bytes.
    let mut request = session::encode(create(64));
    if let Some(character) = request.get_mut(28) {
        *character = 0xE9;
    }
    let case = (Code::CreateMemory.number(), request.as_slice(), 16);
    checker.reject_bytes(
        "C3",
        "allocate with a tag that is not ASCII",
        case,
        Status::INVALID_PARAMETER,
    );
}

fn sizes(checker: &mut Checker<'_>) {
    let zero = Message::from(create(0));
    checker.reject(
        "C5, C7",
        "allocate zero bytes",
        zero,
        Status::INVALID_PARAMETER,
    );
    let huge = Message::from(create(MAX_OBJECT_BYTES + 1));
    checker.reject(
        CONTRACT,
        "allocate more than the maximum size",
        huge,
        Status::INVALID_BUFFER_SIZE,
    );
    let endless = Message::from(create(u64::MAX));
    checker.reject(
        CONTRACT,
        "allocate 2^64 - 1 bytes",
        endless,
        Status::INVALID_BUFFER_SIZE,
    );
    checker.fail_allocations("C7", create(100), delete);

    let object = checker.make("C11", "allocate 100 bytes, less than a page", create(100));
    let exact = object.size == 100 && object.traits.contains(Traits::ALIGNED);
    checker.check(
        "C11",
        "the size is exact and the address a multiple of 16",
        CALL,
        exact,
        "",
    );
    let past = Span {
        handle: object.handle,
        offset: 100,
        length: 1,
    };
    checker.reject(
        "C11",
        "read past the end",
        past.read(),
        Status::BUFFER_TOO_SMALL,
    );
    checker.send(delete(object.handle));
    for pool in PoolKind::ALL {
        let what = format!("allocate 4097 bytes of {pool} memory, more than a page");
        let call = CreateMemory {
            pool: *pool,
            ..create(PAGE + 1)
        };
        let object = checker.make("C12", what, call);
        let aligned = object.size == PAGE + 1 && object.traits.contains(Traits::PAGE_ALIGNED);
        checker.check("C12", "the address is page-aligned", CALL, aligned, "");
        checker.send(delete(object.handle));
    }
}

fn contents(checker: &mut Checker<'_>) {
    let object = checker.make("C8", "allocate zeroed memory", create(32));
    checker.reads("C8", "it reads as zeros", object.first(32), &[0; 32]);
    checker.succeed(
        "C6",
        "write to its buffer",
        Write {
            handle: object.handle,
            offset: 4,
        }
        .with(b"buffer"),
    );
    checker.reads(
        "C6",
        "the bytes are read back",
        Span {
            handle: object.handle,
            offset: 2,
            length: 10,
        },
        b"\0\0buffer\0\0",
    );
    checker.send(delete(object.handle));
    let raw = CreateMemory {
        content: Content::Uninitialized,
        ..create(32)
    };
    let object = checker.make("C8", "allocate uninitialised memory", raw);
    let never = Status::INVALID_DEVICE_STATE;
    checker.reject(
        "C8",
        "read it before anything was written",
        object.first(1).read(),
        never,
    );
    checker.send(
        Write {
            handle: object.handle,
            offset: 0,
        }
        .with(b"eight by"),
    );
    checker.reads(
        "C8",
        "after a write, the bytes around it read as zeros",
        object.first(9),
        b"eight by\0",
    );
    checker.send(delete(object.handle));
}

fn ends(checker: &mut Checker<'_>) {
    let object = checker.make_unchecked(create(64));
    checker.succeed("C10", "delete it", delete(object.handle));
    checker.blocks(
        "C10",
        "its buffer is freed too",
        "WdfObjectDelete",
        tag(),
        0,
    );
    checker.reject(
        "C10",
        "delete it again",
        delete(object.handle),
        Status::INVALID_HANDLE,
    );
    checker.reject(
        "C10",
        "read it after it was deleted",
        object.first(1).read(),
        Status::INVALID_HANDLE,
    );
}
