//! Chapter: memory from framework lookaside lists, by WdfLookasideListCreate and WdfMemoryCreateFromLookaside.

use wdfmem_ioctl::*;

use super::checker::{Checker, delete};

const CALL: &str = "WdfMemoryCreateFromLookaside";

/// The tag of this chapter's buffers.
fn tag() -> Tag {
    Tag::parse("Look").unwrap_or(Tag::DEFAULT)
}

fn create(pool: PoolKind, size: u64) -> Message<'static> {
    Message::from(CreateLookaside {
        pool,
        tag: tag(),
        size,
    })
}

/// Runs the chapter about framework lookaside lists.
pub fn run(checker: &mut Checker<'_>) {
    checker.chapter(CALL);
    checker.reject(
        "L1, L3",
        "create a list with buffers of zero bytes",
        create(PoolKind::NonPaged, 0),
        Status::INVALID_PARAMETER,
    );
    for (pool, size) in [
        (PoolKind::NonPaged, 100),
        (PoolKind::Paged, 100),
        (PoolKind::Paged, 5000),
    ] {
        list(checker, pool, size);
    }
    invalid_handles(checker);
    checker.blocks(
        "L5",
        "all buffers are freed with their lists",
        "WdfObjectDelete",
        tag(),
        0,
    );
}

fn list(checker: &mut Checker<'_>, pool: PoolKind, size: u64) {
    let what = format!("create a list of {pool} buffers of {size} bytes");
    let list = checker.make("L1", what, create(pool, size));
    let take = Message::from(CreateFromLookaside { list: list.handle });
    let object = checker.make("L2", "allocate memory from it", take);
    let aligned = if size < 4096 {
        Traits::ALIGNED
    } else {
        Traits::PAGE_ALIGNED
    };
    let right = object.size == size && object.traits.contains(aligned);
    checker.check(
        "L1, L2",
        "it has the list's buffer size",
        CALL,
        right,
        format!("{} bytes", object.size),
    );
    let length = usize::try_from(size).unwrap_or_default();
    checker.reads(
        "L2",
        "it reads as zeros",
        object.first(size),
        &vec![0; length],
    );
    checker.send(object.first(size).fill(0xA5));

    checker.about(Some("WdfMemoryGetBuffer"));
    checker.read_at_dispatch("L6", pool, object.first(size));
    checker.about(None);
    checker.fail_allocations("L3", take, delete);

    let busy = Status::DEVICE_BUSY;
    checker.reject(
        "L5",
        "delete the list while memory from it is in use",
        delete(list.handle),
        busy,
    );
    checker.succeed("L5", "return the memory to the list", delete(object.handle));
    checker.reject(
        "L5",
        "return it again",
        delete(object.handle),
        Status::INVALID_HANDLE,
    );
    let again = checker.make("L2", "allocate memory again", take);
    checker.reads(
        "L2, C8",
        "it holds no bytes of its last owner",
        again.first(size),
        &vec![0; length],
    );
    checker.send(delete(again.handle));
    checker.succeed("L1", "delete the list", delete(list.handle));
}

fn invalid_handles(checker: &mut Checker<'_>) {
    let list = checker.make_unchecked(create(PoolKind::NonPaged, 16));
    let take = |list| Message::from(CreateFromLookaside { list });
    let memory = checker.make_unchecked(take(list.handle));
    let mismatch = Status::OBJECT_TYPE_MISMATCH;
    checker.reject(
        "L4",
        "allocate from a handle that is not a list",
        take(memory.handle),
        mismatch,
    );
    checker.send(delete(memory.handle));
    checker.send(delete(list.handle));
    checker.reject(
        "L4",
        "allocate from a deleted list",
        take(list.handle),
        Status::INVALID_HANDLE,
    );
    checker.reject(
        "L4",
        "allocate from handle 0",
        take(Handle::NONE),
        Status::INVALID_HANDLE,
    );
}
