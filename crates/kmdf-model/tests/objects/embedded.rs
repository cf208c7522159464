//! Rules about objects and memory that need a device or a request: handles into requests, read-only
//! memory, parents on two devices, the locks of devices.

use crate::device::*;
use crate::driver::*;
use kmdf_sys::_POOL_TYPE::{NonPagedPoolNx, PagedPool};
use kmdf_sys::*;
use std::ptr::null_mut;

const STATUS_OBJECT_PATH_INVALID: NTSTATUS = 0xC000_0039_u32 as NTSTATUS;

/// Has a handler look at a METHOD_BUFFERED request; the log.
fn buffered(handler: fn(WDFDEVICE, WDFREQUEST)) -> Vec<String> {
    let (stop, log) = with_request(plain(), METHOD_BUFFERED, handler);
    assert!(stop.is_none(), "{stop:?}");
    log
}

/// The stop that a handler runs into.
fn buffered_stop(handler: fn(WDFDEVICE, WDFREQUEST)) -> nt_model::Stop {
    with_request(plain(), METHOD_BUFFERED, handler)
        .0
        .expect("stopped")
}

/// A handle with the offset bit leads to a word that says how far the object begins before it
/// (OBJ-3, OBJ-4).
#[test]
fn handle_into_a_request_leads_to_a_word_with_its_offset() {
    buffered(|_, request| {
        for memory in [input(request), output(request)] {
            assert_eq!(memory.addr() & 7, 1);
            let place = (memory.addr() & !7) ^ !7;
            let word = std::ptr::with_exposed_provenance::<u16>(place);
            // SAFETY: By the rule, the word lies there.
            let offset = unsafe { word.read() };
            assert_eq!(place - usize::from(offset), (request.addr() & !7) ^ !7);
            let altered = memory.map_addr(|address| address | 6);
            assert_eq!(buffer_of(altered), buffer_of(memory));
        }
    });
}

/// The handle of the request itself is no memory handle (OBJ-6, MEM-30).
#[test]
fn request_is_a_memory_only_at_its_offsets() {
    buffered(|_, request| {
        assert_eq!(buffer_of(input(request)).1, 16);
        assert_eq!(buffer_of(output(request)).1, 16);
    });
    let stop = buffered_stop(|_, request| {
        buffer_of(request.cast());
    });
    assert_violation(&stop, 5, stop.parameters[1]);
    assert_eq!(stop.parameters[2], 0x100A, "{stop}");
}

/// A memory object of a request as parent stands for the request (OBJ-7).
#[test]
fn child_of_a_requests_memory_is_a_child_of_the_request() {
    let log = buffered(|_, request| {
        object(1, input(request).cast());
        memory(2, output(request).cast(), NonPagedPoolNx, 8);
        log("completing".into());
    });
    let expected = [
        "completing",
        "cleanup 1",
        "cleanup 2",
        "destroy 1",
        "destroy 2",
    ];
    assert_eq!(log, expected);
}

/// WdfObjectAllocateContext fails for a memory object of a request (OBJ-42).
#[test]
fn requests_memory_takes_no_context() {
    buffered(|_, request| {
        let memory = input(request).cast();
        let status = wdf!(WdfObjectAllocateContext(
            memory,
            &mut logged(null_mut()),
            null_mut()
        ));
        assert_eq!(status, STATUS_OBJECT_PATH_INVALID);
        assert!(context_of(memory, &LABEL).is_null());
    });
}

/// References to a request's memory objects do not keep the request (OBJ-48).
#[test]
fn references_on_a_requests_memory_are_counted_apart() {
    buffered(|_, request| {
        let memory = input(request).cast();
        reference(memory);
        reference(memory);
        dereference(memory);
        dereference(memory);
    });
    let stop = buffered_stop(|_, request| reference(output(request).cast()));
    assert_violation(&stop, 3, stop.parameters[1]);
    assert_eq!(stop.parameters[2], 1, "{stop}");
}

/// WdfMemoryAssignBuffer of a memory object of a request is a bug check (MEM-34).
#[test]
fn requests_memory_is_not_assignable() {
    let stop = buffered_stop(|_, request| {
        let (buffer, size) = buffer_of(input(request));
        let _ = wdf!(WdfMemoryAssignBuffer(input(request), buffer.cast(), size));
    });
    assert_violation(&stop, 5, stop.parameters[1]);
    assert_eq!(stop.parameters[2], 0x1022, "{stop}");
}

fn write_to(memory: WDFMEMORY) -> NTSTATUS {
    let mut bytes = [7_u8; 4];
    wdf!(WdfMemoryCopyFromBuffer(
        memory,
        2,
        bytes.as_mut_ptr().cast(),
        4
    ))
}

