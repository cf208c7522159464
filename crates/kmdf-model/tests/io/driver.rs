//! A driver whose callbacks are closures of the test, and the calls that most tests make.

use kmdf_sys::entry::{FUNCTION_COUNT, WdfDriverGlobals, WdfFunctions, fx_driver_entry};
use kmdf_sys::loader::{WDF_BIND_INFO, WDF_VERSION, WdfVersionBind, WdfVersionUnbind};
use kmdf_sys::*;
use nt_model::{
    Config, Device, Driver, File, Kernel, NtStatus, RegistryData, RegistryValue, Stop, Verifier,
};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Calls a framework function, with the arguments of the test.
macro_rules! wdf {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: The driver is bound while a scenario runs. What breaks the contract of the call
        // is what the test is about; it ends the run in the model, not in the test.
        unsafe { ::kmdf_sys::call_unsafe_wdf_function_binding!($name, $($argument),*) }
    }};
}
pub(crate) use wdf;

pub(crate) use crate::calls::*;
pub(crate) use crate::common::*;

/// The interface class of the test device.
pub(crate) const CLASS: GUID = GUID {
    Data1: 0x6D7E_0001,
    Data2: 0x1111,
    Data3: 0x2222,
    Data4: [1, 2, 3, 4, 5, 6, 7, 8],
};

/// An IOCTL of the given transfer method.
pub(crate) const fn ioctl(method: u32) -> u32 {
    (FILE_DEVICE_UNKNOWN << 16) | (0x800 << 2) | method
}

pub(crate) const BUFFERED: u32 = ioctl(METHOD_BUFFERED);

/// All checks of the kernel on, the framework's verifier off.
pub(crate) fn plain() -> Config {
    Config {
        verifier: Verifier {
            wdf: false,
            ..Verifier::standard()
        },
        ..Config::default()
    }
}

/// The framework's verifier on, its breaks printed only.
pub(crate) fn verified() -> Config {
    let mut config = Config::default();
    config.registry.push(RegistryValue {
        key: r"Parameters\Wdf".into(),
        name: "DbgBreakOnError".into(),
        data: RegistryData::Dword(0),
    });
    config
}

type Hook<F> = Option<Arc<F>>;

macro_rules! hooks {
    ($($field:ident: fn($($argument:ident: $type:ty),*) $(-> $result:ty)? = $default:expr, $callback:ident;)*) => {
        /// The closures that the driver's callbacks call.
        #[derive(Clone, Default)]
        pub(crate) struct Hooks {
            pub(crate) driver_flags: ULONG,
            pub(crate) driver_attributes: Option<WDF_OBJECT_ATTRIBUTES>,
            /// Binds as a client of version 1.8.
            pub(crate) old_client: bool,
            pub(crate) pnp: WDF_PNPPOWER_EVENT_CALLBACKS,
            pub(crate) device_attributes: Option<WDF_OBJECT_ATTRIBUTES>,
            $(pub(crate) $field: Hook<dyn Fn($($type),*) $(-> $result)? + Send + Sync>,)*
        }

        impl Hooks {
            $(
                pub(crate) fn $field(
                    mut self,
                    hook: impl Fn($($type),*) $(-> $result)? + Send + Sync + 'static,
                ) -> Self {
                    self.$field = Some(Arc::new(hook));
                    self
                }
            )*
        }

        $(
            pub(crate) unsafe extern "C" fn $callback($($argument: $type),*) $(-> $result)? {
                let hook = hooks().$field;
                match hook {
                    Some(hook) => guarded(|| hook($($argument),*)),
                    None => $default,
                }
            }
        )*
    };
}

