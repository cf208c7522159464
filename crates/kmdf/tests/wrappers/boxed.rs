//! Values in pool allocations of their own.

use super::inside;
use kmdf::{Error, PoolBox, Tag};
use std::sync::Arc;

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
