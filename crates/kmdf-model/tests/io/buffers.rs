//! What requests give of their buffers (REQ-6 to REQ-20).

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::null_mut;

fn input_memory(request: WDFREQUEST) -> Result<WDFMEMORY, NTSTATUS> {
    let mut memory = null_mut();
    let status = wdf!(WdfRequestRetrieveInputMemory(request, &mut memory));
    if status == STATUS_SUCCESS {
        Ok(memory)
    } else {
        Err(status)
    }
}

fn output_memory(request: WDFREQUEST) -> Result<WDFMEMORY, NTSTATUS> {
    let mut memory = null_mut();
    let status = wdf!(WdfRequestRetrieveOutputMemory(request, &mut memory));
    if status == STATUS_SUCCESS {
        Ok(memory)
    } else {
        Err(status)
    }
}

fn memory_buffer(memory: WDFMEMORY) -> (*mut u8, usize) {
    let mut size = 0;
    let buffer = wdf!(WdfMemoryGetBuffer(memory, &mut size));
    (buffer.cast(), size)
}

/// A device of the given I/O type with a default queue for everything.
fn typed(io_type: WDF_DEVICE_IO_TYPE) -> Hooks {
    Hooks::default()
        .init(move |init| wdf!(WdfDeviceInitSetIoType(init, io_type)))
        .created(|device| {
            let config = WDF_IO_QUEUE_CONFIG {
                EvtIoRead: Some(on_read),
                EvtIoWrite: Some(on_write),
                AllowZeroLengthRequests: 1,
                ..default_config(PARALLEL)
            };
            create_queue(device, config);
            STATUS_SUCCESS
        })
}

/// A buffered device control from open to close (REQ-13, REQ-16, REQ-37, DEV-52).
#[test]
fn a_buffered_ioctl_carries_input_in_and_output_out() {
    let hooks = queued(PARALLEL).control(|_, request, output_length, input_length, code| {
        assert_eq!(
            (output_length, input_length, code),
            (8, 4, BUFFERED),
            "QUE-28"
        );
        let (from, length) = input(request, 4).unwrap();
        assert_eq!(length, 4);
        let (to, length) = output(request, 4).unwrap();
        assert_eq!(length, 8, "the whole length, not what was required");
        assert_eq!(from, to, "one system buffer for both");
        // SAFETY: Four bytes were asked for.
        unsafe { to.write(7) };
        complete_with(request, STATUS_SUCCESS, 4);
    });
    with_file(verified(), hooks, |file| {
        let mut output = [0xEE; 8];
        let outcome = file.ioctl(BUFFERED, &[1, 2, 3, 4], &mut output);
        assert_eq!((outcome.status, outcome.information), (STATUS_SUCCESS, 4));
        assert_eq!(output, [7, 2, 3, 4, 0xEE, 0xEE, 0xEE, 0xEE]);
    });
}

/// The I/O manager copies the input of a direct control and locks its output, which is read-only
/// for METHOD_IN_DIRECT (REQ-12, MEM-39).
#[test]
fn direct_ioctls_map_the_output_and_copy_the_input() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, code| {
        let (from, _) = input(request, 2).unwrap();
        let (to, length) = output(request, 4).unwrap();
        assert_ne!(from, to);
        assert_eq!(length, 4);
        if code == ioctl(METHOD_OUT_DIRECT) {
            // SAFETY: Two bytes of input.
            let byte = unsafe { *from };
            // SAFETY: Four bytes of output.
            unsafe { to.write(byte + 1) };
        } else {
            // SAFETY: Four bytes of output, which were locked and can be read.
            log(unsafe { *to }.to_string());
        }
        let read_only = |memory| {
            let mut byte = 9_u8;
            let buffer = (&raw mut byte).cast();
            wdf!(WdfMemoryCopyFromBuffer(memory, 1, buffer, 1)) == STATUS_ACCESS_VIOLATION
        };
        assert!(read_only(input_memory(request).unwrap()));
        let in_direct = code == ioctl(METHOD_IN_DIRECT);
        assert_eq!(read_only(output_memory(request).unwrap()), in_direct);
        complete_with(request, STATUS_SUCCESS, 4);
    });
    with_file(plain(), hooks, |file| {
        let mut buffer = [5, 6, 7, 8];
        let outcome = file.ioctl(ioctl(METHOD_OUT_DIRECT), &[1, 2], &mut buffer);
        assert_eq!(outcome.status, STATUS_SUCCESS);
        assert_eq!(buffer, [2, 9, 7, 8], "the caller's memory itself");
        file.ioctl(ioctl(METHOD_IN_DIRECT), &[1, 2], &mut buffer);
        assert_eq!(take_log(), ["2"], "the driver reads the caller's memory");
    });
}

