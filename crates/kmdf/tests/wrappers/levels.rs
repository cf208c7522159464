//! The IRQL at which the driver's own code runs: that of the witness which it is lent, or lower.

use super::driver::{INTERFACE, RUN};
use kmdf::{
    Device, DeviceInit, Dispatch, DispatchType, Driver, DriverParent, FileHandler, FileObject,
    Handled, IoHandler, Passive, Queue, Request, Result, SpinLock, WaitLock, context, driver_entry,
    wide,
};
use kmdf_test::{Config, Kernel, Scenario};
use std::sync::Mutex;

/// The machine that runs.
static KERNEL: Mutex<Option<Kernel>> = Mutex::new(None);

/// What ran, and at which IRQL.
static LOG: Mutex<Vec<(&'static str, u8)>> = Mutex::new(Vec::new());

fn log(what: &'static str) {
    let kernel = KERNEL
        .lock()
        .expect("no thread panicked with this lock")
        .clone();
    let irql = kernel.expect("a machine runs").irql();
    let mut log = LOG.lock().expect("no thread panicked with this lock");
    log.push((what, irql));
}

fn take_log() -> Vec<(&'static str, u8)> {
    std::mem::take(&mut *LOG.lock().expect("no thread panicked with this lock"))
}

struct Levels(WaitLock<usize>);
driver_entry!(Levels);

impl Driver for Levels {
    fn load(_irql: &mut Passive) -> Result<Self> {
        log("load");
        Ok(Self(WaitLock::new(&DriverParent, 0)?))
    }

    /// The first device has a queue at PASSIVE_LEVEL, the second one at DISPATCH_LEVEL.
    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        log("add device");
        init.set_generated_name(irql);
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        init.set_file_handler::<Opened>(irql);
        let device = init.create(State, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        let number = self.0.with(irql, |devices, _| {
            log("wait lock");
            *devices += 1;
            *devices
        })?;
        if number == 1 {
            device.create_default_queue(DispatchType::Parallel, AtPassive, irql)?;
        } else {
            let lock = SpinLock::new(&device, ())?;
            device.create_default_queue(DispatchType::Parallel, AtDispatch(lock), irql)?;
        }
        Ok(())
    }

    fn unload(&self, _irql: &mut Passive) {
        log("unload");
    }
}

struct State;
context!(State);

struct Opened;
context!(Opened);

impl FileHandler for Opened {
    fn create(_device: Device<'_>, _irql: &mut Passive) -> Result<Self> {
        log("open");
        Ok(Self)
    }

    fn cleanup(&self, _file: FileObject<'_>, _irql: &mut Passive) {
        log("cleanup");
    }

    fn close(&self, _file: FileObject<'_>, _irql: &mut Passive) {
        log("close");
    }
}

struct AtPassive;
context!(AtPassive);

impl IoHandler for AtPassive {
    type Level = Passive;

    fn device_control<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        _irql: &mut Passive,
    ) -> Handled<'r> {
        log("request");
        request.complete(Ok(0))
    }
}

struct AtDispatch(SpinLock<()>);
context!(AtDispatch);

impl IoHandler for AtDispatch {
    type Level = Dispatch;

    fn device_control<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        irql: &mut Dispatch,
    ) -> Handled<'r> {
        log("request");
        let locked = self.0.with(irql, |(), _| log("spin lock"));
        log("after it");
        request.complete(locked.map(|()| 0))
    }
}

/// C2, C13, P9, P10 (KmdfIrql, KmdfIrql2, KmdfIrqlExplicit), QUE-36: whatever level a request comes
/// at, no code of the driver runs above the level of its witness, nor above DISPATCH_LEVEL.
#[test]
fn callbacks_run_at_the_level_of_their_witness() {
    let scenario = Scenario::new("levels", fx_driver_entry).without_driver();
    scenario.run(|test| {
        let kernel = test.kernel();
        *KERNEL.lock().expect("no thread panicked with this lock") = Some(kernel.clone());
        let driver = test.load().expect("the driver loads");
        let add = || test.add_device().expect("the device starts");
        let devices = [add(), add()];
        assert_eq!(
            take_log(),
            [
                ("load", 0),
                ("add device", 0),
                ("wait lock", 0),
                ("add device", 0),
                ("wait lock", 0)
            ]
        );

        let on_request = [
            [vec![("request", 0)], vec![("request", 0)]],
            [
                vec![("request", 0), ("spin lock", 2), ("after it", 0)],
                vec![("request", 2), ("spin lock", 2), ("after it", 2)],
            ],
        ];
        let paths = kernel.interfaces(&INTERFACE.get());
        assert_eq!(paths.len(), on_request.len());
        for (path, [from_thread, from_dpc]) in paths.iter().zip(on_request) {
            let file = kernel.open(path).expect("the device opens");
            assert_eq!(take_log(), [("open", 0)]);
            assert_eq!(file.ioctl(RUN, &[], &mut []).ok(), Ok(0));
            assert_eq!(take_log(), from_thread);
            assert_eq!(file.ioctl_from_dpc(RUN, &[], 0).wait().0.ok(), Ok(0));
            assert_eq!(take_log(), from_dpc);
            file.close();
            assert_eq!(take_log(), [("cleanup", 0), ("close", 0)]);
        }

        for device in devices {
            device.remove().expect("nothing is open");
        }
        driver.unload().expect("nothing is left");
        assert_eq!(take_log(), [("unload", 0)]);
    });
}

#[test]
fn the_current_level_is_that_of_the_kernel() {
    super::inside(|device, irql| {
        assert_eq!(kmdf::irql::current(), 0);
        let lock = SpinLock::new(&device, ()).expect("lock");
        let within = lock.with(irql, |_, _| kmdf::irql::current());
        assert_eq!(within, Ok(2));
        assert_eq!(kmdf::irql::current(), 0);
    });
}

/// STATUS_BREAKPOINT as an unhandled exception.
#[test]
fn a_breakpoint_without_a_debugger_stops_the_system() {
    let stop = super::inside_with(Config::default(), |_, _| kmdf::debug::break_in())
        .expect_err("a bug check");
    assert_eq!((stop.code, stop.parameters[0]), (0x1E, 0x8000_0003));
}
