//! A driver that refuses to load, after it has dropped pageable memory at DISPATCH_LEVEL.

use kmdf::{
    DeviceInit, Driver, DriverParent, Error, Paged, PagedLookaside, Passive, PoolBuffer, Result,
    SpinLock, Tag, driver_entry,
};
use kmdf_test::Scenario;

struct Refusing;
driver_entry!(Refusing);

impl Driver for Refusing {
    fn load(irql: &mut Passive) -> Result<Self> {
        const TAG: Tag = Tag::new(b"Load");
        let lock = SpinLock::new(&DriverParent, ())?;
        let buffer = PoolBuffer::<Paged>::new(TAG, 64, irql)?;
        let list = PagedLookaside::new(TAG, 64, irql)?;
        let entry = list.allocate(irql)?;
        lock.with(irql, |(), _| drop((buffer, entry, list)))?;
        Err(Error::NOT_SUPPORTED)
    }

    fn add_device(&self, _init: DeviceInit<'_>, _irql: &mut Passive) -> Result<()> {
        Err(Error::NOT_SUPPORTED)
    }
}

/// E1, E5: what waits to be released is released even if the driver does not stay, for then its
/// unload routine is never called.
#[test]
fn a_refused_load_leaves_nothing() {
    let scenario = Scenario::new("refusing", fx_driver_entry).without_driver();
    scenario.run(|test| {
        let refused = test.load().expect_err("the driver refuses");
        assert_eq!(refused.status, Error::NOT_SUPPORTED.status());
        assert_eq!(test.kernel().verifier().live_blocks, 0);
        assert_eq!(test.kernel().verifier().live_lookaside_lists, 0);
    });
}
