//! Queues: a handler at DISPATCH_LEVEL, reads and writes, and requests that wait in a manual queue.

use super::driver::wait_until;
use kmdf::{
    DeviceInit, DispatchType, Driver, Error, Handled, IoHandler, ManualQueue, NonPagedNx, Passive,
    Queue, Request, Result, Tag, context, driver_entry, wide,
};
use kmdf_model::{Window, hold_windows};
use kmdf_test::{File, Reply, Scenario};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Waits until another request releases it.
const WAIT: u32 = 0x0022_2000;
/// Releases the request that has waited longest.
const RELEASE: u32 = 0x0022_2004;

struct Root;
driver_entry!(Root);

impl Driver for Root {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_name(wide!("\\Device\\Queues"), irql)?;
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        init.set_request_context::<Noted>(irql);
        let device = init.create(State, irql)?;
        device.create_symbolic_link(wide!("\\DosDevices\\Queues"), irql)?;
        let waiting = device.create_manual_queue(irql)?;
        assert!(device.create_manual_queue::<Requests>(irql).is_err());
        device.create_default_queue(DispatchType::Parallel, Requests { waiting }, irql)?;
        let second = device
            .create_default_queue(DispatchType::Parallel, Other, irql)
            .err();
        assert_eq!(second, Some(Error::UNSUCCESSFUL));
        Ok(())
    }
}

struct State;
context!(State);

struct Requests {
    waiting: ManualQueue<State>,
}
context!(Requests);

struct Other;
context!(Other);

/// What is noted of a request, and how many of these there are.
struct Noted(usize);
context!(Noted);
static NOTED: AtomicUsize = AtomicUsize::new(0);

/// Room for this one is not made with the request.
struct AlsoNoted(Noted);
context!(AlsoNoted);

impl Noted {
    fn new(value: usize) -> Self {
        NOTED.fetch_add(1, Ordering::Relaxed);
        Self(value)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        NOTED.fetch_sub(1, Ordering::Relaxed);
    }
}

impl IoHandler for Other {
    type Level = kmdf::Dispatch;

    fn device_control<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        _irql: &mut kmdf::Dispatch,
    ) -> Handled<'r> {
        request.complete(Err(Error::NOT_IMPLEMENTED))
    }
}

impl IoHandler for Requests {
    type Level = kmdf::Dispatch;
    const READS_AND_WRITES: bool = true;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut kmdf::Dispatch,
    ) -> Handled<'r> {
        let waiting = match self.waiting.of(queue.device()) {
            Ok(waiting) => waiting,
            Err(error) => return request.complete(Err(error)),
        };
        match code {
            WAIT => {
                let noted = request
                    .attach(Noted::new(request.input_length()))
                    .and_then(|_| request.attach(AlsoNoted(Noted::new(1))));
                if let Err(error) = noted {
                    return request.complete(Err(error));
                }
                let again = request.attach(Noted::new(0)).err();
                assert_eq!(again, Some(Error::INVALID_DEVICE_STATE));
                match request.forward(waiting) {
                    Ok(handled) => handled,
                    Err((error, request)) => request.complete(Err(error)),
                }
            }
            RELEASE => {
                let released = waiting.take_next(irql, |request| match request.forward(waiting) {
                    Ok(handled) => handled,
                    Err((error, request)) => {
                        let noted = request.context::<Noted>().map(|noted| noted.0);
                        let also = request.context::<AlsoNoted>().map(|also| also.0.0);
                        assert_eq!((noted, also), (Ok(3), Ok(1)));
                        assert_eq!(request.context::<State>().err(), Some(Error::NOT_FOUND));
                        request.complete_with(|transfer| {
                            let same_queue = error == Error::INVALID_DEVICE_REQUEST;
                            let length = transfer.input(1)?.len() as u8;
                            transfer.into_output()?.write(&[length, same_queue.into()])
                        })
                    }
                });
                request.complete(released.map(|()| 0))
            }
            _ => request.complete(Err(Error::INVALID_DEVICE_REQUEST)),
        }
    }

    fn read<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _irql: &mut kmdf::Dispatch,
    ) -> Handled<'r> {
        request.complete_with(|transfer| {
            assert_eq!(transfer.input(0).err(), Some(Error::INVALID_DEVICE_REQUEST));
            transfer.into_output()?.write(b"read")
        })
    }

    fn write<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _irql: &mut kmdf::Dispatch,
    ) -> Handled<'r> {
        request.complete_with(|transfer| {
            let mut memory = transfer.create_memory::<NonPagedNx>(
                const { Tag::new(b"Writ") },
                transfer.input_length(),
            )?;
            memory.bytes_mut().copy_from_slice(transfer.input(1)?);
            if memory.bytes() == b"good" {
                Ok(memory.bytes().len())
            } else {
                Err(Error::INVALID_PARAMETER)
            }
        })
    }
}

