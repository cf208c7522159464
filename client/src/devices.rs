//! The driver's devices, by SetupAPI.

use std::{
    io,
    os::windows::ffi::OsStrExt,
    path::PathBuf,
    ptr::{null, null_mut},
};

use windows_sys::{
    Win32::{
        Devices::DeviceAndDriverInstallation::{
            CM_Get_DevNode_Status, CR_SUCCESS, DI_FUNCTION, DI_NEEDREBOOT, DI_NEEDRESTART,
            DICS_FLAG_GLOBAL, DICS_PROPCHANGE, DIF_PROPERTYCHANGE, DIF_REMOVE, DIGCF_ALLCLASSES,
            DIGCF_DEVICEINTERFACE, DIGCF_PRESENT, DN_HAS_PROBLEM, DN_STARTED, HDEVINFO,
            SP_CLASSINSTALL_HEADER, SP_DEVICE_INTERFACE_DATA, SP_DEVICE_INTERFACE_DETAIL_DATA_W,
            SP_DEVINFO_DATA, SP_DEVINSTALL_PARAMS_W, SP_PROPCHANGE_PARAMS, SPDRP_HARDWAREID,
            SetupDiCallClassInstaller, SetupDiDestroyDeviceInfoList, SetupDiEnumDeviceInfo,
            SetupDiEnumDeviceInterfaces, SetupDiGetClassDevsW, SetupDiGetDeviceInstallParamsW,
            SetupDiGetDeviceInstanceIdW, SetupDiGetDeviceInterfaceDetailW,
            SetupDiGetDevicePropertyW, SetupDiGetDeviceRegistryPropertyW,
            SetupDiSetClassInstallParamsW,
        },
        Devices::Properties::{DEVPKEY_Device_DriverInfPath, DEVPKEY_Device_ProblemStatus},
        Foundation::{DEVPROPKEY, INVALID_HANDLE_VALUE},
    },
    core::GUID,
};

use crate::{
    failure::Failure,
    vm::{
        machine,
        rejection::{self, Trust},
        status::Device,
    },
};

/// The hardware identifier in the INF.
pub const HARDWARE_ID: &str = r"root\wdfmem";

/// # Invariants
///
/// Holds a device information set that SetupAPI opened and nobody else closes.
pub struct DeviceSet(HDEVINFO);

