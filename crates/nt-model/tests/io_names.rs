//! Names, symbolic links, exclusive and initialising devices, security, loading and unloading.

mod wdm;

use kmdf_sys::ntddk::*;
use kmdf_sys::*;
use nt_model::{Caller, NtStatus};
use std::ptr::null_mut;
use std::sync::Mutex;
use wdm::control::{self, Behaviour, LINK, PATH, entry};
use wdm::{Request, boot, code, peek, string};

struct Plain;

impl Behaviour for Plain {}

#[test]
fn a_device_opens_by_its_name_and_its_links() {
    boot(|kernel| {
        let missing = NtStatus(STATUS_OBJECT_NAME_NOT_FOUND);
        assert_eq!(kernel.open(PATH).unwrap_err(), missing);
        let driver = kernel.load_driver("test", entry::<Plain>).unwrap();
        for path in [
            PATH,
            r"\??\test",
            LINK,
            control::DEVICE,
            r"\\?\TEST",
            r"\\.\Test\below",
        ] {
            kernel.open(path).unwrap();
        }
        assert_eq!(kernel.open(r"\\.\Tes").unwrap_err(), missing);
        driver.unload().unwrap();
        assert_eq!(kernel.open(PATH).unwrap_err(), missing);
    });
}

#[test]
fn a_driver_loads_once_at_a_time() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Plain>).unwrap();
        let again = kernel.load_driver("TEST", entry::<Plain>).unwrap_err();
        assert_eq!(again.0 as u32, 0xC000_010E);
        driver.clone().unload().unwrap();
        assert_eq!(
            driver.unload().unwrap_err(),
            NtStatus(STATUS_NO_SUCH_DEVICE)
        );
        kernel
            .load_driver("test", entry::<Plain>)
            .unwrap()
            .unload()
            .unwrap();
    });
}

#[test]
fn names_collide_and_links_go_once() {
    struct Colliding;
    impl Behaviour for Colliding {
        fn handle(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            let driver = peek(device).DriverObject;
            let (mut name, mut link) = (string(control::DEVICE), string(LINK));
            let mut second = null_mut();
            // SAFETY: The driver object is the kernel's.
            let status =
                unsafe { IoCreateDevice(driver, 0, &raw mut name, 0x22, 0, 0, &raw mut second) };
            assert_eq!(status, STATUS_OBJECT_NAME_COLLISION);
            assert!(second.is_null());
            // SAFETY: The strings live for the call.
            let status = unsafe { IoCreateSymbolicLink(&raw mut link, &raw mut name) };
            assert_eq!(status, STATUS_OBJECT_NAME_COLLISION);
            let mut other = string(r"\DosDevices\Other");
            // SAFETY: The string lives for the call.
            let status = unsafe { IoDeleteSymbolicLink(&raw mut other) };
            assert_eq!(status, STATUS_OBJECT_NAME_NOT_FOUND);
            request.complete(STATUS_SUCCESS, 0)
        }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Colliding>).unwrap();
        let file = kernel.open(PATH).unwrap();
        file.ioctl(code(1, 0), &[], &mut []).ok().unwrap();
        drop(file);
        driver.unload().unwrap();
    });
}

#[test]
fn the_rest_of_the_path_is_the_name_of_the_file_object() {
    static NAME: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    struct Named;
    impl Behaviour for Named {
        fn open_or_close(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            if request.major() == IRP_MJ_CREATE {
                let file = peek(request.stack().FileObject);
                let units = usize::from(file.FileName.Length) / 2;
                // SAFETY: A counted string.
                let name = unsafe { std::slice::from_raw_parts(file.FileName.Buffer, units) };
                *NAME.lock().unwrap() = name.to_vec();
            }
            request.complete(STATUS_SUCCESS, 0)
        }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Named>).unwrap();
        kernel.open(r"\\.\Test\some\thing").unwrap();
        driver.unload().unwrap();
    });
    let name = String::from_utf16(&NAME.lock().unwrap()).unwrap();
    assert_eq!(name, r"\some\thing");
}

