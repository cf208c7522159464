//! A driver without code of its own, through whose binding the tests call the framework.

use kmdf_sys::entry::fx_driver_entry;
use kmdf_sys::*;
use nt_model::{Config, Driver, Kernel, RegistryData, RegistryValue, Stop, Verifier};
use std::ffi::CStr;
use std::ptr::{null, null_mut};
use std::sync::{Mutex, PoisonError};

/// Calls a framework function, with the arguments of the test.
macro_rules! wdf {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: The driver is bound while a scenario runs. What breaks the contract of the call
        // is what the test is about; it ends the run in the model, not in the test.
        unsafe { ::kmdf_sys::call_unsafe_wdf_function_binding!($name, $($argument),*) }
    }};
}
pub(crate) use wdf;

pub(crate) use crate::common::*;

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

/// As [`plain`], but lookaside lists keep entries, which they do not with special pool.
pub(crate) fn recycling() -> Config {
    Config {
        verifier: Verifier {
            special_pool: false,
            ..plain().verifier
        },
        ..Config::default()
    }
}

/// The framework's verifier on, its breaks printed only.
pub(crate) fn verified() -> Config {
    with_registry(Config::default(), "DbgBreakOnError", 0)
}

/// A configuration with a value under `Parameters\Wdf`.
pub(crate) fn with_registry(mut config: Config, name: &str, value: u32) -> Config {
    config.registry.push(RegistryValue {
        key: r"Parameters\Wdf".into(),
        name: name.into(),
        data: RegistryData::Dword(value),
    });
    config
}

/// The driver's tag: the first four characters of its name.
pub(crate) const DRIVER_TAG: u32 = u32::from_le_bytes(*b"Tdrv");

/// An image's entry point.
pub(crate) type ImageEntry = unsafe extern "C" fn(PDRIVER_OBJECT, PUNICODE_STRING) -> NTSTATUS;

/// Held for as long as a test uses the log.
static TURN: Mutex<()> = Mutex::new(());

/// Loads a driver image, runs the test, unloads the driver: how it ended, and what was logged.
pub(crate) fn run_image<T: Send + 'static>(
    config: Config,
    entry: ImageEntry,
    test: impl FnOnce(&Kernel, &Driver) -> T + Send + 'static,
) -> (Result<T, Stop>, Vec<String>) {
    run_prepared(config, || (), entry, test)
}

/// As [`run_image`], with something to do while no other test runs.
pub(crate) fn run_prepared<T: Send + 'static>(
    config: Config,
    prepare: impl FnOnce(),
    entry: ImageEntry,
    test: impl FnOnce(&Kernel, &Driver) -> T + Send + 'static,
) -> (Result<T, Stop>, Vec<String>) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    prepare();
    drop(take_log());
    let outcome = nt_model::run(config, move |kernel| {
        let driver = kernel.load_driver("Tdrv", entry).expect("loads");
        let outcome = test(kernel, &driver);
        driver.unload().expect("unloads");
        outcome
    });
    (outcome, take_log())
}

/// [`run_image`] with the driver that has no code of its own.
fn run_to_end<T: Send + 'static>(
    config: Config,
    test: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> (Result<T, Stop>, Vec<String>) {
    run_image(config, image_entry, |kernel, _| test(kernel))
}

/// Loads the driver, runs the test in its name at PASSIVE_LEVEL, and unloads it.
pub(crate) fn run<T: Send + 'static>(
    config: Config,
    test: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> Result<T, Stop> {
    run_to_end(config, test).0
}

/// As [`run`], with what was logged until after the unload.
pub(crate) fn run_and_log(
    config: Config,
    test: impl FnOnce(&Kernel) + Send + 'static,
) -> Result<Vec<String>, Stop> {
    let (outcome, log) = run_to_end(config, test);
    outcome.map(|()| log)
}

