//! The driver, its devices, its handles and their requests.

use core::sync::atomic::{AtomicU64, Ordering};

use kmdf::prelude::*;
use kmdf::{Entry, ReadyHandler, SDDL_DEVOBJ_SYS_ALL_ADM_ALL, WaitingRequests};
use zerocopy::IntoBytes;

use crate::interface::{GET_STATISTICS, INTERFACE_CLASS, PACKET_BYTES, READ_PACKET, Statistics};
use crate::ring::{Packet, Ring};

/// The device interface class by which a program finds the device.
pub const INTERFACE: Guid = Guid::from_u128(INTERFACE_CLASS);

const PACKET_TAG: Tag = Tag::new(b"RngP");
const RING_TAG: Tag = Tag::new(b"RngS");
const HANDLE_TAG: Tag = Tag::new(b"RngH");

pub struct PacketRing;

impl Driver for PacketRing {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, irql)?;
        init.set_file_handler::<Handle>(irql);
        let state = DeviceState {
            packets: LookasideList::new(&DriverParent, PACKET_TAG, PACKET_BYTES, irql)?,
            ring: SpinLock::new(&DriverParent, Ring::new(RING_TAG)?)?,
            handles: PagedLookaside::new(HANDLE_TAG, size_of::<Counters>(), irql)?,
        };
        let device = init.create(state, irql)?;
        let requests = Requests {
            waiting: device.create_manual_queue_with(Readers, irql)?,
        };
        device.create_default_queue(DispatchType::Parallel, requests, irql)?;
        device.create_interface(&INTERFACE, irql)
    }
}

/// The context of the device.
struct DeviceState {
    /// Where the memory of the packets comes from.
    packets: LookasideList<NonPagedNx>,
    ring: SpinLock<Ring>,
    /// Where the counters of the handles come from.
    handles: PagedLookaside,
}
kmdf::context!(DeviceState);

/// The context of a file object.
struct Handle {
    counters: Entry<Paged, Counters>,
}
kmdf::context!(Handle);

/// What a handle did, in pageable memory: it is touched at PASSIVE_LEVEL only.
#[derive(Default)]
struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
    bytes: AtomicU64,
    displaced: AtomicU64,
}

impl FileHandler for Handle {
    fn create(device: Device<'_>, irql: &mut Passive) -> Result<Self> {
        let list = &device.context::<DeviceState>()?.handles;
        Ok(Self {
            counters: list.allocate_value(Counters::default(), irql)?,
        })
    }
}

/// The counters of the handle by which a request came.
fn counters<'a>(file: FileObject<'a>, irql: &'a Passive) -> Result<&'a Counters> {
    Ok(file.context::<Handle>()?.counters.get(irql))
}

/// The context of the queue in which [`READ_PACKET`] requests wait.
struct Readers;
kmdf::context!(Readers);

impl ReadyHandler for Readers {
    type Level = Dispatch;

    fn ready(&self, waiting: WaitingRequests<'_>, irql: &mut Dispatch) {
        if let Ok(state) = waiting.device().context::<DeviceState>() {
            // There is no request to report an error by: those that get no packet wait on.
            let _ = state.deliver(waiting, irql);
        }
    }
}

/// The context of the default queue.
struct Requests {
    /// [`READ_PACKET`] requests that no packet has come for yet.
    waiting: ManualQueue<DeviceState>,
}
kmdf::context!(Requests);

impl IoHandler for Requests {
    /// The counters of the handles are pageable.
    type Level = Passive;
    const READS_AND_WRITES: bool = true;

    fn write<'r>(&self, queue: Queue<'_>, request: Request<'r>, irql: &mut Passive) -> Handled<'r> {
        request.complete_with(|transfer| {
            let bytes = transfer.input(1)?;
            let file = transfer.file_object()?;
            // At DISPATCH_LEVEL, as in the DPC in which the driver of a network adapter learns of a packet.
            let displaces = irql.raise(|irql| self.packet_arrived(queue.device(), bytes, irql))?;
            let counters = counters(file, irql)?;
            counters.writes.fetch_add(1, Ordering::Relaxed);
            counters
                .bytes
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            counters
                .displaced
                .fetch_add(displaces.into(), Ordering::Relaxed);
            Ok(bytes.len())
        })
    }

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        match code {
            READ_PACKET => self
                .wait_for_packet(queue.device(), request, irql)
                .unwrap_or_else(|(error, request)| request.complete(Err(error))),
            GET_STATISTICS => request.complete_with(|transfer| {
                let state = queue.device().context::<DeviceState>()?;
                let statistics = state.statistics(transfer.file_object()?, irql)?;
                transfer.into_output()?.write(statistics.as_bytes())
            }),
            _ => request.complete(Err(Error::INVALID_DEVICE_REQUEST)),
        }
    }
}

