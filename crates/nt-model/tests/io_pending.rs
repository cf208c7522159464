//! Requests that a driver pends: completion from other threads, cancellation, closing meanwhile.

mod wdm;

use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use nt_model::MODEL_STOP;
use std::ptr::null_mut;
use std::sync::Mutex;
use std::time::Duration;
use wdm::control::{Behaviour, PATH, entry};
use wdm::{Request, assert_stop, boot, code, crash, peek};

const KEEP: u32 = code(1, METHOD_BUFFERED);
const KEEP_CANCELABLE: u32 = code(2, METHOD_BUFFERED);
const RELEASE: u32 = code(3, METHOD_BUFFERED);
const WORK: u32 = code(4, METHOD_BUFFERED);

/// Requests kept by the driver. One is taken out before it is completed.
static KEPT: Mutex<Vec<Request>> = Mutex::new(Vec::new());

/// The requests that the file callbacks got.
static SEEN: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn keep(request: Request, cancelable: bool) -> NTSTATUS {
    request.mark_pending();
    let mut kept = KEPT.lock().unwrap();
    kept.push(request);
    if cancelable {
        request.set_cancel_routine(Some(cancel));
    }
    STATUS_PENDING
}

/// Takes out all requests that are not about to be cancelled.
fn release() -> Vec<Request> {
    let mut kept = KEPT.lock().unwrap();
    let (ours, cancelled) = kept.drain(..).partition(|request| {
        let cancelable = request.control().0 == KEEP_CANCELABLE;
        request.set_cancel_routine(None) || !cancelable
    });
    *kept = cancelled;
    ours
}

/// Keeps requests until a control code releases them, newest first.
struct Keeper;

impl Behaviour for Keeper {
    fn handle(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        match request.control().0 {
            KEEP => keep(request, false),
            KEEP_CANCELABLE => keep(request, true),
            RELEASE => {
                let kept = release();
                let count = kept.len();
                kept.into_iter().rev().for_each(complete);
                request.complete(STATUS_SUCCESS, count)
            }
            _ => {
                request.mark_pending();
                // SAFETY: A device of this driver.
                let item = unsafe { IoAllocateWorkItem(device) };
                let context = Box::into_raw(Box::new((request, item)));
                let queue = _WORK_QUEUE_TYPE::DelayedWorkQueue;
                // SAFETY: A fresh work item.
                unsafe { IoQueueWorkItem(item, Some(work), queue, context.cast()) };
                STATUS_PENDING
            }
        }
    }

    fn open_or_close(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        SEEN.lock().unwrap().push(request.major());
        request.complete(STATUS_SUCCESS, 0)
    }
}

fn complete(request: Request) {
    let (_, _, output, _) = request.control();
    // SAFETY: The system buffer is not shorter than the output.
    unsafe { wdm::bytes(request.system_buffer(), output) }.fill(5);
    request.complete(STATUS_SUCCESS, output);
}

unsafe extern "C" fn cancel(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    let request = Request(irp);
    assert!(request.is_cancelled());
    // SAFETY: An IRP that is being cancelled is alive.
    let before = peek(unsafe { &raw const (*irp).CancelIrql });
    // SAFETY: The cancel routine runs with the cancel spin lock held.
    unsafe { IoReleaseCancelSpinLock(before) };
    KEPT.lock().unwrap().retain(|kept| kept.0 != irp);
    request.complete(STATUS_CANCELLED, 0);
}

unsafe extern "C" fn work(_device: PDEVICE_OBJECT, context: PVOID) {
    // SAFETY: Made by `handle` for this call.
    let context = unsafe { Box::from_raw(context.cast::<(Request, PIO_WORKITEM)>()) };
    let (request, item) = *context;
    // SAFETY: No longer queued while it runs.
    unsafe { IoFreeWorkItem(item) };
    // SAFETY: KeGetCurrentIrql can be called at any time.
    assert_eq!(unsafe { KeGetCurrentIrql() }, 0);
    complete(request);
}

#[test]
fn a_synchronous_request_waits_for_a_work_item_to_complete_it() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Keeper>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let mut output = [0; 4];
        assert_eq!(file.ioctl(WORK, &[], &mut output).ok(), Ok(4));
        assert_eq!(output, [5; 4]);
        file.close();
        driver.unload().unwrap();
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

#[test]
fn requests_complete_in_the_order_of_the_driver() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Keeper>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let first = file.ioctl_async(KEEP, &[], 3);
        let second = file.ioctl_async(KEEP_CANCELABLE, &[], 2);
        assert!(!first.is_complete() && !second.is_complete());
        assert_eq!(file.ioctl(RELEASE, &[], &mut []).ok(), Ok(2));
        assert!(first.is_complete() && second.is_complete());
        let (outcome, output) = first.wait();
        assert_eq!((outcome.ok(), output), (Ok(3), vec![5; 3]));
        assert_eq!(second.wait().1, vec![5; 2]);
        drop(file);
        driver.unload().unwrap();
    });
}

/// The thread, IRQL and processor that a request came on.
static CALLER: Mutex<(usize, u8, u32)> = Mutex::new((0, 0, 0));

/// Records the thread, IRQL and processor that it is called on.
struct Observer;

