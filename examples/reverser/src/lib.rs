//! The first driver: one device control, [`REVERSE`], gives back its input in reverse order.
//!
//! | control | status, information |
//! | --- | --- |
//! | [`REVERSE`] with an output buffer of at least the input's length | STATUS_SUCCESS, the number of bytes |
//! | [`REVERSE`] without input, or with a shorter output buffer | STATUS_BUFFER_TOO_SMALL, 0 |
//! | [`REVERSE`] while the paged pool is exhausted | STATUS_INSUFFICIENT_RESOURCES, 0 |
//! | any other | STATUS_INVALID_DEVICE_REQUEST, 0 |

#![no_std]
#![forbid(unsafe_code)]

use kmdf::prelude::*;

/// The device interface class by which a program finds the device.
pub const INTERFACE: Guid = Guid::from_u128(0x5E1F_2C3A_7B4D_4E9A_8C21_0A1B_2C3D_4E5F);

/// The control code of the one control.
pub const REVERSE: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x800, Method::Buffered, Access::Any);

const TAG: Tag = Tag::new(b"Rev1");

kmdf::driver! { interface: INTERFACE, device_control: device_control }

fn device_control(transfer: Transfer<'_>, code: u32, irql: &mut Passive) -> Result<usize> {
    if code != REVERSE {
        return Err(Error::INVALID_DEVICE_REQUEST);
    }
    let mut memory = Memory::<Paged>::from_bytes(&DriverParent, TAG, transfer.input(1)?, irql)?;
    memory.bytes_mut(irql).reverse();
    transfer.into_output()?.write(memory.bytes(irql))
}
