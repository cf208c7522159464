//! Mistakes of a function driver when its device is added and removed, and the bug check of
//! Windows for it.

mod wdm;

use kmdf_sys::*;
use nt_model::Stop;
use wdm::{assert_stop, crash, pnp};

/// Adds a device whose driver departs from a correct one, and removes it.
fn add_and_remove<B: pnp::Behaviour + 'static>(surprise: bool) -> Stop {
    crash(move |kernel| {
        let driver = kernel.load_driver("thing", pnp::entry::<B>).unwrap();
        let device = driver.add_device(r"Root\Thing").unwrap();
        if surprise {
            device.surprise_remove()
        } else {
            device.remove()
        }
    })
}

#[test]
fn a_function_driver_must_finish_initialising_in_add_device() {
    struct Initializing;
    impl pnp::Behaviour for Initializing {
        const CLEARS_INITIALIZING: bool = false;
    }
    let stop = add_and_remove::<Initializing>(false);
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x243);
}

#[test]
fn a_device_is_not_both_buffered_and_direct() {
    struct Both;
    impl pnp::Behaviour for Both {
        fn created(device: PDEVICE_OBJECT) {
            // SAFETY: A device of this driver.
            unsafe { (*device).Flags |= DO_BUFFERED_IO | DO_DIRECT_IO };
        }
    }
    let stop = add_and_remove::<Both>(false);
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x245);
}

#[test]
fn a_removed_function_driver_must_detach_and_delete() {
    struct Attached;
    impl pnp::Behaviour for Attached {
        const DETACHES: bool = false;
        const DELETES: bool = false;
    }
    let stop = add_and_remove::<Attached>(false);
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x21D);
    struct Undeleted;
    impl pnp::Behaviour for Undeleted {
        const DELETES: bool = false;
    }
    let stop = add_and_remove::<Undeleted>(false);
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x21E);
    struct StillAttached;
    impl pnp::Behaviour for StillAttached {
        const DETACHES: bool = false;
    }
    let stop = add_and_remove::<StillAttached>(false);
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x201);
}

#[test]
fn a_surprise_removed_function_driver_must_stay() {
    struct Detaching;
    impl pnp::Behaviour for Detaching {
        const LEAVES_AT: u32 = IRP_MN_SURPRISE_REMOVAL;
        const DELETES: bool = false;
    }
    let stop = add_and_remove::<Detaching>(true);
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x241);
    struct Deleting;
    impl pnp::Behaviour for Deleting {
        const LEAVES_AT: u32 = IRP_MN_SURPRISE_REMOVAL;
    }
    let stop = add_and_remove::<Deleting>(true);
    assert_stop(&stop, DRIVER_VERIFIER_IOMANAGER_VIOLATION, 0x242);
}
