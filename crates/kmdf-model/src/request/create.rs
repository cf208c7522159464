//! How a request comes to be from an IRP, and what it answers as an object.

use super::{Direction, Embedded, Request, flag};
use crate::device::Device;
use crate::memory::MemoryMethods;
use crate::object::live::Live;
use crate::object::{self, Count, FrameworkObject, Kind, NewParent, Object, type_code};
use crate::request::irp::Irp;
use crate::support::pool::PageAligned;
use core::cell::Cell;
use core::mem::offset_of;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};
use kmdf_sys::PVOID;
use kmdf_sys::ntddk::IoFreeMdl;

/// Where the handles of the embedded memories lead (OBJ-3).
pub(super) const SYSTEM_OFFSET: u16 = offset_of!(Request, system_memory) as u16;
pub(super) const OUTPUT_OFFSET: u16 = offset_of!(Request, output_memory) as u16;

static EMBEDDED_MEMORY: MemoryMethods = MemoryMethods {
    buffer: |object, offset| request_of(object).embedded(offset).0,
    size: |object, offset| request_of(object).embedded(offset).1,
    is_read_only: |object, offset| request_of(object).embedded_is_read_only(offset),
};

fn request_of(object: &Object) -> &Request {
    // SAFETY: Called for objects of this kind alone.
    unsafe { object.downcast() }
}

// SAFETY: `repr(C)` with the object first; made by `Request::new` alone.
unsafe impl FrameworkObject for Request {
    const KIND: &'static Kind = &Kind {
        lockable: true,
        answers: |_, offset, wanted| {
            wanted == type_code::MEMORY && matches!(offset, SYSTEM_OFFSET | OUTPUT_OFFSET)
        },
        memory: |_, offset| {
            matches!(offset, SYSTEM_OFFSET | OUTPUT_OFFSET).then_some(&EMBEDDED_MEMORY)
        },
        count_embedded: Some(|object, count| request_of(object).count_irp_reference(count)),
        destroy: |object| request_of(object).free_mdl(),
        free: free_to_list,
        ..Kind::new(c"WDFREQUEST", type_code::REQUEST)
    };
}

/// Returns a request's storage to its device's list.
///
/// # Safety
///
/// Nobody uses the request any more.
unsafe fn free_to_list(object: NonNull<Object>) {
    // SAFETY: The memory is still there, and is a request's.
    let request = request_of(unsafe { object.as_ref() });
    let (device, storage) = (request.device, request.object.storage().cast());
    let entry = PageAligned {
        address: storage,
        block: storage,
    };
    // SAFETY: The entry came from there and nobody uses it any more.
    unsafe { device.requests().free(entry) };
    // SAFETY: Taken at birth.
    unsafe { device.release() };
}

impl Request {
    /// REQ-1, REQ-2: a request for `irp`, or none for want of memory.
    pub(crate) fn create(device: Live<Device>, irp: Irp) -> Option<Live<Self>> {
        let entry = device.requests().allocate()?;
        // The list's entries, and with them the device, outlast the request. The framework takes no such
        // reference; what it comes to without one is no driver's doing (REQ-54).
        device.reference();
        let build = |object| Self::new(object, device, irp);
        let storage = entry.address.cast();
        let layout = device.request_layout();
        // SAFETY: An entry of the device's list has the size of the layout and is unused.
        let request =
            unsafe { object::place(device.globals(), Self::KIND, storage, layout, build) };
        // SAFETY: Alive until its completion.
        let request = unsafe { Live::new(request) };
        request.object().set_device(device.object().pointer());
        irp.set_driver_word(request.as_ptr().cast::<core::ffi::c_void>() as PVOID);
        let attributes = device.request_attributes();
        // SAFETY: Validated when they were set; without a parent this cannot fail.
        let _ = unsafe { object::commit(request.object(), attributes, NewParent::Nobody) };
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
            // SAFETY: Allocated for this request.
            unsafe { IoFreeMdl(mdl) };
        }
    }

    /// OBJ-48, REQ-42
    pub(crate) fn count_irp_reference(&self, count: Count) {
        match count {
            Count::Up => {
                self.irp_references.fetch_add(1, Ordering::AcqRel);
            }
            Count::Down => {
                if self.irp_references.fetch_sub(1, Ordering::AcqRel) <= 0 {
                    self.break_point(c"a request's memory was dereferenced once too often");
                }
            }
        }
    }

    /// The embedded memory for a buffer: that of reads and writes is one and the same (REQ-6).
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
