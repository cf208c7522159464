//! The loader's handshake and WdfDriverCreate (DEV-1 to DEV-24).

use crate::driver::*;
use kmdf_sys::entry::fx_driver_entry;
use kmdf_sys::loader::{WDF_BIND_INFO, WDF_VERSION, WdfVersionBind, WdfVersionUnbind};
use kmdf_sys::*;
use nt_model::{Pool, Stop};
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

/// The DriverEntry of the driver under test.
type Entry = Box<dyn Fn(PDRIVER_OBJECT, PCUNICODE_STRING) -> NTSTATUS + Send>;
static ENTRY: Mutex<Option<Entry>> = Mutex::new(None);

unsafe extern "C" fn image_entry(object: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: Called by the kernel as the image's entry point.
    unsafe { fx_driver_entry(object, path, driver_entry) }
}

unsafe extern "C" fn driver_entry(object: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    let entry = ENTRY.lock().unwrap_or_else(PoisonError::into_inner).take();
    guarded(|| entry.expect("loaded once")(object, path))
}

/// Loads a driver by the service name with this DriverEntry; `Ok` if it loaded and unloaded.
fn load(
    service: &'static str,
    entry: impl Fn(PDRIVER_OBJECT, PCUNICODE_STRING) -> NTSTATUS + Send + 'static,
) -> Result<Result<(), NTSTATUS>, Stop> {
    // Through the other driver's turn, so that one machine uses the binding at a time.
    in_turn(move || {
        *ENTRY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(entry));
        nt_model::run(plain(), move |kernel| {
            let driver = kernel
                .load_driver(service, image_entry)
                .map_err(|status| status.0)?;
            driver.unload().map_err(|status| status.0)
        })
    })
}

fn loaded(
    service: &'static str,
    entry: impl Fn(PDRIVER_OBJECT, PCUNICODE_STRING) -> NTSTATUS + Send + 'static,
) -> Result<(), NTSTATUS> {
    load(service, entry).unwrap_or_else(|stop| panic!("{stop}"))
}

fn config() -> WDF_DRIVER_CONFIG {
    WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        EvtDriverDeviceAdd: Some(add_nothing),
        ..WDF_DRIVER_CONFIG::default()
    }
}

unsafe extern "C" fn add_nothing(_: WDFDRIVER, _: PWDFDEVICE_INIT) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "C" fn unload(_: WDFDRIVER) {
    log("unload");
}

fn create(
    object: PDRIVER_OBJECT,
    path: PCUNICODE_STRING,
    mut config: WDF_DRIVER_CONFIG,
) -> NTSTATUS {
    let mut driver = std::ptr::dangling_mut();
    let status = wdf!(WdfDriverCreate(
        object,
        path,
        null_mut(),
        &mut config,
        &mut driver
    ));
    assert_eq!(
        status == STATUS_SUCCESS,
        !driver.is_null() && driver.addr() != 4
    );
    status
}

