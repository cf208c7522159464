//! One function for each call of the contract.

pub mod bytes;
pub mod ex_list;
pub mod interface;
pub mod lookaside;
pub mod memory;
pub mod preallocated;
pub mod transform;

use kmdf::{Device, Error, FileObject, Passive, Result};
use wdfmem_ioctl::{Handle, MAX_OBJECT_BYTES, Status, wire};

use crate::{
    device::DeviceState,
    driver::POOL_TAG,
    object::Object,
    quota::{Charge, Charged, Quota},
    status::error,
    table::{Table, Taken},
};

/// What a call works on.
pub struct Scope<'a> {
    /// The device.
    pub device: Device<'a>,
    /// Its state.
    pub state: &'a DeviceState,
    /// The file object that the request came through.
    pub file: FileObject<'a>,
    /// Its objects.
    pub table: &'a mut Table,
    /// What it and the device are charged with.
    pub quota: Quota<'a>,
    /// The level.
    pub irql: &'a mut Passive,
}

impl Scope<'_> {
    /// Makes an object: charges for it, has `make` make it, and gives it a handle. `size` is what the
    /// answer tells: that of the object's buffer, or of each buffer of a list.
    fn create(
        &mut self,
        charged: u64,
        size: u64,
        origin: Option<Handle>,
        make: impl FnOnce(&mut Self) -> Result<Object>,
    ) -> Result<wire::CreatedAnswer> {
        self.table.check_open()?;
        let charged = self.quota.charge(Charge::object(charged))?;
        let index = self.table.vacancy()?;
        let mut object = make(self)?;
        let traits = object.traits(self.irql);
        let handle = self.table.fill(self.state, index, object, origin, size);
        charged.into_iter().for_each(Charged::keep);
        Ok(wire::CreatedAnswer {
            handle: handle.number().into(),
            traits: traits.number().into(),
            size: size.into(),
        })
    }

    /// Makes an object out of what `make` takes from a list, which counts it as out, and is charged for
    /// one more buffer if it never had so many out.
    fn take_from(
        &mut self,
        list: Handle,
        make: impl FnOnce(&mut Self) -> Result<Object>,
    ) -> Result<wire::CreatedAnswer> {
        let before = self.table.get(list)?.taken;
        let out = before.out.checked_add(1).ok_or(Error::INTERNAL_ERROR)?;
        let grows = if out > before.peak { before.size } else { 0 };
        let charged = self.quota.charge(Charge::bytes(grows))?;
        let taken = self.create(0, before.size, Some(list), make)?;
        self.table.get(list)?.taken = Taken {
            out,
            peak: before.peak.max(out),
            ..before
        };
        charged.into_iter().for_each(Charged::keep);
        Ok(taken)
    }
}

/// A size that an object may have. Zero is for the call to refuse that is asked for it.
fn object_size(size: u64) -> Result<usize> {
    usize::try_from(size)
        .ok()
        .filter(|_| size <= MAX_OBJECT_BYTES)
        .ok_or_else(|| error(Status::INVALID_BUFFER_SIZE))
}

/// A caller's tag for a call of the framework, which knows the driver's default.
fn framework_tag(tag: wdfmem_ioctl::Tag) -> Result<kmdf::Tag> {
    tag_or(kmdf::Tag::DEFAULT, tag)
}

/// A caller's tag for a call of the kernel, which knows no default.
fn kernel_tag(tag: wdfmem_ioctl::Tag) -> Result<kmdf::Tag> {
    tag_or(POOL_TAG, tag)
}

fn tag_or(default: kmdf::Tag, tag: wdfmem_ioctl::Tag) -> Result<kmdf::Tag> {
    if tag.is_default() {
        Ok(default)
    } else {
        kmdf::Tag::try_from_bytes(&tag.characters())
    }
}
