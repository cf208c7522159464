//! Sizes, offsets and lengths that do not fit.

use wdfmem_ioctl::{
    Call, Code, Content, CopyBytes, CreateMemory, CreatePreallocated, InitializeExList, Level,
    MAX_DISPATCH_BYTES, MAX_OBJECT_BYTES, Operation, Parent, PoolKind, Routines, Status, Tag,
    Transform,
};

use crate::common::*;

/// The calls that make something of a size.
fn sized(size: u64, world: &World) -> Vec<Call<'static>> {
    let tag = Tag::DEFAULT;
    let mut calls = vec![Call::AssignBuffer {
        handle: world.preallocated,
        tag,
        size,
    }];
    for pool in PoolKind::ALL.iter().copied() {
        calls.extend([
            memory(pool, size),
            preallocated(pool, size),
            list(pool, size),
            ex_list(pool, size),
        ]);
        for parent in Parent::ALL.iter().copied() {
            let content = Content::Uninitialized;
            calls.push(Call::CreateMemory(CreateMemory {
                pool,
                parent,
                content,
                tag,
                size,
            }));
            calls.push(Call::CreatePreallocated(CreatePreallocated {
                pool,
                parent,
                tag,
                size,
            }));
        }
        let routines = Routines::Exported;
        calls.push(Call::InitializeExList(InitializeExList {
            pool,
            tag,
            size,
            routines,
        }));
    }
    calls
}

/// C5, P3, L3, E1
#[test]
fn a_size_of_zero_or_above_the_greatest_is_refused() {
    with_all_checks(|kernel| {
        let file = open(kernel);
        let world = World::new(&file);
        let before = world.state(&file);
        for call in sized(0, &world) {
            refuse(&file, &call, Status::INVALID_PARAMETER);
        }
        for size in [
            MAX_OBJECT_BYTES + 1,
            1 << 32,
            (1 << 32) + 1,
            u64::MAX / 2,
            u64::MAX,
        ] {
            for call in sized(size, &world) {
                refuse(&file, &call, Status::INVALID_BUFFER_SIZE);
            }
        }
        for size in 1..8 {
            refuse(
                &file,
                &ex_list(PoolKind::Paged, size),
                Status::INVALID_PARAMETER,
            );
        }
        assert_eq!(world.state(&file), before);
    });
}

#[test]
fn bytes_past_the_end_are_neither_read_nor_written() {
    with_all_checks(|kernel| {
        let file = open(kernel);
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
                    Call::Copy(CopyBytes {
                        source,
                        source_offset,
                        target,
                        target_offset,
                        length,
                    })
                };
                let source = Status::BUFFER_TOO_SMALL;
                let target = Status::INVALID_BUFFER_SIZE;
                refuse(&file, &Call::Read(at), source);
                refuse(&file, &Call::BulkRead(at), source);
                let checksum = Call::Checksum {
                    span: at,
                    level: Level::Passive,
                };
                refuse(&file, &checksum, source);
                refuse(&file, &copy(handle, offset, world.paged, 0), source);
                refuse(
                    &file,
                    &Call::Fill {
                        span: at,
                        byte: 0xFF,
                    },
                    target,
                );
                let data = vec![0xFF; usize::try_from(length).unwrap()];
                refuse(
                    &file,
                    &Call::Write {
                        handle,
                        offset,
                        data: &data,
                    },
                    target,
                );
                let bulk = Call::BulkWrite { handle, offset };
                let reply = send(&file, bulk.code().number(), &encode(&bulk), data);
                assert_eq!(reply, Reply::refused(target));
                if length <= SIZE {
                    refuse(&file, &copy(world.paged, 0, handle, offset), target);
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
                let reply = send(&file, code, &encode(&Call::Read(at)), vec![UNTOUCHED; 64]);
                assert_eq!(reply, Reply::refused(read));
                refuse(
                    &file,
                    &Call::Checksum {
                        span: at,
                        level: Level::Passive,
                    },
                    read,
                );
                refuse(&file, &Call::Fill { span: at, byte: 0 }, write);
            }
            let nothing = Call::Write {
                handle,
                offset: 0,
                data: &[],
            };
            refuse(&file, &nothing, Status::INVALID_PARAMETER);
        }
        let long = Call::Checksum {
            span: span(world.memory, 0, MAX_DISPATCH_BYTES + 1),
            level: Level::Dispatch,
        };
        refuse(&file, &long, Status::INVALID_PARAMETER);
        assert_eq!(world.state(&file), before);
    });
}

#[test]
fn a_transformation_of_nothing_or_with_a_key_that_means_nothing_is_refused() {
    with_all_checks(|kernel| {
        let file = open(kernel);
        let world = World::new(&file);
        let before = world.state(&file);
        let ask = |operation, key, data| Transform {
            operation,
            key,
            tag: Tag::DEFAULT,
            data,
        };
        let invalid = Status::INVALID_PARAMETER;
        refuse(
            &file,
            &Call::Transform(ask(Operation::Reverse, 0, b"")),
            invalid,
        );
        refuse(
            &file,
            &Call::Transform(ask(Operation::Reverse, 1, b"x")),
            invalid,
        );
        let data = vec![1; usize::try_from(MAX_OBJECT_BYTES).unwrap() + 1];
        let long = Call::Transform(ask(Operation::Reverse, 0, &data));
        refuse(&file, &long, Status::INVALID_BUFFER_SIZE);
        assert_eq!(world.state(&file), before);
    });
}
