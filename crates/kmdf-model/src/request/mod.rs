//! Requests (WDFREQUEST) that come from the I/O manager.

mod api;
mod buffers;
mod complete;
mod create;
pub(crate) mod irp;
mod list;
mod locked_memory;
mod unsafe_buffers;

pub(crate) use api::*;
use buffers::map;
pub(crate) use buffers::*;
pub(crate) use list::{CANCELLATION, Links, POSSESSION, RequestList};
pub(crate) use locked_memory::*;
pub(crate) use unsafe_buffers::*;

use crate::device::Device;
use crate::device::file::FileObject;
use crate::driver::globals::Globals;
use crate::object::live::Live;
use crate::object::{FrameworkObject, Object};
use crate::queue::Queue;
use crate::request::irp::Irp;
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::CStr;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};
use kmdf_sys::{IRP, PDRIVER_CANCEL, PFILE_OBJECT, PIRP, PMDL, ULONG, ULONG_PTR, WDFREQUEST};

/// The bits of [`Request::flags`].
mod flag {
    /// The driver owns the request: from delivery or retrieval to completion, forward or requeue.
    pub(super) const DRIVER_OWNED: u32 = 1 << 0;
    /// The request was delivered to the driver at least once (REQ-3, REQ-54).
    pub(super) const DELIVERED: u32 = 1 << 1;
    /// The driver marked the request cancelable and has not unmarked it.
    pub(super) const MARKED: u32 = 1 << 2;
    /// The request is in its queue's list of cancelable requests.
    pub(super) const CANCELABLE: u32 = 1 << 3;
    /// The sender or, while the request was marked cancelable, a purge has cancelled it (REQ-53).
    pub(super) const CANCELED: u32 = 1 << 4;
    /// EvtRequestCancel was entered for the request.
    pub(super) const CANCEL_PATH: u32 = 1 << 5;
    /// The queue counts the request among those that the driver owns.
    pub(super) const OUTSTANDING: u32 = 1 << 6;
    /// EvtIoStop was called for the request.
    pub(super) const STOP_NOTED: u32 = 1 << 7;
    /// The driver has called WdfRequestStopAcknowledge.
    pub(super) const STOP_ACKNOWLEDGED: u32 = 1 << 8;
    /// EvtIoStop is running for the request.
    pub(super) const IN_STOP_CALLBACK: u32 = 1 << 9;
    /// EvtIoInCallerContext is running for the request.
    pub(super) const CALLER_CONTEXT: u32 = 1 << 10;
    /// Completion of the request has begun.
    pub(super) const COMPLETED: u32 = 1 << 11;
}

/// The word that a handle to a part of the request leads to (OBJ-3).
#[repr(C, align(8))]
struct Embedded {
    offset: u16,
}

/// One of the two buffers of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Input,
    Output,
}

/// A WDFREQUEST: the framework's object for an IRP.
///
/// # Invariants
///
/// - `irp` is the valid IRP of the request until completion sets it to NULL.
/// - `links` belong to the lists of the queue in `queue`, under its lock.
/// - `device` outlives the request, which keeps the device's removal waiting.
#[repr(C)]
pub(crate) struct Request {
    object: Object,
    pub(crate) device: Live<Device>,
    irp: AtomicPtr<IRP>,
    queue: AtomicPtr<Queue>,
    links: Links,
    flags: AtomicU32,
    cancel: Cell<Option<unsafe extern "C" fn(WDFREQUEST)>>,
    /// References to the embedded memories and to locked user memory (REQ-41).
    irp_references: AtomicI32,
    /// The memory object of the input of device controls, and of the buffer of reads and writes.
    system_memory: Embedded,
    /// The memory object of the output of device controls.
    output_memory: Embedded,
    /// The MDL that the framework built for a buffered request, freed with the request (REQ-18).
    own_mdl: Cell<PMDL>,
    /// The file object that this create request creates.
    created_file: Cell<Option<Live<FileObject>>>,
}

impl Request {
    /// The request as a pointer that a queue or list keeps.
    ///
    /// # Safety
    ///
    /// The result must not be used once the request is completed, unless the user owns a reference.
    pub(crate) unsafe fn live(&self) -> Live<Self> {
        // SAFETY: Alive until completion or the user's own reference is dropped.
        unsafe { Live::of(self) }
    }

    /// The request whose cancel routine the kernel calls.
    ///
    /// # Safety
    ///
    /// `irp` must be the valid IRP of a request that is in a list of its queue.
    pub(crate) unsafe fn of_irp(irp: PIRP) -> Live<Self> {
        // SAFETY: A valid IRP has an address.
        let irp = unsafe { NonNull::new_unchecked(irp) };
        // SAFETY: At this driver, as its request is in a queue.
        let word = unsafe { Irp::new(irp) }.get_driver_word();
        // SAFETY: `Request::create` wrote the address of the request.
        let request = unsafe { NonNull::new_unchecked(word.cast()) };
        // SAFETY: Requests in a list of a queue are alive.
        unsafe { Live::new(request) }
    }

    pub(crate) fn wdf_request(&self) -> WDFREQUEST {
        self.handle().cast()
    }

    pub(crate) fn globals(&self) -> &Globals {
        self.object.globals()
    }

    pub(crate) fn break_point(&self, message: &CStr) {
        verifier::break_point(self.globals(), message);
    }

    /// The IRP, until completion detaches it.
    pub(crate) fn irp(&self) -> Option<Irp> {
        let irp = NonNull::new(self.irp.load(Ordering::Acquire))?;
        // SAFETY: Not NULL, so the valid IRP of the request, by the invariant.
        Some(unsafe { Irp::new(irp) })
    }

    /// Detaches the IRP from the request (REQ-37 step 8).
    fn detach_irp(&self) {
        self.irp.store(null_mut(), Ordering::Release);
    }

