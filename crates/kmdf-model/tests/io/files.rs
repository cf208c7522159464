//! Create, cleanup and close (DEV-43 to DEV-51, QUE-61).

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::null_mut;

use _WDF_FILEOBJECT_CLASS as Class;

/// Sets the file callbacks with the given class and logged attributes.
fn with_files(hooks: Hooks, class: WDF_FILEOBJECT_CLASS) -> Hooks {
    hooks
        .init(move |init| {
            let mut config = WDF_FILEOBJECT_CONFIG {
                Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
                EvtDeviceFileCreate: Some(on_file_create),
                EvtFileClose: Some(on_file_close),
                EvtFileCleanup: Some(on_file_cleanup),
                AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
                FileObjectClass: class,
            };
            let mut attributes = logged(attributes());
            wdf!(WdfDeviceInitSetFileObjectConfig(
                init,
                &mut config,
                &mut attributes
            ));
        })
        .file_create(|_, request, file| {
            if !file.is_null() {
                label(file, "file");
            }
            log(format!("create {}", file.is_null()));
            complete(request, STATUS_SUCCESS);
        })
        .file_cleanup(|file| log(format!("cleanup called {}", file.is_null())))
        .file_close(|file| log(format!("close called {}", file.is_null())))
}

/// The framework completes a create request that has no queue (DEV-43).
#[test]
fn a_device_without_file_callbacks_can_be_opened() {
    with_file(verified(), Hooks::default(), |file| {
        let outcome = file.ioctl(BUFFERED, &[], &mut []);
        assert_eq!(
            outcome.status, STATUS_INVALID_DEVICE_REQUEST,
            "QUE-26: no queue"
        );
        assert_eq!(outcome.information, 0);
    });
}

/// The default queue gets no creates (DEV-43).
#[test]
fn the_default_queue_gets_no_creates() {
    let hooks = Hooks::default()
        .created(|device| {
            let config = WDF_IO_QUEUE_CONFIG {
                EvtIoDefault: Some(on_any),
                ..default_config(PARALLEL)
            };
            create_queue(device, config);
            STATUS_SUCCESS
        })
        .any(|_, _| unreachable!());
    with_file(verified(), hooks, |_| ());
}

/// EvtDeviceFileCreate, EvtFileCleanup and EvtFileClose get the same file object (DEV-44, DEV-48,
/// DEV-49, DEV-51).
#[test]
fn a_file_object_lives_from_create_to_close() {
    for class in [
        Class::WdfFileObjectWdfCanUseFsContext,
        Class::WdfFileObjectWdfCanUseFsContext2,
        Class::WdfFileObjectWdfCannotUseFsContexts,
    ] {
        with_device(
            verified(),
            with_files(Hooks::default(), class),
            |machine, _| {
                let file = machine.open();
                assert_eq!(take_log(), ["create false"]);
                file.close();
                let end = [
                    "cleanup called false",
                    "close called false",
                    "cleanup file",
                    "destroy file",
                ];
                assert_eq!(take_log(), end);
            },
        );
    }
}

/// With WdfFileObjectNotRequired the callbacks get NULL (DEV-50).
#[test]
fn with_no_file_object_required_the_callbacks_get_none() {
    let hooks = with_files(Hooks::default(), Class::WdfFileObjectNotRequired);
    with_device(verified(), hooks, |machine, _| {
        machine.open().close();
        assert_eq!(
            take_log(),
            ["create true", "cleanup called true", "close called true"]
        );
    });
}

/// After a failed create there is neither cleanup nor close (DEV-44).
#[test]
fn a_refused_create_destroys_its_file_object_and_nothing_follows() {
    let class = Class::WdfFileObjectWdfCannotUseFsContexts;
    let hooks = with_files(Hooks::default(), class).file_create(|_, request, file| {
        label(file, "file");
        complete(request, STATUS_UNSUCCESSFUL);
    });
    with_device(verified(), hooks, |machine, _| {
        let failure = machine
            .kernel
            .open_interface(&CLASS)
            .expect_err("is refused");
        assert_eq!(failure.0, STATUS_UNSUCCESSFUL);
        assert_eq!(take_log(), ["cleanup file", "destroy file"]);
    });
}

/// A create request can be completed later, on another thread (DEV-44).
#[test]
fn a_create_may_be_completed_later() {
    let kept = Slot::default();
    let slot = kept.clone();
    let class = Class::WdfFileObjectWdfCannotUseFsContexts;
    let hooks = with_files(Hooks::default(), class).file_create(move |_, request, file| {
        label(file, "file");
        slot.set(request);
    });
    with_device(verified(), hooks, move |machine, _| {
        std::thread::scope(|scope| {
            let opened = scope.spawn(|| machine.kernel.open_interface(&CLASS).map(|_| ()));
            let request = loop {
                let request: WDFREQUEST = kept.take();
                if !request.is_null() {
                    break request;
                }
                std::thread::yield_now();
            };
            complete(request, STATUS_SUCCESS);
            opened.join().expect("no panic").expect("opens");
        });
    });
}

/// A second open of an exclusive device fails with STATUS_ACCESS_DENIED (DEV-45).
#[test]
fn an_exclusive_device_opens_once_at_a_time() {
    let hooks = Hooks::default().init(|init| wdf!(WdfDeviceInitSetExclusive(init, 1)));
    with_device(verified(), hooks, |machine, _| {
        let file = machine.open();
        let second = machine
            .kernel
            .open_interface(&CLASS)
            .expect_err("is refused");
        assert_eq!(second.0, STATUS_ACCESS_DENIED);
        file.close();
        machine.open().close();
    });
}

