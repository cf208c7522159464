//! Adding, starting, removing and surprise-removing a PnP device; its interface.

mod wdm;

use kmdf_sys::*;
use nt_model::{Caller, NtStatus, run};
use wdm::pnp::{Behaviour, CLASS, Correct, entry, pass_down, seen, set_interface};
use wdm::{Request, boot, code};

#[test]
fn a_device_lives_from_add_to_remove() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        seen();
        let device = driver.add_device(r"Root\Thing").unwrap();
        let busy = driver.clone().unload().unwrap_err();
        assert_eq!(busy, NtStatus(STATUS_INVALID_DEVICE_REQUEST));
        let file = kernel.open_interface(&CLASS).unwrap();
        file.ioctl(code(1, 0), &[], &mut []).ok().unwrap();
        file.close();
        device.clone().remove().unwrap();
        assert_eq!(
            device.remove().unwrap_err(),
            NtStatus(STATUS_NO_SUCH_DEVICE)
        );
        driver.unload().unwrap();
        let expected = [
            "add",
            "start",
            "create",
            "cleanup",
            "close",
            "query remove",
            "remove",
            "unload",
        ];
        assert_eq!(seen(), expected);
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

#[test]
fn an_interface_opens_while_it_is_enabled() {
    struct Switch;
    impl Behaviour for Switch {
        fn control(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            let enable = request.control().0 >> 2 & 0xFFF == 1;
            let status = set_interface(device, enable);
            request.complete(status, 0)
        }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Switch>).unwrap();
        assert!(kernel.interfaces(&CLASS).is_empty());
        let device = driver.add_device(r"Root\Thing").unwrap();
        let links = kernel.interfaces(&CLASS);
        let expected = r"\\?\ROOT#THING#0000#{a1b2c3d4-1111-2222-0102-030405060708}";
        assert_eq!(links, [expected]);
        let file = kernel.open(expected).unwrap();
        let switch = |on: u32| file.ioctl(code(on, 0), &[], &mut []).status;
        assert_eq!(switch(1), STATUS_OBJECT_NAME_EXISTS);
        assert_eq!(switch(0), STATUS_SUCCESS);
        assert_eq!(switch(0), STATUS_OBJECT_NAME_NOT_FOUND);
        assert!(kernel.interfaces(&CLASS).is_empty());
        let gone = NtStatus(STATUS_OBJECT_NAME_NOT_FOUND);
        assert_eq!(kernel.open(expected).unwrap_err(), gone);
        assert_eq!(kernel.open_interface(&CLASS).unwrap_err(), gone);
        assert_eq!(switch(1), STATUS_SUCCESS);
        kernel.open_interface(&CLASS).unwrap();
        drop(file);
        device.remove().unwrap();
        assert_eq!(kernel.open(expected).unwrap_err(), gone);
        driver.unload().unwrap();
    });
}

#[test]
fn two_devices_have_interfaces_of_their_own() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        let first = driver.add_device(r"Root\Thing").unwrap();
        let second = driver.add_device(r"Root\Thing").unwrap();
        let links = kernel.interfaces(&CLASS);
        assert_eq!(links.len(), 2);
        assert_ne!(links[0], links[1]);
        first.remove().unwrap();
        assert_eq!(kernel.interfaces(&CLASS), [links[1].clone()]);
        second.remove().unwrap();
        driver.unload().unwrap();
    });
}

#[test]
fn removal_is_vetoed_while_a_handle_is_open() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        let device = driver.add_device(r"Root\Thing").unwrap();
        let file = kernel.open_interface(&CLASS).unwrap();
        seen();
        let busy = device.clone().remove().unwrap_err();
        assert_eq!(busy, NtStatus(STATUS_DEVICE_BUSY));
        assert_eq!(seen(), ["query remove", "cancel remove"]);
        file.ioctl(code(1, 0), &[], &mut []).ok().unwrap();
        kernel.open_interface(&CLASS).unwrap();
        file.close();
        device.remove().unwrap();
        driver.unload().unwrap();
    });
}

#[test]
fn a_driver_may_refuse_removal() {
    struct Refusing;
    impl Behaviour for Refusing {
        fn pnp(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            if request.minor() == IRP_MN_QUERY_REMOVE_DEVICE {
                return request.complete(STATUS_UNSUCCESSFUL, 0);
            }
            pass_down(device, request)
        }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Refusing>).unwrap();
        let device = driver.add_device(r"Root\Thing").unwrap();
        let refused = device.clone().remove().unwrap_err();
        assert_eq!(refused, NtStatus(STATUS_UNSUCCESSFUL));
        device.surprise_remove().unwrap();
        driver.unload().unwrap();
    });
}

#[test]
fn a_surprise_removed_device_goes_with_its_last_handle() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        let device = driver.add_device(r"Root\Thing").unwrap();
        let link = kernel.interfaces(&CLASS).remove(0);
        let (first, second) = (kernel.open(&link).unwrap(), kernel.open(&link).unwrap());
        seen();
        device.clone().surprise_remove().unwrap();
        assert_eq!(seen(), ["surprise removal"]);
        let gone = NtStatus(STATUS_OBJECT_NAME_NOT_FOUND);
        assert_eq!(kernel.open(&link).unwrap_err(), gone);
        assert_eq!(
            device.remove().unwrap_err(),
            NtStatus(STATUS_NO_SUCH_DEVICE)
        );
        first.ioctl(code(1, 0), &[], &mut []).ok().unwrap();
        first.close();
        assert_eq!(seen(), ["cleanup", "close"]);
        second.close();
        assert_eq!(seen(), ["cleanup", "close", "remove"]);
        driver.unload().unwrap();
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

