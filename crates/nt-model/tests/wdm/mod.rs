//! The header functions that a WDM driver needs, and two drivers whose routines are those of a test.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod control;
pub mod pnp;

use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use nt_model::{Config, Kernel, Stop, run};
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Runs a scenario with every check on, which must not stop.
pub fn boot<T: Send + 'static>(scenario: impl FnOnce(&Kernel) -> T + Send + 'static) -> T {
    run(Config::default(), scenario).unwrap_or_else(|stop| panic!("{stop}"))
}

/// Runs a scenario which must stop.
pub fn crash<T: Send + 'static>(scenario: impl FnOnce(&Kernel) -> T + Send + 'static) -> Stop {
    match run(Config::default(), scenario) {
        Ok(_) => panic!("the run did not stop"),
        Err(stop) => stop,
    }
}

/// Asserts the code and the first parameter of a stop.
pub fn assert_stop(stop: &Stop, code: u32, first: u64) {
    assert_eq!((stop.code, stop.parameters[0]), (code, first), "{stop}");
}

/// A control code of device type 0x8000 with any access.
pub const fn code(function: u32, method: u32) -> u32 {
    0x8000 << 16 | function << 2 | method
}

/// Where the characters of [`string`] are, so that a leak checker finds them.
static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A counted string over characters that live as long as the process.
pub fn string(text: &str) -> UNICODE_STRING {
    let units: &'static mut [u16] = text.encode_utf16().collect::<Vec<_>>().leak();
    KEPT.lock().unwrap().push(units.as_ptr().addr());
    let length = (units.len() * 2) as u16;
    UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: units.as_mut_ptr(),
    }
}

/// Reads what a kernel pointer points at.
pub fn peek<T: Copy>(pointer: *const T) -> T {
    // SAFETY: Test drivers pass pointers that the kernel gave them.
    unsafe { pointer.read() }
}

/// An IRP that the test driver has.
#[derive(Clone, Copy)]
pub struct Request(pub PIRP);

// SAFETY: An IRP belongs to the driver that has it, on any thread.
unsafe impl Send for Request {}

impl Request {
    pub fn location(self) -> *mut IO_STACK_LOCATION {
        // Not all of the IRP: another thread may be cancelling it, which changes other fields.
        // SAFETY: An IRP that the driver has is alive.
        let tail = peek(unsafe { &raw const (*self.0).Tail });
        // SAFETY: The tail of an IRP in flight is its overlay.
        let overlay = unsafe { tail.Overlay };
        // SAFETY: An IRP that a driver has is at a stack location.
        unsafe {
            overlay
                .__bindgen_anon_2
                .__bindgen_anon_1
                .CurrentStackLocation
        }
    }

    pub fn stack(self) -> IO_STACK_LOCATION {
        peek(self.location())
    }

    pub fn major(self) -> u32 {
        self.stack().MajorFunction.into()
    }

    pub fn minor(self) -> u32 {
        self.stack().MinorFunction.into()
    }

    pub fn control(self) -> (u32, usize, usize, *mut u8) {
        let parameters = self.stack().Parameters;
        // SAFETY: Asked of device control requests only.
        let control = unsafe { parameters.DeviceIoControl };
        (
            control.IoControlCode,
            control.InputBufferLength as usize,
            control.OutputBufferLength as usize,
            control.Type3InputBuffer.cast(),
        )
    }

    pub fn transfer(self) -> (usize, i64) {
        let parameters = self.stack().Parameters;
        // SAFETY: Asked of reads and writes only, whose parameters are alike.
        let read = unsafe { parameters.Read };
        // SAFETY: All bytes of the union are one integer.
        let offset = unsafe { read.ByteOffset.QuadPart };
        (read.Length as usize, offset)
    }

    pub fn system_buffer(self) -> *mut u8 {
        // SAFETY: An IRP that the driver has is alive.
        let associated = peek(unsafe { &raw const (*self.0).AssociatedIrp });
        // SAFETY: No test makes associated IRPs.
        unsafe { associated.SystemBuffer }.cast()
    }

