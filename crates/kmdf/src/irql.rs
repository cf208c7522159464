//! The interrupt request level as a type: zero-sized witnesses, lent to every callback.
//!
//! A witness is a proof that the processor runs at or below some IRQL for as long as the witness is
//! reachable. A callback gets the one that its execution level earns, as `&mut`. A call that a
//! level restricts asks for a witness, and so does touching pageable memory, whose references
//! borrow the witness. A spin lock takes the witness for as long as it is held and lends a
//! [`Dispatch`] instead, as does raising the level without a lock ([`Passive::raise`]), so that pageable
//! memory cannot be touched meanwhile:
//!
//! | witness | level | touches [`Paged`](crate::Paged) | touches [`NonPagedNx`] |
//! | --- | --- | --- | --- |
//! | [`Passive`] | = PASSIVE_LEVEL | yes | yes |
//! | [`Apc`] | <= APC_LEVEL | yes | yes |
//! | [`Dispatch`] | <= DISPATCH_LEVEL | no | yes |
//!
//! A call names the witnesses that it takes by a trait: [`AtPassive`], [`AtMostApc`],
//! [`AtMostDispatch`], or [`Allows`] for the memory that it touches. With another witness it does not
//! compile, and the error says at which level the call is allowed.
//!
//! Witnesses are neither `Send` nor `Sync`, cannot be cloned, and cost nothing.

use crate::lock::AtEnd;
use crate::pool::{Borrows, NonPagedNx, PoolKind};
use core::marker::PhantomData;
use kmdf_sys::{_WDF_EXECUTION_LEVEL, DISPATCH_LEVEL, KIRQL, WDF_EXECUTION_LEVEL, ntddk};

/// `APC_LEVEL`, the highest IRQL at which pageable memory and code may be used.
pub const APC_LEVEL: u8 = kmdf_sys::APC_LEVEL as u8;

/// `KeGetCurrentIrql`: the level at this moment, for checks in debug builds. IRQL: any.
///
/// It proves nothing about the next moment, for which there are the witnesses.
///
/// Source: "KeGetCurrentIrql function (wdm.h)".
pub fn current() -> u8 {
    // SAFETY: The call has no preconditions.
    unsafe { ntddk::KeGetCurrentIrql() }
}

macro_rules! witnesses {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name(OnThisThread<$name>);

        impl $name {
            /// Claims that the processor runs at this witness's level or below. IRQL: that of the witness.
            ///
            /// # Safety
            ///
            /// Whenever code that can reach the witness runs, the current IRQL is one that the witness
            /// stands for.
            pub const unsafe fn assume() -> Self {
                Self(OnThisThread(PhantomData))
            }

            /// `KeRaiseIrql` to DISPATCH_LEVEL, `body`, `KeLowerIrql` to the level before.
            ///
            /// No lock is held: other processors go on. This one runs no other thread until `body`
            /// returns, and no DPC, so let it take no longer than the 100 microseconds that the
            /// documentation allows a DPC. The caller's witness is out of reach in `body`, which gets
            /// one of DISPATCH_LEVEL instead: nothing pageable can be touched.
            ///
            /// ```no_run
            /// use kmdf::{Memory, NonPagedNx, Passive};
            ///
            /// fn sum(samples: &Memory<NonPagedNx>, irql: &mut Passive) -> u64 {
            ///     irql.raise(|irql| samples.bytes(irql).iter().map(|&byte| u64::from(byte)).sum())
            /// }
            /// ```
            ///
            /// Source: "KeRaiseIrql macro (wdm.h)", "KeLowerIrql function (wdm.h)".
            pub fn raise<R>(&mut self, body: impl FnOnce(&mut Dispatch) -> R) -> R {
                // SAFETY: The current level is at most DISPATCH_LEVEL, as every witness proves.
                let before = unsafe { ntddk::KfRaiseIrql(DISPATCH_LEVEL as KIRQL) };
                let _lower = AtEnd(|| {
                    // SAFETY: This is the level that was raised from, above. What raised it further in
                    // between has lowered it again: it ran a closure, too.
                    unsafe { ntddk::KeLowerIrql(before) };
                });
                // SAFETY: The level is DISPATCH_LEVEL until it is lowered.
                let mut irql = unsafe { Dispatch::assume() };
                body(&mut irql)
            }
        }
    )*};
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is no witness of an IRQL: only `Passive`, `Apc` and `Dispatch` are",
    note = "a witness proves a level because only a callback or a spin lock lends one (rule C13: \
            KmdfIrql)"
)]
trait Sealed {}

