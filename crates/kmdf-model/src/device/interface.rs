//! Device interfaces: registered at once, enabled while the device is started (DEV-41).

use crate::device::Device;
use crate::object::handle;
use crate::support::pool;
use crate::support::sync::Locked;
use crate::support::unicode::{self, PoolString};
use crate::support::verifier;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};
use kmdf_sys::ntddk::{ExFreePool, IoRegisterDeviceInterface, IoSetDeviceInterfaceState};
use kmdf_sys::{
    BOOLEAN, GUID, NTSTATUS, PASSIVE_LEVEL, PCUNICODE_STRING, PWDF_DRIVER_GLOBALS,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, UNICODE_STRING,
    WDFDEVICE,
};

/// A registered interface, in a block of the framework's allocator.
struct Interface {
    class: GUID,
    reference: Option<PoolString>,
    /// The symbolic link that the kernel allocated from pool.
    link: UnsafeCell<UNICODE_STRING>,
    /// Whether the driver wants it enabled while the device is started.
    wanted: Cell<bool>,
    enabled: Cell<bool>,
    next: Cell<Option<NonNull<Interface>>>,
}

/// The interfaces of a device.
///
/// # Invariants
///
/// The chain consists of live blocks that only [`Interfaces::free`] frees.
pub(crate) struct Interfaces {
    first: Locked<Option<NonNull<Interface>>>,
}

impl Interfaces {
    pub(crate) fn new() -> Self {
        Self {
            first: Locked::new(None),
        }
    }

    fn iter<'a>(&self) -> impl Iterator<Item = &'a Interface> + use<'a> {
        let first = *self.first.lock();
        // SAFETY: The chain consists of live blocks, by the invariant.
        let follow = |next: NonNull<Interface>| unsafe { next.as_ref() };
        core::iter::successors(first.map(follow), move |interface| {
            interface.next.get().map(follow)
        })
    }

    /// Appends an interface, so that the first one registered is the first one found.
    fn append(&self, added: NonNull<Interface>) {
        match self.iter().last() {
            Some(last) => last.next.set(Some(added)),
            None => *self.first.lock() = Some(added),
        }
    }

    /// Enables or disables all interfaces, when the device starts or stops.
    pub(crate) fn set_all(&self, enable: bool) {
        for interface in self.iter() {
            interface.set(enable && interface.wanted.get());
        }
    }

    /// Frees the interfaces of a device that is destroyed.
    pub(crate) fn free(&self) {
        let mut next = self.first.lock().take();
        while let Some(interface) = next {
            // SAFETY: A live block of the chain, by the invariant, freed below.
            let this = unsafe { interface.as_ref() };
            next = this.next.get();
            this.free_link();
            // SAFETY: Taken out of the chain, which alone led to it.
            unsafe { interface.drop_in_place() };
            // SAFETY: A block of the framework's allocator, whose contents are dropped.
            unsafe { pool::free(interface.cast()) };
        }
    }
}

impl Interface {
    fn set(&self, enable: bool) {
        if self.enabled.get() == enable {
            return;
        }
        // SAFETY: IoRegisterDeviceInterface gave the link.
        let status = unsafe { IoSetDeviceInterfaceState(self.link.get(), enable.into()) };
        if status == STATUS_SUCCESS {
            self.enabled.set(enable);
        }
    }

    fn free_link(&self) {
        // SAFETY: Nothing changes the link after the registration.
        let buffer = unsafe { (*self.link.get()).Buffer };
        if !buffer.is_null() {
            // SAFETY: IoRegisterDeviceInterface allocated the buffer for its caller to free.
            unsafe { ExFreePool(buffer.cast::<c_void>()) };
        }
    }

    fn is(&self, class: &GUID, reference: &[u16]) -> bool {
        let own = self.reference.as_ref().map_or(&[][..], PoolString::units);
        same_class(&self.class, class) && own == reference
    }
}

fn same_class(one: &GUID, other: &GUID) -> bool {
    (one.Data1, one.Data2, one.Data3, one.Data4)
        == (other.Data1, other.Data2, other.Data3, other.Data4)
}

