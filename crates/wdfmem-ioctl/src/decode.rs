//! From the bytes of a request to a [`Call`].

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, little_endian::U32};

use crate::{
    Call, Code, Content, CopyBytes, CreateList, CreateMemory, CreatePreallocated, Handle,
    InitializeExList, Level, MAX_DISPATCH_BYTES, Operation, Parent, PoolKind, Refusal, Routines,
    Span, Tag, Transform, VERSION, wire,
};

impl<'a> Call<'a> {
    /// The call that a request's control code and input say.
    ///
    /// # Errors
    /// The first fault in the order of the crate's table.
    pub fn decode(code: u32, input: &'a [u8]) -> Result<Self, Refusal> {
        let code = Code::try_from(code)?;
        Ok(match code {
            Code::QueryVersion => {
                fields::<wire::Plain>(input, Version::Any)?;
                Self::QueryVersion
            }
            Code::Statistics => {
                fields::<wire::Plain>(input, Version::Ours)?;
                Self::Statistics
            }
            Code::CreateMemory => {
                let request = fields::<wire::CreateMemory>(input, Version::Ours)?;
                Self::CreateMemory(CreateMemory {
                    pool: PoolKind::try_from(request.pool.get())?,
                    parent: Parent::try_from(request.parent.get())?,
                    content: Content::try_from(request.content.get())?,
                    tag: tag(request.tag)?,
                    size: request.size.get(),
                })
            }
            Code::CreatePreallocated => {
                let request = fields::<wire::CreatePreallocated>(input, Version::Ours)?;
                zero(request.reserved.get() == 0)?;
                Self::CreatePreallocated(CreatePreallocated {
                    pool: PoolKind::try_from(request.pool.get())?,
                    parent: Parent::try_from(request.parent.get())?,
                    tag: tag(request.tag)?,
                    size: request.size.get(),
                })
            }
            Code::AssignBuffer => {
                let request = fields::<wire::AssignBuffer>(input, Version::Ours)?;
                Self::AssignBuffer {
                    handle: handle(request.handle),
                    tag: tag(request.tag)?,
                    size: request.size.get(),
                }
            }
            Code::CreateLookaside => {
                let request = fields::<wire::CreateLookaside>(input, Version::Ours)?;
                Self::CreateLookaside(CreateList {
                    pool: PoolKind::try_from(request.pool.get())?,
                    tag: tag(request.tag)?,
                    size: request.size.get(),
                })
            }
            Code::CreateFromLookaside => Self::CreateFromLookaside {
                list: named(input)?,
            },
            Code::Delete => Self::Delete {
                handle: named(input)?,
            },
            Code::InitializeExList => {
                let request = fields::<wire::InitializeExList>(input, Version::Ours)?;
                zero(request.reserved.get() == 0)?;
                Self::InitializeExList(InitializeExList {
                    pool: PoolKind::try_from(request.pool.get())?,
                    tag: tag(request.tag)?,
                    size: request.size.get(),
                    routines: Routines::try_from(request.routines.get())?,
                })
            }
            Code::AllocateEntry => Self::AllocateEntry {
                list: named(input)?,
            },
            Code::FreeEntry => {
                let request = fields::<wire::FreeEntry>(input, Version::Ours)?;
                Self::FreeEntry {
                    list: handle(request.list),
                    entry: handle(request.entry),
                }
            }
            Code::DeleteExList => Self::DeleteExList {
                list: named(input)?,
            },
            Code::Write => {
                let (request, data) = fields_and_data::<wire::Place>(input, Version::Ours)?;
                zero(request.reserved.get() == 0)?;
                valid(!data.is_empty())?;
                Self::Write {
                    handle: handle(request.handle),
                    offset: request.offset.get(),
                    data,
                }
            }
            Code::Read => Self::Read(range(input)?),
            Code::Fill => {
                let request = fields::<wire::Fill>(input, Version::Ours)?;
                zero(request.reserved == [0; 3])?;
                valid(request.length.get() != 0)?;
                Self::Fill {
                    span: Span {
                        handle: handle(request.handle),
                        offset: request.offset.get(),
                        length: request.length.get(),
                    },
                    byte: request.byte,
                }
            }
            Code::Copy => {
                let request = fields::<wire::Copy>(input, Version::Ours)?;
                valid(request.length.get() != 0)?;
                Self::Copy(CopyBytes {
                    source: handle(request.source),
                    source_offset: request.source_offset.get(),
                    target: handle(request.target),
                    target_offset: request.target_offset.get(),
                    length: request.length.get(),
                })
            }
            Code::Checksum => {
                let request = fields::<wire::Checksum>(input, Version::Ours)?;
                valid(request.length.get() != 0)?;
                let level = Level::try_from(request.level.get())?;
                valid(level == Level::Passive || request.length.get() <= MAX_DISPATCH_BYTES)?;
                Self::Checksum {
                    span: Span {
                        handle: handle(request.handle),
                        offset: request.offset.get(),
                        length: request.length.get(),
                    },
                    level,
                }
            }
            Code::Transform => {
                let (request, data) = fields_and_data::<wire::Transform>(input, Version::Ours)?;
                zero(request.reserved.get() == 0 && request.reserved_too == [0; 3])?;
                valid(!data.is_empty())?;
                let operation = Operation::try_from(request.operation.get())?;
                valid(operation == Operation::Xor || request.key == 0)?;
                Self::Transform(Transform {
                    operation,
                    key: request.key,
                    tag: tag(request.tag)?,
                    data,
                })
            }
            Code::BulkWrite => {
                let request = fields::<wire::Place>(input, Version::Ours)?;
                zero(request.reserved.get() == 0)?;
                Self::BulkWrite {
                    handle: handle(request.handle),
                    offset: request.offset.get(),
                }
            }
            Code::BulkRead => Self::BulkRead(range(input)?),
        })
    }
}

