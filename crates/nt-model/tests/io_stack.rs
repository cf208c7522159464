//! Device stacks: forwarding, completion routines, IRPs that drivers make.

mod wdm;

use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::Mutex;
use wdm::control::{Behaviour, PATH, entry};
use wdm::{Request, assert_stop, boot, code, crash, peek};

const PASS: u32 = code(1, METHOD_BUFFERED);
const PASS_PENDING: u32 = code(2, METHOD_BUFFERED);
const TAKE_BACK: u32 = code(3, METHOD_BUFFERED);
const OWN: u32 = code(4, METHOD_BUFFERED);
const FORGET_PENDING: u32 = code(5, METHOD_BUFFERED);

static SEEN: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
static LOWER: Mutex<usize> = Mutex::new(0);

fn see(what: &'static str) {
    SEEN.lock().unwrap().push(what);
}

fn lower() -> PDEVICE_OBJECT {
    *LOWER.lock().unwrap() as PDEVICE_OBJECT
}

/// A named device with an unnamed one attached on top, both of this driver. The extension of each
/// is all zeros, so that `AttachedDevice` shows which of the two a dispatch routine has.
struct TwoLayers;

impl Behaviour for TwoLayers {
    fn created(device: PDEVICE_OBJECT) {
        // SAFETY: The I/O manager refuses to attach to a device that is still initialising.
        unsafe { (*device).Flags &= !DO_DEVICE_INITIALIZING };
        let driver = peek(device).DriverObject;
        let mut upper = null_mut();
        // SAFETY: The driver object is the kernel's.
        let status = unsafe { IoCreateDevice(driver, 0, null_mut(), 0x22, 0, 0, &raw mut upper) };
        assert_eq!(status, STATUS_SUCCESS);
        // SAFETY: Both are devices of this driver.
        let below = unsafe { IoAttachDeviceToDeviceStack(upper, device) };
        assert_eq!(below, device);
        assert_eq!(peek(upper).StackSize, 2);
        // SAFETY: A device of this driver.
        unsafe { (*upper).Flags |= DO_BUFFERED_IO };
        *LOWER.lock().unwrap() = device.addr();
    }

    fn unloading(device: PDEVICE_OBJECT) {
        // The list starts with the newest device, which is the upper one.
        assert!(device != lower());
        // SAFETY: Attached above.
        unsafe { IoDetachDevice(lower()) };
        // SAFETY: A device of this driver, the upper one.
        unsafe { IoDeleteDevice(lower()) };
    }

    fn handle(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        if device == lower() {
            return handle_below(request);
        }
        see("upper");
        match request.control().0 {
            OWN => send_own(request),
            TAKE_BACK => {
                request.copy_location_to_next(Some(take_back), null_mut());
                let status = request.call(lower());
                see("back in upper");
                assert_eq!(status, STATUS_SUCCESS);
                request.complete(STATUS_SUCCESS, 77)
            }
            _ => {
                request.copy_location_to_next(Some(count), null_mut());
                request.call(lower())
            }
        }
    }

    fn open_or_close(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        if device != lower() {
            request.skip_location();
            return request.call(lower());
        }
        request.complete(STATUS_SUCCESS, 0)
    }
}

fn handle_below(request: Request) -> NTSTATUS {
    see("lower");
    if matches!(request.control().0, PASS_PENDING | FORGET_PENDING) {
        request.mark_pending();
        request.complete(STATUS_SUCCESS, 10);
        return STATUS_PENDING;
    }
    request.complete(STATUS_SUCCESS, 10)
}

unsafe extern "C" fn count(device: *mut DEVICE_OBJECT, irp: *mut IRP, _context: PVOID) -> NTSTATUS {
    assert!(device != lower() && !device.is_null());
    see("completion");
    let request = Request(irp);
    let forgets = request.control().0 == FORGET_PENDING;
    if peek(irp).PendingReturned != 0 && !forgets {
        see("pending returned");
        request.mark_pending();
    }
    let block = peek(irp).IoStatus;
    request.set_outcome(request.status(), block.Information as usize + 1);
    STATUS_SUCCESS
}

unsafe extern "C" fn take_back(
    _device: *mut DEVICE_OBJECT,
    _irp: *mut IRP,
    _context: PVOID,
) -> NTSTATUS {
    see("taken back");
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Sends an IRP of the driver's own to the lower device and completes with its information.
fn send_own(request: Request) -> NTSTATUS {
    // SAFETY: The lower device has a stack of one.
    let own = unsafe { IoAllocateIrp(peek(lower()).StackSize, 0) };
    let mut location = IO_STACK_LOCATION {
        MajorFunction: IRP_MJ_DEVICE_CONTROL as u8,
        Control: (SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR) as u8,
        CompletionRoutine: Some(free_own),
        ..IO_STACK_LOCATION::default()
    };
    location.Parameters.DeviceIoControl = _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_17 {
        IoControlCode: PASS,
        ..Default::default()
    };
    let mut information = 0_u64;
    location.Context = (&raw mut information).cast();
    Request(own).write_next(location);
    let status = Request(own).call(lower());
    assert_eq!(status, STATUS_SUCCESS);
    request.complete(STATUS_SUCCESS, information as usize)
}

unsafe extern "C" fn free_own(
    device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
    context: PVOID,
) -> NTSTATUS {
    assert!(device.is_null(), "the sender had no stack location");
    let information = peek(irp).IoStatus.Information;
    // SAFETY: A local of `send_own`, which waits.
    unsafe { context.cast::<u64>().write(information) };
    // SAFETY: The driver's own IRP.
    unsafe { IoFreeIrp(irp) };
    STATUS_MORE_PROCESSING_REQUIRED
}

fn ioctl(code: u32) -> (usize, Vec<&'static str>) {
    boot(move |kernel| {
        let driver = kernel.load_driver("test", entry::<TwoLayers>).unwrap();
        let file = kernel.open(PATH).unwrap();
        SEEN.lock().unwrap().clear();
        let information = file.ioctl(code, &[], &mut []).ok().unwrap();
        file.close();
        driver.unload().unwrap();
        assert_eq!(kernel.verifier().live_blocks, 0);
        (information, SEEN.lock().unwrap().clone())
    })
}

#[test]
fn completion_routines_run_on_the_way_up() {
    assert_eq!(ioctl(PASS), (11, vec!["upper", "lower", "completion"]));
}

#[test]
fn pending_travels_up_with_the_request() {
    let order = vec!["upper", "lower", "completion", "pending returned"];
    assert_eq!(ioctl(PASS_PENDING), (11, order));
}

#[test]
fn a_completion_routine_takes_a_request_back() {
    let order = vec!["upper", "lower", "taken back", "back in upper"];
    assert_eq!(ioctl(TAKE_BACK), (77, order));
}

#[test]
fn a_driver_sends_an_irp_of_its_own() {
    assert_eq!(ioctl(OWN), (10, vec!["upper", "lower"]));
}

#[test]
fn a_completion_routine_that_forgets_pending_is_0xc9_228() {
    let stop = crash(|kernel| {
        kernel.load_driver("test", entry::<TwoLayers>).unwrap();
        let file = kernel.open(PATH).unwrap();
        file.ioctl(FORGET_PENDING, &[], &mut [])
    });
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x228);
}
