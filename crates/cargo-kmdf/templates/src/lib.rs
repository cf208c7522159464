//! `my_driver`, a KMDF driver: one software device with one device control request, which reverses bytes.

#![no_std]
#![forbid(unsafe_code)]

mod interface;

pub use interface::REVERSE;
use kmdf::prelude::*;

kmdf::driver_entry!(MyDriver);
kmdf::panic_handler!();

/// The class of the device interface.
pub const INTERFACE: Guid = Guid::from_u128(interface::INTERFACE);

/// Marks the driver's allocations in pool dumps.
const TAG: Tag = Tag::new(b"MyDr");

struct MyDriver;

impl Driver for MyDriver {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        // Only the system and administrators may open the device.
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        let device = init.create(State, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests, irql)?;
        Ok(())
    }
}

/// What belongs to one device.
struct State;
kmdf::context!(State);

/// Receives the requests of the device's queue.
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
            let mut memory = Memory::<Paged>::from_bytes(&DriverParent, TAG, input, irql)?;
            memory.bytes_mut(irql).reverse();
            transfer.into_output()?.write(memory.bytes(irql))
        })
    }
}
