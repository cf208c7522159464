//! Sizes, offsets and lengths that do not fit.

use wdfmem_ioctl::*;

use crate::common::*;

/// The calls that make something of a size.
fn sized(size: u64, world: &World) -> Vec<Message<'static>> {
    let tag = Tag::DEFAULT;
    let mut calls = vec![Message::from(AssignBuffer {
        handle: world.preallocated,
        tag,
        size,
    })];
    for pool in PoolKind::ALL.iter().copied() {
        calls.extend([
            memory(pool, size),
            preallocated(pool, size),
            list(pool, size),
            ex_list(pool, size),
        ]);
        for parent in Parent::ALL.iter().copied() {
            let content = Content::Uninitialized;
            calls.push(Message::from(CreateMemory {
                pool,
                parent,
                content,
                tag,
                size,
            }));
            calls.push(Message::from(CreatePreallocated {
                pool,
                parent,
                tag,
                size,
            }));
        }
        let routines = Routines::Exported;
        calls.push(Message::from(InitializeExList {
            pool,
            tag,
            size,
            routines,
        }));
    }
    calls
}

/// A size of zero is an error, and so is one that a list cannot have (C5, P3, L3, E1).
#[test]
fn a_size_of_zero_or_above_the_greatest_is_refused() {
    scenario().run(|test| {
        let file = open(test);
        let world = World::new(&file);
        let before = world.state(&file);
        for call in sized(0, &world) {
            refuse(&file, call, Status::INVALID_PARAMETER);
        }
        for size in [
            MAX_OBJECT_BYTES + 1,
            1 << 32,
            (1 << 32) + 1,
            u64::MAX / 2,
            u64::MAX,
        ] {
            for call in sized(size, &world) {
                refuse(&file, call, Status::INVALID_BUFFER_SIZE);
            }
        }
        for size in 1..8 {
            refuse(
                &file,
                ex_list(PoolKind::Paged, size),
                Status::INVALID_PARAMETER,
            );
        }
        assert_eq!(world.state(&file), before);
    });
}

#[test]
fn bytes_past_the_end_are_neither_read_nor_written() {
    scenario().run(|test| {
        let file = open(test);
        let world = World::new(&file);
        let before = world.state(&file);
        let past = [
            (SIZE, 1),
            (SIZE - 1, 2),
            (0, SIZE + 1),
            (u64::MAX, 1),
            (1 << 32, 1),
            (u64::MAX, 8),
        ];
        for handle in world.written().into_iter().chain([world.uninitialized]) {
            for (offset, length) in past {
                let at = span(handle, offset, length);
                let copy = |source, source_offset, target, target_offset| {
                    Message::from(CopyBytes {
                        source,
                        source_offset,
                        target,
                        target_offset,
                        length,
                    })
                };
                let source = Status::BUFFER_TOO_SMALL;
                let target = Status::INVALID_BUFFER_SIZE;
                refuse(&file, at.read(), source);
                refuse(&file, at.bulk_read(), source);
                let checksum = at.checksum(Level::Passive);
                refuse(&file, checksum, source);
                refuse(&file, copy(handle, offset, world.paged, 0), source);
                refuse(&file, at.fill(0xFF), target);
                let data = vec![0xFF; usize::try_from(length).unwrap()];
                refuse(&file, Write { handle, offset }.with(&data), target);
                refuse(&file, BulkWrite { handle, offset }.with(&data), target);
                if length <= SIZE {
                    refuse(&file, copy(world.paged, 0, handle, offset), target);
                }
            }
            // A range that has no length at all, and one that is longer than memory.
            for length in [0, u64::MAX] {
                let at = span(handle, 0, length);
                let (read, write) = if length == 0 {
                    (Status::INVALID_PARAMETER, Status::INVALID_PARAMETER)
                } else {
                    (Status::BUFFER_TOO_SMALL, Status::INVALID_BUFFER_SIZE)
                };
                let code = Code::Read.number();
                let reply = send(&file, code, &encode(at.read()), &[UNTOUCHED; 64]);
                assert_eq!(reply, Reply::refused(read));
                refuse(&file, at.checksum(Level::Passive), read);
                refuse(&file, at.fill(0), write);
            }
            let nothing = Write { handle, offset: 0 }.with(&[]);
            refuse(&file, nothing, Status::INVALID_PARAMETER);
        }
        let long = span(world.memory, 0, MAX_DISPATCH_BYTES + 1).checksum(Level::Dispatch);
        refuse(&file, long, Status::INVALID_PARAMETER);
        assert_eq!(world.state(&file), before);
    });
}

#[test]
fn a_transformation_of_nothing_or_with_a_key_that_means_nothing_is_refused() {
    scenario().run(|test| {
        let file = open(test);
        let world = World::new(&file);
        let before = world.state(&file);
        let ask = |operation, key| Transform {
            operation,
            key,
            tag: Tag::DEFAULT,
        };
        let invalid = Status::INVALID_PARAMETER;
        refuse(&file, ask(Operation::Reverse, 0), invalid);
        refuse(&file, ask(Operation::Reverse, 1).with(b"x"), invalid);
        let data = vec![1; usize::try_from(MAX_OBJECT_BYTES).unwrap() + 1];
        let long = ask(Operation::Reverse, 0).with(&data);
        refuse(&file, long, Status::INVALID_BUFFER_SIZE);
        assert_eq!(world.state(&file), before);
    });
}

/// The contract's table: the upper of two faults is reported, and the first object's before the second's.
#[test]
fn of_two_faults_the_first_one_in_the_contract_is_reported() {
    scenario().run(|test| {
        let file = open(test);
        let world = World::new(&file);
        let copy = |source, source_offset, target, target_offset| {
            Message::from(CopyBytes {
                source,
                source_offset,
                target,
                target_offset,
                length: 1,
            })
        };
        let assign = |handle, size| {
            Message::from(AssignBuffer {
                handle,
                tag: Tag::DEFAULT,
                size,
            })
        };
        let cases = [
            (assign(Handle::NONE, u64::MAX), Status::INVALID_BUFFER_SIZE),
            (assign(Handle::NONE, 0), Status::INVALID_HANDLE),
            (assign(world.memory, 0), Status::OBJECT_TYPE_MISMATCH),
            (
                span(world.paged, SIZE, 1).checksum(Level::Dispatch),
                Status::NOT_SUPPORTED,
            ),
            (
                span(world.uninitialized, SIZE, 1).read(),
                Status::BUFFER_TOO_SMALL,
            ),
            (
                copy(world.memory, SIZE, Handle::NONE, 0),
                Status::BUFFER_TOO_SMALL,
            ),
            (
                copy(world.uninitialized, 0, world.list, SIZE),
                Status::INVALID_DEVICE_STATE,
            ),
            (
                Message::from(FreeEntry {
                    list: world.memory,
                    entry: Handle::NONE,
                }),
                Status::OBJECT_TYPE_MISMATCH,
            ),
        ];
        for (call, status) in cases {
            refuse(&file, call, status);
        }
        while call(&file, memory(PoolKind::Paged, 1)).status == Status::SUCCESS {}
        let before = world.state(&file);
        refuse(&file, memory(PoolKind::Paged, 0), Status::QUOTA_EXCEEDED);
        assert_eq!(world.state(&file), before);
    });
}
