//! More than a file object or the device may have.

use nt_model::File;
use wdfmem_ioctl::{
    Call, DEVICE_OBJECTS, FILE_BYTES, FILE_OBJECTS, MAX_OBJECT_BYTES, PoolKind, Status, Tag,
};

use crate::common::*;

#[test]
fn a_file_objects_quota_of_objects_is_kept_by_every_call_that_makes_one() {
    with_all_checks(|kernel| {
        let file = open(kernel);
        let world = World::new(&file);
        let used = statistics(&file).file_charged.objects.get();
        for _ in used..u64::from(FILE_OBJECTS) {
            make(&file, &memory(PoolKind::NonPaged, 1));
        }
        let before = world.state(&file);
        let makers = [
            memory(PoolKind::Paged, 1),
            preallocated(PoolKind::Paged, 1),
            list(PoolKind::Paged, 8),
            ex_list(PoolKind::Paged, 8),
            Call::CreateFromLookaside { list: world.list },
            Call::AllocateEntry {
                list: world.ex_list,
            },
        ];
        for call in makers {
            refuse(&file, &call, Status::QUOTA_EXCEEDED);
            assert_eq!(world.state(&file), before);
        }
        succeed(
            &file,
            &Call::Delete {
                handle: world.memory,
            },
        );
        make(
            &file,
            &Call::AllocateEntry {
                list: world.ex_list,
            },
        );
    });
}

#[test]
fn a_file_objects_quota_of_bytes_is_kept_by_every_call_that_takes_some() {
    with_all_checks(|kernel| {
        let file = open(kernel);
        let world = World::new(&file);
        let wide_list = make(&file, &list(PoolKind::Paged, 1000));
        let wide_ex_list = make(&file, &ex_list(PoolKind::Paged, 1000));
        let used = statistics(&file).file_charged.bytes.get();
        let mut left = FILE_BYTES - used - 500;
        while left > 0 {
            let size = left.min(MAX_OBJECT_BYTES);
            make(&file, &memory(PoolKind::NonPaged, size));
            left -= size;
        }
        let before = world.state(&file);
        let takers = [
            memory(PoolKind::Paged, 501),
            preallocated(PoolKind::NonPaged, 501),
            Call::CreateFromLookaside { list: wide_list },
            Call::AllocateEntry { list: wide_ex_list },
            Call::AssignBuffer {
                handle: world.preallocated,
                tag: Tag::DEFAULT,
                size: 501,
            },
        ];
        for call in takers {
            refuse(&file, &call, Status::QUOTA_EXCEEDED);
            assert_eq!(world.state(&file), before);
        }
        make(&file, &memory(PoolKind::Paged, 500));
        refuse(&file, &memory(PoolKind::Paged, 1), Status::QUOTA_EXCEEDED);
    });
}

#[test]
fn the_devices_quota_is_kept_by_all_its_file_objects_together() {
    with_all_checks(|kernel| {
        let files: Vec<File> = (0..=DEVICE_OBJECTS / FILE_OBJECTS)
            .map(|_| open(kernel))
            .collect();
        let one = memory(PoolKind::Paged, 1);
        let mut made = 0;
        for file in &files {
            while call(file, &one).status == Status::SUCCESS {
                made += 1;
            }
        }
        assert_eq!(made, DEVICE_OBJECTS);
        let last = files.last().unwrap();
        let counted = statistics(last);
        assert!(counted.file_charged.objects.get() < u64::from(FILE_OBJECTS));
        refuse(last, &one, Status::QUOTA_EXCEEDED);
        drop(files);

        let files: Vec<File> = (0..3).map(|_| open(kernel)).collect();
        let wide = memory(PoolKind::NonPaged, MAX_OBJECT_BYTES);
        let mut made = 0;
        for file in &files {
            while call(file, &wide).status == Status::SUCCESS {
                made += 1;
            }
        }
        assert_eq!(made * MAX_OBJECT_BYTES, wdfmem_ioctl::DEVICE_BYTES);
        refuse(files.last().unwrap(), &one, Status::QUOTA_EXCEEDED);
    });
}
