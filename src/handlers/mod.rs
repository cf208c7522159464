//! One handler for each call of the contract.

mod bytes;
mod ex_list;
mod interface;
mod lookaside;
mod memory;
mod preallocated;
mod transform;

use kmdf::{Device, Error, FileObject, Passive, Result, Transfer};
use wdfmem_ioctl::{Call, Code, Created, Handle, MAX_OBJECT_BYTES, Status};
use zerocopy::IntoBytes;

use crate::{
    device::DeviceState,
    driver::POOL_TAG,
    object::Object,
    quota::{Charge, Charged, Quota},
    status::error,
    table::{Slot, Table, Taken},
};

/// What the driver does for a call.
trait Handler: Call {
    /// Does the call, whose fields are valid and whose reply has room in the output, and returns the information
    /// value: the bytes of its reply, or of the second buffer that a bulk write took.
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize>;
}

macro_rules! dispatch {
    ($($call:ident)*) => {
        /// Decodes a request and runs the handler of its call.
        pub fn dispatch(code: Code, transfer: Transfer<'_>, scope: &mut Scope<'_>) -> Result<usize> {
            match code {
                $(Code::$call => decode_and_handle::<wdfmem_ioctl::$call>(transfer, scope),)*
            }
        }
    };
}
wdfmem_ioctl::for_each_call!(dispatch);

fn decode_and_handle<C: Handler>(transfer: Transfer<'_>, scope: &mut Scope<'_>) -> Result<usize> {
    let (call, data) = C::decode(transfer.input(1)?).map_err(error)?;
    if (transfer.output_length() as u64) < call.reply_length(data.len()) {
        return Err(Error::BUFFER_TOO_SMALL);
    }
    call.handle(scope, transfer)
}

/// The data of a request, which follows its fields.
fn data<'a, C: Call>(transfer: &'a Transfer<'_>) -> Result<&'a [u8]> {
    let input = transfer.input(C::INFO.request_size)?;
    input
        .get(C::INFO.request_size..)
        .ok_or(Error::BUFFER_TOO_SMALL)
}

/// Replies with a structure.
fn reply<C: Call>(transfer: Transfer<'_>, reply: &C::Reply) -> Result<usize> {
    transfer.into_output()?.write(reply.as_bytes())
}

/// What a call works on.
pub struct Scope<'a> {
    /// The device that the request was sent to.
    pub device: Device<'a>,
    /// The context of that device.
    pub state: &'a DeviceState,
    /// The file object that the request came through.
    pub file: FileObject<'a>,
    /// The objects of that file object.
    pub table: &'a mut Table,
    /// What it and the device are charged with.
    pub quota: Quota<'a>,
    /// What the device is charged with until the request is completed.
    pub until_completed: &'a Charged<'a>,
    /// Proves that the handler runs at `PASSIVE_LEVEL`.
    pub irql: &'a mut Passive,
}

impl Scope<'_> {
    /// Makes an object: charges for it, has `make` make it, and gives it a handle. `size` is what the
    /// reply states: that of the object's buffer, or of each buffer of a list.
    fn create(
        &mut self,
        charged: u64,
        size: u64,
        origin: Option<Handle>,
        make: impl FnOnce(&mut Self) -> Result<Object>,
    ) -> Result<Created> {
        self.table.check_open()?;
        let charged = self.quota.charge(Charge::object(charged))?;
        let index = self.table.vacancy()?;
        let mut object = make(self)?;
        let traits = object.traits(self.irql);
        self.quota
            .hold(charged, object.kind(), object.length() as u64);
        let handle = self.state.new_handle(index);
        self.table
            .fill(index, Slot::new(handle, object, origin, size));
        Ok(Created {
            handle: handle.number().into(),
            traits: traits.bits().into(),
            size: size.into(),
        })
    }

    /// Makes an object out of what `make` takes from a list, which counts it as out, and is charged for
    /// one more buffer if it never had so many out.
    fn take_from(
        &mut self,
        list: Handle,
        make: impl FnOnce(&mut Self) -> Result<Object>,
    ) -> Result<Created> {
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
        self.quota.keep(charged);
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
