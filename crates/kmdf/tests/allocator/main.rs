//! `PoolAllocator`, called as a driver's collections call it, over the model with Driver Verifier on.

#![allow(missing_docs, reason = "tests are named after what they show")]

mod collections;
#[allow(dead_code, reason = "the tests of the wrappers use more of it")]
#[path = "../wrappers/driver.rs"]
mod driver;
mod layouts;
mod process;

use driver::{run_body, with_device};
use kmdf::{Device, Passive, PoolAllocator, Tag};
use kmdf_model as _;
use kmdf_test::{Config, Kernel, VerifierReport};

const TAG: Tag = Tag::new(b"Heap");

/// Runs `body` in a request handler, at PASSIVE_LEVEL, and then unloads the driver.
fn inside<T: Send + 'static>(
    body: impl FnOnce(&Kernel, Device<'_>, &mut Passive) -> T + Send + 'static,
) -> T {
    let run = with_device(Config::default(), |test, file| {
        let kernel = test.kernel().clone();
        run_body(file, move |device, irql| body(&kernel, device, irql))
    });
    run.expect("no bug check")
}

/// Live blocks and bytes of the allocator.
fn in_use(report: &VerifierReport) -> (u64, u64) {
    let own = report.tags.iter().find(|tag| tag.tag == TAG.value());
    own.map_or((0, 0), |own| (own.blocks, own.bytes))
}