impl Behaviour for Observer {
    fn handle(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        // SAFETY: PsGetCurrentThreadId can be called at any time.
        let thread = unsafe { PsGetCurrentThreadId() };
        // SAFETY: KeGetCurrentIrql can be called at any time.
        let level = unsafe { KeGetCurrentIrql() };
        // SAFETY: No requirements; the pointer is optional.
        let processor = unsafe { KeGetCurrentProcessorNumberEx(null_mut()) };
        *CALLER.lock().unwrap() = (thread.addr(), level, processor);
        request.complete(STATUS_SUCCESS, 0)
    }
}

#[test]
fn a_request_from_a_dpc_comes_at_dispatch_level_on_an_idle_thread() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Observer>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let caller = || *CALLER.lock().unwrap();
        assert_eq!(file.ioctl(KEEP, &[], &mut []).ok(), Ok(0));
        let (thread, level, processor) = caller();
        assert!(thread != 0 && level == 0);
        assert_eq!(file.ioctl_from_dpc(KEEP, &[], 0).wait().0.ok(), Ok(0));
        assert_eq!(caller(), (0, 2, processor));
        assert_eq!(kernel.irql(), 0);
        assert_eq!(file.ioctl(KEEP, &[], &mut []).ok(), Ok(0));
        assert_eq!(caller(), (thread, level, processor));
        drop(file);
        driver.unload().unwrap();
    });
}

#[test]
fn cancelling_calls_the_cancel_routine_once() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Keeper>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let pending = file.ioctl_async(KEEP_CANCELABLE, &[], 4);
        assert!(pending.cancel());
        assert!(!pending.cancel());
        let (outcome, output) = pending.wait();
        assert_eq!((outcome.status, output), (STATUS_CANCELLED, vec![0; 4]));
        drop(file);
        driver.unload().unwrap();
    });
}

#[test]
fn cancelling_a_request_without_cancel_routine_marks_it_only() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Keeper>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let pending = file.ioctl_async(KEEP, &[], 0);
        assert!(!pending.cancel());
        assert!(!pending.completes_within(Duration::from_millis(20)));
        assert!(KEPT.lock().unwrap()[0].is_cancelled());
        file.ioctl(RELEASE, &[], &mut []).ok().unwrap();
        assert_eq!(pending.wait().0.status, STATUS_SUCCESS);
        drop(file);
        driver.unload().unwrap();
    });
}

#[test]
fn close_waits_for_the_last_request_but_cleanup_does_not() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Keeper>).unwrap();
        let (file, other) = (kernel.open(PATH).unwrap(), kernel.open(PATH).unwrap());
        SEEN.lock().unwrap().clear();
        let pending = file.ioctl_async(KEEP, &[], 0);
        file.close();
        assert_eq!(*SEEN.lock().unwrap(), [IRP_MJ_CLEANUP]);
        other.ioctl(RELEASE, &[], &mut []).ok().unwrap();
        pending.wait();
        assert_eq!(*SEEN.lock().unwrap(), [IRP_MJ_CLEANUP, IRP_MJ_CLOSE]);
        other.close();
        driver.unload().unwrap();
    });
}

#[test]
fn a_request_that_nobody_waits_for_is_cleared_up_when_it_completes() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Keeper>).unwrap();
        let (file, other) = (kernel.open(PATH).unwrap(), kernel.open(PATH).unwrap());
        drop(file.ioctl_async(KEEP, &[1, 2, 3], 10));
        file.close();
        assert_eq!(other.ioctl(RELEASE, &[], &mut []).ok(), Ok(1));
        other.close();
        let unloaded = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            driver.clone().unload().is_ok()
        });
        assert!(unloaded, "the handle was closed by a worker thread");
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

#[test]
fn a_request_that_is_never_completed_is_reported_at_the_end() {
    let stop = crash(|kernel| {
        kernel.load_driver("test", entry::<Keeper>).unwrap();
        let file = kernel.open(PATH).unwrap();
        drop(file.ioctl_async(KEEP, &[], 0));
        KEPT.lock().unwrap().clear();
    });
    assert_stop(&stop, MODEL_STOP, 1);
    assert!(stop.message.contains("never completed"), "{stop}");
    assert!(stop.message.contains("IOCTL 0x80000004"), "{stop}");
}

#[test]
fn several_threads_send_requests_at_once() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Keeper>).unwrap();
        let file = kernel.open(PATH).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let own = kernel.open(PATH).unwrap();
                    for round in 0..100 {
                        let mut output = vec![0; round % 9];
                        let file = if round % 2 == 0 { &file } else { &own };
                        assert_eq!(file.ioctl(WORK, &[], &mut output).ok(), Ok(output.len()));
                        assert!(output.iter().all(|byte| *byte == 5));
                    }
                });
            }
        });
        file.close();
        driver.unload().unwrap();
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

#[test]
fn cancellation_and_completion_may_race() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Keeper>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let mut cancelled = 0;
        for _ in 0..300 {
            let pending = file.ioctl_async(KEEP_CANCELABLE, &[], 1);
            std::thread::scope(|scope| {
                scope.spawn(|| file.ioctl(RELEASE, &[], &mut []).ok().unwrap());
                pending.cancel();
            });
            let (outcome, output) = pending.wait();
            let expected = match outcome.status {
                STATUS_CANCELLED => 0,
                _ => 5,
            };
            cancelled += usize::from(expected == 0);
            assert_eq!(output, [expected]);
        }
        assert!(cancelled <= 300 && KEPT.lock().unwrap().is_empty());
        drop(file);
        driver.unload().unwrap();
    });
}
