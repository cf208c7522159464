//! The settings of Driver Verifier and of the framework's verifier, and how to change them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The drivers to verify: ours, and the framework, which allocates on its behalf.
pub const DRIVERS: [&str; 2] = ["wdfmem.sys", "wdf01000.sys"];

/// The value of `VerifyDrivers` when every driver is verified.
const ALL: &str = "*";

/// Checks that Driver Verifier can run, by their flag: "Driver Verifier command syntax".
const CHECKS: &[(u32, &str)] = &[
    (0x1, "special pool"),
    (0x2, "force IRQL checking"),
    (0x4, "randomized low resources simulation"),
    (0x8, "pool tracking"),
    (0x10, "I/O verification"),
    (0x20, "deadlock detection"),
    (0x80, "DMA checking"),
    (0x100, "security checks"),
    (0x200, "force pending I/O requests"),
    (0x400, "IRP logging"),
    (0x800, "miscellaneous checks"),
    (0x2000, "invariant MDL checking for stack"),
    (0x4000, "invariant MDL checking for driver"),
    (0x8000, "power framework delay fuzzing"),
    (0x1_0000, "port/miniport interface checking"),
    (0x2_0000, "DDI compliance checking"),
    (0x4_0000, "systematic low resources simulation"),
    (0x8_0000, "additional DDI compliance checking"),
    (0x10_0000, "WDF verification"),
    (0x20_0000, "NDIS/WIFI verification"),
    (0x80_0000, "kernel synchronization delay fuzzing"),
    (0x100_0000, "VM switch verification"),
    (0x200_0000, "code integrity checks"),
];

/// The checks of `/standard`, and the WDF verification that it includes since Windows 10 1803.
pub const STANDARD: u32 = 0x12_09BB;
/// The part of it that `/volatile` can switch on before Windows 11: "Using volatile settings".
const VOLATILE: u32 = 0x9BB;
/// The part of it that `/dif … /now` can switch on since Windows 11.
const NOW: u32 = 0x2_0919;
/// The rule classes of `NOW`, which are numbered from 1.
const NOW_CLASSES: [&str; 6] = ["1", "4", "5", "9", "12", "18"];
/// The first build of Windows 11.
const WINDOWS_11: u32 = 22_000;

/// The names of the checks in a set of flags.
pub fn names(flags: u32) -> Vec<&'static str> {
    let named = CHECKS.iter().filter(|(flag, _)| flags & flag != 0);
    named.map(|(_, name)| *name).collect()
}

/// The settings from which Driver Verifier starts with Windows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The flags of the checks that are on.
    pub flags: u32,
    /// The drivers, by file name; `*` stands for all.
    pub drivers: Vec<String>,
}

impl Settings {
    /// Reads `VerifyDriverLevel` and `VerifyDrivers` of
    /// `HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management`.
    pub fn from_registry(level: Option<u32>, drivers: Option<&str>) -> Self {
        let drivers: Vec<String> = drivers
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        Self {
            // The level may stay when there is nothing left to verify.
            flags: if drivers.is_empty() {
                0
            } else {
                level.unwrap_or(0)
            },
            drivers,
        }
    }

    /// Whether a driver is verified.
    pub fn covers(&self, driver: &str) -> bool {
        self.covers_all()
            || self
                .drivers
                .iter()
                .any(|known| known.eq_ignore_ascii_case(driver))
    }

    fn covers_all(&self) -> bool {
        self.drivers.iter().any(|driver| driver == ALL)
    }

    /// The drivers that are not ours.
    fn others(&self) -> Vec<String> {
        let ours = |driver: &String| {
            DRIVERS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(driver))
        };
        self.drivers
            .iter()
            .filter(|driver| !ours(driver))
            .cloned()
            .collect()
    }
}

/// What Driver Verifier checks at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// The flags of the checks that are on.
    pub flags: u32,
    /// The drivers, by file name.
    pub drivers: Vec<String>,
}

