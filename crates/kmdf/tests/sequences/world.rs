//! The values that are alive beside what they must hold, and what handlers do with them.

use super::driver::{Here, TAG};
use super::step::{Action, Content, Parent, Pick};
use super::value::{BOXED, Value};
use kmdf::{
    Allows, DriverParent, Entry, Error, ExLookaside, ExPool, LookasideList, Memory,
    NonPagedLookaside, Paged, PagedLookaside, Passive, PoolBox, PoolBuffer, PoolKind,
    PreallocatedMemory, Result, SpinLock, WaitLock,
};
use std::collections::HashSet;

const PAGE_SIZE: usize = 4096;

/// What was not as it had to be.
pub type Fault = String;

/// An object that values can be children of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    Driver,
    /// A device and its queue, by the number of the device.
    Device(u32),
    File(u32),
}

/// A value and what the model knows of it.
pub struct Item {
    value: Value,
    /// What its bytes must be.
    bytes: Vec<u8>,
    /// The parent of what is taken from it, if it is a framework's list.
    memory_parent: Owner,
    /// Size of what is taken from it, if it is a list.
    entry_size: usize,
}

impl Item {
    fn plain(value: Value, bytes: Vec<u8>) -> Self {
        Self {
            value,
            bytes,
            memory_parent: Owner::Driver,
            entry_size: 0,
        }
    }

    fn list(value: Value, entry_size: usize, memory_parent: Owner) -> Self {
        Self {
            value,
            bytes: Vec::new(),
            memory_parent,
            entry_size,
        }
    }
}

/// All values, and which of the parents are gone.
#[derive(Default)]
pub struct World {
    pub items: Vec<Item>,
    pub gone: HashSet<Owner>,
    /// Whether an allocation may be failing in this step.
    pub failing: bool,
}

/// Runs an expression with the parent that was drawn.
macro_rules! with_parent {
    ($parent:expr, $here:expr, $it:ident => $body:expr) => {
        match $parent {
            Parent::Driver => {
                let $it = &DriverParent;
                $body
            }
            Parent::Device => {
                let $it = &$here.device;
                $body
            }
            Parent::File => {
                let $it = &$here.file;
                $body
            }
        }
    };
}

/// The error that is expected for a condition.
fn if_so(condition: bool, error: Error) -> Option<Error> {
    condition.then_some(error)
}

impl World {
    /// The index of a drawn item, if there is any.
    pub fn index(&self, pick: Pick) -> Option<usize> {
        let count = self.items.len();
        (count > 0).then(|| usize::from(pick) % count)
    }

    /// Compares the result of a call with the expected one.
    fn judge<T>(
        &self,
        what: &str,
        result: Result<T>,
        expected: Option<Error>,
    ) -> Result<Option<T>, Fault> {
        match (result, expected) {
            (Ok(value), None) => Ok(Some(value)),
            (Err(error), Some(expected)) if error == expected => Ok(None),
            (Err(Error::INSUFFICIENT_RESOURCES), _) if self.failing => Ok(None),
            (Ok(_), Some(expected)) => Err(format!("{what}: success instead of {expected}")),
            (Err(error), expected) => Err(format!("{what}: {error} instead of {expected:?}")),
        }
    }

    fn add(&mut self, item: Item) {
        self.items.push(item);
    }

