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

use kmdf::{
    Access, DeviceInit, DispatchType, Driver, DriverParent, Error, Guid, Handled, IoHandler,
    Memory, Method, Paged, Passive, Queue, Request, Result, Tag, ctl_code, wide,
};

kmdf::driver_entry!(Reverser);
kmdf::panic_handler!();

/// The device interface class by which a program finds the device.
pub const INTERFACE: Guid = Guid::from_u128(0x5E1F_2C3A_7B4D_4E9A_8C21_0A1B_2C3D_4E5F);

/// The control code: type FILE_DEVICE_UNKNOWN, function 0x800.
pub const REVERSE: u32 = ctl_code(0x22, 0x800, Method::Buffered, Access::Any);

const TAG: Tag = Tag::new(b"Rev1");

struct Reverser;

impl Driver for Reverser {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        // All access for the system and for administrators, none for anybody else.
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        let device = init.create(State, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests, irql)?;
        Ok(())
    }
}

/// The context of the device, which has nothing to remember.
struct State;
kmdf::context!(State);

/// The context of the queue.
struct Requests;
kmdf::context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;

    fn device_control<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        request.complete_with(|transfer| {
            if code != REVERSE {
                return Err(Error::INVALID_DEVICE_REQUEST);
            }
            let input = transfer.input(1)?;
            let mut memory = Memory::<Paged>::new(&DriverParent, TAG, input.len(), irql)?;
            memory.copy_from(0, input, irql)?;
            memory.bytes_mut(irql).reverse();
            transfer.into_output()?.write(memory.bytes(irql))
        })
    }
}