/// WdfMemoryCopyFromBuffer fails for the input of writes and of direct controls (MEM-37, MEM-39).
#[test]
fn memories_of_the_senders_input_are_read_only() {
    let writable = |method, handler| {
        let (stop, _) = with_request(plain(), method, handler);
        assert!(stop.is_none(), "{stop:?}");
    };
    writable(METHOD_BUFFERED, |_, request| {
        assert_eq!(write_to(input(request)), STATUS_SUCCESS);
        assert_eq!(write_to(output(request)), STATUS_SUCCESS);
    });
    writable(METHOD_OUT_DIRECT, |_, request| {
        assert_eq!(write_to(input(request)), STATUS_ACCESS_VIOLATION);
        assert_eq!(write_to(output(request)), STATUS_SUCCESS);
    });
    writable(METHOD_IN_DIRECT, |_, request| {
        assert_eq!(write_to(input(request)), STATUS_ACCESS_VIOLATION);
        assert_eq!(write_to(output(request)), STATUS_ACCESS_VIOLATION);
    });
}

/// WdfMemoryCopyFromBuffer checks the length, then read-only, then the range (MEM-37).
#[test]
fn read_only_is_checked_between_length_and_range() {
    let (stop, _) = with_request(plain(), METHOD_IN_DIRECT, |_, request| {
        let mut bytes = [0_u8; 4];
        let start = bytes.as_mut_ptr().cast();
        let memory = input(request);
        let status = wdf!(WdfMemoryCopyFromBuffer(memory, 99, start, 0));
        assert_eq!(status, STATUS_INVALID_PARAMETER);
        let status = wdf!(WdfMemoryCopyFromBuffer(memory, 99, start, 4));
        assert_eq!(status, STATUS_ACCESS_VIOLATION);
    });
    assert!(stop.is_none(), "{stop:?}");
}

/// A paged list and its memory objects must belong to the same device (MEM-48).
#[test]
fn parents_on_two_devices_are_refused_for_paged_lists() {
    let (outcome, _) = run_with_devices(plain(), |_| {
        let [first, second]: [WDFDEVICE; 2] = devices().try_into().unwrap();
        let below = object(1, second.cast());
        let create = |pool_type, other: WDFOBJECT| {
            let (mut one, mut other) = (under(first.cast()), under(other));
            create_list(&mut one, 16, pool_type, &mut other).err()
        };
        assert_eq!(
            create(PagedPool, second.cast()),
            Some(STATUS_INVALID_PARAMETER)
        );
        assert_eq!(create(PagedPool, below), Some(STATUS_INVALID_PARAMETER));
        assert_eq!(create(PagedPool, first.cast()), None);
        assert_eq!(create(PagedPool, null_mut()), None);
        assert_eq!(create(PagedPool, driver().cast()), None);
        assert_eq!(create(NonPagedPoolNx, second.cast()), None);
    });
    outcome.unwrap();
}

/// Objects below a device are deferred on the dispose list of the device (OBJ-36, OBJ-58, MEM-27).
#[test]
fn paged_memory_below_a_device_is_disposed_later() {
    let (outcome, log) = run_with_devices(plain(), |kernel| {
        let [device, _]: [WDFDEVICE; 2] = devices().try_into().unwrap();
        let parent = object(1, device.cast());
        memory(2, parent, PagedPool, 64);
        kernel.at_irql(2, || delete(parent));
        wait_for_log("destroy 1");
    });
    outcome.unwrap();
    assert_eq!(log, ["cleanup 2", "cleanup 1", "destroy 2", "destroy 1"]);
}

/// WdfObjectAcquireLock acquires the lock of a device (OBJ-63).
#[test]
fn device_lock_is_taken_and_released() {
    let (outcome, _) = run_with_devices(plain(), |kernel| {
        for device in devices() {
            wdf!(WdfObjectAcquireLock(device.cast()));
            assert_eq!(kernel.irql(), 2);
            wdf!(WdfObjectReleaseLock(device.cast()));
            assert_eq!(kernel.irql(), 0);
        }
    });
    outcome.unwrap();
}

/// WdfObjectDelete of a PnP device does nothing but break (OBJ-51).
#[test]
fn pnp_devices_are_not_the_drivers_to_delete() {
    let (outcome, _) = run_with_devices(plain(), |kernel| {
        devices()
            .into_iter()
            .for_each(|device| delete(device.cast()));
        model_only(|| assert!(printed(kernel, "STATUS_CANNOT_DELETE")));
        object(1, devices()[0].cast());
    });
    outcome.unwrap();
}

/// The removal of a device deletes the memory below it (MEM-29, DEV-57).
#[test]
fn objects_below_a_device_go_with_it() {
    let (outcome, log) = run_with_devices(verified(), |_| {
        for (device, number) in devices().into_iter().zip(1..) {
            memory(number, device.cast(), PagedPool, 64);
        }
    });
    outcome.unwrap();
    assert_eq!(log, ["cleanup 1", "destroy 1", "cleanup 2", "destroy 2"]);
}
