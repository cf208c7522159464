//! Drivers that make a mistake, and the bug check that each gets: what the models are for.
//!
//! The wrappers make these mistakes impossible; these drivers go round them with `unsafe`.

#![cfg(not(wdk))]

use std::mem;
use std::ptr::{null, null_mut};

use kmdf::{Device, DeviceInit, Driver, Passive, Result, Tag};
use kmdf_sys::{call_unsafe_wdf_function_binding, ntddk};
use kmdf_test::{Config, DriverEntryPoint, Scenario, Stop, Verifier};

const TAG: Tag = Tag::new(b"Oops");

/// Loads a driver and unloads it again, in which it is stopped.
fn stopped(config: Config, entry: DriverEntryPoint) -> Stop {
    let scenario = Scenario::new("oops", entry).config(config).without_device();
    let failure = scenario.try_run(|_| ());
    failure.expect_err("the mistake stops the run").stop
}

fn unverified() -> Config {
    Config {
        verifier: Verifier::off(),
        ..Config::default()
    }
}

/// Declares a driver that does something wrong when it is loaded.
macro_rules! wrong_driver {
    ($name:ident, $mistake:expr) => {
        mod $name {
            use super::*;

            struct Wrong;
            kmdf::driver_entry!(Wrong);

            impl Driver for Wrong {
                fn load(irql: &mut Passive) -> Result<Self> {
                    let mistake: fn(&mut Passive) -> Result<()> = $mistake;
                    mistake(irql)?;
                    Ok(Self)
                }

                fn add_device(&self, init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
                    let _: Device<'_> = init.create(NoState, irql)?;
                    Ok(())
                }
            }

            struct NoState;
            kmdf::context!(NoState);
        }
    };
}

wrong_driver!(forgets_a_reference, |_irql| {
    let (mut memory, mut buffer) = (null_mut(), null_mut());
    // SAFETY: The driver runs at PASSIVE_LEVEL here; attributes are optional.
    let status = unsafe {
        call_unsafe_wdf_function_binding!(
            WdfMemoryCreate,
            null_mut(),
            kmdf_sys::_POOL_TYPE::PagedPool,
            TAG.value(),
            100,
            &mut memory,
            &mut buffer
        )
    };
    assert_eq!(status, 0);
    // SAFETY: The object was created above. The reference is never given back, which is the defect.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfObjectReferenceActual,
            memory.cast(),
            null_mut(),
            0,
            null()
        )
    };
    Ok(())
});

wrong_driver!(forgets_pool, |_irql| {
    // SAFETY: The driver runs at PASSIVE_LEVEL here, where any pool may be allocated from.
    let block =
        unsafe { ntddk::ExAllocatePoolWithTag(kmdf_sys::_POOL_TYPE::PagedPool, 100, TAG.value()) };
    assert!(!block.is_null());
    Ok(())
});

/// C10, L5: what is never given back is still there when the driver is unloaded. The framework's own verifier
/// is the first to see its object, and breaks into a debugger that is not there.
#[test]
fn memory_never_given_back_is_0xc4_62_at_unload() {
    let verifier = Verifier {
        wdf: false,
        ..Verifier::standard()
    };
    let config = Config {
        verifier,
        ..Config::default()
    };
    for entry in [
        forgets_a_reference::fx_driver_entry as DriverEntryPoint,
        forgets_pool::fx_driver_entry,
    ] {
        let stop = stopped(config.clone(), entry);
        assert_eq!((stop.code, stop.parameters[0]), (0xC4, 0x62), "{stop}");
        assert!(stop.message.contains("Oops"), "{stop}");
    }
    let stop = stopped(Config::default(), forgets_a_reference::fx_driver_entry);
    assert_eq!(
        (stop.code, stop.parameters[0]),
        (0x1E, 0x8000_0003),
        "{stop}"
    );
}

/// An initialised list, left to its mistake.
fn raw_list() -> *mut kmdf_sys::PAGED_LOOKASIDE_LIST {
    let size = size_of::<kmdf_sys::PAGED_LOOKASIDE_LIST>() as u64;
    let nonpaged = kmdf_sys::_POOL_TYPE::NonPagedPoolNx;
    // SAFETY: The driver runs at PASSIVE_LEVEL here, where any pool may be allocated from; a page is aligned as
    // the list needs.
    let list = unsafe { ntddk::ExAllocatePoolWithTag(nonpaged, size.max(4096), TAG.value()) };
    let list = list.cast::<kmdf_sys::PAGED_LOOKASIDE_LIST>();
    // SAFETY: The storage is nonpaged, aligned and large enough for a list.
    unsafe { ntddk::ExInitializePagedLookasideList(list, None, None, 0, 64, TAG.value(), 0) };
    list
}

