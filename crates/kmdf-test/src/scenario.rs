//! [`Scenario`], what a test runs on, and [`Test`], what it does there.

use crate::file::File;
use crate::report::{DEBUG_OUTPUT, FAILED_CALLS, Failure, Refused, failed_calls, section};
use kmdf_sys::GUID;
use nt_model::{Config, Device, Driver, DriverEntryPoint, Kernel};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A machine with one driver on it, which a test runs on.
///
/// [`Scenario::run`] boots it, loads the driver, adds a device, calls the test, closes, removes and
/// unloads all that is there, and checks that nothing is left in the pools.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `run`"]
pub struct Scenario {
    service: String,
    entry: DriverEntryPoint,
    config: Config,
    until: Until,
}

/// How far a scenario goes before it calls the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Until {
    Booted,
    Loaded,
    Started,
}

impl Scenario {
    /// A machine with the driver whose service is `name`, whose entry point is `entry`, and whose device
    /// has the hardware ID `Root\name`.
    pub fn new(name: &str, entry: DriverEntryPoint) -> Self {
        Self {
            service: name.into(),
            entry,
            config: Config::default(),
            until: Until::Started,
        }
    }

    /// Boots with this configuration: Driver Verifier's options, the version of Windows, limits, registry
    /// values.
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Loads the driver but adds no device: the test calls [`Test::add_device`].
    pub fn without_device(self) -> Self {
        let until = Until::Loaded;
        Self { until, ..self }
    }

    /// Boots, and loads nothing: the test calls [`Test::load`].
    pub fn without_driver(self) -> Self {
        let until = Until::Booted;
        Self { until, ..self }
    }

    /// Runs `test` on the machine, and gives back what it gave.
    ///
    /// # Panics
    ///
    /// If the run ends with a bug check, the driver does not load or its device does not start, the test
    /// panics, a device cannot be removed or a driver unloaded at the end, or something is left then.
    #[track_caller]
    pub fn run<T: Send + 'static>(self, test: impl FnOnce(&Test) -> T + Send + 'static) -> T {
        match self.try_run(test) {
            Ok(value) => value,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// As [`Scenario::run`], for tests that expect a bug check.
    ///
    /// # Errors
    ///
    /// The bug check that ended the run.
    ///
    /// # Panics
    ///
    /// As [`Scenario::run`], except for a bug check.
    pub fn try_run<T: Send + 'static>(
        self,
        test: impl FnOnce(&Test) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let config = self.config.clone();
        let run = nt_model::run(config, move |kernel| {
            kmdf_model::forget_failed_calls();
            let machine = Test {
                scenario: self,
                kernel: kernel.clone(),
                drivers: Mutex::default(),
                devices: Mutex::default(),
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| machine.run(test)));
            outcome.unwrap_or_else(|panic| {
                let mut report = String::from("the driver's side of it");
                let _ = section(&mut report, DEBUG_OUTPUT, &kernel.debug_output());
                let _ = section(&mut report, FAILED_CALLS, &failed_calls());
                eprintln!("{report}");
                resume_unwind(panic)
            })
        });
        run.map_err(|stop| Failure {
            stop,
            failed_calls: failed_calls(),
        })
    }
}

/// The running machine, as the test sees it.
#[derive(Debug)]
pub struct Test {
    scenario: Scenario,
    kernel: Kernel,
    drivers: Mutex<Vec<Driver>>,
    devices: Mutex<Vec<Device>>,
}

impl Test {
    fn run<T>(&self, test: impl FnOnce(&Self) -> T) -> T {
        if self.scenario.until >= Until::Loaded {
            self.load().unwrap_or_else(|refused| panic!("{refused}"));
        }
        if self.scenario.until >= Until::Started {
            self.add_device()
                .unwrap_or_else(|refused| panic!("{refused}"));
        }
        let value = test(self);
        self.finish();
        value
    }

    /// Takes everything down, as the doc of [`Scenario`] says, and checks that nothing is left.
    fn finish(&self) {
        let refused = self.kernel.shut_down();
        assert!(
            refused.is_empty(),
            "at the end of the scenario {}",
            refused.join("; ")
        );
        // The verifier says so only if it is on.
        let report = self.kernel.verifier();
        assert_eq!(
            report.live_blocks, 0,
            "pool blocks are left: {:?}",
            report.tags
        );
        assert_eq!(report.live_lookaside_lists, 0, "lookaside lists are left");
    }

    /// The kernel under the driver: the verifier's figures, debug output, opening by path.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Loads the driver.
    ///
    /// # Errors
    ///
    /// The status that its entry point returned.
    pub fn load(&self) -> Result<Driver, Refused> {
        let loaded = self
            .kernel
            .load_driver(&self.scenario.service, self.scenario.entry);
        let driver = loaded.map_err(|status| Refused::new("loading the driver", status))?;
        lock(&self.drivers).push(driver.clone());
        Ok(driver)
    }

    /// The driver that was loaded last.
    ///
    /// # Panics
    ///
    /// If none was.
    pub fn driver(&self) -> Driver {
        let drivers = lock(&self.drivers);
        drivers
            .last()
            .expect("no driver is loaded: call `load`")
            .clone()
    }

    /// Adds a device of the driver and starts it.
    ///
    /// # Errors
    ///
    /// The status that `EvtDriverDeviceAdd` returned, or that the start request was completed with.
    ///
    /// # Panics
    ///
    /// If no driver was loaded.
    pub fn add_device(&self) -> Result<Device, Refused> {
        let added = self
            .driver()
            .add_device(&format!(r"Root\{}", self.scenario.service));
        let device = added.map_err(|status| Refused::new("adding a device", status))?;
        lock(&self.devices).push(device.clone());
        Ok(device)
    }

    /// The device that was added last.
    ///
    /// # Panics
    ///
    /// If none was.
    pub fn device(&self) -> Device {
        let devices = lock(&self.devices);
        devices
            .last()
            .expect("no device was added: call `add_device`")
            .clone()
    }

    /// Opens the first enabled device interface of the class, as an administrator.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    #[track_caller]
    pub fn open(&self, interface: impl Into<GUID>) -> File {
        match self.try_open(interface) {
            Ok(file) => file,
            Err(refused) => panic!("{refused}"),
        }
    }

    /// As [`Test::open`], for a test that expects to be refused.
    ///
    /// # Errors
    ///
    /// `STATUS_OBJECT_NAME_NOT_FOUND` if no interface of the class is enabled, `STATUS_ACCESS_DENIED` if
    /// the device does not admit an administrator, or what the driver completed the create request with.
    pub fn try_open(&self, interface: impl Into<GUID>) -> Result<File, Refused> {
        let opened = self.kernel.open_interface(&interface.into());
        opened
            .map(File::from)
            .map_err(|status| Refused::new("opening the device", status))
    }
}

/// Takes a lock whose data stays valid if a holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
