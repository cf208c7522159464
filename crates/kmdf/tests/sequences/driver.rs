//! The test driver: any number of devices, each with file objects, a queue that runs what the test
//! asks for, and a queue in which requests wait.

use kmdf::{
    Device, DeviceInit, DispatchType, Driver, DriverParent, Error, FileHandler, FileObject, Guid,
    Handled, IoHandler, ManualQueue, NonPagedNx, Passive, Queue, Request, Result, SpinLock, Tag,
    WaitLock, context, driver_entry, wide,
};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::value::Value;

/// Runs what [`prepare`] was given.
pub const RUN: u32 = 0x0022_2000;
/// Waits until another request releases it.
pub const PARK: u32 = 0x0022_2004;
/// Answers the request that has waited longest, with its input reversed.
pub const RELEASE: u32 = 0x0022_2008;
/// Answers with the input changed by way of memory that dies with the request.
pub const TRANSFORM: u32 = 0x0022_200C;

/// The interface by which the devices are found.
pub const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E60);

/// The tag of everything that the test makes.
pub const TAG: Tag = Tag::new(b"Seq1");

type Body = Box<dyn for<'r> FnOnce(&Here<'_>, &mut Passive) + Send>;

/// Where a body runs.
pub struct Here<'a> {
    pub device: Device<'a>,
    pub file: FileObject<'a>,
    pub state: &'a State,
    pub opened: &'a Opened,
}

/// What the next request runs. One machine at a time exists in the process.
static BODY: Mutex<Option<Body>> = Mutex::new(None);

/// Sets what the next request runs, or takes it back.
pub fn prepare(body: Option<Body>) {
    *BODY.lock().unwrap_or_else(PoisonError::into_inner) = body;
}

/// How many contexts are alive.
pub static CONTEXTS: AtomicI64 = AtomicI64::new(0);

/// Counts the context that it is part of.
struct Counted;

impl Counted {
    fn new() -> Self {
        CONTEXTS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        CONTEXTS.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Root {
    _counted: Counted,
}
driver_entry!(Root);

impl Driver for Root {
    fn load(_irql: &mut Passive) -> Result<Self> {
        let _counted = Counted::new();
        Ok(Self { _counted })
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        init.set_file_handler::<Opened>(irql);
        let state = State {
            _counted: Counted::new(),
            spin: SpinLock::new(&DriverParent, 0)?,
        };
        let device = init.create(state, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        let waiting = device.create_manual_queue(irql)?;
        let requests = Requests {
            _counted: Counted::new(),
            waiting,
        };
        device.create_default_queue(DispatchType::Parallel, requests, irql)?;
        Ok(())
    }
}

/// The context of a device.
pub struct State {
    _counted: Counted,
    /// The lock under which values are used and dropped at DISPATCH_LEVEL; counts how often.
    pub spin: SpinLock<u64>,
}
context!(State);

/// The context of a file object.
pub struct Opened {
    _counted: Counted,
    /// Values that go with the file object, not with the test's table of them.
    pub kept: WaitLock<Vec<Value>>,
}
context!(Opened);

impl FileHandler for Opened {
    fn create(device: Device<'_>, _irql: &mut Passive) -> Result<Self> {
        Ok(Self {
            _counted: Counted::new(),
            kept: WaitLock::new(&device, Vec::new())?,
        })
    }

    fn cleanup(&self, _file: FileObject<'_>, irql: &mut Passive) {
        // Half of them go now, the others when the file object is destroyed.
        let dropped = self.kept.with(irql, |kept, _| {
            let half = kept.len() / 2;
            kept.split_off(half).len()
        });
        assert!(dropped.is_ok(), "no thread holds the lock");
    }
}

struct Requests {
    _counted: Counted,
    waiting: ManualQueue<State>,
}
context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        // The two low bits are the transfer method.
        match code & !3 {
            RUN => {
                let ran = run(queue, &request, irql);
                request.complete(ran.map(|()| 0))
            }
            PARK => match self.waiting.of(queue.device()) {
                Ok(waiting) => match request.forward(waiting) {
                    Ok(handled) => handled,
                    Err((error, request)) => request.complete(Err(error)),
                },
                Err(error) => request.complete(Err(error)),
            },
            RELEASE => {
                let released = self.waiting.of(queue.device()).and_then(|waiting| {
                    waiting.take_next(irql, |waited| {
                        waited.complete_with(|transfer| {
                            let mut bytes = transfer.input(1)?.to_vec();
                            bytes.reverse();
                            transfer.into_output()?.write(&bytes)
                        })
                    })
                });
                request.complete(released.map(|()| 0))
            }
            TRANSFORM => request.complete_with(|mut transfer| {
                let length = transfer.input_length();
                let mut scratch = transfer.create_memory::<NonPagedNx>(TAG, length)?;
                let mut wrapped = transfer.wrap_input()?;
                for byte in wrapped.bytes_mut() {
                    *byte ^= 0x5A;
                }
                wrapped.copy_to(0, scratch.bytes_mut())?;
                scratch.bytes_mut().reverse();
                transfer.into_output()?.write(scratch.bytes())
            }),
            _ => request.complete(Err(Error::INVALID_DEVICE_REQUEST)),
        }
    }
}

fn run(queue: Queue<'_>, request: &Request<'_>, irql: &mut Passive) -> Result<()> {
    let body = BODY.lock().unwrap_or_else(PoisonError::into_inner).take();
    let body = body.ok_or(Error::INVALID_DEVICE_STATE)?;
    let file = request.file_object()?;
    let device = queue.device();
    let here = Here {
        device,

        file,
        state: device.context()?,
        opened: file.context()?,
    };
    body(&here, irql);
    Ok(())
}
