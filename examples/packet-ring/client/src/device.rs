//! A device found by its interface, and requests to it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem::offset_of;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::AsRawHandle;
use std::ptr::{null, null_mut};
use windows_sys::Win32::Devices::DeviceAndDriverInstallation::{
    DIGCF_DEVICEINTERFACE, DIGCF_PRESENT, HDEVINFO, SP_DEVICE_INTERFACE_DATA,
    SP_DEVICE_INTERFACE_DETAIL_DATA_W, SetupDiDestroyDeviceInfoList, SetupDiEnumDeviceInterfaces,
    SetupDiGetClassDevsW, SetupDiGetDeviceInterfaceDetailW,
};
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::core::GUID;

/// An open handle of the device.
pub struct Device(File);

impl Device {
    /// Opens the first device that is present and has an interface of the class.
    pub fn open(class: u128) -> io::Result<Self> {
        let path = path(&GUID::from_u128(class))?;
        Ok(Self(OpenOptions::new().read(true).write(true).open(path)?))
    }

    /// Sends a write request, which must be taken as a whole.
    pub fn write(&self, data: &[u8]) -> io::Result<()> {
        (&self.0).write_all(data)
    }

    /// Sends a device control request without input, waits for it, and returns the driver's output.
    pub fn control(&self, code: u32, room: usize) -> io::Result<Vec<u8>> {
        let mut output = vec![0; room];
        let mut length = 0;
        // SAFETY: the handle is open; the output buffer lives during the call, which waits, and has the length
        // given; there is no input.
        let done = unsafe {
            DeviceIoControl(
                self.0.as_raw_handle(),
                code,
                null(),
                0,
                output.as_mut_ptr().cast(),
                room as u32,
                &mut length,
                null_mut(),
            )
        };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        output.truncate(length as usize);
        Ok(output)
    }
}

/// A set of device interfaces, closed when dropped.
struct Set(HDEVINFO);

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: the set is open, and nothing uses it after this.
        unsafe { SetupDiDestroyDeviceInfoList(self.0) };
    }
}

/// The path of the first device that is present and has an interface of the class.
fn path(class: &GUID) -> io::Result<OsString> {
    let flags = DIGCF_PRESENT | DIGCF_DEVICEINTERFACE;
    // SAFETY: the class lives during the call; no enumerator and no window are given.
    let set = unsafe { SetupDiGetClassDevsW(class, null(), null_mut(), flags) };
    if set == INVALID_HANDLE_VALUE as HDEVINFO {
        return Err(io::Error::last_os_error());
    }
    let set = Set(set);
    let mut interface = SP_DEVICE_INTERFACE_DATA {
        cbSize: size_of::<SP_DEVICE_INTERFACE_DATA>() as u32,
        ..Default::default()
    };
    // SAFETY: the set is open; the class lives during the call; the structure may be written and has its size set.
    let found = unsafe { SetupDiEnumDeviceInterfaces(set.0, null(), class, 0, &mut interface) };
    if found == 0 {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no device of packet_ring is present: is the driver installed and its device started?",
        ));
    }
    // The structure ends in a path of any length. Paths of devices are shorter than this.
    let mut detail = [0_u32; 512];
    detail[0] = size_of::<SP_DEVICE_INTERFACE_DETAIL_DATA_W>() as u32;
    // SAFETY: the set is open and the interface one of its; the buffer is aligned as the structure, has the length
    // given, and begins with the structure's size.
    let read = unsafe {
        SetupDiGetDeviceInterfaceDetailW(
            set.0,
            &interface,
            detail.as_mut_ptr().cast(),
            size_of_val(&detail) as u32,
            null_mut(),
            null_mut(),
        )
    };
    if read == 0 {
        return Err(io::Error::last_os_error());
    }
    let units = detail
        .iter()
        .flat_map(|pair| [*pair as u16, (*pair >> 16) as u16]);
    let start = offset_of!(SP_DEVICE_INTERFACE_DETAIL_DATA_W, DevicePath) / size_of::<u16>();
    let path: Vec<u16> = units.skip(start).take_while(|unit| *unit != 0).collect();
    Ok(OsString::from_wide(&path))
}
