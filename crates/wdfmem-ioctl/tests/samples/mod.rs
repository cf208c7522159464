//! A valid request of each call, and where its bytes may go wrong: what the tests expect of a call, written by hand
//! from the contract's documentation. The tests of the contract and of the whole driver use it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use wdfmem_ioctl::*;

/// The objects that the requests name.
pub struct Objects {
    /// 64 bytes of nonpaged memory, each an `a`.
    pub memory: Handle,
    /// 64 bytes of paged memory, each a `b`.
    pub paged: Handle,
    /// 64 bytes of preallocated memory.
    pub preallocated: Handle,
    /// A WDF lookaside list.
    pub list: Handle,
    /// An Ex lookaside list.
    pub ex_list: Handle,
    /// An entry of it.
    pub entry: Handle,
    /// An Ex list without entries in use.
    pub other_ex_list: Handle,
}

/// A valid request and what is to be expected of it.
pub struct Sample {
    /// The number of its control code.
    pub number: u32,
    /// The call with its data.
    pub message: Message<'static>,
    /// The bytes of its fields in hexadecimal, with the handles 0x101 to 0x107 for [`Objects`] in order.
    pub fields: &'static str,
    /// The places of reserved bytes, apart from the header's.
    pub reserved: &'static [usize],
    /// The places of values of four bytes, each with the first number that is not one.
    pub values: &'static [(usize, u32)],
    /// The place of the tag.
    pub tag: Option<usize>,
    /// The bytes of its reply, where they are always the same.
    pub reply: Option<&'static [u8]>,
}

