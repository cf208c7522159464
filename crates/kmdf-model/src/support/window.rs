//! Race windows between two steps of the framework, which a test can hold open.
//!
//! Where the framework releases an object before its last use of it, the model does so too. On Windows
//! another processor gets in between once in a million times; a test that holds the window open does so
//! each time.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A point between two steps of the framework at which a test can stop the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// WdfObjectDelete above PASSIVE_LEVEL has unlinked an object that needs PASSIVE_LEVEL, and not yet
    /// put it on the dispose list of its device, which holds no reference to it (OBJ-58).
    DeferredDisposal,
    /// A request is completed and no longer counted by its queue, and not yet destroyed (REQ-37).
    CompletedRequest,
}

/// The function that is called in every window, on the thread that is in it.
pub type Hold = fn(Window);

static HOLD: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Sets the function that is called in every window, for all drivers of the process; `None` for none.
pub fn hold_windows(hold: Option<Hold>) {
    let hold = hold.map_or(null_mut(), |hold| hold as *mut ());
    HOLD.store(hold, Ordering::Release);
}

/// Calls the function that a test has set, which may block this thread.
pub(crate) fn open(window: Window) {
    let hold = HOLD.load(Ordering::Acquire);
    if !hold.is_null() {
        // SAFETY: Not NULL, so `hold_windows` stored a function of this type.
        let hold = unsafe { core::mem::transmute::<*mut (), Hold>(hold) };
        hold(window);
    }
}
