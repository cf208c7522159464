//! The replies, as they lie in the output buffer: little-endian, without padding, of alignment one. Every reserved
//! field is zero.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

use crate::{Capabilities, Handle, ObjectKind, Traits};

macro_rules! replies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
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
        )*
    };
}

replies! {
    /// The reply to query-version: 48 bytes.
    VersionReply {
        /// The driver's [`VERSION`](crate::VERSION).
        version: U32,
        /// Its [`Capabilities`].
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

    /// The reply to every call that makes an object or gives it another buffer: 16 bytes.
    Created {
        /// The object's [`Handle`].
        handle: U32,
        /// Its [`Traits`].
        traits: U32,
        /// The size in bytes of its buffer, or of each buffer of a list.
        size: U64,
    }

    /// The reply to checksum: 8 bytes.
    Checksummed {
        /// The CRC-32 (ISO-HDLC, as in zlib) of the bytes.
        checksum: U32,
        /// Zero.
        reserved: U32,
    }

    /// How much of one kind there is: 16 bytes.
    Usage {
        /// Live objects.
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
    /// The object's handle.
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
