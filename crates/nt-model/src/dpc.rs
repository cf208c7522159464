//! DPCs: run on the thread that queues them, as soon as its IRQL is below `DISPATCH_LEVEL`.

use crate::machine::{self, enter};
use crate::verifier::require_resident;
use crate::{irql, kernel_stack};
use kmdf_sys::*;
use std::cell::RefCell;
use std::collections::VecDeque;

const DISPATCH: KIRQL = DISPATCH_LEVEL as KIRQL;

/// The type number of a DPC object.
const OBJECT_TYPE: UCHAR = 19;
/// The importance of a DPC by default.
const MEDIUM_IMPORTANCE: UCHAR = 1;

thread_local! {
    /// DPCs that wait for the thread's IRQL to fall below `DISPATCH_LEVEL`.
    static QUEUE: RefCell<VecDeque<PRKDPC>> = const { RefCell::new(VecDeque::new()) };
}

/// Runs the DPCs that the calling thread has queued. The IRQL already is `DISPATCH_LEVEL`.
pub(crate) fn run_queued() {
    while let Some(dpc) = QUEUE.with_borrow_mut(VecDeque::pop_front) {
        // SAFETY: Just taken from the queue, on which an object must not be freed or moved.
        unsafe { run(dpc) };
    }
}

/// Calls the routine of a DPC.
///
/// # Safety
///
/// `dpc` must just have been taken from the queue.
unsafe fn run(dpc: PRKDPC) {
    // SAFETY: Still allocated: until `DpcData` is null, its owner must not free it.
    let copy = unsafe { dpc.read() };
    // SAFETY: Still allocated, and not accessed afterwards, because its owner may free it now.
    unsafe { (*dpc).DpcData = std::ptr::null_mut() };
    if let Some(routine) = copy.DeferredRoutine {
        let KDPC {
            DeferredContext,
            SystemArgument1,
            SystemArgument2,
            ..
        } = copy;
        // SAFETY: The driver's routine, with the context and arguments that it set.
        let call = || unsafe { routine(dpc, DeferredContext, SystemArgument1, SystemArgument2) };
        kernel_stack::bounded(&machine::current().config, call);
    }
}

/// Initialises a DPC object.
///
/// # Safety
///
/// `dpc` must be writable.
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
    // SAFETY: `dpc` is writable, as the caller guarantees.
    unsafe { dpc.write(contents) };
}

/// Queues a DPC, and returns false if it is already queued.
///
/// # Safety
///
/// `dpc` must be a DPC object that stays allocated until it has run.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeInsertQueueDpc(dpc: PRKDPC, first: PVOID, second: PVOID) -> BOOLEAN {
    let machine = enter();
    require_resident(&machine, dpc.addr(), "KeInsertQueueDpc");
    let before = irql::raise(DISPATCH.max(irql::current()));
    // SAFETY: A DPC object, as the caller guarantees.
    let mut contents = unsafe { dpc.read() };
    let queued = !contents.DpcData.is_null();
    if !queued {
        // Any address marks the object as queued.
        contents.DpcData = dpc.cast();
        contents.SystemArgument1 = first;
        contents.SystemArgument2 = second;
        // SAFETY: A DPC object that is not queued, so only this call writes it.
        unsafe { dpc.write(contents) };
        QUEUE.with_borrow_mut(|queue| queue.push_back(dpc));
    }
    irql::lower(before);
    BOOLEAN::from(!queued)
}
