//! The driver object: entry point, `EvtDriverDeviceAdd` and `EvtDriverUnload`.

mod simple;

use crate::context::{self, Context};
use crate::deferred;
use crate::device::DeviceInit;
use crate::irql::Passive;
use crate::object::ObjectRef;
use crate::status::{Result, check};
use crate::tag::Tag;
use crate::unload_list;
use core::ptr::null_mut;
use kmdf_sys::{
    NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT, PWDFDEVICE_INIT, STATUS_SUCCESS, ULONG,
    WDF_DRIVER_CONFIG, WDF_OBJECT_ATTRIBUTES, WDFDRIVER, WDFOBJECT,
    call_unsafe_wdf_function_binding,
};

/// A driver: the value made when the image is loaded, kept as the context of the driver object.
///
/// [`driver_entry!`](crate::driver_entry) makes the image's entry point from the type.
pub trait Driver: Context {
    /// `WDF_DRIVER_CONFIG.DriverPoolTag`: the pool tag of allocations that name none: of
    /// [`Tag::DEFAULT`] (rule C4).
    const POOL_TAG: Tag = Tag::DEFAULT;

    /// `DriverEntry`: called once, at PASSIVE_LEVEL, after `WdfDriverCreate`.
    ///
    /// # Errors
    ///
    /// Any error makes the load of the driver fail; what had been created is deleted.
    ///
    /// Source: "DRIVER_INITIALIZE callback function (wdm.h)", "WdfDriverCreate function
    /// (wdfdriver.h)".
    fn load(irql: &mut Passive) -> Result<Self>;

    /// `EvtDriverDeviceAdd`: called at PASSIVE_LEVEL for each device that the driver is to drive.
    ///
    /// # Errors
    ///
    /// Any error makes Plug and Play leave the device alone; a device already created is deleted.
    ///
    /// Source: "EVT_WDF_DRIVER_DEVICE_ADD callback function (wdfdriver.h)".
    fn add_device(&self, init: DeviceInit<'_>, irql: &mut Passive) -> Result<()>;

    /// `EvtDriverUnload`: called at PASSIVE_LEVEL when all devices are gone. The driver's value
    /// itself is dropped a little later, when the framework destroys the driver object.
    ///
    /// Source: "EVT_WDF_DRIVER_UNLOAD callback function (wdfdriver.h)".
    fn unload(&self, irql: &mut Passive) {
        let _ = irql;
    }
}

/// Makes the image's entry point for a [`Driver`] type, and declares the type an object context.
///
/// In an image the function is exported by the name the linker starts the image at; in the model it
/// is the public function `fx_driver_entry` of the calling module, to be handed to
/// `nt_model::Kernel::load_driver`. All drivers of a process share the statics that each image on
/// Windows has for itself: one is loaded at a time, and what it left in a `static` ends with it. A second
/// load while the first driver is loaded, and any use of a value whose driver was unloaded, stop the run
/// with the reason.
#[macro_export]
macro_rules! driver_entry {
    ($driver:ty) => {
        $crate::context!($driver);
        $crate::__private::export_driver_entry!($crate::__private::driver_entry::<$driver>);
    };
}

/// `DriverEntry`, with the framework bound: creates the driver object and the driver's value.
///
/// # Safety
///
/// Called once per load, by the entry point that [`driver_entry!`](crate::driver_entry) makes, with the
/// arguments that the kernel passed to it.
#[doc(hidden)]
pub unsafe extern "C" fn driver_entry<D: Driver>(
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: This is the first code of the driver that runs.
    unsafe { deferred::reset() };
    // SAFETY: This is the first code of the driver that runs.
    unsafe { unload_list::reset() };
    // SAFETY: The kernel calls entry points at PASSIVE_LEVEL.
    let mut irql = unsafe { Passive::assume() };
    // SAFETY: The caller passes the arguments of the kernel.
    let loaded = unsafe { create_driver::<D>(driver_object, registry_path) }.and_then(|driver| {
        // SAFETY: The driver object is this driver's, whose own code has not run yet.
        unsafe { deferred::start(driver_object) }?;
        load::<D>(driver, &mut irql)
    });
    match loaded {
        Ok(()) => STATUS_SUCCESS,
        Err(error) => error.status(),
    }
}

/// `WdfDriverCreate`.
///
/// # Safety
///
/// Called once per load, with the arguments that the kernel passed to the entry point.
unsafe fn create_driver<D: Driver>(
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> Result<WDFDRIVER> {
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        EvtDriverDeviceAdd: Some(device_add::<D>),
        EvtDriverUnload: Some(unload::<D>),
        DriverInitFlags: 0,
        DriverPoolTag: D::POOL_TAG.value(),
    };
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtDestroyCallback: Some(destroy::<D>),
        ..context::attributes::<D>(null_mut())
    };
    let mut driver = null_mut();
    // SAFETY: The caller passes the kernel's own first two arguments; the others point at structures set up
    // as their `INIT` functions do.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfDriverCreate,
            driver_object,
            registry_path,
            &mut attributes,
            &mut config,
            &mut driver
        )
    })?;
    Ok(driver)
}

