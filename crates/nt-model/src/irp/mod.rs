//! IRPs: layout, allocation, and the I/O manager's record of each.

pub(crate) mod call;
pub(crate) mod cancel;
pub(crate) mod complete;

use crate::io::request::SentRequest;
use crate::machine::{self, Machine};
use crate::object::{Field, Shared, field, tag};
use crate::pool::{self, Owner, Pool};
use crate::stop;
use kmdf_sys::*;
use std::sync::{Arc, OnceLock};

/// An IRP that the I/O manager knows.
pub(crate) type Irp = Shared<IRP>;

/// One stack location of an IRP.
pub(crate) type Location = Shared<IO_STACK_LOCATION>;

/// `IO_TYPE_IRP`, the `Type` of every IRP.
const IO_TYPE_IRP: CSHORT = 6;

pub(crate) const TYPE: Field<IRP, CSHORT> = field!(IRP, Type);
pub(crate) const SIZE: Field<IRP, USHORT> = field!(IRP, Size);
pub(crate) const MDL_ADDRESS: Field<IRP, PMDL> = field!(IRP, MdlAddress);
pub(crate) const FLAGS: Field<IRP, ULONG> = field!(IRP, Flags);
pub(crate) const SYSTEM_BUFFER: Field<IRP, PVOID> = field!(IRP, AssociatedIrp.SystemBuffer);
pub(crate) const STATUS: Field<IRP, NTSTATUS> = field!(IRP, IoStatus.__bindgen_anon_1.Status);
pub(crate) const INFORMATION: Field<IRP, ULONG_PTR> = field!(IRP, IoStatus.Information);
pub(crate) const REQUESTOR_MODE: Field<IRP, KPROCESSOR_MODE> = field!(IRP, RequestorMode);
pub(crate) const PENDING_RETURNED: Field<IRP, BOOLEAN> = field!(IRP, PendingReturned);
pub(crate) const STACK_COUNT: Field<IRP, CHAR> = field!(IRP, StackCount);
pub(crate) const CURRENT_LOCATION: Field<IRP, CHAR> = field!(IRP, CurrentLocation);
pub(crate) const CANCEL: Field<IRP, BOOLEAN> = field!(IRP, Cancel);
pub(crate) const CANCEL_IRQL: Field<IRP, KIRQL> = field!(IRP, CancelIrql);
pub(crate) const CANCEL_ROUTINE: Field<IRP, PDRIVER_CANCEL> = field!(IRP, CancelRoutine);
pub(crate) const USER_BUFFER: Field<IRP, PVOID> = field!(IRP, UserBuffer);
pub(crate) const THREAD: Field<IRP, PETHREAD> = field!(IRP, Tail.Overlay.Thread);
pub(crate) const ORIGINAL_FILE: Field<IRP, PFILE_OBJECT> =
    field!(IRP, Tail.Overlay.OriginalFileObject);
pub(crate) const LOCATION: Field<IRP, PIO_STACK_LOCATION> = field!(
    IRP,
    Tail.Overlay
        .__bindgen_anon_2
        .__bindgen_anon_1
        .CurrentStackLocation
);

pub(crate) const MAJOR: Field<IO_STACK_LOCATION, UCHAR> = field!(IO_STACK_LOCATION, MajorFunction);
pub(crate) const MINOR: Field<IO_STACK_LOCATION, UCHAR> = field!(IO_STACK_LOCATION, MinorFunction);
pub(crate) const CONTROL: Field<IO_STACK_LOCATION, UCHAR> = field!(IO_STACK_LOCATION, Control);
pub(crate) const DEVICE: Field<IO_STACK_LOCATION, PDEVICE_OBJECT> =
    field!(IO_STACK_LOCATION, DeviceObject);
pub(crate) const FILE: Field<IO_STACK_LOCATION, PFILE_OBJECT> =
    field!(IO_STACK_LOCATION, FileObject);
pub(crate) const COMPLETION_ROUTINE: Field<IO_STACK_LOCATION, PIO_COMPLETION_ROUTINE> =
    field!(IO_STACK_LOCATION, CompletionRoutine);
pub(crate) const CONTEXT: Field<IO_STACK_LOCATION, PVOID> = field!(IO_STACK_LOCATION, Context);

