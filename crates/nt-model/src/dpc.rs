//! DPCs: run on the thread that queues them, as soon as its IRQL is below `DISPATCH_LEVEL`.

use crate::machine::{self, enter};
use crate::verifier::require_resident;
use crate::{irql, kernel_stack};
use kmdf_sys::*;
use std::cell::RefCell;
use std::collections::VecDeque;

const DISPATCH: KIRQL = DISPATCH_LEVEL as KIRQL;

/// The type of a DPC object, and the importance of one by default.
const OBJECT_TYPE: UCHAR = 19;
const MEDIUM_IMPORTANCE: UCHAR = 1;

thread_local! {
    /// DPCs that wait for the thread's IRQL to fall.
    static QUEUE: RefCell<VecDeque<PRKDPC>> = const { RefCell::new(VecDeque::new()) };
}

/// Runs the DPCs that the calling thread queued, at `DISPATCH_LEVEL`, where it already is.
pub(crate) fn run_queued() {
    while let Some(dpc) = QUEUE.with_borrow_mut(VecDeque::pop_front) {
        // SAFETY: A queued object stays where it is until it has been taken off the queue.
        unsafe { run(dpc) };
    }
}

/// # Safety
///
/// `dpc` was on the queue.
unsafe fn run(dpc: PRKDPC) {
    // SAFETY: By the contract of this function. Once it is off the queue its owner may free it.
    let copy = unsafe { dpc.read() };
    // SAFETY: As above.
    unsafe { (*dpc).DpcData = std::ptr::null_mut() };
    if let Some(routine) = copy.DeferredRoutine {
        let KDPC {
            DeferredContext,
            SystemArgument1,
            SystemArgument2,
            ..
        } = copy;
        // SAFETY: The driver's routine, called as it asked for.
        let call = || unsafe { routine(dpc, DeferredContext, SystemArgument1, SystemArgument2) };
        kernel_stack::bounded(&machine::current().config, call);
    }
}

/// # Safety
///
/// `dpc` is valid for a DPC object.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeInitializeDpc(dpc: PRKDPC, routine: PKDEFERRED_ROUTINE, context: PVOID) {
    let machine = enter();
    require_resident(&machine, dpc.addr(), "KeInitializeDpc");
    let contents = KDPC {
        __bindgen_anon_1: _KDPC__bindgen_ty_1 {
            __bindgen_anon_1: _KDPC__bindgen_ty_1__bindgen_ty_1 {
                Type: OBJECT_TYPE,
                Importance: MEDIUM_IMPORTANCE,
                Number: 0,
            },
        },
        DeferredRoutine: routine,
        DeferredContext: context,
        ..Default::default()
    };
    // SAFETY: By the contract of this function.
    unsafe { dpc.write(contents) };
}

/// # Safety
///
/// `dpc` is a DPC object.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeInsertQueueDpc(dpc: PRKDPC, first: PVOID, second: PVOID) -> BOOLEAN {
    let machine = enter();
    require_resident(&machine, dpc.addr(), "KeInsertQueueDpc");
    let before = irql::raise(DISPATCH.max(irql::current()));
    // SAFETY: By the contract of this function.
    let queued = unsafe { !(*dpc).DpcData.is_null() };
    if !queued {
        // SAFETY: By the contract of this function. Any address marks it as queued.
        unsafe { (*dpc).DpcData = dpc.cast() };
        // SAFETY: By the contract of this function.
        unsafe { (*dpc).SystemArgument1 = first };
        // SAFETY: By the contract of this function.
        unsafe { (*dpc).SystemArgument2 = second };
        QUEUE.with_borrow_mut(|queue| queue.push_back(dpc));
    }
    irql::lower(before);
    BOOLEAN::from(!queued)
}