#[test]
fn an_exclusive_device_opens_once_at_a_time() {
    struct Exclusive;
    impl Behaviour for Exclusive {
        const EXCLUSIVE: bool = true;
    }
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Exclusive>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let second = kernel.open(PATH).unwrap_err();
        assert_eq!(second, NtStatus(STATUS_ACCESS_DENIED));
        drop(file);
        kernel.open(PATH).unwrap();
        driver.unload().unwrap();
    });
}

#[test]
fn a_refused_create_gives_no_handle_and_no_close() {
    static SEEN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    struct Refusing;
    impl Behaviour for Refusing {
        fn open_or_close(_device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            SEEN.lock().unwrap().push(request.major());
            request.complete(STATUS_QUOTA_EXCEEDED, 0)
        }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Refusing>).unwrap();
        assert_eq!(
            kernel.open(PATH).unwrap_err(),
            NtStatus(STATUS_QUOTA_EXCEEDED)
        );
        driver.unload().unwrap();
    });
    assert_eq!(*SEEN.lock().unwrap(), [IRP_MJ_CREATE]);
}

#[test]
fn a_device_made_after_the_entry_point_opens_once_it_is_initialised() {
    static LATE: Mutex<usize> = Mutex::new(0);
    struct Late;
    impl Behaviour for Late {
        fn handle(device: PDEVICE_OBJECT, request: Request) -> NTSTATUS {
            let mut late = *LATE.lock().unwrap() as PDEVICE_OBJECT;
            match request.control().0 >> 2 & 0xFFF {
                1 => {
                    let mut name = string(r"\Device\Late");
                    let driver = peek(device).DriverObject;
                    // SAFETY: The driver object is the kernel's.
                    let status = unsafe {
                        IoCreateDevice(driver, 0, &raw mut name, 0x22, 0, 0, &raw mut late)
                    };
                    assert_eq!(status, STATUS_SUCCESS);
                    *LATE.lock().unwrap() = late.addr();
                }
                // SAFETY: A device of this driver.
                2 => unsafe { (*late).Flags &= !DO_DEVICE_INITIALIZING },
                // SAFETY: The driver's own device, which it does not use again.
                _ => unsafe { IoDeleteDevice(late) },
            }
            request.complete(STATUS_SUCCESS, 0)
        }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Late>).unwrap();
        let file = kernel.open(PATH).unwrap();
        file.ioctl(code(1, 0), &[], &mut []).ok().unwrap();
        let refused = kernel.open(r"\Device\Late").unwrap_err();
        assert_eq!(refused, NtStatus(STATUS_NO_SUCH_DEVICE));
        file.ioctl(code(2, 0), &[], &mut []).ok().unwrap();
        let late = kernel.open(r"\Device\Late").unwrap();
        // Deleted with a handle open: no new opens, but the handle works until it is closed.
        file.ioctl(code(3, 0), &[], &mut []).ok().unwrap();
        let gone = kernel.open(r"\Device\Late").unwrap_err();
        assert_eq!(gone, NtStatus(STATUS_OBJECT_NAME_NOT_FOUND));
        late.ioctl(code(2, 0), &[], &mut []).ok().unwrap();
        drop((late, file));
        driver.unload().unwrap();
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}

/// `D:P(A;;GA;;;SY)(A;;GA;;;BA)` in self-relative form.
const ADMINISTRATORS_ONLY: [u8; 72] = {
    let mut bytes = [0; 72];
    let start = [
        1, 0, 0x04, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0,
    ];
    let acl = [2, 0, 52, 0, 2, 0, 0, 0];
    let system = [
        0, 0, 20, 0, 0, 0, 0, 0x10, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0,
    ];
    let administrators = [
        0, 0, 24, 0, 0, 0, 0, 0x10, 1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0,
    ];
    let mut at = 0;
    while at < 72 {
        bytes[at] = match at {
            0..20 => start[at],
            20..28 => acl[at - 20],
            28..48 => system[at - 28],
            _ => administrators[at - 48],
        };
        at += 1;
    }
    bytes
};

