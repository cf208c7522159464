//! Handles that are no handles, or of objects that a call does not work on.

use wdfmem_ioctl::*;

use crate::common::*;

/// The calls for bytes, each with a handle in place of each that it names.
fn for_bytes(handle: Handle, world: &World) -> Vec<Message<'static>> {
    let at = span(handle, 0, 1);
    let copy = |source, target| {
        Message::from(CopyBytes {
            source,
            source_offset: 0,
            target,
            target_offset: 0,
            length: 1,
        })
    };
    vec![
        Write { handle, offset: 0 }.with(b"x"),
        at.read(),
        at.fill(0),
        copy(handle, world.paged),
        copy(world.paged, handle),
        at.checksum(Level::Passive),
        at.checksum(Level::Dispatch),
        at.bulk_read(),
    ]
}

/// All calls that name an object, in the same way.
fn naming(handle: Handle, world: &World) -> Vec<Message<'static>> {
    let mut calls = vec![
        Message::from(AssignBuffer {
            handle,
            tag: Tag::DEFAULT,
            size: 1,
        }),
        Message::from(CreateFromLookaside { list: handle }),
        Message::from(Delete { handle }),
        Message::from(AllocateEntry { list: handle }),
        Message::from(FreeEntry {
            list: handle,
            entry: world.entry,
        }),
        Message::from(FreeEntry {
            list: world.ex_list,
            entry: handle,
        }),
        Message::from(DeleteExList { list: handle }),
    ];
    calls.extend(for_bytes(handle, world));
    calls
}

/// The driver checks a caller's handles, where an invalid one would stop the system (L4, E1, E4).
#[test]
fn a_handle_that_is_none_of_this_file_objects_is_invalid() {
    scenario().run(|test| {
        let file = open(test);
        let stranger = open(test);
        let theirs = World::new(&stranger);
        let world = World::new(&file);
        let stale = make(&file, memory(PoolKind::Paged, 1));
        succeed(&file, Delete { handle: stale });
        let again = make(&file, memory(PoolKind::Paged, 1));
        assert_eq!(again.index(), stale.index(), "the place is used again");
        let numbers = [
            0,
            1,
            world.memory.number() ^ 0x100,
            world.memory.number() | 0xFF,
            world.memory.number() | 0x8000_0000,
            u32::MAX,
        ];
        let handles = numbers.map(Handle::from_number).into_iter().chain([
            stale,
            theirs.memory,
            theirs.preallocated,
            theirs.list,
            theirs.ex_list,
            theirs.entry,
        ]);
        let before = (world.state(&file), theirs.state(&stranger));
        for handle in handles {
            for call in naming(handle, &world) {
                refuse(&file, call, Status::INVALID_HANDLE);
            }
            refuse(
                &file,
                BulkWrite { handle, offset: 0 }.with(&[1]),
                Status::INVALID_HANDLE,
            );
        }
        assert_eq!((world.state(&file), theirs.state(&stranger)), before);
    });
}

/// A call that gets an object of the wrong type would stop the system (L4, P5).
#[test]
fn a_call_refuses_an_object_of_a_kind_that_it_does_not_work_on() {
    scenario().run(|test| {
        let file = open(test);
        let world = World::new(&file);
        let before = world.state(&file);
        let mismatch = Status::OBJECT_TYPE_MISMATCH;
        for handle in [
            world.memory,
            world.paged,
            world.uninitialized,
            world.taken,
            world.entry,
        ] {
            refuse(
                &file,
                AssignBuffer {
                    handle,
                    tag: Tag::DEFAULT,
                    size: 1,
                },
                mismatch,
            );
        }
        for handle in [
            world.memory,
            world.preallocated,
            world.taken,
            world.entry,
            world.ex_list,
        ] {
            refuse(&file, CreateFromLookaside { list: handle }, mismatch);
        }
        for handle in [
            world.memory,
            world.preallocated,
            world.taken,
            world.entry,
            world.list,
        ] {
            refuse(&file, AllocateEntry { list: handle }, mismatch);
            refuse(&file, DeleteExList { list: handle }, mismatch);
            refuse(
                &file,
                FreeEntry {
                    list: handle,
                    entry: world.entry,
                },
                mismatch,
            );
        }
        for handle in [
            world.memory,
            world.preallocated,
            world.taken,
            world.list,
            world.ex_list,
        ] {
            refuse(
                &file,
                FreeEntry {
                    list: world.ex_list,
                    entry: handle,
                },
                mismatch,
            );
        }
        for handle in [world.entry, world.ex_list] {
            refuse(&file, Delete { handle }, mismatch);
        }
        for handle in [world.list, world.ex_list] {
            for call in for_bytes(handle, &world) {
                // A list of paged memory is refused at DISPATCH_LEVEL for what it is, too.
                refuse(&file, call, mismatch);
            }
            refuse(&file, BulkWrite { handle, offset: 0 }.with(&[1]), mismatch);
        }
        assert_eq!(world.state(&file), before);
    });
}

/// Memory goes back to its own list, which outlives it (L5, E4).
#[test]
fn a_list_is_not_deleted_while_its_memory_is_in_use_nor_is_an_entry_freed_to_another_list() {
    scenario().run(|test| {
        let file = open(test);
        let world = World::new(&file);
        let before = world.state(&file);
        refuse(&file, Delete { handle: world.list }, Status::DEVICE_BUSY);
        refuse(
            &file,
            DeleteExList {
                list: world.ex_list,
            },
            Status::DEVICE_BUSY,
        );
        let elsewhere = Message::from(FreeEntry {
            list: world.other_ex_list,
            entry: world.entry,
        });
        refuse(&file, elsewhere, Status::INVALID_PARAMETER);
        assert_eq!(world.state(&file), before);
    });
}