    /// Does what was drawn.
    pub fn act(
        &mut self,
        action: &Action,
        here: &Here<'_>,
        device: u32,
        file: u32,
        irql: &mut Passive,
    ) -> Result<(), Fault> {
        let owner = |parent| match parent {
            Parent::Driver => Owner::Driver,
            Parent::Device => Owner::Device(device),
            Parent::File => Owner::File(file),
        };
        match *action {
            Action::Memory {
                paged: true,
                parent,
                size,
                content,
            } => self.memory(here, parent, size, content, irql, Value::PagedMemory),
            Action::Memory {
                paged: false,
                parent,
                size,
                content,
            } => self.memory(here, parent, size, content, irql, Value::Memory),
            Action::Buffer { paged: true, size } => self.buffer(size, irql, Value::PagedBuffer),
            Action::Buffer { paged: false, size } => self.buffer(size, irql, Value::Buffer),
            Action::Cover { pick, parent } => self.cover(pick, here, parent),
            Action::Assign { pick, size } => self.assign(pick, size, irql),
            Action::Uncover(pick) => {
                self.uncover(pick);
                Ok(())
            }
            Action::List {
                paged: true,
                parent,
                memory_parent,
                size,
            } => {
                let list = make_list::<Paged>(here, parent, memory_parent, size, irql);
                self.list(
                    list,
                    size,
                    memory_parent.map_or(Owner::Driver, owner),
                    Value::PagedList,
                )
            }
            Action::List {
                paged: false,
                parent,
                memory_parent,
                size,
            } => {
                let list = make_list(here, parent, memory_parent, size, irql);
                self.list(
                    list,
                    size,
                    memory_parent.map_or(Owner::Driver, owner),
                    Value::List,
                )
            }
            Action::ExList {
                paged: true,
                exports,
                size,
            } => self.ex_list(exports, size, irql, Value::PagedEx),
            Action::ExList {
                paged: false,
                exports,
                size,
            } => self.ex_list(exports, size, irql, Value::Ex),
            Action::Take(pick) => self.take(pick, irql),
            Action::Share(pick) => {
                self.share(pick);
                Ok(())
            }
            Action::Lock { wait, parent } => {
                let bytes = vec![0; 8];
                let lock = if wait {
                    with_parent!(parent, here, it => WaitLock::new(it, bytes.clone()))
                        .map(Value::Wait)
                } else {
                    with_parent!(parent, here, it => SpinLock::new(it, bytes.clone()))
                        .map(Value::Spin)
                };
                if let Some(lock) = self.judge("a lock", lock, None)? {
                    self.add(Item::plain(lock, bytes));
                }
                Ok(())
            }
            Action::Box => {
                let boxed = PoolBox::new(TAG, [3; BOXED]).map(Value::Boxed);
                if let Some(boxed) = self.judge("a box", boxed, None)? {
                    self.add(Item::plain(boxed, vec![3; BOXED]));
                }
                Ok(())
            }
            Action::Write {
                pick,
                offset,
                byte,
                raised,
            } => self.write(pick, offset, byte, raised, here, irql),
            Action::CopyIn {
                pick,
                offset,
                length,
                byte,
            } => self.copy_in(pick, offset, &vec![byte; length], irql),
            Action::CopyOut {
                pick,
                offset,
                length,
            } => self.copy_out(pick, offset, length, irql),
            Action::CopyOver { from, to } => self.copy_over(from, to, irql),
            Action::Drop {
                pick,
                count,
                raised,
            } => self.drop(pick, count, raised, here, irql),
            Action::Give(pick) => self.give(pick, here, irql),
            Action::Check { raised } => self.check(raised, here, irql),
        }
    }

    fn memory<P: PoolKind>(
        &mut self,
        here: &Here<'_>,
        parent: Parent,
        size: usize,
        content: Content,
        irql: &Passive,
        value: fn(Memory<P>) -> Value,
    ) -> Result<(), Fault>
    where
        Passive: Allows<P>,
    {
        let expected = if_so(size == 0, Error::INVALID_PARAMETER);
        let (made, byte) = match content {
            Content::Zeroed => (
                with_parent!(parent, here, it => Memory::new(it, TAG, size, irql)),
                0,
            ),
            Content::Filled(byte) | Content::Written(byte) => {
                let raw = with_parent!(parent, here, it => Memory::new_uninit(it, TAG, size, irql));
                let made = raw.and_then(|raw| match content {
                    Content::Written(byte) => raw.written(&vec![byte; size], irql),
                    _ => Ok(raw.filled(byte, irql)),
                });
                (made, byte)
            }
            Content::Never => {
                let raw: Result<_> =
                    with_parent!(parent, here, it => Memory::<P>::new_uninit(it, TAG, size, irql));
                self.judge("uninitialised memory", raw.map(drop), expected)?;
                return Ok(());
            }
        };
        let Some(made) = self.judge("memory", made, expected)? else {
            return Ok(());
        };
        let alignment = if size < PAGE_SIZE { 16 } else { PAGE_SIZE };
        if made.len() != size || made.bytes(irql).as_ptr().addr() % alignment != 0 {
            return Err(format!(
                "{} bytes at {:p} for {size}",
                made.len(),
                made.bytes(irql)
            ));
        }
        self.add(Item::plain(value(made), vec![byte; size]));
        Ok(())
    }

