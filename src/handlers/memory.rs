//! Calls about `WdfMemoryCreate`, and deletion.

use kmdf::{Allows, DriverParent, Error, Memory, Passive, PoolKind, Result, UninitMemory};
use wdfmem_ioctl::{Content, CreateMemory, Handle, Kind, Parent, wire};

use super::{Scope, framework_tag, object_size};
use crate::object::{Object, Pooled, mismatch};

/// Create memory.
pub fn create(scope: &mut Scope<'_>, ask: CreateMemory) -> Result<wire::CreatedAnswer> {
    let length = object_size(ask.size)?;
    let tag = framework_tag(ask.tag)?;
    scope.create(ask.size, ask.size, None, |scope| {
        let CreateMemory {
            pool,
            parent,
            content,
            ..
        } = ask;
        Ok(match (content, pool) {
            (Content::Uninitialized, wdfmem_ioctl::PoolKind::NonPaged) => {
                Object::Uninitialized(Pooled::NonPaged(uninitialized(scope, parent, tag, length)?))
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
    })
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

/// Delete: dropping the object is `WdfObjectDelete`.
pub fn delete(scope: &mut Scope<'_>, handle: Handle) -> Result<()> {
    let slot = scope.table.get(handle)?;
    match slot.object.kind() {
        Kind::Memory | Kind::Preallocated | Kind::LookasideMemory => {}
        Kind::Lookaside if slot.taken.out == 0 => {}
        Kind::Lookaside => return Err(Error::DEVICE_BUSY),
        Kind::PagedList | Kind::NonPagedList | Kind::Entry => return Err(mismatch()),
    }
    drop(scope.table.remove(scope.quota, handle)?);
    Ok(())
}
