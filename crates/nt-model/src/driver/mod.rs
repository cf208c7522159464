//! Drivers: loading an image by its entry point, and unloading it.

mod extension;

use crate::io::level;
use crate::machine::{Kernel, Machine};
use crate::object::{Field, Shared, field, tag};
use crate::pool::{self, Owner, Pool};
use crate::status::NtStatus;
use crate::{irp, kernel_stack, stop, verifier};
use kmdf_sys::*;
use std::fmt;

/// An image's entry point.
pub type DriverEntryPoint = unsafe extern "C" fn(PDRIVER_OBJECT, PUNICODE_STRING) -> NTSTATUS;

/// A driver object that the I/O manager knows.
pub(crate) type DriverObject = Shared<DRIVER_OBJECT>;

const IO_TYPE_DRIVER: CSHORT = 4;

/// `DRVO_INITIALIZED`: the entry point has returned.
const INITIALIZED: ULONG = 0x10;

const STATUS_IMAGE_ALREADY_LOADED: NTSTATUS = 0xC000_010E_u32 as NTSTATUS;

const TYPE: Field<DRIVER_OBJECT, CSHORT> = field!(DRIVER_OBJECT, Type);
const SIZE: Field<DRIVER_OBJECT, CSHORT> = field!(DRIVER_OBJECT, Size);
pub(crate) const FIRST_DEVICE: Field<DRIVER_OBJECT, PDEVICE_OBJECT> =
    field!(DRIVER_OBJECT, DeviceObject);
const FLAGS: Field<DRIVER_OBJECT, ULONG> = field!(DRIVER_OBJECT, Flags);
const EXTENSION: Field<DRIVER_OBJECT, PDRIVER_EXTENSION> = field!(DRIVER_OBJECT, DriverExtension);
const NAME: Field<DRIVER_OBJECT, UNICODE_STRING> = field!(DRIVER_OBJECT, DriverName);
const INIT: Field<DRIVER_OBJECT, PDRIVER_INITIALIZE> = field!(DRIVER_OBJECT, DriverInit);
const UNLOAD: Field<DRIVER_OBJECT, PDRIVER_UNLOAD> = field!(DRIVER_OBJECT, DriverUnload);
pub(crate) const MAJOR_FUNCTIONS: Field<DRIVER_OBJECT, [PDRIVER_DISPATCH; 28]> =
    field!(DRIVER_OBJECT, MajorFunction);

const EXTENSION_DRIVER: Field<DRIVER_EXTENSION, PDRIVER_OBJECT> =
    field!(DRIVER_EXTENSION, DriverObject);
const ADD_DEVICE: Field<DRIVER_EXTENSION, PDRIVER_ADD_DEVICE> = field!(DRIVER_EXTENSION, AddDevice);
const SERVICE_KEY: Field<DRIVER_EXTENSION, UNICODE_STRING> =
    field!(DRIVER_EXTENSION, ServiceKeyName);

/// The I/O manager's record of a driver, beside its driver object.
pub(crate) struct DriverRecord {
    service: String,
    /// Driver object extensions: the client's identification address, and the block.
    extensions: Vec<(usize, usize)>,
    /// The number of work items that are queued or running for the driver object itself.
    pub(crate) work_items: usize,
}

/// The dispatch routine of all major functions that a driver does not set.
unsafe extern "C" fn invalid_device_request(
    _device: *mut _DEVICE_OBJECT,
    irp: *mut _IRP,
) -> NTSTATUS {
    // SAFETY: The I/O manager passes an IRP that this driver owns now.
    let request = unsafe { irp::Irp::new(irp) };
    request.set(irp::STATUS, STATUS_INVALID_DEVICE_REQUEST);
    request.set(irp::INFORMATION, 0);
    // SAFETY: The driver's own IRP, which is not used afterwards.
    unsafe { ntddk::IofCompleteRequest(irp, IO_NO_INCREMENT as CCHAR) };
    STATUS_INVALID_DEVICE_REQUEST
}

