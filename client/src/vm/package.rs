//! Finds the INFs and files of the driver on a machine.

use std::path::{Path, PathBuf};

/// Whether a file in `C:\Windows\INF` has the name of an installed package, such as `oem3.inf`.
pub fn is_published_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let number = name
        .strip_prefix("oem")
        .and_then(|rest| rest.strip_suffix(".inf"));
    number.is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// Whether an INF installs this driver: it is for our hardware identifier and names our service.
pub fn is_ours(inf: &str) -> bool {
    let mut lines = inf.lines().map(|line| {
        line.split(';')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    });
    let (mut device, mut service) = (false, false);
    for line in &mut lines {
        let line: String = line.split_whitespace().collect();
        device |= line.split(',').skip(1).any(|id| id == r"root\wdfmem");
        service |= line.starts_with("addservice=wdfmem,");
    }
    device && service
}

/// The file that a service's `ImagePath` means.
///
/// The kernel knows a path from the system's folder, one of its own namespace, and one relative to the system's
/// folder.
pub fn image_path(path: &str, windows: &Path) -> PathBuf {
    let lower = path.to_ascii_lowercase();
    for prefix in [r"\systemroot\", r"%systemroot%\"] {
        if lower.starts_with(prefix) {
            return windows.join(&path[prefix.len()..]);
        }
    }
    if let Some(rest) = path.strip_prefix(r"\??\") {
        return rest.into();
    }
    if path.as_bytes().get(1) == Some(&b':') {
        return path.into();
    }
    windows.join(path)
}

/// Windows by the values of `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`.
pub fn windows_name(
    product: &str,
    release: Option<&str>,
    build: u32,
    revision: Option<u32>,
) -> String {
    // The value was never changed from that of Windows 10.
    let product = if build >= 22_000 {
        product.replace("Windows 10", "Windows 11")
    } else {
        product.to_owned()
    };
    let release = release
        .map(|release| format!(" {release}"))
        .unwrap_or_default();
    let revision = revision
        .map(|revision| format!(".{revision}"))
        .unwrap_or_default();
    format!("{product}{release}, build {build}{revision}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_inf_is_known_under_any_name_and_no_other_is() {
        let inf = include_str!("../../../driver.inx");
        assert!(is_ours(inf));
        assert!(!is_ours(&inf.replace(r"root\wdfmem", r"root\other")));
        assert!(!is_ours(
            &inf.replace("AddService = wdfmem", "AddService = other")
        ));
        assert!(!is_ours(
            "; %Device% = x,root\\wdfmem\r\n; AddService = wdfmem,2,y"
        ));
        for (name, ours) in [
            ("oem0.inf", true),
            ("OEM12.INF", true),
            ("oem.inf", false),
            ("oem1x.inf", false),
            ("usb.inf", false),
        ] {
            assert_eq!(is_published_name(name), ours, "{name}");
        }
    }

    #[test]
    fn the_image_path_of_a_service_is_one_of_four_kinds() {
        let windows = Path::new("W");
        let below = |rest: &str| windows.join(rest);
        assert_eq!(
            image_path(r"\SystemRoot\System32\a.sys", windows),
            below(r"System32\a.sys")
        );
        assert_eq!(
            image_path(r"system32\drivers\a.sys", windows),
            below(r"system32\drivers\a.sys")
        );
        assert_eq!(
            image_path(r"\??\C:\pkg\a.sys", windows),
            Path::new(r"C:\pkg\a.sys")
        );
        assert_eq!(
            image_path(r"C:\pkg\a.sys", windows),
            Path::new(r"C:\pkg\a.sys")
        );
    }

    #[test]
    fn windows_11_is_recognised_by_its_build() {
        assert_eq!(
            windows_name("Windows 10 Pro", Some("23H2"), 22_631, Some(4317)),
            "Windows 11 Pro 23H2, build 22631.4317"
        );
        assert_eq!(
            windows_name("Windows 10 Pro", None, 17_763, None),
            "Windows 10 Pro, build 17763"
        );
    }
}
