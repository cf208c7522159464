//! The objects of one file object, by their handles.

use kmdf::{Error, Passive, PoolBox, Result};
use wdfmem_ioctl::{FILE_OBJECTS, Handle, ObjectKind, Status, Usage};

use crate::{
    driver::POOL_TAG,
    object::{Object, Pooled, either},
    quota::{Charge, Holding, Quota},
    status::error,
};

/// How many objects are allocated room for at a time.
const CHUNK: usize = 16;

/// How many times that is done at most.
const CHUNKS: usize = (FILE_OBJECTS as usize).div_ceil(CHUNK);

// A handle has eight bits for the place in the table.
const _: () = assert!(CHUNK * CHUNKS <= 256);

/// An object and what belongs to it.
#[derive(Debug)]
pub struct Slot {
    /// The handle that names it.
    pub handle: Handle,
    /// The object that the handle stands for.
    pub object: Object,
    /// The list that it was taken from.
    pub origin: Option<Handle>,
    /// What was taken from it, if it is a list.
    pub taken: Taken,
}

/// What was taken from a list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Objects that are out.
    pub out: u32,
    /// The most that were out at one time. The list has no more buffers than these: it gets a new one
    /// only when all of them are out.
    pub peak: u32,
    /// The size of each.
    pub size: u64,
}

impl Slot {
    /// A new object, of which nothing was taken yet. `size` is that of each of its buffers, if it is a list.
    pub fn new(handle: Handle, object: Object, origin: Option<Handle>, size: u64) -> Self {
        let taken = Taken {
            size,
            ..Taken::default()
        };
        Self {
            handle,
            object,
            origin,
            taken,
        }
    }

    /// What counts as this object's.
    fn holding(&self) -> Holding {
        let (kind, bytes) = (self.object.kind(), self.object.length() as u64);
        let charged = match kind {
            ObjectKind::Memory | ObjectKind::Preallocated => bytes,
            // Their list is charged.
            ObjectKind::LookasideMemory | ObjectKind::Entry => 0,
            ObjectKind::Lookaside | ObjectKind::PagedList | ObjectKind::NonPagedList => {
                self.taken.size.saturating_mul(u64::from(self.taken.peak))
            }
        };
        let charge = Charge::object(charged);
        Holding {
            kind,
            bytes,
            charge,
        }
    }

    /// Zeroes a buffer that was never written to.
    pub fn initialize(self, irql: &Passive) -> Self {
        Self {
            object: self.object.initialized(irql),
            ..self
        }
    }
}

type Chunk = [Option<Slot>; CHUNK];

/// The objects of one file object.
#[derive(Default)]
pub struct Table {
    chunks: [Option<PoolBox<Chunk>>; CHUNKS],
    closed: bool,
}

impl Table {
    /// Refuses new objects once the table was closed.
    pub fn check_open(&self) -> Result<()> {
        if self.closed {
            return Err(error(Status::FILE_CLOSED));
        }
        Ok(())
    }

    /// The place of the next object.
    pub fn vacancy(&mut self) -> Result<u8> {
        let mut index = 0;
        for place in &mut self.chunks {
            let chunk = match place {
                Some(chunk) => chunk,
                None => place.insert(PoolBox::from_fn(POOL_TAG, |_| Ok(None))?),
            };
            for slot in chunk.iter() {
                if slot.is_none() {
                    return Ok(index);
                }
                index = index.saturating_add(1);
            }
        }
        // The quota ends before the table does.
        Err(Error::INSUFFICIENT_RESOURCES)
    }

    /// Puts an object into a vacant place.
    pub fn fill(&mut self, index: u8, slot: Slot) {
        if let Some(place) = self.place(index) {
            *place = Some(slot);
        }
    }

    fn place(&mut self, index: u8) -> Option<&mut Option<Slot>> {
        let index = usize::from(index);
        self.chunks
            .get_mut(index / CHUNK)?
            .as_mut()?
            .get_mut(index % CHUNK)
    }

    fn occupied(&mut self, handle: Handle) -> Result<&mut Option<Slot>> {
        self.place(handle.index())
            .filter(|place| place.as_ref().is_some_and(|slot| slot.handle == handle))
            .ok_or(Error::INVALID_HANDLE)
    }

    /// The object with this handle.
    pub fn get(&mut self, handle: Handle) -> Result<&mut Slot> {
        self.occupied(handle)?.as_mut().ok_or(Error::INVALID_HANDLE)
    }

    /// Puts something in place of an object for a moment: what `change` makes of it.
    pub fn change(&mut self, handle: Handle, change: impl FnOnce(Slot) -> Slot) -> Result<()> {
        let place = self.occupied(handle)?;
        *place = place.take().map(change);
        Ok(())
    }

    /// Takes an object out and refunds what it was charged for.
    pub fn remove(&mut self, quota: Quota<'_>, handle: Handle) -> Result<Object> {
        let slot = self.occupied(handle)?.take().ok_or(Error::INVALID_HANDLE)?;
        if let Some(list) = slot.origin.and_then(|list| self.get(list).ok()) {
            list.taken.out = list.taken.out.saturating_sub(1);
        }
        quota.release(slot.holding());
        Ok(slot.object)
    }

    /// Deletes everything and makes room for nothing from now on.
    pub fn close(&mut self, quota: Quota<'_>) {
        self.closed = true;
        for chunk in &mut self.chunks {
            let Some(chunk) = chunk.take() else { continue };
            for slot in chunk.iter().flatten() {
                quota.release(slot.holding());
            }
        }
    }

    /// What it has of each kind, as it stands in a reply.
    pub fn by_kind(&self) -> [Usage; ObjectKind::ALL.len()] {
        let mut usage = [Usage::default(); ObjectKind::ALL.len()];
        for slot in self.slots() {
            let Holding { kind, bytes, .. } = slot.holding();
            if let Some(kind) = usage.get_mut(kind.number() as usize) {
                kind.objects = kind.objects.get().saturating_add(1).into();
                kind.bytes = kind.bytes.get().saturating_add(bytes).into();
            }
        }
        usage
    }

    /// The hits and misses of its Ex lists.
    pub fn list_counters(&self) -> (u64, u64) {
        let mut sum = (0_u64, 0_u64);
        for slot in self.slots() {
            if let Object::ExList(list) = &slot.object {
                let counters = either!(list, list => list.counters());
                sum.0 = sum.0.saturating_add(counters.allocate_hits().into());
                sum.1 = sum.1.saturating_add(counters.allocate_misses.into());
            }
        }
        sum
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.chunks
            .iter()
            .flatten()
            .flat_map(|chunk| chunk.iter())
            .flatten()
    }
}
