//! Queries the state of the driver on this machine, by calls of Windows and from its registry.

mod certificate;
mod code_integrity;
mod event_log;
mod file_version;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use windows_registry::{Key, LOCAL_MACHINE};

use super::{
    events, logs, package,
    rejection::Trust,
    setup_log,
    status::{Certificate, DriverFile, Facts, FrameworkVersion},
    verifier::{Activity, Before, DRIVERS, Framework, Settings},
};
use crate::devices::{DeviceSet, reason};

const SERVICE: &str = r"SYSTEM\CurrentControlSet\Services\wdfmem";
const FRAMEWORK_VALUES: &str = r"SYSTEM\CurrentControlSet\Services\wdfmem\Parameters\Wdf";
const MEMORY_MANAGEMENT: &str =
    r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management";
/// Where `wdfmem verify on` stores the former settings.
const OWN: &str = r"SOFTWARE\wdfmem";
const BEFORE: &str = "BeforeVerifyOn";

/// The folder of Windows, usually `C:\Windows`.
pub fn windows_folder() -> PathBuf {
    env::var_os("SystemRoot").map_or_else(|| r"C:\Windows".into(), PathBuf::from)
}

fn system_program(name: &str) -> PathBuf {
    windows_folder().join("System32").join(name)
}

/// Everything that `wdfmem status` shows. Without an installed driver, the certificate is read from `package`.
pub fn facts(package: &Path) -> Facts {
    let driver = driver_file();
    let devices = DeviceSet::all()
        .map(|set| set.ours().map(|device| set.state(&device)).collect())
        .unwrap_or_default();
    let (trust, certificate) = trust_and_certificate(Some(package), driver.as_deref());
    Facts {
        windows: windows_name(),
        devices,
        kmdf: framework_version(),
        driver: driver.map(|path| DriverFile {
            version: file_version::of(&path),
            path: path.display().to_string(),
        }),
        trust,
        certificate,
        verifier: verifier_settings(),
        verifier_now: verifier_activity().ok(),
        framework_verifier: framework_verifier(),
        before: before(),
    }
}

/// What decides whether Windows accepts a signature; of the package in the folder, if there is one.
pub fn trust(package: Option<&Path>) -> Trust {
    trust_and_certificate(package, driver_file().as_deref()).0
}

/// The installed driver's signature counts; without it that of the package, or its certificate's file.
fn trust_and_certificate(
    package: Option<&Path>,
    driver: Option<&Path>,
) -> (Trust, Option<Certificate>) {
    let in_package = ["wdfmem.cat", "wdfmem.sys", "wdfmem.cer"]
        .into_iter()
        .filter_map(|name| Some(package?.join(name)));
    let files: Vec<PathBuf> = driver
        .map(Path::to_owned)
        .into_iter()
        .chain(in_package)
        .filter(|path| path.is_file())
        .collect();
    let found = files
        .iter()
        .find_map(|file| Some((file, certificate::of(file)?)));
    let certificates = found.as_ref().map(|(_, certificates)| certificates);
    let code_integrity = code_integrity::options();
    let trust = Trust {
        elevated: code_integrity::is_elevated(),
        secure_boot: number(
            r"SYSTEM\CurrentControlSet\Control\SecureBoot\State",
            "UEFISecureBootEnabled",
        )
        .map(|value| value != 0),
        test_signing: code_integrity.map(|options| options.test_signing),
        memory_integrity: code_integrity.map(|options| options.memory_integrity),
        // A certificate alone says nothing of a signature.
        signed: match &found {
            Some((file, _)) if file.extension().is_some_and(|kind| kind == "cer") => None,
            Some(_) => Some(true),
            None if files.is_empty() => None,
            None => Some(false),
        },
        in_root: certificates.and_then(|certificates| certificates.in_store("Root")),
        in_trusted_publisher: certificates
            .and_then(|certificates| certificates.in_store("TrustedPublisher")),
    };
    let certificate = found.as_ref().map(|(file, certificates)| Certificate {
        file: file.display().to_string(),
        thumbprint: certificates.thumbprint(),
    });
    (trust, certificate)
}

fn driver_file() -> Option<PathBuf> {
    let path = LOCAL_MACHINE
        .open(SERVICE)
        .ok()?
        .get_string("ImagePath")
        .ok()?;
    Some(package::image_path(&path, &windows_folder()))
}

fn framework_version() -> FrameworkVersion {
    let part = |name| number(FRAMEWORK_VALUES, name);
    FrameworkVersion {
        bound: part("WdfMajorVersion").zip(part("WdfMinorVersion")),
        machine: file_version::of(&system_program(r"drivers\Wdf01000.sys")),
    }
}

const CURRENT_VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";

fn windows_name() -> Option<String> {
    let key = LOCAL_MACHINE.open(CURRENT_VERSION).ok()?;
    Some(package::windows_name(
        &key.get_string("ProductName").ok()?,
        key.get_string("DisplayVersion").ok().as_deref(),
        build()?,
        key.get_u32("UBR").ok(),
    ))
}

/// The build of Windows.
pub fn build() -> Option<u32> {
    let key = LOCAL_MACHINE.open(CURRENT_VERSION).ok()?;
    key.get_string("CurrentBuildNumber").ok()?.parse().ok()
}