    fn buffer<P: PoolKind>(
        &mut self,
        size: usize,
        irql: &Passive,
        value: fn(PoolBuffer<P>) -> Value,
    ) -> Result<(), Fault>
    where
        Passive: Allows<P>,
    {
        let expected = if_so(size == 0, Error::INVALID_PARAMETER);
        let made = PoolBuffer::new(TAG, size, irql);
        if let Some(made) = self.judge("a pool buffer", made, expected)? {
            self.add(Item::plain(value(made), vec![0; size]));
        }
        Ok(())
    }

    fn cover(&mut self, pick: Pick, here: &Here<'_>, parent: Parent) -> Result<(), Fault> {
        let buffer = |item: &Item| matches!(item.value, Value::PagedBuffer(_) | Value::Buffer(_));
        let Some(Item { value, bytes, .. }) = self.take_out(pick, buffer) else {
            return Ok(());
        };
        let made = match value {
            Value::PagedBuffer(buffer) => {
                with_parent!(parent, here, it => PreallocatedMemory::new(it, buffer))
                    .map(Value::PagedOver)
            }
            Value::Buffer(buffer) => {
                with_parent!(parent, here, it => PreallocatedMemory::new(it, buffer))
                    .map(Value::Over)
            }
            _ => return Err("take_out gave something else".to_owned()),
        };
        if let Some(made) = self.judge("preallocated memory", made, None)? {
            self.add(Item::plain(made, bytes));
        }
        Ok(())
    }

    fn assign(&mut self, pick: Pick, size: usize, irql: &Passive) -> Result<(), Fault> {
        let over = |item: &Item| matches!(item.value, Value::PagedOver(_) | Value::Over(_));
        let Some(mut item) = self.take_out(pick, over) else {
            return Ok(());
        };
        // A buffer of no bytes cannot be had, so that an empty one cannot be assigned.
        let expected = if_so(size == 0, Error::INVALID_PARAMETER);
        let former = match &mut item.value {
            Value::PagedOver(over) => PoolBuffer::new(TAG, size, irql)
                .and_then(|buffer| over.assign(buffer))
                .map(Value::PagedBuffer),
            Value::Over(over) => PoolBuffer::new(TAG, size, irql)
                .and_then(|buffer| over.assign(buffer))
                .map(Value::Buffer),
            _ => return Err("take_out gave something else".to_owned()),
        };
        let former = self.judge("assigning a buffer", former, expected)?;
        if let Some(former) = former {
            let bytes = std::mem::replace(&mut item.bytes, vec![0; size]);
            self.add(Item::plain(former, bytes));
        }
        self.items.push(item);
        Ok(())
    }

    fn uncover(&mut self, pick: Pick) {
        let over = |item: &Item| matches!(item.value, Value::PagedOver(_) | Value::Over(_));
        if let Some(Item { value, bytes, .. }) = self.take_out(pick, over) {
            let value = match value {
                Value::PagedOver(over) => Value::PagedBuffer(over.into_buffer()),
                Value::Over(over) => Value::Buffer(over.into_buffer()),
                other => other,
            };
            self.items.push(Item::plain(value, bytes));
        }
    }

    fn list<P: PoolKind>(
        &mut self,
        made: Result<LookasideList<P>>,
        size: usize,
        memory_parent: Owner,
        value: fn(LookasideList<P>) -> Value,
    ) -> Result<(), Fault> {
        let expected = if_so(size == 0, Error::INVALID_PARAMETER);
        if let Some(made) = self.judge("a lookaside list", made, expected)? {
            self.add(Item::list(value(made), size, memory_parent));
        }
        Ok(())
    }

    fn ex_list<P: ExPool>(
        &mut self,
        exports: bool,
        size: usize,
        irql: &Passive,
        value: fn(ExLookaside<P>) -> Value,
    ) -> Result<(), Fault> {
        let expected = if_so(size < 8, Error::INVALID_PARAMETER);
        let made = if exports {
            ExLookaside::with_system_routines(TAG, size, irql)
        } else {
            ExLookaside::new(TAG, size, irql)
        };
        if let Some(made) = self.judge("a kernel lookaside list", made, expected)? {
            self.add(Item::list(value(made), size, Owner::Driver));
        }
        Ok(())
    }

