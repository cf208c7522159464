//! The calls and their replies: the one place where each is described.
//!
//! A call's entry gives its control code (function number, transfer method, access), its name on the client's
//! command line, the Windows call that it is about, its reply, and the fields of its request with the bytes that
//! each takes. [`describe`](crate::describe) makes the rest of it.

use zerocopy::little_endian::{U32, U64};

use crate::{
    Capabilities, Content, Data, Handle, Level, MAX_DISPATCH_BYTES, ObjectKind, Operation, Parent,
    PoolKind, Routines, Tag, Traits,
    describe::{calls, replies},
};

/// Changes when a call means something else than before.
pub const VERSION_MAJOR: u16 = 1;

/// Changes when calls are added. A driver still takes requests of its own version alone: query-version,
/// which every version takes, tells a client which that is.
pub const VERSION_MINOR: u16 = 0;

/// The version that every request states: the major number in the upper half.
pub const VERSION: u32 = (VERSION_MAJOR as u32) << 16 | VERSION_MINOR as u32;

calls! { ($)
    /// Which version the driver is of, what it found on its system, and what a caller may have.
    QueryVersion = 0x800, Buffered, READ, "version", "DeviceIoControl" => VersionReply {}

    /// What is alive, for the file object and for the device.
    Statistics = 0x801, Buffered, READ, "statistics", "DeviceIoControl" => StatisticsReply {}

    /// Makes memory by `WdfMemoryCreate`.
    CreateMemory = 0x810, Buffered, READ_WRITE, "create", "WdfMemoryCreate" => Created {
        /// The pool to allocate from.
        16..20 pool: PoolKind,
        /// The parent in the framework's object tree.
        20..24 parent: Parent,
        /// What the memory contains at first.
        24..28 content: Content,
        /// The pool tag of the memory.
        28..32 tag: Tag,
        /// The size in bytes. Zero is left to the framework to reject (C5).
        32..40 size: u64,
    }

    /// Makes memory by `WdfMemoryCreatePreallocated` over a zeroed buffer of the driver's own.
    CreatePreallocated = 0x811, Buffered, READ_WRITE, "preallocated", "WdfMemoryCreatePreallocated" => Created {
        /// The pool of the driver's own buffer.
        16..20 pool: PoolKind,
        /// The memory object's parent in the framework's object tree.
        20..24 parent: Parent,
        /// The tag of the driver's own buffer.
        24..32 tag: Tag,
        /// The buffer's size in bytes.
        32..40 size: u64,
    }

    /// Gives preallocated memory another zeroed buffer, from the same pool, by `WdfMemoryAssignBuffer`.
    ///
    /// While the two are exchanged, both count against the quotas.
    AssignBuffer = 0x812, Buffered, READ_WRITE, "assign", "WdfMemoryAssignBuffer" => Created {
        /// The preallocated memory that gets the buffer.
        16..20 handle: Handle,
        /// The tag of the new buffer.
        20..24 tag: Tag,
        /// The new buffer's size in bytes.
        24..32 size: u64,
    }

    /// Makes a list by `WdfLookasideListCreate`.
    CreateLookaside = 0x813, Buffered, READ_WRITE, "list", "WdfLookasideListCreate" => Created {
        /// The pool of the buffers.
        16..20 pool: PoolKind,
        /// The tag of the buffers.
        20..24 tag: Tag,
        /// The size of each buffer in bytes.
        24..32 size: u64,
    }

    /// Makes memory by `WdfMemoryCreateFromLookaside`. It reads as zeros.
    CreateFromLookaside = 0x814, Buffered, READ_WRITE, "take", "WdfMemoryCreateFromLookaside" => Created {
        /// The WDF list to allocate from.
        16..24 list: Handle,
    }

    /// Deletes memory or a WDF list by `WdfObjectDelete`.
    Delete = 0x815, Buffered, WRITE, "delete", "WdfObjectDelete" => () {
        /// The memory or list.
        16..24 handle: Handle,
    }

    /// Makes a list by `ExInitializePagedLookasideList` or its nonpaged sibling.
    InitializeExList = 0x820, Buffered, READ_WRITE, "ex-initialize", "ExInitializePagedLookasideList" => Created {
        /// The pool of the entries.
        16..20 pool: PoolKind,
        /// The tag of the entries.
        20..24 tag: Tag,
        /// The size of each entry in bytes, at least [`MIN_ENTRY_BYTES`](crate::MIN_ENTRY_BYTES).
        24..32 size: u64,
        /// How entries are allocated and freed.
        32..40 routines: Routines,
    }

    /// Allocates an entry by `ExAllocateFromPagedLookasideList` or its nonpaged sibling. It reads as zeros.
    AllocateEntry = 0x821, Buffered, READ_WRITE, "ex-allocate", "ExAllocateFromPagedLookasideList" => Created {
        /// The Ex list to allocate from.
        16..24 list: Handle,
    }

    /// Frees an entry by `ExFreeToPagedLookasideList` or its nonpaged sibling.
    FreeEntry = 0x822, Buffered, WRITE, "ex-free", "ExFreeToPagedLookasideList" => () {
        /// The list that the entry came from.
        16..20 list: Handle,
        /// The entry to free.
        20..24 entry: Handle,
    }

    /// Deletes a list by `ExDeletePagedLookasideList` or its nonpaged sibling.
    DeleteExList = 0x823, Buffered, WRITE, "ex-delete", "ExDeletePagedLookasideList" => () {
        /// The Ex list to delete.
        16..24 list: Handle,
    }

    /// Puts the data, at least one byte, into an object.
    Write = 0x830, Buffered, WRITE, "write", "WdfMemoryCopyFromBuffer" => () {
        /// The object to write to.
        16..24 handle: Handle,
        /// The first byte's place in the object.
        24..32 offset: u64,
    } + {
        const DATA: Data = Data::Follows;
    }

    /// Takes bytes out of an object.
    Read = 0x831, Buffered, READ, "read", "WdfMemoryCopyToBuffer" => Bytes {
        /// The object to read from.
        16..24 handle: Handle,
        /// The first byte's place in the object.
        24..32 offset: u64,
        /// How many bytes; not zero.
        32..40 length: u64,
    } + {
        fn is_valid(&self) -> bool {
            self.length != 0
        }

        fn reply_length(&self, _: usize) -> u64 {
            self.length
        }
    }

    /// Sets bytes of an object to one value.
    Fill = 0x832, Buffered, WRITE, "fill", "WdfMemoryGetBuffer" => () {
        /// The object to fill.
        16..20 handle: Handle,
        /// The value of each byte.
        20..24 byte: u8,
        /// The first byte's place in the object.
        24..32 offset: u64,
        /// How many bytes; not zero.
        32..40 length: u64,
    } + {
        fn is_valid(&self) -> bool {
            self.length != 0
        }
    }

    /// Copies bytes from one object to another, or within one.
    CopyBytes = 0x833, Buffered, WRITE, "copy", "WdfMemoryCopyFromBuffer" => () {
        /// The object to copy from.
        16..20 source: Handle,
        /// The object to copy to; it may be the same one.
        20..24 target: Handle,
        /// The first byte's place in the source.
        24..32 source_offset: u64,
        /// The first byte's place in the target.
        32..40 target_offset: u64,
        /// How many bytes; not zero.
        40..48 length: u64,
    } + {
        fn is_valid(&self) -> bool {
            self.length != 0
        }
    }

    /// The CRC-32 of bytes of an object.
    Checksum = 0x834, Buffered, READ, "checksum", "WdfMemoryGetBuffer" => Checksummed {
        /// The object to read from.
        16..20 handle: Handle,
        /// The level at which the bytes are read.
        20..24 level: Level,
        /// The first byte's place in the object.
        24..32 offset: u64,
        /// How many bytes; not zero, and at most [`MAX_DISPATCH_BYTES`] at `DISPATCH_LEVEL`.
        32..40 length: u64,
    } + {
        fn is_valid(&self) -> bool {
            self.length != 0 && (self.level == Level::Passive || self.length <= MAX_DISPATCH_BYTES)
        }
    }

    /// Changes the data, at least one byte, in memory parented to the request, and in memory made over the
    /// request's own buffer.
    Transform = 0x840, Buffered, READ_WRITE, "transform", "WdfMemoryCreatePreallocated" => Bytes {
        /// What is done to each byte.
        16..24 operation: Operation,
        /// The tag of the memory that the request owns. It is nonpaged: a request may be completed at a level
        /// at which pageable memory could not be deleted with it.
        24..28 tag: Tag,
        /// What each byte is combined with; zero for an operation that takes no key.
        28..32 key: u8,
    } + {
        const DATA: Data = Data::Follows;

        fn is_valid(&self) -> bool {
            self.operation == Operation::Xor || self.key == 0
        }

        fn reply_length(&self, data: usize) -> u64 {
            data as u64
        }
    }

    /// Puts the bytes of the locked second buffer into an object, all of them or none.
    BulkWrite = 0x850, InDirect, WRITE, "bulk-write", "WdfMemoryGetBuffer" => Taken {
        /// The object to write to.
        16..24 handle: Handle,
        /// The first byte's place in the object.
        24..32 offset: u64,
    } + {
        const DATA: Data = Data::SecondBuffer;
    }

    /// Takes bytes out of an object into the locked second buffer.
    BulkRead = 0x851, OutDirect, READ, "bulk-read", "WdfMemoryGetBuffer" => Bytes {
        /// The object to read from.
        16..24 handle: Handle,
        /// The first byte's place in the object.
        24..32 offset: u64,
        /// How many bytes; not zero.
        32..40 length: u64,
    } + {
        fn is_valid(&self) -> bool {
            self.length != 0
        }

        fn reply_length(&self, _: usize) -> u64 {
            self.length
        }
    }
}

