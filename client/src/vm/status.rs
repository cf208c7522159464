//! The status of the driver on this machine: what is in order, what is not, and what to do.

use serde::Serialize;

use super::{
    codes, problem,
    rejection::Trust,
    verifier::{self, Activity, Before, DRIVERS, Framework, Settings},
};

/// A device of the driver.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Device {
    /// The device instance ID.
    pub instance: String,
    /// Whether it is started.
    pub started: bool,
    /// Its problem code, if it has one.
    pub problem: Option<u32>,
    /// The `NTSTATUS` that Windows records with the problem.
    pub problem_status: Option<u32>,
    /// The INF in `C:\Windows\INF` that it was installed from.
    pub inf: Option<String>,
}

/// The driver image that the service names.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DriverFile {
    /// The path of the image.
    pub path: String,
    /// The version in its version resource.
    pub version: Option<String>,
}

/// The versions of the framework.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FrameworkVersion {
    /// The version that the driver was bound to, major and minor, as the framework records it.
    pub bound: Option<(u32, u32)>,
    /// The version of this machine's Wdf01000.sys.
    pub machine: Option<String>,
}

/// Everything that `wdfmem status` queries. `None` where the query failed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// The name and build of Windows.
    pub windows: Option<String>,
    /// The devices of the driver.
    pub devices: Vec<Device>,
    /// The driver's file, if its service names one.
    pub driver: Option<DriverFile>,
    /// The versions of the framework, bound and present.
    pub kmdf: FrameworkVersion,
    /// The settings that decide whether Windows accepts the signature.
    pub trust: Trust,
    /// The certificate that was looked for in the stores.
    pub certificate: Option<Certificate>,
    /// The settings of Driver Verifier from the next start of Windows on.
    pub verifier: Settings,
    /// What Driver Verifier checks now.
    pub verifier_now: Option<Activity>,
    /// The settings of the framework's verifier from the driver's next load on.
    pub framework_verifier: Framework,
    /// The settings from before `wdfmem verify on`.
    pub before: Option<Before>,
}

/// The certificate of the driver or of its package.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Certificate {
    /// The file that it was read from.
    pub file: String,
    /// Its SHA-1 thumbprint, as certutil shows it.
    pub thumbprint: String,
}

/// The assessment of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// In order, nothing to do.
    Good,
    /// Information, neither good nor bad.
    Note,
    /// The query failed, so it is unknown.
    Unknown,
    /// Not in order: prevents the device from working.
    Bad,
}

/// One line of the status.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was looked at.
    pub what: &'static str,
    /// How it is assessed.
    pub verdict: Verdict,
    /// What was found, as shown in the table.
    pub found: String,
    /// What to do about it, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Row {
    fn new(what: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self {
            what,
            verdict,
            found: found.into(),
            next: None,
        }
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// The status as JSON.
#[derive(Serialize)]
pub struct Report<'a> {
    /// Whether the device works and nothing is in the way.
    pub ok: bool,
    /// The rows, as in the table.
    pub rows: &'a [Row],
    /// What was queried to assess them.
    pub facts: &'a Facts,
}

/// Assesses what was found.
pub fn rows(facts: &Facts) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.push(match &facts.windows {
        Some(name) => Row::new("Windows", Verdict::Note, name),
        None => Row::new("Windows", Verdict::Unknown, "unknown"),
    });
    if facts.trust.elevated == Some(false) {
        rows.push(
            Row::new(
                "rights",
                Verdict::Note,
                "without administrator rights: some facts are missing",
            )
            .next(super::rejection::NOT_ELEVATED),
        );
    }
    if facts.devices.is_empty() {
        rows.push(
            Row::new("device", Verdict::Bad, "none")
                .next("run `wdfmem install` in the package's folder"),
        );
    }
    rows.extend(
        facts
            .devices
            .iter()
            .map(|found| device(found, &facts.trust)),
    );
    rows.push(driver_file(facts));
    rows.push(framework(facts));
    rows.extend(trust(facts));
    rows.extend(verifiers(facts));
    rows
}

/// Whether no row is bad.
pub fn is_good(rows: &[Row]) -> bool {
    rows.iter().all(|row| row.verdict != Verdict::Bad)
}

