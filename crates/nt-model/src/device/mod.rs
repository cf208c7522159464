//! Device objects: creation, deletion, names, references.

pub(crate) mod interface;
pub(crate) mod security;
pub(crate) mod stack;

use crate::io::Tables;
use crate::io::level::{self, rule};
use crate::irp::violation;
use crate::machine::{self, Machine};
use crate::object::names::{self, Named};
use crate::object::{Field, Shared, field, tag};
use crate::pool::{self, Owner, Pool};
use crate::status::NtStatus;
use crate::{driver, stop};
use kmdf_sys::*;
use std::ptr::null_mut;

/// A device object that the I/O manager knows.
pub(crate) type DeviceObject = Shared<DEVICE_OBJECT>;

const IO_TYPE_DEVICE: CSHORT = 3;

const TYPE: Field<DEVICE_OBJECT, CSHORT> = field!(DEVICE_OBJECT, Type);
const SIZE: Field<DEVICE_OBJECT, USHORT> = field!(DEVICE_OBJECT, Size);
pub(crate) const REFERENCES: Field<DEVICE_OBJECT, LONG> = field!(DEVICE_OBJECT, ReferenceCount);
pub(crate) const DRIVER: Field<DEVICE_OBJECT, PDRIVER_OBJECT> = field!(DEVICE_OBJECT, DriverObject);
pub(crate) const NEXT: Field<DEVICE_OBJECT, PDEVICE_OBJECT> = field!(DEVICE_OBJECT, NextDevice);
pub(crate) const ATTACHED: Field<DEVICE_OBJECT, PDEVICE_OBJECT> =
    field!(DEVICE_OBJECT, AttachedDevice);
pub(crate) const FLAGS: Field<DEVICE_OBJECT, ULONG> = field!(DEVICE_OBJECT, Flags);
const CHARACTERISTICS: Field<DEVICE_OBJECT, ULONG> = field!(DEVICE_OBJECT, Characteristics);
const EXTENSION: Field<DEVICE_OBJECT, PVOID> = field!(DEVICE_OBJECT, DeviceExtension);
const DEVICE_TYPE: Field<DEVICE_OBJECT, ULONG> = field!(DEVICE_OBJECT, DeviceType);
pub(crate) const STACK_SIZE: Field<DEVICE_OBJECT, CCHAR> = field!(DEVICE_OBJECT, StackSize);
const ALIGNMENT: Field<DEVICE_OBJECT, ULONG> = field!(DEVICE_OBJECT, AlignmentRequirement);
pub(crate) const SECURITY: Field<DEVICE_OBJECT, PSECURITY_DESCRIPTOR> =
    field!(DEVICE_OBJECT, SecurityDescriptor);

/// The I/O manager's record of a device object, beside the structure itself.
#[derive(Default)]
pub(crate) struct DeviceRecord {
    /// The driver object of the device.
    pub(crate) driver: usize,
    /// Full name in the object directory.
    pub(crate) name: Option<String>,
    /// The device object that it is attached to, or 0.
    pub(crate) lower: usize,
    /// `IoDeleteDevice` was called: the object is freed with its last reference.
    pub(crate) deleted: bool,
    /// The number of work items that are queued or running for the device.
    pub(crate) work_items: usize,
}

/// The properties of a new device object.
pub(crate) struct Design {
    pub(crate) extension_size: usize,
    pub(crate) name: Option<String>,
    pub(crate) device_type: ULONG,
    pub(crate) characteristics: ULONG,
    pub(crate) exclusive: bool,
}

/// The device object at `address`, which the tables know.
pub(crate) fn known(address: usize) -> DeviceObject {
    let pointer = std::ptr::with_exposed_provenance_mut(address);
    // SAFETY: Callers take the address from the tables, which drop it before the memory goes.
    unsafe { Shared::new(pointer) }
}

/// The routine that `device`'s driver has for a major function.
pub(crate) fn dispatch_routine(
    device: DeviceObject,
    major: UCHAR,
) -> unsafe extern "C" fn(*mut _DEVICE_OBJECT, *mut _IRP) -> NTSTATUS {
    // SAFETY: A driver object outlives its device objects.
    let driver: Shared<DRIVER_OBJECT> = unsafe { Shared::new(device.get(DRIVER)) };
    let table = driver.get(driver::MAJOR_FUNCTIONS);
    let routine = table.get(usize::from(major)).copied().flatten();
    routine.unwrap_or_else(|| {
        stop::bug_check(
            stop::MODEL_STOP,
            [major.into(), 0, 0, 0],
            format!("an IRP with major function {major:#x} was sent to a driver without a routine for it"),
        )
    })
}

