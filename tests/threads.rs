//! Two file objects at once, each used from several threads.

#![cfg(not(wdk))]

mod common;

use std::thread;

use common::*;
use kmdf_test::File;
use wdfmem_ioctl::*;

/// What a thread may see: its objects are shared with the other threads of its file object, which may
/// delete them or fill the quotas.
const EXPECTED: [Status; 7] = [
    Status::SUCCESS,
    Status::INVALID_HANDLE,
    Status::OBJECT_TYPE_MISMATCH,
    Status::QUOTA_EXCEEDED,
    Status::DEVICE_BUSY,
    Status::INVALID_PARAMETER,
    Status::NOT_SUPPORTED,
];

/// Makes, uses and deletes objects at random.
fn hammer(file: &File, seed: u64, rounds: usize) {
    let mut numbers = Numbers(seed);
    let mut handles = vec![Handle::NONE];
    for _ in 0..rounds {
        let pool = PoolKind::ALL[numbers.index(2)];
        let mut any = || handles[numbers.index(handles.len())];
        let (one, two) = (any(), any());
        let at = span(one, 0, 8);
        let data = numbers.below(u64::MAX).to_le_bytes();
        let action = match numbers.below(16) {
            0 | 1 => memory(pool, 8 + numbers.below(5000)),
            2 => preallocated(pool, 8 + numbers.below(100)),
            3 => list(pool, 8 + numbers.below(5000)),
            4 => ex_list(pool, 8 + numbers.below(100)),
            5 => Message::from(CreateFromLookaside { list: one }),
            6 => Message::from(AllocateEntry { list: one }),
            7 => Message::from(FreeEntry {
                list: one,
                entry: two,
            }),
            8 => Message::from(DeleteExList { list: one }),
            9 => Message::from(Delete { handle: one }),
            10 => Write {
                handle: one,
                offset: 0,
            }
            .with(&data),
            11 => at.read(),
            12 => Message::from(CopyBytes {
                source: one,
                source_offset: 0,
                target: two,
                target_offset: 0,
                length: 8,
            }),
            13 => at.checksum(Level::Dispatch),
            14 => Message::from(AssignBuffer {
                handle: one,
                tag: Tag::DEFAULT,
                size: 8 + numbers.below(100),
            }),
            _ => Transform {
                operation: Operation::Xor,
                key: 1,
                tag: Tag::DEFAULT,
            }
            .with(&data),
        };
        let reply = call(file, action);
        assert!(
            EXPECTED.contains(&reply.status),
            "{action:?}: {}",
            reply.status
        );
        if reply.status == Status::SUCCESS && reply.output.len() == size_of::<Created>() {
            let created: Created = reply.parse();
            handles.push(created.handle());
        }
        if handles.len() > 24 {
            handles.swap_remove(1);
        }
    }
}

#[test]
fn two_file_objects_are_used_by_several_threads_at_once() {
    scenario().run(|test| {
        let files = [open(test), open(test)];
        thread::scope(|scope| {
            for (file, seed) in files.iter().flat_map(|file| [(file, 3), (file, 77)]) {
                scope.spawn(move || hammer(file, seed, 400));
            }
        });
        let charged = statistics(&files[0]).device_charged.objects.get();
        let each = files
            .each_ref()
            .map(|file| statistics(file).file_charged.objects.get());
        assert_eq!(charged, each.iter().sum::<u64>());
        drop(files);
        let counted = statistics(&open(test));
        assert_eq!(counted.device, [Usage::default(); 7]);
        assert_eq!(counted.device_charged, Usage::default());
    });
}

#[test]
fn threads_of_different_file_objects_keep_their_bytes_apart() {
    scenario().run(|test| {
        thread::scope(|scope| {
            for byte in 1..=4 {
                scope.spawn(move || {
                    for _ in 0..20 {
                        let file = open(test);
                        let handle = make(&file, memory(PoolKind::Paged, 500));
                        for _ in 0..5 {
                            succeed(&file, span(handle, 0, 500).fill(byte));
                            assert_eq!(read(&file, handle, 500), [byte; 500]);
                        }
                        file.close();
                    }
                });
            }
        });
    });
}
