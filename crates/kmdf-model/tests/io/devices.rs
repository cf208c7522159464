//! Creating devices, naming them, securing them, binding queues (DEV-26 to DEV-42).

use crate::driver::*;
use kmdf_sys::*;
use nt_model::Caller;
use std::ptr::{null, null_mut};

/// Runs `test` on a device while it is being added.
fn on_device(test: impl Fn(WDFDEVICE) + Send + Sync + 'static) {
    let hooks = Hooks::default().created(move |device| {
        test(device);
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, |_, _| ());
}

/// The status that adding a device fails with.
fn failure_of(hooks: Hooks) -> NTSTATUS {
    let outcome = run(verified(), hooks, |machine| {
        machine.try_add().expect_err("is not added").0
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"))
}

fn named(name: &'static str, sddl: Option<&'static str>) -> Hooks {
    Hooks::default().init(move |init| {
        let name = unicode(name);
        assert_eq!(wdf!(WdfDeviceInitAssignName(init, &name)), STATUS_SUCCESS);
        if let Some(sddl) = sddl {
            let sddl = unicode(sddl);
            assert_eq!(
                wdf!(WdfDeviceInitAssignSDDLString(init, &sddl)),
                STATUS_SUCCESS
            );
        }
    })
}

/// WdfDeviceCreate rejects attributes with a parent, and consumes its WDFDEVICE_INIT (DEV-26).
#[test]
fn a_parent_is_forbidden_and_an_init_is_good_for_one_device() {
    let hooks = Hooks {
        device_attributes: Some(under(std::ptr::dangling_mut::<u8>())),
        ..Hooks::default()
    };
    assert_eq!(failure_of(hooks), STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
    let kept = Slot::default();
    let (first, second) = (kept.clone(), kept);
    let hooks = Hooks::default()
        .init(move |init| first.set(init))
        .created(move |_| {
            let mut init: PWDFDEVICE_INIT = second.get();
            let mut device = std::ptr::dangling_mut();
            let status = wdf!(WdfDeviceCreate(&mut init, null_mut(), &mut device));
            assert_eq!((status, device), (STATUS_INVALID_DEVICE_STATE, null_mut()));
            assert!(!init.is_null(), "DEV-27: kept on failure");
            STATUS_SUCCESS
        });
    with_device(verified(), hooks, |_, _| ());
}

/// A function device without a name cannot have a security descriptor, and the string must be SDDL
/// (DEV-26, DEV-32).
#[test]
fn a_security_string_needs_a_name_and_has_to_be_one() {
    let unnamed = Hooks::default().init(|init| {
        let sddl = unicode("D:P(A;;GA;;;SY)");
        wdf!(WdfDeviceInitAssignSDDLString(init, &sddl));
    });
    assert_eq!(failure_of(unnamed), STATUS_INVALID_SECURITY_DESCR);
    assert_eq!(
        failure_of(named(r"\Device\T", Some("nonsense"))),
        STATUS_INVALID_PARAMETER
    );
    let odd = Hooks::default().init(|init| {
        let odd = UNICODE_STRING {
            Length: 3,
            ..unicode("xxxx")
        };
        let status = wdf!(WdfDeviceInitAssignName(init, &odd));
        assert_eq!(status, STATUS_INVALID_PARAMETER);
        let status = wdf!(WdfDeviceInitAssignSDDLString(init, null()));
        assert_eq!(status, STATUS_SUCCESS, "clears");
    });
    with_device(verified(), odd, |_, _| ());
}

/// Without an SDDL string, only the system and administrators can open a named device (DEV-32).
#[test]
fn a_named_device_admits_administrators_by_default() {
    let everyone = "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGW;;;WD)";
    for (sddl, admitted) in [
        (None, false),
        (Some("D:P(A;;GA;;;SY)"), false),
        (Some(everyone), true),
    ] {
        with_device(verified(), named(r"\Device\T", sddl), move |machine, _| {
            let user = machine.kernel.open_interface_as(Caller::User, &CLASS);
            assert_eq!(user.is_ok(), admitted, "{sddl:?}");
            let administrator = machine.kernel.open_interface(&CLASS);
            assert_eq!(
                administrator.is_ok(),
                sddl != Some("D:P(A;;GA;;;SY)"),
                "{sddl:?}"
            );
        });
    }
}

/// WdfDeviceCreate passes on STATUS_OBJECT_NAME_COLLISION (DEV-28).
#[test]
fn a_name_that_is_taken_is_a_collision() {
    let outcome = run(verified(), named(r"\Device\T", None), |machine| {
        let device = machine.add();
        let second = machine.try_add().expect_err("is not added");
        assert_eq!(second.0, STATUS_OBJECT_NAME_COLLISION);
        device.remove().expect("is removed");
        machine.add().remove().expect("is removed");
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// The WDM device object has the flag of the I/O type, and its extension is the device context
/// (DEV-30, DEV-31).
#[test]
fn the_device_object_has_the_io_flag_and_leads_to_the_context() {
    let flags = DO_BUFFERED_IO | DO_DIRECT_IO;
    for (io_type, wanted) in [
        (_WDF_DEVICE_IO_TYPE::WdfDeviceIoBuffered, DO_BUFFERED_IO),
        (_WDF_DEVICE_IO_TYPE::WdfDeviceIoDirect, DO_DIRECT_IO),
        (_WDF_DEVICE_IO_TYPE::WdfDeviceIoNeither, 0),
    ] {
        let hooks = Hooks {
            device_attributes: Some(logged(attributes())),
            ..Hooks::default()
        };
        let hooks = hooks
            .init(move |init| wdf!(WdfDeviceInitSetIoType(init, io_type)))
            .created(move |device| {
                label(device, "device");
                let wdm = wdf!(WdfDeviceWdmGetDeviceObject(device));
                // SAFETY: The driver's own device object.
                let found = unsafe { (*wdm).Flags };
                // SAFETY: The device object lives as long as the device.
                let extension = unsafe { (*wdm).DeviceExtension };
                assert_eq!(found & flags, wanted);
                assert_eq!(extension.cast(), label_address(device.cast()));
                assert_eq!(wdf!(WdfWdmDeviceGetWdfDeviceHandle(wdm)), device);
                assert!(!wdf!(WdfDeviceWdmGetPhysicalDevice(device)).is_null());
                assert!(!wdf!(WdfDeviceWdmGetAttachedDevice(device)).is_null());
                STATUS_SUCCESS
            });
        with_device(plain(), hooks, |_, _| ());
    }
}

/// WdfObjectDelete of a function device does nothing but break (OBJ-51).
#[test]
fn the_driver_cannot_delete_its_function_device() {
    on_device(|device| wdf!(WdfObjectDelete(device.cast())));
}

/// The void WdfDeviceInit calls ignore structures of a wrong size, with a break (DEV-33, DEV-34).
#[test]
fn settings_of_a_wrong_size_are_ignored() {
    let hooks = Hooks::default()
        .init(|init| {
            let mut files = WDF_FILEOBJECT_CONFIG {
                Size: 1,
                EvtFileClose: Some(on_file_close),
                FileObjectClass: _WDF_FILEOBJECT_CLASS::WdfFileObjectNotRequired,
                ..WDF_FILEOBJECT_CONFIG::default()
            };
            wdf!(WdfDeviceInitSetFileObjectConfig(
                init,
                &mut files,
                null_mut()
            ));
            let mut requests = WDF_OBJECT_ATTRIBUTES {
                Size: 1,
                ..attributes()
            };
            wdf!(WdfDeviceInitSetRequestAttributes(init, &mut requests));
            let mut pnp = WDF_PNPPOWER_EVENT_CALLBACKS {
                Size: 2,
                ..WDF_PNPPOWER_EVENT_CALLBACKS::default()
            };
            wdf!(WdfDeviceInitSetPnpPowerEventCallbacks(init, &mut pnp));
        })
        .file_close(|_| unreachable!());
    with_file(verified(), hooks, |_| ());
}

/// A device has one symbolic link, which its removal deletes (DEV-40).
#[test]
fn a_symbolic_link_is_one_per_device_and_goes_with_it() {
    let hooks = named(r"\Device\T", None).created(|device| {
        let create = |name: &UNICODE_STRING| wdf!(WdfDeviceCreateSymbolicLink(device, name));
        assert_eq!(create(&unicode("")), STATUS_INVALID_DEVICE_REQUEST);
        let odd = UNICODE_STRING {
            Length: 1,
            ..unicode("xx")
        };
        assert_eq!(create(&odd), STATUS_INVALID_PARAMETER);
        assert_eq!(create(&unicode(r"\DosDevices\T")), STATUS_SUCCESS);
        assert_eq!(
            create(&unicode(r"\DosDevices\U")),
            STATUS_INVALID_DEVICE_REQUEST
        );
        STATUS_SUCCESS
    });
    let outcome = run(verified(), hooks, |machine| {
        for _ in 0..2 {
            let device = machine.add();
            drop(machine.kernel.open(r"\\.\T").expect("opens"));
            device.remove().expect("is removed");
            machine.kernel.open(r"\\.\T").expect_err("is gone");
        }
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// An interface is enabled while the device is started, unless the driver disables it (DEV-41).
#[test]
fn an_interface_can_be_switched_off_and_has_its_reference_string() {
    let kept = Slot::default();
    let slot = kept.clone();
    let hooks = Hooks::default().created(move |device| {
        let second = unicode("second");
        assert_eq!(
            wdf!(WdfDeviceCreateDeviceInterface(device, &CLASS, &second)),
            STATUS_SUCCESS
        );
        slot.set(device);
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, move |machine, _| {
        assert_eq!(machine.kernel.interfaces(&CLASS).len(), 2);
        let device: WDFDEVICE = kept.get();
        wdf!(WdfDeviceSetDeviceInterfaceState(device, &CLASS, null(), 0));
        assert_eq!(machine.kernel.interfaces(&CLASS).len(), 1);
        wdf!(WdfDeviceSetDeviceInterfaceState(device, &CLASS, null(), 1));
        assert_eq!(machine.kernel.interfaces(&CLASS).len(), 2);
    });
}

/// WdfDeviceConfigureRequestDispatching rejects types without a callback, and types that have a
/// queue (DEV-42, QUE-22, QUE-23).
#[test]
fn binding_a_queue_checks_type_callbacks_and_what_is_bound() {
    use _WDF_REQUEST_TYPE as Type;
    on_device(|device| {
        let bind = |queue, kind| wdf!(WdfDeviceConfigureRequestDispatching(device, queue, kind));
        let reads = WDF_IO_QUEUE_CONFIG {
            EvtIoRead: Some(on_read),
            ..queue_config(PARALLEL)
        };
        let queue = create_queue(device, reads);
        assert_eq!(
            bind(queue, Type::WdfRequestTypeClose),
            STATUS_INVALID_PARAMETER
        );
        assert_eq!(
            bind(queue, Type::WdfRequestTypeWrite),
            STATUS_INVALID_DEVICE_REQUEST
        );
        assert_eq!(
            bind(queue, Type::WdfRequestTypeCreate),
            STATUS_INVALID_DEVICE_REQUEST
        );
        assert_eq!(bind(queue, Type::WdfRequestTypeRead), STATUS_SUCCESS);
        assert_eq!(bind(queue, Type::WdfRequestTypeRead), STATUS_WDF_BUSY);
        let default = create_queue(device, default_config(PARALLEL));
        let control = Type::WdfRequestTypeDeviceControl;
        assert_eq!(bind(default, control), STATUS_INVALID_DEVICE_REQUEST);
        let manual = create_queue(device, queue_config(MANUAL));
        assert_eq!(bind(manual, control), STATUS_SUCCESS);
        assert_eq!(wdf!(WdfDeviceGetDefaultQueue(device)), default);
        for bound in [queue, default, manual] {
            wdf!(WdfObjectDelete(bound.cast()));
        }
        let state = wdf!(WdfIoQueueGetState(queue, null_mut(), null_mut()));
        assert_eq!(state & 3, 3, "none of them can be deleted");
    });
}

/// WdfDeviceConfigureRequestDispatching fails once the device has started (DEV-42, QUE-7).
#[test]
fn a_started_device_binds_no_more_queues() {
    let kept = Slot::default();
    let slot = kept.clone();
    let hooks = Hooks::default().created(move |device| {
        slot.set(device);
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, move |_, _| {
        let device: WDFDEVICE = kept.get();
        let queue = create_queue(device, queue_config(MANUAL));
        let kind = _WDF_REQUEST_TYPE::WdfRequestTypeRead;
        let status = wdf!(WdfDeviceConfigureRequestDispatching(device, queue, kind));
        assert_eq!(status, STATUS_INVALID_DEVICE_STATE);
        let status = try_create_queue(device, default_config(PARALLEL), None);
        assert_eq!(status, Err(STATUS_INVALID_DEVICE_STATE));
    });
}

const NON_PNP: ULONG = _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as ULONG;

/// A control device by the name of `\\.\C`.
fn create_control_device() -> WDFDEVICE {
    let driver = globals().Driver;
    let sddl = unicode("D:P(A;;GA;;;SY)(A;;GA;;;BA)");
    let mut init = wdf!(WdfControlDeviceInitAllocate(driver, &sddl));
    assert!(!init.is_null());
    let name = unicode(r"\Device\C");
    assert_eq!(wdf!(WdfDeviceInitAssignName(init, &name)), STATUS_SUCCESS);
    let mut device = null_mut();
    let mut attributes = logged(attributes());
    let status = wdf!(WdfDeviceCreate(&mut init, &mut attributes, &mut device));
    assert_eq!((status, init), (STATUS_SUCCESS, null_mut()));
    label(device, "device");
    let link = unicode(r"\DosDevices\C");
    assert_eq!(
        wdf!(WdfDeviceCreateSymbolicLink(device, &link)),
        STATUS_SUCCESS
    );
    create_queue(device, default_config(PARALLEL));
    logged_object(device, "child");
    device
}

fn with_control_device(
    finish: bool,
    test: impl FnOnce(&Machine, WDFDEVICE) + Send + 'static,
) -> Vec<String> {
    let hooks = Hooks {
        driver_flags: NON_PNP,
        ..Hooks::default()
    };
    let hooks = hooks
        .control(|_, request, _, _, _| complete(request, STATUS_SUCCESS))
        .unload(|_| log("unload"));
    let (outcome, log) = run_to_end(verified(), hooks, move |machine| {
        // After DriverEntry: the kernel declares the devices made in there ready.
        let device = create_control_device();
        if finish {
            wdf!(WdfControlFinishInitializing(device));
        }
        test(machine, device);
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
    log
}

/// A control device can be opened after WdfControlFinishInitializing, and is deleted at unload
/// (DEV-36, DEV-38, DEV-39).
#[test]
fn a_control_device_opens_when_finished_and_goes_with_the_driver() {
    let log = with_control_device(false, |machine, device| {
        let early = machine.kernel.open(r"\\.\C").expect_err("is not ready");
        assert_eq!(early.0, STATUS_NO_SUCH_DEVICE);
        wdf!(WdfControlFinishInitializing(device));
        let file = machine.kernel.open(r"\\.\C").expect("opens");
        assert_eq!(
            file.ioctl(BUFFERED, &[], &mut []).status,
            STATUS_SUCCESS,
            "QUE-55"
        );
    });
    let order = [
        "unload",
        "cleanup child",
        "cleanup device",
        "destroy child",
        "destroy device",
    ];
    assert_eq!(log, order);
}

/// WdfObjectDelete of an open control device takes effect at the last close (DEV-37).
#[test]
fn deleting_an_open_control_device_waits_for_the_last_close() {
    let log = with_control_device(true, |machine, device| {
        let file = machine.kernel.open(r"\\.\C").expect("opens");
        wdf!(WdfObjectDelete(device.cast()));
        assert!(peek_log().is_empty());
        machine
            .kernel
            .open(r"\\.\C")
            .expect_err("takes no more opens");
        file.close();
        assert_eq!(peek_log().len(), 4);
    });
    assert_eq!(log.last().map(String::as_str), Some("unload"));
}

/// A finished control device takes no default queue, and no control device has interfaces (DEV-20,
/// QUE-6, DEV-41).
#[test]
fn a_control_device_takes_no_default_queue_after_finishing_and_no_interface() {
    with_control_device(true, |_, device| {
        let status = try_create_queue(device, default_config(PARALLEL), None);
        assert_eq!(status, Err(STATUS_INVALID_DEVICE_STATE));
        let status = wdf!(WdfDeviceCreateDeviceInterface(device, &CLASS, null()));
        assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
    });
}

/// WdfDeviceInitFree frees what WdfControlDeviceInitAllocate allocated (DEV-35, DEV-27).
#[test]
fn an_unused_control_init_is_freed_by_the_driver() {
    with_control_device(true, |_, _| {
        let driver = globals().Driver;
        let odd = UNICODE_STRING {
            Length: 1,
            ..unicode("xx")
        };
        assert!(wdf!(WdfControlDeviceInitAllocate(driver, &odd)).is_null());
        let sddl = unicode("D:P");
        let init = wdf!(WdfControlDeviceInitAllocate(driver, &sddl));
        let cleared = wdf!(WdfDeviceInitAssignSDDLString(init, null()));
        assert_eq!(cleared, STATUS_INVALID_DEVICE_REQUEST, "DEV-32");
        wdf!(WdfDeviceInitFree(init));
    });
}

/// The verifier checks the IRQL of the calls that need PASSIVE_LEVEL (DEV-26, DEV-32, DEV-40,
/// DEV-41, VER-6, VER-11).
#[test]
fn the_verifier_refuses_device_calls_above_passive_level() {
    let kept = Slot::default();
    let slot = kept.clone();
    let hooks = named(r"\Device\T", None).created(move |device| {
        slot.set(device);
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, move |machine, _| {
        let device: WDFDEVICE = kept.get();
        let link = unicode(r"\DosDevices\T");
        machine.kernel.at_irql(2, || {
            let refused = STATUS_INVALID_DEVICE_REQUEST;
            assert_eq!(wdf!(WdfDeviceCreateSymbolicLink(device, &link)), refused);
            let interface = wdf!(WdfDeviceCreateDeviceInterface(device, &CLASS, null()));
            assert_eq!(interface, refused);
        });
    });
    with_control_device(true, |machine, _| {
        let sddl = unicode("D:P");
        let driver = globals().Driver;
        machine.kernel.at_irql(2, || {
            assert!(wdf!(WdfControlDeviceInitAllocate(driver, &sddl)).is_null());
        });
        let mut init = wdf!(WdfControlDeviceInitAllocate(driver, &sddl));
        let given = init;
        machine.kernel.at_irql(2, || {
            let name = wdf!(WdfDeviceInitAssignName(init, &sddl));
            assert_eq!(name, STATUS_INVALID_DEVICE_REQUEST);
            let mut device = std::ptr::dangling_mut();
            let status = wdf!(WdfDeviceCreate(&mut init, null_mut(), &mut device));
            assert_eq!(
                (status, device),
                (STATUS_INVALID_DEVICE_REQUEST, null_mut())
            );
        });
        assert_eq!(init, given);
        wdf!(WdfDeviceInitFree(init));
    });
}

/// A failed allocation frees everything that was allocated before (FLT-18, FLT-20).
#[test]
fn a_control_device_that_cannot_be_allocated_leaves_nothing() {
    with_control_device(true, |machine, device| {
        wdf!(WdfObjectDelete(device.cast()));
        let before = machine.kernel.verifier().tags;
        let driver = globals().Driver;
        let sddl = unicode("D:P");
        for nth in 1..30 {
            let injected = machine.kernel.verifier().faults_injected;
            machine.kernel.fail_nth_allocation(nth);
            let mut init = wdf!(WdfControlDeviceInitAllocate(driver, &sddl));
            if !init.is_null() {
                let mut device = null_mut();
                let given = init;
                let status = wdf!(WdfDeviceCreate(&mut init, null_mut(), &mut device));
                if status == STATUS_SUCCESS {
                    let failed = machine.kernel.verifier().faults_injected - injected;
                    machine.kernel.fail_nth_allocation(0);
                    wdf!(WdfObjectDelete(device.cast()));
                    if failed == 0 {
                        return assert!(nth > 7, "only {nth} allocations");
                    }
                    // The verifier's own records do without.
                } else {
                    assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
                    assert_eq!(init, given, "DEV-27");
                    wdf!(WdfDeviceInitFree(init));
                }
            }
            assert_eq!(machine.kernel.verifier().tags, before, "allocation {nth}");
        }
        unreachable!("it is created in the end");
    });
}