fn load<D: Driver>(driver: WDFDRIVER, irql: &mut Passive) -> Result<()> {
    let value = D::load(irql)?;
    // SAFETY: The driver object was created by the caller and is destroyed only when the driver is
    // unloaded.
    let driver = unsafe { ObjectRef::new(driver.cast()) };
    driver.fill(value)?;
    Ok(())
}

/// `EvtDriverDeviceAdd`.
///
/// # Safety
///
/// Called by the framework, with a driver object made by `create_driver` for the same `D`.
unsafe extern "C" fn device_add<D: Driver>(driver: WDFDRIVER, init: PWDFDEVICE_INIT) -> NTSTATUS {
    // SAFETY: The framework makes this callback at PASSIVE_LEVEL.
    let mut irql = unsafe { Passive::assume() };
    // SAFETY: The driver object outlives its callbacks.
    let added = unsafe { context::get::<D>(driver.cast()) }.and_then(|value| {
        // SAFETY: The framework lends the structure for the time of this callback.
        let init = unsafe { DeviceInit::new(init) };
        value.add_device(init, &mut irql)
    });
    match added {
        Ok(()) => STATUS_SUCCESS,
        Err(error) => error.status(),
    }
}

/// `EvtDriverUnload`.
///
/// # Safety
///
/// Called by the framework, with a driver object made by `create_driver` for the same `D`.
unsafe extern "C" fn unload<D: Driver>(driver: WDFDRIVER) {
    // SAFETY: The framework makes this callback at PASSIVE_LEVEL.
    let mut irql = unsafe { Passive::assume() };
    // SAFETY: The driver object is destroyed after this callback.
    if let Ok(value) = unsafe { context::get::<D>(driver.cast()) } {
        value.unload(&mut irql);
    }
}

/// `EvtDestroyCallback` of the driver object: drops the driver's value, and releases what was
/// forgotten.
///
/// # Safety
///
/// Called by the framework, at PASSIVE_LEVEL (DEV-22), for a driver object made by `create_driver`
/// for the same `D`.
unsafe extern "C" fn destroy<D: Driver>(driver: WDFOBJECT) {
    // SAFETY: This is the destroy callback of the driver object, whose context is of type `D`.
    unsafe { context::destroy::<D>(driver) };
    // SAFETY: The driver's own value was the last that could put a release off: all devices, queues and
    // file objects are descendants of the driver object, destroyed before it (OBJ-52) together with
    // their contexts, and requests are completed before their device goes.
    unsafe { deferred::finish() };
    // SAFETY: All devices, queues and file objects are descendants of the driver object, destroyed
    // before it (OBJ-52) together with their contexts; the driver's own was the last. So no code
    // of the driver runs after this, and what is left belongs to values that no code can reach.
    unsafe { unload_list::release_all() };
}
