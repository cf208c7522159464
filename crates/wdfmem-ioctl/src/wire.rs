//! The structures as they lie in a buffer: little-endian, without padding, of alignment one.
//!
//! Every reserved field is zero in a request, or the request is refused, and zero in an answer.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident = $size:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(
                Clone, Copy, Debug, Default, PartialEq, Eq,
                FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
            )]
            #[repr(C)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            const _: () = assert!(size_of::<$name>() == $size);
        )*
    };
}

structures! {
    /// Begins every request.
    Header = 16 {
        /// The length of the whole request in bytes: this header, the call's fields, its data.
        size: U32,
        /// [`VERSION`](crate::VERSION).
        version: U32,
        /// Zero.
        reserved: U64,
    }

    /// Query-version and statistics: nothing but the header.
    Plain = 16 {
        /// The header.
        header: Header,
    }

    /// Create memory.
    CreateMemory = 40 {
        /// The header.
        header: Header,
        /// A [`PoolKind`](crate::PoolKind).
        pool: U32,
        /// A [`Parent`](crate::Parent).
        parent: U32,
        /// A [`Content`](crate::Content).
        content: U32,
        /// A [`Tag`](crate::Tag), or zero for the default.
        tag: [u8; 4],
        /// Its size in bytes.
        size: U64,
    }

    /// Create preallocated memory.
    CreatePreallocated = 40 {
        /// The header.
        header: Header,
        /// The [`PoolKind`](crate::PoolKind) of the driver's own buffer.
        pool: U32,
        /// The memory object's [`Parent`](crate::Parent).
        parent: U32,
        /// The [`Tag`](crate::Tag) of the driver's own buffer, or zero for the default.
        tag: [u8; 4],
        /// Zero.
        reserved: U32,
        /// The buffer's size in bytes.
        size: U64,
    }

    /// Assign another buffer.
    AssignBuffer = 32 {
        /// The header.
        header: Header,
        /// Preallocated memory.
        handle: U32,
        /// The [`Tag`](crate::Tag) of the new buffer, or zero for the default.
        tag: [u8; 4],
        /// The new buffer's size in bytes.
        size: U64,
    }

    /// Create a WDF lookaside list.
    CreateLookaside = 32 {
        /// The header.
        header: Header,
        /// The [`PoolKind`](crate::PoolKind) of the buffers.
        pool: U32,
        /// The [`Tag`](crate::Tag) of the buffers, or zero for the default.
        tag: [u8; 4],
        /// The size of each buffer in bytes.
        size: U64,
    }

    /// Initialise an Ex lookaside list.
    InitializeExList = 40 {
        /// The header.
        header: Header,
        /// The [`PoolKind`](crate::PoolKind) of the entries.
        pool: U32,
        /// The [`Tag`](crate::Tag) of the entries, or zero for the default.
        tag: [u8; 4],
        /// The size of each entry in bytes.
        size: U64,
        /// The [`Routines`](crate::Routines) that serve the list.
        routines: U32,
        /// Zero.
        reserved: U32,
    }

    /// Create memory from a WDF list, allocate an entry, delete an object or a list.
    Named = 24 {
        /// The header.
        header: Header,
        /// The object or list.
        handle: U32,
        /// Zero.
        reserved: U32,
    }

    /// Free an entry.
    FreeEntry = 24 {
        /// The header.
        header: Header,
        /// The Ex list that the entry came from.
        list: U32,
        /// The entry.
        entry: U32,
    }

    /// Write; the data follows. Bulk write; the data lies in the second buffer.
    Place = 32 {
        /// The header.
        header: Header,
        /// The object.
        handle: U32,
        /// Zero.
        reserved: U32,
        /// The first byte's place in the object.
        offset: U64,
    }

    /// Read and bulk read.
    Range = 40 {
        /// The header.
        header: Header,
        /// The object.
        handle: U32,
        /// Zero.
        reserved: U32,
        /// The first byte's place in the object.
        offset: U64,
        /// How many bytes; not zero.
        length: U64,
    }

    /// Fill.
    Fill = 40 {
        /// The header.
        header: Header,
        /// The object.
        handle: U32,
        /// The value of each byte.
        byte: u8,
        /// Zero.
        reserved: [u8; 3],
        /// The first byte's place in the object.
        offset: U64,
        /// How many bytes; not zero.
        length: U64,
    }

    /// Copy.
    Copy = 48 {
        /// The header.
        header: Header,
        /// The object to copy from.
        source: U32,
        /// The object to copy to; it may be the same one.
        target: U32,
        /// The first byte's place in the source.
        source_offset: U64,
        /// The first byte's place in the target.
        target_offset: U64,
        /// How many bytes; not zero.
        length: U64,
    }

    /// Checksum.
    Checksum = 40 {
        /// The header.
        header: Header,
        /// The object.
        handle: U32,
        /// The [`Level`](crate::Level) at which to read it.
        level: U32,
        /// The first byte's place in the object.
        offset: U64,
        /// How many bytes; not zero.
        length: U64,
    }

    /// Transform; the data follows.
    Transform = 32 {
        /// The header.
        header: Header,
        /// An [`Operation`](crate::Operation).
        operation: U32,
        /// Zero.
        reserved: U32,
        /// The [`Tag`](crate::Tag) of the memory that the request owns, or zero for the default.
        tag: [u8; 4],
        /// What the bytes are combined with; zero for an operation that takes no key.
        key: u8,
        /// Zero.
        reserved_too: [u8; 3],
    }

    /// The answer to query-version.
    VersionAnswer = 48 {
        /// The driver's [`VERSION`](crate::VERSION).
        version: U32,
        /// Its [`Capabilities`](crate::Capabilities).
        capabilities: U32,
        /// [`MAX_OBJECT_BYTES`](crate::MAX_OBJECT_BYTES).
        max_object_bytes: U64,
        /// [`MAX_TRANSFER_BYTES`](crate::MAX_TRANSFER_BYTES).
        max_transfer_bytes: U64,
        /// [`FILE_OBJECTS`](crate::FILE_OBJECTS).
        file_objects: U32,
        /// [`DEVICE_OBJECTS`](crate::DEVICE_OBJECTS).
        device_objects: U32,
        /// [`FILE_BYTES`](crate::FILE_BYTES).
        file_bytes: U64,
        /// [`DEVICE_BYTES`](crate::DEVICE_BYTES).
        device_bytes: U64,
    }

    /// The answer to every call that makes an object or gives it another buffer.
    CreatedAnswer = 16 {
        /// The object's [`Handle`](crate::Handle).
        handle: U32,
        /// Its [`Traits`](crate::Traits).
        traits: U32,
        /// The size in bytes of its buffer, or of each buffer of a list.
        size: U64,
    }

    /// The answer to checksum.
    ChecksumAnswer = 8 {
        /// The CRC-32 (ISO-HDLC, as in zlib) of the bytes.
        checksum: U32,
        /// Zero.
        reserved: U32,
    }

    /// How much of one kind there is.
    Usage = 16 {
        /// Live objects.
        objects: U64,
        /// The bytes of their buffers; a list has none of its own.
        bytes: U64,
    }

    /// The answer to statistics.
    StatisticsAnswer = 272 {
        /// What the file object has, by [`Kind`](crate::Kind).
        file: [Usage; 7],
        /// What all file objects of the device have, by [`Kind`](crate::Kind).
        device: [Usage; 7],
        /// What counts against the file object's quota.
        file_charged: Usage,
        /// What counts against the device's quota.
        device_charged: Usage,
        /// Entries that the file object's live Ex lists had at hand when asked.
        list_hits: U64,
        /// Entries that they had to get from the pool.
        list_misses: U64,
    }
}