hooks! {
    init: fn(init: PWDFDEVICE_INIT) = (), on_init;
    created: fn(device: WDFDEVICE) -> NTSTATUS = STATUS_SUCCESS, on_created;
    unload: fn(driver: WDFDRIVER) = (), on_unload;
    any: fn(queue: WDFQUEUE, request: WDFREQUEST) = (), on_any;
    read: fn(queue: WDFQUEUE, request: WDFREQUEST, length: usize) = (), on_read;
    write: fn(queue: WDFQUEUE, request: WDFREQUEST, length: usize) = (), on_write;
    control: fn(queue: WDFQUEUE, request: WDFREQUEST, output: usize, input: usize, code: ULONG) = (), on_control;
    stop: fn(queue: WDFQUEUE, request: WDFREQUEST, action: ULONG) = (), on_stop;
    resume: fn(queue: WDFQUEUE, request: WDFREQUEST) = (), on_resume;
    canceled_on_queue: fn(queue: WDFQUEUE, request: WDFREQUEST) = (), on_canceled_on_queue;
    cancel: fn(request: WDFREQUEST) = (), on_cancel;
    state: fn(queue: WDFQUEUE, context: WDFCONTEXT) = (), on_state;
    file_create: fn(device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT) = (), on_file_create;
    file_cleanup: fn(file: WDFFILEOBJECT) = (), on_file_cleanup;
    file_close: fn(file: WDFFILEOBJECT) = (), on_file_close;
    in_caller_context: fn(device: WDFDEVICE, request: WDFREQUEST) = (), on_in_caller_context;
    work: fn(item: WDFWORKITEM) = (), on_work;
}

// SAFETY: The pointers among the fields are addresses of functions and statics.
unsafe impl Send for Hooks {}

static HOOKS: Mutex<Option<Hooks>> = Mutex::new(None);
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Held for as long as a test uses the statics.
static TURN: Mutex<()> = Mutex::new(());

/// The panic of a hook, which cannot unwind through the framework.
static PANIC: Mutex<Option<Box<dyn std::any::Any + Send>>> = Mutex::new(None);

/// Runs a hook; a failed assertion in it ends the machine, and then the test.
pub(crate) fn guarded<T>(hook: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(hook)) {
        Ok(value) => value,
        Err(panic) => {
            *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
            // SAFETY: Callable at any IRQL; it does not return.
            unsafe { ntddk::KeBugCheckEx(MANUALLY_INITIATED_CRASH, 0, 0, 0, 0) }
        }
    }
}

fn hooks() -> Hooks {
    let hooks = HOOKS.lock().unwrap_or_else(PoisonError::into_inner);
    hooks.clone().unwrap_or_default()
}

/// Appends a line to the log.
pub(crate) fn log(line: impl Into<String>) {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.push(line.into());
}

/// Takes the lines that were logged.
pub(crate) fn take_log() -> Vec<String> {
    std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Copies the lines that were logged until now.
pub(crate) fn peek_log() -> Vec<String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A handle or address that one callback leaves for another.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Slot {
    pub(crate) fn set<T>(&self, pointer: *mut T) {
        self.0.store(pointer.expose_provenance(), Ordering::SeqCst);
    }

    pub(crate) fn get<T>(&self) -> *mut T {
        std::ptr::with_exposed_provenance_mut(self.0.load(Ordering::SeqCst))
    }

    /// Takes the value; NULL if there is none.
    pub(crate) fn take<T>(&self) -> *mut T {
        std::ptr::with_exposed_provenance_mut(self.0.swap(0, Ordering::SeqCst))
    }
}

/// A machine with the driver loaded.
pub(crate) struct Machine {
    pub(crate) kernel: Kernel,
    driver: Driver,
}

impl Machine {
    pub(crate) fn add(&self) -> Device {
        self.try_add().expect("the device starts")
    }

    pub(crate) fn try_add(&self) -> Result<Device, NtStatus> {
        self.driver.add_device(r"Root\Test")
    }

    pub(crate) fn open(&self) -> File {
        self.kernel.open_interface(&CLASS).expect("opens")
    }
}

/// The running machine, for hooks.
static KERNEL: Mutex<Option<Kernel>> = Mutex::new(None);

fn kernel() -> Kernel {
    let kernel = KERNEL.lock().unwrap_or_else(PoisonError::into_inner);
    kernel.clone().expect("a machine runs")
}

/// Makes the `nth` allocation from now fail, from inside a hook.
pub(crate) fn fail_nth_allocation(nth: u64) {
    kernel().fail_nth_allocation(nth);
}

/// Makes the next mapping of pages fail, from inside a hook.
pub(crate) fn fail_next_mapping() {
    kernel().fail_next_mapping();
}

/// Loads the driver, runs the test at PASSIVE_LEVEL and unloads it. Devices are the test's to remove.
pub(crate) fn run<T: Send + 'static>(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&Machine) -> T + Send + 'static,
) -> Result<T, Stop> {
    run_to_end(config, hooks, test).0
}