/// Creates a driver object and its extension in one block.
pub(crate) fn create(machine: &Machine, service: &str) -> Result<DriverObject, NtStatus> {
    let key = format!(r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\{service}");
    let path = format!(r"\Driver\{service}");
    let strings: Vec<Vec<u16>> = [path.as_str(), service, key.as_str()]
        .map(|text| text.encode_utf16().chain([0]).collect())
        .into();
    let fixed = size_of::<DRIVER_OBJECT>() + size_of::<DRIVER_EXTENSION>();
    let size = fixed + strings.iter().map(|string| string.len() * 2).sum::<usize>();
    let block = pool::allocate(
        machine,
        Pool::NonPaged,
        size,
        tag::DRIVER,
        true,
        Owner::Kernel,
    );
    if block.is_null() {
        return Err(NtStatus(STATUS_INSUFFICIENT_RESOURCES));
    }
    block.expose_provenance();
    // SAFETY: The block holds a driver object and lives until `release`.
    let driver = unsafe { DriverObject::new(block.cast()) };
    let after = driver.as_ptr().wrapping_add(1).cast();
    // SAFETY: The block also holds the extension, behind the driver object.
    let extension: Shared<DRIVER_EXTENSION> = unsafe { Shared::new(after) };
    let mut place = block.wrapping_byte_add(fixed).cast::<u16>();
    let counted = strings.iter().map(|units| {
        // SAFETY: The block has room for all strings, one behind the other.
        unsafe { std::ptr::copy_nonoverlapping(units.as_ptr(), place, units.len()) };
        let string = UNICODE_STRING {
            Length: ((units.len() - 1) * 2) as USHORT,
            MaximumLength: (units.len() * 2) as USHORT,
            Buffer: place,
        };
        place = place.wrapping_add(units.len());
        string
    });
    let counted: Vec<UNICODE_STRING> = counted.collect();
    driver.set(NAME, counted[0]);
    extension.set(SERVICE_KEY, counted[1]);
    driver.set(TYPE, IO_TYPE_DRIVER);
    driver.set(SIZE, size_of::<DRIVER_OBJECT>() as CSHORT);
    driver.set(EXTENSION, extension.as_ptr());
    driver.set(MAJOR_FUNCTIONS, [Some(invalid_device_request as _); 28]);
    extension.set(EXTENSION_DRIVER, driver.as_ptr());
    let record = DriverRecord {
        service: service.into(),
        extensions: Vec::new(),
        work_items: 0,
    };
    machine.io.tables().drivers.insert(driver.address(), record);
    Ok(driver)
}

/// Frees a driver object, its extensions, and forgets the driver.
fn release(machine: &Machine, driver: DriverObject) {
    let record = machine.io.tables().drivers.remove(&driver.address());
    extension::release(machine, record.map(|record| record.extensions));
    // SAFETY: The driver is gone: nobody uses its object.
    unsafe {
        pool::free(
            machine,
            driver.as_ptr().cast(),
            Some(tag::DRIVER),
            "the I/O manager",
        )
    };
}

/// The registry path that [`create`] put behind the other strings.
fn registry_path(driver: DriverObject) -> UNICODE_STRING {
    let key = extension(driver).get(SERVICE_KEY);
    let units = usize::from(key.MaximumLength) / 2;
    let start = key.Buffer.wrapping_add(units);
    let prefix = r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\".len();
    let length = (prefix + units - 1) * 2;
    UNICODE_STRING {
        Length: length as USHORT,
        MaximumLength: (length + 2) as USHORT,
        Buffer: start,
    }
}

fn extension(driver: DriverObject) -> Shared<DRIVER_EXTENSION> {
    // SAFETY: Lies in the block of the driver object.
    unsafe { Shared::new(driver.get(EXTENSION)) }
}

/// The AddDevice routine of a driver.
pub(crate) fn add_device_routine(driver: DriverObject) -> PDRIVER_ADD_DEVICE {
    extension(driver).get(ADD_DEVICE)
}

impl Kernel {
    /// Loads a driver: makes its driver object and calls its entry point at `PASSIVE_LEVEL` on
    /// the calling thread.
    ///
    /// # Errors
    ///
    /// `STATUS_IMAGE_ALREADY_LOADED` if a driver of this service is loaded, or what the entry
    /// point returned. Of a driver whose entry point fails nothing may be left behind: the
    /// verifier's checks are those of an unload.
    pub fn load_driver(&self, service: &str, entry: DriverEntryPoint) -> Result<Driver, NtStatus> {
        let machine = self.enter();
        let loaded = |record: &DriverRecord| record.service.eq_ignore_ascii_case(service);
        if machine.io.tables().drivers.values().any(loaded) {
            return Err(NtStatus(STATUS_IMAGE_ALREADY_LOADED));
        }
        let driver = create(machine, service)?;
        driver.set(INIT, Some(entry));
        let mut path = registry_path(driver);
        crate::registry::create_service_key(machine, service);
        let before = crate::irql::current();
        // SAFETY: The image's own entry point, called as the kernel calls it.
        let load = || unsafe { entry(driver.as_ptr(), &raw mut path) };
        let status = kernel_stack::bounded(&machine.config, load);
        level::expect(before, "a driver's entry point");
        let driver = Driver::new(self, driver.address(), service);
        if !NT_SUCCESS(status) {
            driver.go();
            return Err(NtStatus(status));
        }
        driver.ready();
        Ok(driver)
    }
}

/// A loaded driver; a clone refers to the same driver.
#[derive(Clone)]
pub struct Driver {
    pub(crate) kernel: Kernel,
    pub(crate) object: usize,
    service: String,
}

impl fmt::Debug for Driver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Driver({})", self.service)
    }
}