impl DeviceSet {
    /// Takes ownership of the set that the named function of SetupAPI returned.
    ///
    /// # Safety
    ///
    /// `set` must be the result of a SetupAPI function that opens a device information set, and nothing else may use
    /// or close it.
    pub unsafe fn new(set: HDEVINFO, function: &str) -> Result<Self, Failure> {
        if set == INVALID_HANDLE_VALUE as HDEVINFO {
            return Err(rejected(function));
        }
        // INVARIANT: the set is not the error value, and the caller passes an open set that nothing else closes.
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

    /// The handle of the set.
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

    /// Removes a device of the set from the machine. Returns whether a restart of Windows is needed to complete it.
    pub fn remove(&self, device: &SP_DEVINFO_DATA) -> Result<bool, Failure> {
        self.class_installer(DIF_REMOVE, "SetupDiCallClassInstaller(DIF_REMOVE)", device)
    }

    /// Stops a device of the set and starts it again. Returns whether that needs a restart of Windows.
    pub fn restart(&self, device: &SP_DEVINFO_DATA) -> Result<bool, Failure> {
        let change = SP_PROPCHANGE_PARAMS {
            ClassInstallHeader: SP_CLASSINSTALL_HEADER {
                cbSize: size_of::<SP_CLASSINSTALL_HEADER>() as u32,
                InstallFunction: DIF_PROPERTYCHANGE,
            },
            StateChange: DICS_PROPCHANGE,
            Scope: DICS_FLAG_GLOBAL,
            HwProfile: 0,
        };
        // SAFETY: the set is open and the device is one of its; the header begins a structure of the size that is
        // given, and is copied during the call.
        let set = unsafe {
            SetupDiSetClassInstallParamsW(
                self.0,
                device,
                &raw const change.ClassInstallHeader,
                size_of::<SP_PROPCHANGE_PARAMS>() as u32,
            )
        };
        if set == 0 {
            return Err(rejected("SetupDiSetClassInstallParamsW"));
        }
        self.class_installer(
            DIF_PROPERTYCHANGE,
            "SetupDiCallClassInstaller(DIF_PROPERTYCHANGE)",
            device,
        )
    }

    /// Calls a device's class installer. Returns whether that needs a restart of Windows.
    fn class_installer(
        &self,
        what: DI_FUNCTION,
        call: &str,
        device: &SP_DEVINFO_DATA,
    ) -> Result<bool, Failure> {
        // SAFETY: the set is open and the device is one of its.
        if unsafe { SetupDiCallClassInstaller(what, self.0, device) } == 0 {
            return Err(rejected(call));
        }
        let mut parameters = SP_DEVINSTALL_PARAMS_W {
            cbSize: size_of::<SP_DEVINSTALL_PARAMS_W>() as u32,
            ..Default::default()
        };
        // SAFETY: the set is open and the device is one of its; the parameters may be written, and give their size.
        let read = unsafe { SetupDiGetDeviceInstallParamsW(self.0, device, &mut parameters) };
        Ok(read != 0 && parameters.Flags & (DI_NEEDREBOOT | DI_NEEDRESTART) != 0)
    }

    /// The state of a device of the set.
    pub fn state(&self, device: &SP_DEVINFO_DATA) -> Device {
        let (mut status, mut problem) = (0, 0);
        // SAFETY: both numbers may be written; any number may be given for the device, and is checked.
        let result = unsafe { CM_Get_DevNode_Status(&mut status, &mut problem, device.DevInst, 0) };
        let known = result == CR_SUCCESS;
        // A device that is not present has no node. Its interface says it, too, where nodes have no status.
        let started = known && status & DN_STARTED != 0
            || (known && status == 0 && matches!(interface_path(), Ok(Some(_))));
        let problem = match known {
            true => (status & DN_HAS_PROBLEM != 0).then_some(problem),
            false => Some(NOT_PRESENT),
        };
        Device {
            instance: self.instance(device),
            started,
            problem,
            problem_status: self
                .property::<4>(device, &DEVPKEY_Device_ProblemStatus)
                .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
            inf: self
                .property::<512>(device, &DEVPKEY_Device_DriverInfPath)
                .map(|bytes| text(&bytes))
                .filter(|name| !name.is_empty()),
        }
    }

    fn instance(&self, device: &SP_DEVINFO_DATA) -> String {
        let mut units = [0_u16; 256];
        // SAFETY: the set is open and the device is one of its; the length is the buffer's.
        let read = unsafe {
            SetupDiGetDeviceInstanceIdW(
                self.0,
                device,
                units.as_mut_ptr(),
                units.len() as u32,
                null_mut(),
            )
        };
        if read == 0 {
            return "an instance without a name".to_owned();
        }
        let end = units.iter().position(|unit| *unit == 0);
        String::from_utf16_lossy(&units[..end.unwrap_or(units.len())])
    }

    /// A property of a device, of at most `LENGTH` bytes.
    fn property<const LENGTH: usize>(
        &self,
        device: &SP_DEVINFO_DATA,
        key: &DEVPROPKEY,
    ) -> Option<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        let mut kind = 0;
        // SAFETY: the set is open and the device is one of its; the key lives during the call, the kind may be
        // written, and the length is the buffer's.
        let read = unsafe {
            SetupDiGetDevicePropertyW(
                self.0,
                device,
                key,
                &mut kind,
                bytes.as_mut_ptr(),
                LENGTH as u32,
                null_mut(),
                0,
            )
        };
        (read != 0).then_some(bytes)
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
        text(&bytes)
    }
}

/// The problem code of a device that is not present, `CM_PROB_PHANTOM`.
const NOT_PRESENT: u32 = 45;

/// The string at the start of a buffer, up to the terminating zero.
fn text(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|unit| *unit != 0)
        .collect();
    String::from_utf16_lossy(&units)
}

impl Drop for DeviceSet {
    fn drop(&mut self) {
        // SAFETY: By the invariant, the set is open and this is its end.
        unsafe { SetupDiDestroyDeviceInfoList(self.0) };
    }
}

/// The path of the first present interface of the driver, ending in a zero.
pub fn interface_path() -> Result<Option<Vec<u16>>, Failure> {
    /// Bytes for the structure with the path; paths of Windows are shorter.
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
        return Err(rejected("SetupDiGetDeviceInterfaceDetailW"));
    }
    let units = detail[1..]
        .iter()
        .flat_map(|pair| [*pair as u16, (*pair >> 16) as u16]);
    Ok(Some(
        units.take_while(|unit| *unit != 0).chain([0]).collect(),
    ))
}

/// An empty structure for SetupAPI to fill in.
pub fn empty_device() -> SP_DEVINFO_DATA {
    SP_DEVINFO_DATA {
        cbSize: size_of::<SP_DEVINFO_DATA>() as u32,
        ..Default::default()
    }
}

/// A string as UTF-16 with a terminating zero.
pub fn wide(text: impl Into<PathBuf>) -> Vec<u16> {
    text.into().as_os_str().encode_wide().chain([0]).collect()
}

/// The failure of a call of SetupAPI, by the thread's last error.
pub fn rejected(call: &str) -> Failure {
    rejected_with(call, &machine::trust(None))
}

/// The same, where the settings that decide about signatures are known.
pub fn rejected_with(call: &str, trust: &Trust) -> Failure {
    let error = io::Error::last_os_error();
    let code = error.raw_os_error().unwrap_or(0).cast_unsigned();
    let text = reason(&error);
    let rejection = rejection::of_call(call, code, &text, trust);
    Failure::device(rejection.what, rejection.next)
}

/// Windows' text for an error, without the code that the standard library appends. Empty where Windows has none.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    if text.contains("FormatMessageW") {
        return String::new();
    }
    text.trim_end().trim_end_matches('.').to_owned()
}