/// As [`run`], with what was logged until after the unload.
pub(crate) fn run_to_end<T: Send + 'static>(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&Machine) -> T + Send + 'static,
) -> (Result<T, Stop>, Vec<String>) {
    in_turn(|| run_in_turn(config, hooks, test))
}

/// Runs `action` while no other test uses the statics.
pub(crate) fn in_turn<T>(action: impl FnOnce() -> T) -> T {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    drop(take_log());
    let outcome = action();
    let panic = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
    match panic {
        Some(panic) => resume_unwind(panic),
        None => outcome,
    }
}

/// As [`run`], but the machine is shut down with driver and devices as the test leaves them.
pub(crate) fn run_and_leave<T: Send + 'static>(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&Machine) -> T + Send + 'static,
) -> Result<T, Stop> {
    in_turn(|| boot(config, hooks, |kernel| test(&loaded(kernel))))
}

fn run_in_turn<T: Send + 'static>(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&Machine) -> T + Send + 'static,
) -> (Result<T, Stop>, Vec<String>) {
    let outcome = boot(config, hooks, |kernel| {
        let machine = loaded(kernel);
        let outcome = test(&machine);
        machine.driver.unload().expect("unloads");
        outcome
    });
    (outcome, take_log())
}

/// Boots a machine whose driver is going to have the hooks. In [`in_turn`].
pub(crate) fn boot<T: Send + 'static>(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> Result<T, Stop> {
    *HOOKS.lock().unwrap_or_else(PoisonError::into_inner) = Some(hooks);
    nt_model::run(config, |kernel| {
        *KERNEL.lock().unwrap_or_else(PoisonError::into_inner) = Some(kernel.clone());
        test(kernel)
    })
}

/// Loads the test driver as service `Tdrv`.
pub(crate) fn load(kernel: &Kernel) -> Result<Driver, NtStatus> {
    kernel.load_driver("Tdrv", image_entry)
}

fn loaded(kernel: &Kernel) -> Machine {
    Machine {
        kernel: kernel.clone(),
        driver: load(kernel).expect("loads"),
    }
}

/// Runs a test on one started device, which is removed afterwards.
pub(crate) fn with_device<T: Send + 'static>(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&Machine, &Device) -> T + Send + 'static,
) -> T {
    let outcome = run(config, hooks, |machine| {
        let device = machine.add();
        let outcome = test(machine, &device);
        device.remove().expect("is removed");
        outcome
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"))
}

/// Runs a test on an open handle to a started device, all of which goes afterwards.
pub(crate) fn with_file<T: Send + 'static>(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&File) -> T + Send + 'static,
) -> T {
    with_device(config, hooks, |machine, _| {
        let file = machine.open();
        let outcome = test(&file);
        file.close();
        outcome
    })
}

/// Runs a test that has to end in a stop.
pub(crate) fn stop_of(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&Machine) + Send + 'static,
) -> Stop {
    match run(config, hooks, test) {
        Ok(()) => panic!("the run was not stopped"),
        Err(stop) => stop,
    }
}