impl Requests {
    /// Puts a packet into the ring and gives packets to waiting requests. Returns whether it displaced another.
    fn packet_arrived(
        &self,
        device: Device<'_>,
        bytes: &[u8],
        irql: &mut Dispatch,
    ) -> Result<bool> {
        if bytes.len() > PACKET_BYTES {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        let state = device.context::<DeviceState>()?;
        let waiting = self.waiting.of(device)?;
        let packet = Packet::new(&state.packets, bytes, irql)?;
        let displaced = state.ring.with(irql, |ring, _| ring.push(packet))?;
        state.deliver(waiting, irql)?;
        Ok(displaced.is_some())
    }

    /// Lets a request wait for a packet. If there is one, the framework's call of [`Readers::ready`] gives it to
    /// the request before this returns.
    fn wait_for_packet<'r>(
        &self,
        device: Device<'_>,
        request: Request<'r>,
        irql: &Passive,
    ) -> Result<Handled<'r>, (Error, Request<'r>)> {
        let count = || {
            // So that no packet is ever too long for a request that waits.
            if request.output_length() < PACKET_BYTES {
                return Err(Error::BUFFER_TOO_SMALL);
            }
            let counters = counters(request.file_object()?, irql)?;
            counters.reads.fetch_add(1, Ordering::Relaxed);
            self.waiting.of(device)
        };
        match count() {
            Ok(waiting) => request.forward(waiting),
            Err(error) => Err((error, request)),
        }
    }
}

impl DeviceState {
    /// Gives packets to waiting requests while there are both, or leaves that to the thread that is at it.
    ///
    /// Requests are completed without the lock: their senders may send the next one from their completion
    /// routines.
    fn deliver(&self, waiting: WaitingRequests<'_>, irql: &mut Dispatch) -> Result<()> {
        if !self.ring.with(irql, |ring, _| ring.delivery.start())? {
            return Ok(());
        }
        while let Some(packet) = self.ring.with(irql, |ring, _| ring.next())? {
            let mut packet = Some(packet);
            let taken = {
                let irql = &*irql;
                waiting.take_next(irql, |request| {
                    request.complete_with(|transfer| {
                        let mut output = transfer.into_output()?;
                        let packet = packet.take().ok_or(Error::INTERNAL_ERROR)?;
                        output.write(packet.bytes(irql))
                    })
                })
            };
            if let Some(packet) = packet {
                let (ends, _dropped) = self.ring.with(irql, |ring, _| {
                    let dropped = ring.put_back(packet);
                    (taken.is_err() && ring.delivery.end(), dropped)
                })?;
                if ends {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The counters of a handle and of the device.
    fn statistics(&self, file: FileObject<'_>, irql: &mut Passive) -> Result<Statistics> {
        let ring = self.ring.with(irql, |ring, _| ring.counts())?;
        let handle = counters(file, irql)?;
        Ok(Statistics {
            handle_reads: handle.reads.load(Ordering::Relaxed),
            handle_writes: handle.writes.load(Ordering::Relaxed),
            handle_bytes: handle.bytes.load(Ordering::Relaxed),
            handle_displaced: handle.displaced.load(Ordering::Relaxed),
            arrived: ring.arrived,
            in_ring: ring.in_ring,
            delivered: ring.delivered,
            dropped: ring.dropped,
        })
    }
}

/// The numbers of the interface are those of Microsoft's macro.
const _: () = {
    const TYPE: u16 = FILE_DEVICE_UNKNOWN;
    assert!(READ_PACKET == ctl_code(TYPE, 0x800, Method::Buffered, Access::Read));
    assert!(GET_STATISTICS == ctl_code(TYPE, 0x801, Method::Buffered, Access::Any));
};
