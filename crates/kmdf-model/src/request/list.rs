//! Lists of requests, linked through the requests themselves.

use super::Request;
use crate::object::live::Live;
use core::cell::Cell;

/// The neighbours of a request in one list.
#[derive(Clone, Copy, Default)]
struct Link {
    previous: Option<Live<Request>>,
    next: Option<Live<Request>>,
}

/// The links of a request, which can be in two lists at once: one for who has it, one for its
/// cancellation.
#[derive(Default)]
pub(crate) struct Links([Cell<Link>; 2]);

/// The slot of the lists of waiting and of driver-owned requests.
pub(crate) const POSSESSION: usize = 0;
/// The slot of the lists of cancelable requests and of those whose cancellation callback is due.
pub(crate) const CANCELLATION: usize = 1;

/// A first-in first-out list, which is reached under its queue's lock only.
///
/// # Invariants
///
/// Each request in the list is alive, and in no other list of the same `SLOT`.
pub(crate) struct RequestList<const SLOT: usize> {
    first: Option<Live<Request>>,
    last: Option<Live<Request>>,
    length: u32,
}

impl<const SLOT: usize> RequestList<SLOT> {
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            last: None,
            length: 0,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.length
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn first(&self) -> Option<Live<Request>> {
        self.first
    }

    /// The request behind `request`, which is in this list.
    pub(crate) fn after(&self, request: Live<Request>) -> Option<Live<Request>> {
        link(request, SLOT).get().next
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Live<Request>> + use<SLOT> {
        core::iter::successors(self.first, |&request| link(request, SLOT).get().next)
    }

    pub(crate) fn push_back(&mut self, request: Live<Request>) {
        self.insert(request, self.last, None);
    }

    pub(crate) fn push_front(&mut self, request: Live<Request>) {
        self.insert(request, None, self.first);
    }

    pub(crate) fn pop_front(&mut self) -> Option<Live<Request>> {
        let request = self.first?;
        self.remove(request);
        Some(request)
    }

    /// Takes out `request`, which is in this list.
    pub(crate) fn remove(&mut self, request: Live<Request>) {
        let Link { previous, next } = link(request, SLOT).take();
        self.join(previous, next);
        self.length -= 1;
    }

    fn insert(
        &mut self,
        request: Live<Request>,
        previous: Option<Live<Request>>,
        next: Option<Live<Request>>,
    ) {
        self.join(previous, Some(request));
        self.join(Some(request), next);
        self.length += 1;
    }

    /// Makes `previous` and `next` neighbours; `None` is the end of the list.
    fn join(&mut self, previous: Option<Live<Request>>, next: Option<Live<Request>>) {
        match previous {
            Some(request) => {
                let cell = link(request, SLOT);
                cell.set(Link { next, ..cell.get() });
            }
            None => self.first = next,
        }
        match next {
            Some(request) => {
                let cell = link(request, SLOT);
                cell.set(Link {
                    previous,
                    ..cell.get()
                });
            }
            None => self.last = previous,
        }
    }
}

fn link<'a>(request: Live<Request>, slot: usize) -> &'a Cell<Link> {
    let request: *const Request = request.as_ptr();
    // SAFETY: Requests in a list, and those about to be inserted, are alive.
    let request = unsafe { &*request };
    &request.links.0[slot]
}