/// A length of zero is checked before the transfer method (REQ-8, REQ-9).
#[test]
fn neither_ioctls_from_user_mode_give_no_buffers() {
    let hooks = queued(PARALLEL).control(|_, request, output_length, input_length, _| {
        let wanted = |length| match length {
            0 => STATUS_BUFFER_TOO_SMALL,
            _ => STATUS_INVALID_DEVICE_REQUEST,
        };
        assert_eq!(input(request, 0), Err(wanted(input_length)));
        assert_eq!(output(request, 0), Err(wanted(output_length)));
        assert_eq!(input_memory(request), Err(wanted(input_length)));
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        let code = ioctl(METHOD_NEITHER);
        assert_eq!(file.ioctl(code, &[1], &mut [0]).status, STATUS_SUCCESS);
        assert_eq!(file.ioctl(code, &[], &mut []).status, STATUS_SUCCESS);
    });
}

/// A retrieving call that fails clears address and length, but not the variable for a memory object
/// (REQ-8, REQ-11, REQ-14).
#[test]
fn a_missing_or_short_buffer_is_too_small_and_leaves_the_memory_alone() {
    let hooks = queued(PARALLEL).control(|_, request, output_length, _, _| {
        assert_eq!(input(request, 0), Err(STATUS_BUFFER_TOO_SMALL));
        let sentinel = std::ptr::dangling_mut::<WDFMEMORY__>();
        let mut memory = sentinel;
        let status = wdf!(WdfRequestRetrieveInputMemory(request, &mut memory));
        assert_eq!((status, memory), (STATUS_BUFFER_TOO_SMALL, sentinel));
        assert_eq!(output_length, 3);
        assert_eq!(output(request, 4), Err(STATUS_BUFFER_TOO_SMALL));
        assert!(output(request, 3).is_ok());
        assert!(output(request, 0).is_ok());
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        let outcome = file.ioctl(BUFFERED, &[], &mut [0; 3]);
        assert_eq!(outcome.status, STATUS_SUCCESS);
    });
}

/// A device control has one memory object per direction, a read or write one for both (REQ-15,
/// OBJ-3).
#[test]
fn the_memories_of_a_request_are_two_fixed_handles_inside_it() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let (from, to) = (
            input_memory(request).unwrap(),
            output_memory(request).unwrap(),
        );
        assert_ne!(from, to);
        assert_eq!((from.addr() & 7, to.addr() & 7), (1, 1));
        assert_eq!(input_memory(request), Ok(from));
        let (first, second) = (memory_buffer(from), memory_buffer(to));
        assert_eq!(first.0, second.0, "the same system buffer");
        assert_eq!((first.1, second.1), (4, 8), "of each its own length");
        complete(request, STATUS_SUCCESS);
    });
    with_file(verified(), hooks, |file| {
        file.ioctl(BUFFERED, &[0; 4], &mut [0; 8]);
    });
}

