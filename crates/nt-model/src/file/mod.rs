//! File objects: opening devices, and closing.

pub(crate) mod handle;

use crate::device::interface;
use crate::device::security::{self, Access, Caller};
use crate::device::{self, DeviceObject, known, stack};
use crate::io::request::{IoStatus, Outgoing, Subject};
use crate::machine::{Kernel, Machine};
use crate::object::{Field, Shared, field, tag};
use crate::pool::{self, Owner, Pool};
use crate::status::NtStatus;
use crate::{irp, pnp};
use handle::File;
use kmdf_sys::*;
use std::ptr::with_exposed_provenance_mut;
use std::sync::Arc;

const IO_TYPE_FILE: CSHORT = 5;

/// The flag `FO_SYNCHRONOUS_IO` of a file object.
const SYNCHRONOUS: ULONG = 2;

const TYPE: Field<FILE_OBJECT, CSHORT> = field!(FILE_OBJECT, Type);
const SIZE: Field<FILE_OBJECT, CSHORT> = field!(FILE_OBJECT, Size);
const DEVICE: Field<FILE_OBJECT, PDEVICE_OBJECT> = field!(FILE_OBJECT, DeviceObject);
const FLAGS: Field<FILE_OBJECT, ULONG> = field!(FILE_OBJECT, Flags);
const NAME: Field<FILE_OBJECT, UNICODE_STRING> = field!(FILE_OBJECT, FileName);
const READ_ACCESS: Field<FILE_OBJECT, BOOLEAN> = field!(FILE_OBJECT, ReadAccess);
const WRITE_ACCESS: Field<FILE_OBJECT, BOOLEAN> = field!(FILE_OBJECT, WriteAccess);

/// The I/O manager's record of a file object.
pub(crate) struct FileRecord {
    /// The device object that was opened.
    device: usize,
    /// Whether its handle is open.
    open: bool,
    /// The handle, and IRPs under way; at 0 the file object is closed.
    references: usize,
}

/// The structure that a create request's security context points to.
#[repr(C)]
struct SecurityContext {
    quality_of_service: PVOID,
    access_state: PVOID,
    desired_access: ULONG,
    create_options: ULONG,
}

/// Adds a reference to a file object.
pub(crate) fn reference(machine: &Machine, file: usize) {
    if let Some(record) = machine.io.tables().files.get_mut(&file) {
        record.references += 1;
    }
}

/// Drops a reference; the last one closes the file object. Called at `PASSIVE_LEVEL` and not
/// from within driver code.
pub(crate) fn dereference(machine: &Arc<Machine>, file: usize) {
    let last = {
        let mut tables = machine.io.tables();
        tables.files.get_mut(&file).is_some_and(|record| {
            record.references -= 1;
            record.references == 0
        })
    };
    if last {
        send(machine, file, IRP_MJ_CLOSE, |_| {});
        release(machine, file);
    }
}

/// Whether the handle of the file object is open: its owner may have it after the machine was shut down.
fn is_open(machine: &Machine, file: usize) -> bool {
    let tables = machine.io.tables();
    tables.files.get(&file).is_some_and(|record| record.open)
}

/// Closes the handle, if it is open: a cleanup request now, and a close request once no request of it is
/// under way.
fn close_handle(machine: &Arc<Machine>, file: usize) {
    let was_open = {
        let mut tables = machine.io.tables();
        let record = tables.files.get_mut(&file);
        record.is_some_and(|record| std::mem::take(&mut record.open))
    };
    if was_open {
        send(machine, file, IRP_MJ_CLEANUP, |_| {});
        dereference(machine, file);
    }
}

/// Does what the end of a process does to its handles: cancels the requests that are under way on them,
/// and closes them.
pub(crate) fn close_handles(machine: &Arc<Machine>) {
    let (open, requests) = {
        let tables = machine.io.tables();
        let open = tables.files.iter().filter(|(_, record)| record.open);
        let open: Vec<usize> = open.map(|(file, _)| *file).collect();
        let sent = tables.irps.iter().filter_map(|(irp, record)| {
            let request = record.request.clone().filter(|_| !record.completed)?;
            // SAFETY: In the tables, so not released.
            let irp: irp::Irp = unsafe { Shared::new(with_exposed_provenance_mut(*irp)) };
            let file = irp.get(irp::ORIGINAL_FILE).addr();
            open.contains(&file).then_some((irp, request))
        });
        let sent: Vec<_> = sent.collect();
        (open, sent)
    };
    for (irp, request) in requests {
        if request.outcome().is_none() {
            irp::cancel::cancel(machine, irp);
        }
    }
    for file in open {
        close_handle(machine, file);
    }
}

