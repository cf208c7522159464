//! The problem codes of Plug and Play (`CM_PROB_*` in cfg.h, "Code 52" in Device Manager), explained.

/// A problem code, explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The code, as Device Manager shows it.
    pub code: u32,
    /// Its name in cfg.h, without `CM_PROB_`.
    pub name: &'static str,
    /// What the code means for this driver.
    pub meaning: &'static str,
    /// What to do about it.
    pub next: &'static str,
}

/// The code of a device whose driver's signature Windows does not accept.
pub const UNSIGNED_DRIVER: u32 = 52;

const LOGS: &str = "`wdfmem logs` shows what Windows wrote about it";
const AGAIN: &str = "run `wdfmem remove`, then `wdfmem install` again";
const RESTART: &str = "restart Windows";

/// Every problem code that a root-enumerated device can have.
const PROBLEMS: &[Problem] = &[
    problem(
        1,
        "NOT_CONFIGURED",
        "no driver is installed for the device",
        AGAIN,
    ),
    problem(
        3,
        "OUT_OF_MEMORY",
        "the driver may be damaged, or memory has run out",
        "give the machine more memory, then install again",
    ),
    problem(
        9,
        "INVALID_DATA",
        "the device's identifiers are malformed",
        AGAIN,
    ),
    problem(
        10,
        "FAILED_START",
        "the device did not start: DriverEntry, EvtDriverDeviceAdd or the start failed",
        LOGS,
    ),
    problem(
        14,
        "NEED_RESTART",
        "the device works after a restart",
        RESTART,
    ),
    problem(18, "REINSTALL", "the driver must be installed again", AGAIN),
    problem(
        19,
        "REGISTRY",
        "the device's settings in the registry are damaged",
        AGAIN,
    ),
    problem(
        21,
        "WILL_BE_REMOVED",
        "Windows is removing the device",
        "wait a few seconds; if it stays, restart Windows",
    ),
    problem(
        22,
        "DISABLED",
        "the device is disabled",
        "enable it: pnputil /enable-device \"<instance>\"",
    ),
    problem(
        24,
        "DEVICE_NOT_THERE",
        "the device is not present, or its driver is not installed fully",
        AGAIN,
    ),
    problem(
        28,
        "FAILED_INSTALL",
        "no driver is installed for the device",
        AGAIN,
    ),
    problem(
        31,
        "FAILED_ADD",
        "Windows could not load the driver, or EvtDriverDeviceAdd failed",
        LOGS,
    ),
    problem(
        32,
        "DISABLED_SERVICE",
        "the driver's service is disabled",
        "run `sc.exe config wdfmem start= demand`, then restart the device",
    ),
    problem(
        34,
        "NO_SOFTCONFIG",
        "the device needs settings that it does not have",
        AGAIN,
    ),
    problem(
        37,
        "FAILED_DRIVER_ENTRY",
        "the driver's DriverEntry returned an error",
        LOGS,
    ),
    problem(
        38,
        "DRIVER_FAILED_PRIOR_UNLOAD",
        "an older copy of the driver is still loaded",
        RESTART,
    ),
    problem(
        39,
        "DRIVER_FAILED_LOAD",
        "Windows could not load the driver: the file is missing or damaged, or imports what this Windows does not have",
        LOGS,
    ),
    problem(
        40,
        "DRIVER_SERVICE_KEY_INVALID",
        "the driver's service key in the registry is damaged",
        AGAIN,
    ),
    problem(
        41,
        "LEGACY_SERVICE_NO_DEVICES",
        "the driver was loaded but created no device",
        LOGS,
    ),
    problem(42, "DUPLICATE_DEVICE", "the device is there twice", RESTART),
    problem(
        43,
        "FAILED_POST_START",
        "the driver reported a failure of the device",
        LOGS,
    ),
    problem(
        44,
        "HALTED",
        "a program or service stopped the device",
        RESTART,
    ),
    problem(45, "PHANTOM", "the device is not present", AGAIN),
    problem(
        46,
        "SYSTEM_SHUTDOWN",
        "Windows is shutting down",
        "wait until it has shut down",
    ),
    problem(
        47,
        "HELD_FOR_EJECT",
        "the device waits for its removal",
        RESTART,
    ),
    problem(
        48,
        "DRIVER_BLOCKED",
        "Windows' driver block list names the driver",
        "change the file's name and version, and sign the package again",
    ),
    problem(
        49,
        "REGISTRY_TOO_LARGE",
        "the system's registry is too large",
        "remove devices that are not present",
    ),
    problem(
        50,
        "SETPROPERTIES_FAILED",
        "Windows could not set the device's properties",
        RESTART,
    ),
    problem(
        51,
        "WAITING_ON_DEPENDENCY",
        "the device waits for another device",
        "wait; `wdfmem status` shows whether it started",
    ),
    problem(
        UNSIGNED_DRIVER,
        "UNSIGNED_DRIVER",
        "Windows does not accept the driver file's signature",
        LOGS,
    ),
    problem(
        53,
        "USED_BY_DEBUGGER",
        "the kernel debugger uses the device",
        "choose another transport for the debugger",
    ),
    problem(
        54,
        "DEVICE_RESET",
        "the device is being reset",
        "wait a few seconds",
    ),
    problem(
        56,
        "NEED_CLASS_CONFIG",
        "the device's class is still being set up",
        "wait a few seconds",
    ),
];

