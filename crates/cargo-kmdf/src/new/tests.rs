use super::*;
use crate::driver::Driver;
use crate::inf;

fn made(name: &str) -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join(name);
    make(&folder, name, checkout().as_deref()).unwrap();
    (parent, folder)
}

fn every_file(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(every_file(&path)),
            false => files.push((path.clone(), fs::read_to_string(&path).unwrap())),
        }
    }
    files
}

#[test]
fn a_new_driver_has_its_own_name_everywhere_and_no_placeholder_left() {
    let (_parent, folder) = made("two-words");
    let files = every_file(&folder);
    assert_eq!(files.len(), FILES.len());
    assert!(folder.join("two_words.inx").is_file());
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("driver-type = \"KMDF\""), "{manifest}");
    for (path, text) in files {
        for placeholder in ["my-driver", "my_driver", VERSION, NO_GUID] {
            assert!(
                !text.contains(placeholder),
                "{}: {placeholder}",
                path.display()
            );
        }
        assert!(
            !path.to_string_lossy().contains("my_driver"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn two_new_drivers_have_different_interfaces() {
    let interface = |folder: &Path| fs::read_to_string(folder.join("src/interface.rs")).unwrap();
    let (_one, first) = made("hello");
    let (_other, second) = made("hello");
    assert_ne!(interface(&first), interface(&second));
}

#[test]
fn a_guid_is_written_as_rust_reads_it() {
    let text = guid(Uuid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F));
    assert_eq!(text, "0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F");
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let (_parent, folder) = made("hello");
    fs::write(folder.join("Cargo.toml"), "mine").unwrap();
    let error = make(&folder, "hello", None).unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
    assert_eq!(
        fs::read_to_string(folder.join("Cargo.toml")).unwrap(),
        "mine"
    );
}

#[test]
fn names_that_cannot_be_a_driver_are_rejected() {
    for name in ["hello", "two-words", "two_words", "x2"] {
        check(name).unwrap();
    }
    let long = "a".repeat(LONGEST_NAME + 1);
    for name in [
        "",
        "2x",
        "Hello",
        "a b",
        "../x",
        "a.b",
        "-x",
        "naïve",
        &long,
        "test",
        "fn",
        "con",
        "kmdf-test",
        "null",
        "ntoskrnl",
    ] {
        assert!(check(name).is_err(), "{name}");
    }
}

#[test]
fn released_dependencies_are_versions_and_those_of_a_checkout_are_paths() {
    assert_eq!(
        dependency("kmdf", None).unwrap(),
        format!("\"{}\"", env!("CARGO_PKG_VERSION"))
    );
    let path = dependency("kmdf", Some(Path::new("/kmdf/crates"))).unwrap();
    assert_eq!(path.replace('\\', "/"), "{ path = '/kmdf/crates/kmdf' }");
}

#[test]
fn a_folder_without_kmdf_is_rejected_as_a_checkout() {
    let folder = tempfile::tempdir().unwrap();
    assert!(crates(folder.path()).is_err());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert_eq!(
        crates(&root).unwrap(),
        crates(&root.join("crates")).unwrap()
    );
}

#[test]
fn the_inf_of_a_new_driver_breaks_no_rule() {
    let (_parent, folder) = made("two-words");
    let driver = Driver {
        inx: Some(folder.join("two_words.inx")),
        ..Driver::for_tests("two_words", &folder)
    };
    let findings = inf::task::findings(&driver).unwrap();
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(findings, [""; 0]);
    assert_eq!(driver.installs().unwrap().hardware_ids, [r"Root\two_words"]);
}