/// The sample of a call.
pub fn sample(code: Code, objects: &Objects) -> Sample {
    let (pool, parent) = (PoolKind::Paged, Parent::Driver);
    let tag = Tag::parse("Smpl").expect("a tag");
    let (offset, length, size) = (1, 5, 10);
    let handle = objects.memory;
    let simple = |number, message, fields, reserved| Sample {
        number,
        message,
        fields,
        reserved,
        values: &[],
        tag: None,
        reply: Some(b""),
    };
    match code {
        Code::QueryVersion => Sample {
            reply: None,
            ..simple(0x0022_6000, QueryVersion {}.into(), "", &[])
        },
        Code::Statistics => Sample {
            reply: None,
            ..simple(0x0022_6004, Statistics {}.into(), "", &[])
        },
        Code::CreateMemory => Sample {
            values: &[(16, 2), (20, 3), (24, 2)],
            tag: Some(28),
            reply: None,
            ..simple(
                0x0022_E040,
                CreateMemory {
                    pool,
                    parent,
                    content: Content::Uninitialized,
                    tag,
                    size,
                }
                .into(),
                "01000000 02000000 01000000 536d706c 0a00000000000000",
                &[],
            )
        },
        Code::CreatePreallocated => Sample {
            values: &[(16, 2), (20, 3)],
            tag: Some(24),
            reply: None,
            ..simple(
                0x0022_E044,
                CreatePreallocated {
                    pool,
                    parent,
                    tag,
                    size,
                }
                .into(),
                "01000000 02000000 536d706c 00000000 0a00000000000000",
                &[28, 29, 30, 31],
            )
        },
        Code::AssignBuffer => Sample {
            tag: Some(20),
            reply: None,
            ..simple(
                0x0022_E048,
                AssignBuffer {
                    handle: objects.preallocated,
                    tag,
                    size,
                }
                .into(),
                "03010000 536d706c 0a00000000000000",
                &[],
            )
        },
        Code::CreateLookaside => Sample {
            values: &[(16, 2)],
            tag: Some(20),
            reply: None,
            ..simple(
                0x0022_E04C,
                CreateLookaside { pool, tag, size }.into(),
                "01000000 536d706c 0a00000000000000",
                &[],
            )
        },
        Code::CreateFromLookaside => Sample {
            reply: None,
            ..simple(
                0x0022_E050,
                CreateFromLookaside { list: objects.list }.into(),
                "04010000 00000000",
                &[20, 21, 22, 23],
            )
        },
        Code::Delete => simple(
            0x0022_A054,
            Delete { handle }.into(),
            "01010000 00000000",
            &[20, 21, 22, 23],
        ),
        Code::InitializeExList => Sample {
            values: &[(16, 2), (32, 2)],
            tag: Some(20),
            reply: None,
            ..simple(
                0x0022_E080,
                InitializeExList {
                    pool,
                    tag,
                    size,
                    routines: Routines::Exported,
                }
                .into(),
                "01000000 536d706c 0a00000000000000 01000000 00000000",
                &[36, 37, 38, 39],
            )
        },
        Code::AllocateEntry => Sample {
            reply: None,
            ..simple(
                0x0022_E084,
                AllocateEntry {
                    list: objects.ex_list,
                }
                .into(),
                "05010000 00000000",
                &[20, 21, 22, 23],
            )
        },
        Code::FreeEntry => simple(
            0x0022_A088,
            FreeEntry {
                list: objects.ex_list,
                entry: objects.entry,
            }
            .into(),
            "05010000 06010000",
            &[],
        ),
        Code::DeleteExList => simple(
            0x0022_A08C,
            DeleteExList {
                list: objects.other_ex_list,
            }
            .into(),
            "07010000 00000000",
            &[20, 21, 22, 23],
        ),
        Code::Write => simple(
            0x0022_A0C0,
            Write { handle, offset }.with(b"bytes"),
            "01010000 00000000 0100000000000000",
            &[20, 21, 22, 23],
        ),
        Code::Read => Sample {
            reply: Some(b"aaaaa"),
            ..simple(
                0x0022_60C4,
                Read {
                    handle,
                    offset,
                    length,
                }
                .into(),
                "01010000 00000000 0100000000000000 0500000000000000",
                &[20, 21, 22, 23],
            )
        },
        Code::Fill => simple(
            0x0022_A0C8,
            Fill {
                handle,
                byte: 0xA5,
                offset,
                length,
            }
            .into(),
            "01010000 a5 000000 0100000000000000 0500000000000000",
            &[21, 22, 23],
        ),
        Code::CopyBytes => simple(
            0x0022_A0CC,
            CopyBytes {
                source: handle,
                target: objects.paged,
                source_offset: 1,
                target_offset: 2,
                length,
            }
            .into(),
            "01010000 02010000 0100000000000000 0200000000000000 0500000000000000",
            &[],
        ),
        Code::Checksum => Sample {
            values: &[(20, 2)],
            // zlib's crc32(b"aaaaa"), then four reserved bytes.
            reply: Some(b"\xB9\x93\xAC\xEE\0\0\0\0"),
            ..simple(
                0x0022_60D0,
                Checksum {
                    handle,
                    level: Level::Dispatch,
                    offset,
                    length,
                }
                .into(),
                "01010000 01000000 0100000000000000 0500000000000000",
                &[],
            )
        },
        Code::Transform => Sample {
            values: &[(16, 2)],
            tag: Some(24),
            reply: Some(b"BYTES"),
            ..simple(
                0x0022_E100,
                Transform {
                    operation: Operation::Xor,
                    tag,
                    key: 0x20,
                }
                .with(b"bytes"),
                "01000000 00000000 536d706c 20 000000",
                &[20, 21, 22, 23, 29, 30, 31],
            )
        },
        Code::BulkWrite => simple(
            0x0022_A141,
            BulkWrite { handle, offset }.with(b"bytes"),
            "01010000 00000000 0100000000000000",
            &[20, 21, 22, 23],
        ),
        Code::BulkRead => Sample {
            reply: Some(b"aaaaa"),
            ..simple(
                0x0022_6146,
                BulkRead {
                    handle,
                    offset,
                    length,
                }
                .into(),
                "01010000 00000000 0100000000000000 0500000000000000",
                &[20, 21, 22, 23],
            )
        },
    }
}
