//! One function for each call of the contract.

pub mod bytes;
pub mod ex_list;
pub mod interface;
pub mod lookaside;
pub mod memory;
pub mod preallocated;
pub mod transform;

use kmdf::{Device, FileObject, Passive, Result};
use wdfmem_ioctl::{Handle, MAX_OBJECT_BYTES, Status, wire};

use crate::{device::DeviceState, driver::POOL_TAG, object::Object, status::error, table::Table};

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
        let room = self.table.room(self.state, charged)?;
        match make(self) {
            Ok(mut object) => {
                let traits = object.traits(self.irql);
                let handle = self.table.fill(self.state, room, object, origin, size);
                Ok(wire::CreatedAnswer {
                    handle: handle.number().into(),
                    traits: traits.number().into(),
                    size: size.into(),
                })
            }
            Err(refused) => {
                self.table.vacate(self.state, room);
                Err(refused)
            }
        }
    }

    /// Makes an object out of what `make` takes from a list, which counts it as out.
    fn take_from(
        &mut self,
        list: Handle,
        make: impl FnOnce(&mut Self) -> Result<Object>,
    ) -> Result<wire::CreatedAnswer> {
        let before = self.table.get(list)?.taken;
        self.table.take_from(self.state, list)?;
        let taken = self.create(0, before.size, Some(list), make);
        if taken.is_err() {
            self.table.return_to(self.state, list, before);
        }
        taken
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
