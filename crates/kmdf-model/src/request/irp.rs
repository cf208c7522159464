//! I/O request packets (IRPs), as the I/O manager passes them to the dispatch routines.

use crate::support::sync::Event;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use kmdf_sys::ntddk::{IofCallDriver, IofCompleteRequest};
use kmdf_sys::{
    _DEVICE_OBJECT, _IO_STACK_LOCATION__bindgen_ty_1, _IRP, _MODE, CCHAR, IO_NO_INCREMENT,
    IO_STACK_LOCATION, IRP, IRP_INPUT_OPERATION, IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE, KPROCESSOR_MODE, METHOD_NEITHER,
    NTSTATUS, PDEVICE_OBJECT, PDRIVER_CANCEL, PFILE_OBJECT, PIRP, PMDL, PVOID, SL_INVOKE_ON_CANCEL,
    SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS, SL_PENDING_RETURNED, STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_PENDING, ULONG, ULONG_PTR,
};

/// An IRP that is at this driver.
///
/// # Invariants
///
/// The IRP is valid and its current stack location is this driver's, from dispatch until
/// [`Irp::complete`] or [`Irp::pass_down`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Irp(NonNull<IRP>);

/// The parameters of a read, a write or a device control.
#[derive(Clone, Copy, Default)]
pub(crate) struct Transfer {
    pub(crate) input_length: usize,
    pub(crate) output_length: usize,
    /// The control code of a device control, else 0.
    pub(crate) control_code: ULONG,
    /// The input buffer of METHOD_NEITHER: whatever address the sender gave.
    pub(crate) type3_input: Option<NonNull<c_void>>,
}

impl Irp {
    /// An IRP that a dispatch or cancel routine got.
    ///
    /// # Safety
    ///
    /// `irp` must be valid and at this driver, and the result not be used after completing it or passing
    /// it down.
    pub(crate) unsafe fn new(irp: NonNull<IRP>) -> Self {
        Self(irp)
    }

    pub(crate) fn as_ptr(self) -> PIRP {
        self.0.as_ptr()
    }

    fn packet<'a>(self) -> &'a IRP {
        // SAFETY: Valid by the invariant; fields that others change meanwhile are read atomically.
        unsafe { self.0.as_ref() }
    }

    fn stack_pointer(self) -> *mut IO_STACK_LOCATION {
        // SAFETY: The I/O manager sets this member; the list entry overlays nothing of it.
        let overlay = unsafe { self.packet().Tail.Overlay };
        // SAFETY: The union holds the current stack location while a driver has the IRP.
        unsafe {
            overlay
                .__bindgen_anon_2
                .__bindgen_anon_1
                .CurrentStackLocation
        }
    }

    pub(crate) fn stack<'a>(self) -> &'a IO_STACK_LOCATION {
        // SAFETY: By the invariant there is a current stack location.
        unsafe { &*self.stack_pointer() }
    }

    pub(crate) fn parameters<'a>(self) -> &'a _IO_STACK_LOCATION__bindgen_ty_1 {
        &self.stack().Parameters
    }

    pub(crate) fn major(self) -> u32 {
        self.stack().MajorFunction.into()
    }

    pub(crate) fn minor(self) -> u32 {
        self.stack().MinorFunction.into()
    }

    pub(crate) fn file_object(self) -> PFILE_OBJECT {
        self.stack().FileObject
    }

    pub(crate) fn is_device_control(self) -> bool {
        matches!(
            self.major(),
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL
        )
    }

    /// The parameters of a read, write or device control; all zero for other major functions.
    pub(crate) fn transfer(self) -> Transfer {
        let parameters = self.parameters();
        match self.major() {
            IRP_MJ_READ => {
                // SAFETY: IRP_MJ_READ uses the member `Read`.
                let read = unsafe { parameters.Read };
                Transfer {
                    output_length: read.Length as usize,
                    ..Transfer::default()
                }
            }
            IRP_MJ_WRITE => {
                // SAFETY: IRP_MJ_WRITE uses the member `Write`.
                let write = unsafe { parameters.Write };
                Transfer {
                    input_length: write.Length as usize,
                    ..Transfer::default()
                }
            }
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL => {
                // SAFETY: Both major functions use the member `DeviceIoControl`.
                let control = unsafe { parameters.DeviceIoControl };
                Transfer {
                    input_length: control.InputBufferLength as usize,
                    output_length: control.OutputBufferLength as usize,
                    control_code: control.IoControlCode,
                    type3_input: NonNull::new(control.Type3InputBuffer),
                }
            }
            _ => Transfer::default(),
        }
    }