/// What makes a witness neither `Send` nor `Sync`, and the compiler say why.
#[derive(Debug)]
struct OnThisThread<W>(PhantomData<W>);

#[diagnostic::on_unimplemented(
    message = "the IRQL witness `{Self}` holds on the thread that it was lent to, and no other",
    label = "this takes the witness to another thread",
    note = "another thread may run at another IRQL: there, use the witness that its own callback is \
            lent (rule C13: KmdfIrql)"
)]
trait HoldsOnOtherThreads {}

// SAFETY: The implementation is for no type: none implements the private trait. It is there for the text
// of the error.
unsafe impl<W: HoldsOnOtherThreads> Send for OnThisThread<W> {}
// SAFETY: The implementation is for no type: none implements the private trait.
unsafe impl<W: HoldsOnOtherThreads> Sync for OnThisThread<W> {}

witnesses! {
    /// The processor runs at PASSIVE_LEVEL.
    ///
    /// # Invariants
    ///
    /// All code that can reach a value runs at PASSIVE_LEVEL.
    Passive;
    /// The processor runs at APC_LEVEL or below.
    ///
    /// # Invariants
    ///
    /// All code that can reach a value runs at APC_LEVEL or below.
    Apc;
    /// The processor runs at DISPATCH_LEVEL or below.
    ///
    /// # Invariants
    ///
    /// All code that can reach a value runs at DISPATCH_LEVEL or below.
    Dispatch;
}

/// Witnesses of PASSIVE_LEVEL, at which a thread may wait and all framework calls may be made.
#[diagnostic::on_unimplemented(
    message = "this call is allowed at PASSIVE_LEVEL only, and `{Self}` does not prove that",
    label = "may be above PASSIVE_LEVEL here",
    note = "do it before taking the spin lock, or in a handler whose `Level` is `Passive` (rule C13: \
            KmdfIrql)"
)]
#[expect(
    private_bounds,
    reason = "sealed: a witness from elsewhere proves nothing"
)]
pub trait AtPassive: AtMostApc + Sealed {}

/// Witnesses of an IRQL at which pageable memory and pageable code may be used.
#[diagnostic::on_unimplemented(
    message = "this call is allowed at IRQL <= APC_LEVEL only, and `{Self}` does not prove that",
    label = "may be at DISPATCH_LEVEL here",
    note = "do it before taking the spin lock, or in a handler whose `Level` is `Passive` (rule C13: \
            KmdfIrql)"
)]
#[expect(
    private_bounds,
    reason = "sealed: a witness from elsewhere proves nothing"
)]
pub trait AtMostApc: AtMostDispatch + Sealed {}

/// Witnesses of an IRQL at which framework calls may be made.
#[diagnostic::on_unimplemented(
    message = "this call is allowed at IRQL <= DISPATCH_LEVEL only, and `{Self}` does not prove that",
    note = "pass on the witness that the callback was lent (rule C13: KmdfIrql)"
)]
#[expect(
    private_bounds,
    reason = "sealed: a witness from elsewhere proves nothing"
)]
pub trait AtMostDispatch: Sealed {}

impl Sealed for Passive {}
impl Sealed for Apc {}
impl Sealed for Dispatch {}

impl AtPassive for Passive {}
impl AtMostApc for Passive {}
impl AtMostApc for Apc {}
impl AtMostDispatch for Passive {}
impl AtMostDispatch for Apc {}
impl AtMostDispatch for Dispatch {}

