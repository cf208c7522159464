//! Work items: routines that run on system worker threads.

pub(crate) mod worker;

use crate::device;
use crate::io::Tables;
use crate::io::level::{self, rule};
use crate::machine::{self, Machine};
use crate::object::tag;
use crate::pool::{self, Owner, Pool};
use crate::{irql, kernel_stack, stop};
use kmdf_sys::*;
use std::ptr::with_exposed_provenance_mut;

/// Bytes of an `IO_WORKITEM`, which is opaque to drivers.
const SIZE: usize = 0x58;

const WORKER_INVALID: u32 = 0xE4;

/// The I/O manager's record of a work item.
pub(crate) struct WorkRecord {
    /// The device object or driver object that it references while it is queued or runs.
    object: usize,
    queued: bool,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoAllocateWorkItem(device_object: PDEVICE_OBJECT) -> PIO_WORKITEM {
    let machine = machine::enter();
    level::require(&machine, DISPATCH_LEVEL, rule::NONE, "IoAllocateWorkItem");
    let object = device_object.addr();
    let is_known = {
        let tables = machine.io.tables();
        tables.devices.contains_key(&object) || tables.drivers.contains_key(&object)
    };
    if !is_known {
        stop::bug_check(
            stop::MODEL_STOP,
            [object as u64, 0, 0, 0],
            "IoAllocateWorkItem: the argument is neither a device object nor a driver object",
        );
    }
    let block = pool::allocate(
        &machine,
        Pool::NonPaged,
        SIZE,
        tag::WORK_ITEM,
        true,
        Owner::Driver,
    );
    if !block.is_null() {
        let record = WorkRecord {
            object,
            queued: false,
        };
        machine.io.tables().work_items.insert(block.addr(), record);
    }
    block.cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoQueueWorkItem(
    io_work_item: PIO_WORKITEM,
    worker_routine: PIO_WORKITEM_ROUTINE,
    _queue_type: WORK_QUEUE_TYPE,
    context: PVOID,
) {
    let machine = machine::enter();
    level::require(&machine, DISPATCH_LEVEL, rule::NONE, "IoQueueWorkItem");
    let item = io_work_item.addr();
    let queued = {
        let mut tables = machine.io.tables();
        let record = tables.work_items.get_mut(&item);
        let object = record.and_then(|record| {
            let before = std::mem::replace(&mut record.queued, true);
            (!before).then_some(record.object)
        });
        object.inspect(|object| count(&mut tables, *object, 1))
    };
    let (Some(object), Some(routine)) = (queued, worker_routine) else {
        invalid(
            item,
            "IoQueueWorkItem: the argument is already queued, or is not a work item",
        );
    };
    let context = context.expose_provenance();
    let job = Box::new(move || run(item, object, routine, context));
    machine.io.workers.queue(job);
}

type Routine = unsafe extern "C" fn(PDEVICE_OBJECT, PVOID);

/// Calls the routine of a work item, on a worker thread.
fn run(item: usize, object: usize, routine: Routine, context: usize) {
    let machine = machine::enter();
    if let Some(record) = machine.io.tables().work_items.get_mut(&item) {
        record.queued = false;
    }
    let context = with_exposed_provenance_mut(context);
    // SAFETY: The driver's own routine, with the object that it allocated the item for, which the
    // queued item keeps, and the context that it gave.
    let work = || unsafe { routine(with_exposed_provenance_mut(object), context) };
    kernel_stack::bounded(&machine.config, work);
    let level = irql::current();
    if level != 0 {
        stop::bug_check(
            WORKER_THREAD_RETURNED_AT_BAD_IRQL,
            [
                routine as usize as u64,
                level.into(),
                context.addr() as u64,
                item as u64,
            ],
            format!("a work item routine returned at IRQL {level}"),
        );
    }
    release(&machine, object);
}

fn release(machine: &Machine, object: usize) {
    count(&mut machine.io.tables(), object, -1);
    device::free_if_unused(machine, object);
}

/// Changes the number of work items that are queued or running for an object.
fn count(tables: &mut Tables, object: usize, by: isize) {
    let device = tables
        .devices
        .get_mut(&object)
        .map(|record| &mut record.work_items);
    let driver = tables
        .drivers
        .get_mut(&object)
        .map(|record| &mut record.work_items);
    if let Some(number) = device.or(driver) {
        *number = number.saturating_add_signed(by);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoFreeWorkItem(io_work_item: PIO_WORKITEM) {
    let machine = machine::enter();
    level::require(&machine, DISPATCH_LEVEL, rule::NONE, "IoFreeWorkItem");
    let item = io_work_item.addr();
    let record = machine.io.tables().work_items.remove(&item);
    if record.is_none_or(|record| record.queued) {
        invalid(
            item,
            "IoFreeWorkItem: the argument is queued, or is not a work item",
        );
    }
    // SAFETY: A work item in the tables is a block of `IoAllocateWorkItem`; the caller is done
    // with it.
    unsafe {
        pool::free(
            &machine,
            io_work_item.cast(),
            Some(tag::WORK_ITEM),
            "IoFreeWorkItem",
        )
    };
}

fn invalid(item: usize, message: &str) -> ! {
    stop::bug_check(WORKER_INVALID, [0, item as u64, 0, 0], message)
}
