//! Calls about `WdfMemoryCreate`, and deletion.

use kmdf::{
    Allows, DriverParent, Error, Memory, Passive, PoolKind, Result, Transfer, UninitMemory,
};
use wdfmem_ioctl::{Content, CreateMemory, Delete, ObjectKind, Parent};

use super::{Handler, Scope, framework_tag, object_size, reply};
use crate::object::{Object, Pooled, mismatch};

impl Handler for CreateMemory {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let Self {
            pool,
            parent,
            content,
            tag,
            size,
        } = self;
        let length = object_size(size)?;
        let tag = framework_tag(tag)?;
        let created = scope.create(size, size, None, |scope| {
            Ok(match (content, pool) {
                (Content::Uninitialized, wdfmem_ioctl::PoolKind::NonPaged) => {
                    Object::Uninitialized(Pooled::NonPaged(uninitialized(
                        scope, parent, tag, length,
                    )?))
                }
                (Content::Uninitialized, wdfmem_ioctl::PoolKind::Paged) => {
                    Object::Uninitialized(Pooled::Paged(uninitialized(scope, parent, tag, length)?))
                }
                (Content::Zeroed, wdfmem_ioctl::PoolKind::NonPaged) => {
                    Object::Memory(Pooled::NonPaged(zeroed(scope, parent, tag, length)?))
                }
                (Content::Zeroed, wdfmem_ioctl::PoolKind::Paged) => {
                    Object::Memory(Pooled::Paged(zeroed(scope, parent, tag, length)?))
                }
            })
        })?;
        reply::<Self>(transfer, &created)
    }
}

fn uninitialized<P: PoolKind>(
    scope: &Scope<'_>,
    parent: Parent,
    tag: kmdf::Tag,
    length: usize,
) -> Result<UninitMemory<P>>
where
    Passive: Allows<P>,
{
    let irql = &*scope.irql;
    match parent {
        Parent::FileObject => Memory::new_uninit(&scope.file, tag, length, irql),
        Parent::Device => Memory::new_uninit(&scope.device, tag, length, irql),
        Parent::Driver => Memory::new_uninit(&DriverParent, tag, length, irql),
    }
}

fn zeroed<P: PoolKind>(
    scope: &Scope<'_>,
    parent: Parent,
    tag: kmdf::Tag,
    length: usize,
) -> Result<Memory<P>>
where
    Passive: Allows<P>,
{
    Ok(uninitialized(scope, parent, tag, length)?.zeroed(&*scope.irql))
}

/// Dropping the object is `WdfObjectDelete`.
impl Handler for Delete {
    fn handle(self, scope: &mut Scope<'_>, _: Transfer<'_>) -> Result<usize> {
        let slot = scope.table.get(self.handle)?;
        match slot.object.kind() {
            ObjectKind::Memory | ObjectKind::Preallocated | ObjectKind::LookasideMemory => {}
            ObjectKind::Lookaside if slot.taken.out == 0 => {}
            ObjectKind::Lookaside => return Err(Error::DEVICE_BUSY),
            ObjectKind::PagedList | ObjectKind::NonPagedList | ObjectKind::Entry => {
                return Err(mismatch());
            }
        }
        drop(scope.table.remove(scope.quota, self.handle)?);
        Ok(0)
    }
}