/// WdfDeviceCreateDeviceInterface: registers a device interface, which is enabled while the device
/// is started (DEV-41).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object. `class` must be NULL or readable. `reference` must be NULL or readable with its
/// characters.
pub(crate) unsafe extern "C" fn wdf_device_create_device_interface(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    class: *const GUID,
    reference: PCUNICODE_STRING,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceCreateDeviceInterface";
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe { handle::resolve::<Device>(globals, CALL, device.cast()) };
    // SAFETY: `class` is NULL or readable, as the caller guarantees.
    let class = unsafe { verifier::required(device.globals(), CALL, class) };
    // SAFETY: `reference` is NULL or readable with its characters, as the caller guarantees.
    let created = unsafe { create(device, CALL, class, reference) };
    created.err().unwrap_or(STATUS_SUCCESS)
}

/// Registers an interface, with the checks in their order (DEV-41).
///
/// # Safety
///
/// `reference` must be NULL or readable with its characters.
unsafe fn create(
    device: &Device,
    call: &CStr,
    class: &GUID,
    reference: PCUNICODE_STRING,
) -> Result<(), NTSTATUS> {
    verifier::check_irql(device.globals(), call, PASSIVE_LEVEL)?;
    // SAFETY: `reference` is NULL or readable, as the caller guarantees.
    let reference = unsafe { reference.as_ref() };
    reference.map_or(Ok(()), unicode::validate)?;
    if !device.is_pnp() {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    let block = pool::allocate(device.globals(), size_of::<Interface>())
        .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let interface = block.cast::<Interface>();
    // SAFETY: Validated above, and readable, as the caller guarantees.
    let contents = unsafe { register(device, class, reference) };
    match contents {
        Ok(contents) => {
            // SAFETY: The block has the size of an `Interface` and is 16-aligned.
            unsafe { interface.write(contents) };
            device.interfaces.append(interface);
            if device.pnp.has_enabled_interfaces() {
                // SAFETY: Written above, and in the chain now.
                unsafe { interface.as_ref() }.set(true);
            }
            Ok(())
        }
        Err(status) => {
            // SAFETY: Allocated above, and in no chain.
            unsafe { pool::free(block) };
            Err(status)
        }
    }
}

/// Registers an interface with the kernel.
///
/// # Safety
///
/// `reference` must have passed [`unicode::validate`], and its characters be readable.
unsafe fn register(
    device: &Device,
    class: &GUID,
    reference: Option<&UNICODE_STRING>,
) -> Result<Interface, NTSTATUS> {
    // SAFETY: Validated and readable, as the caller guarantees.
    let units = reference.map(|given| unsafe { unicode::units(given) });
    let reference = units
        .map(|units| PoolString::copy(device.globals(), units))
        .transpose()?;
    let mut name = reference.as_ref().map(PoolString::as_unicode);
    let name = name.as_mut().map_or(null_mut(), |name| &raw mut *name);
    let mut link = UNICODE_STRING::default();
    // SAFETY: The PnP manager keeps the PDO; the name is a copy that lives for the call, or NULL.
    let status = unsafe { IoRegisterDeviceInterface(device.pdo(), class, name, &raw mut link) };
    if status < STATUS_SUCCESS {
        return Err(status);
    }
    Ok(Interface {
        class: *class,
        reference,
        link: UnsafeCell::new(link),
        wanted: Cell::new(true),
        enabled: Cell::new(false),
        next: Cell::new(None),
    })
}

/// WdfDeviceSetDeviceInterfaceState: enables or disables a registered device interface.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object. `class` must be NULL or readable. `reference` must be NULL or readable with its
/// characters.
pub(crate) unsafe extern "C" fn wdf_device_set_device_interface_state(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    class: *const GUID,
    reference: PCUNICODE_STRING,
    enable: BOOLEAN,
) {
    const CALL: &CStr = c"WdfDeviceSetDeviceInterfaceState";
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe { handle::resolve::<Device>(globals, CALL, device.cast()) };
    // SAFETY: `class` is NULL or readable, as the caller guarantees.
    let class = unsafe { verifier::required(device.globals(), CALL, class) };
    // SAFETY: `reference` is NULL or readable, as the caller guarantees.
    let reference = unsafe { reference.as_ref() };
    // SAFETY: The characters of `reference` are readable, as the caller guarantees.
    let units = reference.map_or(&[][..], |given| unsafe { unicode::units(given) });
    let found = device
        .interfaces
        .iter()
        .find(|interface| interface.is(class, units));
    if let Some(interface) = found {
        interface.wanted.set(enable != 0);
        if device.pnp.has_enabled_interfaces() {
            interface.set(enable != 0);
        }
    }
}
