//! Windows between two steps of the framework, held open: what a driver can run into there.

use crate::driver::*;
use kmdf_model::{Window, hold_windows};
use kmdf_sys::*;
use nt_model::Stop;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A thread is in the window that a test holds open.
static REACHED: AtomicBool = AtomicBool::new(false);
/// It may go on.
static GO: AtomicBool = AtomicBool::new(false);

fn wait_for(flag: &AtomicBool) {
    let start = Instant::now();
    while !flag.load(Ordering::Acquire) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "it never happens"
        );
        std::thread::yield_now();
    }
}

/// Deletes paged memory of a device at DISPATCH_LEVEL, on a thread of its own. `meanwhile` gets the
/// device when the memory has left it and is on no dispose list yet.
fn delete_memory_at_dispatch_level(
    meanwhile: impl FnOnce(nt_model::Device) -> Option<nt_model::Device> + Send + 'static,
) -> Result<(), Stop> {
    let memory = Slot::default();
    let made = memory.clone();
    let hooks = Hooks::default().created(move |device| {
        let mut attributes = under(device);
        let mut handle: WDFMEMORY = null_mut();
        let status = wdf!(WdfMemoryCreate(
            &mut attributes,
            _POOL_TYPE::PagedPool,
            0,
            100,
            &mut handle,
            null_mut()
        ));
        made.set(handle);
        status
    });
    let outcome = run(plain(), hooks, move |machine| {
        REACHED.store(false, Ordering::Release);
        GO.store(false, Ordering::Release);
        hold_windows(Some(|window| {
            if window == Window::DeferredDisposal {
                REACHED.store(true, Ordering::Release);
                wait_for(&GO);
            }
        }));
        let device = machine.add();
        let memory: WDFMEMORY = memory.get();
        let memory = memory.expose_provenance();
        let left = std::thread::scope(|scope| {
            scope.spawn(|| {
                let memory: WDFOBJECT = std::ptr::with_exposed_provenance_mut(memory);
                let kernel = &machine.kernel;
                kernel.at_irql(DISPATCH_LEVEL as u8, || wdf!(WdfObjectDelete(memory)));
            });
            wait_for(&REACHED);
            let device = meanwhile(device);
            GO.store(true, Ordering::Release);
            device
        });
        if let Some(device) = left {
            device.remove().expect("nothing is open");
        }
    });
    hold_windows(None);
    outcome
}

/// OBJ-58: between leaving its parent and the dispose list of its device, an object is known to
/// nobody who would wait for it, and finds the device by its address.
#[test]
fn removal_between_the_two_steps_of_a_deletion_at_dispatch_level_frees_the_device_under_it() {
    let stop = delete_memory_at_dispatch_level(|device| {
        device.remove().expect("nothing is open");
        None
    })
    .expect_err("the device is used after it was freed");
    assert_eq!(stop.code, PAGE_FAULT_IN_FREED_SPECIAL_POOL, "{stop}");
}

/// OBJ-58: afterwards the dispose list has it, for which the removal waits.
#[test]
fn removal_after_a_deletion_at_dispatch_level_waits_for_the_dispose_list() {
    delete_memory_at_dispatch_level(Some).expect("no stop");
}
