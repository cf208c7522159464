//! The templates pass every rule; and for each rule, an INF that breaks it alone gets a finding of it.

use super::super::contents;
use super::super::stamp::{Stamp, stamp};
use super::{Expectations, check, rules};
use crate::package::date::Date;

const EXPECTED: Expectations = Expectations {
    floor: 17763,
    kmdf: Some((1, 15)),
};

/// The repository's own template, stamped.
fn stamped() -> String {
    let stamped = stamp(
        include_str!("../../../../../driver.inx"),
        &Stamp {
            architecture: "amd64",
            kmdf: (1, 15),
            date: Date::of(1_795_219_200),
            version: [0, 1, 0, 0],
            catalog: "wdfmem.cat".into(),
        },
    );
    stamped.unwrap().replace("\r\n", "\n")
}

fn found(text: &str) -> Vec<String> {
    let findings = check(text.as_bytes(), &EXPECTED);
    findings.iter().map(ToString::to_string).collect()
}

/// A rule, and a change of the good INF that breaks it and nothing else.
const BROKEN: &[(&str, &str, &str)] = &[
    ("text.encoding", "wdfmem project", "wdfmem Projekt für alle"),
    ("text.line", "[Version]", "stray = 1\n[Version]"),
    ("text.line", "[SourceDisksNames]", "[]\n[SourceDisksNames]"),
    ("text.line", "\"wdfmem project\"", "\"wdfmem project"),
    ("text.line", "test driver\"", "test driver\"\nMore = x\\"),
    ("text.stamp", "= 1.15", "= 1.15, $NAME$"),
    (
        "section.missing",
        "CopyFiles = wdfmem_Files",
        "CopyFiles = wdfmem_Files, Nowhere",
    ),
    (
        "section.missing",
        "%Device% =",
        "%Device% = Elsewhere,root\\elsewhere\n%Device% =",
    ),
    (
        "section.missing",
        "10.0...17763\n\n[Dev",
        "10.0...17763,NTamd64.10.0...19041\n\n[Dev",
    ),
    (
        "section.unused",
        "[Strings]",
        "[Forgotten]\na = 1\n[Strings]",
    ),
    (
        "section.unused",
        "[Strings]",
        "[wdfmem_Install.NT.Servces]\nAddService = ,2\n[Strings]",
    ),
    (
        "section.shared",
        "CopyFiles = wdfmem_Files\n",
        "CopyFiles = wdfmem_Files\nAddProperty = wdfmem_Device_Registry\n",
    ),
    ("section.unique", "[Strings]", "[Version]\n[Strings]"),
    ("strings.missing", "%Provider%\nCat", "%Maker%\nCat"),
    (
        "strings.unique",
        "[Strings]",
        "[Strings]\nDisk = \"another\"",
    ),
    ("version.signature", "$WINDOWS NT$", "$WINDOWS 95$"),
    ("version.class", "Class       = System\n", ""),
    (
        "version.class",
        "ClassGuid   = {4d36e97d-e325-11ce-bfc1-08002be10318}\n",
        "",
    ),
    ("version.class-guid", "{4d36e97d", "{4d36e97e"),
    ("version.class-guid", "{4d36e97d-e325", "{4d36e97d-e32g"),
    ("version.class-guid", "= System", "= Sample"),
    ("version.provider", "Provider    = %Provider%\n", ""),
    (
        "version.provider",
        "Provider    = %Provider%\n",
        "Provider = Microsoft\n",
    ),
    ("version.catalog", "CatalogFile = wdfmem.cat\n", ""),
    ("version.catalog", "= wdfmem.cat", "= catalogs\\wdfmem.cat"),
    (
        "version.driver-version",
        "DriverVer   = 11/21/2026,0.1.0.0\n",
        "",
    ),
    ("version.driver-version", "11/21/2026", "21/11/2026"),
    ("version.driver-version", "11/21/2026", "02/29/2026"),
    ("version.driver-version", "11/21/2026", "11/21/26"),
    ("version.driver-version", "0.1.0.0", "0.1.0"),
    ("version.driver-version", "0.1.0.0", "0.1.0.65535"),
    ("version.lockdown", "PnpLockdown = 1\n", ""),
    ("version.lockdown", "PnpLockdown = 1", "PnpLockdown = 0"),
    (
        "version.reserved",
        "PnpLockdown = 1",
        "PnpLockdown = 1\nDontReflectOffline = 1",
    ),
    ("files.destination", "DefaultDestDir = 13\n", ""),
    (
        "files.isolation",
        "DefaultDestDir = 13",
        "DefaultDestDir = 12",
    ),
    (
        "files.isolation",
        "DefaultDestDir = 13",
        "DefaultDestDir = 13\nwdfmem_Files = 12",
    ),
    (
        "files.place",
        "wdfmem_Files]\nwdfmem.sys",
        "wdfmem_Files]\nwdfmem.sys\nother.sys,wdfmem.sys",
    ),
    ("files.place", "wdfmem.sys = 1", "wdfmem.sys = 1,\\amd64"),
    (
        "files.listed",
        "wdfmem_Files]\n",
        "wdfmem_Files]\nhelper.sys\n",
    ),
    ("files.listed", "CopyFiles = ", "CopyFiles = @helper.sys, "),
    (
        "files.copied",
        "wdfmem.sys = 1",
        "wdfmem.sys = 1\nunused.dat = 1",
    ),
    ("files.disk", "wdfmem.sys = 1", "wdfmem.sys = 2"),
    (
        "files.name",
        "wdfmem_Files]\n",
        "wdfmem_Files]\nwdfmem.inf\n",
    ),
    ("files.name", "wdfmem_Files]\n", "wdfmem_Files]\n%Disk%\n"),
    (
        "models.mixed",
        "[Strings]",
        "[DefaultInstall.NTamd64]\n[Strings]",
    ),
    ("models.decoration", "NTamd64", "NT"),
    ("models.decoration", "10.0...17763", "10.0...latest"),
    ("models.decoration", "10.0...17763", "10.0...17763.1"),
    ("models.floor", "10.0...17763", "10.0...16299"),
    ("models.floor", "NTamd64.10.0...17763", "NTamd64"),
    ("models.floor", "10.0...17763", "6.3"),
    ("models.architecture", "NTamd64", "NTarm64"),
    (
        "models.identifier",
        "wdfmem_Install,root\\wdfmem",
        "wdfmem_Install",
    ),
    ("models.identifier", "root\\wdfmem", "rootwdfmem"),
    ("models.identifier", "root\\wdfmem", "root\\wdf mem"),
    (
        "install.declarative",
        "[wdfmem_Files]",
        "Reboot\n[wdfmem_Files]",
    ),
    (
        "install.declarative",
        "AddReg = wdfmem_Device_Registry\n",
        "AddReg = wdfmem_Device_Registry\nDelReg = Old\n[Old]\nHKR,,x\n",
    ),
    (
        "install.declarative",
        "[Strings]",
        "[wdfmem_Install.NT.CoInstallers]\n[Strings]",
    ),
    (
        "install.directive",
        "CopyFiles = wdfmem_Files\n",
        "CopyFiles = wdfmem_Files\nCopyFile = wdfmem_Files\n",
    ),
    (
        "install.directive",
        "CopyFiles = wdfmem_Files\n",
        "CopyFiles = wdfmem_Files\nAddService = ,2\n",
    ),
    (
        "service.present",
        "[wdfmem_Install.NT]\n",
        "%Device% = Bare,root\\bare\n[Bare.NT]\nCopyFiles = wdfmem_Files\n\
         [Bare.NT.Wdf]\nKmdfService = wdfmem,wdfmem_Wdf\n[wdfmem_Install.NT]\n",
    ),
    ("service.function-driver", "0x00000002", "0x00000000"),
    ("service.function-driver", "0x00000002", ""),
    ("service.flags", "0x00000002", "0x00000802"),
    ("service.flags", "0x00000002", "two"),
    (
        "service.entries",
        "ErrorControl  = 1 ; SERVICE_ERROR_NORMAL\n",
        "",
    ),
    ("service.type", "ServiceType   = 1", "ServiceType = 0x10"),
    ("service.start", "StartType     = 3", "StartType = 2"),
    (
        "service.error-control",
        "ErrorControl  = 1",
        "ErrorControl = 3",
    ),
    ("service.binary", "%13%\\wdfmem.sys", "%12%\\wdfmem.sys"),
    ("service.binary", "%13%\\wdfmem.sys", "%13%\\other.sys"),
    ("service.start", "StartType     = 3", "StartType = 4"),
    (
        "service.error-control",
        "StartType     = 3 ; SERVICE_DEMAND_START\nErrorControl  = 1",
        "StartType = 0\nErrorControl = 4",
    ),
    (
        "security.descriptor",
        "DisplayName ",
        "Security = \"D:P(A;;GA;;SY)\"\nDisplayName ",
    ),
    ("service.directive", "DisplayName ", "DispalyName "),
    ("registry.root", "HKR,,Security", "HKLM,,Security"),
    (
        "registry.type",
        "HKR,,Security,,",
        "HKR,,List,0x00010008,a\nHKR,,Security,,",
    ),
    (
        "registry.type",
        "HKR,,Security,,",
        "HKR,,Number,0x00010001,many\nHKR,,Security,,",
    ),
    (
        "registry.type",
        "HKR,,Security,,",
        "HKR,,Number,large,1\nHKR,,Security,,",
    ),
    (
        "registry.coinstaller",
        "HKR,,Security,,",
        "HKR,,CoInstallers32,0x00010000,x.dll\nHKR,,Security,,",
    ),
    ("security.descriptor", "(A;;GA;;;BA)", "(A;;GA;;BA)"),
    (
        "security.descriptor",
        "[Strings]",
        "[wdfmem_Files.security]\n\"everyone\"\n[Strings]",
    ),
    (
        "wdf.service",
        "KmdfService = wdfmem,",
        "KmdfService = wdfmm,",
    ),
    ("wdf.library-version", "= 1.15", "= 1.33"),
    ("wdf.library-version", "= 1.15", "="),
];

