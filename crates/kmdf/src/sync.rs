//! Memory that several threads use at once: core's types, or loom's for the tests in
//! `tests/interleavings`.

#[cfg(not(loom))]
pub(crate) use core::{
    cell::Cell,
    sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize},
};
#[cfg(loom)]
pub(crate) use explored::{AtomicPtr, AtomicU8, AtomicUsize, Cell};

/// The same, with every access known to loom.
#[cfg(loom)]
mod explored {
    use core::ops::Deref;
    use loom::cell::UnsafeCell;

    /// Atomics whose end must come after all other uses of them, in every thread's view.
    macro_rules! atomics {
        ($($name:ident $(<$t:ident>)?: $value:ty;)*) => {$(
            #[derive(Debug)]
            pub(crate) struct $name $(<$t>)? (loom::sync::atomic::$name $(<$t>)?);

            impl $(<$t>)? $name $(<$t>)? {
                pub(crate) fn new(value: $value) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }
            }

            impl $(<$t>)? Deref for $name $(<$t>)? {
                type Target = loom::sync::atomic::$name $(<$t>)?;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }

            impl $(<$t>)? Drop for $name $(<$t>)? {
                fn drop(&mut self) {
                    self.0.with_mut(|_| ());
                }
            }
        )*};
    }

    atomics! {
        AtomicPtr<T>: *mut T;
        AtomicU8: u8;
        AtomicUsize: usize;
    }

    /// A cell that is only touched with the unload list's lock held. Loom watches all such cells as one,
    /// which is in no cell itself: cells are zeroed by the framework, or in statics.
    #[derive(Debug)]
    pub(crate) struct Cell<T: Copy> {
        value: core::cell::Cell<T>,
        /// Not zero once the memory was freed, which the tests fill.
        freed: core::cell::Cell<u8>,
    }

    #[derive(Default)]
    struct AllCells(UnsafeCell<()>);

    // SAFETY: The cell holds nothing; loom reports threads that do not take turns.
    unsafe impl Sync for AllCells {}

    loom::lazy_static! {
        static ref ALL_CELLS: AllCells = AllCells::default();
    }

    impl<T: Copy> Cell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self {
                value: core::cell::Cell::new(value),
                freed: core::cell::Cell::new(0),
            }
        }

        pub(crate) fn get(&self) -> T {
            ALL_CELLS.0.with(|_| self.check());
            self.value.get()
        }

        pub(crate) fn set(&self, value: T) {
            ALL_CELLS.0.with_mut(|_| self.check());
            self.value.set(value);
        }

        fn check(&self) {
            assert_eq!(self.freed.get(), 0, "a node of the unload list was freed");
        }
    }
}
