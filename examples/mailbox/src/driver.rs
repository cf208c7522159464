//! The driver, its devices and their requests.

use kmdf::SDDL_DEVOBJ_SYS_ALL_ADM_ALL;
use kmdf::prelude::*;

use crate::mailbox::{Mailbox, message};

/// The device interface class by which a program finds the device.
pub const INTERFACE: Guid = Guid::from_u128(0x8D6F_10C2_3B5E_4A97_9E41_5C77_20B1_64AA);

pub struct MailboxDriver;

impl Driver for MailboxDriver {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, irql)?;
        let state = DeviceState {
            mailbox: SpinLock::new(&DriverParent, Mailbox::new()?)?,
        };
        let device = init.create(state, irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests, irql)?;
        device.create_interface(&INTERFACE, irql)
    }
}

struct DeviceState {
    mailbox: SpinLock<Mailbox>,
}
kmdf::context!(DeviceState);

struct Requests;
kmdf::context!(Requests);

impl IoHandler for Requests {
    /// Requests are handled at whatever level they come: both allocators work up to DISPATCH_LEVEL.
    type Level = Dispatch;
    const READS_AND_WRITES: bool = true;

    fn write<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        irql: &mut Dispatch,
    ) -> Handled<'r> {
        request.complete_with(|transfer| {
            let bytes = transfer.input(1)?;
            let message = message(bytes)?;
            mailbox(queue.device())?.with(irql, |mailbox, _| mailbox.put(message))??;
            Ok(bytes.len())
        })
    }

    fn read<'r>(&self, queue: Queue<'_>, request: Request<'r>, irql: &mut Dispatch) -> Handled<'r> {
        request.complete_with(|transfer| {
            let room = transfer.output_length();
            let message =
                mailbox(queue.device())?.with(irql, |mailbox, _| mailbox.take(room))??;
            transfer.into_output()?.write(&message)
        })
    }
}

fn mailbox(device: Device<'_>) -> Result<&SpinLock<Mailbox>> {
    Ok(&device.context::<DeviceState>()?.mailbox)
}
