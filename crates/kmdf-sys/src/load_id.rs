//! Which load of the driver a value belongs to.
//!
//! On Windows every load of an image has statics of its own, and no code of a driver runs once it is
//! unloaded. In the model all drivers of a process share their statics, and a test can keep a value
//! beyond the unload of its driver. [`LoadId`] makes either a stop that says so, instead of an access to
//! freed memory; in an image it is nothing.

/// The load of the driver during which a value was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadId(#[cfg(not(any(wdk, image, loom)))] u32);

#[cfg(any(wdk, image, loom))]
impl LoadId {
    /// The load that there is.
    #[inline(always)]
    pub const fn current() -> Self {
        Self()
    }

    /// Does nothing: there is one load.
    #[inline(always)]
    pub const fn check(self) {}
}

#[cfg(any(image, loom))]
pub(crate) use alone::{begin, end};
#[cfg(not(any(wdk, image, loom)))]
pub(crate) use shared::{begin, end};

/// An image has its statics to itself, and so has the small kernel of the tests in loom.
#[cfg(any(image, loom))]
mod alone {
    use crate::PDRIVER_OBJECT;

    /// A driver is about to be entered.
    ///
    /// # Safety
    ///
    /// `driver` is the driver object that the kernel passes to the entry point.
    #[inline(always)]
    pub(crate) unsafe fn begin(_: PDRIVER_OBJECT) {}

    /// The driver is gone.
    #[inline(always)]
    pub(crate) fn end() {}
}

#[cfg(not(any(wdk, image, loom)))]
mod shared {
    use super::LoadId;
    use crate::{NTSTATUS, PDRIVER_OBJECT, STATUS_OBJECT_NAME_COLLISION, ULONG_PTR, ntddk};
    use core::ffi::CStr;
    use core::ptr::null_mut;
    use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

    /// The driver object of the driver that has the statics of this process.
    static DRIVER: AtomicPtr<crate::_DRIVER_OBJECT> = AtomicPtr::new(null_mut());
    /// The number of its load, or 0 if no driver is loaded.
    static CURRENT: AtomicU32 = AtomicU32::new(0);
    /// How many loads there were.
    static LOADS: AtomicU32 = AtomicU32::new(0);

    /// "MODL", the code of the models' own stops; the first parameter is a C string.
    const MODEL_STOP: u32 = 0x4D4F_444C;

    #[inline]
    fn stop(message: &CStr) -> ! {
        // SAFETY: Callable at any level, and the message is a static.
        unsafe { ntddk::KeBugCheckEx(MODEL_STOP, message.as_ptr().addr() as ULONG_PTR, 0, 0, 0) }
    }

    /// A driver is about to be entered.
    ///
    /// # Safety
    ///
    /// `driver` is the driver object that the kernel passes to the entry point.
    #[inline]
    pub(crate) unsafe fn begin(driver: PDRIVER_OBJECT) {
        let loaded = DRIVER.load(Ordering::Relaxed);
        if !loaded.is_null() && loaded != driver && is_loaded(loaded) {
            stop(
                c"a second driver is loaded while the first is: the drivers of a process share the \
                  statics that each image has for itself on Windows. Unload the first one before, or \
                  run each driver in a process of its own",
            );
        }
        DRIVER.store(driver, Ordering::Relaxed);
        let number = LOADS.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        CURRENT.store(number, Ordering::Relaxed);
    }

    /// The driver is gone.
    #[inline]
    pub(crate) fn end() {
        DRIVER.store(null_mut(), Ordering::Relaxed);
        CURRENT.store(0, Ordering::Relaxed);
    }

    /// Whether the running machine has this driver object: a run that was stopped leaves the one of its
    /// own behind. Only a driver object that is there can be given an extension.
    #[inline]
    fn is_loaded(driver: PDRIVER_OBJECT) -> bool {
        let mut extension = null_mut();
        // SAFETY: The model looks the driver object up among its own, without touching it.
        let status: NTSTATUS = unsafe {
            ntddk::IoAllocateDriverObjectExtension(
                driver,
                (&raw const DRIVER).cast_mut().cast(),
                1,
                &mut extension,
            )
        };
        // Without memory for the extension the driver object is there all the same.
        status != STATUS_OBJECT_NAME_COLLISION
    }

    impl LoadId {
        /// The load that there is. Stops the run if no driver is loaded.
        #[inline]
        pub fn current() -> Self {
            let current = CURRENT.load(Ordering::Relaxed);
            if current == 0 {
                stop(c"a driver's code is called while no driver is loaded");
            }
            Self(current)
        }

        /// Stops the run if the value's driver was unloaded, and perhaps loaded again.
        #[inline]
        pub fn check(self) {
            if self.0 != CURRENT.load(Ordering::Relaxed) {
                stop(
                    c"a value is used that belongs to a driver which was unloaded: what it owned was \
                      released then. On Windows none of the driver's code runs after the unload, and \
                      the next load has statics of its own. Drop the value before the unload",
                );
            }
        }
    }
}
