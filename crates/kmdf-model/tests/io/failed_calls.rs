//! The record of the last calls that returned an error.

use crate::driver::*;
use kmdf_model::{failed_calls, forget_failed_calls};
use kmdf_sys::*;
use std::ptr::null_mut;

const TAG: ULONG = u32::from_le_bytes(*b"Fail");

/// The calls that failed while a device was made, with their statuses.
fn remembered(calls: impl Fn(WDFDEVICE) + Send + Sync + 'static) -> Vec<(String, NTSTATUS, u32)> {
    let named = Hooks::default().init(|init| {
        let name = unicode(r"\Device\Named");
        wdf!(WdfDeviceInitAssignName(init, &name));
    });
    let hooks = named.created(move |device| {
        forget_failed_calls();
        calls(device);
        STATUS_SUCCESS
    });
    with_device(plain(), hooks, |_, _| {
        let call = |call: kmdf_model::FailedCall| (call.call().into(), call.status, call.times);
        failed_calls().map(call).collect()
    })
}

fn create_memory(parent: WDFDEVICE, pool: POOL_TYPE, tag: ULONG, size: usize) -> NTSTATUS {
    let (mut attributes, mut memory) = (under(parent), null_mut());
    wdf!(WdfMemoryCreate(
        &mut attributes,
        pool,
        tag,
        size,
        &mut memory,
        null_mut()
    ))
}

#[test]
fn a_failing_call_is_remembered_with_its_arguments() {
    let calls = remembered(|device| {
        create_memory(device, _POOL_TYPE::PagedPool, TAG, 0);
        let name = unicode(r"\NoSuchFolder\Link");
        wdf!(WdfDeviceCreateSymbolicLink(device, &name));
        let mut queue = null_mut();
        let mut config = WDF_IO_QUEUE_CONFIG {
            Size: 8,
            ..WDF_IO_QUEUE_CONFIG::default()
        };
        wdf!(WdfIoQueueCreate(
            device,
            &mut config,
            null_mut(),
            &mut queue
        ));
        let mut context = null_mut();
        wdf!(WdfObjectAllocateContext(
            device.cast(),
            null_mut(),
            &mut context
        ));
    });
    let expected = [
        (
            "WdfMemoryCreate(parent WDFDEVICE, PagedPool, tag 'Fail', 0 bytes)",
            STATUS_INVALID_PARAMETER,
        ),
        (
            r#"WdfDeviceCreateSymbolicLink(WDFDEVICE, "\NoSuchFolder\Link")"#,
            STATUS_OBJECT_PATH_NOT_FOUND,
        ),
        (
            "WdfIoQueueCreate(WDFDEVICE, Config (Size 8), no attributes)",
            STATUS_INFO_LENGTH_MISMATCH,
        ),
        (
            "WdfObjectAllocateContext(WDFDEVICE, no attributes)",
            STATUS_WDF_PARENT_NOT_SPECIFIED,
        ),
    ];
    let expected = expected.map(|(call, status)| (call.to_owned(), status, 1));
    assert_eq!(calls, expected);
}

#[test]
fn a_call_that_succeeds_is_not_remembered() {
    let calls = remembered(|device| {
        assert_eq!(
            create_memory(device, _POOL_TYPE::PagedPool, TAG, 1),
            STATUS_SUCCESS
        );
    });
    assert_eq!(calls, []);
}

#[test]
fn the_same_call_again_is_counted() {
    let calls = remembered(|device| {
        for size in [0, 0, usize::MAX, 0] {
            create_memory(device, _POOL_TYPE::NonPagedPoolNx, 0, size);
        }
    });
    let times: Vec<u32> = calls.iter().map(|(_, _, times)| *times).collect();
    assert_eq!(times, [2, 1, 1], "{calls:?}");
    assert!(
        calls[1]
            .0
            .contains(&format!("NonPagedPoolNx, tag 0x0, {} bytes", usize::MAX))
    );
}

#[test]
fn the_oldest_calls_are_forgotten() {
    let calls = remembered(|device| {
        for number in 0..40 {
            let name = unicode(&format!(r"\NoSuchFolder\{number}"));
            wdf!(WdfDeviceCreateSymbolicLink(device, &name));
        }
    });
    let numbers: Vec<String> = (24..40)
        .map(|number| format!(r"\NoSuchFolder\{number}"))
        .collect();
    assert_eq!(calls.len(), numbers.len());
    for ((call, ..), number) in calls.iter().zip(numbers) {
        assert!(call.contains(&number), "{call}");
    }
}

#[test]
fn a_long_call_is_cut() {
    let calls = remembered(|device| {
        let name = unicode(&"é".repeat(1000));
        wdf!(WdfDeviceCreateSymbolicLink(device, &name));
    });
    let [(call, ..)] = &calls[..] else {
        panic!("{calls:?}");
    };
    assert!(
        call.ends_with('é') && (200..=240).contains(&call.len()),
        "{call}"
    );
}

#[test]
fn an_empty_queue_is_no_error() {
    let (slot, hooks) = manual_queue();
    let calls = with_device(plain(), hooks, move |_, _| {
        forget_failed_calls();
        let mut request = null_mut();
        let status = wdf!(WdfIoQueueRetrieveNextRequest(slot.get(), &mut request));
        assert_eq!(status, STATUS_NO_MORE_ENTRIES);
        failed_calls().count()
    });
    assert_eq!(calls, 0);
}

#[test]
fn the_status_of_a_request_is_no_error_of_the_call_that_reads_it() {
    let hooks = queued(_WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchParallel).control(
        |_, request, _, _, _| {
            forget_failed_calls();
            let irp = wdf!(WdfRequestWdmGetIrp(request));
            // SAFETY: The request's packet is this driver's.
            let block = unsafe { &mut (*irp).IoStatus };
            block.__bindgen_anon_1.Status = STATUS_UNSUCCESSFUL;
            assert_eq!(wdf!(WdfRequestGetStatus(request)), STATUS_UNSUCCESSFUL);
            complete_with(request, STATUS_SUCCESS, failed_calls().count() as u64);
        },
    );
    let counted = with_file(plain(), hooks, |file| file.ioctl(BUFFERED, &[], &mut []));
    assert_eq!(counted.ok(), Ok(0));
}
