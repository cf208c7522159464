//! WdfIoQueueCreate: the checks, and the creation of a queue.

use super::state::Power;
use super::{DispatchType, Queue, QueueConfig, Scope, dispatch};
use crate::device::{Constraints, Device};
use crate::driver::Driver;
use crate::object::attributes::{self, Attributes, Parent, Rules};
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
    WDF_IO_QUEUE_CONFIG, WDFDEVICE, WDFQUEUE,
};

const CALL: &core::ffi::CStr = c"WdfIoQueueCreate";

/// Size of WDF_IO_QUEUE_CONFIG before KMDF 1.9 added the limit of parallel requests (QUE-4).
const SIZE_1_7: u32 = 80;
/// Size of WDF_IO_QUEUE_CONFIG before the member for the driver was added (QUE-4).
const SIZE_1_9: u32 = 88;
/// Size of WDF_IO_QUEUE_CONFIG today (QUE-4).
const SIZE: u32 = size_of::<WDF_IO_QUEUE_CONFIG>() as u32;

const UNLIMITED: u32 = u32::MAX;

/// WdfIoQueueCreate: creates a queue below a device (QUE-3 to QUE-18).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object. `queue` must be NULL or writable. `config` must be NULL or readable up to the
/// size that it states. `queue_attributes` must be NULL or attributes that stay unchanged for the
/// call, with readable type information and a live parent.
pub(crate) unsafe extern "C" fn wdf_io_queue_create(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    config: PWDF_IO_QUEUE_CONFIG,
    queue_attributes: PWDF_OBJECT_ATTRIBUTES,
    queue: *mut WDFQUEUE,
) -> NTSTATUS {
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let (globals, device) =
        unsafe { handle::resolve_with_globals::<Device>(globals, CALL, device.cast()) };
    verifier::require(globals, CALL, config);
    // SAFETY: `config` is not NULL, and the attributes are as `create` asks.
    match unsafe { create(device, config, queue_attributes, queue.is_null()) } {
        Ok(created) => {
            // SAFETY: `queue` is NULL or writable, as the caller guarantees.
            unsafe { verifier::write_optional(queue, created.wdf_queue()) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// Creates a queue, with the checks in their order (QUE-3 to QUE-18).
///
/// # Safety
///
/// `config` must be readable up to the size that it states, and name NULL or a live driver.
/// `queue_attributes` must be NULL or as [`attributes::validate`] asks.
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
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(queue_attributes, rules) }?;
    // SAFETY: `config` is readable up to its size, as the caller guarantees.
    let config = unsafe { read_config(config) }?;
    let default_queue = config.DefaultQueue != 0;
    if !default_queue && anonymous {
        return Err(STATUS_INVALID_PARAMETER_4);
    }
    if default_queue && device.has_started() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let parent = parent_below(device, attributes)?;
    if !config.Driver.is_null() {
        // A handle of another type stops the run (QUE-9).
        // SAFETY: The configuration names a live object, as the caller guarantees.
        unsafe { handle::typed::<Driver>(device.globals(), CALL, config.Driver.cast()) };
    }
    let constraints = device.constraints_of(attributes.get());
    let build = || queue_config(device, &config, constraints);
    let queue = build_queue(device, attributes, parent, constraints, build)?;
    if default_queue && !device.set_default_queue(queue) {
        // SAFETY: Created above, and its handle not returned to the driver.
        unsafe { object::delete(queue.object().pointer()) };
        return Err(STATUS_UNSUCCESSFUL);
    }
    Ok(queue)
}

/// A copy of the configuration, which may be of an older version and shorter (QUE-4).
///
/// # Safety
///
/// `config` must be readable up to the size that it states.
unsafe fn read_config(config: PWDF_IO_QUEUE_CONFIG) -> Result<WDF_IO_QUEUE_CONFIG, NTSTATUS> {
    // SAFETY: Readable up to its size, and all sizes include this field.
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

/// The parent of the queue, which must be the device or below it (QUE-8, QUE-21).
fn parent_below<'a>(
    device: &'a Device,
    attributes: Attributes<'a>,
) -> Result<&'a Object, NTSTATUS> {
    let Some(parent) = attributes.parent(device.globals()) else {
        return Ok(device.io_package());
    };
    if parent.device() != Some(device.object().pointer()) {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    Ok(parent)
}

/// The configuration that the driver asks for, checked (QUE-12 to QUE-15).
fn queue_config(
    device: &Device,
    given: &WDF_IO_QUEUE_CONFIG,
    constraints: Constraints,
) -> Result<QueueConfig, NTSTATUS> {
    use _WDF_IO_QUEUE_DISPATCH_TYPE as Type;
    // SAFETY: The union has this one member.
    let limit = unsafe { given.Settings.Parallel }.NumberOfPresentedRequests;
    let dispatch_type = match given.DispatchType {
        Type::WdfIoQueueDispatchSequential => DispatchType::Sequential,
        Type::WdfIoQueueDispatchParallel => DispatchType::Parallel { limit },
        Type::WdfIoQueueDispatchManual => DispatchType::Manual,
        _ => return Err(STATUS_INVALID_PARAMETER),
    };
    let mut config = QueueConfig {
        dispatch_type,
        power_managed: device.is_pnp() && given.PowerManaged != _WDF_TRI_STATE::WdfFalse,
        zero_length_requests: given.AllowZeroLengthRequests != 0,
        ..QueueConfig::new(constraints)
    };
    config.callbacks(given);
    match dispatch_type {
        DispatchType::Manual if config.has_handler() => Err(STATUS_INVALID_PARAMETER),
        DispatchType::Sequential | DispatchType::Parallel { .. } if !config.has_handler() => {
            Err(STATUS_WDF_NO_CALLBACK)
        }
        DispatchType::Sequential | DispatchType::Manual if given.Size > SIZE_1_7 && limit != 0 => {
            Err(STATUS_INVALID_PARAMETER)
        }
        _ => Ok(config),
    }
}

/// Allocates, configures and commits a queue (QUE-10 to QUE-17).
pub(crate) fn build_queue(
    device: &Device,
    attributes: Attributes<'_>,
    parent: &Object,
    constraints: Constraints,
    config: impl FnOnce() -> Result<QueueConfig, NTSTATUS>,
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
            QueueConfig::new(constraints)
        });
        let power = if config.power_managed && !device.is_powered() {
            Power::Off
        } else {
            Power::On
        };
        // SAFETY: The queue becomes a descendant of its device, which outlives it.
        Queue::new(object, unsafe { device.live() }, config, power)
    };
    let queue = object::create(globals, attributes, build)?;
    queue.initialize();
    queue.object().set_device(device.object().pointer());
    if failure != STATUS_SUCCESS {
        return Err(failure);
    }
    if queue.config.passive {
        let context = object::as_void(queue.object());
        let routine = dispatch::on_work_item;
        let item = SystemWorkItem::create(globals, device.wdm(), routine, context)?;
        queue.work_item.set(Some(item));
        queue.object().mark(PASSIVE_CALLBACKS);
    }
    let queue = queue.commit(attributes, NewParent::Object(parent))?;
    device.add_queue(queue);
    Ok(queue)
}
