//! The transfer methods of device control requests, reads and writes.

mod wdm;

use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use nt_model::{Access, Caller, File, IoStatus, Kernel};
use std::ptr::null_mut;
use wdm::control::{Behaviour, PATH, entry};
use wdm::{Request, boot, bytes, code};

const fn done(status: NTSTATUS, information: usize) -> IoStatus {
    IoStatus {
        status,
        information,
    }
}

/// Opens the device of a driver with behaviour `B`, uses it, closes and unloads.
fn with_device<B: Behaviour + 'static>(test: impl FnOnce(&Kernel, &File) + Send + 'static) {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<B>).unwrap();
        let file = kernel.open(PATH).unwrap();
        test(kernel, &file);
        file.close();
        driver.unload().unwrap();
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

const REVERSE: u32 = code(1, METHOD_BUFFERED);
const CLAIM: u32 = code(2, METHOD_BUFFERED);
const WARN: u32 = code(3, METHOD_BUFFERED);
const FAIL: u32 = code(4, METHOD_BUFFERED);
const LOOK: u32 = code(5, METHOD_BUFFERED);

/// Completes buffered requests with a known pattern.
struct Buffered;

impl Behaviour for Buffered {
    fn handle(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        let (code, input, output, _) = request.control();
        let size = input.max(output);
        // SAFETY: The system buffer holds the longer of both.
        let buffer = unsafe { bytes(request.system_buffer(), size) };
        match code {
            REVERSE => {
                buffer[..input].reverse();
                request.complete(STATUS_SUCCESS, input)
            }
            // Claims more than it wrote, and more than there is room for.
            CLAIM => request.complete(STATUS_SUCCESS, output + 100),
            WARN => {
                buffer.fill(1);
                request.complete(STATUS_BUFFER_OVERFLOW, output)
            }
            FAIL => {
                buffer.fill(1);
                request.complete(STATUS_UNSUCCESSFUL, output)
            }
            LOOK => {
                let absent = request.system_buffer().is_null();
                assert_eq!(absent, size == 0);
                let user = wdm::peek(request.0).RequestorMode;
                assert_eq!(i32::from(user), _MODE::UserMode);
                request.complete(STATUS_SUCCESS, size)
            }
            _ => request.complete(STATUS_INVALID_DEVICE_REQUEST, 0),
        }
    }
}

#[test]
fn buffered_control_copies_in_and_out() {
    with_device::<Buffered>(|_, file| {
        let mut output = [9; 6];
        let outcome = file.ioctl(REVERSE, &[1, 2, 3, 4], &mut output);
        assert_eq!(outcome, done(STATUS_SUCCESS, 4));
        assert_eq!(output, [4, 3, 2, 1, 9, 9]);
        assert_eq!(
            file.ioctl(code(99, 0), &[], &mut []).ok().unwrap_err().0,
            STATUS_INVALID_DEVICE_REQUEST
        );
    });
}

#[test]
fn buffered_control_copies_back_no_more_than_there_is_room_for_and_shows_stale_bytes() {
    with_device::<Buffered>(|_, file| {
        let mut output = [9; 4];
        let outcome = file.ioctl(CLAIM, &[1, 2], &mut output);
        assert_eq!(outcome, done(STATUS_SUCCESS, 104));
        assert_eq!(output[..2], [1, 2]);
        assert_eq!(output[2], output[3]);
        assert!(!matches!(output[2], 0 | 9), "neither zeroed nor left alone");
    });
}

#[test]
fn buffered_control_copies_back_on_warnings_but_not_on_errors() {
    with_device::<Buffered>(|_, file| {
        let mut output = [9; 4];
        let outcome = file.ioctl(FAIL, &[], &mut output);
        assert_eq!((outcome, output), (done(STATUS_UNSUCCESSFUL, 4), [9; 4]));
        let outcome = file.ioctl(WARN, &[], &mut output);
        assert_eq!((outcome, output), (done(STATUS_BUFFER_OVERFLOW, 4), [1; 4]));
    });
}

#[test]
fn buffers_of_length_zero_give_no_system_buffer() {
    with_device::<Buffered>(|_, file| {
        for (input, output) in [(0, 0), (3, 0), (0, 5), (3, 5)] {
            let outcome = file.ioctl(LOOK, &vec![0; input], &mut vec![0; output]);
            assert_eq!(outcome, done(STATUS_SUCCESS, input.max(output)));
        }
    });
}

#[test]
fn bad_user_addresses_are_refused_before_the_driver_sees_them() {
    with_device::<Buffered>(|_, file| {
        let (null, kernel) = (std::ptr::null_mut(), 0xFFFF_8000_0000_0000_usize as *mut u8);
        let mut good = [0_u8; 8];
        let good = (&raw mut good).cast::<u8>();
        for method in [METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_OUT_DIRECT] {
            for bad in [null, kernel] {
                for (input, output) in [((bad, 8), (good, 8)), ((good, 8), (bad, 8))] {
                    let input = (input.0.cast_const(), input.1);
                    // SAFETY: Valid memory or an address that is refused.
                    let outcome = unsafe { file.ioctl_raw(code(5, method), input, output) };
                    assert_eq!(outcome, done(STATUS_ACCESS_VIOLATION, 0));
                }
            }
        }
    });
}

