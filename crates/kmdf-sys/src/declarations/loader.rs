//! The interface of the framework's loader, WDFLDR.SYS: what a client's entry point binds with.

use super::*;

/// Version of the framework that a client was built for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WDF_VERSION {
    pub Major: ULONG,
    pub Minor: ULONG,
    pub Build: ULONG,
}

/// What a client asks of the loader, and where the loader puts the function table.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WDF_BIND_INFO {
    pub Size: ULONG,
    pub Component: PWSTR,
    pub Version: WDF_VERSION,
    pub FuncCount: ULONG,
    /// Clients with more than 438 functions pass the address of their table pointer.
    pub FuncTable: *mut WDFFUNC,
    pub Module: PVOID,
}

pub type PWDF_BIND_INFO = *mut WDF_BIND_INFO;

#[cfg_attr(
    image,
    link(name = "WDFLDR.SYS", kind = "raw-dylib", modifiers = "+verbatim")
)]
unsafe extern "C" {
    #[must_use]
    pub fn WdfVersionBind(
        DriverObject: PDRIVER_OBJECT,
        RegistryPath: PUNICODE_STRING,
        BindInfo: PWDF_BIND_INFO,
        ComponentGlobals: *mut PWDF_DRIVER_GLOBALS,
    ) -> NTSTATUS;
    #[must_use]
    pub fn WdfVersionUnbind(
        RegistryPath: PUNICODE_STRING,
        BindInfo: PWDF_BIND_INFO,
        ComponentGlobals: PWDF_DRIVER_GLOBALS,
    ) -> NTSTATUS;
}
