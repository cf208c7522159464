//! More than a file object or the device may have.

use kmdf_test::{File, Test};
use wdfmem_ioctl::*;

use crate::common::*;

#[test]
fn a_file_objects_quota_of_objects_is_kept_by_every_call_that_makes_one() {
    scenario().run(|test| {
        let file = open(test);
        let world = World::new(&file);
        let used = statistics(&file).file_charged.objects.get();
        for _ in used..u64::from(FILE_OBJECTS) {
            make(&file, memory(PoolKind::NonPaged, 1));
        }
        let before = world.state(&file);
        let makers = [
            memory(PoolKind::Paged, 1),
            preallocated(PoolKind::Paged, 1),
            list(PoolKind::Paged, 8),
            ex_list(PoolKind::Paged, 8),
            Message::from(CreateFromLookaside { list: world.list }),
            Message::from(AllocateEntry {
                list: world.ex_list,
            }),
        ];
        for call in makers {
            refuse(&file, call, Status::QUOTA_EXCEEDED);
            assert_eq!(world.state(&file), before);
        }
        succeed(
            &file,
            Delete {
                handle: world.memory,
            },
        );
        make(
            &file,
            AllocateEntry {
                list: world.ex_list,
            },
        );
    });
}

#[test]
fn a_file_objects_quota_of_bytes_is_kept_by_every_call_that_takes_some() {
    scenario().run(|test| {
        let file = open(test);
        let world = World::new(&file);
        let wide_list = make(&file, list(PoolKind::Paged, 1000));
        let wide_ex_list = make(&file, ex_list(PoolKind::Paged, 1000));
        let used = statistics(&file).file_charged.bytes.get();
        let mut left = FILE_BYTES - used - 500;
        while left > 0 {
            let size = left.min(MAX_OBJECT_BYTES);
            make(&file, memory(PoolKind::NonPaged, size));
            left -= size;
        }
        let before = world.state(&file);
        let takers = [
            memory(PoolKind::Paged, 501),
            preallocated(PoolKind::NonPaged, 501),
            Message::from(CreateFromLookaside { list: wide_list }),
            Message::from(AllocateEntry { list: wide_ex_list }),
            Message::from(AssignBuffer {
                handle: world.preallocated,
                tag: Tag::DEFAULT,
                size: 501,
            }),
        ];
        for call in takers {
            refuse(&file, call, Status::QUOTA_EXCEEDED);
            assert_eq!(world.state(&file), before);
        }
        make(&file, memory(PoolKind::Paged, 500));
        refuse(&file, memory(PoolKind::Paged, 1), Status::QUOTA_EXCEEDED);
    });
}

#[test]
fn the_devices_quota_is_kept_by_all_its_file_objects_together() {
    scenario().run(|test| {
        let files: Vec<File> = (0..=DEVICE_OBJECTS / FILE_OBJECTS)
            .map(|_| open(test))
            .collect();
        let one = memory(PoolKind::Paged, 1);
        let mut made = 0;
        for file in &files {
            while call(file, one).status == Status::SUCCESS {
                made += 1;
            }
        }
        assert_eq!(made, DEVICE_OBJECTS);
        let last = files.last().unwrap();
        let counted = statistics(last);
        assert!(counted.file_charged.objects.get() < u64::from(FILE_OBJECTS));
        refuse(last, one, Status::QUOTA_EXCEEDED);
        drop(files);

        let files: Vec<File> = (0..3).map(|_| open(test)).collect();
        let wide = memory(PoolKind::NonPaged, MAX_OBJECT_BYTES);
        let mut made = 0;
        for file in &files {
            while call(file, wide).status == Status::SUCCESS {
                made += 1;
            }
        }
        assert_eq!(made * MAX_OBJECT_BYTES, DEVICE_BYTES);
        refuse(files.last().unwrap(), one, Status::QUOTA_EXCEEDED);
    });
}

/// Changes bytes in memory that lives as long as the request.
fn transform(data: &[u8]) -> Message<'_> {
    Transform {
        operation: Operation::Reverse,
        key: 0,
        tag: Tag::DEFAULT,
    }
    .with(data)
}

/// Makes objects until so many bytes are left of what the file object may have.
fn leave_of_the_file(file: &File, bytes: u64) {
    let mut left = FILE_BYTES - statistics(file).file_charged.bytes.get() - bytes;
    while left > 0 {
        let size = left.min(MAX_OBJECT_BYTES);
        make(file, memory(PoolKind::Paged, size));
        left -= size;
    }
}

#[test]
fn memory_of_a_request_counts_against_the_file_objects_quota() {
    scenario().run(|test| {
        let file = open(test);
        leave_of_the_file(&file, 500);
        let before = statistics(&file);
        refuse(&file, transform(&[1; 501]), Status::QUOTA_EXCEEDED);
        assert_eq!(statistics(&file), before);
        for _ in 0..3 {
            let output = succeed(&file, transform(&[1; 500])).output;
            assert_eq!(output, [1; 500]);
            assert_eq!(statistics(&file), before, "it went with its request");
        }
    });
}

#[test]
fn memory_of_a_request_counts_against_the_devices_quota() {
    scenario().run(|test| {
        let files: Vec<File> = (0..3).map(|_| open(test)).collect();
        leave_of_the_file(&files[0], 0);
        leave_of_the_file(&files[1], 0);
        leave_of_the_file(&files[2], 2 * FILE_BYTES + FILE_BYTES - DEVICE_BYTES + 500);
        let last = open(test);
        let before = statistics(&last);
        refuse(&last, transform(&[1; 501]), Status::QUOTA_EXCEEDED);
        succeed(&last, transform(&[1; 500]));
        assert_eq!(statistics(&last), before);
    });
}

/// Opens the device as often as it lets one.
fn open_all(test: &Test) -> (Vec<File>, Status) {
    let mut files = Vec::new();
    loop {
        assert!(files.len() < 1000, "there is no end to the opens");
        match test.try_open(interface()) {
            Ok(file) => files.push(file),
            Err(refused) => return (files, Status::from_code(refused.status)),
        }
    }
}

#[test]
fn the_device_is_open_so_many_times_and_no_more() {
    scenario().run(|test| {
        let before = test.kernel().verifier().live_blocks;
        let (mut files, refused) = open_all(test);
        assert_eq!(files.len(), DEVICE_OPENS as usize);
        assert_eq!(refused, Status::QUOTA_EXCEEDED);
        let blocks = test.kernel().verifier().live_blocks - before;
        assert!(blocks <= 5 * u64::from(DEVICE_OPENS), "{blocks}");
        for _ in 0..3 {
            drop(files.pop());
            let (more, refused) = open_all(test);
            assert_eq!(more.len(), 1);
            assert_eq!(refused, Status::QUOTA_EXCEEDED);
            files.extend(more);
        }
        succeed(&files[0], QueryVersion {});
    });
}

/// C7: an open that fails for lack of memory does not count.
#[test]
fn a_failed_open_does_not_count() {
    scenario().run(|test| {
        let failures = test.each_allocation_fails(|_| match test.try_open(interface()) {
            Ok(_) => true,
            Err(refused) => {
                let status = Status::from_code(refused.status);
                assert_eq!(status, Status::INSUFFICIENT_RESOURCES);
                false
            }
        });
        assert!(failures > 0, "an open allocates");
        assert_eq!(open_all(test).0.len(), DEVICE_OPENS as usize);
    });
}