/// A read or write has one memory object, whichever direction is asked for (REQ-6).
#[test]
fn reads_have_output_and_writes_have_input() {
    for io_type in [
        _WDF_DEVICE_IO_TYPE::WdfDeviceIoBuffered,
        _WDF_DEVICE_IO_TYPE::WdfDeviceIoDirect,
    ] {
        let hooks = typed(io_type)
            .read(|_, request, length| {
                assert_eq!(length, 4);
                assert_eq!(input(request, 0), Err(STATUS_INVALID_DEVICE_REQUEST));
                assert_eq!(input_memory(request), Err(STATUS_INVALID_DEVICE_REQUEST));
                let (to, length) = output(request, 4).unwrap();
                assert_eq!(memory_buffer(output_memory(request).unwrap()), (to, length));
                // SAFETY: Four bytes were asked for.
                unsafe { to.write_bytes(3, 4) };
                complete_with(request, STATUS_SUCCESS, 4);
            })
            .write(|_, request, _| {
                assert_eq!(output(request, 0), Err(STATUS_INVALID_DEVICE_REQUEST));
                assert_eq!(first_byte(request), 8);
                let memory = input_memory(request).unwrap();
                let mut byte = 1_u8;
                let buffer = (&raw mut byte).cast();
                let status = wdf!(WdfMemoryCopyFromBuffer(memory, 0, buffer, 1));
                assert_eq!(status, STATUS_ACCESS_VIOLATION, "MEM-39");
                complete_with(request, STATUS_SUCCESS, 2);
            });
        with_file(verified(), hooks, |file| {
            let mut buffer = [0; 4];
            let outcome = file.read(&mut buffer, 0);
            assert_eq!((outcome.status, outcome.information), (STATUS_SUCCESS, 4));
            assert_eq!(buffer, [3; 4]);
            let outcome = file.write(&[8, 9], 0);
            assert_eq!((outcome.status, outcome.information), (STATUS_SUCCESS, 2));
        });
    }
}

/// The framework never gives a driver the user address of a read; with the verifier the call fails
/// (REQ-10).
#[test]
fn a_neither_read_gives_a_null_buffer_unless_the_verifier_is_on() {
    let hooks = || {
        typed(_WDF_DEVICE_IO_TYPE::WdfDeviceIoNeither).read(|_, request, length| {
            log(format!(
                "{length}: {:x?}",
                output(request, 0).map(|(_, length)| length)
            ));
            complete(request, STATUS_SUCCESS);
        })
    };
    let test = |file: &nt_model::File| {
        file.read(&mut [0; 2], 0);
        file.read(&mut [], 0);
        take_log()
    };
    let off = with_file(plain(), hooks(), test);
    assert_eq!(off, ["2: Ok(2)", "0: Err(c0000023)"]);
    let on = with_file(verified(), hooks(), test);
    assert_eq!(on, ["2: Err(c0000010)", "0: Err(c0000023)"]);
}

/// Every retrieving call fails for a create request (REQ-7).
#[test]
fn a_create_has_no_buffers() {
    let hooks = Hooks::default()
        .init(|init| {
            let mut config = WDF_FILEOBJECT_CONFIG {
                Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
                EvtDeviceFileCreate: Some(on_file_create),
                AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
                FileObjectClass: _WDF_FILEOBJECT_CLASS::WdfFileObjectWdfCannotUseFsContexts,
                ..WDF_FILEOBJECT_CONFIG::default()
            };
            wdf!(WdfDeviceInitSetFileObjectConfig(
                init,
                &mut config,
                null_mut()
            ));
        })
        .file_create(|_, request, _| {
            assert_eq!(input(request, 0), Err(STATUS_INVALID_DEVICE_REQUEST));
            assert_eq!(output(request, 0), Err(STATUS_INVALID_DEVICE_REQUEST));
            complete(request, STATUS_SUCCESS);
        });
    with_file(verified(), hooks, |_| ());
}

