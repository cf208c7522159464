//! The driver in the model, with its allocations in the model's pool and Driver Verifier on.

#![cfg(not(wdk))]
#![allow(missing_docs, reason = "tests are named after what they show")]

#[path = "../../../crates/kmdf/tests/allocator/process.rs"]
mod process;

use kmdf::{Error, PoolAllocator, Tag};
use kmdf_test::nt_model::File;
use kmdf_test::{IoStatus, Kernel, Scenario};
use mailbox::{INTERFACE, MESSAGE_BYTES, MESSAGES};
use process::ProcessAllocator;
use std::alloc::Layout;

const TAG: Tag = Tag::new(b"Mail");

#[global_allocator]
static ALLOCATOR: ProcessAllocator = ProcessAllocator {
    pool: PoolAllocator::new(TAG),
    belongs_to_driver,
};

/// Lengths of messages in these tests. Nothing else in the process allocates so many bytes, nor room
/// for `MESSAGES` vectors: the driver's allocations are known by their layouts.
const LENGTHS: [usize; 3] = [MESSAGE_BYTES - 1, 4099, 997];

fn belongs_to_driver(layout: Layout) -> bool {
    let room = Layout::array::<Vec<u8>>(MESSAGES).expect("a layout");
    layout == room || layout.align() == 1 && LENGTHS.contains(&layout.size())
}

static BYTES: [u8; MESSAGE_BYTES + 1] = [7; MESSAGE_BYTES + 1];

/// Opens the device. The model's own handle sends the test's buffers as they are: copies of them would be
/// taken for the driver's allocations.
fn with_file<T: Send + 'static>(user: impl FnOnce(&Kernel, &File) -> T + Send + 'static) -> T {
    scenario().run(|test| user(test.kernel(), test.open(INTERFACE).as_model()))
}

fn scenario() -> Scenario {
    Scenario::new("mailbox", mailbox::fx_driver_entry)
}

fn blocks(kernel: &Kernel) -> u64 {
    let report = kernel.verifier();
    let own = report.tags.iter().find(|tag| tag.tag == TAG.value());
    own.map_or(0, |own| own.blocks)
}

fn answer(status: IoStatus) -> (i32, usize) {
    (status.status, status.information)
}

fn refused(error: Error) -> (i32, usize) {
    (error.status(), 0)
}

#[test]
fn messages_are_read_in_the_order_in_which_they_were_written() {
    with_file(|kernel, file| {
        assert_eq!(blocks(kernel), 1);
        for length in LENGTHS {
            assert_eq!(answer(file.write(&BYTES[..length], 0)), (0, length));
        }
        assert_eq!(blocks(kernel), 4);
        for length in LENGTHS {
            let mut buffer = [0; MESSAGE_BYTES];
            assert_eq!(answer(file.read(&mut buffer, 0)), (0, length));
            assert_eq!(buffer[..length], BYTES[..length]);
            assert!(buffer[length..].iter().all(|&byte| byte == 0));
        }
        assert_eq!(blocks(kernel), 1);
    });
}

#[test]
fn a_message_stays_until_there_is_room_for_it() {
    with_file(|_, file| {
        let mut buffer = [0; 997];
        assert_eq!(answer(file.read(&mut buffer, 0)), refused(Error::NOT_FOUND));
        assert_eq!(answer(file.write(&BYTES[..997], 0)), (0, 997));
        let short = answer(file.read(&mut buffer[..996], 0));
        assert_eq!(short, refused(Error::BUFFER_TOO_SMALL));
        assert_eq!(answer(file.read(&mut buffer, 0)), (0, 997));
    });
}

#[test]
fn too_long_and_too_many_messages_are_refused() {
    with_file(|kernel, file| {
        let refusal = answer(file.write(&BYTES, 0));
        assert_eq!(refusal, refused(Error::INVALID_BUFFER_SIZE));
        for _ in 0..MESSAGES {
            assert_eq!(answer(file.write(&BYTES[..997], 0)), (0, 997));
        }
        let refusal = answer(file.write(&BYTES[..997], 0));
        assert_eq!(refusal, refused(Error::QUOTA_EXCEEDED));
        assert_eq!(blocks(kernel), 1 + MESSAGES as u64);
        // They go with the device.
    });
}

#[test]
fn controls_are_refused() {
    with_file(|_, file| {
        let refusal = answer(file.ioctl(0x0022_2000, &[], &mut []));
        assert_eq!(refusal, refused(Error::INVALID_DEVICE_REQUEST));
    });
}

#[test]
fn an_exhausted_pool_refuses_the_write() {
    with_file(|kernel, file| {
        kernel.fail_nth_allocation(1);
        let refusal = answer(file.write(&BYTES[..4099], 0));
        assert_eq!(refusal, refused(Error::INSUFFICIENT_RESOURCES));
        assert_eq!(kernel.verifier().faults_injected, 1);
        assert_eq!(blocks(kernel), 1);
        assert_eq!(answer(file.write(&BYTES[..4099], 0)), (0, 4099));
        let mut buffer = [0; 4099];
        assert_eq!(answer(file.read(&mut buffer, 0)), (0, 4099));
    });
}

/// Each allocation from the load to the unload fails once, those of the framework included.
#[test]
fn no_failing_allocation_stops_the_system_or_leaves_anything() {
    let failed = scenario().each_allocation_fails(|test| {
        let Ok(file) = test.try_open(INTERFACE) else {
            return;
        };
        let file = file.as_model();
        let (status, information) = answer(file.write(&BYTES[..997], 0));
        assert_eq!(information, if status == 0 { 997 } else { 0 });
        let mut buffer = [0; 997];
        let (status, information) = answer(file.read(&mut buffer, 0));
        assert_eq!(information, if status == 0 { 997 } else { 0 });
    });
    // The room for the messages and the message are two of them.
    assert!(failed > 2, "{failed}");
}
