//! The interface's identity, and what a caller may have of it.

/// The device interface class under which a client finds the driver's devices:
/// `{72e12438-3c9b-4498-8316-6e5467b64285}`.
pub const INTERFACE_GUID: u128 = 0x72e12438_3c9b_4498_8316_6e5467b64285;

/// The size in bytes above which no object is made.
pub const MAX_OBJECT_BYTES: u64 = 1 << 20;

/// The size in bytes below which an Ex list has no entries: a free entry holds the link to the next.
pub const MIN_ENTRY_BYTES: u64 = 8;

/// The most bytes that a call touches at `DISPATCH_LEVEL`. The driver lowers the level after every
/// 4,096 of them, so that other threads and DPCs of the processor do not wait for long.
pub const MAX_DISPATCH_BYTES: u64 = 64 << 10;

/// The most data that one call carries, in either direction.
pub const MAX_TRANSFER_BYTES: u64 = MAX_OBJECT_BYTES;

/// How many objects a file object may have.
pub const FILE_OBJECTS: u32 = 64;

/// How many bytes the objects of a file object may have.
///
/// A lookaside list counts with the most that was ever out of it at one time, until it is deleted:
/// what it keeps for reuse is memory too.
pub const FILE_BYTES: u64 = 4 << 20;

/// How many handles to a device may be open at a time. `CreateFile` fails for one more with
/// `STATUS_QUOTA_EXCEEDED`, which is `ERROR_NOT_ENOUGH_QUOTA`.
pub const DEVICE_OPENS: u32 = 64;

/// How many objects all file objects of a device may have together.
pub const DEVICE_OBJECTS: u32 = 160;

/// How many bytes the objects of all file objects of a device may have together.
pub const DEVICE_BYTES: u64 = 10 << 20;
