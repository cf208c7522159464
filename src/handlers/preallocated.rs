//! Calls about `WdfMemoryCreatePreallocated` and `WdfMemoryAssignBuffer`.

use kmdf::{
    Allows, DriverParent, Passive, PoolBuffer, PoolKind, PreallocatedMemory, Result, Transfer,
};
use wdfmem_ioctl::{AssignBuffer, CreatePreallocated, Created, ObjectKind, Parent};

use super::{Handler, Scope, kernel_tag, object_size, reply};
use crate::object::{Object, Pooled, Preallocated, mismatch};
use crate::quota::Charge;

/// The buffer is a zeroed one that the driver allocates.
impl Handler for CreatePreallocated {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let length = object_size(self.size)?;
        let tag = kernel_tag(self.tag)?;
        let created = scope.create(self.size, self.size, None, |scope| {
            Ok(Object::Preallocated(match self.pool {
                wdfmem_ioctl::PoolKind::NonPaged => Pooled::NonPaged(over(
                    scope,
                    self.parent,
                    PoolBuffer::new(tag, length, scope.irql)?,
                )?),
                wdfmem_ioctl::PoolKind::Paged => Pooled::Paged(over(
                    scope,
                    self.parent,
                    PoolBuffer::new(tag, length, scope.irql)?,
                )?),
            }))
        })?;
        reply::<Self>(transfer, &created)
    }
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

/// The buffer is one that the driver allocates; the former one comes back to the driver, which frees it.
impl Handler for AssignBuffer {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let Self { handle, size, .. } = self;
        let length = object_size(size)?;
        let tag = kernel_tag(self.tag)?;
        let slot = scope.table.get(handle)?;
        if slot.object.kind() != ObjectKind::Preallocated {
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
        scope
            .quota
            .exchange(charged, ObjectKind::Preallocated, old, size);
        let traits = scope.table.get(handle)?.object.traits(scope.irql);
        let assigned = Created {
            handle: handle.number().into(),
            traits: traits.bits().into(),
            size: size.into(),
        };
        reply::<Self>(transfer, &assigned)
    }
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