    /// Memory from a list is zero, whatever its former owner wrote.
    fn take(&mut self, pick: Pick, irql: &Passive) -> Result<(), Fault> {
        let Some(at) = self.pick(pick, |item| !item.value.has_bytes()) else {
            return Ok(());
        };
        let item = &self.items[at];
        let expected = if_so(
            self.gone.contains(&item.memory_parent),
            Error::DELETE_PENDING,
        );
        let size = item.entry_size;
        let taken = match &item.value {
            Value::PagedList(list) => list.allocate(irql).map(Value::PagedMemory),
            Value::List(list) => list.allocate(irql).map(Value::Memory),
            Value::PagedEx(list) => take_entry(list, irql).map(Value::PagedEntry),
            Value::Ex(list) => take_entry(list, irql).map(Value::Entry),
            _ => return Ok(()),
        };
        if let Some(taken) = self.judge("taking from a list", taken, expected)? {
            self.add(Item::plain(taken, vec![0; size]));
        }
        Ok(())
    }

    fn share(&mut self, pick: Pick) {
        let ex = |item: &Item| matches!(item.value, Value::PagedEx(_) | Value::Ex(_));
        if let Some(at) = self.pick(pick, ex) {
            let item = &self.items[at];
            let clone = match &item.value {
                Value::PagedEx(list) => Value::PagedEx(PagedLookaside::clone(list)),
                Value::Ex(list) => Value::Ex(NonPagedLookaside::clone(list)),
                _ => return,
            };
            let clone = Item::list(clone, item.entry_size, Owner::Driver);
            self.add(clone);
        }
    }

    fn write(
        &mut self,
        pick: Pick,
        offset: usize,
        byte: u8,
        raised: bool,
        here: &Here<'_>,
        irql: &mut Passive,
    ) -> Result<(), Fault> {
        let Some(at) = self.pick(pick, |item| item.value.has_bytes()) else {
            return Ok(());
        };
        let Item { value, bytes, .. } = &mut self.items[at];
        let set = |bytes: &mut [u8]| {
            if let Some(place) = bytes.get_mut(offset) {
                *place = byte;
            }
        };
        let written = if raised {
            let spin = &here.state.spin;
            spin.with(irql, |count, irql| {
                *count += 1;
                value.with_bytes_raised(irql, set)
            })
            .map_err(|error| format!("the device's lock: {error}"))?
        } else {
            value.with_bytes(irql, set)
        };
        if written.is_some() {
            set(bytes);
        }
        Ok(())
    }

    fn copy_in(
        &mut self,
        pick: Pick,
        offset: usize,
        source: &[u8],
        irql: &Passive,
    ) -> Result<(), Fault> {
        let Some(at) = self.pick(pick, |item| item.value.has_bytes()) else {
            return Ok(());
        };
        let Item { value, bytes, .. } = &mut self.items[at];
        let Some(copied) = value.copy_from(offset, source, irql) else {
            return Ok(());
        };
        let fits = offset
            .checked_add(source.len())
            .filter(|&end| end <= bytes.len());
        let expected = match fits {
            _ if source.is_empty() => Some(Error::INVALID_PARAMETER),
            Some(end) => {
                bytes[offset..end].copy_from_slice(source);
                None
            }
            None => Some(Error::INVALID_BUFFER_SIZE),
        };
        self.judge("copying in", copied, expected)?;
        Ok(())
    }

    fn copy_out(
        &mut self,
        pick: Pick,
        offset: usize,
        length: usize,
        irql: &Passive,
    ) -> Result<(), Fault> {
        let Some(at) = self.pick(pick, |item| item.value.has_bytes()) else {
            return Ok(());
        };
        let Item { value, bytes, .. } = &self.items[at];
        let mut target = vec![0xA5; length];
        let Some(copied) = value.copy_to(offset, &mut target, irql) else {
            return Ok(());
        };
        let range = offset
            .checked_add(length)
            .and_then(|end| bytes.get(offset..end));
        let (expected, wanted) = match range {
            _ if length == 0 => (Some(Error::INVALID_PARAMETER), vec![]),
            Some(range) => (None, range.to_vec()),
            None => (Some(Error::BUFFER_TOO_SMALL), vec![0xA5; length]),
        };
        self.judge("copying out", copied, expected)?;
        if target != wanted {
            return Err(format!(
                "copied out other bytes than {length} from {offset}"
            ));
        }
        Ok(())
    }

