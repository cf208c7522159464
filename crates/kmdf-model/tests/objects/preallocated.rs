//! Memory objects over the driver's buffers: WdfMemoryCreatePreallocated, WdfMemoryAssignBuffer.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::NonPagedPoolNx;
use kmdf_sys::*;
use std::ptr::null_mut;

fn over(attributes: *mut WDF_OBJECT_ATTRIBUTES, buffer: &mut [u8]) -> Result<WDFMEMORY, NTSTATUS> {
    let mut memory = null_mut();
    let start = buffer.as_mut_ptr().cast();
    let status = wdf!(WdfMemoryCreatePreallocated(
        attributes,
        start,
        buffer.len(),
        &mut memory
    ));
    if status == STATUS_SUCCESS {
        Ok(memory)
    } else {
        Err(status)
    }
}

/// WdfMemoryCreatePreallocated requires the buffer and the out pointer (MEM-31).
#[test]
fn both_pointers_are_required() {
    let stop = stop_of(plain(), |_| {
        wdf!(WdfMemoryCreatePreallocated(
            null_mut(),
            null_mut(),
            0,
            null_mut()
        ))
    });
    assert_required_null(&stop);
    let stop = stop_of(plain(), |_| {
        let buffer = [0_u8; 4].as_mut_ptr().cast();
        wdf!(WdfMemoryCreatePreallocated(
            null_mut(),
            buffer,
            0,
            null_mut()
        ))
    });
    assert_required_null(&stop);
}

/// WdfMemoryCreatePreallocated checks the size before the attributes (MEM-32, MEM-31).
#[test]
fn zero_size_clears_the_handle() {
    run(plain(), |_| {
        let mut wrong = attributes();
        wrong.Size = 0;
        let (mut memory, mut buffer) = (0x40 as WDFMEMORY, [0_u8; 4]);
        let status = wdf!(WdfMemoryCreatePreallocated(
            &mut wrong,
            buffer.as_mut_ptr().cast(),
            0,
            &mut memory
        ));
        assert_eq!(status, STATUS_INVALID_PARAMETER);
        assert!(memory.is_null());
        assert_eq!(
            over(&mut wrong, &mut buffer).err(),
            Some(STATUS_INFO_LENGTH_MISMATCH)
        );
    })
    .unwrap();
}

/// WdfMemoryCreatePreallocated allocates the object alone (MEM-31, FLT-4).
#[test]
fn one_allocation_with_the_drivers_tag_is_made() {
    for config in [plain(), verified()] {
        run(config, |kernel| {
            let (allocations, own) = (kernel.allocations(), live_blocks(kernel, DRIVER_TAG));
            let mut buffer = [0; 10];
            let memory = over(null_mut(), &mut buffer).unwrap();
            assert_eq!(kernel.allocations(), allocations + 1);
            assert_eq!(live_blocks(kernel, DRIVER_TAG), own + 1);
            delete(memory.cast());
            kernel.fail_nth_allocation(1);
            let failed = over(null_mut(), &mut buffer).err();
            assert_eq!(failed, Some(STATUS_INSUFFICIENT_RESOURCES));
        })
        .unwrap();
    }
}

/// Neither level nor alignment of the buffer matter (MEM-31).
#[test]
fn any_buffer_is_taken_at_any_level() {
    run(verified(), |kernel| {
        let mut buffer = [0; 32];
        let odd = &mut buffer[1..32];
        let start = odd.as_mut_ptr();
        let memory = kernel.at_irql(2, || over(null_mut(), odd)).unwrap();
        assert_eq!(buffer_of(memory), (start, 31));
    })
    .unwrap();
}

/// The framework neither writes nor frees a preallocated buffer (MEM-33).
#[test]
fn buffer_is_never_touched() {
    let log = run_and_log(verified(), |_| {
        let mut buffer = [5; 32];
        let memory = over(&mut logged(null_mut()), &mut buffer).unwrap();
        label(memory.cast(), 1);
        delete(memory.cast());
        assert_eq!(buffer, [5; 32]);
    });
    assert_eq!(log.unwrap(), ["cleanup 1", "destroy 1", "unload"]);
}

/// WdfMemoryAssignBuffer changes the address and the size (MEM-34).
#[test]
fn assigning_replaces_buffer_and_size() {
    run(plain(), |_| {
        let (mut first, mut second) = ([1; 8], [2; 80]);
        let memory = over(null_mut(), &mut first).unwrap();
        let start = second.as_mut_ptr();
        let status = wdf!(WdfMemoryAssignBuffer(memory, start.cast(), 80));
        assert_eq!(status, STATUS_SUCCESS);
        assert_eq!(buffer_of(memory), (start, 80));
        assert_eq!(first, [1; 8]);
    })
    .unwrap();
}

/// WdfMemoryAssignBuffer rejects size 0 (MEM-34).
#[test]
fn assigning_no_bytes_is_refused_and_changes_nothing() {
    run(plain(), |_| {
        let mut buffer = [1; 8];
        let start = buffer.as_mut_ptr();
        let memory = over(null_mut(), &mut buffer).unwrap();
        let status = wdf!(WdfMemoryAssignBuffer(memory, start.cast(), 0));
        assert_eq!(status, STATUS_INVALID_PARAMETER);
        assert_eq!(buffer_of(memory), (start, 8));
    })
    .unwrap();
}

/// WdfMemoryAssignBuffer requires the buffer before it checks the size (MEM-34).
#[test]
fn assigning_null_stops_the_run_even_with_size_zero() {
    let stop = stop_of(plain(), |_| {
        let memory = over(null_mut(), &mut [1; 8]).unwrap();
        wdf!(WdfMemoryAssignBuffer(memory, null_mut(), 0))
    });
    assert_required_null(&stop);
}

/// Only preallocated memory objects can be assigned a buffer, which is checked before the pointer
/// (MEM-34).
#[test]
fn assigning_to_other_memories_stops_the_run() {
    let pool = stop_of(plain(), |_| {
        let (memory, _) = create_memory(null_mut(), NonPagedPoolNx, 0, 8).unwrap();
        wdf!(WdfMemoryAssignBuffer(memory, null_mut(), 0))
    });
    let lookaside = stop_of(plain(), |_| {
        let list = create_list(null_mut(), 8, NonPagedPoolNx, null_mut()).unwrap();
        wdf!(WdfMemoryAssignBuffer(take(list).unwrap(), null_mut(), 0))
    });
    for stop in [pool, lookaside] {
        assert_violation(&stop, 5, stop.parameters[1]);
        assert_eq!(stop.parameters[2], 0x1022, "{stop}");
    }
}
