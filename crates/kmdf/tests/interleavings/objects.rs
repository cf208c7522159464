//! Framework objects that values own, while their parent is deleted. An object that a value lost would
//! go at the driver's end, which the tests do not wait for.

use crate::driver::{LENGTH, Removable, TAG, explore, fill, passive};
use crate::framework::assert_objects_destroyed;
use crate::kernel::{at_dispatch, wait_for_workers};
use kmdf::{
    Device, DriverParent, Error, LookasideList, Memory, NonPagedNx, Paged, Passive, Result,
};
use loom::thread;
use std::mem::forget;

fn new_memory(device: Device<'_>, irql: &mut Passive) -> Result<Memory<NonPagedNx>> {
    Memory::zeroed(&device, TAG, LENGTH, irql)
}

#[test]
fn a_value_dropped_while_its_parent_is_deleted_is_deleted_once() {
    explore(|| {
        let (device, memory) = Removable::add(new_memory);
        let other = thread::spawn(move || drop(memory));
        device.remove();
        other.join().expect("no panic");
        assert_objects_destroyed();
    });
}

#[test]
fn a_value_used_and_forgotten_while_its_parent_is_deleted_keeps_its_memory_to_the_end() {
    explore(|| {
        let (device, mut memory) = Removable::add(new_memory);
        let other = thread::spawn(move || device.remove());
        fill(memory.bytes_mut(&passive()), 1);
        forget(memory);
        other.join().expect("no panic");
    });
}

#[test]
fn two_values_are_dropped_while_their_parent_is_deleted() {
    explore(|| {
        let (device, (first, second)) = Removable::add(|device, irql| {
            Ok((new_memory(device, irql)?, new_memory(device, irql)?))
        });
        let one = thread::spawn(move || drop(first));
        let other = thread::spawn(move || drop(second));
        device.remove();
        one.join().expect("no panic");
        other.join().expect("no panic");
        assert_objects_destroyed();
    });
}

fn new_pageable_memory(device: Device<'_>, irql: &mut Passive) -> Result<Memory<Paged>> {
    Memory::zeroed(&device, TAG, LENGTH, irql)
}

#[test]
fn a_pageable_value_dropped_at_dispatch_while_its_parent_is_deleted_is_deleted_once() {
    explore(|| {
        let (device, memory) = Removable::add(new_pageable_memory);
        let other = thread::spawn(move || at_dispatch(|| drop(memory)));
        device.remove();
        other.join().expect("no panic");
        wait_for_workers();
        assert_objects_destroyed();
    });
}

#[test]
fn a_pageable_orphan_is_dropped_at_dispatch() {
    explore(|| {
        let (device, memory) = Removable::add(new_pageable_memory);
        device.remove();
        at_dispatch(|| drop(memory));
    });
}

#[test]
fn a_pageable_list_and_its_memory_are_dropped_at_dispatch_while_their_parent_is_deleted() {
    explore(|| {
        let (device, (list, memory)) = Removable::add(|device, irql| {
            let list = LookasideList::<Paged>::new(&device, TAG, LENGTH, irql)?;
            let memory = list.allocate(irql)?;
            Ok((list, memory))
        });
        let other = thread::spawn(move || at_dispatch(|| drop((list, memory))));
        device.remove();
        other.join().expect("no panic");
    });
}

#[test]
fn allocating_while_the_memory_parent_is_deleted_gives_memory_or_an_error() {
    explore(|| {
        let (device, list) = Removable::add(|device, irql| {
            LookasideList::<NonPagedNx>::with_memory_parent(
                &DriverParent,
                &device,
                TAG,
                LENGTH,
                irql,
            )
        });
        let other = thread::spawn(move || device.remove());
        match list.allocate(&passive()) {
            Ok(mut memory) => fill(memory.bytes_mut(&passive()), 1),
            Err(error) => assert_eq!(error, Error::DELETE_PENDING),
        }
        drop(list);
        other.join().expect("no panic");
        assert_objects_destroyed();
    });
}

#[test]
fn a_list_dropped_while_its_parent_is_deleted_takes_its_rundown_object_along() {
    explore(|| {
        let (device, list) = Removable::add(|device, irql| {
            LookasideList::<NonPagedNx>::with_memory_parent(&device, &device, TAG, LENGTH, irql)
        });
        let other = thread::spawn(move || drop(list));
        device.remove();
        other.join().expect("no panic");
        assert_objects_destroyed();
    });
}
