//! The installed driver, reached through its device interface.

use std::{
    io,
    os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle},
    ptr::{null, null_mut},
};

use wdfmem_ioctl::{Status, Tag};
use windows_sys::{
    Win32::{
        Foundation::{ERROR_ACCESS_DENIED, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE},
        Storage::FileSystem::{
            CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING,
        },
        System::{
            IO::DeviceIoControl,
            LibraryLoader::{GetModuleHandleW, GetProcAddress},
        },
    },
    core::w,
};

use crate::{
    devices,
    failure::Failure,
    system::{Allocated, Completion, File, System, Verdict},
};

#[link(name = "ntdll", kind = "raw-dylib")]
unsafe extern "system" {
    /// The `NTSTATUS` behind this thread's last error.
    fn RtlGetLastNtStatus() -> i32;
}

/// Whether a device of the driver is present, with its interface enabled.
pub fn is_present() -> Result<bool, Failure> {
    Ok(devices::interface_path()?.is_some())
}

/// Runs `work` on the installed driver.
pub fn on_system<R>(work: impl FnOnce(&dyn System) -> R) -> Result<(R, Verdict), Failure> {
    // The path ends in a zero.
    let path = devices::interface_path()?.ok_or_else(Failure::no_driver)?;
    let system = Installed { path };
    let result = work(&system);
    Ok((
        result,
        Verdict {
            systems: vec![system.describe()],
            ..Verdict::default()
        },
    ))
}

struct Installed {
    path: Vec<u16>,
}

impl System for Installed {
    fn describe(&self) -> String {
        let kernel = if is_wine() { "Wine" } else { "Windows" };
        format!("the installed driver, on {kernel}")
    }

    /// Unknown: querying Driver Verifier takes administrator rights.
    fn is_verified(&self) -> bool {
        true
    }

    fn open(&self) -> Result<Box<dyn File>, Failure> {
        // SAFETY: `self.path` ends in a zero, as `interface_path` returns it; `CreateFileW` accepts null for its two
        // other pointers.
        let handle = unsafe {
            CreateFileW(
                self.path.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                FILE_SHARE_READ | FILE_SHARE_WRITE,
                null(),
                OPEN_EXISTING,
                FILE_ATTRIBUTE_NORMAL,
                null_mut(),
            )
        };
        if handle == INVALID_HANDLE_VALUE {
            let error = io::Error::last_os_error();
            let help = if error.raw_os_error() == Some(ERROR_ACCESS_DENIED as i32) {
                "run this as an administrator: the device admits only administrators and the system"
            } else {
                "`wdfmem status` says whether the device works, and if not, why"
            };
            return Err(Failure::device(
                format!("the device could not be opened: {error}"),
                help,
            ));
        }
        // SAFETY: `CreateFileW` has just returned this valid handle, and nothing else owns it.
        let handle = unsafe { OwnedHandle::from_raw_handle(handle) };
        Ok(Box::new(Device { handle }))
    }

    fn open_as_user(&self) -> Option<Status> {
        None
    }

    fn exports_work(&self) -> bool {
        !is_wine()
    }

    fn allocated(&self, _: Tag) -> Option<Allocated> {
        None
    }

    fn fail_allocation(&self, _: u64) -> Option<u64> {
        None
    }
}

/// Whether this is Wine: its `ntdll` exports `wine_get_version`.
fn is_wine() -> bool {
    // SAFETY: `w!` ends the name in a zero.
    let ntdll = unsafe { GetModuleHandleW(w!("ntdll.dll")) };
    // SAFETY: `ntdll` stays loaded for the life of the process, and a C string literal ends in a zero.
    !ntdll.is_null()
        && unsafe { GetProcAddress(ntdll, c"wine_get_version".as_ptr().cast()) }.is_some()
}

struct Device {
    handle: OwnedHandle,
}

impl File for Device {
    fn control(&self, code: u32, input: &[u8], output: &mut [u8]) -> Completion {
        let (Ok(input_length), Ok(output_length)) =
            (u32::try_from(input.len()), u32::try_from(output.len()))
        else {
            return Completion {
                status: Status::INVALID_PARAMETER,
                information: 0,
            };
        };
        let mut information = 0;
        // SAFETY: Pointers and lengths come from the same slices, which outlive the call: the handle was opened without
        // FILE_FLAG_OVERLAPPED, so the call returns after the request is completed.
        let done = unsafe {
            DeviceIoControl(
                self.handle.as_raw_handle(),
                code,
                pointer_of(input).cast(),
                input_length,
                pointer_of_mut(output).cast(),
                output_length,
                &mut information,
                null_mut(),
            )
        };
        let status = if done != 0 {
            Status::SUCCESS
        } else {
            // SAFETY: The function takes no arguments and only reads the thread environment block.
            Status::from_code(unsafe { RtlGetLastNtStatus() })
        };
        Completion {
            status,
            information: information as usize,
        }
    }
}

/// The buffer's address; null if it is empty, as `DeviceIoControl` expects.
fn pointer_of(bytes: &[u8]) -> *const u8 {
    if bytes.is_empty() {
        null()
    } else {
        bytes.as_ptr()
    }
}

/// The buffer's address; null if it is empty, as `DeviceIoControl` expects.
fn pointer_of_mut(bytes: &mut [u8]) -> *mut u8 {
    if bytes.is_empty() {
        null_mut()
    } else {
        bytes.as_mut_ptr()
    }
}
