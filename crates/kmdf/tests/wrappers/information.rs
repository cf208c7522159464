//! What each kind of request is completed with: status and information, always compared together.

use super::driver::{INTERFACE, handle, while_handling};
use super::on_requests;
use kmdf::{
    Device, DeviceInit, DispatchType, Driver, Error, FileHandler, Handled, IoHandler, ManualQueue,
    Passive, Queue, Request, Result, context, driver_entry, wide,
};
use kmdf_test::{IoStatus, Scenario, Test};
use nt_model::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const BUFFERED: u32 = 0x0022_2000;
const IN_DIRECT: u32 = BUFFERED | 1;
const OUT_DIRECT: u32 = BUFFERED | 2;
const NEITHER: u32 = BUFFERED | 3;

struct Root;
driver_entry!(Root);

impl Driver for Root {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        init.set_file_handler::<Open>(irql);
        let device = init.create(State, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        let waiting = device.create_manual_queue(irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests { waiting }, irql)?;
        Ok(())
    }
}

struct State;
context!(State);

struct Open;
context!(Open);

/// Whether the next open of the device is refused.
static REFUSE: AtomicBool = AtomicBool::new(false);

impl FileHandler for Open {
    fn create(_device: Device<'_>, _irql: &mut Passive) -> Result<Self> {
        if REFUSE.swap(false, Ordering::Relaxed) {
            return Err(Error::DEVICE_BUSY);
        }
        Ok(Self)
    }
}

struct Requests {
    waiting: ManualQueue<State>,
}
context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;
    const READS_AND_WRITES: bool = true;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        handle(queue, request, irql)
    }

    fn read<'r>(&self, queue: Queue<'_>, request: Request<'r>, irql: &mut Passive) -> Handled<'r> {
        handle(queue, request, irql)
    }

    fn write<'r>(&self, queue: Queue<'_>, request: Request<'r>, irql: &mut Passive) -> Handled<'r> {
        handle(queue, request, irql)
    }
}

/// The model's own handles, for buffers of which every byte is looked at.
fn using<T: Send + 'static>(user: impl FnOnce(&Test, &File) -> T + Send + 'static) -> T {
    Scenario::new("wrappers", fx_driver_entry)
        .run(|test| user(test, test.open(INTERFACE).as_model()))
}

/// What a request is completed with, given its handler's result.
const fn outcome(result: Result<usize>) -> IoStatus {
    match result {
        Ok(information) => IoStatus {
            status: 0,
            information,
        },
        Err(error) => IoStatus {
            status: error.status(),
            information: 0,
        },
    }
}

/// A number of bytes beyond those that were transferred is the driver's mistake.
const TOO_MANY: Result<usize> = Err(Error::INTERNAL_ERROR);

/// How a request with room for ten bytes ends, and what is in its buffer then.
type Sent = (IoStatus, [u8; 10]);

