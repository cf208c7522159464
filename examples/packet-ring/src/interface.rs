//! What the driver and the programs that use it agree on.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The class of the device interface, by which programs find the device.
pub const INTERFACE_CLASS: u128 = 0xE07A_4C15_92BD_4D68_AF31_5B80_C6E2_137D;

/// The number of packets that the ring holds.
pub const PACKETS: usize = 64;

/// The length of the longest packet.
pub const PACKET_BYTES: usize = 1536;

/// Gives the oldest packet, or waits for one:
/// `CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_READ_ACCESS)`.
pub const READ_PACKET: u32 = 0x0022_6000;

/// Gives the [`Statistics`]: `CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)`.
pub const GET_STATISTICS: u32 = 0x0022_2004;

/// What the driver has counted: first for the handle that asks, then for the device.
///
/// At any time `arrived` is the sum of `in_ring`, `delivered` and `dropped`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Statistics {
    /// [`READ_PACKET`] requests of this handle.
    pub handle_reads: u64,
    /// Packets that this handle wrote.
    pub handle_writes: u64,
    /// Bytes in these packets.
    pub handle_bytes: u64,
    /// Packets that these packets displaced from the full ring.
    pub handle_displaced: u64,
    /// Packets that arrived at the device, from all handles.
    pub arrived: u64,
    /// Of these, how many are in the ring.
    pub in_ring: u64,
    /// Of these, how many were given to a request, or are just being given to one.
    pub delivered: u64,
    /// Of these, how many were dropped because the ring was full.
    pub dropped: u64,
}
