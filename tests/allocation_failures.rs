//! The pool is out of memory: each allocation of everything that the driver does fails in turn.

#![cfg(not(wdk))]

mod common;

use common::*;
use kmdf_test::{File, Test};
use wdfmem_ioctl::*;

const POOLS: [PoolKind; 2] = [PoolKind::NonPaged, PoolKind::Paged];

/// Sweeps a call: refused for want of memory, or done in spite of it; nothing else, and nothing changed
/// by a refusal. `undo` undoes what was done.
fn sweep_call(
    test: &Test,
    file: &File,
    it: Message<'_>,
    undo: impl Fn(Handle) -> Option<Message<'static>>,
) -> u64 {
    let world = World::new(file);
    let before = world.state(file);
    let blocks = test.kernel().verifier().live_blocks;
    let refusals = test.each_allocation_fails(|nth| {
        let reply = call(file, it);
        test.kernel().fail_nth_allocation(0);
        let succeeded = match reply.status {
            Status::SUCCESS => {
                let made = if reply.output.len() == 16 && it.code() != Code::Transform {
                    let created: Created = reply.parse();
                    created.handle()
                } else {
                    Handle::NONE
                };
                if let Some(undo) = undo(made) {
                    succeed(file, undo);
                }
                true
            }
            Status::INSUFFICIENT_RESOURCES => {
                assert_eq!(reply, Reply::refused(reply.status), "{it:?}");
                false
            }
            other => panic!("{it:?}, allocation {nth}: {other}"),
        };
        if !succeeded {
            assert_eq!(world.state(file), before, "{it:?}, allocation {nth}");
        }
        succeeded
    });
    for handle in [
        world.memory,
        world.paged,
        world.uninitialized,
        world.preallocated,
        world.taken,
    ] {
        succeed(file, Delete { handle });
    }
    succeed(file, Delete { handle: world.list });
    succeed(
        file,
        FreeEntry {
            list: world.ex_list,
            entry: world.entry,
        },
    );
    succeed(
        file,
        DeleteExList {
            list: world.ex_list,
        },
    );
    succeed(
        file,
        DeleteExList {
            list: world.other_ex_list,
        },
    );
    let left = test.kernel().verifier().live_blocks;
    assert!(
        left <= blocks,
        "{it:?} left {left} blocks, of {blocks} before it"
    );
    refusals
}

/// Calls that allocate report STATUS_INSUFFICIENT_RESOURCES when the pool is exhausted (C7, P4, L3, E2).
#[test]
fn every_call_that_allocates_is_refused_when_it_cannot_and_changes_nothing() {
    scenario().run(|test| {
        let file = open(test);
        let delete = |handle| Some(Message::from(Delete { handle }));
        for pool in POOLS {
            for size in [100, 5000] {
                for parent in Parent::ALL.iter().copied() {
                    for content in Content::ALL.iter().copied() {
                        let tag = Tag::DEFAULT;
                        let ask = CreateMemory {
                            pool,
                            parent,
                            content,
                            tag,
                            size,
                        };
                        assert_ne!(sweep_call(test, &file, ask.into(), delete), 0);
                    }
                }
                assert_ne!(sweep_call(test, &file, preallocated(pool, size), delete), 0);
                assert_ne!(sweep_call(test, &file, list(pool, size), delete), 0);
            }
            let handle = make(&file, preallocated(pool, 50));
            let assign = Message::from(AssignBuffer {
                handle,
                tag: Tag::DEFAULT,
                size: 5000,
            });
            let back = |handle| {
                Some(Message::from(AssignBuffer {
                    handle,
                    tag: Tag::DEFAULT,
                    size: 50,
                }))
            };
            assert_ne!(sweep_call(test, &file, assign, back), 0);
            succeed(&file, Delete { handle });
            for routines in [Routines::Inline, Routines::Exported] {
                let tag = Tag::DEFAULT;
                let ask = InitializeExList {
                    pool,
                    tag,
                    size: 100,
                    routines,
                };
                let undo = |list| Some(Message::from(DeleteExList { list }));
                let call = Message::from(ask);
                assert_ne!(sweep_call(test, &file, call, undo), 0);
            }
        }
        for length in [1, 5000] {
            let data = vec![7; length];
            let ask = Transform {
                operation: Operation::Xor,
                key: 1,
                tag: Tag::DEFAULT,
            };
            assert_ne!(sweep_call(test, &file, ask.with(&data), |_| None), 0);
        }
    });
}

/// Taking from a list that is empty allocates, which may fail (L3, E2, E3).
#[test]
fn taking_from_a_list_is_refused_when_the_pool_is_out_of_memory() {
    scenario().run(|test| {
        let file = open(test);
        for pool in POOLS {
            for size in [100, 5000] {
                let list = make(&file, list(pool, size));
                let take = Message::from(CreateFromLookaside { list });
                sweep_taking(test, &file, take, |handle| Message::from(Delete { handle }));
                succeed(&file, Delete { handle: list });

                for routines in [Routines::Inline, Routines::Exported] {
                    let tag = Tag::DEFAULT;
                    let ask = InitializeExList {
                        pool,
                        tag,
                        size,
                        routines,
                    };
                    let list = make(&file, ask);
                    let take = Message::from(AllocateEntry { list });
                    sweep_taking(test, &file, take, |entry| {
                        Message::from(FreeEntry { list, entry })
                    });
                    succeed(&file, DeleteExList { list });
                }
                assert_eq!(statistics(&file).file_charged, Usage::default());
            }
        }
    });
}

/// Sweeps a call that takes from a list. A success leaves its mark on the list: what it may keep is
/// charged for.
fn sweep_taking(
    test: &Test,
    file: &File,
    take: Message<'_>,
    give_back: impl Fn(Handle) -> Message<'static>,
) {
    let refusals = test.each_allocation_fails(|nth| {
        test.kernel().fail_nth_allocation(0);
        let before = statistics(file).file_charged;
        test.kernel().fail_nth_allocation(nth);
        let reply = call(file, take);
        test.kernel().fail_nth_allocation(0);
        if reply.status == Status::SUCCESS {
            let created: Created = reply.parse();
            succeed(file, give_back(created.handle()));
            return true;
        }
        assert_eq!(reply, Reply::refused(Status::INSUFFICIENT_RESOURCES));
        assert_eq!(statistics(file).file_charged, before);
        false
    });
    assert_ne!(refusals, 0);
}

#[test]
fn opening_the_device_is_refused_when_the_pool_is_out_of_memory() {
    scenario().run(|test| {
        let refusals = test.each_allocation_fails(|_| match test.try_open(interface()) {
            Ok(file) => {
                test.kernel().fail_nth_allocation(0);
                file.close();
                true
            }
            Err(refused) => {
                let status = Status::from_code(refused.status);
                assert_eq!(status, Status::INSUFFICIENT_RESOURCES);
                false
            }
        });
        assert_ne!(refusals, 0);
    });
}

#[test]
fn loading_and_starting_are_refused_cleanly_when_the_pool_is_out_of_memory() {
    let failures = scenario().each_allocation_fails(|_| ());
    assert!(failures > 10, "{failures}");
}
