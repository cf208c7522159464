//! Calls about `WdfLookasideListCreate` and `WdfMemoryCreateFromLookaside`.

use kmdf::{LookasideList, Result};
use wdfmem_ioctl::{CreateList, Handle, PoolKind, wire};

use super::{Scope, framework_tag, object_size};
use crate::object::{Object, Pooled, mismatch};

/// Create a WDF lookaside list. Its memory objects are children of the file object, as it is itself.
pub fn create(scope: &mut Scope<'_>, ask: CreateList) -> Result<wire::CreatedAnswer> {
    let length = object_size(ask.size)?;
    let tag = framework_tag(ask.tag)?;
    scope.create(0, ask.size, None, |scope| {
        let (file, irql) = (&scope.file, &*scope.irql);
        Ok(Object::Lookaside(match ask.pool {
            PoolKind::NonPaged => Pooled::NonPaged(LookasideList::with_memory_parent(
                file, file, tag, length, irql,
            )?),
            PoolKind::Paged => Pooled::Paged(LookasideList::with_memory_parent(
                file, file, tag, length, irql,
            )?),
        }))
    })
}

/// Create memory from a WDF lookaside list.
pub fn take(scope: &mut Scope<'_>, list: Handle) -> Result<wire::CreatedAnswer> {
    if !matches!(scope.table.get(list)?.object, Object::Lookaside(_)) {
        return Err(mismatch());
    }
    scope.take_from(list, |scope| {
        Ok(Object::LookasideMemory(
            match &scope.table.get(list)?.object {
                Object::Lookaside(Pooled::NonPaged(list)) => {
                    Pooled::NonPaged(list.allocate(&*scope.irql)?)
                }
                Object::Lookaside(Pooled::Paged(list)) => {
                    Pooled::Paged(list.allocate(&*scope.irql)?)
                }
                _ => return Err(mismatch()),
            },
        ))
    })
}
