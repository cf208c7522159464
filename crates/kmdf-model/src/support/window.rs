//! Windows between two steps of the framework, which a test can hold open.
//!
//! Where the real framework lets go of an object before it is done with it, the model does so too. On
//! Windows another processor gets in between once in a million times; a test that holds the window
//! open does so each time.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A moment at which a thread in the framework may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// WdfObjectDelete above PASSIVE_LEVEL has taken an object that needs PASSIVE_LEVEL from its
    /// parent, and has yet to put it on the dispose list of its device, which nothing keeps (OBJ-58).
    DeferredDisposal,
    /// A request is completed and counted by nobody any more, and has yet to be destroyed (REQ-37).
    CompletedRequest,
}

/// What is called in every window, on the thread that is in it.
pub type Hold = fn(Window);

static HOLD: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Has `hold` called in every window, by all drivers of the process, until it is replaced.
pub fn hold_windows(hold: Option<Hold>) {
    let hold = hold.map_or(null_mut(), |hold| hold as *mut ());
    HOLD.store(hold, Ordering::Release);
}

/// Lets a test hold this thread.
pub(crate) fn open(window: Window) {
    let hold = HOLD.load(Ordering::Acquire);
    if !hold.is_null() {
        // SAFETY: Not NULL, so stored by `hold_windows`, from a function of this type.
        let hold = unsafe { core::mem::transmute::<*mut (), Hold>(hold) };
        hold(window);
    }
}