/// Completes direct requests: copies input to output, or output (as second input) to the log.
struct Direct;

impl Behaviour for Direct {
    fn handle(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        let (code, input, output, _) = request.control();
        // SAFETY: The system buffer holds the input.
        let from = unsafe { bytes(request.system_buffer(), input) };
        let mapped = request.mdl_bytes();
        assert_eq!(mapped.is_null(), output == 0);
        // SAFETY: The MDL describes the output buffer.
        let to = unsafe { bytes(mapped, output) };
        if code & 3 == METHOD_OUT_DIRECT {
            let length = input.min(output);
            to[..length].copy_from_slice(&from[..length]);
            return request.complete(STATUS_SUCCESS, length);
        }
        let sum: usize = to
            .iter()
            .chain(from.iter())
            .map(|byte| usize::from(*byte))
            .sum();
        request.complete(STATUS_SUCCESS, sum)
    }
}

#[test]
fn requests_that_the_handle_was_not_opened_for_do_not_reach_the_driver() {
    const READS: u32 = REVERSE | FILE_READ_ACCESS << 14;
    const WRITES: u32 = REVERSE | FILE_WRITE_ACCESS << 14;
    const BOTH: u32 = READS | WRITES;
    let refused = done(STATUS_ACCESS_DENIED, 0);
    with_device::<Buffered>(move |kernel, _| {
        for (access, allowed) in [
            (Access::Read, [true, true, false, false]),
            (Access::Write, [true, false, true, false]),
            (Access::ReadWrite, [true; 4]),
        ] {
            let file = kernel.open_for(Caller::System, access, PATH).unwrap();
            for (code, allowed) in [REVERSE, READS, WRITES, BOTH].into_iter().zip(allowed) {
                // The driver knows the first of the codes only.
                let outcome = file.ioctl(code, &[1, 2], &mut [0; 2]);
                assert_eq!(outcome == refused, !allowed, "{access:?} {code:#x}");
            }
            assert_eq!(
                [file.read(&mut [0], 0), file.write(&[0], 0)].map(|outcome| outcome == refused),
                [access == Access::Write, access == Access::Read]
            );
        }
    });
}

#[test]
fn direct_control_gives_the_drivers_the_callers_memory() {
    with_device::<Direct>(|_, file| {
        let mut output = vec![7; 10_000];
        let input: Vec<u8> = (0..9_999_usize).map(|n| n as u8).collect();
        let outcome = file.ioctl(code(1, METHOD_OUT_DIRECT), &input, &mut output);
        assert_eq!(outcome, done(STATUS_SUCCESS, 9_999));
        assert_eq!(output[..9_999], input[..]);
        assert_eq!(output[9_999], 7);
        let outcome = file.ioctl(code(1, METHOD_IN_DIRECT), &[1, 2], &mut [3, 4]);
        assert_eq!(outcome, done(STATUS_SUCCESS, 10));
        let outcome = file.ioctl(code(1, METHOD_OUT_DIRECT), &[1, 2], &mut []);
        assert_eq!(outcome, done(STATUS_SUCCESS, 0));
    });
}

/// Completes METHOD_NEITHER requests with the addresses that it got.
struct Neither;

impl Behaviour for Neither {
    fn handle(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        let (_, input, output, raw) = request.control();
        assert!(request.system_buffer().is_null());
        let user = wdm::peek(request.0).UserBuffer.cast::<u8>();
        if user.is_null() {
            return request.complete(STATUS_INVALID_USER_BUFFER, 0);
        }
        // SAFETY: The test passes valid buffers, and the caller waits.
        let from = unsafe { bytes(raw, input) };
        // SAFETY: The caller's output buffer, which it keeps while it waits.
        let to = unsafe { bytes(user, output) };
        to.copy_from_slice(from);
        request.complete(STATUS_SUCCESS, output)
    }
}

#[test]
fn neither_control_passes_addresses_as_they_are() {
    with_device::<Neither>(|_, file| {
        let mut output = [0; 3];
        let outcome = file.ioctl(code(1, METHOD_NEITHER), &[1, 2, 3], &mut output);
        assert_eq!((outcome, output), (done(STATUS_SUCCESS, 3), [1, 2, 3]));
        let (input, output) = (std::ptr::null(), std::ptr::null_mut());
        // SAFETY: The driver does not touch address 0.
        let outcome =
            unsafe { file.ioctl_raw(code(1, METHOD_NEITHER), (input, 100), (output, 100)) };
        assert_eq!(outcome, done(STATUS_INVALID_USER_BUFFER, 0));
    });
}

/// A device that stores nothing: reads give the offset, writes give the sum.
struct Stream<const FLAGS: u32>;

impl<const FLAGS: u32> Behaviour for Stream<FLAGS> {
    const FLAGS: u32 = FLAGS;

