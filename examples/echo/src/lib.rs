//! The echo sample: a write keeps its data, a read gives them back.
//!
//! | request | what it does | status, information |
//! | --- | --- | --- |
//! | write of 1 to [`MAX_WRITE_LENGTH`] bytes | keeps them in place of the data before | STATUS_SUCCESS, the number of bytes |
//! | longer write | nothing | STATUS_BUFFER_OVERFLOW, 0 |
//! | write while the paged pool is exhausted | forgets the data before | STATUS_INSUFFICIENT_RESOURCES, 0 |
//! | read | gives the first bytes of the data, as many as there is room for | STATUS_SUCCESS, the number of bytes |
//! | read before the first write | nothing | STATUS_SUCCESS, 0 |
//! | read or write of 0 bytes | does not reach the driver | STATUS_SUCCESS, 0 |
//! | device control | nothing | STATUS_INVALID_DEVICE_REQUEST, 0 |
//!
//! The data are the device's: all handles read the same.

#![no_std]
#![forbid(unsafe_code)]

use kmdf::SDDL_DEVOBJ_SYS_ALL_ADM_ALL;
use kmdf::prelude::*;

kmdf::driver_entry!(Echo);
kmdf::panic_handler!();

/// The device interface class by which a program finds the device.
pub const INTERFACE: Guid = Guid::from_u128(0xB1A6_E2F0_4C0D_4F6B_9C57_2E8D_7A53_10C4);

/// The length of the longest write.
pub const MAX_WRITE_LENGTH: usize = 40 * 1024;

const TAG: Tag = Tag::new(b"Echo");

struct Echo;

impl Driver for Echo {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, irql)?;
        let device = init.create(State, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        let requests = Requests {
            data: WaitLock::new(&DriverParent, None)?,
        };
        device.create_default_queue(DispatchType::Sequential, requests, irql)?;
        Ok(())
    }
}

/// The context of the device. What the driver keeps is in the context of its queue.
struct State;
kmdf::context!(State);

/// The context of the queue.
struct Requests {
    /// What was written last. The queue hands out one request at a time, so the lock is never waited for.
    data: WaitLock<Option<Memory<Paged>>>,
}
kmdf::context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;
    const READS_AND_WRITES: bool = true;

    fn read<'r>(&self, _queue: Queue<'_>, request: Request<'r>, irql: &mut Passive) -> Handled<'r> {
        request.complete_with(|transfer| {
            let mut output = transfer.into_output()?;
            self.data.with(irql, |data, irql| {
                let Some(data) = data else {
                    return Ok(0);
                };
                let data = data.bytes(irql);
                output.write(data.get(..output.remaining()).unwrap_or(data))
            })?
        })
    }

    fn write<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        irql: &mut Passive,
    ) -> Handled<'r> {
        request.complete_with(|transfer| {
            let input = transfer.input(1)?;
            if input.len() > MAX_WRITE_LENGTH {
                return Err(Error::BUFFER_OVERFLOW);
            }
            self.data.with(irql, |data, irql| {
                // Freed first, so that there are never two buffers of this size.
                *data = None;
                *data = Some(Memory::from_bytes(&DriverParent, TAG, input, irql)?);
                Ok(input.len())
            })?
        })
    }
}
