//! A value of the wrappers, of any type, and the parts that they have in common.

use kmdf::{
    Dispatch, Entry, LookasideList, Memory, NonPagedLookaside, NonPagedNx, Paged, PagedLookaside,
    Passive, PoolBox, PoolBuffer, PreallocatedMemory, Result, SpinLock, WaitLock,
};

/// The bytes in a [`Value::Boxed`].
pub const BOXED: usize = 40;

/// What safe code can own.
pub enum Value {
    PagedMemory(Memory<Paged>),
    Memory(Memory<NonPagedNx>),
    PagedBuffer(PoolBuffer<Paged>),
    Buffer(PoolBuffer<NonPagedNx>),
    PagedOver(PreallocatedMemory<PoolBuffer<Paged>>),
    Over(PreallocatedMemory<PoolBuffer<NonPagedNx>>),
    PagedEntry(Entry<Paged>),
    Entry(Entry<NonPagedNx>),
    Boxed(PoolBox<[u8; BOXED]>),
    Spin(SpinLock<Vec<u8>>),
    Wait(WaitLock<Vec<u8>>),
    PagedList(LookasideList<Paged>),
    List(LookasideList<NonPagedNx>),
    PagedEx(PagedLookaside),
    Ex(NonPagedLookaside),
}

impl Value {
    /// Whether it stands for bytes.
    pub const fn has_bytes(&self) -> bool {
        !matches!(
            self,
            Self::PagedList(_) | Self::List(_) | Self::PagedEx(_) | Self::Ex(_)
        )
    }

    /// Has `use_bytes` use its bytes, at PASSIVE_LEVEL or, in a spin lock, above.
    pub fn with_bytes<R>(
        &mut self,
        irql: &mut Passive,
        use_bytes: impl FnOnce(&mut [u8]) -> R,
    ) -> Option<R> {
        Some(match self {
            Self::PagedMemory(it) => use_bytes(it.bytes_mut(irql)),
            Self::Memory(it) => use_bytes(it.bytes_mut(irql)),
            Self::PagedBuffer(it) => use_bytes(it.bytes_mut(irql)),
            Self::Buffer(it) => use_bytes(it.bytes_mut(irql)),
            Self::PagedOver(it) => use_bytes(it.bytes_mut(irql)),
            Self::Over(it) => use_bytes(it.bytes_mut(irql)),
            Self::PagedEntry(it) => use_bytes(it.bytes_mut(irql)),
            Self::Entry(it) => use_bytes(it.bytes_mut(irql)),
            Self::Boxed(it) => use_bytes(&mut it[..]),
            Self::Spin(it) => it.with(irql, |bytes, _| use_bytes(bytes)).ok()?,
            Self::Wait(it) => it.with(irql, |bytes, _| use_bytes(bytes)).ok()?,
            Self::PagedList(_) | Self::List(_) | Self::PagedEx(_) | Self::Ex(_) => return None,
        })
    }

    /// As [`Value::with_bytes`] at DISPATCH_LEVEL, for what may be touched there.
    pub fn with_bytes_raised<R>(
        &mut self,
        irql: &mut Dispatch,
        use_bytes: impl FnOnce(&mut [u8]) -> R,
    ) -> Option<R> {
        Some(match self {
            Self::Memory(it) => use_bytes(it.bytes_mut(irql)),
            Self::Buffer(it) => use_bytes(it.bytes_mut(irql)),
            Self::Over(it) => use_bytes(it.bytes_mut(irql)),
            Self::Entry(it) => use_bytes(it.bytes_mut(irql)),
            Self::Boxed(it) => use_bytes(&mut it[..]),
            Self::Spin(it) => it.with(irql, |bytes, _| use_bytes(bytes)).ok()?,
            _ => return None,
        })
    }

    /// `WdfMemoryCopyFromBuffer`, for memory objects.
    pub fn copy_from(
        &mut self,
        offset: usize,
        source: &[u8],
        irql: &Passive,
    ) -> Option<Result<()>> {
        Some(match self {
            Self::PagedMemory(it) => it.copy_from(offset, source, irql),
            Self::Memory(it) => it.copy_from(offset, source, irql),
            Self::PagedOver(it) => it.copy_from(offset, source, irql),
            Self::Over(it) => it.copy_from(offset, source, irql),
            _ => return None,
        })
    }

    /// `WdfMemoryCopyToBuffer`, for memory objects.
    pub fn copy_to(&self, offset: usize, target: &mut [u8], irql: &Passive) -> Option<Result<()>> {
        Some(match self {
            Self::PagedMemory(it) => it.copy_to(offset, target, irql),
            Self::Memory(it) => it.copy_to(offset, target, irql),
            Self::PagedOver(it) => it.copy_to(offset, target, irql),
            Self::Over(it) => it.copy_to(offset, target, irql),
            _ => return None,
        })
    }
}