/// WdfFileObjectGetDevice and WdfRequestGetFileObject lead from one object to the other (DEV-51,
/// REQ-27).
#[test]
fn a_file_object_belongs_to_its_device_and_is_found_by_its_requests() {
    let hooks = queued(PARALLEL).control(|queue, request, _, _, _| {
        let file = wdf!(WdfRequestGetFileObject(request));
        let device = wdf!(WdfIoQueueGetDevice(queue));
        assert_eq!(wdf!(WdfFileObjectGetDevice(file)), device);
        let wdm = wdf!(WdfFileObjectWdmGetFileObject(file));
        assert_eq!(wdf!(WdfDeviceGetFileObject(device, wdm)), file);
        assert!(!wdf!(WdfFileObjectGetFileName(file)).is_null());
        wdf!(WdfObjectDelete(file.cast()));
        complete(request, STATUS_SUCCESS);
    });
    let hooks = with_files(hooks, Class::WdfFileObjectWdfCanUseFsContext2);
    with_device(verified(), hooks, |machine, _| {
        let file = machine.open();
        let outcome = file.ioctl(BUFFERED, &[], &mut []);
        assert_eq!(outcome.status, STATUS_SUCCESS);
        assert_eq!(
            take_log(),
            ["create false"],
            "OBJ-51: the driver cannot delete it"
        );
        file.close();
    });
}

/// Cleanup cancels the waiting requests of the file object only (DEV-48, QUE-61, REQ-54).
#[test]
fn cleanup_cancels_what_still_waits_and_leaves_what_the_driver_has() {
    let kept = Slot::default();
    let slot = kept.clone();
    let hooks = queued(SEQUENTIAL).control(move |_, request, _, _, _| slot.set(request));
    let hooks = with_files(hooks, Class::WdfFileObjectWdfCannotUseFsContexts);
    with_device(verified(), hooks, move |machine, _| {
        let (file, other) = (machine.open(), machine.open());
        let first = file.ioctl_async(BUFFERED, &[1], 0);
        let second = file.ioctl_async(BUFFERED, &[2], 0);
        let third = other.ioctl_async(BUFFERED, &[3], 0);
        file.close();
        assert!(!first.is_complete(), "the driver has it");
        let (outcome, _) = second.wait();
        assert_eq!((outcome.status, outcome.information), (STATUS_CANCELLED, 0));
        assert!(!third.is_complete(), "of another file");
        complete(kept.take(), STATUS_SUCCESS);
        assert_eq!(first.wait().0.status, STATUS_SUCCESS);
        complete(kept.take(), STATUS_SUCCESS);
        assert_eq!(third.wait().0.status, STATUS_SUCCESS);
        other.close();
    });
}

/// Create requests can be sent to a queue of the driver (DEV-42, DEV-43).
#[test]
fn creates_go_to_the_queue_that_is_bound_to_them() {
    let hooks = Hooks::default()
        .created(|device| {
            let config = WDF_IO_QUEUE_CONFIG {
                EvtIoDefault: Some(on_any),
                ..queue_config(PARALLEL)
            };
            let queue = create_queue(device, config);
            let kind = _WDF_REQUEST_TYPE::WdfRequestTypeCreate;
            let status = wdf!(WdfDeviceConfigureRequestDispatching(device, queue, kind));
            assert_eq!(status, STATUS_SUCCESS);
            let again = wdf!(WdfDeviceConfigureRequestDispatching(device, queue, kind));
            assert_eq!(again, STATUS_INVALID_PARAMETER);
            STATUS_SUCCESS
        })
        .any(|_, request| {
            log("create");
            complete(request, STATUS_SUCCESS);
        });
    with_device(verified(), hooks, |machine, _| {
        machine.open().close();
        assert_eq!(take_log(), ["create"]);
    });
}

/// The scope of file callbacks cannot be Queue, nor Device unless the device is passive (DEV-46).
#[test]
fn file_scopes_that_cannot_be_are_refused_at_device_creation() {
    use _WDF_EXECUTION_LEVEL as Level;
    use _WDF_SYNCHRONIZATION_SCOPE as Scope;
    let cases = [
        (
            Scope::WdfSynchronizationScopeQueue,
            Level::WdfExecutionLevelPassive,
            false,
        ),
        (
            Scope::WdfSynchronizationScopeDevice,
            Level::WdfExecutionLevelDispatch,
            false,
        ),
        (
            Scope::WdfSynchronizationScopeDevice,
            Level::WdfExecutionLevelPassive,
            true,
        ),
        (
            Scope::WdfSynchronizationScopeNone,
            Level::WdfExecutionLevelDispatch,
            true,
        ),
    ];
    for (scope, level, allowed) in cases {
        let mut hooks = Hooks::default().init(move |init| {
            let mut config = WDF_FILEOBJECT_CONFIG {
                Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
                EvtFileClose: Some(on_file_close),
                AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
                FileObjectClass: Class::WdfFileObjectNotRequired,
                ..WDF_FILEOBJECT_CONFIG::default()
            };
            let mut attributes = WDF_OBJECT_ATTRIBUTES {
                SynchronizationScope: scope,
                ..attributes()
            };
            wdf!(WdfDeviceInitSetFileObjectConfig(
                init,
                &mut config,
                &mut attributes
            ));
        });
        hooks.device_attributes = Some(WDF_OBJECT_ATTRIBUTES {
            ExecutionLevel: level,
            ..attributes()
        });
        let outcome = run(verified(), hooks, move |machine| match machine.try_add() {
            Ok(device) => {
                assert!(allowed);
                machine.open().close();
                device.remove().expect("is removed");
            }
            Err(status) => assert_eq!((status.0, allowed), (STATUS_INVALID_DEVICE_REQUEST, false)),
        });
        outcome.unwrap_or_else(|stop| panic!("{stop}"));
    }
    let _: *mut u8 = null_mut();
}
