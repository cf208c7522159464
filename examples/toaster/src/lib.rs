//! The simple toaster sample: a function driver with reads, writes and device controls, and nothing behind
//! them yet.
//!
//! | request | what it does | status, information |
//! | --- | --- | --- |
//! | read | gives nothing | STATUS_SUCCESS, 0 |
//! | write | takes all data | STATUS_SUCCESS, the number of bytes |
//! | device control | nothing: no control is defined | STATUS_INVALID_DEVICE_REQUEST, 0 |

#![no_std]
#![forbid(unsafe_code)]

use kmdf::SDDL_DEVOBJ_SYS_ALL_ADM_ALL;
use kmdf::prelude::*;

kmdf::driver_entry!(Toaster);
kmdf::panic_handler!();

/// The device interface class by which a program finds the device.
pub const INTERFACE: Guid = Guid::from_u128(0x7D52_0E19_C8A4_4F37_B2D6_18F3_0B6A_94E5);

struct Toaster;

impl Driver for Toaster {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, irql)?;
        let device = init.create(State, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests, irql)?;
        Ok(())
    }
}

/// The context of the device. What the driver of a real toaster remembers of it goes here.
struct State;
kmdf::context!(State);

/// The context of the queue. Without `IoHandler::device_control`, which goes beside `read` and `write`, no
/// control is defined.
struct Requests;
kmdf::context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;
    const READS_AND_WRITES: bool = true;

    fn read<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _irql: &mut Passive,
    ) -> Handled<'r> {
        request.complete_with(|transfer| {
            let output = transfer.into_output()?;
            // `output.write` with what the toaster has to say goes here.
            Ok(output.written())
        })
    }

    fn write<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _irql: &mut Passive,
    ) -> Handled<'r> {
        request.complete_with(|transfer| {
            let input = transfer.input(1)?;
            // What the toaster does with `input` goes here.
            Ok(input.len())
        })
    }
}