fn scenario() -> Scenario {
    Scenario::new("queues", fx_driver_entry)
}

fn using<T: Send + 'static>(user: impl FnOnce(&File) -> T + Send + 'static) -> T {
    scenario().run(|test| user(&test.open_path(r"\\.\Queues")))
}

/// REQ-6, MEM-39: reads have output only, writes input only.
#[test]
fn reads_and_writes_reach_their_handlers() {
    using(|file| {
        assert_eq!(file.read(6), Reply::success(b"read"));
        assert_eq!(file.write(b"good"), Reply::written(4));
        let refusal = Reply::error(Error::INVALID_PARAMETER.status());
        assert_eq!(file.write(b"bad!"), refusal);
    });
}

/// REQ-1, REQ-3, OBJ-42: values attached to a request wait with it, and are dropped once, with it,
/// by the driver's completion or the framework's.
#[test]
fn what_is_attached_to_a_request_goes_with_it() {
    using(|file| {
        let before = NOTED.load(Ordering::Relaxed);
        let waiting = file.start_ioctl(WAIT, b"abc", 2);
        assert_eq!(NOTED.load(Ordering::Relaxed), before + 2);
        assert_eq!(file.ioctl(RELEASE, &[], 0).status, 0);
        waiting.wait();
        assert_eq!(NOTED.load(Ordering::Relaxed), before);
        let waiting = file.start_ioctl(WAIT, b"abc", 2);
        assert!(waiting.cancel());
        waiting.wait();
        assert_eq!(NOTED.load(Ordering::Relaxed), before);
    });
}

/// REQ-37, REQ-54: what is attached to a request that is cancelled in a queue is dropped before the
/// sender learns of the cancellation, and so before handle, device and driver can go. When the framework
/// destroys the request, nothing of the driver's waits for that.
#[test]
fn what_is_attached_is_dropped_before_a_cancelled_request_completes() {
    static COMPLETED: AtomicBool = AtomicBool::new(false);
    static REMOVED: AtomicBool = AtomicBool::new(false);

    scenario().run(|test| {
        hold_windows(Some(|window| {
            if window == Window::CompletedRequest && !COMPLETED.swap(true, Ordering::AcqRel) {
                wait_until(|| REMOVED.load(Ordering::Acquire));
            }
        }));
        // Nothing is held before the request is there.
        COMPLETED.store(true, Ordering::Release);
        let file = test.kernel().open("\\\\.\\Queues").expect("opens");
        let before = NOTED.load(Ordering::Relaxed);
        let waiting = file.ioctl_async(WAIT, b"abc", 2);
        assert_eq!(NOTED.load(Ordering::Relaxed), before + 2);
        COMPLETED.store(false, Ordering::Release);
        let cancelling = waiting.cancel_elsewhere();
        wait_until(|| COMPLETED.load(Ordering::Acquire));
        let dropped = NOTED.load(Ordering::Relaxed) == before;
        assert_eq!(waiting.wait().0.status, Error::CANCELLED.status());
        file.close();
        test.device().remove().expect("nothing is open");
        REMOVED.store(true, Ordering::Release);
        assert!(cancelling.join().expect("no panic"));
        test.driver().unload().expect("nothing is left");
        hold_windows(None);
        assert!(dropped, "both values");
    });
}

/// REQ-55, QUE-51: a forwarded request waits, and is completed by the code that takes it.
#[test]
fn a_request_waits_in_a_manual_queue() {
    using(|file| {
        let none = file.ioctl(RELEASE, &[], 0).status;
        assert_eq!(none, 0x8000_001A_u32 as i32, "STATUS_NO_MORE_ENTRIES");
        let waiting = file.start_ioctl(WAIT, b"abc", 2);
        assert!(waiting.is_pending());
        assert_eq!(file.ioctl(RELEASE, &[], 0).status, 0);
        let reply = waiting.wait();
        assert_eq!(
            reply,
            Reply::success([3, 1]),
            "and was not forwarded to where it is"
        );
    });
}

/// REQ-54, QUE-61: what waits is cancelled with its sender, without the driver's help.
#[test]
fn a_waiting_request_can_be_cancelled() {
    using(|file| {
        let waiting = file.start_ioctl(WAIT, b"abc", 2);
        assert!(waiting.cancel());
        assert_eq!(waiting.wait(), Reply::error(Error::CANCELLED.status()));
    });
}