pub(crate) const CONTROL_CODE: Field<IO_STACK_LOCATION, ULONG> =
    field!(IO_STACK_LOCATION, Parameters.DeviceIoControl.IoControlCode);
pub(crate) const INPUT_LENGTH: Field<IO_STACK_LOCATION, ULONG> = field!(
    IO_STACK_LOCATION,
    Parameters.DeviceIoControl.InputBufferLength
);
pub(crate) const OUTPUT_LENGTH: Field<IO_STACK_LOCATION, ULONG> = field!(
    IO_STACK_LOCATION,
    Parameters.DeviceIoControl.OutputBufferLength
);
pub(crate) const TYPE3_INPUT: Field<IO_STACK_LOCATION, PVOID> = field!(
    IO_STACK_LOCATION,
    Parameters.DeviceIoControl.Type3InputBuffer
);
pub(crate) const SECURITY_CONTEXT: Field<IO_STACK_LOCATION, PIO_SECURITY_CONTEXT> =
    field!(IO_STACK_LOCATION, Parameters.Create.SecurityContext);
pub(crate) const CREATE_OPTIONS: Field<IO_STACK_LOCATION, ULONG> =
    field!(IO_STACK_LOCATION, Parameters.Create.Options);
pub(crate) const SHARE_ACCESS: Field<IO_STACK_LOCATION, USHORT> =
    field!(IO_STACK_LOCATION, Parameters.Create.ShareAccess);
/// The first of the parameters that a PnP request may have.
pub(crate) const ARGUMENT_1: Field<IO_STACK_LOCATION, PVOID> =
    field!(IO_STACK_LOCATION, Parameters.Others.Argument1);
pub(crate) const RELATION_TYPE: Field<IO_STACK_LOCATION, DEVICE_RELATION_TYPE> =
    field!(IO_STACK_LOCATION, Parameters.QueryDeviceRelations.Type);
/// Reads and writes have their parameters at the same places.
pub(crate) const TRANSFER_LENGTH: Field<IO_STACK_LOCATION, ULONG> =
    field!(IO_STACK_LOCATION, Parameters.Read.Length);
pub(crate) const TRANSFER_OFFSET: Field<IO_STACK_LOCATION, LARGE_INTEGER> =
    field!(IO_STACK_LOCATION, Parameters.Read.ByteOffset);

/// The I/O manager's record of an IRP, from its allocation until it is freed.
pub(crate) struct IrpRecord {
    /// The request that waits for the IRP: `None` if a driver made it with `IoAllocateIrp`.
    pub(crate) request: Option<Arc<SentRequest>>,
    /// All stack locations have been completed.
    pub(crate) completed: bool,
    /// Calls to dispatch routines whose stack location has not been completed yet.
    pub(crate) calls: Vec<Arc<Call>>,
}

/// One call of `IoCallDriver`, as the completion of its stack location sees it.
pub(crate) struct Call {
    /// `CurrentLocation` during the call.
    pub(crate) location: CHAR,
    /// Set when the stack location is completed.
    pub(crate) passed: OnceLock<Passed>,
}

/// The state of a stack location when its completion passed it.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) status: NTSTATUS,
    pub(crate) marked_pending: bool,
}

impl Shared<IRP> {
    /// The current stack location.
    pub(crate) fn current(self) -> Location {
        // SAFETY: An IRP in flight has a current stack location, in its own block.
        unsafe { Shared::new(self.get(LOCATION)) }
    }

    /// The stack location of the next lower driver.
    pub(crate) fn next(self) -> Location {
        let next = self.get(LOCATION).wrapping_sub(1);
        // SAFETY: `call` checks that there is one before it uses it; the sender of a new IRP made
        // at least one.
        unsafe { Shared::new(next) }
    }

    /// The stack location with the given number; 1 is that of the lowest driver.
    pub(crate) fn at(self, location: CHAR) -> Location {
        let first = self.as_ptr().wrapping_add(1).cast::<IO_STACK_LOCATION>();
        // SAFETY: Stack locations follow the IRP in its block.
        unsafe { Shared::new(first.wrapping_offset(isize::from(location) - 1)) }
    }

