//! L1, C13 (KmdfIrql): `WdfLookasideListCreate` is called at PASSIVE_LEVEL.

use kmdf::{Dispatch, DriverParent, LookasideList, NonPagedNx, Result, Tag};

fn make(irql: &Dispatch) -> Result<LookasideList<NonPagedNx>> {
    LookasideList::new(&DriverParent, Tag::DEFAULT, 64, irql)
}

fn main() {}
