//! What most drivers name: `use kmdf::prelude::*;`.
//!
//! `Result` is [`kmdf::Result`](crate::Result), which hides that of the standard library.

pub use crate::{
    Access, Device, DeviceInit, Dispatch, DispatchType, Driver, DriverParent, Error,
    FILE_DEVICE_UNKNOWN, FileHandler, FileObject, Guid, Handled, IoHandler, LookasideList,
    ManualQueue, Memory, Method, NonPagedNx, Output, Paged, PagedLookaside, Passive,
    PreallocatedMemory, Queue, Request, Result, SpinLock, Tag, Transfer, WaitLock, WideText,
    ctl_code, wide,
};
