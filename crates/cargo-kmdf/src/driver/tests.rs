use super::*;
use crate::process::is_built_elsewhere;
use tempfile::TempDir;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml")
}

fn find(manifest: PathBuf, package: Option<&str>) -> Result<Driver> {
    Driver::find(&Selection {
        package: package.map(str::to_owned),
        manifest_path: Some(manifest),
    })
}

const DRIVER: &str = r#"
[package]
name = "my-driver"
version = "1.2.3-rc.1"
edition = "2024"

[package.metadata.wdk.driver-model]
driver-type = "KMDF"
kmdf-version-major = 1
target-kmdf-version-minor = 15

[lib]
crate-type = ["cdylib"]

[workspace]
"#;

/// A package with this manifest, and an INX.
fn package(manifest: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Cargo.toml");
    fs::write(&path, manifest).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), "").unwrap();
    fs::write(folder.path().join("any.inx"), "").unwrap();
    (folder, path)
}

fn rejected(manifest: &str) -> String {
    let (_folder, path) = package(manifest);
    let error = find(path, None).unwrap_err();
    assert_eq!(crate::failure::exit_code(&error), 2, "{error:#}");
    format!("{error:#}")
}

#[test]
fn a_driver_needs_no_keys_beside_those_of_wdk_build() {
    if is_built_elsewhere() {
        return;
    }
    let (folder, path) = package(DRIVER);
    let driver = find(path, None).unwrap();
    assert_eq!(driver.image(), "my_driver.sys");
    assert_eq!(driver.release.version, [1, 2, 3, 0]);
    assert_eq!(driver.release.kmdf, (1, 15));
    let inx = folder.path().join("any.inx").canonicalize().unwrap();
    assert_eq!(driver.template().unwrap().canonicalize().unwrap(), inx);
    assert!(driver.client.is_none());
}

#[test]
fn a_package_without_the_driver_model_is_no_driver() {
    if is_built_elsewhere() {
        return;
    }
    let manifest = DRIVER.replace("\"KMDF\"", "\"UMDF\"");
    assert!(rejected(&manifest).contains("there is no KMDF driver here"));
}

#[test]
fn a_misspelt_key_and_a_missing_framework_version_are_named() {
    if is_built_elsewhere() {
        return;
    }
    let manifest = format!("{DRIVER}\n[package.metadata.kmdf]\nclinet = \"x\"\n");
    assert!(rejected(&manifest).contains("clinet"));
    let manifest = DRIVER.replace("target-kmdf-version-minor = 15", "");
    assert!(rejected(&manifest).contains("add kmdf-version-major = 1"));
}

#[test]
fn a_client_that_is_no_package_of_the_workspace_is_named() {
    if is_built_elsewhere() {
        return;
    }
    let manifest = format!("{DRIVER}\n[package.metadata.kmdf]\nclient = \"elsewhere\"\n");
    let error = rejected(&manifest);
    assert!(error.contains("names the client elsewhere"), "{error}");
    assert!(error.contains("add the package's folder"), "{error}");
}

#[test]
fn two_templates_ask_for_the_one_that_is_meant() {
    if is_built_elsewhere() {
        return;
    }
    let (folder, path) = package(DRIVER);
    fs::write(folder.path().join("more.inx"), "").unwrap();
    let error = format!("{:#}", find(path.clone(), None).unwrap_err());
    assert!(error.contains("`inx = \"FILE\"`"), "{error}");
    let manifest = format!("{DRIVER}\n[package.metadata.kmdf]\ninx = \"more.inx\"\n");
    fs::write(&path, manifest).unwrap();
    assert!(
        find(path, None)
            .unwrap()
            .template()
            .unwrap()
            .ends_with("more.inx")
    );
}

#[test]
fn a_number_that_no_version_resource_holds_is_rejected() {
    if is_built_elsewhere() {
        return;
    }
    assert!(rejected(&DRIVER.replace("1.2.3-rc.1", "1.2.65536")).contains("above 65535"));
}

#[test]
fn the_drivers_of_a_workspace_are_chosen_by_name_and_listed_otherwise() {
    if is_built_elsewhere() {
        return;
    }
    let driver = find(repository(), None).unwrap();
    assert_eq!(driver.image(), "wdfmem.sys");
    assert_eq!(driver.program().as_deref(), Some("wdfmem.exe"));
    assert_eq!(
        find(repository(), Some("mailbox")).unwrap().image(),
        "mailbox.sys"
    );
    let error = find(repository(), Some("kmdf")).unwrap_err().to_string();
    assert!(
        error.contains("wdfmem") && error.contains("mailbox"),
        "{error}"
    );
}