    pub(crate) fn queue(&self) -> Option<Live<Queue>> {
        let queue = NonNull::new(self.queue.load(Ordering::Acquire))?;
        // SAFETY: A queue waits for its requests before it is disposed of (QUE-60).
        Some(unsafe { Live::new(queue) })
    }

    pub(crate) fn set_queue(&self, queue: Option<Live<Queue>>) {
        let queue = queue.map_or(null_mut(), Live::as_ptr);
        self.queue.store(queue, Ordering::Release);
    }

    pub(crate) fn major(&self) -> u32 {
        self.irp().map_or(u32::MAX, Irp::major)
    }

    pub(crate) fn control_code(&self) -> ULONG {
        self.irp().map_or(0, |irp| irp.transfer().control_code)
    }

    /// The length of the sender's buffer.
    pub(crate) fn length(&self, direction: Direction) -> usize {
        self.irp().map_or(0, |irp| {
            let transfer = irp.transfer();
            match direction {
                Direction::Input => transfer.input_length,
                Direction::Output => transfer.output_length,
            }
        })
    }

    pub(crate) fn set_information(&self, information: ULONG_PTR) {
        if let Some(irp) = self.irp() {
            irp.set_information(information);
        }
    }

    pub(crate) fn irp_is_cancelled(&self) -> bool {
        self.irp().is_some_and(Irp::is_cancelled)
    }

    /// Sets the IRP's cancel routine; true if there was one before.
    pub(crate) fn set_cancel_routine(&self, routine: PDRIVER_CANCEL) -> bool {
        self.irp()
            .is_some_and(|irp| irp.swap_cancel_routine(routine))
    }

    pub(crate) fn set_cancel_callback(
        &self,
        callback: Option<unsafe extern "C" fn(WDFREQUEST)>,
    ) -> Option<unsafe extern "C" fn(WDFREQUEST)> {
        self.cancel.replace(callback)
    }

    pub(crate) fn created_file(&self) -> Option<Live<FileObject>> {
        self.created_file.get()
    }

    pub(crate) fn set_created_file(&self, file: Option<Live<FileObject>>) {
        self.created_file.set(file);
    }
}

/// Reading and changing the flags.
impl Request {
    fn has(&self, flag: u32) -> bool {
        self.flags.load(Ordering::Acquire) & flag != 0
    }

    fn put(&self, flag: u32, value: bool) {
        if value {
            self.flags.fetch_or(flag, Ordering::AcqRel);
        } else {
            self.flags.fetch_and(!flag, Ordering::AcqRel);
        }
    }

    pub(crate) fn is_driver_owned(&self) -> bool {
        self.has(flag::DRIVER_OWNED)
    }

    pub(crate) fn set_driver_owned(&self, owned: bool) {
        self.put(flag::DRIVER_OWNED, owned);
    }

    /// Marks the request as the driver's, just before a callback or call delivers it.
    pub(crate) fn hand_to_driver(&self) {
        self.put(flag::DRIVER_OWNED | flag::DELIVERED, true);
    }

    pub(crate) fn was_delivered(&self) -> bool {
        self.has(flag::DELIVERED)
    }

    pub(crate) fn is_marked_cancelable(&self) -> bool {
        self.has(flag::MARKED)
    }

    pub(crate) fn set_marked_cancelable(&self, marked: bool) {
        self.put(flag::MARKED, marked);
    }

    pub(crate) fn is_cancelable(&self) -> bool {
        self.has(flag::CANCELABLE)
    }

    pub(crate) fn set_cancelable(&self, cancelable: bool) {
        self.put(flag::CANCELABLE, cancelable);
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.has(flag::CANCELED)
    }

    pub(crate) fn set_canceled(&self) {
        self.put(flag::CANCELED, true);
    }

    /// Whether the request came through `file`.
    pub(crate) fn is_of_file(&self, file: PFILE_OBJECT) -> bool {
        self.irp().is_some_and(|irp| irp.file_object() == file)
    }

    pub(crate) fn is_in_cancel_path(&self) -> bool {
        self.has(flag::CANCEL_PATH)
    }

    pub(crate) fn set_in_cancel_path(&self) {
        self.put(flag::CANCEL_PATH, true);
    }

    pub(crate) fn is_outstanding(&self) -> bool {
        self.has(flag::OUTSTANDING)
    }

    pub(crate) fn set_outstanding(&self, outstanding: bool) {
        self.put(flag::OUTSTANDING, outstanding);
    }

    /// Notes that EvtIoStop is called for the request; `false` if it was, or must not be (QUE-57).
    pub(crate) fn note_stop(&self) -> bool {
        !self.has(flag::STOP_NOTED | flag::CANCELED) && {
            self.put(flag::STOP_NOTED, true);
            true
        }
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.has(flag::STOP_ACKNOWLEDGED)
    }

    pub(crate) fn acknowledge_stop(&self) {
        self.put(flag::STOP_ACKNOWLEDGED, true);
    }

    pub(crate) fn clear_stop_notification(&self) {
        self.put(flag::STOP_NOTED | flag::STOP_ACKNOWLEDGED, false);
    }

    pub(crate) fn is_in_stop_callback(&self) -> bool {
        self.has(flag::IN_STOP_CALLBACK)
    }

    pub(crate) fn set_in_stop_callback(&self, inside: bool) {
        self.put(flag::IN_STOP_CALLBACK, inside);
    }

    pub(crate) fn is_in_caller_context(&self) -> bool {
        self.has(flag::CALLER_CONTEXT)
    }

    pub(crate) fn set_in_caller_context(&self, inside: bool) {
        self.put(flag::CALLER_CONTEXT, inside);
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.has(flag::COMPLETED)
    }
}
