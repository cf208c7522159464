//! `wdfmem install` and `wdfmem remove`: the driver's device and its package, by SetupAPI.

use std::{
    fs,
    path::Path,
    ptr::{null, null_mut},
    thread::sleep,
    time::{Duration, Instant},
};

use windows_sys::Win32::Devices::DeviceAndDriverInstallation::{
    DICD_GENERATE_ID, DIF_REGISTERDEVICE, GUID_DEVCLASS_SYSTEM, INSTALLFLAG_FORCE,
    SPDRP_HARDWAREID, SetupDiCallClassInstaller, SetupDiCreateDeviceInfoList,
    SetupDiCreateDeviceInfoW, SetupDiSetDeviceRegistryPropertyW, SetupUninstallOEMInfW,
    UpdateDriverForPlugAndPlayDevicesW,
};

use super::{
    logs, machine, package,
    rejection::{NOT_ELEVATED, Trust},
    status,
};
use crate::{
    devices::{self, DeviceSet, HARDWARE_ID, empty_device, rejected, rejected_with, wide},
    failure::{EXIT_FAILED, EXIT_OK, EXIT_RESTART, Failure},
    report,
};

/// The INF in a driver package.
const INF: &str = "wdfmem.inf";
/// How long the device may take to start or to be removed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Creates a root-enumerated device and installs the package's driver for it.
///
/// `package` is the folder of the driver package, or its INF. If the device does not start, it is
/// removed again. The exit code.
pub fn install(package: &Path) -> Result<u8, Failure> {
    let inf = if package.is_dir() {
        package.join(INF)
    } else {
        package.to_owned()
    };
    let inf = std::path::absolute(&inf).unwrap_or(inf);
    if !inf.is_file() {
        return Err(Failure::usage(
            format!("there is no {}", inf.display()),
            format!("give the folder of the driver package, which contains {INF}"),
        ));
    }
    let trust = machine::trust(inf.parent());
    needs_rights(&trust, "installing a driver")?;
    let set = DeviceSet::all()?;
    if let Some(device) = set.ours().next() {
        let row = status::device(&set.state(&device), &trust);
        return Err(Failure::device(
            format!("the device exists already: {}", row.found),
            "run `wdfmem remove`, then install again; or keep it: `wdfmem status` shows its state",
        ));
    }
    make_device()?;
    match start(&inf, &trust) {
        Ok(true) => {
            report::say(
                "the driver is installed; Windows must be restarted before its device works\n  \
                 what to do: restart Windows, then run `wdfmem status`",
            )?;
            Ok(EXIT_RESTART)
        }
        Ok(false) => {
            report::say("the driver is installed and its device works")?;
            Ok(EXIT_OK)
        }
        Err(failure) => {
            // The reason for the failure is worth more than the one for not cleaning up after it.
            let _ = take_out();
            Err(failure)
        }
    }
}

/// Fails without administrator rights.
pub fn needs_rights(trust: &Trust, what: &str) -> Result<(), Failure> {
    if trust.elevated == Some(false) {
        return Err(Failure::device(
            format!("{what} needs administrator rights"),
            NOT_ELEVATED,
        ));
    }
    Ok(())
}

/// Removes every device of the driver and its packages in the driver store. The exit code.
pub fn remove() -> Result<u8, Failure> {
    needs_rights(&machine::trust(None), "removing a driver")?;
    let removed = take_out()?;
    report::say(&format!("{} device(s) removed", removed.devices))?;
    for name in &removed.packages {
        report::say(&format!(
            "the driver package {name} is deleted from the driver store"
        ))?;
    }
    for name in &removed.left {
        report::say(&format!(
            "the driver package {name} could not be deleted\n  what to do: pnputil /delete-driver {name} /uninstall /force"
        ))?;
    }
    if machine::verifier_is_set() {
        report::say(
            "Driver Verifier is still set to verify the driver if it is installed again\n  what to do: `wdfmem verify off`",
        )?;
    }
    if removed.restart {
        report::say(
            "Windows must be restarted to complete the removal\n  what to do: restart Windows",
        )?;
        return Ok(EXIT_RESTART);
    }
    let nothing = removed.devices == 0 && removed.packages.is_empty();
    Ok(if nothing { EXIT_FAILED } else { EXIT_OK })
}

/// The result of removing the driver.
struct Removed {
    devices: usize,
    /// Packages, by the names of their INFs in `C:\Windows\INF`.
    packages: Vec<String>,
    /// Packages that Windows reported as deleted but that still exist.
    left: Vec<String>,
    /// Whether a restart is needed to complete it.
    restart: bool,
}

