//! With `--cfg wdk`: configures the link as a KMDF driver. In the model: lets the cdylib, which nothing
//! loads there, leave open the functions that the models define only when a program is linked.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let set = |name| env::var_os(name).is_some();
    #[cfg(windows)]
    if set("CARGO_CFG_WDK") {
        return Ok(wdk_build::configure_wdk_binary_build()?);
    }
    if !set("CARGO_CFG_WDK") && !set("CARGO_CFG_IMAGE") {
        let os = env::var("CARGO_CFG_TARGET_OS")?;
        let environment = env::var("CARGO_CFG_TARGET_ENV")?;
        let argument = match (os.as_str(), environment.as_str()) {
            ("macos", _) => "-Wl,-undefined,dynamic_lookup",
            ("windows", "msvc") => "/FORCE:UNRESOLVED",
            ("windows", _) => "-Wl,--noinhibit-exec",
            _ => return Ok(()),
        };
        println!("cargo::rustc-link-arg-cdylib={argument}");
    }
    Ok(())
}
