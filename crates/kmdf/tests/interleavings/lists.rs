//! Kernel lookaside lists: when they are deleted, and by which thread. A list that no thread deletes would
//! be deleted at the driver's end, which the tests do not wait for.

use crate::driver::{LENGTH, TAG, explore, fill, passive};
use crate::kernel::assert_lists_deleted;
use kmdf::{Entry, NonPagedLookaside, NonPagedNx};
use loom::thread;
use std::mem::forget;

fn new_list() -> NonPagedLookaside {
    NonPagedLookaside::new(TAG, LENGTH, &passive()).expect("nothing fails here")
}

fn take(list: &NonPagedLookaside) -> Entry<NonPagedNx> {
    list.allocate(&passive()).expect("nothing fails here")
}

#[test]
fn the_last_of_two_clones_deletes_the_list() {
    explore(|| {
        let list = new_list();
        let clone = list.clone();
        let other = thread::spawn(move || drop(clone));
        drop(list);
        other.join().expect("no panic");
        assert_lists_deleted();
    });
}

#[test]
fn the_last_of_two_entries_deletes_the_list() {
    explore(|| {
        let list = new_list();
        let (first, second) = (take(&list), take(&list));
        drop(list);
        let other = thread::spawn(move || drop(first));
        drop(second);
        other.join().expect("no panic");
        assert_lists_deleted();
    });
}

#[test]
fn an_entry_may_come_back_while_the_value_of_its_list_is_dropped() {
    explore(|| {
        let list = new_list();
        let entry = take(&list);
        let other = thread::spawn(move || drop(entry));
        drop(list);
        other.join().expect("no panic");
        assert_lists_deleted();
    });
}

#[test]
fn an_entry_belongs_to_one_thread_at_a_time() {
    explore(|| {
        let list = new_list();
        let clone = list.clone();
        let other = thread::spawn(move || fill(take(&clone).bytes_mut(&passive()), 1));
        fill(take(&list).bytes_mut(&passive()), 2);
        drop(list);
        other.join().expect("no panic");
        assert_lists_deleted();
    });
}

#[test]
fn entries_forgotten_on_two_threads_go_back_at_the_end() {
    explore(|| {
        let list = new_list();
        let clone = list.clone();
        let other = thread::spawn(move || forget(take(&clone)));
        forget(take(&list));
        drop(list);
        other.join().expect("no panic");
    });
}
