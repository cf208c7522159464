//! Deferred releases, and the unload list of what is released at the end.

use crate::driver::{LENGTH, TAG, explore, fill, passive};
use crate::kernel::at_dispatch;
use kmdf::{NonPagedNx, Paged, PagedLookaside, PoolBuffer, PoolKind};
use loom::thread;
use std::mem::forget;

fn new_buffer<P: PoolKind>() -> PoolBuffer<P>
where
    kmdf::Passive: kmdf::Allows<P>,
{
    PoolBuffer::new(TAG, LENGTH, &passive()).expect("nothing fails here")
}

#[test]
fn a_buffer_dropped_at_dispatch_is_freed_by_the_work_item() {
    explore(|| {
        let mut buffer = new_buffer::<Paged>();
        let other = thread::spawn(move || {
            fill(buffer.bytes_mut(&passive()), 1);
            at_dispatch(|| drop(buffer));
        });
        drop(new_buffer::<Paged>());
        other.join().expect("no panic");
    });
}

#[test]
fn two_threads_defer_releases_and_the_work_item_is_queued_once_at_a_time() {
    explore(|| {
        let (one, another) = (new_buffer::<Paged>(), new_buffer::<Paged>());
        let other = thread::spawn(move || at_dispatch(|| drop(one)));
        at_dispatch(|| drop(another));
        other.join().expect("no panic");
    });
}

#[test]
fn a_release_deferred_while_the_work_item_runs_is_done_by_its_next_run() {
    explore(|| {
        let (one, another) = (new_buffer::<Paged>(), new_buffer::<Paged>());
        at_dispatch(|| drop(one));
        at_dispatch(|| drop(another));
    });
}

#[test]
fn a_pageable_list_dropped_at_dispatch_is_deleted_after_its_entry_came_back() {
    explore(|| {
        let list = PagedLookaside::new(TAG, LENGTH, &passive()).expect("nothing fails here");
        let entry = list.allocate(&passive()).expect("nothing fails here");
        let other = thread::spawn(move || at_dispatch(|| drop(entry)));
        at_dispatch(|| drop(list));
        other.join().expect("no panic");
    });
}

#[test]
fn two_threads_insert_and_remove_and_what_is_forgotten_stays_in_the_unload_list() {
    explore(|| {
        let between = new_buffer::<NonPagedNx>();
        forget(new_buffer::<NonPagedNx>());
        let other = thread::spawn(|| {
            drop(new_buffer::<NonPagedNx>());
            forget(new_buffer::<NonPagedNx>());
        });
        drop(between);
        forget(new_buffer::<NonPagedNx>());
        other.join().expect("no panic");
    });
}