/// REQ-33, REQ-34, C8: what has output reports bytes that were written to it, and no others. In a
/// direct request these are the sender's own pages, which the driver has written by then.
fn reports_what_was_written(is_direct: bool, send: impl Fn() -> Sent) {
    const UNTOUCHED: [u8; 10] = [0xFF; 10];
    const FOUR: [u8; 10] = *b"four\xFF\xFF\xFF\xFF\xFF\xFF";
    const TWO: [u8; 10] = *b"fo\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
    let cases = [
        (Ok(4), outcome(Ok(4)), FOUR),
        (Ok(2), outcome(Ok(2)), TWO),
        (Ok(0), outcome(Ok(0)), UNTOUCHED),
        (Ok(5), outcome(TOO_MANY), UNTOUCHED),
        (Ok(11), outcome(TOO_MANY), UNTOUCHED),
        (Ok(usize::MAX), outcome(TOO_MANY), UNTOUCHED),
        (
            Err(Error::CANCELLED),
            outcome(Err(Error::CANCELLED)),
            UNTOUCHED,
        ),
        (
            // A warning brings what was written.
            Err(Error::BUFFER_OVERFLOW),
            IoStatus {
                status: Error::BUFFER_OVERFLOW.status(),
                information: 4,
            },
            FOUR,
        ),
    ];
    for (result, status, bytes) in cases {
        on_requests(move |_, request, _| {
            request.complete_with(|transfer| {
                transfer.into_output()?.write(b"four")?;
                result
            })
        });
        let bytes = if is_direct { FOUR } else { bytes };
        assert_eq!(send(), (status, bytes), "{result:?}");
    }
    for (result, status) in [
        (Ok(0), outcome(Ok(0))),
        (Ok(1), outcome(TOO_MANY)),
        (
            Err(Error::ACCESS_DENIED),
            outcome(Err(Error::ACCESS_DENIED)),
        ),
    ] {
        on_requests(move |_, request, _| request.complete(result));
        assert_eq!(send(), (status, UNTOUCHED), "{result:?}");
    }
    on_requests(|_, request, _| {
        request.complete_with(|transfer| transfer.into_output()?.write(b"all"))
    });
    assert_eq!(send().0, outcome(Ok(3)));
}

/// REQ-33: what brings ten bytes of data reports how many of them were consumed.
fn reports_what_was_consumed(send: impl Fn() -> IoStatus) {
    let cases = [
        (Ok(10), outcome(Ok(10))),
        (Ok(3), outcome(Ok(3))),
        (Ok(0), outcome(Ok(0))),
        (Ok(11), outcome(TOO_MANY)),
        (Ok(usize::MAX), outcome(TOO_MANY)),
        (Err(Error::CANCELLED), outcome(Err(Error::CANCELLED))),
        (
            Err(Error::BUFFER_OVERFLOW),
            outcome(Err(Error::BUFFER_OVERFLOW)),
        ),
    ];
    for (result, status) in cases {
        on_requests(move |_, request, _| request.complete_with(|_| result));
        assert_eq!(send(), status, "completed with {result:?}");
        on_requests(move |_, request, _| request.complete(result));
        assert_eq!(send(), status, "completed with {result:?}");
    }
}

/// The information of a completed request is limited by its buffer (REQ-33) and is what the driver set (REQ-36).
#[test]
fn a_read_reports_the_bytes_that_were_written_to_its_output() {
    using(|_, file| {
        reports_what_was_written(false, || {
            let mut buffer = [0xFF; 10];
            (file.read(&mut buffer, 0), buffer)
        });
    });
}

/// The information of a completed request is limited by its buffer (REQ-33) and is what the driver set (REQ-36).
#[test]
fn a_write_reports_the_bytes_that_the_driver_consumed() {
    using(|_, file| reports_what_was_consumed(|| file.write(&[1; 10], 0)));
}

/// The information of a completed control is limited by its output (REQ-33), none without output (REQ-34).
#[test]
fn a_buffered_control_reports_the_bytes_that_were_written_to_its_output() {
    using(|_, file| {
        reports_what_was_written(false, || {
            let mut buffer = [0xFF; 10];
            (file.ioctl(BUFFERED, b"input", &mut buffer), buffer)
        });
        // Without room for output there is nothing to report.
        for (result, status) in [(Ok(0), outcome(Ok(0))), (Ok(1), outcome(TOO_MANY))] {
            on_requests(move |_, request, _| request.complete_with(|_| result));
            assert_eq!(file.ioctl(BUFFERED, b"input", &mut []), status);
        }
    });
}

/// The information of a completed control is limited by its output (REQ-33).
#[test]
fn an_out_direct_control_reports_the_bytes_that_were_written_to_its_output() {
    using(|_, file| {
        reports_what_was_written(true, || {
            let mut buffer = [0xFF; 10];
            (file.ioctl(OUT_DIRECT, b"input", &mut buffer), buffer)
        });
    });
}

