//! Calls about `ExInitializePagedLookasideList`, `ExAllocateFromPagedLookasideList`, their relatives and
//! the nonpaged siblings.

use kmdf::{Error, ExLookaside, ExPool, Passive, Result, Tag};
use wdfmem_ioctl::{Handle, InitializeExList, PoolKind, Routines, wire};

use super::{Scope, kernel_tag, object_size};
use crate::object::{Object, Pooled, mismatch};

/// Initialise an Ex lookaside list.
pub fn initialize(scope: &mut Scope<'_>, ask: InitializeExList) -> Result<wire::CreatedAnswer> {
    let length = object_size(ask.size)?;
    let tag = kernel_tag(ask.tag)?;
    scope.create(0, ask.size, None, |scope| {
        Ok(Object::ExList(match ask.pool {
            PoolKind::NonPaged => Pooled::NonPaged(list(tag, length, ask.routines, scope.irql)?),
            PoolKind::Paged => Pooled::Paged(list(tag, length, ask.routines, scope.irql)?),
        }))
    })
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

/// Allocate an entry.
pub fn allocate(scope: &mut Scope<'_>, list: Handle) -> Result<wire::CreatedAnswer> {
    if !matches!(scope.table.get(list)?.object, Object::ExList(_)) {
        return Err(mismatch());
    }
    scope.take_from(list, |scope| {
        Ok(Object::Entry(match &scope.table.get(list)?.object {
            Object::ExList(Pooled::NonPaged(list)) => {
                Pooled::NonPaged(list.allocate(&*scope.irql)?)
            }
            Object::ExList(Pooled::Paged(list)) => Pooled::Paged(list.allocate(&*scope.irql)?),
            _ => return Err(mismatch()),
        }))
    })
}

/// Free an entry: dropping it gives it back to its own list.
pub fn free(scope: &mut Scope<'_>, list: Handle, entry: Handle) -> Result<()> {
    if !matches!(scope.table.get(list)?.object, Object::ExList(_)) {
        return Err(mismatch());
    }
    let slot = scope.table.get(entry)?;
    if !matches!(slot.object, Object::Entry(_)) {
        return Err(mismatch());
    }
    if slot.origin != Some(list) {
        return Err(Error::INVALID_PARAMETER);
    }
    drop(scope.table.remove(scope.quota, entry)?);
    Ok(())
}

/// Delete an Ex lookaside list: no entry of it is out, so dropping it is `ExDelete...LookasideList`.
pub fn delete(scope: &mut Scope<'_>, list: Handle) -> Result<()> {
    let slot = scope.table.get(list)?;
    if !matches!(slot.object, Object::ExList(_)) {
        return Err(mismatch());
    }
    if slot.taken.out != 0 {
        return Err(Error::DEVICE_BUSY);
    }
    drop(scope.table.remove(scope.quota, list)?);
    Ok(())
}
