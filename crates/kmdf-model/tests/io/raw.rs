//! Requests that only other drivers send: kernel mode, internal device controls, odd functions
//! (REQ-5, REQ-9, REQ-33, DEV-47, DEV-60).

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::{dangling_mut, null_mut};

/// What a driver above would send.
pub(crate) struct Sent {
    major: u32,
    code: u32,
    input: *mut u8,
    output: *mut u8,
    length: u32,
}

unsafe extern "C" fn keep(_: *mut _DEVICE_OBJECT, _: *mut _IRP, _: PVOID) -> NTSTATUS {
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Sends a request from kernel mode without a file object: what the dispatch routine returned,
/// status, information. The request has to be complete when that returns.
pub(crate) fn send(device: WDFDEVICE, sent: &Sent) -> (NTSTATUS, NTSTATUS, u64) {
    let wdm = wdf!(WdfDeviceWdmGetDeviceObject(device));
    // SAFETY: The device's own device object.
    let size = unsafe { (*wdm).StackSize };
    // SAFETY: IoAllocateIrp checks its arguments itself.
    let irp = unsafe { ntddk::IoAllocateIrp(size, 0) };
    assert!(!irp.is_null());
    // SAFETY: A new packet.
    let tail = unsafe { (*irp).Tail };
    // SAFETY: The member that the allocation set.
    let overlay = unsafe { tail.Overlay };
    // SAFETY: Set by the allocation.
    let current = unsafe {
        overlay
            .__bindgen_anon_2
            .__bindgen_anon_1
            .CurrentStackLocation
    };
    let mut location = IO_STACK_LOCATION {
        MajorFunction: sent.major as u8,
        CompletionRoutine: Some(keep),
        Control: (SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL) as u8,
        ..IO_STACK_LOCATION::default()
    };
    location.Parameters.DeviceIoControl.IoControlCode = sent.code;
    location.Parameters.DeviceIoControl.InputBufferLength = sent.length;
    location.Parameters.DeviceIoControl.OutputBufferLength = sent.length;
    location.Parameters.DeviceIoControl.Type3InputBuffer = sent.input.cast();
    // SAFETY: The next location is the one in front of the current one.
    let next = unsafe { current.sub(1) };
    // SAFETY: The sender's to write.
    unsafe { next.write(location) };
    // SAFETY: The IRP is the sender's until it is sent.
    unsafe { (*irp).UserBuffer = sent.output.cast() };
    // SAFETY: A packet with room for the device's stack.
    let returned = unsafe { ntddk::IofCallDriver(wdm, irp) };
    // SAFETY: Complete, and kept by the completion routine.
    let block = unsafe { (*irp).IoStatus };
    // SAFETY: A completed packet holds a status.
    let status = unsafe { block.__bindgen_anon_1.Status };
    // SAFETY: Nobody uses it any more.
    unsafe { ntddk::IoFreeIrp(irp) };
    (returned, status, block.Information)
}

pub(crate) fn request_of(major: u32, code: u32) -> Sent {
    Sent {
        major,
        code,
        input: null_mut(),
        output: null_mut(),
        length: 0,
    }
}

/// A parallel default queue for device controls.
pub(crate) fn controls() -> WDF_IO_QUEUE_CONFIG {
    default_config(PARALLEL)
}

/// Hooks that leave the device in the slot.
pub(crate) fn keeping(hooks: Hooks, slot: &Slot, config: fn() -> WDF_IO_QUEUE_CONFIG) -> Hooks {
    let slot = slot.clone();
    hooks.created(move |device| {
        create_queue(device, config());
        slot.set(device);
        STATUS_SUCCESS
    })
}

/// A METHOD_NEITHER control from the kernel gives the sender's addresses (REQ-5, REQ-9, REQ-33).
#[test]
fn a_neither_control_from_kernel_mode_has_its_bare_pointers() {
    let kept = Slot::default();
    let hooks = Hooks::default().control(|_, request, _, _, _| {
        let (from, _) = input(request, 2).expect("there is input");
        let (to, _) = output(request, 2).expect("there is output");
        // SAFETY: Two bytes each.
        unsafe { std::ptr::copy_nonoverlapping(from, to, 2) };
        complete_with(request, STATUS_SUCCESS, 99);
    });
    let hooks = keeping(hooks, &kept, controls);
    with_device(verified(), hooks, move |_, _| {
        let (mut from, mut to) = ([1_u8, 2], [0_u8; 2]);
        let sent = Sent {
            input: from.as_mut_ptr(),
            output: to.as_mut_ptr(),
            length: 2,
            ..request_of(IRP_MJ_DEVICE_CONTROL, ioctl(METHOD_NEITHER))
        };
        let (returned, status, information) = send(kept.get(), &sent);
        assert_eq!(returned, STATUS_PENDING, "REQ-5: although it is complete");
        assert_eq!((status, information), (STATUS_SUCCESS, 99), "not checked");
        assert_eq!(to, [1, 2]);
    });
}

/// EvtIoInternalDeviceControl gets the controls that other drivers send (QUE-27, REQ-9).
#[test]
fn internal_device_controls_have_their_own_callback() {
    let kept = Slot::default();
    let config = || WDF_IO_QUEUE_CONFIG {
        EvtIoDeviceControl: None,
        EvtIoInternalDeviceControl: Some(on_control),
        ..default_config(PARALLEL)
    };
    let hooks = Hooks::default().control(|_, request, _, _, _| {
        assert_eq!(first_byte(request), 5);
        complete(request, STATUS_SUCCESS);
    });
    with_device(verified(), keeping(hooks, &kept, config), move |_, _| {
        let mut byte = 5_u8;
        let sent = Sent {
            input: &raw mut byte,
            output: dangling_mut(),
            length: 1,
            ..request_of(IRP_MJ_INTERNAL_DEVICE_CONTROL, ioctl(METHOD_NEITHER))
        };
        assert_eq!(send(kept.get(), &sent).1, STATUS_SUCCESS);
        let refused = send(kept.get(), &request_of(IRP_MJ_DEVICE_CONTROL, BUFFERED));
        assert_eq!(refused.1, STATUS_INVALID_DEVICE_REQUEST);
    });
}

/// The framework fails unknown major functions, and completes shutdown requests (DEV-60).
#[test]
fn unhandled_major_functions_fail_except_shutdown() {
    let kept = Slot::default();
    let hooks = keeping(Hooks::default(), &kept, controls);
    with_device(verified(), hooks, move |_, _| {
        for (major, status) in [
            (IRP_MJ_QUERY_INFORMATION, STATUS_INVALID_DEVICE_REQUEST),
            (IRP_MJ_FLUSH_BUFFERS, STATUS_INVALID_DEVICE_REQUEST),
            (IRP_MJ_SHUTDOWN, STATUS_SUCCESS),
        ] {
            let outcome = send(kept.get(), &request_of(major, 0));
            assert_eq!(outcome, (status, status, 0), "major function {major}");
        }
    });
}

/// A create request without a WDM file object fails unless the class allows it (DEV-47).
#[test]
fn a_create_without_a_file_object_is_refused_if_one_is_required() {
    use _WDF_FILEOBJECT_CLASS as Class;
    const CONFIGURATION_ERROR: NTSTATUS = 0xC000_0182_u32 as NTSTATUS;
    let optional = Class::WdfFileObjectWdfCannotUseFsContexts | Class::WdfFileObjectCanBeOptional;
    for (class, wanted) in [
        (Class::WdfFileObjectNotRequired, STATUS_SUCCESS),
        (
            Class::WdfFileObjectWdfCannotUseFsContexts,
            CONFIGURATION_ERROR,
        ),
        // Optional for other requests; a create has to have one.
        (optional, CONFIGURATION_ERROR),
    ] {
        let kept = Slot::default();
        let hooks = Hooks::default().init(move |init| {
            let mut config = WDF_FILEOBJECT_CONFIG {
                Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
                AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
                FileObjectClass: class,
                ..WDF_FILEOBJECT_CONFIG::default()
            };
            wdf!(WdfDeviceInitSetFileObjectConfig(
                init,
                &mut config,
                null_mut()
            ));
        });
        let hooks = keeping(hooks, &kept, controls);
        with_device(verified(), hooks, move |_, _| {
            assert_eq!(send(kept.get(), &request_of(IRP_MJ_CREATE, 0)).1, wanted);
        });
    }
}

/// An event from outside enters the dispatch loop although a thread is in it (QUE-32 a).
#[test]
fn a_callback_that_sends_to_its_own_queue_is_re_entered() {
    let kept = Slot::default();
    let device = kept.clone();
    let hooks = Hooks::default().control(move |_, request, _, _, code| {
        log(format!("begin {code}"));
        if code != BUFFERED {
            let sent = send(device.get(), &request_of(IRP_MJ_DEVICE_CONTROL, BUFFERED));
            assert_eq!(sent.1, STATUS_SUCCESS);
        }
        complete(request, STATUS_SUCCESS);
        log(format!("end {code}"));
    });
    let hooks = keeping(hooks, &kept, controls);
    with_device(verified(), hooks, move |_, _| {
        let outer = ioctl(METHOD_NEITHER);
        assert_eq!(
            send(kept.get(), &request_of(IRP_MJ_DEVICE_CONTROL, outer)).1,
            STATUS_SUCCESS
        );
        let order = [
            format!("begin {outer}"),
            format!("begin {BUFFERED}"),
            format!("end {BUFFERED}"),
            format!("end {outer}"),
        ];
        assert_eq!(take_log(), order);
    });
}
