//! Calls about `ExInitializePagedLookasideList`, `ExAllocateFromPagedLookasideList`, their relatives and
//! the nonpaged siblings.

use kmdf::{Error, ExLookaside, ExPool, Passive, Result, Tag, Transfer};
use wdfmem_ioctl::{AllocateEntry, DeleteExList, FreeEntry, InitializeExList, PoolKind, Routines};

use super::{Handler, Scope, kernel_tag, object_size, reply};
use crate::object::{Object, Pooled, mismatch};

impl Handler for InitializeExList {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let length = object_size(self.size)?;
        let tag = kernel_tag(self.tag)?;
        let created = scope.create(0, self.size, None, |scope| {
            Ok(Object::ExList(match self.pool {
                PoolKind::NonPaged => {
                    Pooled::NonPaged(list(tag, length, self.routines, scope.irql)?)
                }
                PoolKind::Paged => Pooled::Paged(list(tag, length, self.routines, scope.irql)?),
            }))
        })?;
        reply::<Self>(transfer, &created)
    }
}

fn list<P: ExPool>(
    tag: Tag,
    length: usize,
    routines: Routines,
    irql: &Passive,
) -> Result<ExLookaside<P>> {
    match routines {
        Routines::Inline => ExLookaside::new(tag, length, irql),
        Routines::Exported => ExLookaside::with_system_routines(tag, length, irql),
    }
}

impl Handler for AllocateEntry {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let list = self.list;
        if !matches!(scope.table.get(list)?.object, Object::ExList(_)) {
            return Err(mismatch());
        }
        let allocated = scope.take_from(list, |scope| {
            Ok(Object::Entry(match &scope.table.get(list)?.object {
                Object::ExList(Pooled::NonPaged(list)) => {
                    Pooled::NonPaged(list.allocate(&*scope.irql)?)
                }
                Object::ExList(Pooled::Paged(list)) => Pooled::Paged(list.allocate(&*scope.irql)?),
                _ => return Err(mismatch()),
            }))
        })?;
        reply::<Self>(transfer, &allocated)
    }
}

/// Dropping the entry frees it to its own list.
impl Handler for FreeEntry {
    fn handle(self, scope: &mut Scope<'_>, _: Transfer<'_>) -> Result<usize> {
        if !matches!(scope.table.get(self.list)?.object, Object::ExList(_)) {
            return Err(mismatch());
        }
        let slot = scope.table.get(self.entry)?;
        if !matches!(slot.object, Object::Entry(_)) {
            return Err(mismatch());
        }
        if slot.origin != Some(self.list) {
            return Err(Error::INVALID_PARAMETER);
        }
        drop(scope.table.remove(scope.quota, self.entry)?);
        Ok(0)
    }
}

/// No entry of the list is in use, so dropping it is `ExDelete...LookasideList`.
impl Handler for DeleteExList {
    fn handle(self, scope: &mut Scope<'_>, _: Transfer<'_>) -> Result<usize> {
        let slot = scope.table.get(self.list)?;
        if !matches!(slot.object, Object::ExList(_)) {
            return Err(mismatch());
        }
        if slot.taken.out != 0 {
            return Err(Error::DEVICE_BUSY);
        }
        drop(scope.table.remove(scope.quota, self.list)?);
        Ok(0)
    }
}
