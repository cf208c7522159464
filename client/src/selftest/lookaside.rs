//! WdfLookasideListCreate and WdfMemoryCreateFromLookaside.

use wdfmem_ioctl::{Call, CreateList, Handle, PoolKind, Status, Tag, Traits};

use super::guide::{Guide, delete};

const CALL: &str = "WdfMemoryCreateFromLookaside";

/// The tag of this part's buffers.
fn tag() -> Tag {
    Tag::parse("Look").unwrap_or(Tag::DEFAULT)
}

fn create(pool: PoolKind, size: u64) -> Call<'static> {
    Call::CreateLookaside(CreateList {
        pool,
        tag: tag(),
        size,
    })
}

/// Takes this part of the tour.
pub fn take(guide: &mut Guide<'_>) {
    guide.chapter(CALL);
    guide.refuse(
        "L1, L3",
        "a list of buffers of zero bytes",
        &create(PoolKind::NonPaged, 0),
        Status::INVALID_PARAMETER,
    );
    for (pool, size) in [
        (PoolKind::NonPaged, 100),
        (PoolKind::Paged, 100),
        (PoolKind::Paged, 5000),
    ] {
        list(guide, pool, size);
    }
    invalid_handles(guide);
    guide.blocks(
        "L5",
        "with the lists, all buffers are gone",
        "WdfObjectDelete",
        tag(),
        0,
    );
}

fn list(guide: &mut Guide<'_>, pool: PoolKind, size: u64) {
    let what = format!("a list of {pool} buffers of {size} bytes");
    let list = guide.make("L1", what, &create(pool, size));
    let take = Call::CreateFromLookaside { list: list.handle };
    let made = guide.make("L2", "take memory from it", &take);
    let aligned = if size < 4096 {
        Traits::ALIGNED
    } else {
        Traits::PAGE_ALIGNED
    };
    let right = made.size == size && made.traits.has(aligned);
    guide.hold(
        "L1, L2",
        "it has the list's size",
        CALL,
        right,
        format!("{} bytes", made.size),
    );
    let length = usize::try_from(size).unwrap_or_default();
    guide.reads(
        "L2",
        "it reads as zeros",
        made.first(size),
        &vec![0; length],
    );
    guide.quietly(&Call::Fill {
        span: made.first(size),
        byte: 0xA5,
    });

    guide.about(Some("WdfMemoryGetBuffer"));
    guide.touch_at_dispatch("L6", pool, made.first(size));
    guide.about(None);
    guide.starve("L3", &take, delete);

    let busy = Status::DEVICE_BUSY;
    guide.refuse(
        "L5",
        "delete the list while memory is out",
        &delete(list.handle),
        busy,
    );
    guide.succeed("L5", "give the memory back", &delete(made.handle));
    guide.refuse(
        "L5",
        "give it back again",
        &delete(made.handle),
        Status::INVALID_HANDLE,
    );
    let again = guide.make("L2", "take memory again", &take);
    guide.reads(
        "L2, C8",
        "nothing of its former owner is left",
        again.first(size),
        &vec![0; length],
    );
    guide.quietly(&delete(again.handle));
    guide.succeed("L1", "delete the list", &delete(list.handle));
}

fn invalid_handles(guide: &mut Guide<'_>) {
    let list = guide.make_quietly(&create(PoolKind::NonPaged, 16));
    let take = |list| Call::CreateFromLookaside { list };
    let memory = guide.make_quietly(&take(list.handle));
    let mismatch = Status::OBJECT_TYPE_MISMATCH;
    guide.refuse(
        "L4",
        "take from what is no list",
        &take(memory.handle),
        mismatch,
    );
    guide.quietly(&delete(memory.handle));
    guide.quietly(&delete(list.handle));
    guide.refuse(
        "L4",
        "take from a deleted list",
        &take(list.handle),
        Status::INVALID_HANDLE,
    );
    guide.refuse(
        "L4",
        "take from nothing",
        &take(Handle::NONE),
        Status::INVALID_HANDLE,
    );
}
