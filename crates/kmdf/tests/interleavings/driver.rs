//! The driver that the tests load, and what they ask of it.

use crate::{framework, kernel};
use kmdf::{Device, DeviceInit, Driver, Passive, Result, Tag};
use loom::model::Builder;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a thread that could go on is stopped for another, in one order of the steps. Two are
/// known to show most mistakes.
const PREEMPTIONS: usize = 4;

pub(crate) const TAG: Tag = Tag::new(b"Loom");
/// The length of what the tests allocate.
pub(crate) const LENGTH: usize = 16;

struct Explored;
kmdf::driver_entry!(Explored);

pub(crate) struct State;
kmdf::context!(State);

type WithDevice = Box<dyn FnOnce(Device<'_>, &mut Passive) + Send>;

/// What the driver does with the device that it is about to make.
static WITH_DEVICE: Mutex<Option<WithDevice>> = Mutex::new(None);

impl Driver for Explored {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        let device = init.create(State, irql)?;
        let with_device = lock(&WITH_DEVICE)
            .take()
            .expect("a test that wants a device");
        with_device(device, irql);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("a panic ends the test")
}

/// Runs `test` in every order of its threads' steps, each time between the driver's load and its
/// unload, after which nothing may be left.
pub(crate) fn explore(test: impl Fn() + Send + Sync + 'static) {
    /// The wrappers keep some state in statics, so that there is one driver at a time.
    static ALONE: Mutex<()> = Mutex::new(());

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let orders = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&orders);
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        framework::load(fx_driver_entry);
        test();
        framework::unload();
        kernel::wait_for_workers();
        kernel::end();
    });
    println!("{} orders", orders.load(Ordering::Relaxed));
}

/// Writes to memory that no other thread may use. Loom does not count it as a step, but checks it.
pub(crate) fn fill(bytes: &mut [u8], value: u8) {
    kernel::own_memory(bytes.as_ptr().addr());
    bytes.fill(value);
}

/// Claims PASSIVE_LEVEL, where threads run unless they are `at_dispatch`.
pub(crate) fn passive() -> Passive {
    // SAFETY: Tests use the witness at PASSIVE_LEVEL only, which this kernel runs threads at unless they raise it.
    unsafe { Passive::assume() }
}

/// A device of the driver.
pub(crate) struct Removable {
    handle: usize,
}

impl Removable {
    /// Adds a device, and makes something with it.
    pub(crate) fn add<R: Send + 'static>(
        make: impl FnOnce(Device<'_>, &mut Passive) -> Result<R> + Send + 'static,
    ) -> (Self, R) {
        let made = Arc::new(Mutex::new(None));
        let target = Arc::clone(&made);
        let with_device: WithDevice =
            Box::new(move |device, irql| *lock(&target) = Some(make(device, irql)));
        *lock(&WITH_DEVICE) = Some(with_device);
        let handle = framework::add_device();
        let made = lock(&made).take().expect("the device was made");
        (Self { handle }, made.expect("nothing fails here"))
    }

    pub(crate) fn remove(self) {
        framework::remove_device(self.handle);
    }
}