/// `ExAllocateFromPagedLookasideList` and `ExFreeToPagedLookasideList`, as the kernel exports them.
fn exports() -> (
    unsafe extern "C" fn(*mut kmdf_sys::PAGED_LOOKASIDE_LIST) -> kmdf_sys::PVOID,
    unsafe extern "C" fn(*mut kmdf_sys::PAGED_LOOKASIDE_LIST, kmdf_sys::PVOID),
) {
    let find = |name: &str| {
        let units: Vec<u16> = name.encode_utf16().collect();
        let bytes = (units.len() * 2) as u16;
        let mut name = kmdf_sys::UNICODE_STRING {
            Length: bytes,
            MaximumLength: bytes,
            Buffer: units.as_ptr().cast_mut(),
        };
        // SAFETY: The name is valid, and this is PASSIVE_LEVEL.
        let address = unsafe { ntddk::MmGetSystemRoutineAddress(&mut name) };
        assert!(!address.is_null());
        address
    };
    let (allocate, free) = (
        find("ExAllocateFromPagedLookasideList"),
        find("ExFreeToPagedLookasideList"),
    );
    // SAFETY: The kernel's function of this name has this type.
    let allocate =
        unsafe { mem::transmute::<kmdf_sys::PVOID, unsafe extern "C" fn(_) -> _>(allocate) };
    // SAFETY: The kernel's function of this name has this type.
    let free = unsafe { mem::transmute::<kmdf_sys::PVOID, unsafe extern "C" fn(_, _)>(free) };
    (allocate, free)
}

wrong_driver!(frees_twice, |_irql| {
    let list = raw_list();
    let (allocate, free) = exports();
    // SAFETY: The list is initialised.
    let entry = unsafe { allocate(list) };
    // SAFETY: The entry is of this list.
    unsafe { free(list, entry) };
    // SAFETY: There is none: this call is the defect that the test is about.
    unsafe { free(list, entry) };
    Ok(())
});

/// An entry must be given back once (E4).
#[test]
fn an_ex_entry_freed_twice_is_0xc4_13_or_without_the_verifier_0xc2_7() {
    let stop = stopped(Config::default(), frees_twice::fx_driver_entry);
    assert_eq!((stop.code, stop.parameters[0]), (0xC4, 0x13), "{stop}");
    let stop = stopped(unverified(), frees_twice::fx_driver_entry);
    assert_eq!((stop.code, stop.parameters[0]), (0xC2, 0x7), "{stop}");
}

wrong_driver!(touches_at_dispatch, |_irql| {
    let list = raw_list();
    let (allocate, _) = exports();
    // SAFETY: The list is initialised.
    let entry = unsafe { allocate(list) }.cast::<u8>();
    // SAFETY: This is PASSIVE_LEVEL.
    let before = unsafe { ntddk::KfRaiseIrql(kmdf_sys::DISPATCH_LEVEL as u8) };
    // SAFETY: There is none: this call is the defect that the test is about.
    unsafe { entry.write_volatile(1) };
    // SAFETY: The level was raised from this one.
    unsafe { ntddk::KeLowerIrql(before) };
    Ok(())
});

/// A paged entry must not be touched above APC_LEVEL (E5).
#[test]
fn a_paged_entry_touched_at_dispatch_level_is_0xd1() {
    let stop = stopped(Config::default(), touches_at_dispatch::fx_driver_entry);
    assert_eq!((stop.code, stop.parameters[1]), (0xD1, 2), "{stop}");
}

wrong_driver!(allocates_at_dispatch, |_irql| {
    let list = raw_list();
    let (allocate, _) = exports();
    // SAFETY: This is PASSIVE_LEVEL.
    let before = unsafe { ntddk::KfRaiseIrql(kmdf_sys::DISPATCH_LEVEL as u8) };
    // SAFETY: There is none: this call is the defect that the test is about.
    unsafe { allocate(list) };
    // SAFETY: The level was raised from this one.
    unsafe { ntddk::KeLowerIrql(before) };
    Ok(())
});

/// Taking a paged entry needs IRQL <= APC_LEVEL (E6).
#[test]
fn an_entry_allocated_at_dispatch_level_is_0xc4_20006() {
    let stop = stopped(Config::default(), allocates_at_dispatch::fx_driver_entry);
    assert_eq!((stop.code, stop.parameters[0]), (0xC4, 0x2_0006), "{stop}");
}

wrong_driver!(keeps_a_list, |_irql| {
    raw_list();
    Ok(())
});

/// A list must be deleted before the driver is unloaded (E1).
#[test]
fn a_list_left_undeleted_is_0xc7_at_unload() {
    let stop = stopped(Config::default(), keeps_a_list::fx_driver_entry);
    assert_eq!(stop.code, 0xC7, "{stop}");
}
