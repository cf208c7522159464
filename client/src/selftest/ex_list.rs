//! ExAllocateFromPagedLookasideList, its Initialize, Free and Delete, and the nonpaged sibling.

use wdfmem_ioctl::{
    Call, Capabilities, Handle, InitializeExList, MIN_ENTRY_BYTES, PoolKind, Routines, Status, Tag,
    Traits, wire,
};

use super::guide::Guide;

/// The Windows calls of one kind of list.
struct Calls {
    initialize: &'static str,
    allocate: &'static str,
    free: &'static str,
    delete: &'static str,
}

const PAGED: Calls = Calls {
    initialize: "ExInitializePagedLookasideList",
    allocate: "ExAllocateFromPagedLookasideList",
    free: "ExFreeToPagedLookasideList",
    delete: "ExDeletePagedLookasideList",
};

const NONPAGED: Calls = Calls {
    initialize: "ExInitializeNPagedLookasideList",
    allocate: "ExAllocateFromNPagedLookasideList",
    free: "ExFreeToNPagedLookasideList",
    delete: "ExDeleteNPagedLookasideList",
};

/// The tag of this part's entries.
fn tag() -> Tag {
    Tag::parse("Entr").unwrap_or(Tag::DEFAULT)
}

fn initialize(pool: PoolKind, size: u64, routines: Routines) -> Call<'static> {
    Call::InitializeExList(InitializeExList {
        pool,
        tag: tag(),
        size,
        routines,
    })
}

fn allocate(list: Handle) -> Call<'static> {
    Call::AllocateEntry { list }
}

/// Takes this part of the tour.
pub fn take(guide: &mut Guide<'_>, chapter: &'static str) {
    guide.chapter(chapter);
    which_way(guide);
    list(guide, PoolKind::Paged, Routines::Inline, &PAGED);
    list(guide, PoolKind::NonPaged, Routines::Inline, &NONPAGED);
    if guide.system.exports_work() {
        list(guide, PoolKind::Paged, Routines::Exported, &PAGED);
    }
    guide.about(Some(PAGED.initialize));
    for (what, size) in [
        ("of zero bytes", 0),
        ("too small for a link", MIN_ENTRY_BYTES - 1),
    ] {
        let call = initialize(PoolKind::Paged, size, Routines::Inline);
        let what = format!("a list of entries {what}");
        guide.refuse("E1", what, &call, Status::INVALID_PARAMETER);
    }
    guide.about(Some(PAGED.allocate));
    let none = allocate(Handle::NONE);
    guide.refuse("E1", "allocate from no list", &none, Status::INVALID_HANDLE);
    guide.about(None);
    guide.blocks(
        "E4",
        "with the lists, all entries are gone",
        PAGED.delete,
        tag(),
        0,
    );
}

fn which_way(guide: &mut Guide<'_>) {
    let reply = guide.quietly(&Call::QueryVersion);
    let system = guide.system.describe();
    let answer = reply.answer::<wire::VersionAnswer>();
    let way = answer.map(|answer| {
        let found = Capabilities::from_number(answer.capabilities.get());
        if found.has(Capabilities::LOOKASIDE_EXPORTS) {
            "its kernel exports the call"
        } else {
            "its kernel does not export the call"
        }
    });
    let detail = format!("{}: {}", system, way.unwrap_or("no answer"));
    guide.hold(
        "E7",
        "the same driver loads here",
        PAGED.allocate,
        way.is_some(),
        detail,
    );
}

