//! Allocations that fail, one after the other (FLT-18 to FLT-24, FLT-26 to FLT-28).

use crate::driver::*;
use kmdf_sys::*;

use _WDF_FILEOBJECT_CLASS as Class;

/// Lets all allocations succeed again.
const NEVER: u64 = 0;

fn with_file_objects() -> Hooks {
    queued(PARALLEL)
        .init(|init| {
            let name = unicode(r"\Device\T");
            let status = wdf!(WdfDeviceInitAssignName(init, &name));
            if status != STATUS_SUCCESS {
                return log("no name");
            }
            let mut config = WDF_FILEOBJECT_CONFIG {
                Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
                EvtDeviceFileCreate: Some(on_file_create),
                AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
                FileObjectClass: Class::WdfFileObjectWdfCannotUseFsContexts,
                ..WDF_FILEOBJECT_CONFIG::default()
            };
            let mut attributes = logged(attributes());
            wdf!(WdfDeviceInitSetFileObjectConfig(
                init,
                &mut config,
                &mut attributes
            ));
        })
        .file_create(|_, request, file| {
            label(file, "file");
            complete(request, STATUS_SUCCESS);
        })
}

/// A failed allocation of a function device frees everything that was allocated before (FLT-19,
/// FLT-21, FLT-26, FLT-27).
#[test]
fn a_device_that_cannot_be_allocated_leaves_nothing() {
    let hooks = Hooks {
        device_attributes: Some(logged(attributes())),
        ..with_file_objects()
    };
    // Without the interface and the queue, which have sweeps of their own.
    let hooks = hooks.created(|device| {
        label(device, "device");
        STATUS_SUCCESS
    });
    let outcome = run(plain(), hooks, |machine| {
        let before = machine.kernel.verifier().tags;
        for nth in 1..40 {
            machine.kernel.fail_nth_allocation(nth);
            match machine.try_add() {
                Ok(device) => {
                    machine.kernel.fail_nth_allocation(NEVER);
                    device.remove().expect("is removed");
                    if take_log().iter().any(|line| line == "no name") {
                        continue;
                    }
                    return assert!(nth > 8, "only {nth} allocations");
                }
                Err(status) => {
                    assert_eq!(status.0, STATUS_INSUFFICIENT_RESOURCES, "allocation {nth}")
                }
            }
            drop(take_log());
            assert_eq!(machine.kernel.verifier().tags, before, "allocation {nth}");
        }
        unreachable!("it is added in the end");
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// A create request fails without memory, and leaves no file object (FLT-24).
#[test]
fn a_create_that_cannot_be_allocated_leaves_nothing() {
    with_device(plain(), with_file_objects(), |machine, _| {
        let before = machine.kernel.verifier().tags;
        for nth in 1..10 {
            machine.kernel.fail_nth_allocation(nth);
            match machine.kernel.open_interface(&CLASS) {
                Ok(_) => return assert!(nth > 2, "only {nth} allocations"),
                Err(status) => assert_eq!(status.0, STATUS_INSUFFICIENT_RESOURCES),
            }
            assert!(take_log().is_empty(), "FLT-27");
            assert_eq!(machine.kernel.verifier().tags, before, "allocation {nth}");
        }
        unreachable!("it opens in the end");
    });
}

/// A symbolic link or interface can be created after an attempt has failed (FLT-22, FLT-23).
#[test]
fn links_and_interfaces_that_cannot_be_allocated_can_be_tried_again() {
    let hooks = Hooks::default()
        .init(|init| {
            let name = unicode(r"\Device\T");
            assert_eq!(wdf!(WdfDeviceInitAssignName(init, &name)), STATUS_SUCCESS);
        })
        .created(|device| {
            let link = unicode(r"\DosDevices\T");
            fail_nth_allocation(1);
            let status = wdf!(WdfDeviceCreateSymbolicLink(device, &link));
            assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
            assert_eq!(
                wdf!(WdfDeviceCreateSymbolicLink(device, &link)),
                STATUS_SUCCESS
            );
            let reference = unicode("second");
            for nth in 1..6 {
                fail_nth_allocation(nth);
                let status = wdf!(WdfDeviceCreateDeviceInterface(device, &CLASS, &reference));
                if status == STATUS_SUCCESS {
                    fail_nth_allocation(NEVER);
                    assert!(nth > 2, "only {nth} allocations");
                    return STATUS_SUCCESS;
                }
                assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
            }
            STATUS_UNSUCCESSFUL
        });
    with_device(plain(), hooks, |machine, _| {
        assert_eq!(machine.kernel.interfaces(&CLASS).len(), 2);
        drop(machine.kernel.open(r"\\.\T").expect("opens"));
    });
}

/// All checks on; the framework's own allocator fails after `count` allocations.
pub(crate) fn failing_after(count: u32) -> nt_model::Config {
    let mut config = verified();
    config.registry.push(nt_model::RegistryValue {
        key: r"Parameters\Wdf".into(),
        name: "VerifierAllocateFailCount".into(),
        data: nt_model::RegistryData::Dword(count),
    });
    config
}

/// The framework's own allocator fails after the count, and six allocations are too few for a
/// driver (VER-21, FLT-17).
#[test]
fn the_verifier_can_fail_the_frameworks_allocations() {
    let refused = in_turn(|| {
        boot(failing_after(6), Hooks::default(), |kernel| {
            load(kernel).err()
        })
    });
    let refused = refused.unwrap_or_else(|stop| panic!("{stop}"));
    assert_eq!(
        refused.expect("does not load").0,
        STATUS_INSUFFICIENT_RESOURCES
    );

    let outcome = run(failing_after(12), Hooks::default(), |machine| {
        let failure = machine.try_add().expect_err("cannot be added");
        assert_eq!(failure.0, STATUS_INSUFFICIENT_RESOURCES);
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}
