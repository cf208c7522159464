//! The driver's devices, as SetupAPI knows them.

use std::{
    io,
    os::windows::ffi::OsStrExt,
    path::PathBuf,
    ptr::{null, null_mut},
};

use windows_sys::{
    Win32::{
        Devices::DeviceAndDriverInstallation::{
            DIF_REMOVE, DIGCF_ALLCLASSES, DIGCF_DEVICEINTERFACE, DIGCF_PRESENT, HDEVINFO,
            SP_DEVICE_INTERFACE_DATA, SP_DEVICE_INTERFACE_DETAIL_DATA_W, SP_DEVINFO_DATA,
            SPDRP_HARDWAREID, SetupDiCallClassInstaller, SetupDiDestroyDeviceInfoList,
            SetupDiEnumDeviceInfo, SetupDiEnumDeviceInterfaces, SetupDiGetClassDevsW,
            SetupDiGetDeviceInterfaceDetailW, SetupDiGetDeviceRegistryPropertyW,
        },
        Foundation::INVALID_HANDLE_VALUE,
    },
    core::GUID,
};

use crate::failure::Failure;

/// What the INF installs.
pub const HARDWARE_ID: &str = r"root\wdfmem";

/// # Invariants
///
/// Holds a device information set that SetupAPI opened and nobody else closes.
pub struct DeviceSet(HDEVINFO);

impl DeviceSet {
    /// Takes over what the named function of SetupAPI returned.
    ///
    /// # Safety
    ///
    /// `set` is the result of a function that opens a set, and not used otherwise.
    pub unsafe fn new(set: HDEVINFO, function: &str) -> Result<Self, Failure> {
        if set == INVALID_HANDLE_VALUE as HDEVINFO {
            return Err(refused(function));
        }
        // INVARIANT: By the contract of this function.
        Ok(Self(set))
    }

    /// Every device of the machine.
    pub fn all() -> Result<Self, Failure> {
        // SAFETY: Without a class, an enumerator or a window, all devices are meant.
        let set = unsafe { SetupDiGetClassDevsW(null(), null(), null_mut(), DIGCF_ALLCLASSES) };
        // SAFETY: Just opened.
        unsafe { Self::new(set, "SetupDiGetClassDevsW") }
    }

    /// The devices that are present and have an interface of the class.
    fn with_interface(class: &GUID) -> Result<Self, Failure> {
        let flags = DIGCF_PRESENT | DIGCF_DEVICEINTERFACE;
        // SAFETY: The GUID is alive during the call; no window is given.
        let set = unsafe { SetupDiGetClassDevsW(class, null(), null_mut(), flags) };
        // SAFETY: Just opened.
        unsafe { Self::new(set, "SetupDiGetClassDevsW") }
    }

    /// What SetupAPI knows the set by.
    pub fn handle(&self) -> HDEVINFO {
        self.0
    }

    /// The devices of the set that the driver's INF is for.
    pub fn ours(&self) -> impl Iterator<Item = SP_DEVINFO_DATA> {
        (0..)
            .map_while(|index| {
                let mut device = empty_device();
                // SAFETY: The set is valid, and the device there to be written, its size given.
                let found = unsafe { SetupDiEnumDeviceInfo(self.0, index, &mut device) };
                (found != 0).then_some(device)
            })
            .filter(|device| {
                self.first_hardware_id(device)
                    .eq_ignore_ascii_case(HARDWARE_ID)
            })
    }

    /// Removes a device of the set from the machine.
    pub fn remove(&self, device: &SP_DEVINFO_DATA) -> Result<(), Failure> {
        // SAFETY: The set is valid and the device one of its.
        if unsafe { SetupDiCallClassInstaller(DIF_REMOVE, self.0, device) } == 0 {
            return Err(refused("SetupDiCallClassInstaller(DIF_REMOVE)"));
        }
        Ok(())
    }

    fn first_hardware_id(&self, device: &SP_DEVINFO_DATA) -> String {
        let mut bytes = [0_u8; 512];
        // SAFETY: The set is valid and the device one of its; the length is that of the bytes.
        let read = unsafe {
            SetupDiGetDeviceRegistryPropertyW(
                self.0,
                device,
                SPDRP_HARDWAREID,
                null_mut(),
                bytes.as_mut_ptr(),
                bytes.len() as u32,
                null_mut(),
            )
        };
        if read == 0 {
            return String::new();
        }
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .take_while(|unit| *unit != 0)
            .collect();
        String::from_utf16_lossy(&units)
    }
}

impl Drop for DeviceSet {
    fn drop(&mut self) {
        // SAFETY: By the invariant, the set is open and this is its end.
        unsafe { SetupDiDestroyDeviceInfoList(self.0) };
    }
}

/// The path of the first present interface of the driver, ending in a zero.
pub fn interface_path() -> Result<Option<Vec<u16>>, Failure> {
    /// Bytes for a path and what stands before it; Windows's paths are shorter.
    const DETAIL_SIZE: usize = 2048;
    let class = GUID::from_u128(wdfmem_ioctl::INTERFACE_GUID);
    let set = DeviceSet::with_interface(&class)?;
    let mut interface = SP_DEVICE_INTERFACE_DATA {
        cbSize: size_of::<SP_DEVICE_INTERFACE_DATA>() as u32,
        ..Default::default()
    };
    // SAFETY: The set is valid, and the interface there to be written, its size given.
    let found = unsafe { SetupDiEnumDeviceInterfaces(set.0, null(), &class, 0, &mut interface) };
    if found == 0 {
        return Ok(None);
    }
    let mut detail = [0_u32; DETAIL_SIZE / 4];
    detail[0] = size_of::<SP_DEVICE_INTERFACE_DETAIL_DATA_W>() as u32;
    // SAFETY: The set is valid, the interface one of its; the buffer is aligned for its first
    // field and as long as is said.
    let read = unsafe {
        SetupDiGetDeviceInterfaceDetailW(
            set.0,
            &interface,
            detail.as_mut_ptr().cast(),
            DETAIL_SIZE as u32,
            null_mut(),
            null_mut(),
        )
    };
    if read == 0 {
        return Err(refused("SetupDiGetDeviceInterfaceDetailW"));
    }
    let units = detail[1..]
        .iter()
        .flat_map(|pair| [*pair as u16, (*pair >> 16) as u16]);
    Ok(Some(
        units.take_while(|unit| *unit != 0).chain([0]).collect(),
    ))
}

/// A device to be written by SetupAPI.
pub fn empty_device() -> SP_DEVINFO_DATA {
    SP_DEVINFO_DATA {
        cbSize: size_of::<SP_DEVINFO_DATA>() as u32,
        ..Default::default()
    }
}

/// A string for Windows, with a zero at its end.
pub fn wide(text: impl Into<PathBuf>) -> Vec<u16> {
    text.into().as_os_str().encode_wide().chain([0]).collect()
}

/// A call of SetupAPI that did not do what it was asked; the last error is Windows's reason.
pub fn refused(function: &str) -> Failure {
    let error = io::Error::last_os_error();
    Failure::device(
        format!("{function} failed: {error}"),
        "run this from an elevated command prompt, on a Windows that accepts the driver's signature",
    )
}
