//! Requests changed at random: whatever comes, a documented status, and nothing is left behind.

use wdfmem_ioctl::*;

use crate::common::*;
use crate::sample;

/// Every status of the contract's table that a request with buffers can end with.
const DOCUMENTED: [Status; 13] = [
    Status::SUCCESS,
    Status::BUFFER_TOO_SMALL,
    Status::DEVICE_BUSY,
    Status::INFO_LENGTH_MISMATCH,
    Status::INVALID_BUFFER_SIZE,
    Status::INVALID_DEVICE_REQUEST,
    Status::INVALID_DEVICE_STATE,
    Status::INVALID_HANDLE,
    Status::INVALID_PARAMETER,
    Status::NOT_SUPPORTED,
    Status::OBJECT_TYPE_MISMATCH,
    Status::QUOTA_EXCEEDED,
    Status::REVISION_MISMATCH,
];

#[test]
fn requests_changed_at_random_end_with_a_documented_status() {
    scenario().run(|test| {
        let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
        let mut seen = [0_u32; DOCUMENTED.len()];
        for _ in 0..60 {
            let file = open(test);
            let world = World::new(&file);
            for _ in 0..100 {
                let row = CALLS[numbers.index(CALLS.len())];
                let message = sample(row.code, &world).message;
                let mut request = encode(message);
                if let Some(handle) = request.get_mut(16..20)
                    && numbers.below(4) == 0
                {
                    let other = world.all()[numbers.index(9)];
                    handle.copy_from_slice(&other.number().to_le_bytes());
                }
                for _ in 0..numbers.below(4) {
                    let place = numbers.index(request.len());
                    request[place] = match numbers.below(4) {
                        0 => 0,
                        1 => 1,
                        2 => 0xFF,
                        _ => numbers.below(256) as u8,
                    };
                }
                if numbers.below(8) == 0 {
                    request.truncate(numbers.index(request.len()));
                }
                let mut output = second_buffer(&message);
                if numbers.below(8) == 0 {
                    output.resize(numbers.index(100), UNTOUCHED);
                }
                let code =
                    row.code.number() ^ (u32::from(numbers.below(16) == 0) << numbers.below(31));
                let reply = send(&file, code, &request, &output);
                let place = DOCUMENTED.iter().position(|status| *status == reply.status);
                let place = place.unwrap_or_else(|| {
                    panic!("{}: {code:#x} {request:02x?}", reply.status);
                });
                seen[place] += 1;
                assert!(reply.status == Status::SUCCESS || reply == Reply::refused(reply.status));
            }
        }
        for (status, count) in DOCUMENTED.iter().zip(seen) {
            // These take more than a few changed bytes.
            let rare = [Status::NOT_SUPPORTED, Status::QUOTA_EXCEEDED];
            assert!(
                count > 0 || rare.contains(status),
                "{status} was never seen"
            );
        }
    });
}