/// WdfVersionBind rejects unknown versions and numbers of functions (DEV-6, DEV-7, DEV-9).
#[test]
fn a_bind_checks_version_pointers_and_function_count() {
    let refused = in_turn(|| {
        nt_model::run(plain(), |_| {
            let mut table: *const WDFFUNC = std::ptr::null();
            let mut bound: PWDF_DRIVER_GLOBALS = null_mut();
            let mut info = WDF_BIND_INFO {
                Size: size_of::<WDF_BIND_INFO>() as ULONG,
                Component: null_mut(),
                Version: WDF_VERSION {
                    Major: 1,
                    Minor: 33,
                    Build: 0,
                },
                FuncCount: 458,
                FuncTable: (&raw mut table).cast(),
                Module: null_mut(),
            };
            let mut bind = |info: &mut WDF_BIND_INFO| {
                // SAFETY: All pointers are valid.
                unsafe { WdfVersionBind(null_mut(), null_mut(), info, &mut bound) }
            };
            info.FuncCount = 459;
            assert_eq!(bind(&mut info), STATUS_INVALID_PARAMETER);
            info.FuncCount = 445;
            assert_eq!(bind(&mut info), STATUS_INVALID_PARAMETER);
            info.FuncCount = 458;
            info.Version.Minor = 34;
            assert_ne!(bind(&mut info), STATUS_SUCCESS);
            info.Version.Minor = 33;
            assert_eq!(bind(&mut info), STATUS_SUCCESS);
            assert!(!table.is_null(), "newer clients get the table's address");
            // SAFETY: Bound just now.
            let fresh = unsafe { *bound };
            assert!(fresh.Driver.is_null() && fresh.DriverTag == 0, "DEV-9");
            // SAFETY: The bind gave these globals, which are not used afterwards.
            let unbound = unsafe { WdfVersionUnbind(null_mut(), &mut info, bound) };
            assert_eq!(unbound, STATUS_SUCCESS);
            let mut copy: [WDFFUNC; 396] = [None; 396];
            info.Version.Minor = 9;
            info.FuncCount = 396;
            info.FuncTable = copy.as_mut_ptr();
            let mut old: PWDF_DRIVER_GLOBALS = null_mut();
            // SAFETY: All pointers are valid.
            let status = unsafe { WdfVersionBind(null_mut(), null_mut(), &mut info, &mut old) };
            assert_eq!(status, STATUS_SUCCESS);
            assert!(copy.iter().all(Option::is_some), "older clients get a copy");
            // SAFETY: Bound just now.
            let unbound = unsafe { WdfVersionUnbind(null_mut(), &mut info, old) };
            assert_eq!(unbound, STATUS_SUCCESS);
        })
    });
    refused.unwrap_or_else(|stop| panic!("{stop}"));
}

/// WdfDriverCreate has three required pointers (DEV-11, OBJ-72).
#[test]
fn the_driver_object_the_path_and_the_configuration_are_required() {
    for missing in 0..3 {
        let stop = load("Tdrv", move |object, path| {
            let mut config = config();
            let object = if missing == 0 { null_mut() } else { object };
            let path = if missing == 1 { std::ptr::null() } else { path };
            let config = if missing == 2 {
                null_mut()
            } else {
                &raw mut config
            };
            wdf!(WdfDriverCreate(
                object,
                path,
                null_mut(),
                config,
                null_mut()
            ))
        });
        assert_violation(&stop.expect_err("a bug check"), 4, 0);
    }
}

