//! A process in which no driver was ever loaded.

#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "tests are named after what they show")]

use kmdf::{DriverParent, SpinLock};
use kmdf_model as _;
use nt_model as _;

#[test]
#[should_panic(expected = "no driver is loaded in this process")]
fn a_call_of_the_framework_panics_without_a_driver() {
    let _ = SpinLock::new(&DriverParent, 0);
}
