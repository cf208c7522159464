//! The one dev-dependency for the tests of a Windows kernel driver, on Linux, macOS or Windows.

// With a WDK there is a kernel, and `cargo wdk build` builds every member: nothing of this one.
#![cfg(not(wdk))]

mod file;
mod report;
mod scenario;

// The driver's imports of the framework are defined in `kmdf_model`, those of the kernel in `nt_model`.
pub use {kmdf_model, kmdf_sys, nt_model};

pub use file::{File, Pending, Reply, UNTOUCHED};
pub use nt_model::{
    Access, Caller, Config, Device, Driver, DriverEntryPoint, IoStatus, Kernel, LowResources,
    LowerRequest, NtStatus, Pool, RegistryData, RegistryValue, Stop, TagUse, Verifier,
    VerifierReport, Windows,
};
pub use report::{Failure, Refused};
pub use scenario::{Scenario, Test};
