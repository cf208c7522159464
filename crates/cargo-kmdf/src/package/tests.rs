//! Packages are made whole or not at all, and each failure is a sentence that says what to do.

use super::sample::{client, image};
use super::*;
use crate::driver::Client;
use anyhow::anyhow;
use tempfile::TempDir;

const IMAGE: &str = "wdfmem.sys";
const CLIENT: &str = "wdfmem.exe";

/// A driver's folder with all that a package is made of.
fn project() -> (TempDir, Driver) {
    let folder = tempfile::tempdir().unwrap();
    let driver = Driver {
        inx: Some(folder.path().join("driver.inx")),
        client: Some(Client {
            package: "wdfmem-client".into(),
            binary: "wdfmem-client".into(),
            arguments: Vec::new(),
        }),
        instructions: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vm.md")),
        ..Driver::for_tests("wdfmem", folder.path())
    };
    fs::create_dir_all(driver.images()).unwrap();
    fs::write(
        driver.template().unwrap(),
        include_str!("../../../../driver.inx"),
    )
    .unwrap();
    fs::write(driver.images().join(IMAGE), image(&[0xC3; 9000])).unwrap();
    fs::write(driver.images().join(CLIENT), client()).unwrap();
    (folder, driver)
}

/// A machine that has no tools and lets nobody install any.
fn no_tools() -> Result<Tools> {
    Err(anyhow!("run `sudo apt-get install osslsigncode openssl`"))
}

/// What lies beside the images, by name.
fn beside(driver: &Driver) -> Vec<String> {
    let entries = fs::read_dir(driver.driver_package().parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != "image").collect();
    names.sort();
    names
}

