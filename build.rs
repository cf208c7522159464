//! With `--cfg wdk`: configures the link as a KMDF driver. In the model: lets the cdylib, which nothing
//! loads there, leave open the functions that the models define only when a program is linked.

#[path = "crates/cargo-kmdf/src/build/version_resource.rs"]
mod version_resource;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use version_resource::VersionResource;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let set = |name| env::var_os(name).is_some();
    match (set("CARGO_CFG_WDK"), set("CARGO_CFG_IMAGE")) {
        (true, _) => {
            add_version_resource()?;
            configure_wdk()
        }
        // `cargo kmdf build` links it.
        (false, true) => Ok(()),
        (false, false) => {
            kmdf_build::leave_symbols_open();
            Ok(())
        }
    }
}

/// Links a version resource into the image: Explorer, Windows Update and crash dumps read a driver's version there.
fn add_version_resource() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=crates/cargo-kmdf/src/build/version_resource.rs");
    let version = VersionResource {
        version: env!("CARGO_PKG_VERSION"),
        file_name: "wdfmem.sys",
        description: "wdfmem memory test driver",
        product: "wdfmem",
        company: "wdfmem project",
        copyright: env!("CARGO_PKG_LICENSE"),
    };
    let file = Path::new(&env::var("OUT_DIR")?).join("wdfmem.res");
    fs::write(&file, version.to_resource_file()?)?;
    println!("cargo::rustc-link-arg-cdylib={}", file.display());
    Ok(())
}

#[cfg(windows)]
fn configure_wdk() -> Result<(), Box<dyn Error>> {
    // `cargo wdk build` looks for an INX named after the package, after it has built that.
    println!("cargo::rerun-if-changed=driver.inx");
    println!("cargo::rerun-if-changed=wdfmem.inx");
    fs::copy("driver.inx", "wdfmem.inx")?;
    Ok(wdk_build::configure_wdk_binary_build()?)
}

/// The build script of `kmdf-sys` says what to do where there is no Windows Driver Kit.
#[cfg(not(windows))]
fn configure_wdk() -> Result<(), Box<dyn Error>> {
    Ok(())
}
