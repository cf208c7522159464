//! Creating a WDFREQUEST from an IRP, and its object callbacks.

use super::{Direction, Embedded, Request, flag};
use crate::device::Device;
use crate::memory::MemoryMethods;
use crate::object::live::Live;
use crate::object::{self, Count, FrameworkObject, NewParent, Object, ObjectKind, type_code};
use crate::request::irp::Irp;
use crate::support::pool::PageAligned;
use core::cell::Cell;
use core::mem::offset_of;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};
use kmdf_sys::ntddk::IoFreeMdl;

/// Offsets in the request to which the handles of its two memory objects lead (OBJ-3).
pub(super) const SYSTEM_OFFSET: u16 = offset_of!(Request, system_memory) as u16;
pub(super) const OUTPUT_OFFSET: u16 = offset_of!(Request, output_memory) as u16;

static EMBEDDED_MEMORY: MemoryMethods = MemoryMethods {
    buffer: |object, offset| request_of(object).embedded(offset).0,
    size: |object, offset| request_of(object).embedded(offset).1,
    is_read_only: |object, offset| request_of(object).embedded_is_read_only(offset),
};

fn request_of(object: &Object) -> &Request {
    // SAFETY: Only the kind of `Request` has the functions that call this.
    unsafe { object.downcast() }
}

// SAFETY: `repr(C)` with the object first; made by `Request::new` alone.
unsafe impl FrameworkObject for Request {
    const KIND: &'static ObjectKind = &ObjectKind {
        lockable: true,
        is_also: |_, offset, wanted| {
            wanted == type_code::MEMORY && matches!(offset, SYSTEM_OFFSET | OUTPUT_OFFSET)
        },
        memory: |_, offset| {
            matches!(offset, SYSTEM_OFFSET | OUTPUT_OFFSET).then_some(&EMBEDDED_MEMORY)
        },
        count_embedded: Some(|object, count| request_of(object).count_irp_reference(count)),
        destroy: |object| request_of(object).free_mdl(),
        free: free_to_list,
        ..ObjectKind::new(c"WDFREQUEST", type_code::REQUEST)
    };
}

/// Returns a request's storage to its device's list.
///
/// # Safety
///
/// The object must be a request that is no longer in use.
unsafe fn free_to_list(object: NonNull<Object>) {
    // SAFETY: A request, as the caller guarantees, which is freed below.
    let request = request_of(unsafe { object.as_ref() });
    let (device, storage) = (request.device, request.object.storage().cast());
    let entry = PageAligned {
        address: storage,
        block: storage,
    };
    // SAFETY: `Request::create` took the entry from this list, and the request is out of use.
    unsafe { device.requests().free(entry) };
    // SAFETY: `Request::create` took this reference for the request.
    unsafe { device.release() };
}

impl Request {
    /// A request for `irp`; `None` if there is no memory for it (REQ-1, REQ-2).
    pub(crate) fn create(device: Live<Device>, irp: Irp) -> Option<Live<Self>> {
        let entry = device.requests().allocate()?;
        // The request lies in an entry of the device's list, so it keeps the device. The framework takes
        // no such reference; the use after free that it risks is no fault of the driver (REQ-54).
        device.reference();
        let build = |object| Self::new(object, device, irp);
        let storage = entry.address.cast();
        let layout = device.request_layout();
        // SAFETY: The entry is new and has the size of the layout, which was made for requests.
        let request =
            unsafe { object::place(device.globals(), Self::KIND, storage, layout, build) };
        request.object().set_device(device.object().pointer());
        // Without a parent this cannot fail.
        let request = request.commit(device.request_attributes(), NewParent::None);
        let request = request.ok()?;
        irp.set_driver_word(request.as_ptr().cast());
        Some(request)
    }

    fn new(object: Object, device: Live<Device>, irp: Irp) -> Self {
        Self {
            object,
            device,
            irp: AtomicPtr::new(irp.as_ptr()),
            queue: AtomicPtr::new(null_mut()),
            links: super::Links::default(),
            flags: AtomicU32::new(0),
            cancel: Cell::new(None),
            irp_references: AtomicI32::new(0),
            system_memory: Embedded {
                offset: SYSTEM_OFFSET,
            },
            output_memory: Embedded {
                offset: OUTPUT_OFFSET,
            },
            own_mdl: Cell::new(null_mut()),
            created_file: Cell::new(None),
        }
    }

    fn free_mdl(&self) {
        let mdl = self.own_mdl.replace(null_mut());
        if !mdl.is_null() {
            // SAFETY: `Request::mdl` allocated it for this request alone.
            unsafe { IoFreeMdl(mdl) };
        }
    }

    /// Counts references to the parts of the request, which completion checks (OBJ-48, REQ-42).
    pub(crate) fn count_irp_reference(&self, count: Count) {
        match count {
            Count::Up => {
                self.irp_references.fetch_add(1, Ordering::AcqRel);
            }
            Count::Down => {
                if self.irp_references.fetch_sub(1, Ordering::AcqRel) <= 0 {
                    self.break_point(c"WdfObjectDereference: a memory object of a request was dereferenced more often than referenced");
                }
            }
        }
    }

    /// The offset of a buffer's memory object; a read or write has one for both directions (REQ-6).
    pub(super) fn embedded_offset(&self, direction: Direction) -> u16 {
        let device_control = self.irp().is_some_and(Irp::is_device_control);
        match direction {
            Direction::Output if device_control => OUTPUT_OFFSET,
            _ => SYSTEM_OFFSET,
        }
    }

    pub(crate) fn begin_completion(&self) {
        self.put(flag::COMPLETED, true);
        self.put(flag::DRIVER_OWNED, false);
    }
}