/// WdfDriverCreate can be called again after it has failed (DEV-12, DEV-13, DEV-15, DEV-17, DEV-18,
/// DEV-24).
#[test]
fn a_bad_configuration_is_refused_and_may_be_corrected() {
    let outcome = loaded("Tdrv", |object, path| {
        let sized = WDF_DRIVER_CONFIG {
            Size: 1,
            ..config()
        };
        let mut unused = sized;
        let status = wdf!(WdfDriverCreate(
            object,
            path,
            null_mut(),
            &mut unused,
            null_mut()
        ));
        assert_eq!(status, STATUS_INFO_LENGTH_MISMATCH);
        for flags in [4, 8, 32] {
            let flagged = WDF_DRIVER_CONFIG {
                DriverInitFlags: flags,
                ..config()
            };
            let mut unused = flagged;
            let status = wdf!(WdfDriverCreate(
                object,
                path,
                null_mut(),
                &mut unused,
                null_mut()
            ));
            assert_eq!(status, STATUS_INVALID_PARAMETER);
        }
        // SAFETY: The kernel passes a string that lives for the call.
        let given = unsafe { *path };
        let odd = UNICODE_STRING { Length: 3, ..given };
        let mut good = config();
        let status = wdf!(WdfDriverCreate(
            object,
            &odd,
            null_mut(),
            &mut good,
            null_mut()
        ));
        assert_eq!(status, STATUS_INVALID_PARAMETER);
        let non_pnp = WDF_DRIVER_CONFIG {
            DriverInitFlags: 1,
            ..config()
        };
        assert_eq!(create(object, path, non_pnp), STATUS_INVALID_PARAMETER);
        let mut attributes = under(std::ptr::dangling_mut::<u8>());
        let status = wdf!(WdfDriverCreate(
            object,
            path,
            &mut attributes,
            &mut good,
            null_mut()
        ));
        assert_eq!(status, STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
        assert!(globals().Driver.is_null());
        create(object, path, config())
    });
    assert_eq!(outcome, Ok(()));
}

/// A second WdfDriverCreate fails with STATUS_DRIVER_INTERNAL_ERROR (DEV-16).
#[test]
fn there_is_one_driver_object() {
    let outcome = loaded("Tdrv", |object, path| {
        assert_eq!(create(object, path, config()), STATUS_SUCCESS);
        let mut again = config();
        let status = wdf!(WdfDriverCreate(
            object,
            path,
            null_mut(),
            &mut again,
            null_mut()
        ));
        assert_eq!(status, STATUS_DRIVER_INTERNAL_ERROR);
        STATUS_SUCCESS
    });
    assert_eq!(outcome, Ok(()));
}

/// The driver's name and default tag come from its service, unless it gives a tag (MEM-1, MEM-2, MEM-3, C3,
/// C4).
#[test]
fn name_and_tag_come_from_the_service_unless_a_tag_is_given() {
    let tag = |text: &[u8; 4]| u32::from_le_bytes(*text);
    let cases: [(&str, u32, u32); 8] = [
        ("Sample", 0, tag(b"Samp")),
        ("wdfThing", 0, tag(b"Thin")),
        ("WDFabc", 0, tag(b"abc\0")),
        ("WdFab", 0, 0),
        ("ab", 0, 0),
        ("abc", 0, tag(b"abc\0")),
        ("Sample", tag(b"Mine"), tag(b"Mine")),
        ("Sample", tag(b"Ddk "), tag(b"Samp")),
    ];
    for (service, given, wanted) in cases {
        let outcome = loaded(service, move |object, path| {
            let config = WDF_DRIVER_CONFIG {
                DriverPoolTag: given,
                ..config()
            };
            let status = create(object, path, config);
            let globals = globals();
            assert_eq!(globals.DriverTag, wanted, "{service}");
            let name: Vec<u8> = globals.DriverName.iter().map(|&byte| byte as u8).collect();
            assert_eq!(&name[..service.len()], service.as_bytes());
            assert_eq!(name[service.len()], 0);
            status
        });
        assert_eq!(outcome, Ok(()));
    }
}

/// DriverInitFlags decide which routines of the WDM driver object the framework sets (DEV-20,
/// DEV-21).
#[test]
fn the_driver_object_is_taken_over_as_the_flags_say() {
    const NON_PNP: u32 = 1;
    const NO_DISPATCH: u32 = 2;
    // Flags, EvtDriverUnload given: dispatches, AddDevice, DriverUnload, displaced.
    let cases = [
        (0, false, true, true, true, true),
        (NON_PNP, true, true, false, true, true),
        (NON_PNP, false, true, false, false, false),
        (NON_PNP | NO_DISPATCH, true, false, false, false, true),
        (NO_DISPATCH, false, false, false, false, false),
    ];
    for (flags, has_unload, dispatches, adds, unloads, displaced) in cases {
        let outcome = load("Tdrv", move |object, path| {
            let config = WDF_DRIVER_CONFIG {
                DriverInitFlags: flags,
                EvtDriverDeviceAdd: (flags == 0).then_some(add_nothing as _),
                EvtDriverUnload: has_unload.then_some(unload as _),
                ..config()
            };
            // SAFETY: The kernel's own object.
            let before = unsafe { (*object).MajorFunction[3].map(|routine| routine as usize) };
            assert_eq!(create(object, path, config), STATUS_SUCCESS);
            // SAFETY: The kernel's own object, which lives as long as the driver.
            let after = unsafe { *object };
            let (read, extension) = (after.MajorFunction[3], after.DriverExtension);
            assert_eq!(read.map(|routine| routine as usize) != before, dispatches);
            assert_eq!(after.DriverUnload.is_some(), unloads);
            // SAFETY: Every driver object has one.
            assert_eq!(unsafe { (*extension).AddDevice }.is_some(), adds);
            assert_eq!(globals().DisplaceDriverUnload != 0, displaced);
            assert_eq!(globals().DriverFlags & 3, flags);
            // Not to be unloaded in every case: undone by the failure.
            STATUS_UNSUCCESSFUL
        });
        assert_eq!(
            outcome.unwrap_or_else(|stop| panic!("{stop}")),
            Err(STATUS_UNSUCCESSFUL)
        );
    }
}

/// The stub replaces the unload routine where DisplaceDriverUnload asks for it; other drivers have
/// none (DEV-4).
#[test]
fn the_stub_displaces_the_unload_routine_if_it_is_asked_to() {
    for has_unload in [true, false] {
        let (object, frameworks) = (Slot::default(), Slot::default());
        let (kept, routine) = (object.clone(), frameworks.clone());
        let entry = move |object: PDRIVER_OBJECT, path| {
            let config = WDF_DRIVER_CONFIG {
                DriverInitFlags: 1,
                EvtDriverDeviceAdd: None,
                EvtDriverUnload: has_unload.then_some(unload as _),
                ..config()
            };
            let status = create(object, path, config);
            assert_eq!(globals().DisplaceDriverUnload != 0, has_unload);
            kept.set(object);
            routine.set(unload_of(object));
            status
        };
        let outcome = in_turn(move || {
            *ENTRY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(entry));
            nt_model::run(plain(), move |kernel| {
                let driver = kernel.load_driver("Tdrv", image_entry).expect("loads");
                let (now, then) = (unload_of(object.get()), frameworks.get::<u8>());
                assert_eq!(then.is_null(), !has_unload);
                assert_eq!(now != then, has_unload);
                driver.unload().map_err(|status| status.0)
            })
        });
        let unloaded = outcome.unwrap_or_else(|stop| panic!("{stop}"));
        assert_eq!(unloaded.is_ok(), has_unload);
    }
}

