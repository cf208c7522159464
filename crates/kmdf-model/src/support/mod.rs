//! Parts that every area uses: pool, locks, work items, the framework verifier, stops.

pub(crate) mod kernel;
pub(crate) mod locks;
pub(crate) mod pool;
pub(crate) mod stop;
pub(crate) mod sync;
pub(crate) mod system_work_item;
pub(crate) mod unicode;
pub(crate) mod verifier;
pub(crate) mod window;
pub(crate) mod workitem;
