//! The function table that clients bind to.

use crate::driver::*;
use kmdf_sys::*;

/// An entry of the table that the driver bound to.
fn entry(index: usize) -> WDFFUNC {
    // SAFETY: Bound, so the table is there.
    let table = unsafe { WdfFunctions };
    let entry = table.wrapping_add(index);
    // SAFETY: The callers' indices are below the count of the table.
    unsafe { *entry }
}

/// Every entry of the function table is a function, no two the same (DEV-6, DEV-8).
#[test]
fn every_entry_is_a_function_of_its_own() {
    run(plain(), |_| {
        let count = _WDFFUNCENUM::WdfFunctionTableNumEntries as usize;
        assert_eq!(count, 458);
        let mut entries: Vec<_> = (0..count)
            .map(|index| entry(index).unwrap() as usize)
            .collect();
        entries.sort_unstable();
        entries.dedup();
        assert_eq!(entries.len(), count);
    })
    .unwrap();
}

/// A call that is not modelled stops the run with its name.
#[test]
#[cfg_attr(other_framework, ignore = "about what the model lacks")]
fn entry_that_is_not_modelled_stops_the_run_by_name() {
    let calls = [
        (
            _WDFFUNCENUM::WdfChildListCreateTableIndex,
            "WdfChildListCreate",
        ),
        (
            _WDFFUNCENUM::WdfDeviceInitSetRemoveLockOptionsTableIndex,
            "WdfDeviceInitSetRemoveLockOptions",
        ),
        (
            _WDFFUNCENUM::WdfIoTargetFormatRequestForReadTableIndex,
            "WdfIoTargetFormatRequestForRead",
        ),
        (_WDFFUNCENUM::WdfRequestCreateTableIndex, "WdfRequestCreate"),
        (_WDFFUNCENUM::WdfRequestReuseTableIndex, "WdfRequestReuse"),
        (
            _WDFFUNCENUM::WdfUsbTargetDeviceCreateTableIndex,
            "WdfUsbTargetDeviceCreate",
        ),
        (
            _WDFFUNCENUM::WdfDeviceSetDeviceInterfaceStateExTableIndex,
            "WdfDeviceSetDeviceInterfaceStateEx",
        ),
    ];
    for (index, name) in calls {
        let stop = stop_of(plain(), move |_| {
            let function = entry(index as usize).unwrap();
            // SAFETY: Entries that are not modelled look at no arguments.
            unsafe { function() }
        });
        assert_model_stop(&stop, name);
    }
}
