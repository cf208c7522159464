//! The objects that handles stand for, of either pool.

use core::ops::Range;

use kmdf::{
    Entry, Error, LookasideList, Memory, NonPagedLookaside, NonPagedNx, Paged, PagedLookaside,
    Passive, PoolBuffer, PreallocatedMemory, Result, UninitMemory,
};
use wdfmem_ioctl::{ObjectKind, PoolKind, Status, Traits};

use crate::status::error;

/// The same thing of either pool.
#[derive(Debug)]
pub enum Pooled<N, P> {
    /// The variant in nonpaged memory.
    NonPaged(N),
    /// The variant in paged memory.
    Paged(P),
}

impl<N, P> Pooled<N, P> {
    /// The pool that it is from.
    pub const fn pool(&self) -> PoolKind {
        match self {
            Self::NonPaged(_) => PoolKind::NonPaged,
            Self::Paged(_) => PoolKind::Paged,
        }
    }
}

/// Calls the same method of either.
macro_rules! either {
    ($pooled:expr, $value:ident => $body:expr) => {
        match $pooled {
            Pooled::NonPaged($value) => $body,
            Pooled::Paged($value) => $body,
        }
    };
}
pub(crate) use either;

/// What a handle stands for.
#[derive(Debug)]
pub enum Object {
    /// Memory by `WdfMemoryCreate` that was never written to.
    Uninitialized(Pooled<UninitMemory<NonPagedNx>, UninitMemory<Paged>>),
    /// Memory made by `WdfMemoryCreate`, zeroed or written to.
    Memory(Pooled<Memory<NonPagedNx>, Memory<Paged>>),
    /// Memory by `WdfMemoryCreatePreallocated`, over a buffer of the driver's own.
    Preallocated(Pooled<Preallocated<NonPagedNx>, Preallocated<Paged>>),
    /// Memory made by `WdfMemoryCreateFromLookaside`.
    LookasideMemory(Pooled<Memory<NonPagedNx>, Memory<Paged>>),
    /// An entry of an Ex list.
    Entry(Pooled<Entry<NonPagedNx>, Entry<Paged>>),
    /// A list by `WdfLookasideListCreate`.
    Lookaside(Pooled<LookasideList<NonPagedNx>, LookasideList<Paged>>),
    /// A list by `ExInitializePagedLookasideList` or its nonpaged sibling.
    ExList(Pooled<NonPagedLookaside, PagedLookaside>),
}

/// A memory object over a buffer of the driver's own.
pub type Preallocated<P> = PreallocatedMemory<PoolBuffer<P>>;

impl Object {
    /// The kind of object, as statistics count it.
    pub const fn kind(&self) -> ObjectKind {
        match self {
            Self::Uninitialized(_) | Self::Memory(_) => ObjectKind::Memory,
            Self::Preallocated(_) => ObjectKind::Preallocated,
            Self::LookasideMemory(_) => ObjectKind::LookasideMemory,
            Self::Entry(_) => ObjectKind::Entry,
            Self::Lookaside(_) => ObjectKind::Lookaside,
            Self::ExList(Pooled::Paged(_)) => ObjectKind::PagedList,
            Self::ExList(Pooled::NonPaged(_)) => ObjectKind::NonPagedList,
        }
    }

    /// The length of its buffer; zero for a list, which has none of its own.
    pub fn length(&self) -> usize {
        match self {
            Self::Uninitialized(memory) => either!(memory, memory => memory.len()),
            Self::Memory(memory) | Self::LookasideMemory(memory) => {
                either!(memory, memory => memory.len())
            }
            Self::Preallocated(memory) => either!(memory, memory => memory.len()),
            Self::Entry(entry) => either!(entry, entry => entry.len()),
            Self::Lookaside(_) | Self::ExList(_) => 0,
        }
    }

    /// Its bytes, if it has a buffer that was written to.
    pub fn bytes<'a>(&'a self, irql: &'a Passive) -> Result<&'a [u8]> {
        match self {
            Self::Uninitialized(_) => Err(unwritten()),
            Self::Memory(memory) | Self::LookasideMemory(memory) => {
                Ok(either!(memory, memory => memory.bytes(irql)))
            }
            Self::Preallocated(memory) => Ok(either!(memory, memory => memory.bytes(irql))),
            Self::Entry(entry) => Ok(either!(entry, entry => entry.bytes(irql))),
            Self::Lookaside(_) | Self::ExList(_) => Err(mismatch()),
        }
    }

    /// Its bytes for writing, if it has a buffer that was written to or zeroed.
    pub fn bytes_mut<'a>(&'a mut self, irql: &'a Passive) -> Result<&'a mut [u8]> {
        match self {
            Self::Uninitialized(_) => Err(unwritten()),
            Self::Memory(memory) | Self::LookasideMemory(memory) => {
                Ok(either!(memory, memory => memory.bytes_mut(irql)))
            }
            Self::Preallocated(memory) => Ok(either!(memory, memory => memory.bytes_mut(irql))),
            Self::Entry(entry) => Ok(either!(entry, entry => entry.bytes_mut(irql))),
            Self::Lookaside(_) | Self::ExList(_) => Err(mismatch()),
        }
    }