fn number(path: &str, name: &str) -> Option<u32> {
    LOCAL_MACHINE.open(path).ok()?.get_u32(name).ok()
}

/// What Driver Verifier does from the next start on.
pub fn verifier_settings() -> Settings {
    let Ok(key) = LOCAL_MACHINE.open(MEMORY_MANAGEMENT) else {
        return Settings::default();
    };
    Settings::from_registry(
        key.get_u32("VerifyDriverLevel").ok(),
        key.get_string("VerifyDrivers").ok().as_deref(),
    )
}

/// Whether Driver Verifier is set to verify the driver.
pub fn verifier_is_set() -> bool {
    verifier_settings().covers(DRIVERS[0])
}

/// What Driver Verifier does now; otherwise why that is not known.
pub fn verifier_activity() -> Result<Activity, String> {
    let (code, output) = verifier(&["/query".to_owned()])?;
    // It prints nothing without an administrator's rights.
    match code {
        Some(0 | 2) => Ok(Activity::parse(&output)),
        _ => Err(output),
    }
}

/// Runs `verifier.exe`. Its exit code and what it printed; otherwise why it was not run.
pub fn verifier(arguments: &[String]) -> Result<(Option<i32>, String), String> {
    let program = system_program("verifier.exe");
    let output = Command::new(&program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{} cannot be run: {}", program.display(), reason(&error)))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((
        output.status.code(),
        String::from_utf8_lossy(&text).trim().to_owned(),
    ))
}

/// Whether the driver's service is there, in whose key the framework's verifier is set.
pub fn has_service() -> bool {
    LOCAL_MACHINE.open(SERVICE).is_ok()
}

/// How the framework's verifier is set.
pub fn framework_verifier() -> Framework {
    let Ok(key) = LOCAL_MACHINE.open(FRAMEWORK_VALUES) else {
        return Framework::default();
    };
    Framework {
        numbers: Framework::NUMBERS
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), key.get_u32(name).ok()?)))
            .collect(),
        track_handles: key.get_multi_string(TRACK_HANDLES).ok(),
    }
}

const TRACK_HANDLES: &str = "TrackHandles";

/// Sets the framework's verifier: values that are not given are removed.
pub fn set_framework_verifier(values: &Framework) -> windows_registry::Result<()> {
    let key = LOCAL_MACHINE.create(FRAMEWORK_VALUES)?;
    for name in Framework::NUMBERS {
        match values.numbers.get(name) {
            Some(value) => key.set_u32(name, *value)?,
            None => remove_value(&key, name)?,
        }
    }
    match &values.track_handles {
        Some(types) => {
            let types: Vec<&str> = types.iter().map(String::as_str).collect();
            key.set_multi_string(TRACK_HANDLES, &types)
        }
        None => remove_value(&key, TRACK_HANDLES),
    }
}

fn remove_value(key: &Key, name: &str) -> windows_registry::Result<()> {
    // One that is not there cannot be removed, and need not.
    if key.get_type(name).is_err() {
        return Ok(());
    }
    key.remove_value(name)
}

/// The settings from before `verify on`.
pub fn before() -> Option<Before> {
    let text = LOCAL_MACHINE.open(OWN).ok()?.get_string(BEFORE).ok()?;
    serde_json::from_str(&text).ok()
}

/// Stores the settings from before `verify on`, or deletes them.
pub fn keep_before(before: Option<&Before>) -> windows_registry::Result<()> {
    let key = LOCAL_MACHINE.create(OWN)?;
    match before.and_then(|before| serde_json::to_string(before).ok()) {
        Some(text) => key.set_string(BEFORE, text),
        None => remove_value(&key, BEFORE),
    }
}

/// Windows' logs about the driver.
pub fn logs() -> logs::Logs {
    let path = windows_folder().join(r"INF\setupapi.dev.log");
    let setup = match fs::read(&path) {
        Ok(bytes) => Ok(setup_log::sections(&logs::text(&bytes))),
        Err(error) => Err(format!(
            "{} cannot be read: {}. Windows writes it when a device is installed",
            path.display(),
            reason(&error)
        )),
    };
    let events = event_log::read().and_then(|all| {
        let mut events = Vec::new();
        for xml in all {
            events.extend(events::read(&xml)?);
        }
        Ok(events)
    });
    logs::Logs::new(setup, events, Some(dumps()))
}

fn dumps() -> logs::Dumps {
    const CRASH_CONTROL: &str = r"SYSTEM\CurrentControlSet\Control\CrashControl";
    let text = |name| {
        let path = LOCAL_MACHINE
            .open(CRASH_CONTROL)
            .ok()?
            .get_string(name)
            .ok()?;
        let path = package::image_path(&path, &windows_folder());
        Some(path.display().to_string())
    };
    let small_dumps = text("MinidumpDir");
    let folder = small_dumps
        .as_ref()
        .map_or_else(|| windows_folder().join("Minidump"), PathBuf::from);
    let mut found: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let written = entry.metadata().ok()?.modified().ok()?;
            let path = entry.path();
            path.extension()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("dmp"))
                .then(|| (written, path.display().to_string()))
        })
        .collect();
    found.sort();
    logs::Dumps {
        kind: number(CRASH_CONTROL, "CrashDumpEnabled"),
        file: text("DumpFile"),
        small_dumps,
        found: found.into_iter().map(|(_, path)| path).collect(),
    }
}
