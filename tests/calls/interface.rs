//! The interface: versions, statistics, and what closing a handle does.

use wdfmem_ioctl::*;

use crate::common::*;

#[test]
fn the_version_and_the_limits_are_those_of_the_contract() {
    scenario().run(|test| {
        let version: VersionReply = succeed(&open(test), QueryVersion {}).parse();
        assert_eq!(version.version.get(), VERSION);
        assert_eq!(version.max_object_bytes.get(), MAX_OBJECT_BYTES);
        assert_eq!(version.file_objects.get(), FILE_OBJECTS);
        assert_eq!(version.device_bytes.get(), DEVICE_BYTES);
    });
}

#[test]
fn statistics_count_the_objects_of_each_kind() {
    scenario().run(|test| {
        let file = open(test);
        let other = open(test);
        let world = World::new(&file);
        make(&other, memory(PoolKind::Paged, 36));
        let counted = statistics(&file);
        let usage = |objects: u64, bytes: u64| Usage {
            objects: objects.into(),
            bytes: bytes.into(),
        };
        assert_eq!(
            counted.file[ObjectKind::Memory as usize],
            usage(3, 3 * SIZE)
        );
        assert_eq!(
            counted.device[ObjectKind::Memory as usize],
            usage(4, 3 * SIZE + 36)
        );
        for (kind, objects, bytes) in [
            (ObjectKind::Preallocated, 1, SIZE),
            (ObjectKind::Lookaside, 1, 0),
            (ObjectKind::LookasideMemory, 1, SIZE),
            (ObjectKind::PagedList, 2, 0),
            (ObjectKind::NonPagedList, 0, 0),
            (ObjectKind::Entry, 1, SIZE),
        ] {
            assert_eq!(counted.file[kind as usize], usage(objects, bytes), "{kind}");
            assert_eq!(
                counted.device[kind as usize],
                usage(objects, bytes),
                "{kind}"
            );
        }
        assert_eq!(counted.file_charged, usage(9, 6 * SIZE));
        assert_eq!(counted.device_charged, usage(10, 6 * SIZE + 36));
        succeed(
            &file,
            Delete {
                handle: world.taken,
            },
        );
        // What the list keeps stays charged for until the list goes.
        assert_eq!(statistics(&file).file_charged, usage(8, 6 * SIZE));
        succeed(&file, Delete { handle: world.list });
        assert_eq!(statistics(&file).file_charged, usage(7, 5 * SIZE));
        drop(other);
        assert_eq!(statistics(&file).device_charged, usage(7, 5 * SIZE));
    });
}

/// The close of a file object deletes the objects that have it as their parent (C9, P6), and gives lists their memory
/// and entries back (L5, E4).
#[test]
fn what_a_file_object_leaves_behind_is_deleted_when_it_is_closed() {
    scenario().run(|test| {
        let watcher = open(test);
        let before = test.kernel().verifier();
        for _ in 0..3 {
            let file = open(test);
            World::new(&file);
            assert_ne!(statistics(&watcher).device_charged.objects.get(), 0);
            file.close();
            let counted = statistics(&watcher);
            assert_eq!(counted.device_charged, Usage::default());
            assert_eq!(counted.device, [Usage::default(); 7]);
        }
        let after = test.kernel().verifier();
        assert_eq!(after.live_lookaside_lists, before.live_lookaside_lists);
        assert_eq!(after.live_bytes, before.live_bytes, "{before:?}\n{after:?}");
    });
}
