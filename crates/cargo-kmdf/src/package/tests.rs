//! Packages are made whole or not at all, and each failure is a sentence that says what to do.

use super::*;
use crate::package::sample::{client, image};
use anyhow::anyhow;
use tempfile::TempDir;

const RELEASE: Release = Release {
    version: [0, 1, 0, 0],
    kmdf: (1, 15),
    committed: 1_795_219_200,
};

/// A project's folder with all that a package is made of.
fn project() -> (TempDir, Places) {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::of(folder.path(), &folder.path().join("target"));
    fs::create_dir_all(&places.images).unwrap();
    fs::write(&places.template, include_str!("../../../../driver.inx")).unwrap();
    fs::write(places.images.join(IMAGE), image(&[0xC3; 9000])).unwrap();
    fs::write(places.images.join(CLIENT), client()).unwrap();
    (folder, places)
}

/// A machine that has no tools and lets nobody install any.
fn no_tools() -> Result<Tools> {
    Err(anyhow!("run `sudo apt-get install osslsigncode openssl`"))
}

/// What lies beside the images, by name.
fn beside(places: &Places) -> Vec<String> {
    let entries = fs::read_dir(places.package.parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != "image").collect();
    names.sort();
    names
}

fn refused(places: &Places) -> String {
    let error = make(&no_tools, &RELEASE, places).unwrap_err();
    assert_eq!(
        beside(places),
        Vec::<String>::new(),
        "something half-made was left"
    );
    format!("{error:#}")
}

#[test]
fn a_package_holds_its_six_files_and_is_replaced_as_a_whole() {
    if Tools::for_test().is_none() {
        return;
    }
    let (_folder, places) = project();
    let held = make(&Tools::require, &RELEASE, &places).unwrap();
    assert_eq!(held.len(), 8, "{held:#?}");
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let files = [INSTRUCTIONS, CATALOG, CERTIFICATE, CLIENT, INF, IMAGE];
    assert_eq!(names(&places.package), files);
    let first = fs::read(places.package.join(CERTIFICATE)).unwrap();
    fs::write(places.package.join("stale"), "").unwrap();
    make(&Tools::require, &RELEASE, &places).unwrap();
    assert_eq!(names(&places.package), files);
    assert_ne!(fs::read(places.package.join(CERTIFICATE)).unwrap(), first);
    assert_eq!(beside(&places), ["package"]);
}

#[test]
fn the_instructions_fit_the_package() {
    let text = instructions(&RELEASE, "40ab");
    assert!(text.starts_with("The driver package wdfmem 0.1.0 of 2026-11-21,"));
    for store in ["Root", "TrustedPublisher"] {
        assert!(text.contains(&format!("certutil -delstore {store} 40ab\r\n")));
        assert!(text.contains(&format!("certutil -f -addstore {store} {CERTIFICATE}\r\n")));
    }
    assert!(!text.contains(SERIAL), "a serial number is not filled in");
}

/// The page and the INF name the same device, and the page the client's commands.
#[test]
fn the_page_names_the_device_that_the_inf_installs() {
    let page = include_str!("../../../../docs/vm.md");
    let hardware = inf::hardware_identifiers(include_bytes!("../../../../driver.inx"));
    assert_eq!(hardware.len(), 1);
    assert!(page.contains(&format!("/hardwareid {}\n", hardware[0])));
    for command in [
        "install",
        "status",
        "verify on",
        "verify off",
        "logs",
        "remove",
    ] {
        assert!(
            page.contains(&format!("    {CLIENT} {command}\n")),
            "{command}"
        );
    }
    assert!(page.contains("**Nobody of the project has gone this way on Windows.**"));
}

#[test]
fn a_missing_input_is_answered_with_the_command_that_makes_it() {
    for name in [IMAGE, CLIENT] {
        let (_folder, places) = project();
        fs::remove_file(places.images.join(name)).unwrap();
        let error = refused(&places);
        assert!(
            error.contains(name) && error.contains("run `cargo kmdf build`"),
            "{error}"
        );
    }
}

#[test]
fn a_damaged_input_is_refused_before_it_is_signed() {
    let (_folder, places) = project();
    let mut bytes = image(&[0xC3; 9000]);
    bytes[0x700] ^= 1;
    fs::write(places.images.join(IMAGE), bytes).unwrap();
    let error = refused(&places);
    assert!(
        error.ends_with("run `cargo kmdf build`, then this again"),
        "{error}"
    );
    fs::write(places.images.join(IMAGE), "not an image").unwrap();
    assert!(refused(&places).contains("is damaged"));
}

#[test]
fn a_template_with_a_finding_is_named_with_its_line_and_rule() {
    let (_folder, places) = project();
    let good = fs::read_to_string(&places.template).unwrap();
    fs::write(&places.template, good.replace("= 13", "= 12")).unwrap();
    let error = refused(&places);
    let line = (1..)
        .zip(good.lines())
        .find(|(_, line)| line.starts_with("DefaultDestDir"));
    let place = format!("driver.inx, line {}:", line.unwrap().0);
    assert!(error.contains(&place), "{error}");
    assert!(error.contains("files.isolation"), "{error}");
    fs::write(&places.template, good.replace("$ARCH$", "$CPU$")).unwrap();
    assert!(refused(&places).contains("$CPU$"));
}

#[test]
fn a_machine_without_the_signing_tool_is_told_how_to_get_it() {
    let (_folder, places) = project();
    assert!(refused(&places).contains("apt-get install osslsigncode"));
}

#[test]
fn a_failure_leaves_the_last_package_as_it_was() {
    let (_folder, places) = project();
    fs::create_dir(&places.package).unwrap();
    fs::write(places.package.join("last"), "good").unwrap();
    fs::remove_file(places.images.join(CLIENT)).unwrap();
    assert!(make(&no_tools, &RELEASE, &places).is_err());
    assert_eq!(
        fs::read_to_string(places.package.join("last")).unwrap(),
        "good"
    );
    assert_eq!(beside(&places), ["package"]);
}

#[cfg(unix)]
#[test]
fn a_tool_that_fails_half_way_leaves_nothing_half_made() {
    let Some(program) = crate::process::find("false") else {
        return;
    };
    let tools = || {
        Ok(Tools {
            osslsigncode: program.clone(),
            openssl: program.clone(),
        })
    };
    let (_folder, places) = project();
    let error = make(&tools, &RELEASE, &places).unwrap_err();
    assert!(
        error.to_string().contains("wdfmem.sys cannot be signed"),
        "{error:#}"
    );
    assert_eq!(beside(&places), Vec::<String>::new());
}