/// The unload routine of a driver object, or NULL.
fn unload_of(object: PDRIVER_OBJECT) -> *mut u8 {
    // SAFETY: The kernel's own object, of a loaded driver.
    let routine = unsafe { (*object).DriverUnload };
    routine.map_or(null_mut(), |routine| routine as *mut u8)
}

/// The level is checked once the verifier is known to be on, which is after a first call has failed
/// (DEV-14, DEV-24).
#[test]
fn the_level_is_checked_from_the_second_call_on() {
    let outcome = in_turn(|| {
        nt_model::run(verified(), |kernel| {
            let machine = kernel.clone();
            let entry = move |object, path: PCUNICODE_STRING| {
                // SAFETY: The kernel passes a string that lives for the call.
                let given = unsafe { *path };
                let odd = UNICODE_STRING { Length: 3, ..given };
                assert_eq!(
                    machine.at_irql(1, || create(object, &odd, config())),
                    STATUS_INVALID_PARAMETER
                );
                // The first one is the lock verifier's (FLT-17).
                machine.fail_nth_allocation(2);
                assert_eq!(
                    create(object, path, config()),
                    STATUS_INSUFFICIENT_RESOURCES
                );
                let mut config = config();
                let none = null_mut();
                let mut again =
                    || wdf!(WdfDriverCreate(object, &odd, none, &mut config, null_mut()));
                assert_eq!(
                    machine.at_irql(1, &mut again),
                    STATUS_INVALID_DEVICE_REQUEST
                );
                assert_eq!(again(), STATUS_INVALID_PARAMETER);
                create(object, path, config)
            };
            *ENTRY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(entry));
            let driver = kernel.load_driver("Tdrv", image_entry).expect("loads");
            driver.unload().expect("unloads");
        })
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"));
}

/// After a failed DriverEntry the unbind deletes the driver object (DEV-3, DEV-10).
#[test]
fn a_failing_driver_entry_has_its_objects_deleted_and_unload_is_not_called() {
    let outcome = loaded("Tdrv", |object, path| {
        let config = WDF_DRIVER_CONFIG {
            EvtDriverUnload: Some(unload),
            ..config()
        };
        assert_eq!(create(object, path, config), STATUS_SUCCESS);
        logged_object(null_mut::<u8>(), "left over");
        STATUS_NOT_SUPPORTED
    });
    assert_eq!(outcome, Err(STATUS_NOT_SUPPORTED));
}

/// A success status of DriverEntry other than STATUS_SUCCESS becomes STATUS_SUCCESS (DEV-3).
#[test]
fn the_stub_makes_every_success_a_plain_one() {
    let outcome = loaded("Tdrv", |object, path| {
        assert_eq!(create(object, path, config()), STATUS_SUCCESS);
        STATUS_OBJECT_NAME_EXISTS
    });
    assert_eq!(outcome, Ok(()));
}

/// The status of WdfDriverCreate with the verifier on if its `nth` allocation fails.
pub(crate) fn create_failing(nth: u64) -> NTSTATUS {
    let outcome = in_turn(|| {
        nt_model::run(verified(), move |kernel| {
            let machine = kernel.clone();
            let entry = move |object, path: PCUNICODE_STRING| {
                machine.fail_nth_allocation(nth);
                create(object, path, config())
            };
            *ENTRY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(entry));
            match kernel.load_driver("Tdrv", image_entry) {
                Ok(driver) => driver
                    .unload()
                    .map_or_else(|status| status.0, |()| STATUS_SUCCESS),
                Err(status) => status.0,
            }
        })
    });
    outcome.unwrap_or_else(|stop| panic!("{stop}"))
}

