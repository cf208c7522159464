//! Creating queues (QUE-1 to QUE-25).

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::null_mut;

/// Runs `test` on a device while it is being added.
fn on_device(test: impl Fn(WDFDEVICE) + Send + Sync + 'static) {
    let hooks = Hooks::default().created(move |device| {
        test(device);
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, |_, _| ());
}

fn status_of(device: WDFDEVICE, config: WDF_IO_QUEUE_CONFIG) -> NTSTATUS {
    match try_create_queue(device, config, None) {
        Ok(queue) => {
            wdf!(WdfObjectDelete(queue.cast()));
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// WdfIoQueueCreate requires a device handle and a configuration (QUE-1, QUE-2, OBJ-70, OBJ-72).
#[test]
fn a_bad_device_handle_or_no_configuration_is_a_bug_check() {
    let stop = stop_of(plain(), Hooks::default(), |_| {
        let mut config = queue_config(MANUAL);
        wdf!(WdfIoQueueCreate(
            null_mut(),
            &mut config,
            null_mut(),
            null_mut()
        ));
    });
    assert_violation(&stop, 5, 0);
    assert_eq!(stop.parameters[2], 0x1002);
    let hooks = Hooks::default()
        .created(|device| wdf!(WdfIoQueueCreate(device, null_mut(), null_mut(), null_mut())));
    let stop = stop_of(plain(), hooks, |machine| drop(machine.try_add()));
    assert_violation(&stop, 4, 0);
}

/// WdfIoQueueCreate checks size, dispatch type, callbacks and limit (QUE-4, QUE-5, QUE-12, QUE-13,
/// QUE-14, QUE-15, QUE-19).
#[test]
fn configurations_that_make_no_sense_are_refused() {
    on_device(|device| {
        let manual = queue_config(MANUAL);
        let with = |config: WDF_IO_QUEUE_CONFIG| WDF_IO_QUEUE_CONFIG {
            EvtIoDeviceControl: Some(on_control),
            ..config
        };
        let sized = |size, config| WDF_IO_QUEUE_CONFIG {
            Size: size,
            ..config
        };
        for size in [80, 88, 96] {
            assert_eq!(status_of(device, sized(size, manual)), STATUS_SUCCESS);
        }
        assert_eq!(
            status_of(device, sized(81, manual)),
            STATUS_INFO_LENGTH_MISMATCH
        );
        let mut config = manual;
        let status = wdf!(WdfIoQueueCreate(
            device,
            &mut config,
            null_mut(),
            null_mut()
        ));
        assert_eq!(status, STATUS_INVALID_PARAMETER_4);
        for kind in [-1, 0, 4] {
            assert_eq!(
                status_of(device, with(queue_config(kind))),
                STATUS_INVALID_PARAMETER
            );
        }
        for kind in [SEQUENTIAL, PARALLEL] {
            assert_eq!(
                status_of(device, queue_config(kind)),
                STATUS_WDF_NO_CALLBACK
            );
            assert_eq!(status_of(device, with(queue_config(kind))), STATUS_SUCCESS);
        }
        assert_eq!(status_of(device, with(manual)), STATUS_INVALID_PARAMETER);
        let notified = WDF_IO_QUEUE_CONFIG {
            EvtIoStop: Some(on_stop),
            EvtIoResume: Some(on_resume),
            EvtIoCanceledOnQueue: Some(on_canceled_on_queue),
            ..manual
        };
        assert_eq!(status_of(device, notified), STATUS_SUCCESS);
        for kind in [SEQUENTIAL, MANUAL] {
            let mut limited = queue_config(kind);
            if kind == SEQUENTIAL {
                limited = with(limited);
            }
            limited.Settings.Parallel.NumberOfPresentedRequests = 1;
            assert_eq!(status_of(device, limited), STATUS_INVALID_PARAMETER);
            assert_eq!(
                status_of(device, sized(80, limited)),
                STATUS_SUCCESS,
                "1.7 has none"
            );
        }
    });
}

/// The parent of a queue must be its device or below it (QUE-8, QUE-21).
#[test]
fn a_queue_lies_under_its_own_device() {
    on_device(|device| {
        let of_device = logged_object(device, "of device");
        let of_driver = logged_object(null_mut::<u8>(), "of driver");
        let config = queue_config(MANUAL);
        let create = |parent| try_create_queue(device, config, Some(under(parent)));
        assert_eq!(create(of_driver), Err(STATUS_INVALID_DEVICE_REQUEST));
        assert!(create(of_device).is_ok());
        assert!(create(device.cast()).is_ok());
    });
}

/// The driver in the configuration must be a WDFDRIVER (QUE-9).
#[test]
fn a_driver_in_the_configuration_has_to_be_one() {
    let hooks = Hooks::default().created(|device| {
        let mut config = queue_config(MANUAL);
        config.Driver = device.cast();
        create_queue(device, config);
        STATUS_SUCCESS
    });
    let stop = stop_of(plain(), hooks, |machine| drop(machine.try_add()));
    assert_eq!(
        (stop.code, stop.parameters[0], stop.parameters[2]),
        (WDF_VIOLATION, 5, 0x1001)
    );
}

/// Synchronization scope Device requires the execution level of the device (QUE-11).
#[test]
fn the_devices_lock_needs_the_devices_level() {
    on_device(|device| {
        let scoped = |level| WDF_OBJECT_ATTRIBUTES {
            ExecutionLevel: level,
            SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeDevice,
            ..attributes()
        };
        let config = queue_config(MANUAL);
        let passive = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
        let refused = try_create_queue(device, config, Some(scoped(passive)));
        assert_eq!(refused, Err(STATUS_INVALID_PARAMETER));
        let inherit = _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent;
        assert!(try_create_queue(device, config, Some(scoped(inherit))).is_ok());
    });
}

/// A second default queue is deleted again (QUE-18, QUE-22).
#[test]
fn there_is_one_default_queue() {
    on_device(|device| {
        let first = create_queue(device, default_config(PARALLEL));
        assert_eq!(
            status_of(device, default_config(SEQUENTIAL)),
            STATUS_UNSUCCESSFUL
        );
        wdf!(WdfObjectDelete(first.cast()));
        assert_eq!(wdf!(WdfDeviceGetDefaultQueue(device)), first);
    });
}

/// WdfIoQueueGetState shows a new queue as accepting and, without power, as held (QUE-24, QUE-50,
/// QUE-56).
#[test]
fn a_new_queue_accepts_and_dispatches_and_is_held_until_power_up() {
    let kept = Slot::default();
    let slot = kept.clone();
    let hooks = Hooks::default().created(move |device| {
        let held = create_queue(device, queue_config(MANUAL));
        let state = wdf!(WdfIoQueueGetState(held, null_mut(), null_mut()));
        assert_eq!(state, 1 | 2 | 4 | 8 | 0x10);
        let mut config = queue_config(MANUAL);
        config.PowerManaged = _WDF_TRI_STATE::WdfFalse;
        let free = create_queue(device, config);
        let state = wdf!(WdfIoQueueGetState(free, null_mut(), null_mut()));
        assert_eq!(state, 1 | 2 | 4 | 8);
        slot.set(held);
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, move |_, _| {
        let (mut queued, mut owned) = (9, 9);
        let state = wdf!(WdfIoQueueGetState(kept.get(), &mut queued, &mut owned));
        assert_eq!((state, queued, owned), (1 | 2 | 4 | 8, 0, 0));
    });
}

/// A failed allocation of a queue frees everything that was allocated before (FLT-16, FLT-26,
/// QUE-10, QUE-16).
#[test]
fn a_queue_that_cannot_be_allocated_leaves_nothing() {
    let kept = Slot::default();
    let slot = kept.clone();
    let hooks = Hooks::default().created(move |device| {
        slot.set(device);
        STATUS_SUCCESS
    });
    with_device(plain(), hooks, move |machine, _| {
        for (level, points) in [
            (_WDF_EXECUTION_LEVEL::WdfExecutionLevelDispatch, 1),
            (_WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive, 3),
        ] {
            let before = machine.kernel.verifier().tags;
            let attributes = WDF_OBJECT_ATTRIBUTES {
                ExecutionLevel: level,
                ..attributes()
            };
            let create = || try_create_queue(kept.get(), queue_config(MANUAL), Some(attributes));
            for nth in 1..=points {
                machine.kernel.fail_nth_allocation(nth);
                assert_eq!(
                    create(),
                    Err(STATUS_INSUFFICIENT_RESOURCES),
                    "allocation {nth}"
                );
                assert_eq!(machine.kernel.verifier().tags, before);
            }
            machine.kernel.fail_nth_allocation(points + 1);
            let queue = create().expect("has all it needs");
            wdf!(WdfObjectDelete(queue.cast()));
        }
    });
}

/// No queue can be created below an object that is being deleted (QUE-17, OBJ-61).
#[test]
fn a_parent_that_is_being_deleted_takes_no_queue() {
    unsafe extern "C" fn on_going(object: WDFOBJECT) {
        // SAFETY: The context holds the device.
        let device = unsafe { label_address(object).cast::<WDFDEVICE>().read() };
        let refused = try_create_queue(device, queue_config(MANUAL), Some(under(object)));
        log(format!("{refused:x?}"));
    }
    let hooks = Hooks::default().created(|device| {
        let mut object = null_mut();
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            EvtCleanupCallback: Some(on_going),
            EvtDestroyCallback: None,
            ..logged(under(device))
        };
        let status = wdf!(WdfObjectCreate(&mut attributes, &mut object));
        assert_eq!(status, STATUS_SUCCESS);
        // SAFETY: The context has room for a handle.
        unsafe { label_address(object).cast::<WDFDEVICE>().write(device) };
        wdf!(WdfObjectDelete(object));
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, |_, _| {
        assert_eq!(
            take_log(),
            [format!("{:x?}", Err::<(), _>(STATUS_DELETE_PENDING))]
        );
    });
}

/// The attributes of WdfIoQueueCreate are checked first (QUE-3).
#[test]
fn bad_attributes_are_refused_before_a_bad_configuration() {
    on_device(|device| {
        let sized = WDF_OBJECT_ATTRIBUTES {
            Size: 1,
            ..attributes()
        };
        let config = WDF_IO_QUEUE_CONFIG {
            Size: 1,
            ..queue_config(MANUAL)
        };
        let refused = try_create_queue(device, config, Some(sized));
        assert_eq!(refused, Err(STATUS_INFO_LENGTH_MISMATCH));
        let level = WDF_OBJECT_ATTRIBUTES {
            ExecutionLevel: 0,
            ..attributes()
        };
        let refused = try_create_queue(device, config, Some(level));
        assert_eq!(refused, Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID));
    });
}
