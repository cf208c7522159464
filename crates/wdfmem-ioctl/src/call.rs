//! A call as a value: made from a request's bytes by the driver, turned into them by a client.

use crate::{Code, Content, Handle, Level, Operation, Parent, PoolKind, Routines, Tag};

/// One call, with every field checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// Which version this is, what it can do and what a caller may have.
    QueryVersion,
    /// What is alive, for the file object and for the device.
    Statistics,
    /// Makes memory by `WdfMemoryCreate`.
    CreateMemory(CreateMemory),
    /// Makes memory by `WdfMemoryCreatePreallocated` over a zeroed buffer of the driver's own.
    CreatePreallocated(CreatePreallocated),
    /// Gives preallocated memory another zeroed buffer, from the same pool, by
    /// `WdfMemoryAssignBuffer`. While the two are exchanged, both count against the quotas.
    AssignBuffer {
        /// The preallocated memory.
        handle: Handle,
        /// The tag of the new buffer.
        tag: Tag,
        /// The new buffer's size.
        size: u64,
    },
    /// Makes a list by `WdfLookasideListCreate`.
    CreateLookaside(CreateList),
    /// Makes memory by `WdfMemoryCreateFromLookaside`. It reads as zeros.
    CreateFromLookaside {
        /// The list.
        list: Handle,
    },
    /// Deletes memory or a WDF list by `WdfObjectDelete`.
    Delete {
        /// The memory or list.
        handle: Handle,
    },
    /// Makes a list by `ExInitializePagedLookasideList` or its nonpaged sibling.
    InitializeExList(InitializeExList),
    /// Takes an entry by `ExAllocateFromPagedLookasideList` or its nonpaged sibling. It reads as zeros.
    AllocateEntry {
        /// The list.
        list: Handle,
    },
    /// Gives an entry back by `ExFreeToPagedLookasideList` or its nonpaged sibling.
    FreeEntry {
        /// The list that the entry came from.
        list: Handle,
        /// The entry.
        entry: Handle,
    },
    /// Deletes a list by `ExDeletePagedLookasideList` or its nonpaged sibling.
    DeleteExList {
        /// The list.
        list: Handle,
    },
    /// Puts bytes into an object.
    Write {
        /// The object.
        handle: Handle,
        /// Where the first byte goes.
        offset: u64,
        /// The bytes; at least one.
        data: &'a [u8],
    },
    /// Takes bytes out of an object.
    Read(Span),
    /// Sets bytes of an object to one value.
    Fill {
        /// Which bytes.
        span: Span,
        /// The value.
        byte: u8,
    },
    /// Copies bytes from one object to another, or within one.
    Copy(CopyBytes),
    /// The CRC-32 of bytes of an object.
    Checksum {
        /// Which bytes.
        span: Span,
        /// The level at which they are read.
        level: Level,
    },
    /// Changes the caller's bytes in memory parented to the request, and in memory made over the
    /// request's own buffer.
    Transform(Transform<'a>),
    /// Puts the bytes of the locked second buffer into an object, all of them or none.
    BulkWrite {
        /// The object.
        handle: Handle,
        /// Where the first byte goes.
        offset: u64,
    },
    /// Takes bytes out of an object into the locked second buffer.
    BulkRead(Span),
}

/// What [`Call::CreateMemory`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateMemory {
    /// The pool.
    pub pool: PoolKind,
    /// The parent in the framework's object tree.
    pub parent: Parent,
    /// What it holds at first.
    pub content: Content,
    /// The tag.
    pub tag: Tag,
    /// The size in bytes. Zero is left to the framework to refuse (C5).
    pub size: u64,
}

/// What [`Call::CreatePreallocated`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreatePreallocated {
    /// The pool of the driver's own buffer.
    pub pool: PoolKind,
    /// The memory object's parent in the framework's object tree.
    pub parent: Parent,
    /// The tag of the driver's own buffer.
    pub tag: Tag,
    /// The size in bytes.
    pub size: u64,
}

/// What [`Call::CreateLookaside`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateList {
    /// The pool of the buffers.
    pub pool: PoolKind,
    /// The tag of the buffers.
    pub tag: Tag,
    /// The size of each buffer in bytes.
    pub size: u64,
}

/// What [`Call::InitializeExList`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitializeExList {
    /// The pool of the entries.
    pub pool: PoolKind,
    /// The tag of the entries.
    pub tag: Tag,
    /// The size of each entry in bytes, at least [`MIN_ENTRY_BYTES`](crate::MIN_ENTRY_BYTES).
    pub size: u64,
    /// How entries are taken and given back.
    pub routines: Routines,
}

/// Some bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The object.
    pub handle: Handle,
    /// The first byte's place.
    pub offset: u64,
    /// How many; at least one.
    pub length: u64,
}

/// What [`Call::Copy`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyBytes {
    /// The object to copy from.
    pub source: Handle,
    /// The first byte's place in it.
    pub source_offset: u64,
    /// The object to copy to.
    pub target: Handle,
    /// The first byte's place in it.
    pub target_offset: u64,
    /// How many; at least one.
    pub length: u64,
}

/// What [`Call::Transform`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transform<'a> {
    /// What to do.
    pub operation: Operation,
    /// What the bytes are combined with; zero for an operation that takes no key.
    pub key: u8,
    /// The tag of the memory that the request owns. It is nonpaged: a request may be completed at a level
    /// at which pageable memory could not be deleted with it.
    pub tag: Tag,
    /// The bytes; at least one.
    pub data: &'a [u8],
}

impl Call<'_> {
    /// The call's control code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::QueryVersion => Code::QueryVersion,
            Self::Statistics => Code::Statistics,
            Self::CreateMemory(_) => Code::CreateMemory,
            Self::CreatePreallocated(_) => Code::CreatePreallocated,
            Self::AssignBuffer { .. } => Code::AssignBuffer,
            Self::CreateLookaside(_) => Code::CreateLookaside,
            Self::CreateFromLookaside { .. } => Code::CreateFromLookaside,
            Self::Delete { .. } => Code::Delete,
            Self::InitializeExList(_) => Code::InitializeExList,
            Self::AllocateEntry { .. } => Code::AllocateEntry,
            Self::FreeEntry { .. } => Code::FreeEntry,
            Self::DeleteExList { .. } => Code::DeleteExList,
            Self::Write { .. } => Code::Write,
            Self::Read(_) => Code::Read,
            Self::Fill { .. } => Code::Fill,
            Self::Copy(_) => Code::Copy,
            Self::Checksum { .. } => Code::Checksum,
            Self::Transform(_) => Code::Transform,
            Self::BulkWrite { .. } => Code::BulkWrite,
            Self::BulkRead(_) => Code::BulkRead,
        }
    }

    /// How many bytes of output the call's success brings, which is also its number of bytes
    /// transferred. A bulk write brings none and reports the length of its second buffer instead.
    #[must_use]
    pub const fn answer_length(&self) -> u64 {
        match self {
            Self::Read(span) | Self::BulkRead(span) => span.length,
            Self::Transform(transform) => transform.data.len() as u64,
            _ => self.code().info().answer_size as u64,
        }
    }
}
