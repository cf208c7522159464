//! A ring of packets that is filled at DISPATCH_LEVEL and drained by inverted calls.
//!
//! A network adapter receives packets whether or not a program wants them, and a program wants the next
//! packet whether or not there is one. The driver keeps both: packets in a ring, and the programs' requests in
//! a manual queue, where they wait until a packet comes: inverted calls.
//!
//! | request | what it does | status, information |
//! | --- | --- | --- |
//! | write of 1 to [`PACKET_BYTES`] bytes | a packet arrives | STATUS_SUCCESS, the number of bytes |
//! | longer write | nothing | STATUS_INVALID_BUFFER_SIZE, 0 |
//! | write while the nonpaged pool is exhausted | nothing | STATUS_INSUFFICIENT_RESOURCES, 0 |
//! | [`READ_PACKET`] | gives the oldest packet, or waits for one | STATUS_SUCCESS, the packet's length |
//! | [`READ_PACKET`] with room for less than [`PACKET_BYTES`] | nothing | STATUS_BUFFER_TOO_SMALL, 0 |
//! | a waiting [`READ_PACKET`] that is cancelled, whose handle is closed or whose device is removed | | STATUS_CANCELLED, 0 |
//! | [`GET_STATISTICS`] | gives the [`Statistics`] | STATUS_SUCCESS, their size |
//! | [`GET_STATISTICS`] with less room | nothing | STATUS_BUFFER_TOO_SMALL, 0 |
//! | any other control | nothing | STATUS_INVALID_DEVICE_REQUEST, 0 |
//!
//! Packets are given in the order in which they arrived, to the requests in the order in which those were
//! sent. The ring holds [`PACKETS`]. A packet that arrives at a full ring displaces the oldest one, which is
//! counted as dropped: old news is the least missed.
//!
//! # Memory
//!
//! | memory | from | touched at |
//! | --- | --- | --- |
//! | packets | `LookasideList<NonPagedNx>`: WdfLookasideListCreate, WdfMemoryCreateFromLookaside | DISPATCH_LEVEL |
//! | the ring's slots | `PoolBox`: ExAllocatePoolWithTag, nonpaged | DISPATCH_LEVEL, under a spin lock |
//! | counters of each handle | `PagedLookaside`: ExAllocateFromPagedLookasideList | PASSIVE_LEVEL |

#![no_std]
#![forbid(unsafe_code)]

mod delivery;
mod driver;
mod interface;
mod ring;

pub use driver::INTERFACE;
pub use interface::{
    GET_STATISTICS, INTERFACE_CLASS, PACKET_BYTES, PACKETS, READ_PACKET, Statistics,
};

kmdf::driver_entry!(driver::PacketRing);
kmdf::panic_handler!();