/// Creates a device object for `driver`.
pub(crate) fn create(
    machine: &Machine,
    driver: PDRIVER_OBJECT,
    design: Design,
    owner: Owner,
) -> Result<DeviceObject, NtStatus> {
    let header = size_of::<DEVICE_OBJECT>();
    let size = header + design.extension_size;
    let block = pool::allocate(machine, Pool::NonPaged, size, tag::DEVICE, true, owner);
    if block.is_null() {
        return Err(NtStatus(STATUS_INSUFFICIENT_RESOURCES));
    }
    block.expose_provenance();
    // SAFETY: The block holds a device object; the tables drop it before it is freed.
    let device = unsafe { DeviceObject::new(block.cast()) };
    if let Err(status) = enter(machine, driver, device, &design) {
        // SAFETY: Nobody else has seen the block.
        unsafe { pool::free(machine, block, Some(tag::DEVICE), "IoCreateDevice") };
        return Err(status);
    }
    device.set(TYPE, IO_TYPE_DEVICE);
    device.set(SIZE, size as USHORT);
    device.set(DEVICE_TYPE, design.device_type);
    device.set(CHARACTERISTICS, design.characteristics);
    device.set(STACK_SIZE, 1);
    device.set(ALIGNMENT, 0);
    if design.extension_size != 0 {
        device.set(EXTENSION, block.wrapping_byte_add(header));
    }
    let mut flags = DO_DEVICE_INITIALIZING;
    if design.exclusive {
        flags |= DO_EXCLUSIVE;
    }
    if design.name.is_some() || is_autogenerated(&design) {
        flags |= DO_DEVICE_HAS_NAME;
    }
    device.set(FLAGS, flags);
    Ok(device)
}

fn is_autogenerated(design: &Design) -> bool {
    design.characteristics & FILE_AUTOGENERATED_DEVICE_NAME != 0
}

/// Adds a new device object to the tables and to its driver's list.
fn enter(
    machine: &Machine,
    driver: PDRIVER_OBJECT,
    device: DeviceObject,
    design: &Design,
) -> Result<(), NtStatus> {
    let mut tables = machine.io.tables();
    let name = if is_autogenerated(design) {
        tables.last_device_number += 1;
        Some(format!(r"\Device\{:08x}", tables.last_device_number))
    } else {
        design.name.clone()
    };
    if let Some(name) = &name {
        tables.names.insert(name, Named::Device(device.address()))?;
    }
    let record = DeviceRecord {
        driver: driver.addr(),
        name,
        ..DeviceRecord::default()
    };
    tables.devices.insert(device.address(), record);
    // SAFETY: The caller passes a live driver object.
    let driver = unsafe { Shared::new(driver) };
    device.set(DRIVER, driver.as_ptr());
    device.set(NEXT, driver.get(driver::FIRST_DEVICE));
    driver.set(driver::FIRST_DEVICE, device.as_ptr());
    Ok(())
}

/// Frees a deleted device object once nothing refers to it.
pub(crate) fn free_if_unused(machine: &Machine, address: usize) {
    {
        let mut tables = machine.io.tables();
        let Some(record) = tables.devices.get(&address) else {
            return;
        };
        let device = known(address);
        let used = device.get(REFERENCES) > 0 || record.work_items > 0;
        let attached = !device.get(ATTACHED).is_null();
        if !record.deleted || used || attached {
            return;
        }
        unlink(&mut tables, device);
        tables.devices.remove(&address);
    }
    let block = known(address).as_ptr().cast();
    // SAFETY: Deleted by its driver, with nothing left that refers to it.
    unsafe { pool::free(machine, block, Some(tag::DEVICE), "IoDeleteDevice") };
}