    /// Moves `by` stack locations up, towards the sender (down if negative).
    pub(crate) fn move_location(self, by: CHAR) {
        self.set(CURRENT_LOCATION, self.get(CURRENT_LOCATION) + by);
        self.set(
            LOCATION,
            self.get(LOCATION).wrapping_offset(isize::from(by)),
        );
    }
}

impl Shared<IO_STACK_LOCATION> {
    pub(crate) fn is_marked_pending(self) -> bool {
        u32::from(self.get(CONTROL)) & SL_PENDING_RETURNED != 0
    }

    /// Marks this stack location as pending, as the header's `IoMarkIrpPending` does.
    pub(crate) fn mark_pending(self) {
        self.set(CONTROL, self.get(CONTROL) | SL_PENDING_RETURNED as UCHAR);
    }
}

/// Allocates an IRP with `stack_size` locations and adds it to the tables.
pub(crate) fn allocate(
    machine: &Machine,
    stack_size: CCHAR,
    request: Option<Arc<SentRequest>>,
) -> Option<Irp> {
    let count = usize::try_from(stack_size).expect("a stack size is not negative");
    let size = size_of::<IRP>() + count * size_of::<IO_STACK_LOCATION>();
    let owner = if request.is_some() {
        Owner::Kernel
    } else {
        Owner::Driver
    };
    let block = pool::allocate(machine, Pool::NonPaged, size, tag::IRP, true, owner);
    if block.is_null() {
        return None;
    }
    // SAFETY: The block is large enough, and lives until `release`.
    let irp = unsafe { Irp::new(block.cast()) };
    irp.set(TYPE, IO_TYPE_IRP);
    irp.set(SIZE, size as USHORT);
    irp.set(STACK_COUNT, stack_size);
    irp.set(CURRENT_LOCATION, stack_size + 1);
    let end = block.wrapping_byte_add(size);
    irp.set(LOCATION, end.cast());
    machine.io.tables().irps.insert(
        irp.address(),
        IrpRecord {
            request,
            completed: false,
            calls: Vec::new(),
        },
    );
    Some(irp)
}

/// Removes an IRP from the tables and frees it.
pub(crate) fn release(machine: &Machine, irp: Irp, call: &str) {
    machine.io.tables().irps.remove(&irp.address());
    // SAFETY: The caller owns the IRP and does not use it again.
    unsafe { pool::free(machine, irp.as_ptr().cast(), Some(tag::IRP), call) };
}

/// Stops the run with an I/O verification error of the second kind ("WDM DRIVER ERROR"): its code,
/// the driver's routine, the IRP and the device object.
pub(crate) fn violation(
    code: u64,
    routine: usize,
    irp: usize,
    device: usize,
    message: impl Into<String>,
) -> ! {
    stop::bug_check(
        DRIVER_VERIFIER_IOMANAGER_VIOLATION,
        [code, routine as u64, irp as u64, device as u64],
        message,
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoAllocateIrp(stack_size: CCHAR, _charge_quota: BOOLEAN) -> PIRP {
    let machine = machine::enter();
    if stack_size < 1 {
        stop::bug_check(
            stop::MODEL_STOP,
            [0; 4],
            format!("IoAllocateIrp with {stack_size} stack locations"),
        );
    }
    allocate(&machine, stack_size, None).map_or(std::ptr::null_mut(), Irp::as_ptr)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoFreeIrp(irp: PIRP) {
    let machine = machine::enter();
    let found = machine
        .io
        .tables()
        .irps
        .get(&irp.addr())
        .map(|record| (record.request.is_some(), record.calls.is_empty()));
    let address = irp.addr();
    match found {
        None => violation(
            1,
            address,
            0,
            0,
            "IoFreeIrp: the argument is not an IRP, or was already freed",
        ),
        Some((true, _)) => violation(
            2,
            address,
            0,
            0,
            "IoFreeIrp: the IRP belongs to the I/O manager",
        ),
        Some((false, false)) if machine.config.verifier.io_verification => violation(
            0x20B,
            0,
            address,
            0,
            "IoFreeIrp: a lower driver still has the IRP",
        ),
        Some(_) => {}
    }
    // SAFETY: The table knows it: allocated by `allocate`, not freed since.
    let irp = unsafe { Shared::new(irp) };
    release(&machine, irp, "IoFreeIrp");
}
