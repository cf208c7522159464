//! Device stacks: attaching and detaching.

use super::{ATTACHED, DeviceObject, FLAGS, STACK_SIZE, free_if_unused, known};
use crate::io::Tables;
use crate::io::level::{self, rule};
use crate::irp::violation;
use crate::machine;
use kmdf_sys::*;
use std::ptr::null_mut;

/// The device object at the top of `device`'s stack.
pub(crate) fn top(device: DeviceObject) -> DeviceObject {
    let mut top = device;
    loop {
        let above = top.get(ATTACHED);
        if above.is_null() {
            return top;
        }
        top = known(above.addr());
    }
}

/// All device objects of the stack that `device` belongs to, the lowest first.
pub(crate) fn whole(tables: &Tables, device: DeviceObject) -> Vec<DeviceObject> {
    let mut lowest = device;
    while let Some(record) = tables.devices.get(&lowest.address()) {
        if record.lower == 0 {
            break;
        }
        lowest = known(record.lower);
    }
    let mut devices = vec![lowest];
    loop {
        let above = devices[devices.len() - 1].get(ATTACHED);
        if above.is_null() {
            return devices;
        }
        devices.push(known(above.addr()));
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoAttachDeviceToDeviceStack(
    source_device: PDEVICE_OBJECT,
    target_device: PDEVICE_OBJECT,
) -> PDEVICE_OBJECT {
    let machine = machine::enter();
    level::require(
        &machine,
        DISPATCH_LEVEL,
        rule::NONE,
        "IoAttachDeviceToDeviceStack",
    );
    let mut tables = machine.io.tables();
    let known_target = tables.devices.contains_key(&target_device.addr());
    if !known_target || !tables.devices.contains_key(&source_device.addr()) {
        return null_mut();
    }
    let below = top(known(target_device.addr()));
    let going = tables.devices[&below.address()].deleted;
    if going || below.get(FLAGS) & DO_DEVICE_INITIALIZING != 0 {
        return null_mut();
    }
    let source = known(source_device.addr());
    below.set(ATTACHED, source.as_ptr());
    source.set(STACK_SIZE, below.get(STACK_SIZE) + 1);
    if let Some(record) = tables.devices.get_mut(&source.address()) {
        record.lower = below.address();
    }
    below.as_ptr()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoDetachDevice(target_device: PDEVICE_OBJECT) {
    let machine = machine::enter();
    level::require(&machine, 0, rule::IO_PASSIVE_3, "IoDetachDevice");
    let target = target_device.addr();
    let above = {
        let mut tables = machine.io.tables();
        let is_known = tables.devices.contains_key(&target);
        let above = if is_known {
            known(target).get(ATTACHED)
        } else {
            null_mut()
        };
        if let Some(record) = tables.devices.get_mut(&above.addr()) {
            record.lower = 0;
            known(target).set(ATTACHED, null_mut());
        }
        above
    };
    if above.is_null() {
        violation(
            0x202,
            0,
            0,
            target,
            "IoDetachDevice: nothing is attached to the device object",
        );
    }
    free_if_unused(&machine, above.addr());
    free_if_unused(&machine, target);
}
