//! User memory probed and locked for a request (REQ-21, REQ-22, MEM-35).

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::{dangling_mut, null_mut};

const NEITHER: u32 = ioctl(METHOD_NEITHER);

fn for_read(request: WDFREQUEST, buffer: PVOID, length: usize) -> Result<WDFMEMORY, NTSTATUS> {
    let mut memory = dangling_mut();
    let call = wdf!(WdfRequestProbeAndLockUserBufferForRead(
        request,
        buffer,
        length,
        &mut memory
    ));
    if call == STATUS_SUCCESS {
        return Ok(memory);
    }
    assert!(memory.is_null(), "cleared first");
    Err(call)
}

fn for_write(request: WDFREQUEST, buffer: PVOID, length: usize) -> Result<WDFMEMORY, NTSTATUS> {
    let mut memory = dangling_mut();
    let call = wdf!(WdfRequestProbeAndLockUserBufferForWrite(
        request,
        buffer,
        length,
        &mut memory
    ));
    if call == STATUS_SUCCESS {
        return Ok(memory);
    }
    assert_eq!(memory, dangling_mut(), "untouched on failure");
    Err(call)
}

/// A device whose EvtIoInCallerContext is `test`, given the bare addresses of the request.
fn in_context(test: impl Fn(WDFREQUEST, PVOID, PVOID) + Send + Sync + 'static) -> Hooks {
    queued(PARALLEL)
        .init(|init| {
            let callback = Some(on_in_caller_context as _);
            wdf!(WdfDeviceInitSetIoInCallerContextCallback(init, callback));
        })
        .in_caller_context(move |_, request| {
            let (mut from, mut to) = (null_mut(), null_mut());
            let length = null_mut();
            wdf!(WdfRequestRetrieveUnsafeUserInputBuffer(
                request, 0, &mut from, length
            ));
            wdf!(WdfRequestRetrieveUnsafeUserOutputBuffer(
                request, 0, &mut to, length
            ));
            test(request, from, to);
            complete(request, STATUS_SUCCESS);
        })
}

/// Locked user memory is mapped until the request is completed, and read-only if locked for reading
/// (REQ-22, MEM-39).
#[test]
fn locked_memory_reaches_the_senders_memory_and_is_freed_with_the_request() {
    let hooks = in_context(|request, from, to| {
        let input = for_read(request, from, 2).expect("is locked");
        let output = for_write(request, to, 2).expect("is locked");
        let mut bytes = [0_u8; 2];
        let buffer = bytes.as_mut_ptr().cast();
        assert_eq!(
            wdf!(WdfMemoryCopyToBuffer(input, 0, buffer, 2)),
            STATUS_SUCCESS
        );
        assert_eq!(
            wdf!(WdfMemoryCopyFromBuffer(input, 0, buffer, 2)),
            STATUS_ACCESS_VIOLATION
        );
        bytes.reverse();
        let buffer = bytes.as_mut_ptr().cast();
        assert_eq!(
            wdf!(WdfMemoryCopyFromBuffer(output, 0, buffer, 2)),
            STATUS_SUCCESS
        );
    });
    with_file(verified(), hooks, |file| {
        let mut output = [0; 2];
        assert_eq!(
            file.ioctl(NEITHER, &[3, 4], &mut output).status,
            STATUS_SUCCESS
        );
        assert_eq!(output, [4, 3]);
    });
}

/// A locked range must have bytes and lie in user space (REQ-21).
#[test]
fn empty_and_kernel_ranges_are_refused() {
    let hooks = in_context(|request, from, to| {
        assert_eq!(for_read(request, from, 0), Err(STATUS_INVALID_USER_BUFFER));
        assert_eq!(for_write(request, to, 0), Err(STATUS_INVALID_USER_BUFFER));
        let kernel = std::ptr::without_provenance_mut(0xFFFF_8000_0000_0000);
        assert_eq!(for_read(request, kernel, 4), Err(STATUS_ACCESS_VIOLATION));
        assert_eq!(for_write(request, kernel, 4), Err(STATUS_ACCESS_VIOLATION));
    });
    with_file(verified(), hooks, |file| {
        file.ioctl(NEITHER, &[3, 4], &mut [0; 2]);
    });
}

/// A memory object over locked memory must be gone before the request is completed (REQ-41,
/// REQ-22).
#[test]
fn a_referenced_locked_memory_at_completion_is_a_bug_check() {
    let hooks = in_context(|request, from, _| {
        let memory = for_read(request, from, 2).expect("is locked");
        wdf!(WdfObjectReferenceActual(
            memory.cast(),
            null_mut(),
            0,
            c"".as_ptr()
        ));
    });
    let stop = stop_with_file(plain(), hooks, |file| {
        file.ioctl(NEITHER, &[3, 4], &mut [0; 2]);
    });
    assert_eq!(
        (stop.code, stop.parameters[0], stop.parameters[2]),
        (WDF_VIOLATION, 3, 1)
    );
}

/// WdfMemoryAssignBuffer accepts a memory object over locked memory, as over a preallocated buffer
/// (MEM-35).
#[test]
fn a_locked_memory_takes_another_buffer() {
    let hooks = in_context(|request, from, _| {
        let memory = for_read(request, from, 2).expect("is locked");
        let mut other = [7_u8; 3];
        let buffer = other.as_mut_ptr().cast();
        assert_eq!(
            wdf!(WdfMemoryAssignBuffer(memory, buffer, 3)),
            STATUS_SUCCESS
        );
        let mut size = 0;
        assert_eq!(wdf!(WdfMemoryGetBuffer(memory, &mut size)), buffer);
        assert_eq!(size, 3);
    });
    with_file(verified(), hooks, |file| {
        file.ioctl(NEITHER, &[3, 4], &mut [0; 2]);
    });
}

/// A failed allocation unlocks the pages (FLT-14).
#[test]
fn a_lock_that_cannot_be_allocated_leaves_nothing() {
    let hooks = in_context(|request, from, _| {
        for nth in 1.. {
            fail_nth_allocation(nth);
            match for_read(request, from, 2) {
                Ok(_) => {
                    fail_next_mapping();
                    let refused = for_read(request, from, 2).err();
                    assert_eq!(refused, Some(STATUS_INSUFFICIENT_RESOURCES));
                    return assert!(nth > 2, "only {nth} allocations");
                }
                Err(status) => assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES),
            }
        }
    });
    with_file(plain(), hooks, |file| {
        file.ioctl(NEITHER, &[3, 4], &mut [0; 2]);
    });
}