const fn problem(
    code: u32,
    name: &'static str,
    meaning: &'static str,
    next: &'static str,
) -> Problem {
    Problem {
        code,
        name,
        meaning,
        next,
    }
}

/// The explanation of a problem code.
pub fn explain(code: u32) -> Option<&'static Problem> {
    PROBLEMS.iter().find(|problem| problem.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the numbers with Microsoft's metadata, from which `windows-sys` is generated.
    #[test]
    fn the_problem_codes_are_those_of_cfg_h() {
        use windows_sys::Win32::Devices::DeviceAndDriverInstallation::*;
        macro_rules! same {
            ($($long:ident $short:literal)*) => { $(
                let known = PROBLEMS.iter().find(|problem| problem.name == $short);
                assert_eq!(known.map(|known| known.code), Some($long), $short);
            )* };
        }
        same! {
            CM_PROB_NOT_CONFIGURED "NOT_CONFIGURED" CM_PROB_OUT_OF_MEMORY "OUT_OF_MEMORY"
            CM_PROB_INVALID_DATA "INVALID_DATA" CM_PROB_FAILED_START "FAILED_START"
            CM_PROB_NEED_RESTART "NEED_RESTART" CM_PROB_REINSTALL "REINSTALL" CM_PROB_REGISTRY "REGISTRY"
            CM_PROB_WILL_BE_REMOVED "WILL_BE_REMOVED" CM_PROB_DISABLED "DISABLED"
            CM_PROB_DEVICE_NOT_THERE "DEVICE_NOT_THERE" CM_PROB_FAILED_INSTALL "FAILED_INSTALL"
            CM_PROB_FAILED_ADD "FAILED_ADD" CM_PROB_DISABLED_SERVICE "DISABLED_SERVICE"
            CM_PROB_NO_SOFTCONFIG "NO_SOFTCONFIG" CM_PROB_FAILED_DRIVER_ENTRY "FAILED_DRIVER_ENTRY"
            CM_PROB_DRIVER_FAILED_PRIOR_UNLOAD "DRIVER_FAILED_PRIOR_UNLOAD"
            CM_PROB_DRIVER_FAILED_LOAD "DRIVER_FAILED_LOAD"
            CM_PROB_DRIVER_SERVICE_KEY_INVALID "DRIVER_SERVICE_KEY_INVALID"
            CM_PROB_LEGACY_SERVICE_NO_DEVICES "LEGACY_SERVICE_NO_DEVICES"
            CM_PROB_DUPLICATE_DEVICE "DUPLICATE_DEVICE" CM_PROB_FAILED_POST_START "FAILED_POST_START"
            CM_PROB_HALTED "HALTED" CM_PROB_PHANTOM "PHANTOM" CM_PROB_SYSTEM_SHUTDOWN "SYSTEM_SHUTDOWN"
            CM_PROB_HELD_FOR_EJECT "HELD_FOR_EJECT" CM_PROB_DRIVER_BLOCKED "DRIVER_BLOCKED"
            CM_PROB_REGISTRY_TOO_LARGE "REGISTRY_TOO_LARGE"
            CM_PROB_SETPROPERTIES_FAILED "SETPROPERTIES_FAILED"
            CM_PROB_WAITING_ON_DEPENDENCY "WAITING_ON_DEPENDENCY" CM_PROB_UNSIGNED_DRIVER "UNSIGNED_DRIVER"
            CM_PROB_USED_BY_DEBUGGER "USED_BY_DEBUGGER" CM_PROB_DEVICE_RESET "DEVICE_RESET"
            CM_PROB_NEED_CLASS_CONFIG "NEED_CLASS_CONFIG"
        }
        assert_eq!(PROBLEMS.len(), 33);
    }
}