impl Activity {
    /// Reads what `verifier /query` prints: the first hexadecimal number is the flags, and a module's
    /// line has its loads in parentheses. The words around them are of Windows' language.
    pub fn parse(text: &str) -> Self {
        let flags = text.lines().find_map(|line| {
            let (_, digits) = line.split_once("0x")?;
            u32::from_str_radix(digits.get(..8)?, 16).ok()
        });
        let module = |line: &str| {
            let (before, _) = line.split_once('(')?;
            let name = before.split_whitespace().next_back()?;
            name.to_ascii_lowercase()
                .ends_with(".sys")
                .then(|| name.to_owned())
        };
        Self {
            flags: flags.unwrap_or(0),
            drivers: text.lines().filter_map(module).collect(),
        }
    }

    /// Whether a driver is verified.
    pub fn covers(&self, driver: &str) -> bool {
        self.flags != 0
            && self
                .drivers
                .iter()
                .any(|known| known.eq_ignore_ascii_case(driver))
    }
}

/// The framework's verifier for one driver: values of its service's `Parameters\Wdf` key, which the
/// framework reads when it loads the driver ("Registry values for debugging WDF drivers").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framework {
    /// Values that are numbers.
    pub numbers: BTreeMap<String, u32>,
    /// `TrackHandles`: the types of objects whose references are tracked.
    pub track_handles: Option<Vec<String>>,
}

impl Framework {
    /// The numbers that `verify on` sets, all to 1: the verifier, `WDFVERIFY`, a break on each error
    /// (a bug check if there is no debugger), the checks of IRQL and critical regions around
    /// callbacks, and the framework's log in dumps.
    pub const NUMBERS: [&str; 5] = [
        "VerifierOn",
        "VerifyOn",
        "DbgBreakOnError",
        "EnhancedVerifierOptions",
        "ForceLogsInMiniDump",
    ];

    /// What `verify on` sets.
    pub fn on() -> Self {
        Self {
            numbers: Self::NUMBERS.map(|name| (name.to_owned(), 1)).into(),
            track_handles: Some(vec![ALL.to_owned()]),
        }
    }

    /// Whether the verifier is on.
    pub fn is_on(&self) -> bool {
        self.numbers
            .get("VerifierOn")
            .is_some_and(|value| *value != 0)
    }
}

/// The settings from before `verify on`, stored until `verify off`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The settings of Driver Verifier.
    pub settings: Settings,
    /// The settings of the framework's verifier.
    pub framework: Framework,
}

/// Calls of `verifier.exe`, and what remains to be done after them.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The arguments of each call.
    pub calls: Vec<Vec<String>>,
    /// What takes effect only after a restart, and why.
    pub restart: Option<String>,
    /// Further notes for the user.
    pub notes: Vec<String>,
}

fn call(arguments: &[&str], drivers: &[String]) -> Vec<String> {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    arguments.chain(drivers.iter().cloned()).collect()
}

/// How to switch Driver Verifier on for the driver and the framework.
///
/// With `now`, only by what takes effect without a restart, which depends on the build of Windows.
pub fn on(now: bool, build: u32, before: &Settings) -> Plan {
    let ours = DRIVERS.map(str::to_owned);
    if before.covers_all() {
        return Plan {
            calls: Vec::new(),
            restart: None,
            notes: vec![
                "Driver Verifier is set to verify every driver already: its settings are kept"
                    .to_owned(),
            ],
        };
    }
    let others = before.others();
    let mut notes = Vec::new();
    if !others.is_empty() {
        notes.push(format!("still verified: {}", others.join(", ")));
    }
    if now {
        let (calls, started) = if build >= WINDOWS_11 {
            let dif = [&["/dif"], &NOW_CLASSES[..], &["/now", "/driver"]].concat();
            (vec![call(&dif, &ours)], NOW)
        } else {
            let flags = format!("{VOLATILE:#X}");
            let add = call(&["/volatile", "/adddriver"], &ours);
            (
                vec![call(&["/volatile", "/flags", &flags], &[]), add],
                VOLATILE,
            )
        };
        notes.push(format!(
            "on until the next restart: {}",
            names(started).join(", ")
        ));
        notes.push(format!(
            "not on, because Driver Verifier can start these only with Windows: {}. `wdfmem verify on` without \
             --now sets them for the next start",
            names(STANDARD & !started).join(", ")
        ));
        return Plan {
            calls,
            restart: None,
            notes,
        };
    }
    let lost = names(before.flags & !STANDARD);
    if !others.is_empty() && !lost.is_empty() {
        notes.push(format!(
            "off until `wdfmem verify off` restores it: {}",
            lost.join(", ")
        ));
    }
    let drivers = [&ours[..], &others].concat();
    notes.push(format!(
        "from the next start on: {}",
        names(STANDARD).join(", ")
    ));
    notes.push(
        "after a bug check, Driver Verifier is off (boot mode resetonunusualshutdown)".to_owned(),
    );
    Plan {
        calls: vec![
            call(&["/standard", "/driver"], &drivers),
            call(&["/bootmode", "resetonunusualshutdown"], &[]),
        ],
        restart: Some(
            "Driver Verifier reads its settings when Windows starts, because it replaces the kernel's routines \
             for a driver before the driver is loaded"
                .to_owned(),
        ),
        notes,
    }
}

