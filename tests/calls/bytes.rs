//! The bytes of objects.

use wdfmem_ioctl::*;

use crate::POOLS;
use crate::common::*;

/// Paged memory is touched at IRQL <= APC_LEVEL only, nonpaged memory at DISPATCH_LEVEL too (C2, L6, E5, P9).
#[test]
fn only_nonpaged_memory_is_touched_at_dispatch_level() {
    scenario().run(|test| {
        let file = open(test);
        for pool in POOLS {
            let wdf = make(&file, list(pool, 64));
            let ex = make(&file, ex_list(pool, 64));
            let objects = [
                make(&file, memory(pool, 64)),
                make(&file, preallocated(pool, 64)),
                make(&file, CreateFromLookaside { list: wdf }),
                make(&file, AllocateEntry { list: ex }),
            ];
            for handle in objects {
                let checksum = |level| span(handle, 0, 64).checksum(level);
                let passive = succeed(&file, checksum(Level::Passive));
                match pool {
                    PoolKind::NonPaged => {
                        assert_eq!(succeed(&file, checksum(Level::Dispatch)), passive);
                    }
                    PoolKind::Paged => {
                        refuse(&file, checksum(Level::Dispatch), Status::NOT_SUPPORTED);
                    }
                }
            }
        }
    });
}

/// C2: no step of the work at DISPATCH_LEVEL takes more than 4,096 bytes, so none takes long.
#[test]
fn the_level_is_lowered_between_steps_of_the_work_at_dispatch_level() {
    scenario().run(|test| {
        let file = open(test);
        let handle = make(&file, memory(PoolKind::NonPaged, MAX_DISPATCH_BYTES + 1));
        let data: Vec<u8> = (0..=250).cycle().take(4096).collect();
        for offset in (0..MAX_DISPATCH_BYTES).step_by(4096) {
            let data = &data;
            succeed(&file, Write { handle, offset }.with(data));
        }
        for length in [1, 4095, 4096, 4097, 8192, 8193, MAX_DISPATCH_BYTES] {
            let checksum = |level| span(handle, 1, length).checksum(level);
            let before = test.kernel().verifier().raise_irqls;
            let passive = succeed(&file, checksum(Level::Passive));
            assert_eq!(test.kernel().verifier().raise_irqls, before);
            assert_eq!(
                succeed(&file, checksum(Level::Dispatch)),
                passive,
                "{length}"
            );
            let raised = test.kernel().verifier().raise_irqls - before;
            assert_eq!(raised, length.div_ceil(4096), "{length}");
        }
    });
}

#[test]
fn a_checksum_is_the_crc_32_of_the_bytes() {
    scenario().run(|test| {
        let file = open(test);
        let handle = make(&file, memory(PoolKind::Paged, 9));
        succeed(&file, Write { handle, offset: 0 }.with(b"123456789"));
        let call = span(handle, 0, 9).checksum(Level::Passive);
        let reply: Checksummed = succeed(&file, call).parse();
        assert_eq!(reply.checksum.get(), 0xCBF4_3926);
    });
}

#[test]
fn copies_are_those_of_the_standard_library_between_all_kinds_and_within_one() {
    scenario().run(|test| {
        let file = open(test);
        let wdf = make(&file, list(PoolKind::NonPaged, 1000));
        let ex = make(&file, ex_list(PoolKind::Paged, 1000));
        let objects = [
            make(&file, memory(PoolKind::Paged, 1000)),
            make(&file, preallocated(PoolKind::NonPaged, 1000)),
            make(&file, CreateFromLookaside { list: wdf }),
            make(&file, AllocateEntry { list: ex }),
        ];
        let pattern: Vec<u8> = (0..=250).cycle().take(1000).collect();
        for source in objects {
            for target in objects {
                for (source_offset, target_offset, length) in [
                    (0, 0, 1000),
                    (0, 300, 700),
                    (300, 0, 700),
                    (10, 11, 600),
                    (11, 10, 600),
                ] {
                    succeed(&file, span(target, 0, 1000).fill(0));
                    succeed(
                        &file,
                        Write {
                            handle: source,
                            offset: 0,
                        }
                        .with(&pattern),
                    );
                    let mut expected = read(&file, target, 1000);
                    let (from, to, many) = (
                        source_offset as usize,
                        target_offset as usize,
                        length as usize,
                    );
                    expected[to..to + many].copy_from_slice(&pattern[from..from + many]);
                    succeed(
                        &file,
                        CopyBytes {
                            source,
                            source_offset,
                            target,
                            target_offset,
                            length,
                        },
                    );
                    assert_eq!(read(&file, target, 1000), expected);
                }
            }
        }
    });
}

#[test]
fn bulk_data_goes_in_and_out_by_direct_io() {
    scenario().run(|test| {
        let file = open(test);
        for pool in POOLS {
            let handle = make(&file, memory(pool, 300_000));
            let data: Vec<u8> = (0..=250).cycle().take(200_000).collect();
            let write = BulkWrite {
                handle,
                offset: 50_000,
            };
            assert_eq!(call(&file, write.with(&data)), Reply::taken(200_000));
            let bulk = succeed(&file, span(handle, 0, 300_000).bulk_read()).output;
            assert_eq!(bulk[50_000..250_000], data);
            assert!(bulk[..50_000].iter().all(|byte| *byte == 0));
            assert_eq!(bulk, read(&file, handle, 300_000));
            succeed(&file, Delete { handle });
        }
    });
}
