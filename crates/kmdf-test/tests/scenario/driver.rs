//! A driver that does its work well, and on request does what a test should notice.

use kmdf::{
    DeviceInit, DispatchType, Driver, DriverParent, Error, Guid, Handled, IoHandler, Memory, Paged,
    Passive, Queue, Request, Result, Tag, wide,
};
use kmdf_sys::{_POOL_TYPE, ntddk};

pub const INTERFACE: Guid = Guid::from_u128(0x8C0D_6E0A_41B2_4E0F_9D6A_3A54_7B1E_9F21);

/// Reverses its input.
pub const REVERSE: u32 = 0x0022_2000;
/// `METHOD_OUT_DIRECT`: writes four bytes and reports two.
pub const REPORTS_TOO_LITTLE: u32 = 0x0022_2006;
/// Allocates a block of pool that nobody frees.
pub const LEAK: u32 = 0x0022_2008;
/// `METHOD_IN_DIRECT`: takes all of the second buffer.
pub const TAKE: u32 = 0x0022_200D;

pub const TAG: Tag = Tag::new(b"Scen");

struct Tested;
kmdf::driver_entry!(Tested);

impl Driver for Tested {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        let device = init.create(State, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests, irql)?;
        Ok(())
    }
}

struct State;
kmdf::context!(State);

struct Requests;
kmdf::context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;
    const READS_AND_WRITES: bool = true;

    fn device_control<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        request.complete_with(|transfer| match code {
            REVERSE => {
                let input = transfer.input(1)?;
                let mut memory = Memory::<Paged>::new(&DriverParent, TAG, input.len(), irql)?;
                memory.copy_from(0, input, irql)?;
                memory.bytes_mut(irql).reverse();
                transfer.into_output()?.write(memory.bytes(irql))
            }
            REPORTS_TOO_LITTLE => {
                transfer.into_output()?.write(b"four")?;
                Ok(2)
            }
            LEAK => {
                let pool = _POOL_TYPE::NonPagedPoolNx;
                // SAFETY: At PASSIVE_LEVEL any pool may be allocated from.
                unsafe { ntddk::ExAllocatePoolWithTag(pool, 100, TAG.value()) };
                Ok(0)
            }
            TAKE => Ok(transfer.direct_input()?.len()),
            _ => Err(Error::INVALID_DEVICE_REQUEST),
        })
    }

    fn read<'r>(&self, _: Queue<'_>, request: Request<'r>, _: &mut Passive) -> Handled<'r> {
        request.complete_with(|transfer| transfer.into_output()?.write(b"read"))
    }

    fn write<'r>(&self, _: Queue<'_>, request: Request<'r>, _: &mut Passive) -> Handled<'r> {
        request.complete_with(|transfer| Ok(transfer.input(1)?.len()))
    }
}