    fn handle(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        let (length, offset) = request.transfer();
        let start = match FLAGS {
            DO_BUFFERED_IO => request.system_buffer(),
            DO_DIRECT_IO => request.mdl_bytes(),
            _ => wdm::peek(request.0).UserBuffer.cast(),
        };
        // SAFETY: The buffer of the request.
        let buffer = unsafe { bytes(start, length) };
        if request.major() == IRP_MJ_READ {
            buffer.fill(offset as u8);
            return request.complete(STATUS_SUCCESS, length);
        }
        let sum = buffer.iter().map(|byte| usize::from(*byte)).sum();
        request.complete(STATUS_SUCCESS, sum)
    }
}

fn reads_and_writes<const FLAGS: u32>() {
    with_device::<Stream<FLAGS>>(|_, file| {
        let mut buffer = [0; 5];
        assert_eq!(file.read(&mut buffer, 42), done(STATUS_SUCCESS, 5));
        assert_eq!(buffer, [42; 5]);
        assert_eq!(file.write(&[1, 2, 3], 0), done(STATUS_SUCCESS, 6));
        assert_eq!(file.read(&mut [], 1), done(STATUS_SUCCESS, 0));
        let (reading, writing) = (
            file.read_async(vec![0; 5], 7),
            file.write_async(vec![4; 3], 0),
        );
        assert_eq!(reading.wait(), (done(STATUS_SUCCESS, 5), vec![7; 5]));
        assert_eq!(writing.wait(), (done(STATUS_SUCCESS, 12), vec![4; 3]));
    });
}

#[test]
fn buffered_devices_read_and_write_through_a_system_buffer() {
    reads_and_writes::<DO_BUFFERED_IO>();
}

#[test]
fn direct_devices_read_and_write_through_an_mdl() {
    reads_and_writes::<DO_DIRECT_IO>();
}

#[test]
fn neither_devices_read_and_write_the_callers_addresses() {
    reads_and_writes::<0>();
}

/// Builds MDLs over pool memory.
struct Describing;

impl Behaviour for Describing {
    fn handle(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
        // SAFETY: ExAllocatePoolWithTag checks its arguments itself.
        let block = unsafe { ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, 5000, 0x31) };
        let inside = block.wrapping_byte_add(100);
        // SAFETY: The range lies in the block.
        let mdl = unsafe { IoAllocateMdl(inside, 4500, 0, 0, null_mut()) };
        let described = wdm::peek(mdl);
        let start = described
            .StartVa
            .wrapping_byte_add(described.ByteOffset as usize);
        assert_eq!((start, described.ByteCount), (inside, 4500));
        assert_eq!(described.StartVa.addr() % 4096, 0);
        // SAFETY: The driver's own MDL, over nonpaged pool.
        unsafe { MmBuildMdlForNonPagedPool(mdl) };
        assert_eq!(wdm::peek(mdl).MappedSystemVa, inside);
        // SAFETY: The driver's own MDL, which it does not use again.
        unsafe { IoFreeMdl(mdl) };
        // SAFETY: The driver's own block.
        unsafe { ExFreePoolWithTag(block, 0x31) };
        lock_and_unlock(request)
    }
}

/// Describes a local variable twice, chained to the request, and takes the chain off again.
fn lock_and_unlock(request: Request) -> NTSTATUS {
    let mut local = [0_u8; 64];
    let address = (&raw mut local).cast();
    // SAFETY: The driver has the request.
    let first = unsafe { IoAllocateMdl(address, 64, 0, 0, request.0) };
    // SAFETY: The driver still has the request.
    let second = unsafe { IoAllocateMdl(address, 1, 1, 0, request.0) };
    assert_eq!(wdm::peek(request.0).MdlAddress, first);
    assert_eq!(wdm::peek(first).Next, second);
    let (kernel, modify) = (_MODE::KernelMode as i8, _LOCK_OPERATION::IoModifyAccess);
    // SAFETY: The driver's own MDL over valid memory.
    unsafe { MmProbeAndLockPages(first, kernel, modify) };
    let (cached, normal) = (
        _MEMORY_CACHING_TYPE::MmCached,
        _MM_PAGE_PRIORITY::NormalPagePriority,
    );
    // SAFETY: Locked above.
    let mapped =
        unsafe { MmMapLockedPagesSpecifyCache(first, kernel, cached, null_mut(), 0, normal) };
    assert_eq!(mapped, address);
    // SAFETY: Mapped above.
    unsafe { MmUnmapLockedPages(mapped, first) };
    // SAFETY: Locked above.
    unsafe { MmUnlockPages(first) };
    // The chain stays on the request: the I/O manager frees it.
    request.complete(STATUS_SUCCESS, 0)
}

#[test]
fn a_driver_describes_memory_of_its_own() {
    with_device::<Describing>(|_, file| {
        assert_eq!(
            file.ioctl(code(1, METHOD_BUFFERED), &[], &mut []),
            done(STATUS_SUCCESS, 0)
        );
    });
}
