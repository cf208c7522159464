//! A driver that makes one of everything wherever it is called, forgets it all, and refuses
//! afterwards what it was called for.

use super::driver::{INTERFACE, RUN};
use kmdf::{
    Device, DeviceInit, DispatchType, Driver, DriverParent, Error, FileHandler, FileObject,
    Handled, IoHandler, LookasideList, Memory, NonPagedNx, Paged, Parent, Passive, PoolBox, Queue,
    Request, Result, SpinLock, Tag, context, driver_entry, wide,
};
use kmdf_test::Scenario;
use std::mem::forget;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const TAG: Tag = Tag::new(b"Grdy");

/// Whether the driver refuses.
static REFUSES: AtomicBool = AtomicBool::new(false);

fn refuse() -> Result<()> {
    if REFUSES.load(Ordering::Relaxed) {
        Err(Error::ACCESS_DENIED)
    } else {
        Ok(())
    }
}

struct Root;
driver_entry!(Root);

impl Driver for Root {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_name(wide!("\\Device\\Greedy"), irql)?;
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        init.set_file_handler::<Opened>(irql);
        let device = init.create(State, irql)?;
        device.create_default_queue(DispatchType::Sequential, Requests, irql)?;
        device.create_interface(&INTERFACE, irql)?;
        make_everything(device, &device, irql)?;
        refuse()
    }
}

struct State;
context!(State);

struct Attached {
    _value: PoolBox<u32>,
}
context!(Attached);

/// The parent is the device, or an open of it.
fn make_everything(device: Device<'_>, parent: &impl Parent, irql: &mut Passive) -> Result<()> {
    let queue = device.create_manual_queue::<State>(irql)?;
    let waiting = queue.of(device)?;
    let none = waiting.take_next(irql, |request| request.complete(Ok(0)));
    assert!(none.is_err(), "nothing was forwarded");
    // Each of these is there already when this runs again.
    let _ = device.create_symbolic_link(wide!("\\DosDevices\\Greedy"), irql);
    let _ = device.attach(Attached {
        _value: PoolBox::new(TAG, 1)?,
    });
    forget(Memory::<Paged>::new(parent, TAG, 64, irql)?);
    forget(SpinLock::new(parent, PoolBox::new(TAG, 2)?)?);
    let list = LookasideList::<NonPagedNx>::with_memory_parent(&device, parent, TAG, 64, irql)?;
    forget(list.allocate(irql)?);
    forget(list);
    let list = LookasideList::<Paged>::with_memory_parent(parent, &DriverParent, TAG, 64, irql)?;
    forget(list.allocate(irql)?);
    forget(list);
    Ok(())
}

/// What became of the last calls of a file object.
static LAST: Mutex<Vec<Result<()>>> = Mutex::new(Vec::new());

struct Opened;
context!(Opened);

impl Opened {
    fn last(file: FileObject<'_>, irql: &mut Passive) {
        let made = make_everything(file.device(), &file, irql);
        let mut last = LAST.lock().expect("no thread panicked with this lock");
        last.push(made);
    }
}

impl FileHandler for Opened {
    fn create(device: Device<'_>, irql: &mut Passive) -> Result<Self> {
        make_everything(device, &device, irql)?;
        refuse()?;
        Ok(Self)
    }

    fn cleanup(&self, file: FileObject<'_>, irql: &mut Passive) {
        Self::last(file, irql);
    }

    fn close(&self, file: FileObject<'_>, irql: &mut Passive) {
        Self::last(file, irql);
    }
}

struct Requests;
context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;

    /// Answers on another thread and goes on with the device, for which nothing waits then.
    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        let handled = thread::scope(|scope| {
            let completing = scope.spawn(|| request.complete(Ok(0)));
            completing.join().expect("completing does not panic")
        });
        let device = queue.device();
        make_everything(device, &device, irql).expect("the callback holds the removal up");
        handled
    }
}

/// OBJ-61, DEV-25, DEV-44, DEV-48, DEV-49, DEV-56: whatever was made in a callback that refuses, or
/// for a device or a file object that is going, goes with it.
#[test]
fn what_is_made_at_the_wrong_moment_goes_as_well() {
    let scenario = Scenario::new("greedy", fx_driver_entry).without_device();
    scenario.run(|test| {
        let denied = Error::ACCESS_DENIED.status();
        REFUSES.store(true, Ordering::Relaxed);
        let refused = test.add_device().expect_err("the driver refuses");
        assert_eq!(refused.status, denied);
        for surprise in [false, true] {
            REFUSES.store(false, Ordering::Relaxed);
            let device = test.add_device().expect("the device starts");
            REFUSES.store(true, Ordering::Relaxed);
            let refused = test.try_open(INTERFACE).expect_err("the driver refuses");
            assert_eq!(refused.status, denied);
            REFUSES.store(false, Ordering::Relaxed);
            let file = test.open(INTERFACE);
            assert_eq!(file.ioctl(RUN, &[], 0).status, 0);
            if surprise {
                device.surprise_remove().expect("there");
                file.close();
            } else {
                file.close();
                device.remove().expect("nothing is open");
            }
        }
    });
    assert_eq!(
        *LAST.lock().expect("no thread panicked with this lock"),
        [Ok(()); 4]
    );
}