/// Runs a test on an open handle that has to end in a stop.
pub(crate) fn stop_with_file(
    config: Config,
    hooks: Hooks,
    test: impl FnOnce(&File) + Send + 'static,
) -> Stop {
    stop_of(config, hooks, |machine| {
        let device = machine.add();
        let file = machine.open();
        test(&file);
        file.close();
        device.remove().expect("is removed");
    })
}

/// Asserts a WDF_VIOLATION with the given first two parameters.
pub(crate) fn assert_violation(stop: &Stop, first: u64, second: u64) {
    assert_stop(stop, WDF_VIOLATION, &[first, second]);
}

unsafe extern "C" fn image_entry(
    driver_object: PDRIVER_OBJECT,
    registry_path: PUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: Called by the kernel as the image's entry point.
    unsafe { fx_driver_entry(driver_object, registry_path, driver_entry) }
}

/// Binds once more, to the same functions as of version 1.8; the stub's binding goes.
fn bind_as_old_client(driver_object: PDRIVER_OBJECT) {
    let mut info = WDF_BIND_INFO {
        Size: size_of::<WDF_BIND_INFO>() as ULONG,
        Component: null_mut(),
        Version: WDF_VERSION {
            Major: 1,
            Minor: 8,
            Build: 0,
        },
        FuncCount: FUNCTION_COUNT,
        FuncTable: (&raw mut WdfFunctions).cast(),
        Module: null_mut(),
    };
    let bound = &raw mut WdfDriverGlobals;
    // SAFETY: Written by the stub's binding.
    let globals = unsafe { *bound };
    // SAFETY: Bound by the stub, and nothing has been made since.
    let unbound = unsafe { WdfVersionUnbind(null_mut(), &mut info, globals) };
    assert_eq!(unbound, STATUS_SUCCESS);
    // SAFETY: All pointers are valid, and no other code of the image runs.
    let status = unsafe { WdfVersionBind(driver_object, null_mut(), &mut info, bound) };
    assert_eq!(status, STATUS_SUCCESS);
}

unsafe extern "C" fn driver_entry(
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    let mut hooks = hooks();
    if hooks.old_client {
        bind_as_old_client(driver_object);
    }
    let flags = hooks.driver_flags;
    let pnp = flags == 0;
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        EvtDriverDeviceAdd: pnp.then_some(on_device_add as _),
        EvtDriverUnload: Some(on_unload),
        DriverInitFlags: flags,
        ..WDF_DRIVER_CONFIG::default()
    };
    let attributes = hooks.driver_attributes.as_mut();
    let attributes = attributes.map_or(null_mut(), |attributes| &raw mut *attributes);
    let status = wdf!(WdfDriverCreate(
        driver_object,
        registry_path,
        attributes,
        &mut config,
        null_mut()
    ));
    if status == STATUS_SUCCESS && !pnp {
        // SAFETY: The hook's own function.
        return unsafe { on_created(null_mut()) };
    }
    status
}

unsafe extern "C" fn on_device_add(_driver: WDFDRIVER, mut init: PWDFDEVICE_INIT) -> NTSTATUS {
    let mut hooks = hooks();
    if hooks.pnp.Size != 0 {
        wdf!(WdfDeviceInitSetPnpPowerEventCallbacks(init, &mut hooks.pnp));
    }
    // SAFETY: The hook's own function.
    unsafe { on_init(init) };
    let attributes = hooks.device_attributes.as_mut();
    let attributes = attributes.map_or(null_mut(), |attributes| &raw mut *attributes);
    let mut device = null_mut();
    let status = wdf!(WdfDeviceCreate(&mut init, attributes, &mut device));
    if status != STATUS_SUCCESS {
        return status;
    }
    let status = wdf!(WdfDeviceCreateDeviceInterface(device, &CLASS, null()));
    if status != STATUS_SUCCESS {
        return status;
    }
    // SAFETY: The test's own callback, with the device just created.
    unsafe { on_created(device) }
}
