//! Rejects combinations of `--cfg wdk` and `--cfg image` that cannot be built, with what to do instead.
//!
//! This runs before the crate and, in a new target folder, before `wdk-sys` is compiled. That the profile
//! does not unwind cannot be seen here: cargo tells build scripts `unwind` whatever the profile says. The
//! crate itself checks it.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=WDKContentRoot");
    let set = |name: &str| env::var_os(format!("CARGO_CFG_{name}")).is_some();
    let value = |name: &str| env::var(format!("CARGO_CFG_{name}")).unwrap_or_default();
    let wdk = set("WDK");
    let image = set("IMAGE");
    // `cargo xtask wdk-route` puts stand-ins in the kit's place, and names their folder as the kit's is named.
    let has_kit = cfg!(windows) || env::var_os("WDKContentRoot").is_some();
    let kernel_target = set("WINDOWS") && value("TARGET_ARCH") == "x86_64";
    let has_feature = |feature| value("TARGET_FEATURE").split(',').any(|set| set == feature);

    let reason = if wdk && image {
        "`--cfg wdk` and `--cfg image` are two ways of building one driver: set one of them. `wdk` builds \
         with the Windows Driver Kit, `image` without it"
    } else if wdk && !kernel_target {
        "`--cfg wdk` builds for 64-bit Windows on x64: leave it out, and the driver is built for the model; \
         or build on Windows with `cargo make`"
    } else if wdk && !has_kit {
        "`--cfg wdk` needs the Windows Driver Kit, which exists for Windows alone: build on Windows with \
         `cargo make`, or make an image without the kit with `cargo kmdf build`"
    } else if wdk && !has_feature("crt-static") {
        "`--cfg wdk` needs `-C target-feature=+crt-static`, because a driver cannot load a C runtime: build \
         with `cargo make`, or set RUSTFLAGS to `--cfg wdk -C target-feature=+crt-static`"
    } else if image && !kernel_target {
        "`--cfg image` builds for 64-bit Windows on x64: use `cargo kmdf build`, or add \
         `--target x86_64-pc-windows-msvc`; without `--cfg image` the driver is built for the model"
    } else {
        return;
    };
    println!("cargo::error={reason}");
}
