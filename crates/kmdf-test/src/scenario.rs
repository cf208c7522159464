//! [`Scenario`], the machine that a test runs on, and [`Test`], the running machine as the test uses it.

use crate::file::File;
use crate::report::{DEBUG_OUTPUT, FAILED_CALLS, Failure, Refused, failed_calls, section};
use kmdf_sys::GUID;
use nt_model::{Config, Device, Driver, DriverEntryPoint, Kernel, LowerRequest, VerifierReport};
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Above the number of allocations that any test makes.
const ENDLESS: u64 = 100_000;

/// Held while a scenario runs: there is one machine per process.
static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    /// Whether the thread runs a scenario's test.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A machine with one driver on it, which a test runs on.
///
/// [`Scenario::run`] boots it, loads the driver, adds a device, calls the test, closes, removes and
/// unloads all that is there, and checks that nothing is left in the pools.
#[derive(Clone)]
#[must_use = "nothing happens before `run`"]
pub struct Scenario {
    service: String,
    entry: DriverEntryPoint,
    config: Config,
    until: Until,
    lower_device: Option<Arc<dyn Fn(LowerRequest) + Send + Sync>>,
    failing_allocation: u64,
}

impl fmt::Debug for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scenario")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
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
            lower_device: None,
            failing_allocation: 0,
        }
    }

    /// Boots with this configuration: Driver Verifier's options, the version of Windows, limits, registry
    /// values.
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Has the `n`-th allocation of pool fail, counted from 1 when the driver is loaded: those of the
    /// framework on the driver's behalf count too.
    pub fn fail_allocation(self, n: u64) -> Self {
        let failing_allocation = n;
        Self {
            failing_allocation,
            ..self
        }
    }

    /// Has `script` play the device below the driver's: it gets every request that the driver, or the
    /// framework for it, sends down, PnP and power requests among them.
    ///
    /// The script completes a request, now or later and from any thread, or drops it: then it is
    /// completed as a bus driver without anything to do for it does.
    ///
    /// ```no_run
    /// use kmdf_test::kmdf_sys::{IRP_MJ_PNP, IRP_MN_START_DEVICE, STATUS_NO_SUCH_DEVICE};
    /// # fn example(scenario: kmdf_test::Scenario) {
    /// let scenario = scenario.without_device().lower_device(|request| {
    ///     if (request.major(), request.minor()) == (IRP_MJ_PNP, IRP_MN_START_DEVICE) {
    ///         request.complete(STATUS_NO_SUCH_DEVICE, 0);
    ///     }
    /// });
    /// scenario.run(|test| {
    ///     let refused = test.add_device().expect_err("it does not start");
    ///     assert_eq!(refused.status, STATUS_NO_SUCH_DEVICE);
    /// });
    /// # }
    /// ```
    pub fn lower_device(self, script: impl Fn(LowerRequest) + Send + Sync + 'static) -> Self {
        Self {
            lower_device: Some(Arc::new(script)),
            ..self
        }
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

    /// Runs `test` on the machine, and returns its result.
    ///
    /// # Panics
    ///
    /// If it is called from within a scenario, if the run ends with a bug check, if the driver does not load
    /// or its device does not start, if the test panics, if a driver refuses the removal of a device or
    /// cannot be unloaded at the end, or if pool or a lookaside list is left then.
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
        let run = self.boot(|machine| {
            machine
                .set_up()
                .unwrap_or_else(|refused| panic!("{refused}"));
            test(machine)
        });
        run.map(|(value, _)| value)
    }

    /// Runs the scenario once for each allocation of pool from the load of the driver to its unload, with
    /// that allocation failing, and once more without a failure. Returns the number of allocations.
    ///
    /// A driver withstands a failed allocation if there is no bug check and nothing is left at the end. It
    /// may fail to load and its device to start; `test` is called when neither did. Open by
    /// [`Test::try_open`] in it, and let a request fail only if [`Test::allocation_failed`].
    ///
    /// # Panics
    ///
    /// As [`Scenario::run`], and the message has the number of the allocation; a driver that does not load
    /// and a device that does not start are panics only if no allocation failed.
    #[track_caller]
    pub fn each_allocation_fails(self, test: impl Fn(&Test) + Send + Sync + 'static) -> u64 {
        let test = Arc::new(test);
        let runs = (1..).take_while(|&n| {
            assert!(n < ENDLESS, "there is no end to the allocations");
            let test = test.clone();
            let run = self.clone().fail_allocation(n);
            let run = run.boot(move |machine| machine.set_up().map(|()| test(machine)));
            let (outcome, report) =
                run.unwrap_or_else(|failure| panic!("when allocation {n} failed: {failure}"));
            let failed = report.faults_injected > 0;
            if let (Err(refused), false) = (outcome, failed) {
                panic!("{refused}");
            }
            failed
        });
        runs.count() as u64
    }

    /// Boots, calls `act`, and shuts down. Returns the result of `act` and the verifier's figures at the end.
    fn boot<T: Send + 'static>(
        self,
        act: impl FnOnce(&Test) -> T + Send + 'static,
    ) -> Result<(T, VerifierReport), Failure> {
        assert!(!INSIDE.get(), "a scenario was started from within another");
        // Held until the calls that failed are read: the next scenario forgets them.
        let _turn = lock(&TURN);
        let config = self.config.clone();
        let run = nt_model::run(config, move |kernel| {
            INSIDE.set(true);
            kmdf_model::forget_failed_calls();
            let machine = Test {
                scenario: self,
                kernel: kernel.clone(),
                drivers: Mutex::default(),
                devices: Mutex::default(),
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let value = act(&machine);
                (value, machine.finish())
            }));
            outcome.unwrap_or_else(|panic| {
                machine.report();
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
    /// Loads the driver and adds the device, as far as the scenario asks for it.
    fn set_up(&self) -> Result<(), Refused> {
        let Scenario {
            lower_device,
            failing_allocation,
            until,
            ..
        } = &self.scenario;
        if let Some(script) = lower_device.clone() {
            self.kernel
                .script_lower_device(move |request| script(request));
        }
        self.kernel.fail_nth_allocation(*failing_allocation);
        if *until >= Until::Loaded {
            self.load()?;
        }
        if *until >= Until::Started {
            self.add_device()?;
        }
        Ok(())
    }

    /// Prints the debug output and the failed calls, which may explain a panic of the test.
    fn report(&self) {
        let mut report = String::new();
        let failing = self.scenario.failing_allocation;
        if failing != 0 {
            report = format!("\n  with allocation {failing} failing");
        }
        let _ = section(&mut report, DEBUG_OUTPUT, &self.kernel.debug_output());
        let _ = section(&mut report, FAILED_CALLS, &failed_calls());
        if !report.is_empty() {
            eprintln!("the machine of {}:{report}", self.scenario.service);
        }
    }

    /// Closes, removes and unloads all that is there, and checks that nothing is left.
    fn finish(&self) -> VerifierReport {
        let refused = self.kernel.shut_down();
        assert!(
            refused.is_empty(),
            "at the end of the scenario {}",
            refused.join("; ")
        );
        // Whatever verifier options are on.
        let report = self.kernel.verifier();
        assert_eq!(
            report.live_blocks, 0,
            "pool blocks are left: {:?}",
            report.tags
        );
        assert_eq!(report.live_lookaside_lists, 0, "lookaside lists are left");
        report
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

    /// Calls `act` once for each allocation of pool that it makes, with that allocation failing, and once
    /// more without a failure. `act` returns `false` if it was refused for want of memory. Returns the number
    /// of refusals.
    ///
    /// All allocations of `act` count. To leave some out, `act` calls `test.kernel().fail_nth_allocation(0)`
    /// before them, and the same with its argument, the number of the allocation, to start counting.
    ///
    /// # Panics
    ///
    /// If `act` is refused although no allocation failed.
    #[track_caller]
    pub fn each_allocation_fails(&self, mut act: impl FnMut(u64) -> bool) -> u64 {
        let mut refusals = 0;
        for n in 1.. {
            assert!(n < ENDLESS, "there is no end to the allocations");
            let before = self.kernel.verifier().faults_injected;
            self.kernel.fail_nth_allocation(n);
            let done = act(n);
            self.kernel.fail_nth_allocation(0);
            if self.kernel.verifier().faults_injected == before {
                assert!(done, "it was refused although no allocation failed");
                break;
            }
            refusals += u64::from(!done);
        }
        refusals
    }

    /// Whether an allocation has failed on purpose since the boot.
    pub fn allocation_failed(&self) -> bool {
        self.kernel.verifier().faults_injected > 0
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

    /// Opens a device by its path, as an administrator: a symbolic link such as `\\.\Name`, a link of
    /// [`Kernel::interfaces`], or a device name.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    #[track_caller]
    pub fn open_path(&self, path: &str) -> File {
        match self.kernel.open(path) {
            Ok(file) => File::from(file),
            Err(status) => panic!("{}", Refused::new("opening the device", status)),
        }
    }

    /// As [`Test::open`], for a test that expects to be refused.
    ///
    /// # Errors
    ///
    /// `STATUS_OBJECT_NAME_NOT_FOUND` if no interface of the class is enabled, `STATUS_ACCESS_DENIED` if
    /// the device does not admit an administrator, or what the driver completed the create request with.
    pub fn try_open(&self, interface: impl Into<GUID>) -> Result<File, Refused> {
        let class = interface.into();
        let opened = self.kernel.open_interface(&class);
        opened.map(File::from).map_err(|status| {
            let (first, last) = class.Data4.split_at(2);
            let hex = |bytes: &[u8]| {
                bytes
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>()
            };
            Refused::new(
                format!(
                    "opening the device interface {{{:08x}-{:04x}-{:04x}-{}-{}}}",
                    class.Data1,
                    class.Data2,
                    class.Data3,
                    hex(first),
                    hex(last)
                ),
                status,
            )
        })
    }
}

/// Takes a lock whose data stays valid if a holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
