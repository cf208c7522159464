//! Driver object extensions: blocks that a driver or its framework attaches to a driver object.

use super::DriverRecord;
use crate::io::level::{self, rule};
use crate::machine::{self, Machine};
use crate::object::tag;
use crate::pool::{self, Owner, Pool};
use kmdf_sys::*;
use std::ptr::{null_mut, with_exposed_provenance_mut};

/// Frees the extensions of an unloaded driver.
pub(super) fn release(machine: &Machine, extensions: Option<Vec<(usize, usize)>>) {
    for (_, block) in extensions.into_iter().flatten() {
        let block = with_exposed_provenance_mut(block);
        // SAFETY: Allocated for the driver, which is gone.
        unsafe { pool::free(machine, block, Some(tag::DRIVER), "the I/O manager") };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoAllocateDriverObjectExtension(
    driver_object: PDRIVER_OBJECT,
    client_identification_address: PVOID,
    driver_object_extension_size: ULONG,
    driver_object_extension: *mut PVOID,
) -> NTSTATUS {
    let machine = machine::enter();
    let call = "IoAllocateDriverObjectExtension";
    level::require(&machine, APC_LEVEL, rule::NONE, call);
    // SAFETY: The caller passes a place for the result.
    unsafe { driver_object_extension.write(null_mut()) };
    let identification = client_identification_address.addr();
    let may_enter = |record: &DriverRecord| {
        let mut extensions = record.extensions.iter();
        extensions.all(|(id, _)| *id != identification)
    };
    // Checked first, so that a rejected call is not counted as an allocation of the driver's.
    {
        let tables = machine.io.tables();
        let record = tables.drivers.get(&driver_object.addr());
        if !record.is_some_and(may_enter) {
            return STATUS_OBJECT_NAME_COLLISION;
        }
    }
    let size = driver_object_extension_size as usize;
    let block = pool::allocate(
        &machine,
        Pool::NonPaged,
        size,
        tag::DRIVER,
        true,
        Owner::Driver,
    );
    if block.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let entered = {
        let mut tables = machine.io.tables();
        let record = tables.drivers.get_mut(&driver_object.addr());
        record.is_some_and(|record| {
            let free = may_enter(record);
            if free {
                let extension = (identification, block.expose_provenance());
                record.extensions.push(extension);
            }
            free
        })
    };
    if !entered {
        // SAFETY: Nobody has seen the block.
        unsafe { pool::free(&machine, block, Some(tag::DRIVER), call) };
        return STATUS_OBJECT_NAME_COLLISION;
    }
    // SAFETY: The out pointer is writable, as the driver guarantees.
    unsafe { driver_object_extension.write(block) };
    STATUS_SUCCESS
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoGetDriverObjectExtension(
    driver_object: PDRIVER_OBJECT,
    client_identification_address: PVOID,
) -> PVOID {
    let machine = machine::enter();
    let tables = machine.io.tables();
    let record = tables.drivers.get(&driver_object.addr());
    let found = record.and_then(|record| {
        let mut extensions = record.extensions.iter();
        extensions.find(|(id, _)| *id == client_identification_address.addr())
    });
    found.map_or(null_mut(), |(_, block)| with_exposed_provenance_mut(*block))
}