/// How to restore the former settings of Driver Verifier.
///
/// Without a record of them, our drivers are removed from the settings and the rest is kept.
pub fn off(current: &Settings, before: Option<&Settings>, activity: &Activity) -> Plan {
    let target = before.cloned().unwrap_or_else(|| {
        let drivers = current.others();
        Settings {
            flags: if drivers.is_empty() { 0 } else { current.flags },
            drivers,
        }
    });
    let mut notes = Vec::new();
    let flags = format!("{:#X}", target.flags);
    let calls = if *current == target {
        Vec::new()
    } else if target.drivers.is_empty() {
        vec![call(&["/reset"], &[])]
    } else if target.covers_all() {
        vec![call(&["/flags", &flags, "/all"], &[])]
    } else {
        notes.push(format!("verified as before: {}", target.drivers.join(", ")));
        vec![call(&["/flags", &flags, "/driver"], &target.drivers)]
    };
    // The driver may be verified on purpose: by what was set before.
    let still = DRIVERS
        .iter()
        .any(|driver| activity.covers(driver) && !target.covers(driver));
    Plan {
        calls,
        restart: still.then(|| {
            "Driver Verifier keeps verifying a loaded driver until Windows restarts".to_owned()
        }),
        notes,
    }
}

/// The result of a call of `verifier.exe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Done, and in effect now.
    Done,
    /// Done, and in effect after a restart.
    RestartNeeded,
    /// Verifier.exe rejected the change.
    Rejected,
}

