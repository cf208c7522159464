//! Who deletes what, in whatever order: OBJ-45 to OBJ-59.

use super::driver::{INTERFACE, run_body, with_device};
use kmdf::{
    BorrowedBuffer, DriverParent, Error, LookasideList, Memory, NonPagedNx, Paged,
    PreallocatedMemory, SpinLock, Tag,
};
use nt_model::Config;
use std::sync::Mutex;

const TAG: Tag = Tag::new(b"Own1");

type Kept = (
    Memory<Paged>,
    Memory<NonPagedNx>,
    LookasideList<Paged>,
    Memory<Paged>,
    SpinLock<u8>,
);

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// C9, P6, L4, OBJ-46, OBJ-53, OBJ-56: values survive the removal of the device that their objects
/// were parented to; they are used and dropped with another device's help.
#[test]
fn values_survive_the_deletion_of_their_parent() {
    nt_model::run(Config::default(), |kernel| {
        let driver = kernel
            .load_driver("wrappers", super::driver::fx_driver_entry)
            .expect("the driver loads");
        let device = driver
            .add_device("ROOT\\WRAPPERS")
            .expect("the device starts");
        let file = kernel
            .open_interface(&INTERFACE.get())
            .expect("the device opens");
        run_body(&file, |device, irql| {
            let list =
                LookasideList::with_memory_parent(&device, &device, TAG, 32, irql).expect("list");
            let entry = list.allocate(irql).expect("memory");
            let kept = (
                Memory::new(&device, TAG, 100, irql).expect("memory"),
                Memory::new(&device, TAG, 5000, irql).expect("memory"),
                list,
                entry,
                SpinLock::new(&device, 1).expect("lock"),
            );
            *KEPT.lock().expect("not poisoned") = Some(kept);
        });
        file.close();
        device.remove().expect("nothing is open");

        let device = driver
            .add_device("ROOT\\WRAPPERS")
            .expect("the device starts");
        let file = kernel
            .open_interface(&INTERFACE.get())
            .expect("the device opens");
        run_body(&file, |_, irql| {
            let (mut first, mut second, list, mut entry, lock) =
                KEPT.lock().expect("not poisoned").take().expect("kept");
            first.bytes_mut(irql).fill(1);
            second.bytes_mut(irql).fill(2);
            entry.bytes_mut(irql).fill(3);
            assert_eq!(list.allocate(irql).err(), Some(Error::DELETE_PENDING));
            lock.with(irql, |value, _| *value += 1)
                .expect("not recursive");
            lock.with(irql, |_, _| drop((first, second)))
                .expect("not recursive");
            drop(list);
            assert_eq!(entry.bytes(irql), [3; 32]);
        });
        file.close();
        device.remove().expect("nothing is open");
        driver.unload().expect("nothing is left");
    })
    .expect("no bug check");
}

/// P8: the buffer of a forgotten preallocated memory object is the lender's again; the framework
/// disposes of the object with its parent and never touches the buffer. (The object itself is
/// leaked, hence no verifier.)
#[test]
fn forgetting_a_memory_object_is_harmless() {
    let config = Config {
        verifier: nt_model::Verifier::off(),
        ..Config::default()
    };
    with_device(config, |_, file| {
        run_body(file, |device, irql| {
            let mut bytes = [1; 16];
            let memory = PreallocatedMemory::new(&device, BorrowedBuffer::from(&mut bytes[..]))
                .expect("memory");
            std::mem::forget(memory);
            bytes.fill(2);
            std::mem::forget(Memory::<Paged>::new(&DriverParent, TAG, 16, irql).expect("memory"));
        });
    })
    .expect("no bug check");
}

/// C10: a value may be dropped on a thread of its own.
#[test]
fn values_may_be_dropped_on_another_thread() {
    with_device(Config::default(), |kernel, file| {
        let memory = run_body(file, |device, irql| {
            Memory::<Paged>::new(&device, TAG, 100, irql).expect("memory")
        });
        let kernel = kernel.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // Joins the machine; a thread of the system would be part of it already.
                let _ = kernel.verifier();
                drop(memory);
            });
        });
    })
    .expect("no bug check");
}
