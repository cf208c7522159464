//! `wdfmem install` and `wdfmem remove`: the driver's device, made and removed through SetupAPI.

use std::{
    path::Path,
    ptr::{null, null_mut},
    thread::sleep,
    time::{Duration, Instant},
};

use windows_sys::Win32::Devices::DeviceAndDriverInstallation::{
    DICD_GENERATE_ID, DIF_REGISTERDEVICE, GUID_DEVCLASS_SYSTEM, INSTALLFLAG_FORCE,
    SPDRP_HARDWAREID, SetupDiCallClassInstaller, SetupDiCreateDeviceInfoList,
    SetupDiCreateDeviceInfoW, SetupDiSetDeviceRegistryPropertyW,
    UpdateDriverForPlugAndPlayDevicesW,
};

use crate::{
    devices::{self, DeviceSet, HARDWARE_ID, empty_device, refused, wide},
    failure::Failure,
};

/// The INF in a driver package.
const INF: &str = "wdfmem.inf";
/// How long the device may take to start or to go.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a root-enumerated device, and has Windows install the package's driver for it.
///
/// `package` is the folder of the driver package, or its INF. If the device does not start, it is
/// removed again.
pub fn install(package: &Path) -> Result<(), Failure> {
    let inf = if package.is_dir() {
        package.join(INF)
    } else {
        package.to_owned()
    };
    let inf = std::path::absolute(&inf).unwrap_or(inf);
    if !inf.is_file() {
        return Err(Failure::usage(
            format!("there is no {}", inf.display()),
            format!("give the folder of the driver package, in which {INF} lies"),
        ));
    }
    if DeviceSet::all()?.ours().next().is_some() {
        return Err(Failure::device(
            "the device is there already",
            "`wdfmem remove` removes it",
        ));
    }
    make_device()?;
    start(&inf).inspect_err(|_| {
        // The reason for the failure is worth more than the one for not cleaning up after it.
        let _ = remove();
    })
}

/// Removes every device of the driver. How many there were.
pub fn remove() -> Result<usize, Failure> {
    let set = DeviceSet::all()?;
    let mut removed = 0;
    for device in set.ours() {
        set.remove(&device)?;
        removed += 1;
    }
    wait("the device is still there", || !is_running())?;
    Ok(removed)
}

/// A device node that Windows knows as `root\wdfmem`, without a driver yet.
fn make_device() -> Result<(), Failure> {
    // SAFETY: The class is a constant; no window is given.
    let set = unsafe { SetupDiCreateDeviceInfoList(&GUID_DEVCLASS_SYSTEM, null_mut()) };
    // SAFETY: Just opened.
    let set = unsafe { DeviceSet::new(set, "SetupDiCreateDeviceInfoList") }?;
    let mut device = empty_device();
    let name = wide("wdfmem");
    // SAFETY: The set is valid, the string ends with a zero, the device is there to be written.
    let created = unsafe {
        SetupDiCreateDeviceInfoW(
            set.handle(),
            name.as_ptr(),
            &GUID_DEVCLASS_SYSTEM,
            null(),
            null_mut(),
            DICD_GENERATE_ID,
            &mut device,
        )
    };
    if created == 0 {
        return Err(refused("SetupDiCreateDeviceInfoW"));
    }
    // A list of one: a second zero ends it.
    let identifiers = wide(HARDWARE_ID).into_iter().chain([0]);
    let identifiers: Vec<u8> = identifiers.flat_map(u16::to_le_bytes).collect();
    // SAFETY: The set is valid and the device one of its; the length is that of the bytes.
    let named = unsafe {
        SetupDiSetDeviceRegistryPropertyW(
            set.handle(),
            &mut device,
            SPDRP_HARDWAREID,
            identifiers.as_ptr(),
            identifiers.len() as u32,
        )
    };
    if named == 0 {
        return Err(refused("SetupDiSetDeviceRegistryPropertyW"));
    }
    // SAFETY: As above.
    let registered =
        unsafe { SetupDiCallClassInstaller(DIF_REGISTERDEVICE, set.handle(), &device) };
    if registered == 0 {
        return Err(refused("SetupDiCallClassInstaller(DIF_REGISTERDEVICE)"));
    }
    Ok(())
}

/// Has the driver installed for the device, and waits until it takes requests.
fn start(inf: &Path) -> Result<(), Failure> {
    let inf = wide(inf);
    let identifier = wide(HARDWARE_ID);
    let mut restart = 0;
    // SAFETY: Both strings end with a zero; no window is given.
    let updated = unsafe {
        UpdateDriverForPlugAndPlayDevicesW(
            null_mut(),
            identifier.as_ptr(),
            inf.as_ptr(),
            INSTALLFLAG_FORCE,
            &mut restart,
        )
    };
    if updated == 0 {
        return Err(refused("UpdateDriverForPlugAndPlayDevicesW"));
    }
    if restart != 0 {
        return Err(Failure::device(
            "Windows wants to be restarted first",
            "restart it and install again",
        ));
    }
    wait(
        "the driver was installed, but its device did not start",
        is_running,
    )
}

/// Whether a device of the driver takes requests.
fn is_running() -> bool {
    matches!(devices::interface_path(), Ok(Some(_)))
}

/// Waits until `done`, or fails with what was not.
fn wait(not_done: &str, done: impl Fn() -> bool) -> Result<(), Failure> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > PATIENCE {
            return Err(Failure::device(
                format!("{not_done} within {} s", PATIENCE.as_secs()),
                "look at the device in Device Manager, under System devices: its status says why",
            ));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}