/// Removes a device object from its driver's list.
fn unlink(tables: &mut Tables, device: DeviceObject) {
    let owner = tables.devices[&device.address()].driver;
    // SAFETY: A driver object outlives its device objects.
    let driver: Shared<DRIVER_OBJECT> =
        unsafe { Shared::new(std::ptr::with_exposed_provenance_mut(owner)) };
    let mut slot = driver.pointer(driver::FIRST_DEVICE);
    loop {
        // SAFETY: The link field of the driver object or of one of its device objects.
        let next = unsafe { slot.read() };
        if next.is_null() {
            return;
        }
        if next == device.as_ptr() {
            break;
        }
        slot = known(next.addr()).pointer(NEXT);
    }
    // SAFETY: The link in the driver's list that led to the device.
    unsafe { slot.write(device.get(NEXT)) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoCreateDevice(
    driver_object: PDRIVER_OBJECT,
    device_extension_size: ULONG,
    device_name: PUNICODE_STRING,
    device_type: ULONG,
    device_characteristics: ULONG,
    exclusive: BOOLEAN,
    device_object: *mut PDEVICE_OBJECT,
) -> NTSTATUS {
    let machine = machine::enter();
    level::require(&machine, APC_LEVEL, rule::IO_APC_LTE, "IoCreateDevice");
    // SAFETY: The caller passes a place for the result.
    unsafe { device_object.write(null_mut()) };
    let name = names::text(device_name);
    if !device_name.is_null() && name.is_none() {
        return STATUS_OBJECT_NAME_INVALID;
    }
    let design = Design {
        extension_size: device_extension_size as usize,
        name: name.filter(|name| !name.is_empty()),
        device_type,
        characteristics: device_characteristics,
        exclusive: exclusive != 0,
    };
    match create(&machine, driver_object, design, Owner::Driver) {
        Ok(device) => {
            // SAFETY: `device_object` is writable, as the caller guarantees.
            unsafe { device_object.write(device.as_ptr()) };
            STATUS_SUCCESS
        }
        Err(status) => status.0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoDeleteDevice(device_object: PDEVICE_OBJECT) {
    let machine = machine::enter();
    level::require(&machine, APC_LEVEL, rule::IO_APC_LTE, "IoDeleteDevice");
    delete(&machine, device_object);
}

/// Deletes a device as `IoDeleteDevice` does: it cannot be opened, and is freed with its last reference.
pub(crate) fn delete(machine: &Machine, device: PDEVICE_OBJECT) {
    let address = device.addr();
    let deleted = {
        let mut tables = machine.io.tables();
        let found = tables.devices.get_mut(&address);
        let lower = found.as_ref().map_or(0, |record| record.lower);
        let before = found.map(|record| std::mem::replace(&mut record.deleted, true));
        tables.names.remove_device(address);
        before.map(|deleted| (deleted, lower))
    };
    match deleted {
        None | Some((true, _)) => violation(
            0x240,
            0,
            0,
            address,
            "IoDeleteDevice: the argument is not a device object, or was already deleted",
        ),
        Some((false, lower)) if lower != 0 => violation(
            0x201,
            0,
            0,
            address,
            "IoDeleteDevice was given a device object that is still attached to another: \
             IoDetachDevice comes first",
        ),
        Some((false, _)) => free_if_unused(machine, address),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoCreateSymbolicLink(
    symbolic_link_name: PUNICODE_STRING,
    device_name: PUNICODE_STRING,
) -> NTSTATUS {
    let machine = machine::enter();
    level::require(&machine, 0, rule::IO_PASSIVE_3, "IoCreateSymbolicLink");
    let (Some(link), Some(target)) = (names::text(symbolic_link_name), names::text(device_name))
    else {
        return STATUS_INVALID_PARAMETER;
    };
    let inserted = machine.io.tables().names.insert(&link, Named::Link(target));
    inserted.err().map_or(STATUS_SUCCESS, |status| status.0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoDeleteSymbolicLink(symbolic_link_name: PUNICODE_STRING) -> NTSTATUS {
    let machine = machine::enter();
    level::require(&machine, 0, rule::IO_PASSIVE_4, "IoDeleteSymbolicLink");
    let Some(link) = names::text(symbolic_link_name) else {
        return STATUS_INVALID_PARAMETER;
    };
    if machine.io.tables().names.remove_link(&link) {
        STATUS_SUCCESS
    } else {
        STATUS_OBJECT_NAME_NOT_FOUND
    }
}