/// With the verifier on, the first allocation of WdfDriverCreate may fail (FLT-17).
#[test]
fn the_lock_verifier_may_have_no_memory() {
    assert_eq!(create_failing(1), STATUS_SUCCESS);
    assert_eq!(create_failing(2), STATUS_INSUFFICIENT_RESOURCES);
}

/// The copy of the registry path is paged pool with the driver's tag (FLT-17, MEM-2).
#[test]
fn the_copy_of_the_registry_path_is_pageable() {
    run(plain(), Hooks::default(), |machine| {
        let report = machine.kernel.verifier();
        let tag = u32::from_le_bytes(*b"Tdrv");
        let paged = |entry: &&nt_model::TagUse| entry.tag == tag && entry.pool == Pool::Paged;
        assert_eq!(
            report
                .tags
                .iter()
                .filter(paged)
                .map(|entry| entry.blocks)
                .sum::<u64>(),
            1
        );
    })
    .unwrap_or_else(|stop| panic!("{stop}"));
}

/// A failed allocation in WdfDriverCreate frees everything that was allocated before (FLT-17,
/// FLT-26, DEV-19).
#[test]
fn a_driver_that_cannot_be_allocated_leaves_nothing() {
    for nth in 1..12 {
        let outcome = in_turn(move || {
            *ENTRY.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Box::new(|object, path| create(object, path, config())));
            nt_model::run(plain(), move |kernel| {
                kernel.fail_nth_allocation(nth);
                match kernel.load_driver("Tdrv", image_entry) {
                    Ok(driver) => driver.unload().map_err(|status| status.0),
                    Err(status) => Err(status.0),
                }
            })
        });
        match outcome.unwrap_or_else(|stop| panic!("{stop}")) {
            Ok(()) => return assert!(nth >= 6, "only {nth} allocations"),
            // If the globals cannot be allocated, the bind returns STATUS_INVALID_PARAMETER
            // (DEV-7).
            Err(status) if nth == 1 => assert_eq!(status, STATUS_INVALID_PARAMETER),
            Err(status) => assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES, "allocation {nth}"),
        }
    }
    unreachable!("it loads in the end");
}

