//! Safe code that means harm: traits implemented with ill will, values that call back, sizes beyond
//! reason. `docs/soundness.md` says why none of it does any.

use super::driver::{RUN, with_device};
use super::{inside, inside_with, on_requests};
use kmdf::context::TypeInfo;
use kmdf::{
    Context, Device, DeviceInit, Driver, DriverParent, Entry, Error, LookasideList, Memory,
    NonPagedLookaside, NonPagedNx, Paged, PagedLookaside, Passive, PoolBox, PoolBuffer, Result,
    SpinLock, Supply, Tag, WaitLock, context, driver_entry,
};
use kmdf_test::{Config, Scenario, Verifier};
use std::cell::RefCell;
use std::mem::forget;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const TAG: Tag = Tag::new(b"Evil");

/// REQ-36: a request is completed with whatever error there is; Driver Verifier would stop the
/// system over -1.
#[test]
fn any_error_completes_a_request() {
    with_device(Config::default(), |_, file| {
        for status in [-1, i32::MIN, 0xC000_0016_u32.cast_signed(), -2] {
            let error = Error::from_status(status).expect("negative");
            on_requests(move |_, request, _| request.complete(Err(error)));
            let expected = if status == -1 {
                Error::UNSUCCESSFUL.status()
            } else {
                status
            };
            assert_eq!(file.ioctl(RUN, &[], 0).status, expected);
        }
    })
    .expect("no bug check");
}

/// C7, L3, E2: no size is so large that it wraps.
#[test]
fn sizes_beyond_reason_are_refused() {
    inside(|device, irql| {
        for size in [
            usize::MAX,
            usize::MAX - 15,
            usize::MAX - 4095,
            usize::MAX / 2 + 1,
            usize::MAX / 2,
            1 << 47,
        ] {
            let _: Error = Memory::<Paged>::new(&device, TAG, size, irql).unwrap_err();
            let _: Error = Memory::<NonPagedNx>::new(&device, TAG, size, irql).unwrap_err();
            let _: Error = Memory::<Paged, [u64]>::zeroed(&device, TAG, size, irql).unwrap_err();
            let _: Error = PoolBuffer::<Paged>::new(TAG, size, irql).unwrap_err();
            let _: Error = PoolBuffer::<NonPagedNx>::new(TAG, size, irql).unwrap_err();
            let _: Error = PagedLookaside::new(TAG, size, irql).unwrap_err();
            if let Ok(list) = LookasideList::<Paged>::new(&device, TAG, size, irql) {
                let _: Error = list.allocate(irql).unwrap_err();
            }
            if let Ok(list) = LookasideList::<NonPagedNx>::new(&device, TAG, size, irql) {
                let _: Error = list.allocate(irql).unwrap_err();
            }
        }
        let list = NonPagedLookaside::new(TAG, u32::MAX as usize, irql).expect("list");
        let _: Error = list.allocate(irql).unwrap_err();
    });
}

/// A context that says something else each time it is asked who it is.
struct Shifty(PoolBox<u8>);

static FIRST: TypeInfo<Shifty> = TypeInfo::new(&FIRST, c"first");
static SECOND: TypeInfo<Shifty> = TypeInfo::new(&SECOND, c"second");
static ASKED: AtomicUsize = AtomicUsize::new(0);

impl Context for Shifty {
    fn type_info() -> &'static TypeInfo<Self> {
        // Attaching looks the type up three times at most, so that each lookup gets each identity.
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        if asked % 4 < 2 { &FIRST } else { &SECOND }
    }
}

/// OBJ-38: a context that is not found is one that is not there; it is leaked at worst, and not
/// beyond the driver.
#[test]
fn a_context_that_changes_its_identity_is_not_confused_with_another() {
    with_device(Config::default(), |_, file| {
        for value in 0..9 {
            on_requests(move |queue, request, _| {
                let boxed = PoolBox::new(TAG, value).expect("pool");
                let _ = request.attach(Shifty(boxed));
                if let Ok(found) = request.context::<Shifty>() {
                    assert_eq!(*found.0, value);
                }
                let boxed = PoolBox::new(TAG, 100 + value).expect("pool");
                let _ = queue.device().attach(Shifty(boxed));
                request.complete(Ok(0))
            });
            file.ioctl(RUN, &[], 0);
        }
    })
    .expect("no bug check");
}

/// Gives things back while it is asked about others.
struct Reentrant;

thread_local! {
    static OTHERS: RefCell<Vec<Entry<Paged>>> = const { RefCell::new(Vec::new()) };
}

fn drop_another() {
    let other = OTHERS.with_borrow_mut(Vec::pop);
    drop(other);
}

impl Supply for Reentrant {
    fn admit(_size: usize) -> bool {
        drop_another();
        true
    }

