//! Race windows between two steps of the framework, which the tests hold open.

use crate::driver::*;
use kmdf_model::{Hold, Window, hold_windows};
use kmdf_sys::*;
use nt_model::Stop;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A thread is in the window that a test holds open.
static REACHED: AtomicBool = AtomicBool::new(false);
/// Set when that thread may continue.
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

/// Holds the window for which this is called with `true`.
fn hold_if(wanted: bool) {
    if wanted {
        REACHED.store(true, Ordering::Release);
        wait_for(&GO);
    }
}

/// Held by the test that holds a window.
static ALONE: Mutex<()> = Mutex::new(());

/// Has no window held from its end on.
struct Held(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Held {
    fn alone() -> Self {
        Self(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        hold_windows(None);
    }
}

fn hold(hold: Hold) {
    REACHED.store(false, Ordering::Release);
    GO.store(false, Ordering::Release);
    hold_windows(Some(hold));
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
    let _held = Held::alone();
    run(plain(), hooks, move |machine| {
        hold(|window| hold_if(window == Window::DeferredDisposal));
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
    })
}

/// Between its unlinking and the dispose list, nothing waits for an object, whose device may be
/// freed meanwhile (OBJ-58).
#[test]
fn removal_between_the_two_steps_of_a_deletion_at_dispatch_level_frees_the_device_under_it() {
    let stop = delete_memory_at_dispatch_level(|device| {
        device.remove().expect("nothing is open");
        None
    })
    .expect_err("the device is used after it was freed");
    assert_eq!(stop.code, PAGE_FAULT_IN_FREED_SPECIAL_POOL, "{stop}");
}

/// Once the object is on the dispose list, the removal waits for it (OBJ-58).
#[test]
fn removal_after_a_deletion_at_dispatch_level_waits_for_the_dispose_list() {
    delete_memory_at_dispatch_level(Some).expect("no stop");
}

/// Attributes of requests that log their callbacks.
fn logged_requests() -> WDF_OBJECT_ATTRIBUTES {
    unsafe extern "C" fn cleanup(_: WDFOBJECT) {
        log("cleanup");
    }
    unsafe extern "C" fn destroy(_: WDFOBJECT) {
        log("destroy");
    }
    WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(cleanup),
        EvtDestroyCallback: Some(destroy),
        ..attributes()
    }
}

/// A request that is cancelled in a queue is in no list and no count of the queue. Its EvtCleanup
/// runs before the IRP is completed, its EvtDestroy at any time later: nothing waits for it, not
/// even the removal of the device (REQ-37, REQ-54, QUE-60).
#[test]
fn a_request_cancelled_in_a_queue_is_destroyed_when_nothing_counts_it() {
    let waiting = Slot::default();
    let made = waiting.clone();
    let hooks = Hooks::default()
        .init(|init| {
            let mut attributes = logged_requests();
            wdf!(WdfDeviceInitSetRequestAttributes(init, &mut attributes));
        })
        .created(move |device| {
            create_queue(device, default_config(PARALLEL));
            let config = WDF_IO_QUEUE_CONFIG {
                DefaultQueue: 0,
                ..default_config(MANUAL)
            };
            made.set(create_queue(device, config));
            STATUS_SUCCESS
        })
        .control(move |_, request, _, _, _| {
            let forwarded = wdf!(WdfRequestForwardToIoQueue(request, waiting.get()));
            assert_eq!(forwarded, STATUS_SUCCESS);
        });
    let _held = Held::alone();
    let (outcome, log) = run_to_end(plain(), hooks, |machine| {
        let device = machine.add();
        let file = machine.open();
        let pending = file.ioctl_async(BUFFERED, &[1], 0);
        hold(|window| hold_if(window == Window::CompletedRequest));
        let cancelling = pending.cancel_elsewhere();
        wait_for(&REACHED);
        assert_eq!(peek_log(), ["cleanup"]);
        assert_eq!(pending.wait().0.status, STATUS_CANCELLED);
        file.close();
        device.remove().expect("nothing is open");
        log("removed");
        GO.store(true, Ordering::Release);
        assert!(cancelling.join().expect("no panic"));
    });
    outcome.expect("no stop");
    assert_eq!(log, ["cleanup", "removed", "destroy"]);
}
