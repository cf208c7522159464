//! Object contexts: found by type, dropped once, never seen before they are there.

use super::driver::INTERFACE;
use kmdf::{
    Device, DeviceInit, DispatchType, Driver, DriverParent, Error, FileHandler, FileObject,
    Handled, IoHandler, Memory, Paged, Passive, Queue, Request, Result, Tag, WaitLock, context,
    driver_entry, wide,
};
use kmdf_test::{Pool, Reply, Scenario, TagUse};
use std::sync::Mutex;

/// What happened, in order.
static LOG: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

fn log(entry: &'static str) {
    LOG.lock()
        .expect("no thread panicked with this lock")
        .push(entry);
}

/// Logs its own end.
struct Noted(&'static str);

impl Drop for Noted {
    fn drop(&mut self) {
        log(self.0);
    }
}

struct Root {
    _end: Noted,
    _memory: Memory<Paged>,
}
driver_entry!(Root);

impl Driver for Root {
    const POOL_TAG: Tag = Tag::new(b"Root");

    fn load(irql: &mut Passive) -> Result<Self> {
        let memory = Memory::new(&DriverParent, Tag::DEFAULT, 64, irql)?;
        Ok(Self {
            _end: Noted("driver dropped"),
            _memory: memory,
        })
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), irql)?;
        init.set_file_handler::<Opened>(irql);
        let device = init.create(
            State {
                _end: Noted("device dropped"),
            },
            irql,
        )?;
        assert!(device.context::<State>().is_ok());
        assert_eq!(device.context::<Unused>().err(), Some(Error::NOT_FOUND));
        device.attach(Additional {
            _end: Noted("additional dropped"),
        })?;
        assert!(device.context::<Additional>().is_ok());
        device.create_interface(&INTERFACE, irql)?;
        device.create_default_queue(
            DispatchType::Sequential,
            Requests {
                _end: Noted("queue dropped"),
            },
            irql,
        )?;
        Ok(())
    }

    fn unload(&self, _irql: &mut Passive) {
        log("unload");
    }
}

struct State {
    _end: Noted,
}
context!(State);

struct Unused;
context!(Unused);

struct Additional {
    _end: Noted,
}
context!(Additional);

struct Opened {
    _end: Noted,
    memories: WaitLock<Vec<Memory<Paged>>>,
}
context!(Opened);

/// Whether the next open is refused.
static REFUSE: Mutex<bool> = Mutex::new(false);

impl FileHandler for Opened {
    fn create(device: Device<'_>, _irql: &mut Passive) -> Result<Self> {
        if *REFUSE.lock().expect("no thread panicked with this lock") {
            return Err(Error::ACCESS_DENIED);
        }
        log("open");
        let memories = WaitLock::new(&device, Vec::new())?;
        Ok(Self {
            _end: Noted("file dropped"),
            memories,
        })
    }

    fn cleanup(&self, file: FileObject<'_>, irql: &mut Passive) {
        assert!(file.device().context::<State>().is_ok());
        let count = self
            .memories
            .with(irql, |memories, _| std::mem::take(memories).len());
        log(if count == Ok(2) {
            "cleanup of 2"
        } else {
            "cleanup"
        });
    }

    fn close(&self, _file: FileObject<'_>, _irql: &mut Passive) {
        log("close");
    }
}

struct Requests {
    _end: Noted,
}
context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        let kept = request.file_object().and_then(|file| {
            let opened = file.context::<Opened>()?;
            let memory = Memory::new(&file, Tag::DEFAULT, 32, irql)?;
            opened
                .memories
                .with(irql, |memories, _| memories.push(memory))?;
            queue.device().context::<State>()?;
            Ok(())
        });
        request.complete(kept.map(|()| 0))
    }
}

/// C9, DEV-44, DEV-48, DEV-49, OBJ-52: contexts of driver, device, queue and file object are
/// dropped once, with their object; C4: the driver's own default tag; C13, L7 (DriverCreate): the
/// entry point that the macro makes creates the driver before any other call of the framework.
#[test]
fn contexts_are_dropped_with_their_objects() {
    let scenario = Scenario::new("contexts", fx_driver_entry).without_device();
    scenario.run(|test| {
        let root = Root::POOL_TAG.value();
        let tags = test.kernel().verifier().tags;
        let of_root = |tag: &&TagUse| tag.tag == root && tag.pool == Pool::Paged;
        let paged = tags.iter().find(of_root).expect("the memory's buffer");
        assert_eq!(
            paged.blocks, 2,
            "that, and the framework's copy of the registry path"
        );
        test.add_device().expect("the device starts");
        let file = test.open(INTERFACE);
        for _ in 0..2 {
            assert_eq!(file.ioctl(0x0022_2000, &[], 0), Reply::success([]));
        }
        *REFUSE.lock().expect("no thread panicked with this lock") = true;
        let refused = test.try_open(INTERFACE).err();
        let refused = refused.map(|refused| refused.status);
        assert_eq!(refused, Some(Error::ACCESS_DENIED.status()));
    });
    assert_eq!(
        *LOG.lock().expect("no thread panicked with this lock"),
        [
            "open",
            "cleanup of 2",
            "close",
            "file dropped",
            "queue dropped",
            "device dropped",
            "additional dropped",
            "unload",
            "driver dropped"
        ]
    );
}
