//! What the model does about statics that drivers share, and values that outlive their driver: on Windows
//! each load has statics of its own, and none of a driver's code runs after its unload.

use super::driver::{self, INTERFACE, run_body, scenario};
use kmdf::{
    DeviceInit, Driver, DriverParent, Memory, NonPagedNx, Paged, PagedLookaside, Passive, PoolBox,
    PoolBuffer, PreallocatedMemory, Result, SpinLock, Tag, WaitLock, driver_entry,
};
use kmdf_test::{DriverEntryPoint, Failure, Scenario};
use std::any::Any;
use std::sync::{Mutex, PoisonError};

const TAG: Tag = Tag::new(b"Load");

struct Other;
driver_entry!(Other);

impl Driver for Other {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, _init: DeviceInit<'_>, _irql: &mut Passive) -> Result<()> {
        Ok(())
    }
}

fn stopped_by<T>(outcome: std::result::Result<T, Failure>, why: &str) {
    let Err(failure) = outcome else {
        panic!("the run went on");
    };
    let stop = failure.stop.to_string();
    assert!(stop.contains("MODEL_STOP") && stop.contains(why), "{stop}");
}

#[test]
fn a_driver_is_not_loaded_twice_at_a_time() {
    let entry = driver::fx_driver_entry;
    let outcome = scenario().try_run(move |test| test.kernel().load_driver("again", entry).is_ok());
    stopped_by(outcome, "a second driver is loaded while the first is");
}

#[test]
fn another_driver_is_not_loaded_at_the_same_time() {
    let other = Scenario::new("other", fx_driver_entry).without_device();
    let entry = driver::fx_driver_entry;
    let outcome = other.try_run(move |test| test.kernel().load_driver("again", entry).is_ok());
    stopped_by(outcome, "a second driver is loaded while the first is");
}

/// What a stopped run left in the statics is none of the next run's.
#[test]
fn drivers_are_loaded_one_after_the_other() {
    a_driver_is_not_loaded_twice_at_a_time();
    scenario().without_driver().run(|test| {
        for _ in 0..3 {
            let entries = [
                ("one", driver::fx_driver_entry as DriverEntryPoint),
                ("other", fx_driver_entry),
            ];
            for (service, entry) in entries {
                let driver = test.kernel().load_driver(service, entry).expect("loads");
                driver.unload().expect("nothing is left");
            }
        }
    });
}

/// Makes a value in a driver, unloads it, and drops the value.
fn dropped_after_the_unload<T: Send + 'static>(
    make: impl FnOnce(&mut Passive) -> Result<T> + Send + 'static,
) {
    used_after_the_unload(make, drop);
}

fn used_after_the_unload<T: Send + 'static>(
    make: impl FnOnce(&mut Passive) -> Result<T> + Send + 'static,
    using: impl FnOnce(T) + Send + 'static,
) {
    let outcome = scenario().try_run(|test| {
        let file = test.open(INTERFACE);
        let value = run_body(&file, |_, irql| make(irql)).expect("memory is there");
        file.close();
        test.device().remove().expect("nothing is open");
        test.driver().unload().expect("what is left is released");
        using(value);
    });
    stopped_by(
        outcome,
        "a value is used that belongs to a driver which was unloaded",
    );
}

#[test]
fn a_value_is_not_dropped_after_its_driver() {
    dropped_after_the_unload(|irql| Memory::<Paged>::new(&DriverParent, TAG, 8, irql));
    dropped_after_the_unload(|irql| Memory::<NonPagedNx>::new_uninit(&DriverParent, TAG, 8, irql));
    dropped_after_the_unload(|irql| PoolBuffer::<NonPagedNx>::new(TAG, 8, irql));
    dropped_after_the_unload(|irql| {
        PreallocatedMemory::new(&DriverParent, PoolBuffer::<Paged>::new(TAG, 8, irql)?)
    });
    dropped_after_the_unload(|_| PoolBox::new(TAG, [1; 8]));
    dropped_after_the_unload(|_| SpinLock::new(&DriverParent, 1));
    dropped_after_the_unload(|_| WaitLock::new(&DriverParent, 1));
    dropped_after_the_unload(|irql| PagedLookaside::new(TAG, 64, irql));
    dropped_after_the_unload(|irql| PagedLookaside::new(TAG, 64, irql)?.allocate(irql));
}

/// These need no witness of a callback.
#[test]
fn a_value_is_not_used_after_its_driver() {
    used_after_the_unload(
        |_| PoolBox::new(TAG, [1; 8]),
        |value| assert_eq!(value[0], 1),
    );
    let list = |irql: &mut Passive| PagedLookaside::new(TAG, 64, irql);
    used_after_the_unload(list, |list| drop(list.clone()));
    used_after_the_unload(list, |list| assert_eq!(list.entry_size(), 64));
    used_after_the_unload(list, |list| assert_eq!(list.counters().frees, 0));
}

/// What a static keeps of one load, as no static on Windows does.
static KEPT: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);

/// Makes a value in the first load of a driver, and uses it in the second.
fn used_in_the_next_load<T: Send + 'static>(
    make: impl FnOnce(&mut Passive) -> Result<T> + Send + 'static,
    using: impl FnOnce(&mut T, &mut Passive) + Send + 'static,
) {
    let outcome = scenario().try_run(|test| {
        let file = test.open(INTERFACE);
        run_body(&file, |_, irql| {
            let value = make(irql).expect("memory is there");
            *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(value));
        });
        file.close();
        test.device().remove().expect("nothing is open");
        test.driver().unload().expect("what is left is released");

        test.load().expect("the driver loads");
        test.add_device().expect("the device starts");
        run_body(&test.open(INTERFACE), |_, irql| {
            let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut kept = std::mem::ManuallyDrop::new(kept.expect("kept by the first load"));
            using(kept.downcast_mut().expect("of this type"), irql);
        });
    });
    stopped_by(
        outcome,
        "a value is used that belongs to a driver which was unloaded",
    );
}

#[test]
fn what_a_static_keeps_is_not_used_in_the_next_load() {
    used_in_the_next_load(
        |_| SpinLock::new(&DriverParent, 1),
        |lock, irql| assert_eq!(lock.with(irql, |value, _| *value), Ok(1)),
    );
    used_in_the_next_load(
        |_| WaitLock::new(&DriverParent, 1),
        |lock, irql| assert_eq!(lock.with(irql, |value, _| *value), Ok(1)),
    );
    used_in_the_next_load(
        |irql| Memory::<Paged>::new(&DriverParent, TAG, 8, irql),
        |memory, irql| assert_eq!(memory.bytes(irql), [0; 8]),
    );
    used_in_the_next_load(
        |irql| Memory::<Paged>::new(&DriverParent, TAG, 8, irql),
        |memory, irql| assert_eq!(memory.copy_from(0, b"x", irql), Ok(())),
    );
    used_in_the_next_load(
        |irql| PoolBuffer::<Paged>::new(TAG, 8, irql),
        |buffer, irql| buffer.bytes_mut(irql).fill(1),
    );
    used_in_the_next_load(|_| PoolBox::new(TAG, 1), |value, _| **value = 2);
    used_in_the_next_load(
        |irql| PagedLookaside::new(TAG, 64, irql),
        |list, irql| drop(list.allocate(irql)),
    );
    used_in_the_next_load(
        |irql| PagedLookaside::new(TAG, 64, irql)?.allocate(irql),
        |entry, irql| entry.bytes_mut(irql).fill(1),
    );
}