/// Files that break a rule by lacking so much that a change of the good one does not show it.
const LACKING: &[(&str, &str)] = &[
    ("version.present", "[Version]"),
    ("models.present", "[Manufacturer]"),
    ("wdf.service", "[wdfmem_Install.NT.Wdf]"),
];

#[test]
fn the_template_of_this_repository_stamps_to_an_inf_without_a_finding() {
    assert_eq!(found(&stamped()), Vec::<String>::new());
}

/// Changes of the good INF that other drivers need, and that break no rule.
const FITTING: &[(&str, &str)] = &[
    // Everybody may open the device, as with most drivers.
    ("(A;;GA;;;BA)", "(A;;GA;;;BA)(A;;GRGW;;;WD)"),
    ("D:P(", "D:("),
    // The driver of a device that the system boots from.
    (
        "StartType     = 3 ; SERVICE_DEMAND_START\nErrorControl  = 1",
        "StartType = 0\nErrorControl = 3",
    ),
    // A package for two architectures.
    (
        "[Devices.NT",
        "[Devices.NTarm64.10.0...17763]\n%Device% = wdfmem_Install,root\\wdfmem\n\n[Devices.NT",
    ),
];

#[test]
fn what_other_drivers_need_breaks_no_rule() {
    for (from, to) in FITTING {
        let good = stamped();
        assert!(good.contains(from), "the template no longer has {from:?}");
        let mut fitting = good.replacen(from, to, 1);
        if to.contains("arm64") {
            let both = "Devices,NTarm64.10.0...17763,NTamd64";
            fitting = fitting.replacen("Devices,NTamd64", both, 1);
        }
        assert_eq!(found(&fitting), [""; 0], "{to}");
    }
}

