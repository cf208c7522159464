//! ExAllocateFromPagedLookasideList with Initialize, Free and Delete, and the nonpaged counterparts.

use wdfmem_ioctl::*;

use super::checker::Checker;
use crate::calls::ExCalls;

const PAGED: ExCalls = ExCalls::of(PoolKind::Paged);

/// The tag of this chapter's entries.
fn tag() -> Tag {
    Tag::parse("Entr").unwrap_or(Tag::DEFAULT)
}

fn initialize(pool: PoolKind, size: u64, routines: Routines) -> Message<'static> {
    Message::from(InitializeExList {
        pool,
        tag: tag(),
        size,
        routines,
    })
}

fn allocate(list: Handle) -> Message<'static> {
    Message::from(AllocateEntry { list })
}

/// Runs the chapter about Ex lookaside lists.
pub fn run(checker: &mut Checker<'_>, chapter: &'static str) {
    checker.chapter(chapter);
    which_way(checker);
    list(checker, PoolKind::Paged, Routines::Inline);
    list(checker, PoolKind::NonPaged, Routines::Inline);
    if checker.system.exports_work() {
        list(checker, PoolKind::Paged, Routines::Exported);
    }
    checker.about(Some(PAGED.initialize));
    for (what, size) in [
        ("of zero bytes", 0),
        ("smaller than a list link", MIN_ENTRY_BYTES - 1),
    ] {
        let call = initialize(PoolKind::Paged, size, Routines::Inline);
        let what = format!("initialize a list of entries {what}");
        checker.reject("E1", what, call, Status::INVALID_PARAMETER);
    }
    checker.about(Some(PAGED.allocate));
    let none = allocate(Handle::NONE);
    checker.reject("E1", "allocate from handle 0", none, Status::INVALID_HANDLE);
    checker.about(None);
    checker.blocks(
        "E4",
        "all entries are freed with their lists",
        PAGED.delete,
        tag(),
        0,
    );
}

fn which_way(checker: &mut Checker<'_>) {
    let reply = checker.send(QueryVersion {});
    let system = checker.system.describe();
    let reply = reply.parse::<VersionReply>();
    let way = reply.map(|reply| {
        let found = reply.capabilities();
        if found.contains(Capabilities::LOOKASIDE_EXPORTS) {
            "its kernel exports the call"
        } else {
            "its kernel does not export the call"
        }
    });
    let detail = format!(
        "{}: {}",
        system,
        way.unwrap_or("the version could not be queried")
    );
    checker.check(
        "E7",
        "the same driver image loads here",
        PAGED.allocate,
        way.is_some(),
        detail,
    );
}

fn list(checker: &mut Checker<'_>, pool: PoolKind, routines: Routines) {
    let calls = ExCalls::of(pool);
    let size = 80;
    let way = match routines {
        Routines::Inline => "by inline functions",
        Routines::Exported => "by the kernel's exported functions, if any",
    };
    checker.about(Some(calls.initialize));
    let what = format!("initialize a list of {pool} entries of {size} bytes, served {way}");
    let list = checker.make("E1, E7", what, initialize(pool, size, routines));
    checker.about(Some(calls.allocate));
    let entry = checker.make(
        "E2, E6",
        "allocate an entry, at PASSIVE_LEVEL",
        allocate(list.handle),
    );
    let right = entry.size == size && entry.traits.contains(Traits::ALIGNED);
    checker.check(
        "E2",
        "it has the list's buffer size",
        calls.allocate,
        right,
        "",
    );
    checker.reads("E2, C8", "it reads as zeros", entry.first(size), &[0; 80]);
    checker.send(entry.first(size).fill(0xA5));
    checker.about(Some("memory access"));
    checker.read_at_dispatch("E5", pool, entry.first(size));
    checker.about(Some(calls.allocate));
    checker.fail_allocations("E2, E3", allocate(list.handle), move |entry| {
        Message::from(FreeEntry {
            list: list.handle,
            entry,
        })
    });
    freeing(checker, pool, list.handle, entry.handle, calls);
    reuse(checker, list.handle, calls);
    checker.about(Some(calls.delete));
    let delete = Message::from(DeleteExList { list: list.handle });
    checker.succeed("E1", "delete the list", delete);
    checker.reject("E1", "delete it again", delete, Status::INVALID_HANDLE);
    checker.about(Some(calls.allocate));
    checker.reject(
        "E1",
        "allocate from it after it was deleted",
        allocate(list.handle),
        Status::INVALID_HANDLE,
    );
    checker.about(None);
}

fn freeing(checker: &mut Checker<'_>, pool: PoolKind, list: Handle, entry: Handle, calls: ExCalls) {
    let other = checker.make_unchecked(initialize(pool, 80, Routines::Inline));
    checker.about(Some(calls.free));
    let elsewhere = Message::from(FreeEntry {
        list: other.handle,
        entry,
    });
    checker.reject(
        "E4",
        "free the entry to another list",
        elsewhere,
        Status::INVALID_PARAMETER,
    );
    checker.about(Some(calls.delete));
    checker.send(DeleteExList { list: other.handle });
    let early = Message::from(DeleteExList { list });
    checker.reject(
        "E4",
        "delete the list while the entry is in use",
        early,
        Status::DEVICE_BUSY,
    );
    checker.about(Some(calls.free));
    let free = Message::from(FreeEntry { list, entry });
    checker.succeed("E4", "free the entry to its list", free);
    checker.reject("E4", "free it again", free, Status::INVALID_HANDLE);
    checker.about(Some("memory access"));
    let span = Span {
        handle: entry,
        offset: 0,
        length: 1,
    };
    checker.reject(
        "E4",
        "read it after it was freed",
        span.read(),
        Status::INVALID_HANDLE,
    );
}

/// A list hands out a freed entry again, or allocates one from the pool.
fn reuse(checker: &mut Checker<'_>, list: Handle, calls: ExCalls) {
    let counters = |checker: &Checker<'_>| {
        checker
            .send(Statistics {})
            .parse::<StatisticsReply>()
            .map(|reply| (reply.list_hits.get(), reply.list_misses.get()))
    };
    let Some((hits, misses)) = counters(checker) else {
        checker.check(
            "E3",
            "query hits and misses",
            "DeviceIoControl",
            false,
            "the statistics could not be queried",
        );
        return;
    };
    checker.about(Some(calls.allocate));
    let first = checker.make_unchecked(allocate(list));
    let second = checker.make_unchecked(allocate(list));
    checker.send(first.first(80).fill(0xA5));
    checker.send(FreeEntry {
        list,
        entry: first.handle,
    });
    let third = checker.make(
        "E3",
        "allocate an entry after one was freed",
        allocate(list),
    );
    checker.reads(
        "C8",
        "it holds no bytes of its last owner",
        third.first(80),
        &[0; 80],
    );
    if let Some((hits_after, misses_after)) = counters(checker) {
        let (hits, misses) = (
            hits_after.saturating_sub(hits),
            misses_after.saturating_sub(misses),
        );
        // With special pool, a lookaside list keeps no freed entries.
        let reused = hits >= 1 || checker.system.is_verified();
        checker.check(
            "E3",
            "every allocation is counted as a hit or a miss of the list",
            calls.allocate,
            hits + misses == 3 && reused,
            format!("{hits} hits, {misses} misses"),
        );
    }
    for entry in [second, third] {
        checker.send(FreeEntry {
            list,
            entry: entry.handle,
        });
    }
}