/// A structure of [`wire`] that begins with the header.
trait Request: FromBytes + KnownLayout + Immutable + Unaligned {
    fn header(&self) -> &wire::Header;
}

macro_rules! requests {
    ($($name:ident)*) => {
        $(impl Request for wire::$name {
            fn header(&self) -> &wire::Header {
                &self.header
            }
        })*
    };
}

requests! {
    Plain CreateMemory CreatePreallocated AssignBuffer CreateLookaside InitializeExList Named
    FreeEntry Place Range Fill Copy Checksum Transform
}

/// Whether a header's version matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Ours,
    Any,
}

/// A request that is nothing but its structure.
fn fields<T: Request>(input: &[u8], version: Version) -> Result<&T, Refusal> {
    let (request, data) = fields_and_data::<T>(input, version)?;
    if data.is_empty() {
        Ok(request)
    } else {
        Err(Refusal::LengthMismatch)
    }
}

/// A request whose structure is followed by data.
fn fields_and_data<T: Request>(input: &[u8], version: Version) -> Result<(&T, &[u8]), Refusal> {
    let (request, data) = T::ref_from_prefix(input).map_err(|_| Refusal::Short)?;
    let header = request.header();
    if usize::try_from(header.size.get()) != Ok(input.len()) {
        return Err(Refusal::LengthMismatch);
    }
    if version == Version::Ours && header.version.get() != VERSION {
        return Err(Refusal::Version);
    }
    zero(header.reserved.get() == 0)?;
    Ok((request, data))
}

/// A request that names one object.
fn named(input: &[u8]) -> Result<Handle, Refusal> {
    let request = fields::<wire::Named>(input, Version::Ours)?;
    zero(request.reserved.get() == 0)?;
    Ok(handle(request.handle))
}

/// A request that names some bytes of an object.
fn range(input: &[u8]) -> Result<Span, Refusal> {
    let request = fields::<wire::Range>(input, Version::Ours)?;
    zero(request.reserved.get() == 0)?;
    valid(request.length.get() != 0)?;
    Ok(Span {
        handle: handle(request.handle),
        offset: request.offset.get(),
        length: request.length.get(),
    })
}

fn handle(number: U32) -> Handle {
    Handle::from_number(number.get())
}

fn tag(characters: [u8; 4]) -> Result<Tag, Refusal> {
    Tag::new(characters).ok_or(Refusal::Tag)
}

fn zero(reserved_is_zero: bool) -> Result<(), Refusal> {
    if reserved_is_zero {
        Ok(())
    } else {
        Err(Refusal::Reserved)
    }
}

fn valid(is_valid: bool) -> Result<(), Refusal> {
    if is_valid {
        Ok(())
    } else {
        Err(Refusal::Value)
    }
}