fn refused(driver: &Driver) -> String {
    let error = make(&no_tools, driver).unwrap_err();
    assert_eq!(
        beside(driver),
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
    let (_folder, driver) = project();
    let held = make(&Tools::require, &driver).unwrap();
    assert_eq!(held.len(), 8, "{held:#?}");
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let files = [
        INSTRUCTIONS,
        "wdfmem.cat",
        "wdfmem.cer",
        CLIENT,
        "wdfmem.inf",
        IMAGE,
    ];
    assert_eq!(names(&driver.driver_package()), files);
    let first = fs::read(driver.driver_package().join("wdfmem.cer")).unwrap();
    fs::write(driver.driver_package().join("stale"), "").unwrap();
    make(&Tools::require, &driver).unwrap();
    assert_eq!(names(&driver.driver_package()), files);
    assert_ne!(
        fs::read(driver.driver_package().join("wdfmem.cer")).unwrap(),
        first
    );
    assert_eq!(beside(&driver), ["package"]);
}

#[test]
fn a_driver_without_a_client_is_packaged_with_the_general_instructions() {
    if Tools::for_test().is_none() {
        return;
    }
    let (_folder, driver) = project();
    let driver = Driver {
        client: None,
        instructions: None,
        ..driver
    };
    make(&Tools::require, &driver).unwrap();
    let package = driver.driver_package();
    assert!(!package.join(CLIENT).exists());
    let page = fs::read_to_string(package.join(INSTRUCTIONS)).unwrap();
    // pnputil knows an added driver package only by its published name.
    assert!(
        page.contains("/delete-driver oemN.inf /uninstall"),
        "{page}"
    );
    assert!(
        page.contains("devgen /add /bus ROOT /hardwareid root\\wdfmem\r\n"),
        "{page}"
    );
    assert!(
        page.contains("certutil -f -addstore Root wdfmem.cer\r\n"),
        "{page}"
    );
    assert!(
        !page.contains('<'),
        "a placeholder is not filled in: {page}"
    );
}

#[test]
fn an_inf_for_another_image_is_refused_before_anything_is_signed() {
    let (_folder, driver) = project();
    let good = fs::read_to_string(driver.template().unwrap()).unwrap();
    fs::write(
        driver.template().unwrap(),
        good.replace("wdfmem.sys", "other.sys"),
    )
    .unwrap();
    let error = refused(&driver);
    assert!(
        error.contains("installs \"other.sys\", and the package builds wdfmem.sys"),
        "{error}"
    );
}

#[test]
fn the_instructions_fit_the_package() {
    let (_folder, driver) = project();
    let contents = driver.installs().unwrap();
    let page = fs::read_to_string(driver.instructions.as_ref().unwrap()).unwrap();
    let text = instructions(&driver, &contents, &page, "40ab");
    assert!(text.starts_with("The driver package wdfmem 0.1.0 of 2026-11-21,"));
    for store in ["Root", "TrustedPublisher"] {
        assert!(text.contains(&format!("certutil -delstore {store} 40ab\r\n")));
        assert!(text.contains(&format!("certutil -f -addstore {store} wdfmem.cer\r\n")));
    }
    assert!(!text.contains(SERIAL), "a serial number is not filled in");
}

/// The page and the INF name the same device, and the page the client's commands.
#[test]
fn the_page_names_the_device_that_the_inf_installs() {
    let page = include_str!("../../../../docs/vm.md");
    let hardware = inf::contents(include_bytes!("../../../../driver.inx")).hardware_ids;
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
    assert!(page.contains("**This procedure has not been tried on Windows.**"));
}

#[test]
fn a_missing_input_is_answered_with_the_command_that_makes_it() {
    for name in [IMAGE, CLIENT] {
        let (_folder, driver) = project();
        fs::remove_file(driver.images().join(name)).unwrap();
        let error = refused(&driver);
        assert!(
            error.contains(name) && error.contains("run `cargo kmdf build`"),
            "{error}"
        );
    }
}

#[test]
fn a_damaged_input_is_refused_before_it_is_signed() {
    let (_folder, driver) = project();
    let mut bytes = image(&[0xC3; 9000]);
    bytes[0x700] ^= 1;
    fs::write(driver.images().join(IMAGE), bytes).unwrap();
    let error = refused(&driver);
    assert!(
        error.ends_with("run `cargo kmdf build`, then this again"),
        "{error}"
    );
    fs::write(driver.images().join(IMAGE), "not an image").unwrap();
    assert!(refused(&driver).contains("is damaged"));
}

#[test]
fn a_template_with_a_finding_is_named_with_its_line_and_rule() {
    let (_folder, driver) = project();
    let good = fs::read_to_string(driver.template().unwrap()).unwrap();
    fs::write(driver.template().unwrap(), good.replace("= 13", "= 12")).unwrap();
    let error = refused(&driver);
    let line = (1..)
        .zip(good.lines())
        .find(|(_, line)| line.starts_with("DefaultDestDir"));
    let place = format!("driver.inx, line {}:", line.unwrap().0);
    assert!(error.contains(&place), "{error}");
    assert!(error.contains("files.isolation"), "{error}");
    fs::write(driver.template().unwrap(), good.replace("$ARCH$", "$CPU$")).unwrap();
    assert!(refused(&driver).contains("$CPU$"));
}

#[test]
fn a_machine_without_the_signing_tool_is_told_how_to_get_it() {
    let (_folder, driver) = project();
    assert!(refused(&driver).contains("apt-get install osslsigncode"));
}

#[test]
fn a_failure_leaves_the_last_package_as_it_was() {
    let (_folder, driver) = project();
    fs::create_dir(driver.driver_package()).unwrap();
    fs::write(driver.driver_package().join("last"), "good").unwrap();
    fs::remove_file(driver.images().join(CLIENT)).unwrap();
    assert!(make(&no_tools, &driver).is_err());
    assert_eq!(
        fs::read_to_string(driver.driver_package().join("last")).unwrap(),
        "good"
    );
    assert_eq!(beside(&driver), ["package"]);
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
    let (_folder, driver) = project();
    let error = make(&tools, &driver).unwrap_err();
    assert!(
        error.to_string().contains("wdfmem.sys cannot be signed"),
        "{error:#}"
    );
    assert_eq!(beside(&driver), Vec::<String>::new());
}