#[test]
fn a_security_descriptor_keeps_users_out() {
    static DESCRIPTOR: [u8; 72] = ADMINISTRATORS_ONLY;
    struct Secured;
    impl Behaviour for Secured {
        fn created(device: PDEVICE_OBJECT) {
            let descriptor = (&raw const DESCRIPTOR).cast_mut().cast();
            // SAFETY: A device of this driver.
            unsafe { (*device).SecurityDescriptor = descriptor };
        }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Secured>).unwrap();
        kernel.open_as(Caller::System, PATH).unwrap();
        kernel.open_as(Caller::Administrator, PATH).unwrap();
        let refused = kernel.open_as(Caller::User, PATH).unwrap_err();
        assert_eq!(refused, NtStatus(STATUS_ACCESS_DENIED));
        driver.unload().unwrap();
        let driver = kernel.load_driver("test", entry::<Plain>).unwrap();
        kernel.open_as(Caller::User, PATH).unwrap();
        driver.unload().unwrap();
    });
}

#[test]
fn an_open_device_keeps_its_driver_loaded() {
    boot(|kernel| {
        let driver = kernel.load_driver("test", entry::<Plain>).unwrap();
        let file = kernel.open(PATH).unwrap();
        let busy = driver.clone().unload().unwrap_err();
        assert_eq!(busy, NtStatus(STATUS_DEVICE_BUSY));
        file.close();
        driver.unload().unwrap();
    });
}

#[test]
fn what_a_driver_does_not_handle_is_an_invalid_device_request() {
    unsafe extern "C" fn bare(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
        let path = peek(path);
        let units = usize::from(path.Length) / 2;
        // SAFETY: A counted string.
        let path = unsafe { std::slice::from_raw_parts(path.Buffer, units) };
        let expected = r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\bare";
        assert_eq!(String::from_utf16(path).unwrap(), expected);
        let mut name = string(control::DEVICE);
        let mut device = null_mut();
        // SAFETY: The driver object is the kernel's.
        unsafe { IoCreateDevice(driver, 0, &raw mut name, 0x22, 0, 0, &raw mut device) }
    }
    boot(|kernel| {
        let driver = kernel.load_driver("bare", bare).unwrap();
        let refused = kernel.open(control::DEVICE).unwrap_err();
        assert_eq!(refused, NtStatus(STATUS_INVALID_DEVICE_REQUEST));
        // Nor does it have an unload routine.
        let refused = driver.unload().unwrap_err();
        assert_eq!(refused, NtStatus(STATUS_INVALID_DEVICE_REQUEST));
    });
}

#[test]
fn a_driver_object_extension_belongs_to_its_identification() {
    unsafe extern "C" fn entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
        let identification = driver.cast();
        let mut extension = null_mut();
        let allocate = |extension: &mut PVOID| {
            // SAFETY: The driver object is the kernel's.
            unsafe { IoAllocateDriverObjectExtension(driver, identification, 32, extension) }
        };
        assert_eq!(allocate(&mut extension), STATUS_SUCCESS);
        let first = extension;
        // SAFETY: The kernel's driver object, with an identification that has an extension.
        let found = unsafe { IoGetDriverObjectExtension(driver, identification) };
        assert_eq!(found, first);
        // SAFETY: The kernel's driver object, with an unknown identification.
        let other = unsafe { IoGetDriverObjectExtension(driver, null_mut()) };
        assert!(other.is_null() && !first.is_null());
        let mut again = null_mut();
        // SAFETY: The kernel's driver object; `again` is a local.
        let status =
            unsafe { IoAllocateDriverObjectExtension(driver, identification, 32, &raw mut again) };
        assert_eq!(status, STATUS_OBJECT_NAME_COLLISION);
        STATUS_UNSUCCESSFUL
    }
    boot(|kernel| {
        let failed = kernel.load_driver("test", entry).unwrap_err();
        assert_eq!(failed, NtStatus(STATUS_UNSUCCESSFUL));
        assert_eq!(kernel.verifier().live_blocks, 0);
    });
}