/// The row of one device.
pub fn device(device: &Device, trust: &Trust) -> Row {
    const WHAT: &str = "device";
    let instance = &device.instance;
    let Some(code) = device.problem else {
        return if device.started {
            Row::new(WHAT, Verdict::Good, format!("{instance}, started"))
        } else {
            Row::new(WHAT, Verdict::Bad, format!("{instance}, not started"))
                .next("`wdfmem logs` shows what Windows wrote about it")
        };
    };
    let words = problem::explain(code);
    let mut found = match words {
        Some(problem) => format!(
            "{instance}, Code {code} ({}): {}",
            problem.name, problem.meaning
        ),
        None => format!("{instance}, Code {code}"),
    };
    let status = device.problem_status.filter(|status| *status != 0);
    let status_words = status.and_then(codes::explain);
    if let Some(status) = status {
        found.push_str(&format!("; status {}", codes::written(status)));
        if let Some(known) = status_words {
            found.push_str(&format!(" {}, {}", known.name, known.meaning));
        }
    }
    let signature = code == problem::UNSIGNED_DRIVER
        || status_words.is_some_and(|known| known.next == codes::Next::Signature);
    let next = if signature {
        trust.next()
    } else if let Some(codes::Next::Do(next)) = status_words.map(|known| known.next) {
        next.to_owned()
    } else {
        words
            .map_or(
                "see \"Device Manager error messages\" in Windows' documentation",
                |words| words.next,
            )
            .replace("<instance>", instance)
    };
    Row::new(WHAT, Verdict::Bad, found).next(next)
}

fn driver_file(facts: &Facts) -> Row {
    const WHAT: &str = "driver";
    let Some(file) = &facts.driver else {
        return Row::new(WHAT, Verdict::Note, "its service is not installed");
    };
    match &file.version {
        Some(version) => Row::new(WHAT, Verdict::Good, format!("{version}, {}", file.path)),
        None => Row::new(WHAT, Verdict::Unknown, format!("version unknown, {}", file.path))
            .next("check whether the file exists; if not, run `wdfmem remove`, then `wdfmem install` again"),
    }
}

fn framework(facts: &Facts) -> Row {
    let machine = match &facts.kmdf.machine {
        Some(version) => format!("this machine's Wdf01000.sys is {version}"),
        None => "the version of this machine's Wdf01000.sys cannot be read".to_owned(),
    };
    match facts.kmdf.bound {
        Some((major, minor)) => Row::new(
            "KMDF",
            Verdict::Good,
            format!("bound to {major}.{minor}; {machine}"),
        ),
        None => Row::new(
            "KMDF",
            Verdict::Unknown,
            format!(
                "no bound version is recorded: the framework writes it when the driver first starts; {machine}"
            ),
        ),
    }
}

fn trust(facts: &Facts) -> Vec<Row> {
    let trust = &facts.trust;
    let works = facts.devices.iter().any(|device| device.started);
    // What a running driver does not need any more is no defect of the machine.
    let missing = if works { Verdict::Note } else { Verdict::Bad };
    let mut rows = vec![match trust.test_signing {
        Some(true) => Row::new("test signing", Verdict::Good, "on"),
        Some(false) => Row::new("test signing", missing, "off").next(
            Trust {
                signed: None,
                in_root: None,
                ..*trust
            }
            .next(),
        ),
        None => Row::new("test signing", Verdict::Unknown, "unknown"),
    }];
    rows.push(match trust.secure_boot {
        Some(true) => Row::new("Secure Boot", missing, "on: it forbids test signing")
            .next("turn it off in the virtual machine's settings"),
        Some(false) => Row::new("Secure Boot", Verdict::Good, "off"),
        None => Row::new(
            "Secure Boot",
            Verdict::Note,
            "none: this machine does not boot with UEFI",
        ),
    });
    rows.push(match trust.memory_integrity {
        Some(true) => Row::new(
            "memory integrity",
            Verdict::Note,
            "on (HVCI): no page of the driver may be both writable and executable, and none of its image is",
        ),
        Some(false) => Row::new("memory integrity", Verdict::Note, "off (HVCI)"),
        None => Row::new("memory integrity", Verdict::Unknown, "unknown"),
    });
    let stores = [
        ("certificate in Root", trust.in_root),
        (
            "certificate in TrustedPublisher",
            trust.in_trusted_publisher,
        ),
    ];
    for (what, there) in stores {
        let found = |text: &str| match &facts.certificate {
            Some(certificate) => {
                format!("{text}: {} of {}", certificate.thumbprint, certificate.file)
            }
            None => text.to_owned(),
        };
        rows.push(match there {
            Some(true) => Row::new(what, Verdict::Good, found("yes")),
            Some(false) => {
                let only = Trust {
                    in_root: trust.in_root.filter(|_| what.ends_with("Root")),
                    in_trusted_publisher: trust
                        .in_trusted_publisher
                        .filter(|_| !what.ends_with("Root")),
                    ..Trust::default()
                };
                Row::new(what, missing, found("no")).next(only.next())
            }
            None if trust.signed == Some(false) => {
                Row::new(what, Verdict::Unknown, "the driver is not signed").next(
                    Trust {
                        signed: Some(false),
                        ..Trust::default()
                    }
                    .next(),
                )
            }
            None => Row::new(what, Verdict::Unknown, "no certificate was found to check").next(
                "run this in the package's folder, or name it: `wdfmem status --package FOLDER`",
            ),
        });
    }
    rows
}

