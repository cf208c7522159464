//! Device interfaces: registered at once, enabled while the device works (DEV-41).

use crate::device::{self, Device};
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

/// One registered interface; a block of the framework's allocator.
struct Interface {
    class: GUID,
    reference: Option<PoolString>,
    /// From the kernel, which wants it freed as pool.
    link: UnsafeCell<UNICODE_STRING>,
    /// Enabled when the device has started.
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
        // SAFETY: By the invariant; in all of these.
        let follow = |next: NonNull<Interface>| unsafe { next.as_ref() };
        core::iter::successors(first.map(follow), move |interface| {
            interface.next.get().map(follow)
        })
    }

    /// Appends, so that the first one registered is the first one found.
    fn append(&self, added: NonNull<Interface>) {
        match self.iter().last() {
            Some(last) => last.next.set(Some(added)),
            None => *self.first.lock() = Some(added),
        }
    }

    /// Enables or disables all of them, as the device starts or goes.
    pub(crate) fn set_all(&self, enable: bool) {
        for interface in self.iter() {
            interface.set(enable && interface.wanted.get());
        }
    }

    /// The device is gone.
    pub(crate) fn free(&self) {
        let mut next = self.first.lock().take();
        while let Some(interface) = next {
            // SAFETY: By the invariant.
            let this = unsafe { interface.as_ref() };
            next = this.next.get();
            this.free_link();
            // SAFETY: Out of the chain.
            unsafe { interface.drop_in_place() };
            // SAFETY: As above, and a block of the allocator.
            unsafe { pool::free(interface.cast()) };
        }
    }
}

impl Interface {
    fn set(&self, enable: bool) {
        if self.enabled.get() == enable {
            return;
        }
        // SAFETY: The link came from the registration.
        let status = unsafe { IoSetDeviceInterfaceState(self.link.get(), enable.into()) };
        if status == STATUS_SUCCESS {
            self.enabled.set(enable);
        }
    }

    fn free_link(&self) {
        // SAFETY: Written by the registration or empty.
        let buffer = unsafe { (*self.link.get()).Buffer };
        if !buffer.is_null() {
            // SAFETY: The kernel allocated it for the caller to free.
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

/// DEV-41
///
/// # Safety
///
/// As for the function table's WdfDeviceCreateDeviceInterface: bound globals, a handle, pointers
/// valid or NULL.
pub(crate) unsafe extern "C" fn wdf_device_create_device_interface(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    class: *const GUID,
    reference: PCUNICODE_STRING,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceCreateDeviceInterface";
    // SAFETY: By the contract of this function.
    let device = unsafe { device::resolve(globals, CALL, device) };
    verifier::require(device.globals(), CALL, class);
    // SAFETY: As above.
    let created = unsafe { create(device, CALL, class, reference) };
    created.err().unwrap_or(STATUS_SUCCESS)
}

/// # Safety
///
/// `class` is valid, `reference` valid or NULL.
unsafe fn create(
    device: &Device,
    call: &CStr,
    class: *const GUID,
    reference: PCUNICODE_STRING,
) -> Result<(), NTSTATUS> {
    verifier::check_irql(device.globals(), call, PASSIVE_LEVEL)?;
    // SAFETY: By the contract of this function.
    let reference = unsafe { reference.as_ref() };
    reference.map_or(Ok(()), unicode::validate)?;
    if !device.is_pnp() {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    let block = pool::allocate(device.globals(), size_of::<Interface>())
        .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let interface = block.cast::<Interface>();
    // SAFETY: By the contract of this function.
    let contents = unsafe { register(device, class, reference) };
    match contents {
        Ok(contents) => {
            // SAFETY: The block has room for it.
            unsafe { interface.write(contents) };
            device.interfaces.append(interface);
            if device.pnp.has_enabled_interfaces() {
                // SAFETY: Just written.
                unsafe { interface.as_ref() }.set(true);
            }
            Ok(())
        }
        Err(status) => {
            // SAFETY: Just allocated.
            unsafe { pool::free(block) };
            Err(status)
        }
    }
}

/// # Safety
///
/// `class` is valid, and the reference string was validated.
unsafe fn register(
    device: &Device,
    class: *const GUID,
    reference: Option<&UNICODE_STRING>,
) -> Result<Interface, NTSTATUS> {
    // SAFETY: By the contract of this function.
    let units = reference.map(|given| unsafe { unicode::units(given) });
    let reference = units
        .map(|units| PoolString::copy(device.globals(), units))
        .transpose()?;
    let mut name = reference.as_ref().map(PoolString::as_unicode);
    let name = name.as_mut().map_or(null_mut(), |name| &raw mut *name);
    let mut link = UNICODE_STRING::default();
    // SAFETY: The PDO is live, the strings and the class valid.
    let status = unsafe { IoRegisterDeviceInterface(device.pdo(), class, name, &raw mut link) };
    if status < STATUS_SUCCESS {
        return Err(status);
    }
    Ok(Interface {
        // SAFETY: By the contract of this function.
        class: unsafe { *class },
        reference,
        link: UnsafeCell::new(link),
        wanted: Cell::new(true),
        enabled: Cell::new(false),
        next: Cell::new(None),
    })
}

/// # Safety
///
/// As for the function table's WdfDeviceSetDeviceInterfaceState: bound globals, a handle, pointers
/// valid or NULL.
pub(crate) unsafe extern "C" fn wdf_device_set_device_interface_state(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    class: *const GUID,
    reference: PCUNICODE_STRING,
    enable: BOOLEAN,
) {
    const CALL: &CStr = c"WdfDeviceSetDeviceInterfaceState";
    // SAFETY: By the contract of this function.
    let device = unsafe { device::resolve(globals, CALL, device) };
    verifier::require(device.globals(), CALL, class);
    // SAFETY: As above.
    let class = unsafe { &*class };
    // SAFETY: As above.
    let reference = unsafe { reference.as_ref() };
    // SAFETY: As above.
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
