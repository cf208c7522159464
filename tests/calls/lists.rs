//! Lookaside lists, the framework's and the kernel's.

use kmdf_test::Windows;
use wdfmem_ioctl::*;

use crate::common::*;
use crate::{POOLS, created};

/// Memory of a list has the list's size and attributes (L1, L2), and goes back to it (L5).
#[test]
fn memory_from_a_lookaside_list_is_zero_whatever_its_former_owner_left() {
    scenario().run(|test| {
        let file = open(test);
        for pool in POOLS {
            for size in [1, 100, 4095, 4096, 10_000] {
                let list = make(&file, list(pool, size));
                for _ in 0..3 {
                    let (handle, _, reported) =
                        created(&succeed(&file, CreateFromLookaside { list }));
                    assert_eq!(reported, size);
                    assert!(read(&file, handle, size).iter().all(|byte| *byte == 0));
                    succeed(&file, span(handle, 0, size).fill(0xA5));
                    refuse(&file, Delete { handle: list }, Status::DEVICE_BUSY);
                    succeed(&file, Delete { handle });
                }
                succeed(&file, Delete { handle: list });
            }
        }
    });
}

/// An Ex list is initialised, gives entries, allocates when it is empty, and gets its entries back (E1 and E2, E3 and E4).
#[test]
fn entries_of_an_ex_list_are_zero_and_go_back_to_their_own_list() {
    scenario().run(|test| {
        let file = open(test);
        for pool in POOLS {
            for size in [8, 100, 4096, 10_000] {
                let list = make(&file, ex_list(pool, size));
                for _ in 0..3 {
                    let (entry, _, reported) = created(&succeed(&file, AllocateEntry { list }));
                    assert_eq!(reported, size);
                    assert!(read(&file, entry, size).iter().all(|byte| *byte == 0));
                    succeed(&file, span(entry, 0, size).fill(0xA5));
                    refuse(&file, DeleteExList { list }, Status::DEVICE_BUSY);
                    succeed(&file, FreeEntry { list, entry });
                    refuse(&file, FreeEntry { list, entry }, Status::INVALID_HANDLE);
                }
                let counted = statistics(&file);
                assert_eq!(counted.list_hits.get() + counted.list_misses.get(), 3);
                succeed(&file, DeleteExList { list });
            }
        }
    });
}

/// Windows exports the calls on entries from Windows 11 22H2 on only (E7).
#[test]
fn one_driver_loads_on_every_windows_and_uses_the_exports_only_where_they_are() {
    for (windows, exported) in [
        (Windows::V10_1809, false),
        (Windows::V10_2004, false),
        (Windows::V11_21H2, false),
        (Windows::V11_22H2, true),
        (Windows::V11_23H2, true),
    ] {
        let config = kmdf_test::Config {
            windows,
            ..kmdf_test::Config::default()
        };
        scenario().config(config).run(move |test| {
            let file = open(test);
            let version: VersionReply = succeed(&file, QueryVersion {}).parse();
            let found = version.capabilities();
            assert_eq!(
                found.contains(Capabilities::LOOKASIDE_EXPORTS),
                exported,
                "{windows:?}"
            );
            for routines in [Routines::Inline, Routines::Exported] {
                let ask = InitializeExList {
                    pool: PoolKind::Paged,
                    tag: Tag::DEFAULT,
                    size: 100,
                    routines,
                };
                let (list, traits, _) = created(&succeed(&file, ask));
                let uses = exported && routines == Routines::Exported;
                assert_eq!(
                    traits.contains(Traits::EXPORTED),
                    uses,
                    "{windows:?} {routines:?}"
                );
                let entry = make(&file, AllocateEntry { list });
                succeed(&file, span(entry, 0, 100).fill(1));
                succeed(&file, FreeEntry { list, entry });
            }
        });
    }
}