impl Ended {
    /// By its documented exit codes.
    pub fn with(code: Option<i32>) -> Self {
        match code {
            Some(0) => Self::Done,
            Some(2) => Self::RestartNeeded,
            _ => Self::Rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(flags: u32, drivers: &str) -> Settings {
        Settings::from_registry(Some(flags), Some(drivers))
    }

    fn calls(plan: &Plan) -> Vec<String> {
        plan.calls.iter().map(|call| call.join(" ")).collect()
    }

    #[test]
    fn the_settings_from_the_next_start_on_are_read_from_the_registry() {
        let set = settings(0x209BB, "wdfmem.sys  Wdf01000.sys");
        assert!(set.covers("WDFMEM.sys") && set.covers("wdf01000.sys"));
        assert!(!set.covers("ndis.sys"));
        assert!(settings(1, "*").covers("ndis.sys"));
        assert_eq!(
            Settings::from_registry(Some(0x209BB), None),
            Settings::default()
        );
    }

    #[test]
    fn the_drivers_verified_now_are_read_from_the_query() {
        let activity = Activity::parse(include_str!("../../tests/windows/verifier-query.txt"));
        assert_eq!(activity.flags, STANDARD);
        assert_eq!(activity.drivers, DRIVERS);
        assert!(activity.covers("wdfmem.sys"));
        let nothing = Activity::parse("No drivers are currently verified.\r\n");
        assert_eq!(nothing, Activity::default());
        assert!(!nothing.covers("wdfmem.sys"));
    }

    #[test]
    fn the_standard_set_needs_a_restart_and_says_why() {
        let plan = on(false, 26100, &Settings::default());
        assert_eq!(
            calls(&plan),
            [
                "/standard /driver wdfmem.sys wdf01000.sys",
                "/bootmode resetonunusualshutdown"
            ]
        );
        assert!(
            plan.restart
                .is_some_and(|why| why.contains("when Windows starts"))
        );
    }

    #[test]
    fn what_needs_no_restart_depends_on_windows() {
        let eleven = on(true, 22_000, &Settings::default());
        assert_eq!(
            calls(&eleven),
            ["/dif 1 4 5 9 12 18 /now /driver wdfmem.sys wdf01000.sys"]
        );
        assert_eq!(eleven.restart, None);
        let missing = eleven
            .notes
            .iter()
            .find(|note| note.starts_with("not on"))
            .unwrap();
        for check in ["force IRQL", "deadlock", "DMA checking", "WDF verification"] {
            assert!(missing.contains(check), "{missing}");
        }
        let ten = on(true, 17_763, &Settings::default());
        assert_eq!(
            calls(&ten),
            [
                "/volatile /flags 0x9BB",
                "/volatile /adddriver wdfmem.sys wdf01000.sys"
            ]
        );
        let missing = ten
            .notes
            .iter()
            .find(|note| note.starts_with("not on"))
            .unwrap();
        assert!(
            missing.contains("only with Windows: DDI compliance checking, WDF verification."),
            "{missing}"
        );
    }

    /// A rule class is the number of the flag's bit, counted from 1.
    #[test]
    fn the_rule_classes_that_start_now_are_those_flags() {
        let flags = NOW_CLASSES.map(|class| 1_u32 << (class.parse::<u32>().unwrap() - 1));
        assert_eq!(flags.iter().sum::<u32>(), NOW);
        assert_eq!(NOW & !STANDARD, 0);
        assert_eq!(VOLATILE & !STANDARD, 0);
    }

    #[test]
    fn drivers_that_others_verify_stay_verified() {
        let before = settings(0x209BF, "ndis.sys wdfmem.sys");
        let plan = on(false, 26100, &before);
        assert_eq!(
            calls(&plan)[0],
            "/standard /driver wdfmem.sys wdf01000.sys ndis.sys"
        );
        assert!(plan.notes.iter().any(|note| note.contains("low resources")));
        let plan = on(false, 26100, &settings(1, "*"));
        assert!(calls(&plan).is_empty());
        assert!(plan.notes[0].contains("every driver"));
    }

    #[test]
    fn off_restores_what_was_before() {
        let none = Activity::default();
        let set = settings(STANDARD, "wdfmem.sys wdf01000.sys");
        let plan = off(&set, Some(&Settings::default()), &none);
        assert_eq!(calls(&plan), ["/reset"]);
        assert_eq!(plan.restart, None);
        let before = settings(0x209BF, "ndis.sys");
        let plan = off(
            &settings(STANDARD, "wdfmem.sys wdf01000.sys ndis.sys"),
            Some(&before),
            &none,
        );
        assert_eq!(calls(&plan), ["/flags 0x209BF /driver ndis.sys"]);
        let plan = off(&set, Some(&settings(1, "*")), &none);
        assert_eq!(calls(&plan), ["/flags 0x1 /all"]);
        assert!(calls(&off(&Settings::default(), None, &none)).is_empty());
    }

    #[test]
    fn without_a_record_only_our_drivers_are_taken_out() {
        let set = settings(0x9BB, "wdfmem.sys ndis.sys wdf01000.sys");
        let plan = off(&set, None, &Activity::default());
        assert_eq!(calls(&plan), ["/flags 0x9BB /driver ndis.sys"]);
    }

    #[test]
    fn a_driver_that_is_being_verified_needs_a_restart_to_be_left_alone() {
        let activity = Activity {
            flags: NOW,
            drivers: DRIVERS.map(str::to_owned).into(),
        };
        let plan = off(&Settings::default(), Some(&Settings::default()), &activity);
        assert!(calls(&plan).is_empty());
        assert!(plan.restart.is_some());
        let all = settings(1, "*");
        assert_eq!(off(&all, Some(&all), &activity).restart, None);
    }

    #[test]
    fn the_exit_codes_are_the_documented_ones() {
        let ended = [Some(0), Some(1), Some(2), None].map(Ended::with);
        assert_eq!(
            ended,
            [
                Ended::Done,
                Ended::Rejected,
                Ended::RestartNeeded,
                Ended::Rejected
            ]
        );
    }
}