    fn released() {
        drop_another();
    }
}

/// E3: a supply may drop entries of its own list, and the last one of another, in the middle of
/// its list's calls.
#[test]
fn a_supply_may_call_back() {
    for verifier in [Verifier::standard(), Verifier::off()] {
        let config = Config {
            verifier,
            ..Config::default()
        };
        inside_with(config, |device, irql| {
            let list = PagedLookaside::with_supply::<Reentrant>(TAG, 64, irql).expect("list");
            let mut entries = Vec::new();
            // Each drops the next, one inside of the other: few enough for a kernel stack.
            for _ in 0..3 {
                entries.push(list.allocate(irql).expect("entry"));
                let other = PagedLookaside::with_supply::<Reentrant>(TAG, 64, irql).expect("list");
                entries.push(other.allocate(irql).expect("entry"));
            }
            OTHERS.set(entries);
            drop(list.allocate(irql).expect("entry"));
            let lock = SpinLock::new(&device, ()).expect("lock");
            lock.with(irql, |(), _| drop(list)).expect("not recursive");
            drop_another();
            let last = PagedLookaside::new(TAG, 64, irql).expect("list");
            drop(last.allocate(irql).expect("entry"));
            drop(OTHERS.take());
        })
        .expect("no bug check");
    }
}

/// What a request leaves to be dropped when it is destroyed, at whatever level.
struct Load {
    _list: LookasideList<Paged>,
    _memories: [Memory<Paged>; 2],
    _buffer: PoolBuffer<Paged>,
    _lock: WaitLock<PagedLookaside>,
    _entry: Entry<Paged>,
}
context!(Load);

impl Drop for Load {
    fn drop(&mut self) {
        // There is no witness here; what needs none is made and left behind.
        let lock = SpinLock::new(&DriverParent, 1).expect("lock");
        forget(PoolBox::new(TAG, lock).expect("pool"));
    }
}

fn load(device: Device<'_>, irql: &mut Passive) -> Result<Load> {
    let list = LookasideList::with_memory_parent(&DriverParent, &device, TAG, 32, irql)?;
    let entries = PagedLookaside::new(TAG, 32, irql)?;
    Ok(Load {
        _list: list,
        _memories: [
            Memory::new(&device, TAG, 32, irql)?,
            Memory::new(&DriverParent, TAG, 32, irql)?,
        ],
        _buffer: PoolBuffer::new(TAG, 32, irql)?,
        _entry: entries.allocate(irql)?,
        _lock: WaitLock::new(&device, entries)?,
    })
}

/// OBJ-57 to OBJ-59, REQ-37: the context of a request holds one of everything pageable, and the
/// request is completed under a spin lock.
#[test]
fn a_context_is_dropped_at_dispatch_level() {
    with_device(Config::default(), |_, file| {
        for _ in 0..2 {
            on_requests(|queue, request, irql| {
                let load = load(queue.device(), irql).expect("resources");
                request.attach(load).expect("the only one");
                let lock = SpinLock::new(&DriverParent, ()).expect("lock");
                lock.with(irql, |(), _| request.complete(Ok(0)))
                    .expect("not recursive")
            });
            assert_eq!(file.ioctl(RUN, &[], 0).status, 0);
        }
    })
    .expect("no bug check");
}

/// A driver that goes on making things until its very end.
struct Leaving;
driver_entry!(Leaving);

/// What the driver's value was refused in its drop.
static REFUSED: Mutex<Vec<Option<Error>>> = Mutex::new(Vec::new());

impl Driver for Leaving {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, _init: DeviceInit<'_>, _irql: &mut Passive) -> Result<()> {
        Err(Error::NOT_SUPPORTED)
    }

    fn unload(&self, irql: &mut Passive) {
        forget(Memory::<Paged>::new(&DriverParent, TAG, 100, irql).expect("memory"));
        forget(PagedLookaside::with_supply::<Reentrant>(TAG, 64, irql).expect("list"));
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        forget(PoolBox::new(TAG, 1).expect("pool"));
        REFUSED
            .lock()
            .expect("no thread panicked with this lock")
            .extend([
                SpinLock::new(&DriverParent, 1).map(forget).err(),
                WaitLock::new(&DriverParent, 1).map(forget).err(),
            ]);
    }
}

/// C7, OBJ-61, DEV-23: in its drop, the driver's value finds its driver object closed to new children;
/// what needs none is released after it.
#[test]
fn a_driver_makes_things_while_it_is_dropped() {
    let scenario = Scenario::new("leaving", fx_driver_entry).without_device();
    scenario.run(|_| ());
    assert_eq!(
        *REFUSED.lock().expect("no thread panicked with this lock"),
        [Some(Error::DELETE_PENDING); 2]
    );
}
