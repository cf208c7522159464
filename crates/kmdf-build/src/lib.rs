#![doc = include_str!("../README.md")]
#![expect(
    clippy::needless_doctest_main,
    reason = "a build script has a main function"
)]

use std::env;

/// Does all that the build script of a driver has to do; a failure ends the build with what to do instead.
///
/// * With `--cfg wdk`: `wdk_build::configure_wdk_binary_build` of Microsoft's crate, on Windows. Elsewhere nothing: the
///   build script of `kmdf-sys` says that there is no kit.
/// * With `--cfg image`: nothing, `cargo kmdf build` links the image.
/// * Otherwise, for the model: see [`leave_symbols_open`].
///
/// Also makes `cfg(wdk)` and `cfg(image)` known to the compiler's check of conditions.
pub fn configure() {
    for name in ["wdk", "image"] {
        println!("cargo::rustc-check-cfg=cfg({name})");
    }
    println!("cargo::rerun-if-changed=build.rs");
    if is_set("CARGO_CFG_WDK") {
        configure_wdk();
    } else if !is_set("CARGO_CFG_IMAGE") {
        leave_symbols_open();
    }
}

/// Lets the cdylib of a driver, which nothing loads in the model, leave open the functions that the models define only
/// when a program is linked. [`configure`] calls this; a build script that does the rest itself may call it alone.
///
/// Fails the build if it is for Windows with Microsoft's linker on another system, where it can only have been meant
/// to make a `.sys` file.
pub fn leave_symbols_open() {
    let value = |name| env::var(name).unwrap_or_default();
    let (host, target) = (value("HOST"), value("TARGET"));
    if let Some(reason) = rejection(&host, &target) {
        println!("cargo::error={reason}");
        return;
    }
    let os = value("CARGO_CFG_TARGET_OS");
    let environment = value("CARGO_CFG_TARGET_ENV");
    if let Some(argument) = link_argument(&os, &environment) {
        println!("cargo::rustc-link-arg-cdylib={argument}");
    }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some()
}

#[cfg(windows)]
fn configure_wdk() {
    if let Err(error) = wdk_build::configure_wdk_binary_build() {
        println!(
            "cargo::error=wdk-build cannot set up the link with the Windows Driver Kit: {error}"
        );
    }
}

#[cfg(not(windows))]
fn configure_wdk() {}

/// Why a build for the model from `host` for `target` cannot be what was meant.
fn rejection(host: &str, target: &str) -> Option<String> {
    let cross = target.ends_with("-windows-msvc") && !host.contains("-windows-");
    cross.then(|| {
        format!(
            "for {target}, a driver is built with `cargo kmdf build`, which needs no Windows Driver Kit, or on Windows with \
             the kit and `--cfg wdk`. Without either this is the build for tests in the model, which needs no --target; \
             as Windows programs, the tests are built for x86_64-pc-windows-gnu"
        )
    })
}

/// What the linker is given for a library with undefined symbols.
fn link_argument(os: &str, environment: &str) -> Option<&'static str> {
    match (os, environment) {
        ("macos", _) => Some("-Wl,-undefined,dynamic_lookup"),
        ("windows", "msvc") => Some("/FORCE:UNRESOLVED"),
        ("windows", _) => Some("-Wl,--noinhibit-exec"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{link_argument, rejection};

    #[test]
    fn an_image_built_without_its_switch_is_rejected_with_what_to_do() {
        let reason = rejection("x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc");
        assert!(reason.is_some_and(|reason| reason.contains("`cargo kmdf build`")));
    }

    #[test]
    fn tests_in_the_model_are_built_for_this_system_and_for_windows_programs() {
        let linux = "x86_64-unknown-linux-gnu";
        let windows = "x86_64-pc-windows-msvc";
        for (host, target) in [
            (linux, linux),
            (linux, "x86_64-pc-windows-gnu"),
            (windows, windows),
            (windows, "aarch64-pc-windows-msvc"),
        ] {
            assert_eq!(rejection(host, target), None, "{host} for {target}");
        }
    }

    #[test]
    fn each_linker_is_told_in_its_own_words() {
        assert_eq!(link_argument("linux", "gnu"), None);
        assert_eq!(link_argument("windows", "msvc"), Some("/FORCE:UNRESOLVED"));
        assert_eq!(
            link_argument("windows", "gnu"),
            Some("-Wl,--noinhibit-exec")
        );
        assert_eq!(
            link_argument("macos", ""),
            Some("-Wl,-undefined,dynamic_lookup")
        );
    }
}
