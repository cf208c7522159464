//! Calls about `WdfMemoryCreatePreallocated` and `WdfMemoryAssignBuffer`.

use kmdf::{Allows, DriverParent, Passive, PoolBuffer, PoolKind, PreallocatedMemory, Result};
use wdfmem_ioctl::{CreatePreallocated, Handle, Kind, Parent, Tag, wire};

use super::{Scope, kernel_tag, object_size};
use crate::object::{Object, Pooled, Preallocated, mismatch};
use crate::quota::{Charge, Charged};

/// Create preallocated memory: over a zeroed buffer that the driver allocates for it.
pub fn create(scope: &mut Scope<'_>, ask: CreatePreallocated) -> Result<wire::CreatedAnswer> {
    let length = object_size(ask.size)?;
    let tag = kernel_tag(ask.tag)?;
    scope.create(ask.size, ask.size, None, |scope| {
        Ok(Object::Preallocated(match ask.pool {
            wdfmem_ioctl::PoolKind::NonPaged => Pooled::NonPaged(over(
                scope,
                ask.parent,
                PoolBuffer::new(tag, length, scope.irql)?,
            )?),
            wdfmem_ioctl::PoolKind::Paged => Pooled::Paged(over(
                scope,
                ask.parent,
                PoolBuffer::new(tag, length, scope.irql)?,
            )?),
        }))
    })
}

fn over<P: PoolKind>(
    scope: &Scope<'_>,
    parent: Parent,
    buffer: PoolBuffer<P>,
) -> Result<Preallocated<P>> {
    match parent {
        Parent::FileObject => PreallocatedMemory::new(&scope.file, buffer),
        Parent::Device => PreallocatedMemory::new(&scope.device, buffer),
        Parent::Driver => PreallocatedMemory::new(&DriverParent, buffer),
    }
}

/// Assign another buffer: one that the driver allocates for it. The former one comes back to the driver,
/// which frees it.
pub fn assign(
    scope: &mut Scope<'_>,
    handle: Handle,
    tag: Tag,
    size: u64,
) -> Result<wire::CreatedAnswer> {
    let length = object_size(size)?;
    let tag = kernel_tag(tag)?;
    let slot = scope.table.get(handle)?;
    if slot.object.kind() != Kind::Preallocated {
        return Err(mismatch());
    }
    let old = slot.object.length() as u64;
    // While the buffers are exchanged, both are charged for, as both are there.
    let charged = scope.quota.charge(Charge::bytes(size))?;
    match &mut scope.table.get(handle)?.object {
        Object::Preallocated(Pooled::NonPaged(memory)) => swap(memory, tag, length, scope.irql),
        Object::Preallocated(Pooled::Paged(memory)) => swap(memory, tag, length, scope.irql),
        _ => Err(mismatch()),
    }?;
    charged.into_iter().for_each(Charged::keep);
    scope.quota.refund(Charge::bytes(old));
    scope.state.quota.discount(Kind::Preallocated, old);
    scope.state.quota.count(Kind::Preallocated, size);
    let traits = scope.table.get(handle)?.object.traits(scope.irql);
    Ok(wire::CreatedAnswer {
        handle: handle.number().into(),
        traits: traits.number().into(),
        size: size.into(),
    })
}

fn swap<P: PoolKind>(
    memory: &mut Preallocated<P>,
    tag: kmdf::Tag,
    length: usize,
    irql: &Passive,
) -> Result<()>
where
    Passive: Allows<P>,
{
    let former = memory.assign(PoolBuffer::new(tag, length, irql)?)?;
    drop(former);
    Ok(())
}
