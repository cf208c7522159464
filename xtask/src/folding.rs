//! `cargo xtask folding`: whether a linker that folds equal data keeps context types apart.
//!
//! Microsoft's linker, given /OPT:REF,ICF, folds read-only data of equal contents ("/OPT
//! (Optimizations)"). lld-link does the same unless an object file lists the symbol as one whose
//! address matters, so the driver made here has an empty list of them.

use crate::project;
use anyhow::{Context, Result, ensure};
use cargo_kmdf::driver::{Driver, Selection};
use cargo_kmdf::{audit, build};
use std::fs;

const MANIFEST: &str = r#"
[package]
name = "folding"
version = "0.0.1"
edition = "2024"

[package.metadata.wdk.driver-model]
driver-type = "KMDF"
kmdf-version-major = 1
target-kmdf-version-minor = 15

[lib]
path = "driver.rs"

[dependencies]
kmdf = { path = 'ROOT/crates/kmdf' }
kmdf-sys = { path = 'ROOT/crates/kmdf-sys' }

[workspace]
"#;

/// A driver with two context types of one name and size, and two that are read-only, as the linker
/// folds them.
const DRIVER: &str = r#"
#![no_std]

use kmdf::{Device, DeviceInit, Driver, Error, Passive, Result};

core::arch::global_asm!(".addrsig");

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

struct Twins;
kmdf::driver_entry!(Twins);

macro_rules! twin {
    ($module:ident) => {
        mod $module {
            #[expect(dead_code, reason = "only its address matters")]
            pub struct Twin(pub core::sync::atomic::AtomicU64);
            kmdf::context!(Twin);

            pub struct Info(pub kmdf_sys::WDF_OBJECT_CONTEXT_TYPE_INFO);
            unsafe impl Sync for Info {}
            pub static READ_ONLY: Info = Info(kmdf_sys::WDF_OBJECT_CONTEXT_TYPE_INFO {
                Size: size_of::<kmdf_sys::WDF_OBJECT_CONTEXT_TYPE_INFO>() as u32,
                ContextName: c"ReadOnly".as_ptr().cast(),
                ContextSize: 8,
                UniqueType: &raw const READ_ONLY.0,
                EvtDriverGetUniqueContextType: None,
            });
        }
    };
}
twin!(first);
twin!(second);

impl Driver for Twins {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        let device: Device<'_> = init.create(first::Twin(1.into()), irql)?;
        device.attach(second::Twin(2.into()))?;
        let read_only = [&raw const first::READ_ONLY.0, &raw const second::READ_ONLY.0];
        match core::hint::black_box(read_only)[0].is_null() {
            true => Err(Error::UNSUCCESSFUL),
            false => Ok(()),
        }
    }
}
"#;

/// Builds the driver as every driver is, with /OPT:REF,ICF, and fails unless its context types stay two while the read-only ones become one.
pub fn run() -> Result<String> {
    let root = project::root();
    let folder = project::target(&root).join("folding");
    fs::create_dir_all(&folder)?;
    let manifest = MANIFEST.replace("ROOT", &root.to_string_lossy());
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("driver.rs"), DRIVER)?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let selection = || Selection {
        package: None,
        manifest_path: Some(folder.join("Cargo.toml")),
    };
    let driver = Driver::find(&selection())?;
    build::run(&build::Options {
        selection: selection(),
        ..build::Options::default()
    })?;
    let bytes = fs::read(driver.images().join(driver.image())).context("no image was made")?;
    let types = audit::context_types(&bytes)?;
    let count = |name| types.iter().filter(|found| *found == name).count();
    ensure!(
        count("ReadOnly") == 1,
        "the linker folds no data, so this shows nothing: {} read-only types are left of 2",
        count("ReadOnly")
    );
    ensure!(
        count("Twin") == 2,
        "two context types of one name and size have {} address: the `context::<T>()` of one finds \
         the other's value",
        count("Twin")
    );
    Ok("two context types of one name and size keep addresses of their own".to_owned())
}
