//! The I/O manager's side of an IRP: creating it, sending it, waiting for it and freeing it.

use crate::device;
use crate::file;
use crate::io::level;
use crate::io::transfer::Transfer;
use crate::irp::{self, Irp, Location};
use crate::machine::{Machine, lock};
use crate::object::Shared;
use crate::status::NtStatus;
use crate::stop;
use kmdf_sys::ntddk::PsGetCurrentThreadId;
use kmdf_sys::*;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a thread waits for an IRP before the run is stopped because of a lost IRP.
const PATIENCE: Duration = Duration::from_secs(30);

/// The outcome of an I/O request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IoStatus {
    /// The status that the driver completed the request with.
    pub status: NTSTATUS,
    /// The driver's `IoStatus.Information`: for most requests the number of bytes transferred.
    pub information: usize,
}

impl IoStatus {
    pub(crate) const fn refused(status: NTSTATUS) -> Self {
        Self {
            status,
            information: 0,
        }
    }

    /// The information of a request that succeeded.
    ///
    /// # Errors
    ///
    /// The status, if it is not of the success or informational class.
    pub fn ok(self) -> Result<usize, NtStatus> {
        if NT_SUCCESS(self.status) {
            Ok(self.information)
        } else {
            Err(NtStatus(self.status))
        }
    }
}

impl fmt::Debug for IoStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            information,
        } = self;
        write!(
            formatter,
            "{}, information {information}",
            NtStatus(*status)
        )
    }
}

/// The kind of an IRP, for reports.
#[derive(Clone, Copy)]
pub(crate) enum Subject {
    /// A device control request with this code.
    Control(u32),
    /// Another request with this major function.
    Major(u32),
    /// A PnP request with this minor function.
    Pnp(u32),
}

impl Subject {
    fn major(self) -> u32 {
        match self {
            Self::Control(_) => IRP_MJ_DEVICE_CONTROL,
            Self::Major(major) => major,
            Self::Pnp(_) => IRP_MJ_PNP,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(code) => write!(formatter, "IOCTL {code:#010x}"),
            Self::Major(major) => write!(formatter, "an IRP with major function {major:#x}"),
            Self::Pnp(minor) => write!(formatter, "a PnP IRP with minor function {minor:#x}"),
        }
    }
}

/// How the sender waits for an IRP.
pub(crate) struct SentRequest {
    pub(crate) subject: Subject,
    progress: Mutex<Progress>,
    done: Condvar,
}

enum Progress {
    Waiting,
    /// Nothing waits for the IRP; the completing thread frees it.
    Abandoned(Box<Outgoing>),
    Done(IoStatus),
}

impl SentRequest {
    /// Called when the last stack location has been completed.
    pub(crate) fn complete(&self, machine: &Machine, status: NTSTATUS, information: usize) {
        let outcome = IoStatus {
            status,
            information,
        };
        let before = std::mem::replace(&mut *lock(&self.progress), Progress::Done(outcome));
        self.done.notify_all();
        if let Progress::Abandoned(outgoing) = before {
            machine
                .io
                .workers
                .queue(Box::new(move || outgoing.finish()));
        }
    }