/// Closes the file objects that are left because nothing waited for their requests, which are completed.
pub(crate) fn close_all(machine: &Arc<Machine>) {
    let left: Vec<usize> = machine.io.tables().files.keys().copied().collect();
    for file in left {
        send(machine, file, IRP_MJ_CLOSE, |_| {});
        release(machine, file);
    }
}

fn object(file: usize) -> Shared<FILE_OBJECT> {
    // SAFETY: Callers hold a reference on the file object, which keeps it.
    unsafe { Shared::new(with_exposed_provenance_mut(file)) }
}

/// The device object that requests on the file go to: the top of the opened device's stack.
fn target(machine: &Machine, file: usize) -> DeviceObject {
    let _tables = machine.io.tables();
    stack::top(known(object(file).get(DEVICE).addr()))
}

/// Sends a create, cleanup or close request and waits for it.
fn send(
    machine: &Arc<Machine>,
    file: usize,
    major: u32,
    set_up: impl FnOnce(irp::Location),
) -> IoStatus {
    let target = target(machine, file).as_ptr();
    let outgoing = match Outgoing::new(machine, target, Subject::Major(major)) {
        Ok(outgoing) => outgoing,
        Err(status) => return IoStatus::refused(status.0),
    };
    let operation = match major {
        IRP_MJ_CREATE => IRP_CREATE_OPERATION,
        _ => IRP_CLOSE_OPERATION,
    };
    let irp = outgoing.irp();
    irp.set(irp::FLAGS, IRP_SYNCHRONOUS_API | operation);
    irp.set(irp::ORIGINAL_FILE, object(file).as_ptr());
    outgoing.location().set(irp::FILE, object(file).as_ptr());
    set_up(outgoing.location());
    outgoing.run(target)
}

/// Frees a file object, and drops its reference to the device object.
fn release(machine: &Arc<Machine>, file: usize) {
    let record = machine.io.tables().files.remove(&file);
    let block = object(file).as_ptr().cast();
    // SAFETY: Closed: neither drivers nor the I/O manager use it any more.
    unsafe { pool::free(machine, block, Some(tag::FILE), "the I/O manager") };
    let Some(record) = record else {
        return;
    };
    let node = {
        let tables = machine.io.tables();
        let device = known(record.device);
        device.set(device::REFERENCES, device.get(device::REFERENCES) - 1);
        pnp::node_of(&tables, device)
    };
    device::free_if_unused(machine, record.device);
    if let Some(node) = node {
        pnp::after_close(machine, node);
    }
}

/// Finds the device that a path leads to and takes a reference on it for a new file object.
fn find(
    machine: &Machine,
    path: &str,
    caller: Caller,
    access: Access,
) -> Result<(usize, String), NtStatus> {
    let tables = machine.io.tables();
    let (address, rest) = tables.names.resolve(path)?;
    if !interface::is_open(&tables, path) {
        return Err(NtStatus(STATUS_OBJECT_NAME_NOT_FOUND));
    }
    let device = known(address);
    let flags = device.get(device::FLAGS);
    let going = tables.devices[&address].deleted || !pnp::admits_opens(&tables, device);
    if going || flags & DO_DEVICE_INITIALIZING != 0 {
        return Err(NtStatus(STATUS_NO_SUCH_DEVICE));
    }
    if flags & DO_EXCLUSIVE != 0 && device.get(device::REFERENCES) > 0 {
        return Err(NtStatus(STATUS_ACCESS_DENIED));
    }
    for device in stack::whole(&tables, device) {
        let descriptor = device.get(device::SECURITY);
        // SAFETY: A device object's security descriptor is null or valid as long as it has one.
        if !unsafe { security::grants(descriptor, caller, access) } {
            return Err(NtStatus(STATUS_ACCESS_DENIED));
        }
    }
    device.set(device::REFERENCES, device.get(device::REFERENCES) + 1);
    Ok((address, rest))
}

