//! File objects: handles are private to one, each has a quota, and closing one frees its objects.

use wdfmem_ioctl::*;

use super::{
    Results,
    checker::{CONTRACT, Checker},
};
use crate::{
    failure::Failure,
    session,
    system::{File, System},
};

const CHAPTER: &str = "File objects";

fn memory(parent: Parent, size: u64) -> Message<'static> {
    Message::from(CreateMemory {
        pool: PoolKind::NonPaged,
        parent,
        content: Content::Zeroed,
        tag: Tag::DEFAULT,
        size,
    })
}

/// Runs the chapter about file objects.
pub fn run(system: &dyn System, results: &Results) -> Result<(), Failure> {
    let mine = system.open()?;
    let other = system.open()?;
    other_file(system, results, mine.as_ref(), other.as_ref());
    drop(mine);
    quotas(system, results, other.as_ref());
    drop(other);
    device_quota(system, results)?;
    close_with_objects(system, results)
}

fn other_file(system: &dyn System, results: &Results, mine: &dyn File, other: &dyn File) {
    let object = {
        let mut checker = Checker::new(system, mine, results);
        checker.chapter(CHAPTER);
        checker.make(
            CONTRACT,
            "allocate memory through one file object",
            memory(Parent::FileObject, 16),
        )
    };
    let mut checker = Checker::new(system, other, results);
    checker.chapter(CHAPTER);
    let cases = [
        (
            "read it through another file object",
            object.first(1).read(),
        ),
        (
            "write to it through another file object",
            Write {
                handle: object.handle,
                offset: 0,
            }
            .with(b"x"),
        ),
        (
            "delete it through another file object",
            Message::from(Delete {
                handle: object.handle,
            }),
        ),
    ];
    for (what, call) in cases {
        checker.reject(CONTRACT, what, call, Status::INVALID_HANDLE);
    }
    let mut checker = Checker::new(system, mine, results);
    checker.chapter(CHAPTER);
    checker.reads(
        CONTRACT,
        "its bytes are unchanged",
        object.first(16),
        &[0; 16],
    );
}

/// Creates objects until one is rejected. Returns how many, and the status of the last call.
fn fill_up(file: &dyn File, call: Message<'_>) -> (u32, Status) {
    let mut count = 0;
    loop {
        let reply = session::call(file, call);
        if reply.status != Status::SUCCESS || count > 2 * DEVICE_OBJECTS {
            return (count, reply.status);
        }
        count += 1;
    }
}

fn quotas(system: &dyn System, results: &Results, file: &dyn File) {
    let mut checker = Checker::new(system, file, results);
    checker.chapter(CHAPTER);
    let quota = Status::QUOTA_EXCEEDED;
    let mut handles = Vec::new();
    let most = FILE_BYTES / MAX_OBJECT_BYTES;
    for _ in 0..most {
        handles.push(
            checker
                .make_unchecked(memory(Parent::Device, MAX_OBJECT_BYTES))
                .handle,
        );
    }
    let full = !handles.contains(&Handle::NONE);
    let what = format!("create {most} objects of the maximum size");
    checker.check(CONTRACT, what, "WdfMemoryCreate", full, "");
    let one_more = memory(Parent::FileObject, 1);
    checker.reject(
        CONTRACT,
        "allocate one more byte than the quota allows",
        one_more,
        quota,
    );
    for handle in handles {
        checker.send(Delete { handle });
    }
    let (count, rejection) = fill_up(file, one_more);
    checker.check(
        CONTRACT,
        format!("a file object may have {FILE_OBJECTS} objects, and no more"),
        "WdfMemoryCreate",
        (count, rejection) == (FILE_OBJECTS, quota),
        format!("{count} created, then {rejection}"),
    );
}

fn device_quota(system: &dyn System, results: &Results) -> Result<(), Failure> {
    let files = (0..=DEVICE_OBJECTS / FILE_OBJECTS)
        .map(|_| system.open())
        .collect::<Result<Vec<_>, _>>()?;
    let call = memory(Parent::FileObject, 1);
    let mut count = 0;
    let mut rejection = Status::SUCCESS;
    for file in &files {
        let (more, status) = fill_up(file.as_ref(), call);
        count += more;
        rejection = status;
    }
    let Some(file) = files.first() else {
        return Ok(());
    };
    let mut checker = Checker::new(system, file.as_ref(), results);
    checker.chapter(CHAPTER);
    checker.check(
        CONTRACT,
        format!(
            "{} file objects may have {DEVICE_OBJECTS} objects together, and no more",
            files.len()
        ),
        "WdfMemoryCreate",
        (count, rejection) == (DEVICE_OBJECTS, Status::QUOTA_EXCEEDED),
        format!("{count} created, then {rejection}"),
    );
    Ok(())
}

fn close_with_objects(system: &dyn System, results: &Results) -> Result<(), Failure> {
    let closed = system.open()?;
    let leave = |call: Message<'_>| {
        let reply = session::call(closed.as_ref(), call);
        reply
            .parse::<Created>()
            .map_or(Handle::NONE, |created| created.handle())
    };
    for parent in Parent::ALL {
        leave(memory(*parent, 10_000));
    }
    for pool in PoolKind::ALL {
        let (pool, tag) = (*pool, Tag::DEFAULT);
        let list = leave(Message::from(CreateLookaside {
            pool,
            tag,
            size: 100,
        }));
        leave(Message::from(CreateFromLookaside { list }));
        let list = leave(Message::from(InitializeExList {
            pool,
            tag,
            size: 100,
            routines: Routines::Inline,
        }));
        leave(Message::from(AllocateEntry { list }));
    }
    let counted = |file: &dyn File| {
        let reply = session::call(file, Statistics {});
        reply
            .parse::<StatisticsReply>()
            .map(|reply| reply.device_charged.objects.get())
    };
    let before = counted(closed.as_ref());
    drop(closed);
    let after = system.open()?;
    let mut checker = Checker::new(system, after.as_ref(), results);
    checker.chapter(CHAPTER);
    let left = counted(after.as_ref());
    let text = |count: Option<u64>| count.map_or("unknown".to_owned(), |count| count.to_string());
    checker.check(
        "C9, P6, L5, E4",
        "close a file object that still has memory, lists and entries",
        "CloseHandle",
        before == Some(11) && left == Some(0),
        format!("{} objects before, {} after", text(before), text(left)),
    );
    Ok(())
}
