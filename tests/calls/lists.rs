//! Lookaside lists, the framework's and the kernel's.

use nt_model::Windows;
use wdfmem_ioctl::{
    Call, Capabilities, InitializeExList, PoolKind, Routines, Status, Tag, Traits, wire,
};

use crate::common::*;
use crate::{POOLS, created};

/// L1, L2, L5
#[test]
fn memory_from_a_lookaside_list_is_zero_whatever_its_former_owner_left() {
    with_all_checks(|kernel| {
        let file = open(kernel);
        for pool in POOLS {
            for size in [1, 100, 4095, 4096, 10_000] {
                let list = make(&file, &list(pool, size));
                for _ in 0..3 {
                    let (handle, _, told) =
                        created(&succeed(&file, &Call::CreateFromLookaside { list }));
                    assert_eq!(told, size);
                    assert!(read(&file, handle, size).iter().all(|byte| *byte == 0));
                    succeed(
                        &file,
                        &Call::Fill {
                            span: span(handle, 0, size),
                            byte: 0xA5,
                        },
                    );
                    refuse(&file, &Call::Delete { handle: list }, Status::DEVICE_BUSY);
                    succeed(&file, &Call::Delete { handle });
                }
                succeed(&file, &Call::Delete { handle: list });
            }
        }
    });
}

/// E1, E2, E3, E4
#[test]
fn entries_of_an_ex_list_are_zero_and_go_back_to_their_own_list() {
    with_all_checks(|kernel| {
        let file = open(kernel);
        for pool in POOLS {
            for size in [8, 100, 4096, 10_000] {
                let list = make(&file, &ex_list(pool, size));
                for _ in 0..3 {
                    let (entry, _, told) = created(&succeed(&file, &Call::AllocateEntry { list }));
                    assert_eq!(told, size);
                    assert!(read(&file, entry, size).iter().all(|byte| *byte == 0));
                    succeed(
                        &file,
                        &Call::Fill {
                            span: span(entry, 0, size),
                            byte: 0xA5,
                        },
                    );
                    refuse(&file, &Call::DeleteExList { list }, Status::DEVICE_BUSY);
                    succeed(&file, &Call::FreeEntry { list, entry });
                    refuse(
                        &file,
                        &Call::FreeEntry { list, entry },
                        Status::INVALID_HANDLE,
                    );
                }
                let counted = statistics(&file);
                assert_eq!(counted.list_hits.get() + counted.list_misses.get(), 3);
                succeed(&file, &Call::DeleteExList { list });
            }
        }
    });
}

/// E7
#[test]
fn one_driver_loads_on_every_windows_and_uses_the_exports_only_where_they_are() {
    for (windows, exported) in [
        (Windows::V10_1809, false),
        (Windows::V10_2004, false),
        (Windows::V11_21H2, false),
        (Windows::V11_22H2, true),
        (Windows::V11_23H2, true),
    ] {
        let config = nt_model::Config {
            windows,
            ..nt_model::Config::default()
        };
        with_driver(config, move |kernel| {
            let file = open(kernel);
            let answer: wire::VersionAnswer = succeed(&file, &Call::QueryVersion).answer();
            let found = Capabilities::from_number(answer.capabilities.get());
            assert_eq!(
                found.has(Capabilities::LOOKASIDE_EXPORTS),
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
                let (list, traits, _) = created(&succeed(&file, &Call::InitializeExList(ask)));
                let uses = exported && routines == Routines::Exported;
                assert_eq!(
                    traits.has(Traits::EXPORTED),
                    uses,
                    "{windows:?} {routines:?}"
                );
                let entry = make(&file, &Call::AllocateEntry { list });
                succeed(
                    &file,
                    &Call::Fill {
                        span: span(entry, 0, 100),
                        byte: 1,
                    },
                );
                succeed(&file, &Call::FreeEntry { list, entry });
            }
        });
    }
}
