//! Values in pool allocations of their own.

use super::inside;
use kmdf::{Error, PoolBox, Tag};
use std::sync::{Arc, Mutex};

const TAG: Tag = Tag::new(b"Box1");

#[test]
fn a_value_lives_in_an_allocation_of_its_own_and_is_dropped_with_it() {
    inside(|_device, _irql| {
        let value = Arc::new(7);
        let mut boxed = PoolBox::new(TAG, Some(value.clone())).expect("pool");
        assert_eq!(boxed.as_deref(), Some(&7));
        assert_eq!(Arc::strong_count(&value), 2);
        *boxed = None;
        assert_eq!(Arc::strong_count(&value), 1);
        *boxed = Some(value.clone());
        drop(boxed);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn the_frameworks_default_tag_is_refused_and_the_value_dropped() {
    inside(|_device, _irql| {
        let value = Arc::new(());
        let refused = PoolBox::new(Tag::DEFAULT, value.clone()).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

/// A list whose nodes note, when they are dropped, in which order and how deep on the stack.
struct Node {
    number: usize,
    drops: Arc<Mutex<Vec<(usize, usize)>>>,
    _next: Option<PoolBox<Node>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let on_stack = 0_u8;
        let depth = (&raw const on_stack).addr();
        self.drops.lock().unwrap().push((self.number, depth));
    }
}

/// A list of so many nodes; the first has number 0.
fn list(length: usize, drops: &Arc<Mutex<Vec<(usize, usize)>>>) -> Option<PoolBox<Node>> {
    (0..length).rev().fold(None, |next, number| {
        let node = Node {
            number,
            drops: drops.clone(),
            _next: next,
        };
        Some(PoolBox::new(TAG, node).expect("pool"))
    })
}

/// 102 nodes were enough to overflow a kernel stack when each drop called the next.
#[test]
#[cfg_attr(
    unbounded_stack,
    ignore = "a sanitizer keeps locals elsewhere than on the stack"
)]
fn dropping_a_list_of_boxes_takes_no_more_stack_than_dropping_one() {
    inside(|_device, _irql| {
        let drops = Arc::default();
        drop(list(1000, &drops));
        let drops = drops.lock().unwrap();
        assert!(drops.iter().map(|&(number, _)| number).eq(0..1000));
        let deepest = drops.iter().map(|&(_, depth)| depth).min().unwrap();
        let first = drops[0].1;
        assert!(
            first.abs_diff(deepest) < 1024,
            "{} bytes of stack",
            first.abs_diff(deepest)
        );
    });
}

/// Larger than the stack of the thread that makes it.
type Large = [u64; 1 << 20];

#[test]
fn large_values_are_made_in_place() {
    inside(|_device, _irql| {
        let zeroed = PoolBox::<Large>::zeroed(TAG).expect("pool");
        assert_eq!(zeroed.iter().sum::<u64>(), 0);
        let counted = PoolBox::<Large>::from_fn(TAG, |index| Ok(index as u64)).expect("pool");
        assert!(counted.iter().copied().eq(0..1 << 20));
        drop(PoolBox::<Large>::new_uninit(TAG).expect("pool"));
    });
}

#[test]
fn an_array_that_cannot_be_made_whole_drops_what_was_made() {
    inside(|_device, _irql| {
        let value = Arc::new(());
        let make = |index| match index {
            5 => Err(Error::ACCESS_DENIED),
            _ => PoolBox::new(TAG, value.clone()),
        };
        let refused = PoolBox::<[_; 9]>::from_fn(TAG, make).err();
        assert_eq!(refused, Some(Error::ACCESS_DENIED));
        assert_eq!(Arc::strong_count(&value), 1);
        let whole = PoolBox::<[_; 5]>::from_fn(TAG, make).expect("pool");
        assert_eq!(Arc::strong_count(&value), 6);
        drop(whole);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn zeroes_are_no_box() {
    inside(|_device, _irql| {
        let mut table = PoolBox::<[Option<PoolBox<u8>>; 500]>::zeroed(TAG).expect("pool");
        assert!(table.iter().all(Option::is_none));
        table[499] = PoolBox::new(TAG, 1).ok();
        assert_eq!(table[499].as_deref(), Some(&1));
    });
}

/// What a value makes and drops while it is dropped itself is gone with it; other threads do not wait.
#[test]
fn boxes_dropped_in_a_drop_are_gone_when_the_outermost_drop_returns() {
    struct Busy(Arc<()>);

    impl Drop for Busy {
        fn drop(&mut self) {
            drop(PoolBox::new(TAG, self.0.clone()).expect("pool"));
            let value = self.0.clone();
            std::thread::scope(|scope| {
                let other = scope.spawn(move || {
                    let before = Arc::strong_count(&value);
                    drop(PoolBox::new(TAG, value).expect("pool"));
                    before
                });
                let before = other.join().expect("no panic");
                assert_eq!(Arc::strong_count(&self.0) + 1, before);
            });
        }
    }

    inside(|_device, _irql| {
        let value = Arc::new(());
        drop(PoolBox::new(TAG, Busy(value.clone())).expect("pool"));
        assert_eq!(Arc::strong_count(&value), 1);
    });
}
