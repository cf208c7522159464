//! On the WDK route: configures the link as a KMDF driver. Elsewhere: lets the library, which the
//! models complete only when a program is linked, leave their symbols open.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let target_os = env::var("CARGO_CFG_TARGET_OS")?;
    let wdk_free = target_os != "windows" || env::var_os("CARGO_CFG_WDK_FREE").is_some();
    if !wdk_free {
        return configure_wdk();
    }
    if env::var_os("CARGO_CFG_IMAGE").is_none() {
        let open_symbols = match (
            target_os.as_str(),
            env::var("CARGO_CFG_TARGET_ENV")?.as_str(),
        ) {
            ("macos", _) => Some("-Wl,-undefined,dynamic_lookup"),
            ("windows", "msvc") => Some("/FORCE:UNRESOLVED"),
            ("windows", _) => Some("-Wl,--noinhibit-exec"),
            _ => None,
        };
        if let Some(argument) = open_symbols {
            println!("cargo::rustc-link-arg-cdylib={argument}");
        }
    }
    Ok(())
}

#[cfg(windows)]
fn configure_wdk() -> Result<(), Box<dyn Error>> {
    if env::var("CARGO_CFG_PANIC")? != "abort" {
        return Err(
            "a driver cannot unwind: build it with `cargo make`, or set \
                    CARGO_PROFILE_DEV_PANIC=abort and CARGO_PROFILE_RELEASE_PANIC=abort"
                .into(),
        );
    }
    // `cargo wdk build` looks for an INX named after the package, after it has built that.
    println!("cargo::rerun-if-changed=driver.inx");
    println!("cargo::rerun-if-changed=wdfmem.inx");
    std::fs::copy("driver.inx", "wdfmem.inx")?;
    Ok(wdk_build::configure_wdk_binary_build()?)
}

#[cfg(not(windows))]
fn configure_wdk() -> Result<(), Box<dyn Error>> {
    Err(
        "a Windows target without `--cfg wdk_free` is built with the WDK, \
         and the WDK needs a Windows host: build on Windows, or set RUSTFLAGS=\"--cfg wdk_free\""
            .into(),
    )
}