    pub fn mdl_bytes(self) -> *mut u8 {
        // SAFETY: An IRP that the driver has is alive.
        let mdl = peek(unsafe { &raw const (*self.0).MdlAddress });
        if mdl.is_null() {
            return null_mut();
        }
        let (kernel, cached) = (_MODE::KernelMode as i8, _MEMORY_CACHING_TYPE::MmCached);
        let normal = _MM_PAGE_PRIORITY::NormalPagePriority;
        // SAFETY: The I/O manager locked the pages.
        unsafe { MmMapLockedPagesSpecifyCache(mdl, kernel, cached, null_mut(), 0, normal) }.cast()
    }

    pub fn set_outcome(self, status: NTSTATUS, information: usize) {
        let block = IO_STATUS_BLOCK {
            __bindgen_anon_1: _IO_STATUS_BLOCK__bindgen_ty_1 { Status: status },
            Information: information as u64,
        };
        // SAFETY: The driver has the IRP.
        unsafe { (*self.0).IoStatus = block };
    }

    pub fn status(self) -> NTSTATUS {
        // SAFETY: An IRP that the driver has is alive.
        let block = peek(unsafe { &raw const (*self.0).IoStatus }).__bindgen_anon_1;
        // SAFETY: No test uses the pointer that shares the place.
        unsafe { block.Status }
    }

    pub fn finish(self) {
        // SAFETY: The driver has the IRP, and does not touch it again.
        unsafe { IofCompleteRequest(self.0, 0) };
    }

    pub fn complete(self, status: NTSTATUS, information: usize) -> NTSTATUS {
        self.set_outcome(status, information);
        self.finish();
        status
    }

    pub fn mark_pending(self) {
        let location = self.location();
        // SAFETY: The driver has the IRP.
        unsafe { (*location).Control |= SL_PENDING_RETURNED as u8 };
    }

    pub fn skip_location(self) {
        self.move_by(1);
    }

    fn move_by(self, by: isize) {
        let next = self.location().wrapping_offset(by);
        // SAFETY: The driver has the IRP.
        unsafe { (*self.0).CurrentLocation += by as i8 };
        // SAFETY: The driver has the IRP; only the address of a field is taken.
        let tail = unsafe { &raw mut (*self.0).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1 };
        let tail = tail.cast::<*mut IO_STACK_LOCATION>();
        // SAFETY: The union holds the pointer in an IRP in flight.
        unsafe { tail.write(next) };
    }

    /// As `IoCopyCurrentIrpStackLocationToNext` and `IoSetCompletionRoutine` for all outcomes.
    pub fn copy_location_to_next(self, routine: PIO_COMPLETION_ROUTINE, context: PVOID) {
        let mut copy = self.stack();
        let all = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL;
        copy.Control = if routine.is_some() { all as u8 } else { 0 };
        copy.CompletionRoutine = routine;
        copy.Context = context;
        self.write_next(copy);
    }

    pub fn write_next(self, location: IO_STACK_LOCATION) {
        let next = self.location().wrapping_sub(1);
        // SAFETY: The tests' stacks are deep enough.
        unsafe { next.write(location) };
    }

    /// Exchanges the cancel routine as `IoSetCancelRoutine` does; true if one was set before.
    pub fn set_cancel_routine(self, routine: PDRIVER_CANCEL) -> bool {
        // SAFETY: Optional function pointers are pointers.
        let routine = unsafe { transmute::<PDRIVER_CANCEL, *mut ()>(routine) };
        // SAFETY: The driver has the IRP; only the address is taken.
        let slot = unsafe { &raw mut (*self.0).CancelRoutine };
        // SAFETY: A field of an IRP that the driver has; all sides exchange it atomically.
        let slot = unsafe { AtomicPtr::from_ptr(slot.cast::<*mut ()>()) };
        !slot.swap(routine, Ordering::AcqRel).is_null()
    }

    pub fn is_cancelled(self) -> bool {
        // SAFETY: An IRP that the driver has is alive.
        peek(unsafe { &raw const (*self.0).Cancel }) != 0
    }

    pub fn call(self, device: PDEVICE_OBJECT) -> NTSTATUS {
        // SAFETY: The driver has the IRP and hands it over.
        unsafe { IofCallDriver(device, self.0) }
    }
}

/// The bytes of a buffer that a request gave.
///
/// # Safety
///
/// The buffer must have `length` bytes for as long as the slice is used.
pub unsafe fn bytes<'a>(start: *mut u8, length: usize) -> &'a mut [u8] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: The buffer has `length` bytes, as the caller guarantees.
    unsafe { std::slice::from_raw_parts_mut(start, length) }
}