/// Creates a file object for the device, with the rest of the path as its name.
fn create(machine: &Machine, device: usize, rest: &str) -> Option<usize> {
    let units: Vec<u16> = rest.encode_utf16().collect();
    let fixed = size_of::<FILE_OBJECT>();
    let size = fixed + units.len() * 2;
    let block = pool::allocate(
        machine,
        Pool::NonPaged,
        size,
        tag::FILE,
        true,
        Owner::Kernel,
    );
    if block.is_null() {
        return None;
    }
    let name = block.wrapping_byte_add(fixed).cast::<u16>();
    // SAFETY: The block has room for the name behind the file object.
    unsafe { std::ptr::copy_nonoverlapping(units.as_ptr(), name, units.len()) };
    let address = block.expose_provenance();
    let record = FileRecord {
        device,
        open: true,
        references: 1,
    };
    machine.io.tables().files.insert(address, record);
    let file = object(address);
    file.set(TYPE, IO_TYPE_FILE);
    file.set(SIZE, size_of::<FILE_OBJECT>() as CSHORT);
    file.set(DEVICE, known(device).as_ptr());
    file.set(FLAGS, SYNCHRONOUS);
    file.set(READ_ACCESS, 1);
    file.set(WRITE_ACCESS, 1);
    let length = (units.len() * 2) as USHORT;
    let name = UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: if units.is_empty() {
            std::ptr::null_mut()
        } else {
            name
        },
    };
    file.set(NAME, name);
    Some(address)
}

impl Kernel {
    /// Opens a device for reading and writing as an administrator: by symbolic link (`\\.\Name`,
    /// `\\?\…`, `\DosDevices\Name`, `\??\Name`) or device name (`\Device\Name`).
    ///
    /// # Errors
    ///
    /// - `STATUS_OBJECT_NAME_NOT_FOUND`: no such name, or a disabled interface;
    /// - `STATUS_NO_SUCH_DEVICE`: the device is not ready yet, or is being deleted;
    /// - `STATUS_ACCESS_DENIED`: its security descriptor does not grant it, or it is exclusive and
    ///   open;
    /// - what the driver completed the create request with.
    pub fn open(&self, path: &str) -> Result<File, NtStatus> {
        self.open_as(Caller::Administrator, path)
    }

    /// As [`Kernel::open`], on behalf of `caller`.
    ///
    /// # Errors
    ///
    /// As [`Kernel::open`].
    pub fn open_as(&self, caller: Caller, path: &str) -> Result<File, NtStatus> {
        self.open_for(caller, Access::ReadWrite, path)
    }

    /// As [`Kernel::open_as`], for no more than `access`: requests that need another are refused
    /// with `STATUS_ACCESS_DENIED` before the driver sees them.
    ///
    /// # Errors
    ///
    /// As [`Kernel::open`].
    pub fn open_for(&self, caller: Caller, access: Access, path: &str) -> Result<File, NtStatus> {
        let machine = self.enter();
        let (device, rest) = find(machine, path, caller, access)?;
        let Some(object) = create(machine, device, &rest) else {
            let device = known(device);
            device.set(device::REFERENCES, device.get(device::REFERENCES) - 1);
            return Err(NtStatus(STATUS_INSUFFICIENT_RESOURCES));
        };
        let mut context = SecurityContext {
            quality_of_service: std::ptr::null_mut(),
            access_state: std::ptr::null_mut(),
            desired_access: access.mask(),
            create_options: 0,
        };
        let outcome = send(machine, object, IRP_MJ_CREATE, |location| {
            location.set(irp::SECURITY_CONTEXT, (&raw mut context).cast());
            location.set(irp::CREATE_OPTIONS, FILE_OPEN << 24);
            let share = FILE_SHARE_READ | FILE_SHARE_WRITE;
            location.set(irp::SHARE_ACCESS, share as USHORT);
        });
        if !NT_SUCCESS(outcome.status) {
            release(machine, object);
            return Err(NtStatus(outcome.status));
        }
        Ok(File {
            kernel: self.clone(),
            object,
            access,
            opened: outcome,
        })
    }

    /// Opens the first enabled interface of the class as an administrator.
    ///
    /// # Errors
    ///
    /// `STATUS_OBJECT_NAME_NOT_FOUND` if there is none, else as [`Kernel::open`].
    pub fn open_interface(&self, class: &GUID) -> Result<File, NtStatus> {
        self.open_interface_as(Caller::Administrator, class)
    }

    /// As [`Kernel::open_interface`], on behalf of `caller`.
    ///
    /// # Errors
    ///
    /// As [`Kernel::open_interface`].
    pub fn open_interface_as(&self, caller: Caller, class: &GUID) -> Result<File, NtStatus> {
        let links = self.interfaces(class);
        let link = links.first();
        let link = link.ok_or(NtStatus(STATUS_OBJECT_NAME_NOT_FOUND))?;
        self.open_as(caller, link)
    }
}