fn take_out() -> Result<Removed, Failure> {
    let mut removed = Removed {
        devices: 0,
        packages: Vec::new(),
        left: Vec::new(),
        restart: false,
    };
    let set = DeviceSet::all()?;
    for device in set.ours() {
        removed.restart |= set.remove(&device)?;
        removed.devices += 1;
    }
    if removed.restart {
        // Its package is in use until then.
        return Ok(removed);
    }
    wait(
        || !is_running(),
        || {
            Failure::device(
                format!("the device still exists after {} s", PATIENCE.as_secs()),
                "close every program that uses the driver, then run `wdfmem remove` again; if that does not help, restart \
             Windows",
            )
        },
    )?;
    for name in installed_packages() {
        let wide_name = wide(&name);
        // SAFETY: the name ends with a zero, and the reserved pointer must be null.
        if unsafe { SetupUninstallOEMInfW(wide_name.as_ptr(), 0, null()) } == 0 {
            return Err(rejected(&format!("SetupUninstallOEMInfW({name})")));
        }
        removed.packages.push(name);
    }
    let still = installed_packages();
    removed.packages.retain(|name| !still.contains(name));
    removed.left = still;
    Ok(removed)
}

/// The driver's INFs under the names that Windows gave them, `oem3.inf`.
fn installed_packages() -> Vec<String> {
    let Ok(entries) = fs::read_dir(machine::windows_folder().join("INF")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let given_by_windows = package::is_published_name(&name);
            (given_by_windows && package::is_ours(&logs::text(&fs::read(entry.path()).ok()?)))
                .then_some(name)
        })
        .collect()
}

/// A device node with the hardware ID `root\wdfmem`, without a driver yet.
fn make_device() -> Result<(), Failure> {
    // SAFETY: the class is a constant, and no window is given.
    let set = unsafe { SetupDiCreateDeviceInfoList(&GUID_DEVCLASS_SYSTEM, null_mut()) };
    // SAFETY: the set was opened by the call above, and nobody else uses it.
    let set = unsafe { DeviceSet::new(set, "SetupDiCreateDeviceInfoList") }?;
    let mut device = empty_device();
    let name = wide("wdfmem");
    // SAFETY: the set is open, the string ends with a zero, the device may be written.
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
        return Err(rejected("SetupDiCreateDeviceInfoW"));
    }
    // A list of one: a second zero ends it.
    let identifiers = wide(HARDWARE_ID).into_iter().chain([0]);
    let identifiers: Vec<u8> = identifiers.flat_map(u16::to_le_bytes).collect();
    // SAFETY: the set is open and the device is one of its; the length is that of the bytes.
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
        return Err(rejected("SetupDiSetDeviceRegistryPropertyW"));
    }
    // SAFETY: the set is open and the device is one of its.
    let registered =
        unsafe { SetupDiCallClassInstaller(DIF_REGISTERDEVICE, set.handle(), &device) };
    if registered == 0 {
        return Err(rejected("SetupDiCallClassInstaller(DIF_REGISTERDEVICE)"));
    }
    Ok(())
}

/// Installs the driver for the device and waits until its interface is enabled. Returns whether Windows must be
/// restarted first.
fn start(inf: &Path, trust: &Trust) -> Result<bool, Failure> {
    let inf = wide(inf);
    let identifier = wide(HARDWARE_ID);
    let mut restart = 0;
    // SAFETY: both strings end with a zero, and no window is given.
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
        return Err(rejected_with("UpdateDriverForPlugAndPlayDevicesW", trust));
    }
    if restart != 0 {
        return Ok(true);
    }
    wait(is_running, || did_not_start(trust))?;
    Ok(false)
}

/// Why the device of an installed driver did not start.
fn did_not_start(trust: &Trust) -> Failure {
    let state = DeviceSet::all().ok().and_then(|set| {
        let device = set.ours().next()?;
        Some(set.state(&device))
    });
    let row = state.map(|state| status::device(&state, trust));
    let found = row
        .as_ref()
        .map_or("it does not exist any more", |row| &row.found);
    let next = row.as_ref().and_then(|row| row.next.as_deref());
    Failure::device(
        format!("the driver was installed, but its device did not start: {found}"),
        next.unwrap_or("`wdfmem logs` shows what Windows wrote about it"),
    )
}

/// Whether a device of the driver is started.
fn is_running() -> bool {
    matches!(devices::interface_path(), Ok(Some(_)))
}

/// Waits until `done`, or fails.
fn wait(done: impl Fn() -> bool, failure: impl FnOnce() -> Failure) -> Result<(), Failure> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > PATIENCE {
            return Err(failure());
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}