fn list(guide: &mut Guide<'_>, pool: PoolKind, routines: Routines, calls: &Calls) {
    let size = 80;
    let way = match routines {
        Routines::Inline => "inline",
        Routines::Exported => "by the kernel's exports if it has them",
    };
    guide.about(Some(calls.initialize));
    let what = format!("a list of {pool} entries of {size} bytes, served {way}");
    let list = guide.make("E1, E7", what, &initialize(pool, size, routines));
    guide.about(Some(calls.allocate));
    let entry = guide.make(
        "E2, E6",
        "allocate an entry, at PASSIVE_LEVEL",
        &allocate(list.handle),
    );
    let right = entry.size == size && entry.traits.has(Traits::ALIGNED);
    guide.hold("E2", "it has the list's size", calls.allocate, right, "");
    guide.reads("E2, C8", "it reads as zeros", entry.first(size), &[0; 80]);
    guide.quietly(&Call::Fill {
        span: entry.first(size),
        byte: 0xA5,
    });
    guide.about(Some("a plain memory access"));
    guide.touch_at_dispatch("E5", pool, entry.first(size));
    guide.about(Some(calls.allocate));
    guide.starve("E2, E3", &allocate(list.handle), move |entry| {
        Call::FreeEntry {
            list: list.handle,
            entry,
        }
    });
    freeing(guide, pool, list.handle, entry.handle, calls);
    reuse(guide, list.handle, calls);
    guide.about(Some(calls.delete));
    let delete = Call::DeleteExList { list: list.handle };
    guide.succeed("E1", "delete the list", &delete);
    guide.refuse("E1", "delete it again", &delete, Status::INVALID_HANDLE);
    guide.about(Some(calls.allocate));
    guide.refuse(
        "E1",
        "allocate from it",
        &allocate(list.handle),
        Status::INVALID_HANDLE,
    );
    guide.about(None);
}

fn freeing(guide: &mut Guide<'_>, pool: PoolKind, list: Handle, entry: Handle, calls: &Calls) {
    let other = guide.make_quietly(&initialize(pool, 80, Routines::Inline));
    guide.about(Some(calls.free));
    let elsewhere = Call::FreeEntry {
        list: other.handle,
        entry,
    };
    guide.refuse(
        "E4",
        "free the entry to another list",
        &elsewhere,
        Status::INVALID_PARAMETER,
    );
    guide.about(Some(calls.delete));
    guide.quietly(&Call::DeleteExList { list: other.handle });
    let early = Call::DeleteExList { list };
    guide.refuse(
        "E4",
        "delete the list while the entry is out",
        &early,
        Status::DEVICE_BUSY,
    );
    guide.about(Some(calls.free));
    let free = Call::FreeEntry { list, entry };
    guide.succeed("E4", "free the entry to its list", &free);
    guide.refuse("E4", "free it again", &free, Status::INVALID_HANDLE);
    guide.about(Some("a plain memory access"));
    let span = wdfmem_ioctl::Span {
        handle: entry,
        offset: 0,
        length: 1,
    };
    guide.refuse("E4", "read it", &Call::Read(span), Status::INVALID_HANDLE);
}

/// A list gives up an entry that it has, else gets one.
fn reuse(guide: &mut Guide<'_>, list: Handle, calls: &Calls) {
    let counters = |guide: &Guide<'_>| {
        guide
            .quietly(&Call::Statistics)
            .answer::<wire::StatisticsAnswer>()
            .map(|answer| (answer.list_hits.get(), answer.list_misses.get()))
    };
    let Some((hits, misses)) = counters(guide) else {
        guide.hold(
            "E3",
            "ask for hits and misses",
            "DeviceIoControl",
            false,
            "no answer",
        );
        return;
    };
    guide.about(Some(calls.allocate));
    let first = guide.make_quietly(&allocate(list));
    let second = guide.make_quietly(&allocate(list));
    guide.quietly(&Call::Fill {
        span: first.first(80),
        byte: 0xA5,
    });
    guide.quietly(&Call::FreeEntry {
        list,
        entry: first.handle,
    });
    let third = guide.make("E3", "allocate after one was freed", &allocate(list));
    guide.reads(
        "C8",
        "nothing of its former owner is left",
        third.first(80),
        &[0; 80],
    );
    if let Some((hits_after, misses_after)) = counters(guide) {
        let (hits, misses) = (
            hits_after.saturating_sub(hits),
            misses_after.saturating_sub(misses),
        );
        // Under special pool, lists keep nothing.
        let reused = hits >= 1 || guide.system.is_verified();
        guide.hold(
            "E3",
            "each entry came from the list or, when it was empty, from elsewhere",
            calls.allocate,
            hits + misses == 3 && reused,
            format!("{hits} from the list, {misses} from elsewhere"),
        );
    }
    for entry in [second, third] {
        guide.quietly(&Call::FreeEntry {
            list,
            entry: entry.handle,
        });
    }
}