/// The framework builds an MDL for a buffered request only, and frees it with the request (REQ-18).
#[test]
fn an_mdl_of_a_buffered_request_is_made_once_and_one_of_a_direct_request_is_its_own() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, code| {
        let (mut first, mut second) = (null_mut(), null_mut());
        let input = wdf!(WdfRequestRetrieveInputWdmMdl(request, &mut first));
        let output = wdf!(WdfRequestRetrieveOutputWdmMdl(request, &mut second));
        match code & 3 {
            METHOD_BUFFERED => {
                assert_eq!((input, output), (STATUS_SUCCESS, STATUS_SUCCESS));
                assert_eq!(first, second, "the first one wins");
            }
            METHOD_OUT_DIRECT => {
                assert_eq!((input, output), (STATUS_SUCCESS, STATUS_SUCCESS));
                assert_ne!(first, second);
            }
            _ => {
                let refused = STATUS_INVALID_DEVICE_REQUEST;
                assert_eq!((input, output), (refused, refused));
            }
        }
        complete(request, STATUS_SUCCESS);
    });
    with_file(plain(), hooks, |file| {
        for method in [METHOD_BUFFERED, METHOD_OUT_DIRECT, METHOD_NEITHER] {
            let outcome = file.ioctl(ioctl(method), &[1], &mut [2]);
            assert_eq!(outcome.status, STATUS_SUCCESS);
        }
    });
}

/// Only the first call for the MDL of a buffered request allocates (FLT-13).
#[test]
fn an_mdl_that_cannot_be_allocated_is_refused_and_may_be_asked_for_again() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let mut mdl = null_mut();
        fail_nth_allocation(1);
        let refused = wdf!(WdfRequestRetrieveInputWdmMdl(request, &mut mdl));
        assert_eq!(refused, STATUS_INSUFFICIENT_RESOURCES);
        for retrieved in 0..2 {
            let status = wdf!(WdfRequestRetrieveInputWdmMdl(request, &mut mdl));
            assert_eq!(status, STATUS_SUCCESS, "{retrieved}");
            fail_nth_allocation(1);
        }
        fail_nth_allocation(0);
        complete(request, STATUS_SUCCESS);
    });
    with_file(plain(), hooks, |file| {
        let outcome = file.ioctl(BUFFERED, &[1], &mut [2]);
        assert_eq!(outcome.status, STATUS_SUCCESS);
    });
}

/// Buffers and memory are retrieved without an allocation, of whatever transfer method (FLT-12).
#[test]
fn buffers_are_retrieved_when_nothing_can_be_allocated() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let (mut first, mut second) = (null_mut(), null_mut());
        fail_nth_allocation(1);
        assert!(input(request, 1).is_ok() && output(request, 1).is_ok());
        let statuses = [
            wdf!(WdfRequestRetrieveInputMemory(request, &mut first)),
            wdf!(WdfRequestRetrieveOutputMemory(request, &mut second)),
        ];
        assert_eq!(statuses, [STATUS_SUCCESS; 2]);
        let mut mdl = null_mut();
        let direct = wdf!(WdfRequestRetrieveInputWdmMdl(request, &mut mdl));
        assert_eq!(direct, STATUS_INSUFFICIENT_RESOURCES, "not used up before");
        complete(request, STATUS_SUCCESS);
    });
    with_file(plain(), hooks, |file| {
        for method in [METHOD_BUFFERED, METHOD_OUT_DIRECT] {
            let outcome = file.ioctl(ioctl(method), &[1], &mut [2]);
            assert_eq!(outcome.status, STATUS_SUCCESS);
        }
    });
}

/// The pages of a direct request that cannot be mapped; they can be a moment later (FLT-12).
#[test]
fn pages_that_cannot_be_mapped_are_insufficient_resources() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let mut memory = null_mut();
        fail_next_mapping();
        assert_eq!(output(request, 1), Err(STATUS_INSUFFICIENT_RESOURCES));
        fail_next_mapping();
        let refused = wdf!(WdfRequestRetrieveOutputMemory(request, &mut memory));
        assert_eq!(refused, STATUS_INSUFFICIENT_RESOURCES);
        assert!(output(request, 1).is_ok());
        fail_next_mapping();
        let mapped = wdf!(WdfRequestRetrieveOutputMemory(request, &mut memory));
        assert_eq!(mapped, STATUS_SUCCESS, "mapped already");
        complete(request, STATUS_SUCCESS);
    });
    with_file(plain(), hooks, |file| {
        let outcome = file.ioctl(ioctl(METHOD_OUT_DIRECT), &[1], &mut [2]);
        assert_eq!(outcome.status, STATUS_SUCCESS);
    });
}