    /// Its bytes, if it has a buffer that was written to and is nonpaged: they may be touched at
    /// `DISPATCH_LEVEL`, too, as they borrow nothing of the witness.
    pub fn nonpaged_bytes(&self, irql: &Passive) -> Result<&[u8]> {
        match self {
            Self::Memory(Pooled::NonPaged(memory))
            | Self::LookasideMemory(Pooled::NonPaged(memory)) => Ok(memory.bytes(irql)),
            Self::Preallocated(Pooled::NonPaged(memory)) => Ok(memory.bytes(irql)),
            Self::Entry(Pooled::NonPaged(entry)) => Ok(entry.bytes(irql)),
            Self::Uninitialized(Pooled::NonPaged(_)) => Err(unwritten()),
            Self::Uninitialized(Pooled::Paged(_))
            | Self::Memory(Pooled::Paged(_))
            | Self::LookasideMemory(Pooled::Paged(_))
            | Self::Preallocated(Pooled::Paged(_))
            | Self::Entry(Pooled::Paged(_)) => Err(Error::NOT_SUPPORTED),
            Self::Lookaside(_) | Self::ExList(_) => Err(mismatch()),
        }
    }

    /// Copies out: `WdfMemoryCopyToBuffer` for a memory object.
    pub fn copy_to(&self, offset: usize, target: &mut [u8], irql: &Passive) -> Result<()> {
        match self {
            Self::Memory(memory) | Self::LookasideMemory(memory) => {
                either!(memory, memory => memory.copy_to(offset, target, irql))
            }
            Self::Preallocated(memory) => {
                either!(memory, memory => memory.copy_to(offset, target, irql))
            }
            Self::Entry(_) => {
                let bytes = self.bytes(irql)?;
                let source = offset
                    .checked_add(target.len())
                    .and_then(|end| bytes.get(offset..end))
                    .ok_or(Error::BUFFER_TOO_SMALL)?;
                copy(target, source);
                Ok(())
            }
            Self::Uninitialized(_) => Err(unwritten()),
            Self::Lookaside(_) | Self::ExList(_) => Err(mismatch()),
        }
    }

    /// Copies in: `WdfMemoryCopyFromBuffer` for a memory object.
    pub fn copy_from(&mut self, offset: usize, source: &[u8], irql: &Passive) -> Result<()> {
        match self {
            Self::Memory(memory) | Self::LookasideMemory(memory) => {
                either!(memory, memory => memory.copy_from(offset, source, irql))
            }
            Self::Preallocated(memory) => {
                either!(memory, memory => memory.copy_from(offset, source, irql))
            }
            Self::Entry(_) => {
                let bytes = self.bytes_mut(irql)?;
                let target = offset
                    .checked_add(source.len())
                    .and_then(|end| bytes.get_mut(offset..end))
                    .ok_or(Error::INVALID_BUFFER_SIZE)?;
                copy(target, source);
                Ok(())
            }
            Self::Uninitialized(_) => Err(unwritten()),
            Self::Lookaside(_) | Self::ExList(_) => Err(mismatch()),
        }
    }

    /// The pool that its buffer is from, or those of a list.
    pub const fn pool(&self) -> PoolKind {
        match self {
            Self::Uninitialized(memory) => memory.pool(),
            Self::Memory(memory) | Self::LookasideMemory(memory) => memory.pool(),
            Self::Preallocated(memory) => memory.pool(),
            Self::Entry(entry) => entry.pool(),
            Self::Lookaside(list) => list.pool(),
            Self::ExList(list) => list.pool(),
        }
    }

    /// Whether it has a buffer: a list has none of its own.
    pub const fn has_buffer(&self) -> bool {
        !matches!(self, Self::Lookaside(_) | Self::ExList(_))
    }

    /// With something in its buffer, if it has one: zeros where nothing was written yet.
    pub fn initialized(self, irql: &Passive) -> Self {
        match self {
            Self::Uninitialized(memory) => Self::Memory(match memory {
                Pooled::NonPaged(memory) => Pooled::NonPaged(memory.zeroed(irql)),
                Pooled::Paged(memory) => Pooled::Paged(memory.zeroed(irql)),
            }),
            other => other,
        }
    }

    /// What a client may know of it.
    pub fn traits(&mut self, irql: &Passive) -> Traits {
        let address = match self {
            Self::Uninitialized(memory) => {
                either!(memory, memory => memory.bytes_mut(irql).as_ptr().addr())
            }
            Self::ExList(list) => {
                return if either!(list, list => list.uses_system_routines()) {
                    Traits::EXPORTED
                } else {
                    Traits::empty()
                };
            }
            other => match other.bytes(irql) {
                Ok(bytes) => bytes.as_ptr().addr(),
                Err(_) => return Traits::empty(),
            },
        };
        let mut traits = Traits::empty();
        if address.is_multiple_of(16) {
            traits |= Traits::ALIGNED;
        }
        if address.is_multiple_of(4096) {
            traits |= Traits::PAGE_ALIGNED;
        }
        traits
    }
}

/// The object has the wrong type for this call.
pub fn mismatch() -> Error {
    error(Status::OBJECT_TYPE_MISMATCH)
}

/// Nothing has been written to the object's buffer.
pub fn unwritten() -> Error {
    error(Status::INVALID_DEVICE_STATE)
}

/// Some bytes of a buffer, if they lie in it.
pub fn range(offset: u64, length: u64, buffer: usize) -> Option<Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (end <= buffer).then_some(start..end)
}

/// Copies as many bytes as both have.
pub fn copy(target: &mut [u8], source: &[u8]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target = *source;
    }
}
