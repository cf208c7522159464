//! Uses the driver of the example packet-ring: a read waits until a packet arrives, and packets wait until they are
//! read. Exit code 0: every packet came as it was written.

#[cfg_attr(not(windows), allow(dead_code, reason = "there is no device to use"))]
#[path = "../../src/interface.rs"]
mod interface;

#[cfg(windows)]
mod device;

#[cfg(windows)]
fn main() -> std::io::Result<()> {
    use device::Device;
    use interface::{
        GET_STATISTICS, INTERFACE_CLASS, PACKET_BYTES, PACKETS, READ_PACKET, Statistics,
    };
    use std::thread;
    use std::time::Duration;
    use zerocopy::FromBytes;

    let reader = Device::open(INTERFACE_CLASS)?;
    let writer = Device::open(INTERFACE_CLASS)?;
    let read = || reader.control(READ_PACKET, PACKET_BYTES);
    let first = thread::scope(|scope| {
        let waiting = scope.spawn(read);
        // The read reaches the driver before the packet. If it did not, it would find the packet in the ring.
        thread::sleep(Duration::from_millis(200));
        let waits = !waiting.is_finished();
        writer.write(b"the first packet")?;
        let packet = waiting.join().expect("the thread does not panic")?;
        assert!(waits, "a read without a packet was completed");
        std::io::Result::Ok(packet)
    })?;
    assert_eq!(first, b"the first packet");

    // Two more than there is room for: the oldest two are dropped.
    for number in 0..PACKETS + 2 {
        writer.write(&[number as u8; PACKET_BYTES])?;
    }
    for number in 2..PACKETS + 2 {
        assert_eq!(read()?, [number as u8; PACKET_BYTES]);
    }

    let statistics = reader.control(GET_STATISTICS, size_of::<Statistics>())?;
    let statistics = Statistics::read_from_bytes(&statistics).expect("all of them");
    println!("{statistics:#?}");
    assert_eq!(statistics.in_ring, 0);
    assert_eq!(
        statistics.arrived,
        statistics.delivered + statistics.dropped
    );
    println!(
        "{} packets arrived: {} were delivered, {} dropped",
        statistics.arrived, statistics.delivered, statistics.dropped
    );
    Ok(())
}

#[cfg(not(windows))]
fn main() {
    println!(
        "This program uses the driver on Windows; `cargo kmdf wine` runs both in Wine, `cargo test` needs neither."
    );
}