/// Runs a test that has to end in a stop; what was logged until then comes with it.
pub(crate) fn stop_and_log<T>(
    config: Config,
    test: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> (Stop, Vec<String>) {
    match run_to_end(config, |kernel| drop(test(kernel))) {
        (Ok(()), _) => panic!("the run was not stopped"),
        (Err(stop), log) => (stop, log),
    }
}

/// Runs a test that has to end in a stop.
pub(crate) fn stop_of<T>(config: Config, test: impl FnOnce(&Kernel) -> T + Send + 'static) -> Stop {
    stop_and_log(config, test).0
}

/// Asserts a WDF_VIOLATION with the given first two parameters, or more.
pub(crate) fn assert_violation(stop: &Stop, first: u64, second: u64) {
    assert_stop(stop, WDF_VIOLATION, &[first, second]);
}

/// Asserts the bug check for a NULL required pointer (OBJ-72).
pub(crate) fn assert_required_null(stop: &Stop) {
    assert_violation(stop, 4, 0);
    assert_ne!(stop.parameters[3], 0, "{stop}");
}

/// Asserts the bug check for a handle that is not of the wanted type (OBJ-70, OBJ-71).
pub(crate) fn assert_bad_handle(stop: &Stop, handle: WDFOBJECT, wanted: u64) {
    assert_violation(stop, 5, handle.addr() as u64);
    assert_eq!(stop.parameters[2], wanted, "{stop}");
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
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        EvtDriverUnload: Some(unload),
        DriverInitFlags: _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as ULONG,
        ..WDF_DRIVER_CONFIG::default()
    };
    let attributes = null_mut();
    wdf!(WdfDriverCreate(
        driver_object,
        registry_path,
        attributes,
        &mut config,
        null_mut()
    ))
}

unsafe extern "C" fn unload(_driver: WDFDRIVER) {
    log("unload".into());
}

/// The driver's public globals.
pub(crate) fn globals() -> *const WDF_DRIVER_GLOBALS {
    // SAFETY: Written by the bind alone, which comes before the tests run.
    unsafe { WdfDriverGlobals }
}

/// The handle of the test driver.
pub(crate) fn driver() -> WDFDRIVER {
    // SAFETY: Bound, so the globals are there.
    unsafe { (*globals()).Driver }
}

static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Appends a line to the log.
pub(crate) fn log(line: String) {
    LOG.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(line);
}

/// Takes the lines that were logged.
fn take_log() -> Vec<String> {
    std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A context type; statics of it can hold the pointers that C has there.
#[repr(transparent)]
pub(crate) struct ContextType(pub(crate) WDF_OBJECT_CONTEXT_TYPE_INFO);

// SAFETY: Immutable, and its pointers lead to statics.
unsafe impl Sync for ContextType {}

impl ContextType {
    pub(crate) const fn new(name: &'static CStr, size: usize) -> Self {
        Self(WDF_OBJECT_CONTEXT_TYPE_INFO {
            Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as ULONG,
            ContextName: name.as_ptr(),
            ContextSize: size,
            UniqueType: null(),
            EvtDriverGetUniqueContextType: None,
        })
    }

    pub(crate) fn as_ptr(&'static self) -> PCWDF_OBJECT_CONTEXT_TYPE_INFO {
        &raw const self.0
    }
}

/// The context that tells objects apart in the log.
pub(crate) static LABEL: ContextType = ContextType::new(c"LABEL", size_of::<u64>());

/// Attributes as WDF_OBJECT_ATTRIBUTES_INIT leaves them.
pub(crate) fn attributes() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as ULONG,
        ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ..WDF_OBJECT_ATTRIBUTES::default()
    }
}

/// Attributes with a parent, NULL for the default.
pub(crate) fn under(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        ParentObject: parent,
        ..attributes()
    }
}

/// Attributes with a parent, callbacks that log, and room for a label.
pub(crate) fn logged(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(on_cleanup),
        EvtDestroyCallback: Some(on_destroy),
        ContextTypeInfo: LABEL.as_ptr(),
        ..under(parent)
    }
}

pub(crate) unsafe extern "C" fn on_cleanup(object: WDFOBJECT) {
    log(format!("cleanup {}", label_of(object)));
}

pub(crate) unsafe extern "C" fn on_destroy(object: WDFOBJECT) {
    log(format!("destroy {}", label_of(object)));
}

/// The context of the given type, NULL if the object has none.
pub(crate) fn context_of(object: WDFOBJECT, context_type: &'static ContextType) -> PVOID {
    wdf!(WdfObjectGetTypedContextWorker(
        object,
        context_type.as_ptr()
    ))
}

fn label_of(object: WDFOBJECT) -> u64 {
    let context = context_of(object, &LABEL).cast::<u64>();
    // SAFETY: Objects with these callbacks have the context.
    unsafe { *context }
}

/// Gives an object created with [`logged`] attributes its label.
pub(crate) fn label(object: WDFOBJECT, label: u64) {
    let context = context_of(object, &LABEL).cast::<u64>();
    assert!(!context.is_null());
    // SAFETY: Not NULL, so a context of this type.
    unsafe { *context = label };
}

/// Creates an object of the driver's own.
pub(crate) fn create_object(attributes: &mut WDF_OBJECT_ATTRIBUTES) -> Result<WDFOBJECT, NTSTATUS> {
    let mut object = null_mut();
    let status = wdf!(WdfObjectCreate(attributes, &mut object));
    if status == STATUS_SUCCESS {
        Ok(object)
    } else {
        Err(status)
    }
}