    /// The outcome of the IRP, once it is completed.
    pub(crate) fn outcome(&self) -> Option<IoStatus> {
        match *lock(&self.progress) {
            Progress::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    fn wait(&self) -> IoStatus {
        let progress = lock(&self.progress);
        let waited = self
            .done
            .wait_timeout_while(progress, PATIENCE, |progress| {
                !matches!(progress, Progress::Done(_))
            });
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Progress::Done(outcome) = *progress {
            return outcome;
        }
        drop(progress);
        stop::bug_check(
            stop::MODEL_STOP,
            [0; 4],
            format!(
                "{} was not completed within {} s: a lost IRP",
                self.subject,
                PATIENCE.as_secs()
            ),
        )
    }
}

/// An IRP of the I/O manager, from its creation until it is freed.
pub(crate) struct Outgoing {
    machine: Arc<Machine>,
    irp: usize,
    pub(crate) request: Arc<SentRequest>,
    /// The file object that the IRP holds a reference on, or 0.
    file: usize,
    transfer: Option<Transfer>,
}

impl Outgoing {
    /// Creates an IRP for the stack of `device`.
    pub(crate) fn new(
        machine: &Arc<Machine>,
        device: PDEVICE_OBJECT,
        subject: Subject,
    ) -> Result<Self, NtStatus> {
        let request = Arc::new(SentRequest {
            subject,
            progress: Mutex::new(Progress::Waiting),
            done: Condvar::new(),
        });
        // SAFETY: The caller passes a device that it keeps from going.
        let stack_size = unsafe { Shared::new(device) }.get(device::STACK_SIZE);
        let irp = irp::allocate(machine, stack_size, Some(request.clone()))
            .ok_or(NtStatus(STATUS_INSUFFICIENT_RESOURCES))?;
        // SAFETY: The call has no requirements.
        let thread = unsafe { PsGetCurrentThreadId() };
        irp.set(irp::THREAD, thread.cast());
        irp.next().set(irp::MAJOR, subject.major() as UCHAR);
        Ok(Self {
            machine: machine.clone(),
            irp: irp.address(),
            request,
            file: 0,
            transfer: None,
        })
    }

    pub(crate) fn irp(&self) -> Irp {
        // SAFETY: Released by `finish`, which consumes the value.
        unsafe { Shared::new(self.irp as PIRP) }
    }

    /// The stack location that the first driver will see.
    pub(crate) fn location(&self) -> Location {
        self.irp().next()
    }

    /// Makes this an IRP on the file object, which is kept until the IRP is freed.
    pub(crate) fn on_file(&mut self, file: PFILE_OBJECT) {
        self.irp().set(irp::ORIGINAL_FILE, file);
        self.location().set(irp::FILE, file);
        file::reference(&self.machine, file.addr());
        self.file = file.addr();
    }

    pub(crate) fn set_transfer(&mut self, transfer: Transfer) {
        self.transfer = Some(transfer);
    }

    /// Passes the IRP to the driver of `device`; on return it may be completed or pending.
    pub(crate) fn send(&self, device: PDEVICE_OBJECT) {
        irp::call::send(&self.machine, device, self.irp());
    }

    /// Marks the IRP cancelled unless it is completed already.
    pub(crate) fn cancel(&self) -> bool {
        self.canceller()()
    }

    /// Does the same, on any thread.
    pub(crate) fn canceller(&self) -> impl FnOnce() -> bool + Send + use<> {
        let (machine, request, irp) = (self.machine.clone(), self.request.clone(), self.irp);
        move || {
            // SAFETY: An IRP that is not completed has not been cleared up.
            let irp = || unsafe { Shared::new(irp as PIRP) };
            request.outcome().is_none() && irp::cancel::cancel(&machine, irp())
        }
    }

    /// Sends the IRP, waits for it and frees it.
    pub(crate) fn run(self, device: PDEVICE_OBJECT) -> IoStatus {
        self.send(device);
        self.wait()
    }

    /// Waits for completion and frees the IRP.
    pub(crate) fn wait(self) -> IoStatus {
        let outcome = self.request.wait();
        self.finish();
        level::expect_passive_at_return("an I/O system service");
        outcome
    }

    /// Whether the machine of the IRP still runs.
    pub(crate) fn is_live(&self) -> bool {
        !self.machine.is_dead()
    }

    /// Keeps memory that the IRP points at until it is freed.
    pub(crate) fn keep(&mut self, memory: Vec<u8>) {
        if let Some(transfer) = &mut self.transfer {
            transfer.keep(memory);
        }
    }

    /// Frees an IRP that was never sent.
    pub(crate) fn discard(self) {
        self.finish();
    }

    /// Does not wait: the IRP is freed when it is completed.
    pub(crate) fn abandon(self) {
        let request = self.request.clone();
        let mut progress = lock(&request.progress);
        if let Progress::Waiting = *progress {
            *progress = Progress::Abandoned(Box::new(self));
            return;
        }
        drop(progress);
        self.finish();
    }

    /// Frees a completed IRP.
    fn finish(self) {
        let irp = self.irp();
        if let Some(transfer) = self.transfer {
            let outcome = self.request.outcome();
            transfer.finish(&self.machine, irp, outcome);
        }
        irp::release(&self.machine, irp, "the I/O manager");
        if self.file != 0 {
            file::dereference(&self.machine, self.file);
        }
    }
}
