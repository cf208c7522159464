//! Calls about `WdfLookasideListCreate` and `WdfMemoryCreateFromLookaside`.

use kmdf::{LookasideList, Result, Transfer};
use wdfmem_ioctl::{CreateFromLookaside, CreateLookaside, PoolKind};

use super::{Handler, Scope, framework_tag, object_size, reply};
use crate::object::{Object, Pooled, mismatch};

/// The list's memory objects are children of the file object, as the list itself is.
impl Handler for CreateLookaside {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let length = object_size(self.size)?;
        let tag = framework_tag(self.tag)?;
        let created = scope.create(0, self.size, None, |scope| {
            let (file, irql) = (&scope.file, &*scope.irql);
            Ok(Object::Lookaside(match self.pool {
                PoolKind::NonPaged => Pooled::NonPaged(LookasideList::with_memory_parent(
                    file, file, tag, length, irql,
                )?),
                PoolKind::Paged => Pooled::Paged(LookasideList::with_memory_parent(
                    file, file, tag, length, irql,
                )?),
            }))
        })?;
        reply::<Self>(transfer, &created)
    }
}

impl Handler for CreateFromLookaside {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let list = self.list;
        if !matches!(scope.table.get(list)?.object, Object::Lookaside(_)) {
            return Err(mismatch());
        }
        let taken = scope.take_from(list, |scope| {
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
        })?;
        reply::<Self>(transfer, &taken)
    }
}