fn unsafe_buffers(request: WDFREQUEST) -> [(NTSTATUS, *mut u8, usize); 2] {
    let (mut buffer, mut length) = (null_mut(), 0);
    let status = wdf!(WdfRequestRetrieveUnsafeUserInputBuffer(
        request,
        0,
        &mut buffer,
        &mut length
    ));
    let input = (status, buffer.cast(), length);
    let status = wdf!(WdfRequestRetrieveUnsafeUserOutputBuffer(
        request,
        0,
        &mut buffer,
        &mut length
    ));
    [input, (status, buffer.cast(), length)]
}

/// User addresses are given in EvtIoInCallerContext, and with the verifier nowhere else (REQ-19, REQ-58,
/// QUE-35, VER-16).
#[test]
fn in_the_callers_context_a_neither_request_gives_its_bare_addresses() {
    let hooks = queued(PARALLEL)
        .init(|init| {
            let callback = Some(on_in_caller_context as _);
            wdf!(WdfDeviceInitSetIoInCallerContextCallback(init, callback));
        })
        .in_caller_context(|device, request| {
            let [(first, from, size), (second, to, _)] = unsafe_buffers(request);
            log(format!("{first:x} {second:x} {size}"));
            if first == STATUS_SUCCESS && size > 0 {
                // SAFETY: The test's own buffer, valid during the call.
                let byte = unsafe { *from };
                // SAFETY: The test's output buffer, valid during the call.
                unsafe { to.write(byte) };
            }
            let status = wdf!(WdfDeviceEnqueueRequest(device, request));
            assert_eq!(status, STATUS_SUCCESS);
        })
        .control(|_, request, _, _, _| {
            let [(first, ..), (second, ..)] = unsafe_buffers(request);
            let refused = STATUS_INVALID_DEVICE_REQUEST;
            assert_eq!((first, second), (refused, refused), "VER-16");
            complete(request, STATUS_SUCCESS);
        });
    with_file(verified(), hooks, |file| {
        let mut output = [0];
        file.ioctl(ioctl(METHOD_NEITHER), &[6], &mut output);
        assert_eq!(output, [6]);
        file.ioctl(ioctl(METHOD_NEITHER), &[], &mut []);
        file.ioctl(BUFFERED, &[6], &mut output);
        assert_eq!(take_log(), ["0 0 1", "0 0 0", "c0000010 c0000010 0"]);
    });
}

/// Only the verifier checks that the driver asks for user addresses in EvtIoInCallerContext
/// (REQ-20).
#[test]
fn without_the_verifier_the_bare_addresses_are_given_anywhere() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let [(first, ..), (second, ..)] = unsafe_buffers(request);
        assert_eq!((first, second), (STATUS_SUCCESS, STATUS_SUCCESS));
        complete(request, STATUS_SUCCESS);
    });
    with_file(plain(), hooks, |file| {
        file.ioctl(ioctl(METHOD_NEITHER), &[1], &mut [0]);
    });
}

/// The pointer for the buffer is required (OBJ-72, REQ-13).
#[test]
fn a_null_pointer_for_the_buffer_is_a_bug_check() {
    let hooks = queued(PARALLEL).control(|_, request, _, _, _| {
        let length = null_mut();
        wdf!(WdfRequestRetrieveInputBuffer(
            request,
            0,
            null_mut(),
            length
        ));
    });
    let stop = stop_with_file(plain(), hooks, |file| {
        file.ioctl(BUFFERED, &[1], &mut []);
    });
    assert_violation(&stop, 4, 0);
}
