//! The driver object: loading and adding devices.

use kmdf::{DeviceInit, DispatchType, Driver, Guid, PagedLookaside, Passive, Result, Tag, wide};
use wdfmem_ioctl::{Capabilities, INTERFACE_GUID};

use crate::{
    debug::{paged_code, trace},
    device::DeviceState,
    file::FileState,
    queue::Requests,
};

/// The tag of every allocation that a caller gives none.
pub const POOL_TAG: Tag = Tag::new(&wdfmem_ioctl::Tag::DRIVER.characters());

/// The device interface class by which a client finds the device.
const INTERFACE: Guid = Guid::from_u128(INTERFACE_GUID);

/// The driver, in the context of its driver object.
pub struct Wdfmem {
    capabilities: Capabilities,
}

impl Driver for Wdfmem {
    const POOL_TAG: Tag = POOL_TAG;

    fn load(irql: &mut Passive) -> Result<Self> {
        paged_code!();
        // A list that asks for the kernel's exports tells whether there are any.
        let probe = PagedLookaside::with_system_routines(POOL_TAG, 64, irql)?;
        let capabilities = if probe.uses_system_routines() {
            Capabilities::LOOKASIDE_EXPORTS
        } else {
            Capabilities::empty()
        };
        kmdf::debug::print(c"wdfmem: loaded\n");
        Ok(Self { capabilities })
    }

    fn unload(&self, _irql: &mut Passive) {
        paged_code!();
        kmdf::debug::print(c"wdfmem: unloaded\n");
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        paged_code!();
        init.set_generated_name(irql);
        // All access for the system and for administrators, none for anybody else.
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        init.set_file_handler::<FileState>(irql);
        let device = init.create(DeviceState::new(self.capabilities), irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        trace!("device added, {:?}", self.capabilities);
        Ok(())
    }
}
