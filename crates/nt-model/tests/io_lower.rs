//! The device at the bottom of the stack, whose requests the test completes.

mod wdm;

use kmdf_sys::*;
use nt_model::{LowerRequest, NtStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use wdm::pnp::{Behaviour, CLASS, Correct, entry, pass_down};
use wdm::{Request, boot, code};

const PASSED: u32 = code(1, METHOD_BUFFERED);

/// Passes controls to the device below.
struct Passing;

impl Behaviour for Passing {
    fn control(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        pass_down(device, request)
    }
}

fn is_pnp(request: &LowerRequest, minor: u32) -> bool {
    (request.major(), request.minor()) == (IRP_MJ_PNP, minor)
}

#[test]
fn a_device_whose_lower_device_does_not_start_is_removed() {
    boot(|kernel| {
        kernel.script_lower_device(|request| {
            if is_pnp(&request, IRP_MN_START_DEVICE) {
                request.complete(STATUS_NO_SUCH_DEVICE, 0);
            }
        });
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        let status = driver.add_device(r"Root\Thing").unwrap_err();
        assert_eq!(status, NtStatus(STATUS_NO_SUCH_DEVICE));
        assert!(kernel.interfaces(&CLASS).is_empty());
        kernel.script_lower_device(drop);
        driver.add_device(r"Root\Thing").unwrap();
    });
}

#[test]
fn a_lower_device_refuses_its_removal() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        let device = driver.add_device(r"Root\Thing").unwrap();
        kernel.script_lower_device(|request| {
            if is_pnp(&request, IRP_MN_QUERY_REMOVE_DEVICE) {
                request.complete(STATUS_UNSUCCESSFUL, 0);
            }
        });
        let status = device.clone().remove().unwrap_err();
        assert_eq!(status, NtStatus(STATUS_UNSUCCESSFUL));
        kernel.open_interface(&CLASS).unwrap().close();
        kernel.script_lower_device(drop);
        device.remove().unwrap();
    });
}

#[test]
fn a_device_starts_when_its_lower_device_has() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    boot(|kernel| {
        kernel.script_lower_device(|request| {
            if is_pnp(&request, IRP_MN_START_DEVICE) {
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(5));
                    STARTED.store(true, Ordering::Relaxed);
                    request.complete(STATUS_SUCCESS, 0);
                });
            }
        });
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        driver.add_device(r"Root\Thing").unwrap();
        assert!(STARTED.load(Ordering::Relaxed));
    });
}

#[test]
fn requests_that_are_passed_down_are_the_tests() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Passing>).unwrap();
        driver.add_device(r"Root\Thing").unwrap();
        let file = kernel.open_interface(&CLASS).unwrap();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = kept.clone();
        kernel.script_lower_device(move |mut request| {
            if request.control_code() != Some(PASSED) {
                return;
            }
            if request.buffer() == b"now" {
                request.buffer().reverse();
                request.complete(STATUS_SUCCESS, 2);
            } else {
                keep.lock().unwrap().push(request);
            }
        });
        let mut output = [0; 3];
        assert_eq!(file.ioctl(PASSED, b"now", &mut output).ok(), Ok(2));
        assert_eq!(output, *b"wo\0");
        let pending = file.ioctl_async(PASSED, b"later", 1);
        assert!(!pending.is_complete());
        let mut request = kept.lock().unwrap().pop().unwrap();
        pending.cancel();
        assert!(request.is_cancelled());
        request.buffer()[0] = 7;
        request.complete(STATUS_SUCCESS, 1);
        let (ended, output) = pending.wait();
        assert_eq!((ended.ok(), output), (Ok(1), vec![7]));
        let unknown = file.ioctl(code(2, METHOD_BUFFERED), b"now", &mut []);
        assert_eq!(unknown.status, STATUS_INVALID_DEVICE_REQUEST);
    });
}
