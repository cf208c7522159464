//! Attributes, contexts, queues and buffers as most tests use them.

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::{null, null_mut};
use std::sync::Mutex;

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
    ContextSize: size_of::<Option<&str>>(),
    UniqueType: null(),
    EvtDriverGetUniqueContextType: None,
});

/// The context that holds a label, empty at first.
fn label_of(object: WDFOBJECT) -> *mut Option<&'static str> {
    let context = wdf!(WdfObjectGetTypedContextWorker(object, &raw const LABEL.0));
    context.cast()
}

fn text_of(object: WDFOBJECT) -> &'static str {
    // SAFETY: Objects with these callbacks have the context.
    unsafe { *label_of(object) }.unwrap_or_default()
}

/// The public globals of the bound driver.
pub(crate) fn globals() -> WDF_DRIVER_GLOBALS {
    // SAFETY: Written by the bind.
    let globals = unsafe { WdfDriverGlobals };
    // SAFETY: A bound driver's globals are there.
    unsafe { *globals }
}

unsafe extern "C" fn on_cleanup(object: WDFOBJECT) {
    log(format!("cleanup {}", text_of(object)));
}

unsafe extern "C" fn on_destroy(object: WDFOBJECT) {
    log(format!("destroy {}", text_of(object)));
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
    unsafe { label_of(object.cast()).write(Some(text)) };
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

/// The hooks of a device with a manual default queue, which is in the slot once the device is made.
pub(crate) fn manual_queue() -> (Slot, Hooks) {
    let queue = Slot::default();
    let kept = queue.clone();
    let hooks = Hooks::default().created(move |device| {
        kept.set(create_queue(device, default_config(MANUAL)));
        STATUS_SUCCESS
    });
    (queue, hooks)
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
    retrieved(status, buffer, length)
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
    retrieved(status, buffer, length)
}

fn retrieved(status: NTSTATUS, buffer: PVOID, length: usize) -> Result<(*mut u8, usize), NTSTATUS> {
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

/// Where the characters of [`unicode`] are, so that a leak checker finds them.
static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A UNICODE_STRING over static text.
pub(crate) fn unicode(text: &str) -> UNICODE_STRING {
    let units: &'static mut [u16] = text.encode_utf16().collect::<Vec<_>>().leak();
    KEPT.lock().unwrap().push(units.as_ptr().addr());
    let length = (units.len() * 2) as u16;
    UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: units.as_mut_ptr(),
    }
}
