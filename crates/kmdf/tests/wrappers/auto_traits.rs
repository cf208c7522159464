//! What the types promise: checked by the compiler, whichever its version and its words.

use kmdf::{
    Allows, Apc, AtMostApc, AtMostDispatch, AtPassive, Device, DeviceInit, Dispatch, Entry, Error,
    Handled, LookasideList, Memory, NonPageable, NonPagedNx, Output, Paged, Passive, PoolBox,
    PoolBuffer, PreallocatedMemory, Request, RequestMemory, Result, SpinLock, Tag, Transfer,
    UninitMemory, WaitLock, WrappedInput,
};
use std::cell::Cell;
use std::rc::Rc;

/// Compiles only if the type does not implement the trait: otherwise two implementations apply, and
/// the compiler cannot choose.
macro_rules! not_implemented {
    ($($type:ty: $($bound:path),+;)+) => {$($({
        trait Candidate<Which> {
            fn choose() {}
        }
        struct Implements;
        impl<T: ?Sized> Candidate<()> for T {}
        impl<T: ?Sized + $bound> Candidate<Implements> for T {}
        <$type as Candidate<_>>::choose();
    })+)+};
}

/// C2, L6, E5, E6, C13 (KmdfIrql): a witness of DISPATCH_LEVEL opens no pageable memory; P9: there
/// is none of a higher level.
#[test]
fn witnesses_allow_what_their_level_does() {
    fn waits<W: AtPassive>() {}
    fn opens_all<W: AtMostApc + AtMostDispatch + Allows<Paged> + Allows<NonPagedNx>>() {}
    fn opens_nonpaged<W: AtMostDispatch + Allows<NonPagedNx>>() {}
    waits::<Passive>();
    opens_all::<Passive>();
    opens_all::<Apc>();
    opens_nonpaged::<Dispatch>();
    not_implemented! {
        Apc: AtPassive;
        Dispatch: AtPassive, AtMostApc, Allows<Paged>;
        Paged: NonPageable;
        u8: AtMostDispatch;
    }
}

/// C2, C13 (KmdfIrql2), L6, E6: a witness stays with the callback that it was made for.
#[test]
fn witnesses_are_neither_sent_nor_copied() {
    not_implemented! {
        Passive: Send, Sync, Copy, Clone, Default;
        Apc: Send, Sync, Copy, Clone, Default;
        Dispatch: Send, Sync, Copy, Clone, Default;
    }
    assert_eq!(size_of::<(Passive, Apc, Dispatch)>(), 0);
}

/// What a value holds decides on which threads it may be used and dropped; a lock shares what may
/// be sent. What a request lends stays on the thread that handles it.
#[test]
fn values_go_where_their_content_may() {
    fn shared<T: Sync>() {}
    shared::<(SpinLock<Cell<u8>>, WaitLock<Cell<u8>>)>();
    not_implemented! {
        Memory<Paged, Cell<u8>>: Sync;
        Memory<Paged, *const u8>: Send, Sync;
        Entry<Paged, Cell<u8>>: Sync;
        Entry<Paged, *const u8>: Send, Sync;
        PoolBox<Cell<u8>>: Sync;
        PoolBox<Rc<u8>>: Send, Sync;
        SpinLock<Rc<u8>>: Send, Sync;
        WaitLock<Rc<u8>>: Send, Sync;
        Transfer<'static>: Send, Sync;
        Output<'static>: Send, Sync;
        RequestMemory<'static, NonPagedNx>: Send, Sync;
        WrappedInput<'static>: Send, Sync;
        DeviceInit<'static>: Send, Sync;
    }
}

/// C10, P7, P8, L4, L5, E4: what is deleted or given back on drop exists once.
#[test]
fn owners_are_not_duplicated() {
    not_implemented! {
        Memory<Paged>: Copy, Clone, Default;
        UninitMemory<Paged>: Copy, Clone, Default;
        PreallocatedMemory<PoolBuffer<Paged>>: Copy, Clone;
        LookasideList<Paged>: Copy, Clone, Default;
        Entry<Paged>: Copy, Clone, Default;
        PoolBuffer<Paged>: Copy, Clone;
        SpinLock<u8>: Copy, Clone;
    }
}

/// P10: completing takes the request, which exists once, and its buffers are borrowed from it.
#[test]
fn a_request_is_consumed_by_its_completion() {
    let _: fn(Request<'static>, Result<usize>) -> Handled<'static> = Request::complete;
    let _: for<'b> fn(&'b Request<'static>, usize) -> Result<&'b [u8]> = Request::input;
    not_implemented! {
        Request<'static>: Copy, Clone, Default;
        Handled<'static>: Copy, Clone, Default;
    }
}

/// C8: uninitialised bytes are no `u8`.
#[test]
fn uninitialised_bytes_are_marked() {
    type Bytes<'b> = &'b mut [std::mem::MaybeUninit<u8>];
    let _: for<'b> fn(&'b mut UninitMemory<Paged>, &'b Passive) -> Bytes<'b> =
        |memory, irql| memory.bytes_mut(irql);
    not_implemented! {
        UninitMemory<Paged>: AsRef<[u8]>, std::ops::Deref<Target = [u8]>;
    }
}

/// C1, C9, C13 (ParentObjectCheck), P1, P6: the parent is an argument that cannot be left out; the
/// driver is one choice.
#[test]
fn a_parent_is_always_named() {
    type Create<P> = fn(&P, Tag, usize, &Passive) -> Result<Memory<Paged>>;
    let _: Create<kmdf::DriverParent> = Memory::new;
    let _: Create<Device<'static>> = Memory::new;
    type Wrap<P> = fn(&P, PoolBuffer<Paged>) -> Result<PreallocatedMemory<PoolBuffer<Paged>>>;
    let _: Wrap<kmdf::DriverParent> = PreallocatedMemory::new;
    let _: Wrap<Device<'static>> = PreallocatedMemory::new;
}

/// C7, P4, L3: a status that is no success is kept as it is, whether it has a name here or not.
#[test]
fn errors_are_statuses() {
    for status in [0xC000_009A_u32, 0xC020_1234, 0x8000_001A] {
        let status = status.cast_signed();
        assert_eq!(Error::from_status(status).map(Error::status), Some(status));
    }
    for success in [0, 0x103, 0x4000_0000] {
        assert_eq!(Error::from_status(success), None);
    }
}
