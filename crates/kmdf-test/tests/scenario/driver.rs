//! A driver that does its work well, and on request does what a test should notice.

use kmdf::{
    DeviceInit, DispatchType, Driver, DriverParent, Error, Guid, Handled, IoHandler, ManualQueue,
    Memory, Paged, Passive, Queue, Request, Result, Tag, wide,
};
use kmdf_sys::{_POOL_TYPE, ntddk};

pub const INTERFACE: Guid = Guid::from_u128(0x8C0D_6E0A_41B2_4E0F_9D6A_3A54_7B1E_9F21);

/// Returns the bytes of the input in reverse order.
pub const REVERSE: u32 = 0x0022_2000;
/// `METHOD_OUT_DIRECT`: writes four bytes and reports two.
pub const REPORTS_TOO_LITTLE: u32 = 0x0022_2006;
/// Allocates a block of pool that nobody frees.
pub const LEAK: u32 = 0x0022_2008;
/// Has the request wait for [`WAKE`], as reads and writes of more than [`SHORT`] bytes do.
pub const WAIT: u32 = 0x0022_2010;
/// Completes the request that has waited longest: with `woken`, or as a write of all its bytes.
pub const WAKE: u32 = 0x0022_2014;
pub const SHORT: usize = 100;
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
        let waiting = device.create_manual_queue(irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests { waiting }, irql)?;
        Ok(())
    }
}

struct State;
kmdf::context!(State);

struct Requests {
    waiting: ManualQueue<State>,
}
kmdf::context!(Requests);

impl Requests {
    fn wait<'r>(&self, queue: Queue<'_>, request: Request<'r>) -> Handled<'r> {
        match self.waiting.of(queue.device()) {
            Ok(waiting) => match request.forward(waiting) {
                Ok(handled) => handled,
                Err((error, request)) => request.complete(Err(error)),
            },
            Err(error) => request.complete(Err(error)),
        }
    }

    fn wake(&self, queue: Queue<'_>, irql: &mut Passive) -> Result<usize> {
        let waiting = self.waiting.of(queue.device())?;
        waiting.take_next(irql, |request| {
            request.complete_with(|transfer| match transfer.output_length() {
                0 => Ok(transfer.input_length()),
                _ => transfer.into_output()?.write(b"woken"),
            })
        })?;
        Ok(0)
    }
}

impl IoHandler for Requests {
    type Level = Passive;
    const READS_AND_WRITES: bool = true;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        match code {
            WAIT => return self.wait(queue, request),
            WAKE => return request.complete(self.wake(queue, irql)),
            _ => {}
        }
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

    fn read<'r>(&self, queue: Queue<'_>, request: Request<'r>, _: &mut Passive) -> Handled<'r> {
        if request.output_length() > SHORT {
            return self.wait(queue, request);
        }
        request.complete_with(|transfer| transfer.into_output()?.write(b"read"))
    }

    fn write<'r>(&self, queue: Queue<'_>, request: Request<'r>, _: &mut Passive) -> Handled<'r> {
        if request.input_length() > SHORT {
            return self.wait(queue, request);
        }
        request.complete_with(|transfer| Ok(transfer.input(1)?.len()))
    }
}
