//! The driver globals: what the framework keeps for each client, around the part that the driver sees.

use crate::driver::settings::Settings;
use crate::object::Object;
use crate::object::dispose_list::DisposeList;
use crate::support::pool::Tracker;
use crate::support::stop;
use crate::support::sync::{Guard, Locked};
use core::cell::{Cell, UnsafeCell};
use core::mem::offset_of;
use core::ptr::NonNull;
use kmdf_sys::{
    PDRIVER_OBJECT, PWDF_DRIVER_GLOBALS, ULONG, WDF_DRIVER_GLOBALS, WDF_DRIVER_INIT_FLAGS,
};

const SIGNATURE: u32 = u32::from_le_bytes(*b"FxGl");

/// The tag of the framework's allocations for a driver whose name gives none (MEM-3).
pub(crate) const DEFAULT_TAG: ULONG = u32::from_le_bytes(*b"FxDr");

/// What the topology lock guards; its guard is required to change parents, children and states.
pub(crate) struct Topology(());

/// A bound client driver.
///
/// # Invariants
///
/// Lives at one address in nonpaged pool from bind to unbind; every object of the driver holds a
/// pointer to it and is freed before it. The `Cell`s are written during bind, `WdfDriverCreate` and
/// unload, when no other thread is in the framework on this driver's behalf.
#[repr(C)]
pub(crate) struct Globals {
    signature: Cell<u32>,
    /// Minor version of the framework that the client was built for.
    pub(crate) client_minor: u32,
    /// The tag of the framework's allocations for this driver, which tag 0 stands for (MEM-4).
    pub(crate) tag: Cell<ULONG>,
    pub(crate) driver_object: PDRIVER_OBJECT,
    /// The WDFDRIVER, from the success of WdfDriverCreate until it is destroyed.
    pub(crate) driver: Cell<Option<NonNull<Object>>>,
    /// The driver's dispose list, which WdfDriverCreate creates (OBJ-60).
    pub(crate) dispose_list: Cell<Option<NonNull<DisposeList>>>,
    /// The switches of the framework verifier.
    pub(crate) settings: Settings,
    /// The lock verifier's table of threads, unless its allocation failed.
    pub(crate) lock_threads: Cell<Option<NonNull<u8>>>,
    /// Live blocks of the framework's allocator.
    pub(crate) tracker: Tracker,
    /// Guards parents, children, states and dispose lists of all objects of this driver.
    topology: Locked<Topology>,
    public: UnsafeCell<WDF_DRIVER_GLOBALS>,
}

impl Globals {
    /// The globals of a new client, with its default tag (DEV-9). The caller moves them to their address.
    pub(crate) fn new(driver_object: PDRIVER_OBJECT, client_minor: u32) -> Self {
        Self {
            signature: Cell::new(SIGNATURE),
            client_minor,
            tag: Cell::new(DEFAULT_TAG),
            driver_object,
            driver: Cell::new(None),
            dispose_list: Cell::new(None),
            settings: Settings::new(),
            lock_threads: Cell::new(None),
            tracker: Tracker::new(),
            topology: Locked::new(Topology(())),
            public: UnsafeCell::new(WDF_DRIVER_GLOBALS::default()),
        }
    }

    /// The globals whose public part is at `public`.
    ///
    /// # Safety
    ///
    /// `public` must come from [`Globals::public`] of globals that outlive `'a`, or lead to readable memory
    /// at least.
    pub(crate) unsafe fn from_public<'a>(public: PWDF_DRIVER_GLOBALS) -> &'a Self {
        let start = public
            .wrapping_byte_sub(offset_of!(Self, public))
            .cast::<Self>();
        // SAFETY: The public part lies in live globals, as the caller guarantees.
        let globals = unsafe { &*start };
        if globals.signature.get() != SIGNATURE {
            stop::undefined(
                c"a framework function was called with driver globals that WdfVersionBind did not give, or after the unbind",
            );
        }
        globals
    }

    /// The part that the driver sees.
    pub(crate) fn public(&self) -> PWDF_DRIVER_GLOBALS {
        self.public.get()
    }

    /// Sets flags in the public part if `condition` holds.
    pub(crate) fn add_driver_flags(&self, condition: bool, flags: WDF_DRIVER_INIT_FLAGS) {
        if condition {
            // SAFETY: The driver only reads its globals, and they are written while no other thread runs.
            unsafe { (*self.public()).DriverFlags |= flags as ULONG };
        }
    }

    /// Makes later calls with these globals recognisable; called just before they are freed.
    pub(crate) fn retire(&self) {
        self.signature.set(0);
    }

    /// Locks the object tree of the driver. Raises to DISPATCH_LEVEL; never held across a callback.
    pub(crate) fn topology(&self) -> Guard<'_, Topology> {
        self.topology.lock()
    }

    /// The tag that a driver's argument stands for: 0 is the default tag (MEM-4).
    pub(crate) fn tag_or_default(&self, tag: ULONG) -> ULONG {
        if tag == 0 { self.tag.get() } else { tag }
    }

    /// Whether the client was built for at least version 1.`minor`.
    pub(crate) fn client_is_at_least(&self, minor: u32) -> bool {
        self.client_minor >= minor
    }
}