/// `ExAllocatePool2` is exported since Windows 10 2004, build 19041.
#[test]
fn a_driver_with_wdk_alloc_is_not_for_windows_before_2004() {
    if is_built_elsewhere() {
        return;
    }
    let driver = find(repository(), None).unwrap();
    assert_eq!(driver.floor, 17763);
    let mailbox = find(repository(), Some("mailbox")).unwrap();
    assert_eq!(mailbox.floor, 19041);
    // An INF for Windows 10 1809 does not do for it.
    let too_old = Driver {
        floor: 19041,
        ..driver
    };
    let found = inf::task::findings(&too_old).unwrap();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        found.join("\n").contains("reaches below 10.0...19041"),
        "{found:?}"
    );
}

#[test]
fn the_inf_of_every_driver_of_the_repository_breaks_no_rule() {
    if is_built_elsewhere() {
        return;
    }
    let metadata = MetadataCommand::new()
        .manifest_path(repository())
        .no_deps()
        .exec()
        .unwrap();
    let drivers = metadata.workspace_packages().into_iter();
    let drivers = drivers.filter(|package| driver_model(&metadata, package).is_some());
    let mut count = 0;
    for package in drivers {
        let driver = find(repository(), Some(&package.name)).unwrap();
        let found = inf::task::findings(&driver).unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [""; 0], "{}", driver.name);
        assert!(
            driver
                .installs()
                .unwrap()
                .service
                .eq_ignore_ascii_case(&driver.name)
        );
        count += 1;
    }
    assert!(count >= 2);
}

#[test]
fn a_folder_without_a_manifest_lists_the_ways_to_a_driver() {
    if is_built_elsewhere() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = MetadataCommand::new();
    let error = command.current_dir(folder.path()).exec().unwrap_err();
    let error = unreadable(&error);
    assert_eq!(crate::failure::exit_code(&error), 2);
    let text = error.to_string();
    for way in ["--manifest-path", "cargo kmdf new NAME"] {
        assert!(text.contains(way), "{text}");
    }
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn a_source_that_is_newer_than_the_image_is_found() {
    let (folder, path) = package(DRIVER);
    let driver = Driver::for_tests("my_driver", folder.path());
    let image = folder.path().join("my_driver.sys");
    assert_eq!(driver.changed_since(&image), None, "there is no image");
    let set = |path: &Path, seconds| {
        let file = fs::File::options().write(true).open(path).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    };
    let source = folder.path().join("src/lib.rs");
    fs::write(&image, "").unwrap();
    set(&path, 100);
    set(&source, 200);
    set(&image, 300);
    assert_eq!(driver.changed_since(&image), None);
    set(&source, 301);
    assert_eq!(driver.changed_since(&image), Some(source));
}

#[test]
fn an_inx_without_a_hardware_id_is_rejected_with_the_command_that_finds_the_line() {
    let (folder, _) = package(DRIVER);
    let inx = folder.path().join("any.inx");
    let driver = Driver {
        inx: Some(inx.clone()),
        ..Driver::for_tests("my_driver", folder.path())
    };
    let text = include_str!("../../templates/driver.inx");
    fs::write(&inx, text).unwrap();
    assert_eq!(driver.hardware_id().unwrap(), r"Root\my_driver");
    fs::write(&inx, text.replace(r"Root\my_driver", "")).unwrap();
    let error = driver.hardware_id().unwrap_err().to_string();
    assert!(error.contains("`cargo kmdf inf`"), "{error}");
}

/// What `package` and `wine` ask before they do anything.
#[test]
fn an_inx_that_breaks_a_rule_or_installs_another_image_is_rejected() {
    let (folder, _) = package(DRIVER);
    let inx = folder.path().join("any.inx");
    let driver = Driver {
        inx: Some(inx.clone()),
        ..Driver::for_tests("my_driver", folder.path())
    };
    let text = include_str!("../../templates/driver.inx");
    let rejected = |text: String| {
        fs::write(&inx, text).unwrap();
        inf::task::checked(&driver).unwrap_err().to_string()
    };
    let error = rejected(text.replace(r"Root\my_driver", r"Rot\my driver"));
    assert!(error.contains("Rot"), "{error}");
    let error = rejected(text.replace("my_driver.sys", "my_drive.sys"));
    assert!(error.contains("installs \"my_drive.sys\""), "{error}");
    fs::write(&inx, text).unwrap();
    inf::task::checked(&driver).unwrap();
}
