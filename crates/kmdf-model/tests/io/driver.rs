//! A driver whose callbacks are closures of the test, and the calls that most tests make.

use kmdf_model as _;
use kmdf_sys::entry::fx_driver_entry;
use kmdf_sys::*;
use nt_model::{
    Config, Device, Driver, File, Kernel, NtStatus, RegistryData, RegistryValue, Stop, Verifier,
};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Calls a framework function with whatever the test wants the framework to deal with.
macro_rules! wdf {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: The driver is bound while a scenario runs. What breaks the contract of the call
        // is what the test is about; it ends the run in the model, not in the test.
        unsafe { ::kmdf_sys::call_unsafe_wdf_function_binding!($name, $($argument),*) }
    }};
}
pub(crate) use wdf;

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
        /// What the driver does when it is called.
        #[derive(Clone, Default)]
        pub(crate) struct Hooks {
            pub(crate) driver_flags: ULONG,
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
fn guarded<T>(hook: impl FnOnce() -> T) -> T {
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

/// Notes that something happened.
pub(crate) fn log(line: impl Into<String>) {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.push(line.into());
}

/// What was noted since the last time.
pub(crate) fn take_log() -> Vec<String> {
    std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What was noted until now, which stays.
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

    /// Takes what is there, or NULL.
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
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    *HOOKS.lock().unwrap_or_else(PoisonError::into_inner) = Some(hooks);
    drop(take_log());
    let outcome = nt_model::run(config, |kernel| {
        let driver = kernel.load_driver("Tdrv", image_entry).expect("loads");
        let machine = Machine {
            kernel: kernel.clone(),
            driver,
        };
        let outcome = test(&machine);
        machine.driver.unload().expect("unloads");
        outcome
    });
    let panic = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
    match panic {
        Some(panic) => resume_unwind(panic),
        None => (outcome, take_log()),
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
    assert_eq!(stop.code, WDF_VIOLATION, "{stop}");
    assert_eq!(stop.parameters[..2], [first, second], "{stop}");
}

/// Asserts that the model itself stopped the run, over something Windows leaves undefined.
pub(crate) fn assert_undefined(stop: &Stop, about: &str) {
    assert_eq!(stop.code, kmdf_model::MODEL_STOP, "{stop}");
    assert!(stop.message.contains(about), "{stop}");
}

unsafe extern "C" fn image_entry(
    driver_object: PDRIVER_OBJECT,
    registry_path: PUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: Called by the kernel as the image's entry point.
    unsafe { fx_driver_entry(driver_object, registry_path, driver_entry) }
}

unsafe extern "C" fn driver_entry(
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    let flags = hooks().driver_flags;
    let pnp = flags == 0;
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        EvtDriverDeviceAdd: pnp.then_some(on_device_add as _),
        EvtDriverUnload: Some(on_unload),
        DriverInitFlags: flags,
        ..WDF_DRIVER_CONFIG::default()
    };
    let status = wdf!(WdfDriverCreate(
        driver_object,
        registry_path,
        null_mut(),
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
    assert_eq!(status, STATUS_SUCCESS);
    // SAFETY: As above.
    unsafe { on_created(device) }
}

/// Attributes as WDF_OBJECT_ATTRIBUTES_INIT leaves them.
pub(crate) fn attributes() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as ULONG,
        ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ..WDF_OBJECT_ATTRIBUTES::default()
    }
}

/// Attributes with a parent.
pub(crate) fn under<T>(parent: *mut T) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        ParentObject: parent.cast(),
        ..attributes()
    }
}

/// A type whose context names the object in the log.
struct LabelType(WDF_OBJECT_CONTEXT_TYPE_INFO);

// SAFETY: Immutable, and its pointers lead to statics.
unsafe impl Sync for LabelType {}

static LABEL: LabelType = LabelType(WDF_OBJECT_CONTEXT_TYPE_INFO {
    Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as ULONG,
    ContextName: c"LABEL".as_ptr(),
    ContextSize: size_of::<&str>(),
    UniqueType: null(),
    EvtDriverGetUniqueContextType: None,
});

fn label_of(object: WDFOBJECT) -> *mut &'static str {
    let context = wdf!(WdfObjectGetTypedContextWorker(object, &raw const LABEL.0));
    context.cast()
}

unsafe extern "C" fn on_cleanup(object: WDFOBJECT) {
    // SAFETY: Objects with this callback have the context.
    log(format!("cleanup {}", unsafe { *label_of(object) }));
}

unsafe extern "C" fn on_destroy(object: WDFOBJECT) {
    // SAFETY: As above.
    log(format!("destroy {}", unsafe { *label_of(object) }));
}

/// Adds callbacks that log, and room for a label.
pub(crate) fn logged(attributes: WDF_OBJECT_ATTRIBUTES) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(on_cleanup),
        EvtDestroyCallback: Some(on_destroy),
        ContextTypeInfo: &raw const LABEL.0,
        ..attributes
    }
}

/// The context of an object created with [`logged`] attributes.
pub(crate) fn label_address(object: WDFOBJECT) -> *mut u8 {
    label_of(object).cast()
}

