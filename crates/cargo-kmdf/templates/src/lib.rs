//! `my_driver`, a KMDF driver: one software device with one device control request, which reverses bytes.

#![no_std]
#![forbid(unsafe_code)]

mod interface;

pub use interface::REVERSE;
use kmdf::prelude::*;

/// The class of the device interface.
pub const INTERFACE: Guid = Guid::from_u128(interface::INTERFACE);

/// Marks the driver's allocations in pool dumps.
const TAG: Tag = Tag::new(b"MyDr");

// One device with one queue, open to the system and administrators. What the macro stands for, and grows into when the
// driver needs a context, reads or files, is in its documentation.
kmdf::driver! { interface: INTERFACE, device_control: device_control }

/// Handles a request at PASSIVE_LEVEL. It is completed with what this returns: the number of bytes written, or an error.
fn device_control(transfer: Transfer<'_>, code: u32, irql: &mut Passive) -> Result<usize> {
    if code != REVERSE {
        return Err(Error::INVALID_DEVICE_REQUEST);
    }
    let input = transfer.input(1)?;
    let mut memory = Memory::<Paged>::from_bytes(&DriverParent, TAG, input, irql)?;
    memory.bytes_mut(irql).reverse();
    transfer.into_output()?.write(memory.bytes(irql))
}