#[test]
fn handles_closed_while_the_device_is_surprise_removed_leave_nothing_behind() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        for _ in 0..50 {
            let device = driver.add_device(r"Root\Thing").unwrap();
            let link = kernel.interfaces(&CLASS).remove(0);
            let files: Vec<_> = (0..4).map(|_| kernel.open(&link).unwrap()).collect();
            std::thread::scope(|threads| {
                for file in files {
                    threads.spawn(|| file.close());
                }
                threads.spawn(|| device.surprise_remove().unwrap());
            });
        }
        driver.unload().unwrap();
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

#[test]
fn a_surprise_removed_device_without_handles_goes_at_once() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        let device = driver.add_device(r"Root\Thing").unwrap();
        seen();
        device.surprise_remove().unwrap();
        assert_eq!(seen(), ["surprise removal", "remove"]);
        driver.unload().unwrap();
    });
}

#[test]
fn a_stopped_device_starts_again() {
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        let device = driver.add_device(r"Root\Thing").unwrap();
        device.stop().unwrap();
        assert_eq!(device.stop().unwrap_err(), NtStatus(STATUS_NO_SUCH_DEVICE));
        device.remove().unwrap();
        driver.unload().unwrap();
    });
}

#[test]
fn a_failed_start_removes_the_device() {
    struct Failing;
    impl Behaviour for Failing {
        fn pnp(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            if request.minor() == IRP_MN_START_DEVICE {
                return request.complete(STATUS_DEVICE_POWERED_OFF, 0);
            }
            pass_down(device, request)
        }
    }
    // A warning is no success.
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Failing>).unwrap();
        seen();
        let failed = driver.add_device(r"Root\Thing").unwrap_err();
        assert_eq!(failed, NtStatus(STATUS_DEVICE_POWERED_OFF));
        assert_eq!(seen(), ["add", "start", "remove"]);
        assert!(kernel.interfaces(&CLASS).is_empty());
        driver.unload().unwrap();
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

#[test]
fn a_failed_add_device_leaves_nothing() {
    struct Failing;
    impl Behaviour for Failing {
        const ADD_STATUS: NTSTATUS = STATUS_QUOTA_EXCEEDED;
    }
    struct Idle;
    impl Behaviour for Idle {
        const ATTACHES: bool = false;
    }
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Failing>).unwrap();
        let failed = driver.add_device(r"Root\Thing").unwrap_err();
        assert_eq!(failed, NtStatus(STATUS_QUOTA_EXCEEDED));
        driver.unload().unwrap();
        let driver = kernel.load_driver("idle", entry::<Idle>).unwrap();
        let failed = driver.add_device(r"Root\Thing").unwrap_err();
        assert_eq!(failed, NtStatus(STATUS_NO_SUCH_DEVICE));
        driver.unload().unwrap();
    });
}

#[test]
fn the_security_of_any_device_of_the_stack_holds() {
    /// An empty list, which grants nothing to anyone.
    static NOBODY: [u8; 28] = [
        1, 0, 0x04, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 2, 0, 8, 0, 0, 0, 0, 0,
    ];
    struct Secured;
    impl Behaviour for Secured {
        fn created(device: PDEVICE_OBJECT) {
            let descriptor = (&raw const NOBODY).cast_mut().cast();
            // SAFETY: A device of this driver.
            unsafe { (*device).SecurityDescriptor = descriptor };
        }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("thing", entry::<Secured>).unwrap();
        let device = driver.add_device(r"Root\Thing").unwrap();
        let refused = kernel
            .open_interface_as(Caller::System, &CLASS)
            .unwrap_err();
        assert_eq!(refused, NtStatus(STATUS_ACCESS_DENIED));
        device.remove().unwrap();
        driver.unload().unwrap();
    });
}

#[test]
fn many_cycles_leave_nothing() {
    boot(|kernel| {
        for round in 0..20 {
            let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
            let device = driver.add_device(r"Root\Thing").unwrap();
            let file = kernel.open_interface(&CLASS).unwrap();
            if round % 2 == 0 {
                file.close();
                device.remove().unwrap();
            } else {
                device.surprise_remove().unwrap();
                file.close();
            }
            driver.unload().unwrap();
            assert_eq!(kernel.verifier().live_blocks, 0);
        }
    });
}

#[test]
fn a_handle_may_outlive_its_machine() {
    let config = nt_model::Config::default();
    let (file, pending) = run(config, |kernel| {
        let driver = kernel.load_driver("thing", entry::<Correct>).unwrap();
        driver.add_device(r"Root\Thing").unwrap();
        let file = kernel.open_interface(&CLASS).unwrap();
        let pending = file.ioctl_async(code(1, 0), &[], 0);
        (file, pending)
    })
    .unwrap();
    let refused = file.ioctl(code(1, 0), &[], &mut []);
    assert_eq!(refused.status, STATUS_INVALID_HANDLE);
    drop((file, pending));
}