impl Driver {
    fn new(kernel: &Kernel, object: usize, service: &str) -> Self {
        Self {
            kernel: kernel.clone(),
            object,
            service: service.into(),
        }
    }

    /// The drivers that are loaded.
    pub(crate) fn all(kernel: &Kernel) -> impl Iterator<Item = Self> + use<> {
        let tables = kernel.machine.io.tables();
        let loaded = tables.drivers.iter();
        let loaded = loaded.filter(|(object, _)| **object != tables.bus_driver);
        let drivers = loaded.map(|(object, record)| Self::new(kernel, *object, &record.service));
        drivers.collect::<Vec<_>>().into_iter()
    }

    /// The name of its service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The driver object, unless it has been unloaded.
    pub(crate) fn driver_object(&self) -> Result<DriverObject, NtStatus> {
        let machine = self.kernel.enter();
        if !machine.io.tables().drivers.contains_key(&self.object) {
            return Err(NtStatus(STATUS_NO_SUCH_DEVICE));
        }
        // SAFETY: In the tables, so not released.
        Ok(unsafe { Shared::new(std::ptr::with_exposed_provenance_mut(self.object)) })
    }

    /// After a successful entry: completes the dispatch table and opens the devices made so far.
    fn ready(&self) {
        let Ok(driver) = self.driver_object() else {
            return;
        };
        let functions = driver
            .get(MAJOR_FUNCTIONS)
            .map(|routine| routine.or(Some(invalid_device_request as _)));
        driver.set(MAJOR_FUNCTIONS, functions);
        driver.set(FLAGS, driver.get(FLAGS) | INITIALIZED);
        for device in self.devices() {
            let flags = device.get(crate::device::FLAGS);
            device.set(crate::device::FLAGS, flags & !DO_DEVICE_INITIALIZING);
        }
    }

    /// The device objects of the driver that have not been deleted for good.
    fn devices(&self) -> Vec<crate::device::DeviceObject> {
        let tables = self.kernel.machine.io.tables();
        let own = tables
            .devices
            .iter()
            .filter(|(_, record)| record.driver == self.object);
        own.map(|(address, _)| crate::device::known(*address))
            .collect()
    }

    /// Unloads the driver: calls its unload routine, then checks that nothing of it is left.
    ///
    /// # Errors
    ///
    /// Refused, with the driver still there:
    /// - `STATUS_INVALID_DEVICE_REQUEST`: it has no unload routine, or has PnP devices, which are
    ///   to be removed first;
    /// - `STATUS_DEVICE_BUSY`: one of its device objects is open.
    ///
    /// A device object that the unload routine leaves behind stops the run with
    /// `DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS`: Windows unmaps the image, and the
    /// next use of that device executes memory that is freed.
    pub fn unload(self) -> Result<(), NtStatus> {
        let driver = self.driver_object()?;
        let machine = &self.kernel.machine;
        let has_nodes = {
            let tables = machine.io.tables();
            tables.nodes.values().any(|node| node.driver == self.object)
        };
        let Some(unload) = driver.get(UNLOAD).filter(|_| !has_nodes) else {
            return Err(NtStatus(STATUS_INVALID_DEVICE_REQUEST));
        };
        let mut devices = self.devices().into_iter();
        if devices.any(|device| device.get(crate::device::REFERENCES) > 0) {
            return Err(NtStatus(STATUS_DEVICE_BUSY));
        }
        let before = crate::irql::current();
        // SAFETY: The driver's own routine, called as the kernel calls it.
        let unload = || unsafe { unload(driver.as_ptr()) };
        kernel_stack::bounded(&machine.config, unload);
        level::expect(before, "a driver's unload routine");
        self.go();
        Ok(())
    }

    /// Frees the driver after an unload or a failed load.
    fn go(&self) {
        let machine = &self.kernel.machine;
        machine.io.workers.wait_idle();
        if let Some(device) = self.devices().first() {
            stop::bug_check(
                DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
                [device.address() as u64, 0, 0, 0],
                format!(
                    "{} was unloaded with the device object at {:#x} not deleted",
                    self.service,
                    device.address()
                ),
            );
        }
        let Ok(driver) = self.driver_object() else {
            return;
        };
        release(machine, driver);
        let bus = machine.io.tables().bus_driver;
        let others = |tables: &crate::io::Tables| tables.drivers.keys().any(|key| *key != bus);
        let last = !others(&machine.io.tables());
        if last {
            verifier::check_unload(machine, &self.service);
        }
    }
}
