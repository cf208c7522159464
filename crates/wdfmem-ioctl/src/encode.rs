//! From a [`Call`] to the bytes of a request.

use zerocopy::{
    Immutable, IntoBytes,
    little_endian::{U32, U64},
};

use crate::{
    Call, CreateList, CreateMemory, CreatePreallocated, Handle, InitializeExList, Transform,
    VERSION, wire,
};

impl Call<'_> {
    /// Writes the request's bytes into the front of `buffer` and says how many they are; `None` if
    /// it is shorter than [`Call::encoded_length`] or that does not fit the header.
    #[must_use]
    pub fn encode(&self, buffer: &mut [u8]) -> Option<usize> {
        let length = self.encoded_length();
        let header = wire::Header {
            size: U32::new(u32::try_from(length).ok()?),
            version: U32::new(VERSION),
            reserved: U64::ZERO,
        };
        let buffer = buffer.get_mut(..length)?;
        match *self {
            Self::QueryVersion | Self::Statistics => put(buffer, &wire::Plain { header }, &[]),
            Self::CreateMemory(CreateMemory {
                pool,
                parent,
                content,
                tag,
                size,
            }) => put(
                buffer,
                &wire::CreateMemory {
                    header,
                    pool: U32::new(pool.number()),
                    parent: U32::new(parent.number()),
                    content: U32::new(content.number()),
                    tag: tag.characters(),
                    size: U64::new(size),
                },
                &[],
            ),
            Self::CreatePreallocated(CreatePreallocated {
                pool,
                parent,
                tag,
                size,
            }) => put(
                buffer,
                &wire::CreatePreallocated {
                    header,
                    pool: U32::new(pool.number()),
                    parent: U32::new(parent.number()),
                    tag: tag.characters(),
                    reserved: U32::ZERO,
                    size: U64::new(size),
                },
                &[],
            ),
            Self::AssignBuffer { handle, tag, size } => put(
                buffer,
                &wire::AssignBuffer {
                    header,
                    handle: U32::new(handle.number()),
                    tag: tag.characters(),
                    size: U64::new(size),
                },
                &[],
            ),
            Self::CreateLookaside(CreateList { pool, tag, size }) => put(
                buffer,
                &wire::CreateLookaside {
                    header,
                    pool: U32::new(pool.number()),
                    tag: tag.characters(),
                    size: U64::new(size),
                },
                &[],
            ),
            Self::InitializeExList(InitializeExList {
                pool,
                tag,
                size,
                routines,
            }) => put(
                buffer,
                &wire::InitializeExList {
                    header,
                    pool: U32::new(pool.number()),
                    tag: tag.characters(),
                    size: U64::new(size),
                    routines: U32::new(routines.number()),
                    reserved: U32::ZERO,
                },
                &[],
            ),
            Self::CreateFromLookaside { list: handle }
            | Self::Delete { handle }
            | Self::AllocateEntry { list: handle }
            | Self::DeleteExList { list: handle } => put(
                buffer,
                &wire::Named {
                    header,
                    handle: U32::new(handle.number()),
                    reserved: U32::ZERO,
                },
                &[],
            ),
            Self::FreeEntry { list, entry } => put(
                buffer,
                &wire::FreeEntry {
                    header,
                    list: U32::new(list.number()),
                    entry: U32::new(entry.number()),
                },
                &[],
            ),
            Self::Write {
                handle,
                offset,
                data,
            } => put(buffer, &place(header, handle, offset), data),
            Self::BulkWrite { handle, offset } => put(buffer, &place(header, handle, offset), &[]),
            Self::Read(span) | Self::BulkRead(span) => put(
                buffer,
                &wire::Range {
                    header,
                    handle: U32::new(span.handle.number()),
                    reserved: U32::ZERO,
                    offset: U64::new(span.offset),
                    length: U64::new(span.length),
                },
                &[],
            ),
            Self::Fill { span, byte } => put(
                buffer,
                &wire::Fill {
                    header,
                    handle: U32::new(span.handle.number()),
                    byte,
                    reserved: [0; 3],
                    offset: U64::new(span.offset),
                    length: U64::new(span.length),
                },
                &[],
            ),
            Self::Copy(copy) => put(
                buffer,
                &wire::Copy {
                    header,
                    source: U32::new(copy.source.number()),
                    target: U32::new(copy.target.number()),
                    source_offset: U64::new(copy.source_offset),
                    target_offset: U64::new(copy.target_offset),
                    length: U64::new(copy.length),
                },
                &[],
            ),
            Self::Checksum { span, level } => put(
                buffer,
                &wire::Checksum {
                    header,
                    handle: U32::new(span.handle.number()),
                    level: U32::new(level.number()),
                    offset: U64::new(span.offset),
                    length: U64::new(span.length),
                },
                &[],
            ),
            Self::Transform(Transform {
                operation,
                key,
                tag,
                data,
            }) => put(
                buffer,
                &wire::Transform {
                    header,
                    operation: U32::new(operation.number()),
                    reserved: U32::ZERO,
                    tag: tag.characters(),
                    key,
                    reserved_too: [0; 3],
                },
                data,
            ),
        }?;
        Some(length)
    }

    /// The length of the request in bytes.
    #[must_use]
    pub const fn encoded_length(&self) -> usize {
        let fields = self.code().info().request_size;
        match self {
            Self::Write { data, .. } | Self::Transform(Transform { data, .. }) => {
                fields.saturating_add(data.len())
            }
            _ => fields,
        }
    }
}

fn place(header: wire::Header, handle: Handle, offset: u64) -> wire::Place {
    wire::Place {
        header,
        handle: U32::new(handle.number()),
        reserved: U32::ZERO,
        offset: U64::new(offset),
    }
}

/// Fills `buffer` with a request and its data.
fn put<T: IntoBytes + Immutable>(buffer: &mut [u8], request: &T, data: &[u8]) -> Option<()> {
    let (front, rest) = buffer.split_at_mut_checked(size_of::<T>())?;
    front.copy_from_slice(request.as_bytes());
    rest.get_mut(..data.len())?.copy_from_slice(data);
    Some(())
}
