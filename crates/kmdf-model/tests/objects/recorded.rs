//! Results that KMDF 1.33 is known to give, compared with the framework that the suite runs over.

use crate::common::recorded::{Probe, compare};
use crate::driver::*;
use kmdf_sys::_POOL_TYPE::PagedPool;
use kmdf_sys::*;
use std::ptr::null_mut;

fn size_of_huge_memory() -> String {
    let size = run(plain(), |_| {
        let list = create_list(null_mut(), 0x1_0000_2000, PagedPool, null_mut()).unwrap();
        let memory = take(list).unwrap();
        let (_, size) = buffer_of(memory);
        delete(memory.cast());
        size
    });
    format!("{:#x}", size.unwrap())
}

fn context_in_evt_destroy() -> String {
    static TYPE: ContextType = ContextType::new(c"LATE", 8);
    unsafe extern "C" fn add(object: WDFOBJECT) {
        let mut wanted = WDF_OBJECT_ATTRIBUTES {
            ContextTypeInfo: TYPE.as_ptr(),
            ..attributes()
        };
        wdf!(WdfObjectAllocateContext(object, &mut wanted, null_mut()));
    }
    let outcome = run(plain(), |_| {
        let mut given = attributes();
        given.EvtDestroyCallback = Some(add);
        delete(create_object(&mut given).unwrap());
    });
    match outcome {
        Ok(()) => "nothing".into(),
        Err(stop) => {
            format!("bug check {:#X}, {:#X}", stop.code, stop.parameters[0]).replace("0X", "0x")
        }
    }
}

fn spin_lock_with_bad_attributes() -> String {
    let left = run(plain(), |_| {
        let mut wrong = attributes();
        wrong.ExecutionLevel = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
        let mut lock = 0x40 as WDFSPINLOCK;
        let status = wdf!(WdfSpinLockCreate(&mut wrong, &mut lock));
        assert_eq!(status, STATUS_WDF_EXECUTION_LEVEL_INVALID);
        lock.addr()
    });
    format!("{:#x}", left.unwrap())
}

const PROBES: [(&str, Probe); 3] = [
    ("lookaside of 4 GiB", size_of_huge_memory),
    ("context in EvtDestroy", context_in_evt_destroy),
    (
        "spin lock with bad attributes",
        spin_lock_with_bad_attributes,
    ),
];

#[test]
fn the_framework_gives_the_results_of_kmdf_1_33() {
    compare("objects", &PROBES, |module| {
        Some(match module {
            "contexts" => include_str!("contexts.rs"),
            "locks" => include_str!("locks.rs"),
            "lookaside::list" => include_str!("lookaside/list.rs"),
            _ => return None,
        })
    });
}
