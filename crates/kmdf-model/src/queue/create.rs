//! WdfIoQueueCreate.

use super::state::Power;
use super::{Config, Kind, Queue, Scope, dispatch};
use crate::device::{Constraints, Device};
use crate::driver::Driver;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Parent, Rules};
use crate::object::handle;
use crate::object::live::Live;
use crate::object::{self, FrameworkObject, NewParent, Object, PASSIVE_CALLBACKS};
use crate::support::system_work_item::SystemWorkItem;
use crate::support::verifier;
use kmdf_sys::{
    _WDF_IO_QUEUE_DISPATCH_TYPE, _WDF_TRI_STATE, NTSTATUS, PWDF_DRIVER_GLOBALS,
    PWDF_IO_QUEUE_CONFIG, PWDF_OBJECT_ATTRIBUTES, STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PARAMETER_4, STATUS_SUCCESS, STATUS_UNSUCCESSFUL, STATUS_WDF_NO_CALLBACK,
    WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WDFDEVICE, WDFQUEUE,
};

const CALL: &core::ffi::CStr = c"WdfIoQueueCreate";

/// Sizes of the configuration: of version 1.7, which has no presentation limit; of 1.9, which has
/// no driver; of today (QUE-4).
const SIZE_1_7: u32 = 80;
const SIZE_1_9: u32 = 88;
const SIZE: u32 = size_of::<WDF_IO_QUEUE_CONFIG>() as u32;

const UNLIMITED: u32 = u32::MAX;