/// A function that the model does not have stops the run with its name (DEV-8).
#[test]
#[cfg_attr(other_framework, ignore = "about what the model lacks")]
fn a_function_that_is_not_modelled_stops_the_run_by_name() {
    let stop = load("Tdrv", |_, _| {
        // SAFETY: The bound table.
        let table = unsafe { WdfFunctions };
        let index = _WDFFUNCENUM::WdfTimerCreateTableIndex as usize;
        // SAFETY: Below the count that was bound.
        let entry = unsafe { table.add(index) };
        // SAFETY: An entry of the table that was bound.
        let entry = unsafe { *entry };
        // SAFETY: Stops the run whatever the arguments.
        unsafe { entry.expect("no entry is empty")() };
        STATUS_SUCCESS
    });
    assert_model_stop(&stop.expect_err("a stop"), "WdfTimerCreate");
}

/// An export driver is entered without a driver object, and is not bound (DEV-1).
#[test]
fn without_a_driver_object_the_stub_only_calls_driver_entry() {
    unsafe extern "C" fn entry(object: PDRIVER_OBJECT, _: PCUNICODE_STRING) -> NTSTATUS {
        assert!(object.is_null());
        STATUS_OBJECT_NAME_EXISTS
    }
    // SAFETY: An export driver's entry: nothing is bound.
    let status = unsafe { fx_driver_entry(null_mut(), null_mut(), entry) };
    assert_eq!(
        status, STATUS_OBJECT_NAME_EXISTS,
        "not made a plain success"
    );
}

/// The stub copies the registry path for the framework, and DriverEntry gets the original (DEV-2).
#[test]
fn driver_entry_gets_the_kernels_own_path_and_the_framework_keeps_a_copy() {
    let outcome = loaded("Tdrv", |object, path| {
        assert_eq!(create(object, path, config()), STATUS_SUCCESS);
        // SAFETY: The kernel passes a string that lives for the call.
        let original = unsafe { *path };
        let kept = wdf!(WdfDriverGetRegistryPath(globals().Driver));
        assert_ne!(kept, original.Buffer);
        let length = usize::from(original.Length / 2);
        // SAFETY: Both have that many characters.
        let wanted = unsafe { std::slice::from_raw_parts(original.Buffer, length) };
        // SAFETY: The framework's copy has the same characters and a NUL.
        let found = unsafe { std::slice::from_raw_parts(kept, length + 1) };
        assert_eq!((&found[..length], found[length]), (wanted, 0));
        assert_eq!(wdf!(WdfDriverWdmGetDriverObject(globals().Driver)), object);
        STATUS_SUCCESS
    });
    assert_eq!(outcome, Ok(()));
}

/// WdfDriverIsVersionAvailable: the framework is version 1.33.
#[test]
fn the_framework_says_which_versions_it_is() {
    let outcome = loaded("Tdrv", |object, path| {
        let status = create(object, path, config());
        for (major, minor, available) in [(1, 0, 1), (1, 33, 1), (1, 34, 0), (2, 0, 0)] {
            let mut wanted = WDF_DRIVER_VERSION_AVAILABLE_PARAMS {
                Size: size_of::<WDF_DRIVER_VERSION_AVAILABLE_PARAMS>() as ULONG,
                MajorVersion: major,
                MinorVersion: minor,
            };
            let driver = globals().Driver;
            assert_eq!(
                wdf!(WdfDriverIsVersionAvailable(driver, &mut wanted)),
                available
            );
        }
        status
    });
    assert_eq!(outcome, Ok(()));
}