    fn copy_over(&mut self, from: Pick, to: Pick, irql: &mut Passive) -> Result<(), Fault> {
        let Some(to) = self.pick(to, |item| item.value.has_bytes()) else {
            return Ok(());
        };
        let Some(from) = self.pick(from, |item| item.value.has_bytes()) else {
            return Ok(());
        };
        if from == to {
            return Ok(());
        }
        let mut source = self.items[from].bytes.clone();
        source.truncate(self.items[to].bytes.len());
        let length = source.len();
        let copied = self.items[from]
            .value
            .with_bytes(irql, |bytes| bytes[..length].to_vec());
        if copied.as_ref() != Some(&source) {
            return Err("the source holds something else".to_owned());
        }
        self.items[to]
            .value
            .with_bytes(irql, |bytes| bytes[..length].copy_from_slice(&source));
        self.items[to].bytes[..length].copy_from_slice(&source);
        Ok(())
    }

    fn drop(
        &mut self,
        pick: Pick,
        count: usize,
        raised: bool,
        here: &Here<'_>,
        irql: &mut Passive,
    ) -> Result<(), Fault> {
        let Some(first) = self.index(pick) else {
            return Ok(());
        };
        let last = (first + count).min(self.items.len());
        let mut dropped: Vec<_> = self.items.drain(first..last).collect();
        if !raised {
            return Ok(());
        }
        here.state
            .spin
            .with(irql, |_, _| dropped.clear())
            .map_err(|error| format!("the device's lock: {error}"))
    }

    fn give(&mut self, pick: Pick, here: &Here<'_>, irql: &mut Passive) -> Result<(), Fault> {
        // A framework's list may keep the file object alive, and then itself in it.
        let owned = |item: &Item| !matches!(item.value, Value::PagedList(_) | Value::List(_));
        let Some(item) = self.take_out(pick, owned) else {
            return Ok(());
        };
        here.opened
            .kept
            .with(irql, |kept, _| kept.push(item.value))
            .map_err(|error| format!("the file object's lock: {error}"))
    }

    /// Everything holds what it must.
    fn check(&mut self, raised: bool, here: &Here<'_>, irql: &mut Passive) -> Result<(), Fault> {
        for Item { value, bytes, .. } in &mut self.items {
            let same = if raised {
                here.state
                    .spin
                    .with(irql, |_, irql| {
                        value.with_bytes_raised(irql, |found| found == &bytes[..])
                    })
                    .map_err(|error| format!("the device's lock: {error}"))?
            } else {
                value.with_bytes(irql, |found| found == &bytes[..])
            };
            if same == Some(false) {
                return Err(format!("{} bytes are not what was written", bytes.len()));
            }
        }
        Ok(())
    }

    /// Index of a drawn item of those that are `wanted`.
    fn pick(&self, pick: Pick, wanted: impl Fn(&Item) -> bool) -> Option<usize> {
        let fitting: Vec<_> = (self.items.iter().enumerate())
            .filter(|(_, item)| wanted(item))
            .map(|(index, _)| index)
            .collect();
        fitting
            .get(usize::from(pick) % fitting.len().max(1))
            .copied()
    }

    fn take_out(&mut self, pick: Pick, wanted: impl Fn(&Item) -> bool) -> Option<Item> {
        self.pick(pick, wanted).map(|at| self.items.remove(at))
    }
}

fn make_list<P: PoolKind>(
    here: &Here<'_>,
    parent: Parent,
    memory_parent: Option<Parent>,
    size: usize,
    irql: &Passive,
) -> Result<LookasideList<P>> {
    let Some(memory_parent) = memory_parent else {
        return with_parent!(parent, here, it => LookasideList::new(it, TAG, size, irql));
    };
    with_parent!(parent, here, it => with_parent!(memory_parent, here, of_memory => {
        LookasideList::with_memory_parent(it, of_memory, TAG, size, irql)
    }))
}

/// Takes an entry, and sees that the list counts it.
fn take_entry<P: ExPool>(list: &ExLookaside<P>, irql: &Passive) -> Result<Entry<P>>
where
    Passive: Allows<P>,
{
    let before = list.counters();
    let taken = list.allocate(irql)?;
    let after = list.counters();
    assert_eq!(after.allocates, before.allocates.wrapping_add(1));
    assert!(after.frees <= after.allocates, "{after:?}");
    Ok(taken)
}