fn verifiers(facts: &Facts) -> Vec<Row> {
    let checks = |flags: u32| format!("{flags:#X}: {}", verifier::names(flags).join(", "));
    let mut rows = Vec::new();
    for (what, driver) in ["Driver Verifier, driver", "Driver Verifier, framework"]
        .into_iter()
        .zip(DRIVERS)
    {
        let set = facts.verifier.covers(driver);
        let now = facts
            .verifier_now
            .as_ref()
            .map(|activity| activity.covers(driver));
        let flags = facts
            .verifier_now
            .as_ref()
            .map_or(0, |activity| activity.flags);
        let row = |text: String| Row::new(what, Verdict::Note, format!("{driver}: {text}"));
        let from_next = checks(facts.verifier.flags);
        rows.push(match (now, set) {
            (Some(true), true) => row(format!("on, {}; also after the next start", checks(flags))),
            (Some(true), false) => row(format!("on until the next start, {}", checks(flags))),
            (Some(false), true) => row(format!("off until the next start, then {from_next}"))
                .next("restart Windows: Driver Verifier reads its settings when Windows starts"),
            (Some(false), false) => row("off".to_owned()).next("`wdfmem verify on` switches it on"),
            (None, true) => row(format!(
                "after the next start, {from_next}; its current state is unknown"
            )),
            (None, false) => {
                row("off after the next start; its current state is unknown".to_owned())
            }
        });
    }
    let framework = &facts.framework_verifier;
    let mut values: Vec<String> = framework
        .numbers
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if let Some(types) = &framework.track_handles {
        values.push(format!("TrackHandles={}", types.join(" ")));
    }
    rows.push(if framework.is_on() {
        Row::new(
            "framework verifier",
            Verdict::Note,
            format!("on from the driver's next load on: {}", values.join(", ")),
        )
    } else if values.is_empty() {
        Row::new("framework verifier", Verdict::Note, "off")
    } else {
        Row::new(
            "framework verifier",
            Verdict::Note,
            format!("off: {}", values.join(", ")),
        )
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which everything is in order.
    fn ready() -> Facts {
        Facts {
            windows: Some("Windows 11 23H2, build 22631.4317".to_owned()),
            devices: vec![Device {
                instance: r"ROOT\SYSTEM\0002".to_owned(),
                started: true,
                inf: Some("oem3.inf".to_owned()),
                ..Device::default()
            }],
            driver: Some(DriverFile {
                path:
                    r"C:\Windows\System32\DriverStore\FileRepository\wdfmem.inf_amd64_0\wdfmem.sys"
                        .to_owned(),
                version: Some("0.1.0.0".to_owned()),
            }),
            kmdf: FrameworkVersion {
                bound: Some((1, 15)),
                machine: Some("1.33.22621.2506".to_owned()),
            },
            trust: Trust {
                elevated: Some(true),
                secure_boot: Some(false),
                test_signing: Some(true),
                memory_integrity: Some(false),
                signed: Some(true),
                in_root: Some(true),
                in_trusted_publisher: Some(true),
            },
            certificate: Some(Certificate::default()),
            verifier_now: Some(Activity::default()),
            ..Facts::default()
        }
    }

    fn row(facts: &Facts, what: &str) -> Row {
        let mut rows = rows(facts).into_iter().filter(|row| row.what == what);
        let row = rows.next().expect(what);
        assert!(rows.next().is_none(), "one row of {what}");
        row
    }

    #[test]
    fn a_machine_in_order_has_no_bad_row_and_asks_for_nothing_but_the_verifier() {
        let rows = rows(&ready());
        assert!(is_good(&rows));
        for row in rows {
            assert!(
                row.next.is_none() || row.what.starts_with("Driver Verifier"),
                "{row:?}"
            );
            assert_ne!(row.verdict, Verdict::Unknown, "{row:?}");
        }
    }

    #[test]
    fn every_bad_row_says_what_to_do() {
        let facts = Facts {
            trust: Trust {
                elevated: Some(false),
                secure_boot: Some(true),
                test_signing: Some(false),
                memory_integrity: None,
                signed: Some(true),
                in_root: Some(false),
                in_trusted_publisher: Some(false),
            },
            ..Facts::default()
        };
        let rows = rows(&facts);
        assert!(!is_good(&rows));
        for row in &rows {
            assert!(row.verdict != Verdict::Bad || row.next.is_some(), "{row:?}");
        }
        let bad: Vec<&str> = rows
            .iter()
            .filter(|row| row.verdict == Verdict::Bad)
            .map(|row| row.what)
            .collect();
        assert_eq!(
            bad,
            [
                "device",
                "test signing",
                "Secure Boot",
                "certificate in Root",
                "certificate in TrustedPublisher"
            ]
        );
    }

    #[test]
    fn a_problem_code_is_explained_with_its_status() {
        let mut facts = ready();
        facts.devices[0].started = false;
        facts.devices[0].problem = Some(52);
        facts.devices[0].problem_status = Some(0xC000_0428);
        facts.trust.test_signing = Some(false);
        let found = row(&facts, "device");
        assert_eq!(found.verdict, Verdict::Bad);
        for part in [
            "Code 52 (UNSIGNED_DRIVER)",
            "0xC0000428 STATUS_INVALID_IMAGE_HASH",
        ] {
            assert!(found.found.contains(part), "{}", found.found);
        }
        assert!(
            found
                .next
                .is_some_and(|next| next.contains("testsigning on"))
        );
    }

    #[test]
    fn the_status_of_a_problem_says_more_than_its_code() {
        let mut facts = ready();
        facts.devices[0].started = false;
        facts.devices[0].problem = Some(39);
        facts.devices[0].problem_status = Some(0xC000_0263);
        let found = row(&facts, "device");
        assert!(
            found.found.contains("imports a function"),
            "{}",
            found.found
        );
        assert!(found.next.is_some_and(|next| next.contains("1809")));
        facts.devices[0].problem = Some(22);
        facts.devices[0].problem_status = None;
        let next = row(&facts, "device").next.unwrap();
        assert!(
            next.contains(r#"/enable-device "ROOT\SYSTEM\0002""#),
            "{next}"
        );
        facts.devices[0].problem = Some(999);
        assert!(row(&facts, "device").next.is_some());
    }

    #[test]
    fn a_running_driver_does_not_need_the_certificate_any_more() {
        let mut facts = ready();
        facts.trust.in_trusted_publisher = Some(false);
        let found = row(&facts, "certificate in TrustedPublisher");
        assert_eq!(found.verdict, Verdict::Note);
        let next = found.next.unwrap();
        assert!(next.contains("-addstore TrustedPublisher"), "{next}");
        assert!(!next.contains("Root"), "{next}");
    }

    #[test]
    fn the_verifier_is_reported_for_now_and_for_after_the_next_start() {
        let mut facts = ready();
        let on = Settings::from_registry(Some(verifier::STANDARD), Some("wdfmem.sys wdf01000.sys"));
        facts.verifier = on;
        let driver = row(&facts, "Driver Verifier, driver");
        assert!(
            driver
                .found
                .contains("off until the next start, then 0x1209BB"),
            "{}",
            driver.found
        );
        assert!(driver.next.is_some_and(|next| next.contains("restart")));
        facts.verifier_now = Some(Activity {
            flags: 0x9BB,
            drivers: vec!["wdfmem.sys".to_owned()],
        });
        let driver = row(&facts, "Driver Verifier, driver");
        assert!(
            driver.found.contains("on, 0x9BB: special pool"),
            "{}",
            driver.found
        );
        let framework = row(&facts, "Driver Verifier, framework");
        assert!(
            framework.found.contains("wdf01000.sys: off until"),
            "{}",
            framework.found
        );
        facts.verifier_now = None;
        let driver = row(&facts, "Driver Verifier, driver");
        assert!(driver.found.contains("unknown"), "{}", driver.found);
        facts.framework_verifier = Framework::on();
        let framework = row(&facts, "framework verifier");
        assert!(
            framework.found.contains("VerifierOn=1"),
            "{}",
            framework.found
        );
        assert!(
            framework.found.contains("TrackHandles=*"),
            "{}",
            framework.found
        );
    }

    #[test]
    fn the_json_of_the_status_has_the_verdict_the_rows_and_the_facts() {
        let facts = ready();
        let rows = rows(&facts);
        let report = Report {
            ok: is_good(&rows),
            rows: &rows,
            facts: &facts,
        };
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["ok"], true);
        assert_eq!(json["rows"][1]["what"], "device");
        assert_eq!(json["rows"][1]["verdict"], "good");
        assert_eq!(json["facts"]["devices"][0]["instance"], r"ROOT\SYSTEM\0002");
        assert_eq!(json["facts"]["kmdf"]["bound"], serde_json::json!([1, 15]));
        assert_eq!(json["facts"]["trust"]["test_signing"], true);
    }
}