    /// The transfer method of a device control.
    pub(crate) fn method(self) -> u32 {
        self.transfer().control_code & METHOD_NEITHER
    }

    /// The input buffer of METHOD_NEITHER, as the sender gave it.
    pub(crate) fn type3_input_buffer(self) -> PVOID {
        self.transfer()
            .type3_input
            .map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    pub(crate) fn is_from_user_mode(self) -> bool {
        self.requestor_mode() == _MODE::UserMode as KPROCESSOR_MODE
    }

    pub(crate) fn requestor_mode(self) -> KPROCESSOR_MODE {
        self.packet().RequestorMode
    }

    pub(crate) fn system_buffer(self) -> *mut c_void {
        // SAFETY: The I/O manager sets this member for the requests that this driver gets.
        unsafe { self.packet().AssociatedIrp.SystemBuffer }
    }

    pub(crate) fn user_buffer(self) -> *mut c_void {
        self.packet().UserBuffer
    }

    pub(crate) fn mdl(self) -> PMDL {
        self.packet().MdlAddress
    }

    pub(crate) fn status(self) -> NTSTATUS {
        // SAFETY: The union holds a status or a pointer, and any bytes of it are a valid status.
        unsafe { self.packet().IoStatus.__bindgen_anon_1.Status }
    }

    pub(crate) fn set_status(self, status: NTSTATUS) {
        let irp = self.as_ptr();
        let status = kmdf_sys::_IO_STATUS_BLOCK__bindgen_ty_1 { Status: status };
        // SAFETY: Valid by the invariant, and the driver that has the IRP writes its status block.
        unsafe { (*irp).IoStatus.__bindgen_anon_1 = status };
    }

    pub(crate) fn information(self) -> ULONG_PTR {
        self.packet().IoStatus.Information
    }

    pub(crate) fn set_information(self, information: ULONG_PTR) {
        let irp = self.as_ptr();
        // SAFETY: Valid by the invariant; the status block is this driver's to write.
        unsafe { (*irp).IoStatus.Information = information };
    }

    /// Nothing is copied back to the caller of a buffered request at completion (REQ-34).
    pub(crate) fn forbid_copy_back(self) {
        let irp = self.as_ptr();
        let flags = self.packet().Flags & !IRP_INPUT_OPERATION;
        // SAFETY: Valid by the invariant; nothing else writes the flags while this driver has the IRP.
        unsafe { (*irp).Flags = flags };
    }

    /// Marks the stack location as pending (IoMarkIrpPending).
    pub(crate) fn mark_pending(self) {
        let stack = self.stack_pointer();
        // SAFETY: The current stack location is this driver's, by the invariant.
        unsafe { (*stack).Control |= SL_PENDING_RETURNED as u8 };
    }

    pub(crate) fn is_cancelled(self) -> bool {
        let irp = self.as_ptr();
        // SAFETY: The IRP is valid, by the invariant.
        let place = unsafe { &raw mut (*irp).Cancel };
        // SAFETY: A byte of the IRP, which the canceller writes as one byte.
        let flag = unsafe { AtomicU8::from_ptr(place) };
        flag.load(Ordering::SeqCst) != 0
    }

    /// Exchanges the cancel routine (IoSetCancelRoutine); true if there was one before.
    pub(crate) fn swap_cancel_routine(self, routine: PDRIVER_CANCEL) -> bool {
        let irp = self.as_ptr();
        // SAFETY: The IRP is valid, by the invariant.
        let place = unsafe { &raw mut (*irp).CancelRoutine };
        // SAFETY: An optional function pointer is laid out as a pointer, and the canceller exchanges it
        // as one.
        let pointer = unsafe { AtomicPtr::from_ptr(place.cast::<*mut ()>()) };
        let routine = routine.map_or(core::ptr::null_mut(), |routine| routine as *mut ());
        !pointer.swap(routine, Ordering::SeqCst).is_null()
    }

    /// The first of the words of the IRP that belong to the driver that has it.
    fn driver_word(self) -> *mut PVOID {
        let irp = self.as_ptr();
        // SAFETY: The IRP is valid, by the invariant.
        let overlay = unsafe { &raw mut (*irp).Tail.Overlay.__bindgen_anon_1 };
        overlay.cast()
    }

    pub(crate) fn set_driver_word(self, word: PVOID) {
        // SAFETY: The words belong to this driver while it has the IRP.
        unsafe { self.driver_word().write(word) };
    }

    pub(crate) fn get_driver_word(self) -> PVOID {
        // SAFETY: The words belong to this driver, which wrote this one first.
        unsafe { self.driver_word().read() }
    }

    /// Completes the IRP (IoCompleteRequest), after which it is not used.
    pub(crate) fn complete(self, boost: CCHAR) {
        // SAFETY: The IRP is at this driver, and by the invariant not used afterwards.
        unsafe { IofCompleteRequest(self.as_ptr(), boost) };
    }

    /// Completes with no information and returns what the dispatch routine returns.
    pub(crate) fn finish(self, status: NTSTATUS) -> NTSTATUS {
        self.set_status(status);
        self.set_information(0);
        self.complete(IO_NO_INCREMENT as CCHAR);
        status
    }

    /// Completes with the status and information that the IRP has.
    pub(crate) fn finish_as_is(self) -> NTSTATUS {
        let status = self.status();
        self.complete(IO_NO_INCREMENT as CCHAR);
        status
    }

    /// Passes the IRP down with this driver's stack location (IoSkipCurrentIrpStackLocation).
    pub(crate) fn pass_down(self, lower: PDEVICE_OBJECT) -> NTSTATUS {
        let irp = self.as_ptr();
        // SAFETY: Valid by the invariant; the lower driver uses this location as its own.
        unsafe { (*irp).CurrentLocation += 1 };
        let stack = self.stack_pointer();
        // SAFETY: The location above this one, or the end of the array.
        let above = unsafe { stack.add(1) };
        self.set_stack(above);
        // SAFETY: The IRP belongs to the lower device from here on, and is not used afterwards.
        unsafe { IofCallDriver(lower, irp) }
    }

    /// Sends the IRP down and waits until the lower drivers have completed it. It is this driver's again
    /// then, with the status that is returned. PASSIVE_LEVEL only.
    pub(crate) fn call_down(self, lower: PDEVICE_OBJECT) -> NTSTATUS {
        let done = Event::new();
        done.initialize();
        self.copy_stack_to_next();
        self.set_completion_routine((&raw const done).cast_mut().cast());
        // SAFETY: The completion routine set above stops the completion, so that the IRP comes back.
        let status = unsafe { IofCallDriver(lower, self.as_ptr()) };
        if status == STATUS_PENDING {
            done.wait();
        }
        self.status()
    }

    fn set_stack(self, location: *mut IO_STACK_LOCATION) {
        let irp = self.as_ptr();
        let current = kmdf_sys::_IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2__bindgen_ty_1 {
            CurrentStackLocation: location,
        };
        // SAFETY: The IRP is valid, by the invariant.
        let place = unsafe { &raw mut (*irp).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1 };
        // SAFETY: A field of the valid IRP, which this driver has.
        unsafe { place.write(current) };
    }

    fn next_stack(self) -> *mut IO_STACK_LOCATION {
        // SAFETY: The lower devices' stack locations lie below this one.
        unsafe { self.stack_pointer().sub(1) }
    }

    fn copy_stack_to_next(self) {
        let mut copy = *self.stack();
        copy.Control = 0;
        copy.CompletionRoutine = None;
        copy.Context = core::ptr::null_mut();
        // SAFETY: A driver writes the next location for the driver below it.
        unsafe { self.next_stack().write(copy) };
    }

    fn set_completion_routine(self, context: PVOID) {
        let next = self.next_stack();
        // SAFETY: This driver writes the next location, which nothing else uses before the IRP is sent.
        let next = unsafe { &mut *next };
        next.CompletionRoutine = Some(on_returned);
        next.Context = context;
        next.Control = (SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL) as u8;
    }
}

/// The completion routine of [`Irp::call_down`]: stops the completion and wakes the waiting thread.
///
/// # Safety
///
/// `irp` must be the IRP that is being completed, and `context` the event of `call_down`, whose thread
/// waits if a lower driver has pended the IRP.
unsafe extern "C" fn on_returned(
    _device: *mut _DEVICE_OBJECT,
    irp: *mut _IRP,
    context: PVOID,
) -> NTSTATUS {
    // SAFETY: The kernel passes the IRP that is being completed.
    let pending = unsafe { (*irp).PendingReturned };
    if pending != 0 {
        // SAFETY: The IRP was pended, so `call_down` waits and keeps its event until it is set.
        unsafe { &*context.cast::<Event>() }.set();
    }
    STATUS_MORE_PROCESSING_REQUIRED
}