/// Creates a labelled object.
pub(crate) fn object(number: u64, parent: WDFOBJECT) -> WDFOBJECT {
    let object = create_object(&mut logged(parent)).expect("created");
    label(object, number);
    object
}

pub(crate) fn delete(object: WDFOBJECT) {
    wdf!(WdfObjectDelete(object));
}

pub(crate) fn reference(object: WDFOBJECT) {
    wdf!(WdfObjectReferenceActual(object, null_mut(), 0, null()));
}

pub(crate) fn dereference(object: WDFOBJECT) {
    wdf!(WdfObjectDereferenceActual(object, null_mut(), 0, null()));
}

/// Creates a memory from the pool; the outcome, the handle and the buffer.
pub(crate) fn create_memory(
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    pool_type: POOL_TYPE,
    tag: u32,
    size: usize,
) -> Result<(WDFMEMORY, *mut u8), NTSTATUS> {
    let (mut memory, mut buffer) = (null_mut(), null_mut());
    let status = wdf!(WdfMemoryCreate(
        attributes,
        pool_type,
        tag,
        size,
        &mut memory,
        &mut buffer
    ));
    if status == STATUS_SUCCESS {
        Ok((memory, buffer.cast()))
    } else {
        Err(status)
    }
}

/// Creates a labelled memory.
pub(crate) fn memory(
    number: u64,
    parent: WDFOBJECT,
    pool_type: POOL_TYPE,
    size: usize,
) -> WDFMEMORY {
    let (memory, _) = create_memory(&mut logged(parent), pool_type, 0, size).expect("created");
    label(memory.cast(), number);
    memory
}

/// The address and size that `WdfMemoryGetBuffer` gives.
pub(crate) fn buffer_of(memory: WDFMEMORY) -> (*mut u8, usize) {
    let mut size = 0;
    let buffer = wdf!(WdfMemoryGetBuffer(memory, &mut size));
    (buffer.cast(), size)
}

pub(crate) fn create_list(
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    size: usize,
    pool_type: POOL_TYPE,
    memory_attributes: *mut WDF_OBJECT_ATTRIBUTES,
) -> Result<WDFLOOKASIDE, NTSTATUS> {
    let mut list = null_mut();
    let status = wdf!(WdfLookasideListCreate(
        attributes,
        size,
        pool_type,
        memory_attributes,
        0,
        &mut list
    ));
    if status == STATUS_SUCCESS {
        Ok(list)
    } else {
        Err(status)
    }
}

/// Takes a memory from a list.
pub(crate) fn take(list: WDFLOOKASIDE) -> Result<WDFMEMORY, NTSTATUS> {
    let mut memory = null_mut();
    let status = wdf!(WdfMemoryCreateFromLookaside(list, &mut memory));
    if status == STATUS_SUCCESS {
        Ok(memory)
    } else {
        Err(status)
    }
}

/// Fills a buffer with a pattern.
pub(crate) fn fill(buffer: *mut u8, size: usize, byte: u8) {
    // SAFETY: The tests give buffers of this size.
    unsafe { buffer.write_bytes(byte, size) };
}

/// The bytes of a buffer.
pub(crate) fn bytes(buffer: *const u8, size: usize) -> Vec<u8> {
    // SAFETY: The tests give buffers with at least `size` initialised bytes.
    unsafe { std::slice::from_raw_parts(buffer, size) }.to_vec()
}

/// Live blocks of a tag.
pub(crate) fn live_blocks(kernel: &Kernel, tag: u32) -> u64 {
    let report = kernel.verifier();
    let of_tag = report.tags.iter().filter(|entry| entry.tag == tag);
    of_tag.map(|entry| entry.blocks).sum()
}

/// Live bytes of a tag.
pub(crate) fn live_bytes(kernel: &Kernel, tag: u32) -> u64 {
    let report = kernel.verifier();
    let of_tag = report.tags.iter().filter(|entry| entry.tag == tag);
    of_tag.map(|entry| entry.bytes).sum()
}

/// Whether something was printed on the debug output.
pub(crate) fn printed(kernel: &Kernel, text: &str) -> bool {
    kernel.debug_output().iter().any(|line| line.contains(text))
}

/// An event that a callback waits on or sets.
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed().as_secs() < 20, "it never happened");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Waits until the log has a line.
pub(crate) fn wait_for_log(line: &str) {
    wait_until(|| {
        let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().any(|entry| entry == line)
    });
}
