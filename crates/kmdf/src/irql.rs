//! The interrupt request level as a type: zero-sized witnesses, lent to every callback.
//!
//! A witness is a proof that the processor runs at or below some IRQL for as long as the witness is
//! reachable. A callback gets the one that its execution level earns, as `&mut`. A call that a
//! level restricts asks for a witness, and so does touching pageable memory, whose references
//! borrow the witness. A spin lock takes the witness for as long as it is held and lends a
//! [`Dispatch`] instead, so that pageable memory cannot be touched meanwhile:
//!
//! | witness | level | touches [`Paged`](crate::Paged) | touches [`NonPagedNx`] |
//! | --- | --- | --- | --- |
//! | [`Passive`] | = PASSIVE_LEVEL | yes | yes |
//! | [`Apc`] | <= APC_LEVEL | yes | yes |
//! | [`Dispatch`] | <= DISPATCH_LEVEL | no | yes |
//!
//! Witnesses are neither `Send` nor `Sync`, cannot be cloned, and cost nothing.

use crate::pool::{NonPagedNx, PoolKind};
use core::marker::PhantomData;
use kmdf_sys::{_WDF_EXECUTION_LEVEL, WDF_EXECUTION_LEVEL};

macro_rules! witnesses {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name(PhantomData<*mut ()>);

        impl $name {
            /// Claims that the processor runs at this witness's level or below.
            ///
            /// # Safety
            ///
            /// For as long as the witness is reachable, the current IRQL satisfies it whenever code
            /// that can reach it runs.
            pub const unsafe fn assume() -> Self {
                Self(PhantomData)
            }
        }

        impl Sealed for $name {}
    )*};
}

trait Sealed {}

witnesses! {
    /// The processor runs at PASSIVE_LEVEL.
    ///
    /// # Invariants
    ///
    /// Whoever can reach a value runs at PASSIVE_LEVEL.
    Passive;
    /// The processor runs at APC_LEVEL or below.
    ///
    /// # Invariants
    ///
    /// Whoever can reach a value runs at APC_LEVEL or below.
    Apc;
    /// The processor runs at DISPATCH_LEVEL or below.
    ///
    /// # Invariants
    ///
    /// Whoever can reach a value runs at DISPATCH_LEVEL or below.
    Dispatch;
}

/// Witnesses of an IRQL at which pageable memory and pageable code may be used.
#[diagnostic::on_unimplemented(
    message = "this call is allowed at IRQL <= APC_LEVEL only, and `{Self}` does not prove that",
    label = "may be at DISPATCH_LEVEL here",
    note = "do it before taking the spin lock, or on a queue whose level is `Passive`"
)]
#[expect(
    private_bounds,
    reason = "sealed: a witness from elsewhere proves nothing"
)]
pub trait AtMostApc: AtMostDispatch + Sealed {}

/// Witnesses of an IRQL at which framework calls may be made.
#[diagnostic::on_unimplemented(
    message = "this call is allowed at IRQL <= DISPATCH_LEVEL only, and `{Self}` does not prove that"
)]
#[expect(
    private_bounds,
    reason = "sealed: a witness from elsewhere proves nothing"
)]
pub trait AtMostDispatch: Sealed {}

impl AtMostApc for Passive {}
impl AtMostApc for Apc {}
impl AtMostDispatch for Passive {}
impl AtMostDispatch for Apc {}
impl AtMostDispatch for Dispatch {}

/// Witnesses of an IRQL at which memory of the kind `P` may be allocated and touched.
#[diagnostic::on_unimplemented(
    message = "memory of kind `{P}` must not be touched here: pageable memory needs IRQL <= APC_LEVEL",
    label = "`{Self}` may be DISPATCH_LEVEL",
    note = "use it before taking the spin lock, or take the memory from `NonPagedNx`"
)]
#[expect(
    private_bounds,
    reason = "sealed: a witness from elsewhere proves nothing"
)]
pub trait Allows<P: PoolKind>: AtMostDispatch + Sealed {}

impl<P: PoolKind> Allows<P> for Passive {}
impl<P: PoolKind> Allows<P> for Apc {}
impl Allows<NonPagedNx> for Dispatch {}

impl Passive {
    /// The same level as a weaker witness.
    pub fn as_apc(&mut self) -> &mut Apc {
        let witness: *mut Self = self;
        // SAFETY: Both types are zero-sized, and by the invariant of `Passive` the current level
        // satisfies `Apc` for as long as the borrow lasts.
        unsafe { &mut *witness.cast::<Apc>() }
    }
}

/// The execution level of a queue: the witness that its handler gets.
///
/// `Passive` makes the framework call the handler at PASSIVE_LEVEL only
/// (`WdfExecutionLevelPassive`); `Dispatch` lets it call at whatever level the request arrives
/// (`WdfExecutionLevelDispatch`).
#[expect(private_bounds, reason = "sealed: the framework has these two levels")]
pub trait ExecutionLevel: AtMostDispatch + Sealed + Sized {
    #[doc(hidden)]
    const LEVEL: WDF_EXECUTION_LEVEL;

    /// Claims the level for a callback.
    ///
    /// # Safety
    ///
    /// As for `assume` of the witness.
    #[doc(hidden)]
    unsafe fn claim() -> Self;
}

impl ExecutionLevel for Passive {
    const LEVEL: WDF_EXECUTION_LEVEL = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;

    unsafe fn claim() -> Self {
        // SAFETY: By the contract of this function.
        unsafe { Self::assume() }
    }
}

impl ExecutionLevel for Dispatch {
    const LEVEL: WDF_EXECUTION_LEVEL = _WDF_EXECUTION_LEVEL::WdfExecutionLevelDispatch;

    unsafe fn claim() -> Self {
        // SAFETY: By the contract of this function.
        unsafe { Self::assume() }
    }
}

const _: () =
    assert!(size_of::<Passive>() == 0 && size_of::<Apc>() == 0 && size_of::<Dispatch>() == 0);
