//! Copies between memory objects and buffers.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::{NonPagedPoolNx, PagedPool};
use kmdf_sys::*;
use std::ptr::null_mut;

/// A memory of 16 bytes that count from 0.
fn counting() -> WDFMEMORY {
    let (memory, buffer) = create_memory(null_mut(), NonPagedPoolNx, 0, 16).unwrap();
    for index in 0..16 {
        fill(buffer.wrapping_add(index), 1, index as u8);
    }
    memory
}

fn copy_to(memory: WDFMEMORY, offset: usize, buffer: &mut [u8]) -> NTSTATUS {
    let start = buffer.as_mut_ptr().cast();
    wdf!(WdfMemoryCopyToBuffer(memory, offset, start, buffer.len()))
}

fn copy_from(memory: WDFMEMORY, offset: usize, buffer: &mut [u8]) -> NTSTATUS {
    let start = buffer.as_mut_ptr().cast();
    wdf!(WdfMemoryCopyFromBuffer(memory, offset, start, buffer.len()))
}

/// The two copying calls move bytes to and from an offset in the memory object (MEM-36, MEM-37).
#[test]
fn bytes_are_copied_both_ways_at_an_offset() {
    run(plain(), |_| {
        let memory = counting();
        let mut buffer = [0; 3];
        assert_eq!(copy_to(memory, 4, &mut buffer), STATUS_SUCCESS);
        assert_eq!(buffer, [4, 5, 6]);
        assert_eq!(copy_from(memory, 13, &mut buffer), STATUS_SUCCESS);
        assert_eq!(bytes(buffer_of(memory).0, 16)[12..], [12, 4, 5, 6]);
    })
    .unwrap();
}

/// The copying calls check the handle, then the pointer, then the length (MEM-36, MEM-37).
#[test]
fn null_buffer_stops_the_run_even_with_length_zero() {
    let to = stop_of(plain(), |_| {
        wdf!(WdfMemoryCopyToBuffer(counting(), 0, null_mut(), 0))
    });
    assert_required_null(&to);
    let from = stop_of(plain(), |_| {
        wdf!(WdfMemoryCopyFromBuffer(counting(), 0, null_mut(), 0))
    });
    assert_required_null(&from);
    let handle = stop_of(plain(), |_| {
        wdf!(WdfMemoryCopyToBuffer(null_mut(), 0, null_mut(), 0))
    });
    assert_bad_handle(&handle, null_mut(), 0x100A);
}

/// The copying calls check the length before the offset (MEM-36, MEM-37).
#[test]
fn copying_nothing_is_an_invalid_parameter() {
    run(plain(), |_| {
        let memory = counting();
        assert_eq!(copy_to(memory, 99, &mut []), STATUS_INVALID_PARAMETER);
        assert_eq!(copy_from(memory, 99, &mut []), STATUS_INVALID_PARAMETER);
    })
    .unwrap();
}

/// A copy beyond the end fails with a status for its direction, and copies nothing (MEM-36, MEM-37,
/// MEM-38, MEM-68).
#[test]
fn overruns_are_refused_with_the_code_of_their_direction() {
    run(plain(), |_| {
        let memory = counting();
        let before = bytes(buffer_of(memory).0, 16);
        let overruns = [
            (16, 1),
            (0, 17),
            (15, 2),
            (17, 1),
            (usize::MAX, 1),
            (usize::MAX, 2),
        ];
        for (offset, length) in overruns {
            let mut buffer = vec![0xEE; length];
            assert_eq!(
                copy_to(memory, offset, &mut buffer),
                STATUS_BUFFER_TOO_SMALL
            );
            assert_eq!(buffer, vec![0xEE; length], "no partial copy");
            assert_eq!(
                copy_from(memory, offset, &mut buffer),
                STATUS_INVALID_BUFFER_SIZE
            );
        }
        assert_eq!(bytes(buffer_of(memory).0, 16), before, "no partial copy");
    })
    .unwrap();
}

/// A copy may reach up to the last byte of the memory object (MEM-38).
#[test]
fn copies_may_end_where_the_memory_ends() {
    run(plain(), |_| {
        let memory = counting();
        for (offset, length) in [(0, 16), (15, 1), (8, 8)] {
            assert_eq!(
                copy_to(memory, offset, &mut vec![0; length]),
                STATUS_SUCCESS
            );
            assert_eq!(
                copy_from(memory, offset, &mut vec![0; length]),
                STATUS_SUCCESS
            );
        }
    })
    .unwrap();
}

/// The copying calls do not check the IRQL, and touching paged memory is a bug check (MEM-69,
/// NT-5).
#[test]
fn paged_memory_copied_at_dispatch_level_stops_the_run() {
    let stop = stop_of(plain(), |kernel| {
        let (memory, _) = create_memory(null_mut(), PagedPool, 0, 16).unwrap();
        kernel.at_irql(2, || copy_from(memory, 0, &mut [1; 4]))
    });
    assert_eq!(stop.code, DRIVER_IRQL_NOT_LESS_OR_EQUAL, "{stop}");
}