/// # Safety
///
/// As for the function table's WdfIoQueueCreate: bound globals, valid pointers or NULL.
pub(crate) unsafe extern "C" fn wdf_io_queue_create(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    config: PWDF_IO_QUEUE_CONFIG,
    queue_attributes: PWDF_OBJECT_ATTRIBUTES,
    queue: *mut WDFQUEUE,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let device = unsafe { handle::typed::<Device>(globals, CALL, device.cast()) };
    verifier::require(globals, CALL, config);
    // SAFETY: As above.
    match unsafe { create(device, config, queue_attributes, queue.is_null()) } {
        Ok(created) => {
            if !queue.is_null() {
                // SAFETY: As above.
                unsafe { queue.write(created.wdf_queue()) };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// The checks QUE-3 to QUE-18 in their order.
///
/// # Safety
///
/// `config` is valid for the size it states, `queue_attributes` are NULL or valid.
unsafe fn create(
    device: &Device,
    config: PWDF_IO_QUEUE_CONFIG,
    queue_attributes: PWDF_OBJECT_ATTRIBUTES,
    anonymous: bool,
) -> Result<Live<Queue>, NTSTATUS> {
    let rules = Rules {
        required: false,
        parent: Parent::Optional,
        level: true,
        scope: true,
    };
    // SAFETY: By the contract of this function.
    let given = unsafe { attributes::validate(queue_attributes, rules) }?;
    // SAFETY: As above.
    let config = unsafe { read_config(config) }?;
    let default_queue = config.DefaultQueue != 0;
    if !default_queue && anonymous {
        return Err(STATUS_INVALID_PARAMETER_4);
    }
    if default_queue && device.has_started() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    // SAFETY: As above.
    let parent = unsafe { parent_below(device, given) }?;
    if !config.Driver.is_null() {
        // SAFETY: As above; a handle of another type stops the run (QUE-9).
        unsafe { handle::typed::<Driver>(device.globals(), CALL, config.Driver.cast()) };
    }
    let constraints = device.constraints_of(given);
    let build = || queue_config(device, &config, constraints);
    // SAFETY: As above.
    let queue = unsafe { build_queue(device, given, parent, constraints, build) }?;
    if default_queue && !device.set_default_queue(queue) {
        // SAFETY: Nobody knows the new queue.
        unsafe { object::delete(queue.object().pointer()) };
        return Err(STATUS_UNSUCCESSFUL);
    }
    Ok(queue)
}

/// QUE-4
///
/// # Safety
///
/// `config` is valid for the size it states.
unsafe fn read_config(config: PWDF_IO_QUEUE_CONFIG) -> Result<WDF_IO_QUEUE_CONFIG, NTSTATUS> {
    // SAFETY: By the contract of this function; all sizes include this field.
    let size = unsafe { (*config).Size };
    if ![SIZE_1_7, SIZE_1_9, SIZE].contains(&size) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    let mut copy = WDF_IO_QUEUE_CONFIG::default();
    copy.Settings.Parallel.NumberOfPresentedRequests = UNLIMITED;
    let target = (&raw mut copy).cast::<u8>();
    // SAFETY: The source has `size` bytes, the target at least as many.
    unsafe { core::ptr::copy_nonoverlapping(config.cast(), target, size as usize) };
    Ok(copy)
}

/// QUE-8, QUE-21
///
/// # Safety
///
/// The parent in the attributes is NULL or a live object.
unsafe fn parent_below<'a>(
    device: &'a Device,
    given: Option<&WDF_OBJECT_ATTRIBUTES>,
) -> Result<&'a Object, NTSTATUS> {
    let parent = given.map_or(core::ptr::null_mut(), |given| given.ParentObject);
    if parent.is_null() {
        return Ok(device.io_package());
    }
    // SAFETY: By the contract of this function.
    let parent = unsafe { handle::object(device.globals(), c"parent", parent) };
    if parent.device() != Some(device.object().pointer()) {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    Ok(parent)
}

/// QUE-12 to QUE-15
fn queue_config(
    device: &Device,
    given: &WDF_IO_QUEUE_CONFIG,
    constraints: Constraints,
) -> Result<Config, NTSTATUS> {
    use _WDF_IO_QUEUE_DISPATCH_TYPE as Type;
    // SAFETY: The only member of the union.
    let limit = unsafe { given.Settings.Parallel }.NumberOfPresentedRequests;
    let kind = match given.DispatchType {
        Type::WdfIoQueueDispatchSequential => Kind::Sequential,
        Type::WdfIoQueueDispatchParallel => Kind::Parallel { limit },
        Type::WdfIoQueueDispatchManual => Kind::Manual,
        _ => return Err(STATUS_INVALID_PARAMETER),
    };
    let mut config = Config {
        kind,
        power_managed: device.is_pnp() && given.PowerManaged != _WDF_TRI_STATE::WdfFalse,
        zero_length_requests: given.AllowZeroLengthRequests != 0,
        ..Config::new(constraints)
    };
    config.callbacks(given);
    match kind {
        Kind::Manual if config.has_handler() => Err(STATUS_INVALID_PARAMETER),
        Kind::Sequential | Kind::Parallel { .. } if !config.has_handler() => {
            Err(STATUS_WDF_NO_CALLBACK)
        }
        Kind::Sequential | Kind::Manual if given.Size > SIZE_1_7 && limit != 0 => {
            Err(STATUS_INVALID_PARAMETER)
        }
        _ => Ok(config),
    }
}

/// Allocates, configures and commits a queue (QUE-10 to QUE-17).
///
/// # Safety
///
/// `given` was validated.
pub(crate) unsafe fn build_queue(
    device: &Device,
    given: Option<&WDF_OBJECT_ATTRIBUTES>,
    parent: &Object,
    constraints: Constraints,
    config: impl FnOnce() -> Result<Config, NTSTATUS>,
) -> Result<Live<Queue>, NTSTATUS> {
    let globals = device.globals();
    let mut failure = STATUS_SUCCESS;
    let build = |object| {
        let checked =
            if constraints.scope == Scope::Device && constraints.passive != device.is_passive() {
                Err(STATUS_INVALID_PARAMETER)
            } else {
                config()
            };
        let config = checked.unwrap_or_else(|status| {
            failure = status;
            Config::new(constraints)
        });
        let power = if config.power_managed && !device.is_powered() {
            Power::Off
        } else {
            Power::On
        };
        // SAFETY: The queue lies below its device in the object tree.
        Queue::new(object, unsafe { device.live() }, config, power)
    };
    // SAFETY: By the contract of this function.
    let queue = unsafe { object::create::<Queue>(globals, given, build) }?;
    // SAFETY: Just created; below it is deleted or becomes a child of the device.
    let queue = unsafe { Live::new(queue) };
    queue.initialize();
    queue.object().set_device(device.object().pointer());
    // SAFETY: As above.
    match unsafe { finish(queue, device, given, parent, failure) } {
        Ok(()) => {
            device.add_queue(queue);
            Ok(queue)
        }
        Err(status) => {
            // SAFETY: Nobody else knows the queue.
            unsafe { object::delete(queue.object().pointer()) };
            Err(status)
        }
    }
}

/// QUE-16, QUE-17
///
/// # Safety
///
/// `given` was validated.
unsafe fn finish(
    queue: Live<Queue>,
    device: &Device,
    given: Option<&WDF_OBJECT_ATTRIBUTES>,
    parent: &Object,
    failure: NTSTATUS,
) -> Result<(), NTSTATUS> {
    if failure != STATUS_SUCCESS {
        return Err(failure);
    }
    if queue.config.passive {
        let context = object::as_void(queue.object());
        let (globals, wdm) = (device.globals(), device.wdm());
        let item = SystemWorkItem::create(globals, wdm, dispatch::on_work_item, context)?;
        queue.work_item.set(Some(item));
        queue.object().mark(PASSIVE_CALLBACKS);
    }
    // SAFETY: By the contract of this function.
    unsafe { object::commit(queue.object(), given, NewParent::Object(parent)) }?;
    Ok(())
}