replies! {
    /// The reply to query-version: 48 bytes.
    VersionReply {
        /// The driver's [`VERSION`] of the contract.
        version: U32,
        /// The driver's [`Capabilities`] on this system.
        capabilities: U32,
        /// The size in bytes of the largest object: the driver's [`MAX_OBJECT_BYTES`](crate::MAX_OBJECT_BYTES).
        max_object_bytes: U64,
        /// The most bytes of one transfer: the driver's [`MAX_TRANSFER_BYTES`](crate::MAX_TRANSFER_BYTES).
        max_transfer_bytes: U64,
        /// How many objects one file object may have: the driver's [`FILE_OBJECTS`](crate::FILE_OBJECTS).
        file_objects: U32,
        /// How many objects all of a device's file objects may have: the driver's
        /// [`DEVICE_OBJECTS`](crate::DEVICE_OBJECTS).
        device_objects: U32,
        /// How many bytes one file object may have: the driver's [`FILE_BYTES`](crate::FILE_BYTES).
        file_bytes: U64,
        /// How many bytes all of a device's file objects may have: the driver's
        /// [`DEVICE_BYTES`](crate::DEVICE_BYTES).
        device_bytes: U64,
    }

    /// The reply to every call that makes an object or gives it another buffer: 16 bytes.
    Created {
        /// The [`Handle`] of the object.
        handle: U32,
        /// The [`Traits`] of the object.
        traits: U32,
        /// The size in bytes of its buffer, or of each buffer of a list.
        size: U64,
    }

    /// The reply to checksum: 8 bytes.
    Checksummed {
        /// The CRC-32 (ISO-HDLC, as in zlib) of the bytes.
        checksum: U32,
        /// Reserved: the driver writes zero.
        reserved: U32,
    }

    /// How much of one kind there is: 16 bytes.
    Usage {
        /// The number of live objects.
        objects: U64,
        /// The bytes of their buffers; a list has none of its own.
        bytes: U64,
    }

    /// The reply to statistics: 272 bytes.
    StatisticsReply {
        /// What the file object has, by [`ObjectKind`].
        file: [Usage; ObjectKind::ALL.len()],
        /// What all file objects of the device have, by [`ObjectKind`].
        device: [Usage; ObjectKind::ALL.len()],
        /// What counts against the file object's quota.
        file_charged: Usage,
        /// What counts against the device's quota.
        device_charged: Usage,
        /// Allocations that the file object's live Ex lists served from a free entry.
        list_hits: U64,
        /// Allocations for which they had to go to the pool.
        list_misses: U64,
    }

    /// The reply of as many bytes as [`Call::reply_length`](crate::Call::reply_length) says.
    Bytes {}

    /// No output: the information value is the number of bytes that the driver took from the second buffer.
    Taken {}
}

impl VersionReply {
    /// What the driver found on its system.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        Capabilities::from_bits_retain(self.capabilities.get())
    }
}

impl Created {
    /// The handle of the object.
    #[must_use]
    pub const fn handle(&self) -> Handle {
        Handle::from_number(self.handle.get())
    }

    /// What a client may know of the object.
    #[must_use]
    pub const fn traits(&self) -> Traits {
        Traits::from_bits_retain(self.traits.get())
    }
}