/// The self-test needs no more: only the system and administrators may open the device.
#[test]
fn the_device_of_this_repository_is_for_administrators_alone() {
    let line = "HKR,,Security,,\"D:P(A;;GA;;;SY)(A;;GA;;;BA)\"";
    assert_eq!(
        stamped()
            .lines()
            .filter(|own| own.contains("D:"))
            .collect::<Vec<_>>(),
        [line]
    );
}

#[test]
fn each_broken_inf_gives_exactly_the_finding_of_its_rule() {
    let good = stamped();
    let mut wrong = Vec::new();
    for (rule, from, to) in BROKEN {
        assert!(good.contains(from), "the template no longer has {from:?}");
        // The models' section follows its manufacturer's decoration, so that one change breaks one rule.
        let everywhere = rule.starts_with("models.");
        let broken = match everywhere {
            true => good.replace(from, to),
            false => good.replacen(from, to, 1),
        };
        let found = found(&broken);
        match &found[..] {
            [only] if only.contains(&format!("[{rule}, ")) => {}
            _ => wrong.push(format!("{rule} with {to:?}: {found:#?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_missing_section_is_reported_by_its_own_rule_among_others() {
    for (rule, header) in LACKING {
        let broken = stamped().replacen(header, "[Other]", 1);
        let found = found(&broken);
        let by_rule = found
            .iter()
            .filter(|text| text.contains(&format!("[{rule}, ")));
        assert_eq!(by_rule.count(), 1, "{rule}: {found:#?}");
    }
}

#[test]
fn every_rule_has_an_inf_that_breaks_it_and_a_name_of_its_own() {
    let mut names: Vec<&str> = rules().iter().map(|rule| rule.id).collect();
    for name in &names {
        let broken = BROKEN.iter().any(|(rule, _, _)| rule == name);
        let lacking = LACKING.iter().any(|(rule, _)| rule == name);
        assert!(broken || lacking, "no INF breaks {name}");
    }
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_finding_names_its_line() {
    let broken = stamped().replacen("PnpLockdown = 1", "PnpLockdown = 0", 1);
    let line = (1..)
        .zip(broken.lines())
        .find(|(_, line)| line.starts_with("PnpLockdown"));
    let findings = check(broken.as_bytes(), &EXPECTED);
    assert_eq!(Some(findings[0].line), line.map(|(number, _)| number));
}

#[test]
fn no_bytes_make_the_checker_panic() {
    let good = stamped();
    for end in 0..good.len() {
        check(&good.as_bytes()[..end], &EXPECTED);
    }
    for byte in 0..=255 {
        let mut bytes = good.clone().into_bytes();
        let place = usize::from(byte) * (bytes.len() - 1) / 255;
        bytes[place] = byte;
        check(&bytes, &EXPECTED);
    }
    check(&[0xFF, 0xFE, 0x5B], &EXPECTED);
}

#[test]
fn identifiers_are_read_once_each() {
    let more = "%Device% = wdfmem_Install,ROOT\\WDFMEM,,root\\other\n\n[wdfmem_Install.NT]\n";
    let text = stamped().replacen("[wdfmem_Install.NT]\n", more, 1);
    assert_eq!(
        contents(text.as_bytes()).hardware_ids,
        ["root\\wdfmem", "root\\other"]
    );
}

#[test]
fn an_inf_of_another_driver_may_bind_to_any_version_of_the_framework() {
    let any = |inf: &str| check(inf.as_bytes(), &Expectations::default()).len();
    let inf = stamped();
    assert_eq!(any(&inf.replacen("= 1.15", "= 1.33", 1)), 0);
    assert_eq!(any(&inf.replacen("= 1.15", "= newest", 1)), 1);
}
