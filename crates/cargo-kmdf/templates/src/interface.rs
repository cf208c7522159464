//! What the driver and the programs that use it agree on.

/// The class of the device interface, by which programs find the device.
pub const INTERFACE: u128 = 0x00000000_0000_0000_0000_000000000000;

/// Returns the bytes of the input in reverse order: `CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED,
/// FILE_ANY_ACCESS)`. Fails with STATUS_BUFFER_TOO_SMALL if the input is empty or the output shorter than it.
pub const REVERSE: u32 = 0x0022_2000;
