//! The packets that have not been read yet.

use kmdf::{Dispatch, LookasideList, Memory, NonPagedNx, PoolBox, Result, Tag};

use crate::delivery::Delivery;
use crate::interface::PACKETS;

/// A packet, in memory of the lookaside list.
pub struct Packet {
    memory: Memory<NonPagedNx>,
    length: usize,
}

impl Packet {
    /// A packet of these bytes, at most as many as the list's entries have.
    pub fn new(list: &LookasideList<NonPagedNx>, bytes: &[u8], irql: &Dispatch) -> Result<Self> {
        let mut memory = list.allocate(irql)?;
        memory.copy_from(0, bytes, irql)?;
        Ok(Self {
            memory,
            length: bytes.len(),
        })
    }

    /// The bytes of the packet, without those of the entry behind it.
    pub fn bytes<'a>(&'a self, irql: &Dispatch) -> &'a [u8] {
        self.memory
            .bytes(irql)
            .get(..self.length)
            .unwrap_or_default()
    }
}

/// A bounded queue of packets, the oldest first, in nonpaged memory.
///
/// # Invariants
///
/// The `count` slots from `first` on, modulo [`PACKETS`], are full; the others are empty.
/// `first < PACKETS`, and `count <= PACKETS`.
pub struct Ring {
    slots: PoolBox<[Option<Packet>; PACKETS]>,
    first: usize,
    count: usize,
    /// Whose turn it is to give packets to requests.
    pub delivery: Delivery,
    arrived: u64,
    delivered: u64,
    dropped: u64,
}

/// What a ring has counted.
pub struct Counts {
    pub arrived: u64,
    pub in_ring: u64,
    pub delivered: u64,
    pub dropped: u64,
}

impl Ring {
    /// Makes an empty ring, whose slots are nonpaged memory with this tag.
    pub fn new(tag: Tag) -> Result<Self> {
        Ok(Self {
            slots: PoolBox::from_fn(tag, |_| Ok(None))?,
            first: 0,
            count: 0,
            delivery: Delivery::Idle,
            arrived: 0,
            delivered: 0,
            dropped: 0,
        })
    }

    /// What the ring has counted.
    pub fn counts(&self) -> Counts {
        Counts {
            arrived: self.arrived,
            in_ring: self.count as u64,
            delivered: self.delivered,
            dropped: self.dropped,
        }
    }

    /// Adds a packet behind all others. Of a full ring, gives the oldest one, to be dropped without the lock.
    pub fn push(&mut self, packet: Packet) -> Option<Packet> {
        self.arrived += 1;
        let displaced = if self.count == PACKETS {
            self.dropped += 1;
            self.remove_first()
        } else {
            None
        };
        if let Some(slot) = self.slots.get_mut((self.first + self.count) % PACKETS) {
            *slot = Some(packet);
            self.count += 1;
        }
        displaced
    }

    fn remove_first(&mut self) -> Option<Packet> {
        let packet = self.slots.get_mut(self.first)?.take()?;
        self.first = (self.first + 1) % PACKETS;
        self.count -= 1;
        Some(packet)
    }

    /// The oldest packet, for a request. Without one the delivery is over.
    pub fn next(&mut self) -> Option<Packet> {
        let packet = self.remove_first();
        match packet {
            Some(_) => self.delivered += 1,
            None => self.delivery = Delivery::Idle,
        }
        packet
    }

    /// Takes back a packet of [`next`](Self::next) that no request got, in front of all others. If the ring
    /// has filled up meanwhile, this is the oldest packet of a full ring, and comes back to be dropped.
    pub fn put_back(&mut self, packet: Packet) -> Option<Packet> {
        self.delivered -= 1;
        if self.count == PACKETS {
            self.dropped += 1;
            return Some(packet);
        }
        self.first = (self.first + PACKETS - 1) % PACKETS;
        self.count += 1;
        self.slots.get_mut(self.first)?.replace(packet)
    }
}
