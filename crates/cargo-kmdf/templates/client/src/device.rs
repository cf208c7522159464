//! A device found by its interface, and requests to it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
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
    pub fn open(class: u128) -> Result<Self, String> {
        let path = path(&GUID::from_u128(class))?;
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
        Ok(Self(file))
    }

    /// Sends a device control request and returns the driver's reply, of at most `room` bytes.
    pub fn control(&self, code: u32, input: &[u8], room: usize) -> Result<Vec<u8>, String> {
        let mut output = vec![0; room];
        let mut length = 0;
        // SAFETY: the handle is open; both buffers live during the call, which waits, and have the lengths given.
        let done = unsafe {
            DeviceIoControl(
                self.0.as_raw_handle(),
                code,
                input.as_ptr().cast(),
                input.len() as u32,
                output.as_mut_ptr().cast(),
                room as u32,
                &mut length,
                null_mut(),
            )
        };
        if done == 0 {
            return Err(last_error(&format!("request {code:#x} failed")));
        }
        output.truncate(length as usize);
        Ok(output)
    }
}

/// What failed, with the reason that Windows gives.
fn last_error(what: &str) -> String {
    format!("{what}: {}", io::Error::last_os_error())
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
fn path(class: &GUID) -> Result<OsString, String> {
    let flags = DIGCF_PRESENT | DIGCF_DEVICEINTERFACE;
    // SAFETY: the class lives during the call; no enumerator and no window are given.
    let set = unsafe { SetupDiGetClassDevsW(class, null(), null_mut(), flags) };
    if set == INVALID_HANDLE_VALUE as HDEVINFO {
        return Err(last_error("the devices cannot be listed"));
    }
    let set = Set(set);
    let mut interface = SP_DEVICE_INTERFACE_DATA {
        cbSize: size_of::<SP_DEVICE_INTERFACE_DATA>() as u32,
        ..Default::default()
    };
    // SAFETY: the set is open; the class lives during the call; the structure may be written and has its size set.
    let found = unsafe { SetupDiEnumDeviceInterfaces(set.0, null(), class, 0, &mut interface) };
    if found == 0 {
        return Err(
            "no device is present: is the driver installed, and the device started?".into(),
        );
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
        return Err(last_error("the device has no path"));
    }
    let units = detail
        .iter()
        .flat_map(|pair| [*pair as u16, (*pair >> 16) as u16]);
    let start = offset_of!(SP_DEVICE_INTERFACE_DETAIL_DATA_W, DevicePath) / size_of::<u16>();
    let path: Vec<u16> = units.skip(start).take_while(|unit| *unit != 0).collect();
    Ok(OsString::from_wide(&path))
}
