//! Memory by WdfMemoryCreate and WdfMemoryCreatePreallocated.

use wdfmem_ioctl::*;

use crate::common::*;
use crate::{POOLS, created};

/// Memory has a pool, a parent, a buffer and an end (C1, C2, C6, C8, C9, C10).
#[test]
fn memory_of_either_pool_and_any_parent_holds_what_is_written_to_it() {
    scenario().run(|test| {
        let file = open(test);
        for pool in POOLS {
            for parent in Parent::ALL {
                let ask = CreateMemory {
                    pool,
                    parent: *parent,
                    content: Content::Zeroed,
                    tag: Tag::DEFAULT,
                    size: 1000,
                };
                let handle = make(&file, ask);
                assert_eq!(read(&file, handle, 1000), [0; 1000]);
                succeed(
                    &file,
                    Write {
                        handle,
                        offset: 990,
                    }
                    .with(b"0123456789"),
                );
                assert_eq!(read(&file, handle, 1000)[990..], *b"0123456789");
                succeed(&file, Delete { handle });
                refuse(&file, span(handle, 0, 1).read(), Status::INVALID_HANDLE);
            }
        }
    });
}

/// Buffers below a page are aligned to 16 bytes, larger ones to a page (C11, C12).
#[test]
fn memory_below_a_page_is_aligned_to_16_bytes_and_above_to_a_page() {
    scenario().run(|test| {
        let file = open(test);
        for pool in POOLS {
            for (size, expected) in [(1, Traits::ALIGNED), (4095, Traits::ALIGNED)]
                .into_iter()
                .chain([4096, 4097, 100_000].map(|size| (size, Traits::PAGE_ALIGNED)))
            {
                let (handle, traits, reported) = created(&succeed(&file, memory(pool, size)));
                assert!(traits.contains(expected), "{size} bytes: {traits:?}");
                assert_eq!(reported, size);
                assert_eq!(read(&file, handle, size).len() as u64, size);
                refuse(
                    &file,
                    span(handle, size, 1).read(),
                    Status::BUFFER_TOO_SMALL,
                );
                succeed(&file, Delete { handle });
            }
        }
    });
}

/// WdfMemoryCreate does not initialise the buffer (C8).
#[test]
fn memory_that_is_not_initialised_is_not_read_before_it_was_written() {
    scenario().run(|test| {
        let file = open(test);
        for pool in POOLS {
            let ask = CreateMemory {
                pool,
                parent: Parent::FileObject,
                content: Content::Uninitialized,
                tag: Tag::DEFAULT,
                size: 64,
            };
            let handle = make(&file, ask);
            let other = make(&file, memory(pool, 64));
            let copy = Message::from(CopyBytes {
                source: handle,
                source_offset: 0,
                target: other,
                target_offset: 0,
                length: 1,
            });
            let reads = [
                span(handle, 0, 1).read(),
                span(handle, 0, 1).bulk_read(),
                span(handle, 0, 1).checksum(Level::Passive),
                copy,
            ];
            for read in reads {
                refuse(&file, read, Status::INVALID_DEVICE_STATE);
            }
            succeed(&file, Write { handle, offset: 10 }.with(b"x"));
            let mut expected = [0; 64];
            expected[10] = b'x';
            assert_eq!(read(&file, handle, 64), expected);
            for read in reads {
                succeed(&file, read);
            }
        }
    });
}

/// The framework neither allocates nor frees a preallocated buffer, and takes another one (P2, P5, P8).
#[test]
fn preallocated_memory_gets_another_buffer_and_the_driver_frees_the_former_one() {
    scenario().run(|test| {
        let file = open(test);
        let blocks = |tag: &[u8; 4]| {
            let tag = u32::from_le_bytes(*tag);
            test.kernel()
                .verifier()
                .tags
                .iter()
                .filter(|usage| usage.tag == tag)
                .map(|u| u.blocks)
                .sum::<u64>()
        };
        for pool in POOLS {
            let ask = CreatePreallocated {
                pool,
                parent: Parent::Device,
                tag: Tag::new(*b"One1").unwrap(),
                size: 10,
            };
            let handle = make(&file, ask);
            assert_eq!((blocks(b"One1"), blocks(b"Two2")), (1, 0));
            succeed(&file, Write { handle, offset: 0 }.with(b"0123456789"));
            let tag = Tag::new(*b"Two2").unwrap();
            let reply = succeed(
                &file,
                AssignBuffer {
                    handle,
                    tag,
                    size: 5000,
                },
            );
            let (same, traits, size) = created(&reply);
            assert_eq!((same, size), (handle, 5000));
            assert!(traits.contains(Traits::PAGE_ALIGNED));
            assert_eq!((blocks(b"One1"), blocks(b"Two2")), (0, 1));
            assert_eq!(read(&file, handle, 5000), [0; 5000]);
            assert_eq!(statistics(&file).file_charged.bytes.get(), 5000);
            succeed(&file, Delete { handle });
            assert_eq!((blocks(b"One1"), blocks(b"Two2")), (0, 0));
            assert_eq!(statistics(&file).file_charged.bytes.get(), 0);
        }
    });
}

/// A request may be the parent of memory, which is deleted when the request is completed (C9, P2, P6, P10).
#[test]
fn a_request_has_its_data_transformed_in_memory_of_its_own_that_goes_with_it() {
    scenario().run(|test| {
        let file = open(test);
        for length in [1, 2, 100, 5000, 100_000_usize] {
            let data: Vec<u8> = (0..=250).cycle().take(length).collect();
            let mut reversed = data.clone();
            reversed.reverse();
            let combined: Vec<u8> = data.iter().map(|byte| byte ^ 0x5A).collect();
            for (operation, key, expected) in [
                (Operation::Reverse, 0, reversed),
                (Operation::Xor, 0x5A, combined),
            ] {
                let tag = Tag::new(*b"Tran").unwrap();
                let ask = Transform {
                    operation,
                    key,
                    tag,
                };
                assert_eq!(succeed(&file, ask.with(&data)).output, expected);
                let left = test.kernel().verifier().tags;
                let tag = tag.number();
                assert!(
                    !left
                        .iter()
                        .any(|usage| usage.tag == tag && usage.blocks > 0),
                    "{left:?}"
                );
            }
        }
    });
}