/// Gives an object created with [`logged`] attributes its label.
pub(crate) fn label<T>(object: *mut T, text: &'static str) {
    // SAFETY: The object has the context.
    unsafe { label_of(object.cast()).write(text) };
}

/// An object that logs its end.
pub(crate) fn logged_object<T>(parent: *mut T, text: &'static str) -> WDFOBJECT {
    let mut object = null_mut();
    let mut attributes = logged(under(parent));
    let status = wdf!(WdfObjectCreate(&mut attributes, &mut object));
    assert_eq!(status, STATUS_SUCCESS);
    label(object, text);
    object
}

pub(crate) use _WDF_IO_QUEUE_DISPATCH_TYPE::{
    WdfIoQueueDispatchManual as MANUAL, WdfIoQueueDispatchParallel as PARALLEL,
    WdfIoQueueDispatchSequential as SEQUENTIAL,
};

/// A configuration as WDF_IO_QUEUE_CONFIG_INIT leaves it.
pub(crate) fn queue_config(kind: WDF_IO_QUEUE_DISPATCH_TYPE) -> WDF_IO_QUEUE_CONFIG {
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as ULONG,
        DispatchType: kind,
        PowerManaged: _WDF_TRI_STATE::WdfUseDefault,
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    if kind == PARALLEL {
        config.Settings.Parallel.NumberOfPresentedRequests = u32::MAX;
    }
    config
}

/// As WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE, with EvtIoDeviceControl unless manual.
pub(crate) fn default_config(kind: WDF_IO_QUEUE_DISPATCH_TYPE) -> WDF_IO_QUEUE_CONFIG {
    WDF_IO_QUEUE_CONFIG {
        DefaultQueue: 1,
        EvtIoDeviceControl: (kind != MANUAL).then_some(on_control),
        ..queue_config(kind)
    }
}

pub(crate) fn try_create_queue(
    device: WDFDEVICE,
    mut config: WDF_IO_QUEUE_CONFIG,
    attributes: Option<WDF_OBJECT_ATTRIBUTES>,
) -> Result<WDFQUEUE, NTSTATUS> {
    let mut attributes = attributes;
    let attributes = attributes
        .as_mut()
        .map_or(null_mut(), |given| &raw mut *given);
    let mut queue = null_mut();
    let status = wdf!(WdfIoQueueCreate(
        device,
        &mut config,
        attributes,
        &mut queue
    ));
    if status == STATUS_SUCCESS {
        Ok(queue)
    } else {
        assert!(queue.is_null(), "the out handle is written on success only");
        Err(status)
    }
}

pub(crate) fn create_queue(device: WDFDEVICE, config: WDF_IO_QUEUE_CONFIG) -> WDFQUEUE {
    try_create_queue(device, config, None).expect("the queue is created")
}

/// The hooks of a device with one default queue for device controls.
pub(crate) fn queued(kind: WDF_IO_QUEUE_DISPATCH_TYPE) -> Hooks {
    Hooks::default().created(move |device| {
        create_queue(device, default_config(kind));
        STATUS_SUCCESS
    })
}

pub(crate) fn complete(request: WDFREQUEST, status: NTSTATUS) {
    wdf!(WdfRequestComplete(request, status));
}

pub(crate) fn complete_with(request: WDFREQUEST, status: NTSTATUS, information: u64) {
    wdf!(WdfRequestCompleteWithInformation(
        request,
        status,
        information
    ));
}

/// The request's input buffer, at least `required` bytes.
pub(crate) fn input(request: WDFREQUEST, required: usize) -> Result<(*mut u8, usize), NTSTATUS> {
    let (mut buffer, mut length) = (null_mut(), 0);
    let status = wdf!(WdfRequestRetrieveInputBuffer(
        request,
        required,
        &mut buffer,
        &mut length
    ));
    if status == STATUS_SUCCESS {
        Ok((buffer.cast(), length))
    } else {
        assert!(buffer.is_null() && length == 0, "reset up front");
        Err(status)
    }
}

/// The request's output buffer, at least `required` bytes.
pub(crate) fn output(request: WDFREQUEST, required: usize) -> Result<(*mut u8, usize), NTSTATUS> {
    let (mut buffer, mut length) = (null_mut(), 0);
    let status = wdf!(WdfRequestRetrieveOutputBuffer(
        request,
        required,
        &mut buffer,
        &mut length
    ));
    if status == STATUS_SUCCESS {
        Ok((buffer.cast(), length))
    } else {
        assert!(buffer.is_null() && length == 0, "reset up front");
        Err(status)
    }
}

/// The first byte of the input.
pub(crate) fn first_byte(request: WDFREQUEST) -> u8 {
    let (buffer, _) = input(request, 1).expect("there is input");
    // SAFETY: At least one byte.
    unsafe { *buffer }
}

/// A UNICODE_STRING over static text.
pub(crate) fn unicode(text: &str) -> UNICODE_STRING {
    let units: Vec<u16> = text.encode_utf16().collect();
    let length = (units.len() * 2) as u16;
    UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: units.leak().as_mut_ptr(),
    }
}
