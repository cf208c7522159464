//! The test driver: a device whose control requests run what the test has put in its place.

use kmdf::{
    Device, DeviceInit, DispatchType, Driver, Guid, Handled, IoHandler, Passive, Queue, Request,
    Result, context, driver_entry, wide,
};
use kmdf_test::{Config, Failure, File, Reply, Scenario, Test};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// `CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)`.
pub const RUN: u32 = 0x0022_2000;

/// The interface by which the devices of the tests are found.
pub const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F);

type Body = Box<dyn for<'q, 'r> FnOnce(Queue<'q>, Request<'r>, &mut Passive) -> Handled<'r> + Send>;
type SharedBody =
    Arc<dyn for<'q, 'r> Fn(Device<'q>, Request<'r>, &mut Passive) -> Handled<'r> + Send + Sync>;

/// What the next request runs. One machine at a time exists in the process.
static BODY: Mutex<Option<Body>> = Mutex::new(None);
/// What requests run that find no body.
static SHARED_BODY: Mutex<Option<SharedBody>> = Mutex::new(None);

struct TestDriver;
driver_entry!(TestDriver);

impl Driver for TestDriver {
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
context!(State);

struct Requests;
context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        handle(queue, request, irql)
    }
}

/// Runs what the test has put in place of a handler.
pub fn handle<'r>(queue: Queue<'_>, request: Request<'r>, irql: &mut Passive) -> Handled<'r> {
    let body = BODY.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(body) = body {
        return body(queue, request, irql);
    }
    let body = SHARED_BODY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    match body {
        Some(body) => body(queue.device(), request, irql),
        None => request.complete(Ok(0)),
    }
}

/// Waits for something that happens on another thread.
pub fn wait_until(happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed().as_secs() < 10, "it never happens");
        std::thread::yield_now();
    }
}

/// A machine with this driver.
pub fn scenario() -> Scenario {
    Scenario::new("wrappers", fx_driver_entry)
}

/// Opens the device of this driver for `user`, on a machine of choice.
pub fn with_device<T: Send + 'static>(
    config: Config,
    user: impl FnOnce(&Test, &File) -> T + Send + 'static,
) -> std::result::Result<T, Failure> {
    let scenario = scenario().config(config);
    scenario.try_run(|test| user(test, &test.open(INTERFACE)))
}

/// Has `body` handle the next request.
pub fn on_requests(
    body: impl for<'q, 'r> FnOnce(Queue<'q>, Request<'r>, &mut Passive) -> Handled<'r> + Send + 'static,
) {
    *BODY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(body));
}

/// Runs `user` with `body` handling all requests that [`on_requests`] was not called for.
pub fn while_handling(
    body: impl for<'q, 'r> Fn(Device<'q>, Request<'r>, &mut Passive) -> Handled<'r>
    + Send
    + Sync
    + 'static,
    user: impl FnOnce(),
) {
    *SHARED_BODY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(body));
    user();
    *SHARED_BODY.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Runs `body` in a request handler of the device, at PASSIVE_LEVEL, on a machine with all checks
/// on.
pub fn inside<T: Send + 'static>(
    body: impl FnOnce(Device<'_>, &mut Passive) -> T + Send + 'static,
) -> T {
    inside_with(Config::default(), body).expect("no bug check")
}

/// As [`inside`] on a machine of choice.
pub fn inside_with<T: Send + 'static>(
    config: Config,
    body: impl FnOnce(Device<'_>, &mut Passive) -> T + Send + 'static,
) -> std::result::Result<T, Failure> {
    with_device(config, |_, file| run_body(file, body))
}

/// Sends a request that runs `body`; a panic of it goes on here, not through the framework.
pub fn run_body<T: Send + 'static>(
    file: &File,
    body: impl FnOnce(Device<'_>, &mut Passive) -> T + Send + 'static,
) -> T {
    type Outcome<T> = std::result::Result<T, Box<dyn Any + Send>>;
    let outcome = Arc::new(Mutex::new(None::<Outcome<T>>));
    let slot = outcome.clone();
    on_requests(move |queue, request, irql| {
        let result = catch_unwind(AssertUnwindSafe(|| body(queue.device(), irql)));
        *slot.lock().expect("no thread panicked with this lock") = Some(result);
        request.complete(Ok(0))
    });
    let reply = file.ioctl(RUN, &[], 0);
    assert_eq!(reply, Reply::success([]), "the request reached its handler");
    let outcome = outcome
        .lock()
        .expect("no thread panicked with this lock")
        .take();
    match outcome.expect("the body ran") {
        Ok(value) => value,
        Err(panic) => resume_unwind(panic),
    }
}