/// REQ-33: the second buffer is the data, whatever is in the first.
#[test]
fn an_in_direct_control_reports_the_bytes_that_the_driver_consumed() {
    using(|_, file| {
        reports_what_was_consumed(|| file.ioctl(IN_DIRECT, b"in", &mut [1; 10]));
        for (result, status) in [(Ok(0), outcome(Ok(0))), (Ok(1), outcome(TOO_MANY))] {
            on_requests(move |_, request, _| request.complete_with(|_| result));
            assert_eq!(file.ioctl(IN_DIRECT, b"input", &mut []), status);
        }
    });
}

/// This crate touches none of the caller's pointers, so nothing is transferred.
#[test]
fn a_control_of_neither_method_reports_nothing() {
    using(|_, file| {
        for (result, status) in [(Ok(0), outcome(Ok(0))), (Ok(1), outcome(TOO_MANY))] {
            on_requests(move |_, request, _| request.complete(result));
            assert_eq!(file.ioctl(NEITHER, b"in", &mut [0; 4]), status);
        }
    });
}

/// DEV-46: the framework completes an open with what the callback returned.
#[test]
fn an_open_reports_its_status_and_no_information() {
    using(|test, file| {
        assert_eq!(file.opened(), outcome(Ok(0)));
        REFUSE.store(true, Ordering::Relaxed);
        let refused = test.try_open(INTERFACE).err();
        assert_eq!(
            refused.map(|refused| refused.status),
            Some(Error::DEVICE_BUSY.status())
        );
    });
}

/// Kinds are known of requests that come from another queue too (REQ-23).
#[test]
fn a_request_that_waited_reports_as_the_kind_that_it_is() {
    using(|_, file| {
        let complete_later = |result: Result<usize>| {
            on_requests(move |queue, request, irql| {
                let requests = queue.context::<Requests>().expect("is there");
                let waiting = requests.waiting.of(queue.device()).expect("of this device");
                let handled = request.forward(waiting).map_err(|(error, _)| error);
                waiting
                    .take_next(irql, |request| request.complete(result))
                    .expect("one waits");
                handled.expect("the queue takes it")
            });
        };
        complete_later(Ok(4));
        assert_eq!(file.write(b"data", 0), outcome(Ok(4)));
        complete_later(Ok(5));
        assert_eq!(file.write(b"data", 0), outcome(TOO_MANY));
        complete_later(Ok(3));
        assert_eq!(file.ioctl(IN_DIRECT, &[], &mut [0; 3]), outcome(Ok(3)));
        complete_later(Ok(1));
        assert_eq!(file.read(&mut [0; 3], 0), outcome(TOO_MANY));
    });
}

/// The device as a Rust program has it by `std::fs::File`.
struct Stream<'a>(&'a File);

impl Write for Stream<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let ended = self.0.write(data, 0);
        if ended.status == 0 {
            Ok(ended.information)
        } else {
            Err(io::Error::other(format!("{:#X}", ended.status)))
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `write_all` goes on where the driver stopped, and ends well.
#[test]
fn a_program_writes_all_of_its_data_by_parts() {
    using(|_, file| {
        let received = Arc::new(Mutex::new(Vec::new()));
        let sink = received.clone();
        let data: Vec<u8> = (0..=250).cycle().take(10_000).collect();
        while_handling(
            move |_, request, _| {
                request.complete_with(|transfer| {
                    let data = transfer.input(1)?;
                    let part = &data[..data.len().min(999)];
                    sink.lock().expect("no panic").extend_from_slice(part);
                    Ok(part.len())
                })
            },
            || Stream(file).write_all(&data).expect("all of it is taken"),
        );
        assert_eq!(*received.lock().expect("no panic"), data);
        while_handling(
            |_, request, _| request.complete(Ok(0)),
            || {
                let refused = Stream(file).write_all(b"data").expect_err("none is taken");
                assert_eq!(refused.kind(), io::ErrorKind::WriteZero);
            },
        );
    });
}