/// Witnesses of an IRQL at which memory of the kind `P` may be allocated and touched.
#[diagnostic::on_unimplemented(
    message = "`{P}` memory is neither allocated nor touched here: that needs IRQL <= APC_LEVEL",
    label = "`{Self}` may be DISPATCH_LEVEL",
    note = "do it before taking the spin lock, or take the memory from `NonPagedNx` (rules C2, L6, \
            E5, E6)"
)]
pub trait Allows<P: PoolKind>: for<'a> AllowsFor<'a, 'a, P> {}

impl<P: PoolKind> Allows<P> for Passive {}
impl<P: PoolKind> Allows<P> for Apc {}
impl Allows<NonPagedNx> for Dispatch {}

/// Witnesses that, lent for `'w`, allow a reference of lifetime `'a` into memory of the kind `P`.
///
/// A reference into pageable memory borrows the witness for as long as it lives, so that nothing can
/// raise the IRQL meanwhile. One into nonpaged memory borrows nothing: it may be used under a spin
/// lock, too. In code that is generic over the kind, the bound [`Allows`] is enough; the reference
/// borrows the witness there.
#[diagnostic::on_unimplemented(
    message = "`{P}` memory is neither allocated nor touched here: that needs IRQL <= APC_LEVEL",
    label = "`{Self}` may be DISPATCH_LEVEL",
    note = "do it before taking the spin lock, or take the memory from `NonPagedNx` (rules C2, L6, \
            E5, E6)"
)]
#[expect(
    private_bounds,
    reason = "sealed: a witness from elsewhere proves nothing"
)]
pub trait AllowsFor<'a, 'w, P>: AtMostDispatch + Sealed {}

impl<'a, 'w, P: Borrows<'a, 'w>> AllowsFor<'a, 'w, P> for Passive {}
impl<'a, 'w, P: Borrows<'a, 'w>> AllowsFor<'a, 'w, P> for Apc {}
impl AllowsFor<'_, '_, NonPagedNx> for Dispatch {}

impl Passive {
    /// Borrows the witness as one of APC_LEVEL, for calls that take no stronger one. IRQL: PASSIVE_LEVEL.
    pub fn as_apc(&mut self) -> &mut Apc {
        let witness: *mut Self = self;
        // SAFETY: Both types are zero-sized, and the current level is PASSIVE_LEVEL, so at most APC_LEVEL, for
        // as long as the borrow lasts, by the invariant of `Passive`.
        unsafe { &mut *witness.cast::<Apc>() }
    }
}

/// The execution level of a queue: the witness that its handler gets.
///
/// `Passive` makes the framework call the handler at PASSIVE_LEVEL only
/// (`WdfExecutionLevelPassive`); `Dispatch` lets it call at whatever level the request arrives
/// (`WdfExecutionLevelDispatch`).
#[diagnostic::on_unimplemented(
    message = "the framework calls no handler at the level of `{Self}`",
    note = "the `Level` of a handler is `Passive` or `Dispatch`"
)]
#[expect(private_bounds, reason = "sealed: the framework has these two levels")]
pub trait ExecutionLevel: AtMostDispatch + Sealed + Sized {
    #[doc(hidden)]
    const LEVEL: WDF_EXECUTION_LEVEL;

    /// Claims the level for a callback.
    ///
    /// # Safety
    ///
    /// Whenever code that can reach the witness runs, the current IRQL is one that the witness stands for.
    #[doc(hidden)]
    unsafe fn claim() -> Self;
}

impl ExecutionLevel for Passive {
    const LEVEL: WDF_EXECUTION_LEVEL = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;

    unsafe fn claim() -> Self {
        // SAFETY: `claim` and `assume` ask the caller for the same.
        unsafe { Self::assume() }
    }
}

impl ExecutionLevel for Dispatch {
    const LEVEL: WDF_EXECUTION_LEVEL = _WDF_EXECUTION_LEVEL::WdfExecutionLevelDispatch;

    unsafe fn claim() -> Self {
        // SAFETY: `claim` and `assume` ask the caller for the same.
        unsafe { Self::assume() }
    }
}

const _: () =
    assert!(size_of::<Passive>() == 0 && size_of::<Apc>() == 0 && size_of::<Dispatch>() == 0);
