//! Scalar types, pointers, handles and opaque types, sized as in 64-bit Windows.

use super::*;
use core::ffi::c_void;

pub type CHAR = i8;
pub type CCHAR = i8;
pub type UCHAR = u8;
pub type BOOLEAN = UCHAR;
pub type CSHORT = i16;
pub type USHORT = u16;
pub type WCHAR = u16;
pub type LONG = i32;
pub type ULONG = u32;
pub type LONGLONG = i64;
pub type ULONGLONG = u64;
pub type ULONG64 = u64;
pub type ULONG_PTR = u64;
pub type SIZE_T = ULONG_PTR;
pub type NTSTATUS = LONG;
pub type KIRQL = UCHAR;
pub type KPROCESSOR_MODE = CCHAR;
pub type KPRIORITY = LONG;
pub type KAFFINITY = ULONG_PTR;
pub type KSPIN_LOCK = ULONG_PTR;
pub type ACCESS_MASK = ULONG;
pub type POOL_FLAGS = ULONG64;

pub type PVOID = *mut c_void;
pub type HANDLE = *mut c_void;
pub type PHANDLE = *mut HANDLE;
pub type PCHAR = *mut CHAR;
pub type PCCH = *const CHAR;
pub type LPCSTR = *const CHAR;
pub type PWSTR = *mut WCHAR;
pub type PCWSTR = *const WCHAR;
pub type PULONG = *mut ULONG;
pub type PLONGLONG = *mut LONGLONG;
pub type PKIRQL = *mut KIRQL;
pub type PKSPIN_LOCK = *mut ULONG_PTR;
pub type LPCGUID = *const GUID;
pub type PCUNICODE_STRING = *const UNICODE_STRING;
pub type PUNICODE_STRING = *mut _UNICODE_STRING;
pub type PDRIVER_OBJECT = *mut _DRIVER_OBJECT;
pub type PDEVICE_OBJECT = *mut _DEVICE_OBJECT;
pub type PIRP = *mut _IRP;
pub type PMDL = *mut _MDL;
pub type PMDLX = *mut _MDL;
pub type PRKEVENT = *mut _KEVENT;
pub type PRKDPC = *mut _KDPC;
pub type PSLIST_ENTRY = *mut _SLIST_ENTRY;
pub type PSLIST_HEADER = *mut _SLIST_HEADER;
pub type PPAGED_LOOKASIDE_LIST = *mut _PAGED_LOOKASIDE_LIST;
pub type PNPAGED_LOOKASIDE_LIST = *mut _NPAGED_LOOKASIDE_LIST;
pub type PSECURITY_DESCRIPTOR = PVOID;

macro_rules! opaque {
    ($($name:ident as $pointer:ident),* $(,)?) => {$(
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name {
            _unused: [u8; 0],
        }
        pub type $pointer = *mut $name;
    )*};
}

opaque! {
    _CM_RESOURCE_LIST as PCM_RESOURCE_LIST,
    _DEVOBJ_EXTENSION as PDEVOBJ_EXTENSION,
    _EPROCESS as PEPROCESS,
    _FAST_IO_DISPATCH as PFAST_IO_DISPATCH,
    _IORING_OBJECT as PIORING_OBJECT,
    _IO_COMPLETION_CONTEXT as PIO_COMPLETION_CONTEXT,
    _IO_SECURITY_CONTEXT as PIO_SECURITY_CONTEXT,
    _IO_TIMER as PIO_TIMER,
    _IO_WORKITEM as PIO_WORKITEM,
    _KTHREAD as PETHREAD,
    _LOOKASIDE_LIST_EX as PLOOKASIDE_LIST_EX,
    _PROCESSOR_NUMBER as PPROCESSOR_NUMBER,
    _SECTION_OBJECT_POINTERS as PSECTION_OBJECT_POINTERS,
    _VPB as PVPB,
    WDFDEVICE_INIT as PWDFDEVICE_INIT,
}

pub type DRIVER_INITIALIZE = Option<
    unsafe extern "C" fn(
        DriverObject: *mut _DRIVER_OBJECT,
        RegistryPath: PUNICODE_STRING,
    ) -> NTSTATUS,
>;
pub type PDRIVER_INITIALIZE = DRIVER_INITIALIZE;
pub type DRIVER_DISPATCH =
    Option<unsafe extern "C" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP) -> NTSTATUS>;
pub type PDRIVER_DISPATCH = DRIVER_DISPATCH;
pub type DRIVER_UNLOAD = Option<unsafe extern "C" fn(DriverObject: *mut _DRIVER_OBJECT)>;
pub type PDRIVER_UNLOAD = DRIVER_UNLOAD;
pub type DRIVER_CANCEL =
    Option<unsafe extern "C" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP)>;
pub type PDRIVER_CANCEL = DRIVER_CANCEL;
pub type DRIVER_ADD_DEVICE = Option<
    unsafe extern "C" fn(
        DriverObject: *mut _DRIVER_OBJECT,
        PhysicalDeviceObject: *mut _DEVICE_OBJECT,
    ) -> NTSTATUS,
>;
pub type PDRIVER_ADD_DEVICE = DRIVER_ADD_DEVICE;
pub type DRIVER_STARTIO =
    Option<unsafe extern "C" fn(DeviceObject: *mut _DEVICE_OBJECT, Irp: *mut _IRP)>;
pub type PDRIVER_STARTIO = DRIVER_STARTIO;
pub type DRIVER_CONTROL = Option<
    unsafe extern "C" fn(
        DeviceObject: *mut _DEVICE_OBJECT,
        Irp: *mut _IRP,
        MapRegisterBase: PVOID,
        Context: PVOID,
    ) -> i32,
>;
pub type PDRIVER_CONTROL = DRIVER_CONTROL;
pub type IO_COMPLETION_ROUTINE = Option<
    unsafe extern "C" fn(
        DeviceObject: *mut _DEVICE_OBJECT,
        Irp: *mut _IRP,
        Context: PVOID,
    ) -> NTSTATUS,
>;
pub type PIO_COMPLETION_ROUTINE = IO_COMPLETION_ROUTINE;
pub type IO_WORKITEM_ROUTINE =
    Option<unsafe extern "C" fn(DeviceObject: PDEVICE_OBJECT, Context: PVOID)>;
pub type PIO_WORKITEM_ROUTINE = IO_WORKITEM_ROUTINE;
pub type PIO_APC_ROUTINE = Option<
    unsafe extern "C" fn(ApcContext: PVOID, IoStatusBlock: PIO_STATUS_BLOCK, Reserved: ULONG),
>;
pub type KDEFERRED_ROUTINE = Option<
    unsafe extern "C" fn(
        Dpc: *mut _KDPC,
        DeferredContext: PVOID,
        SystemArgument1: PVOID,
        SystemArgument2: PVOID,
    ),
>;
pub type PKDEFERRED_ROUTINE = KDEFERRED_ROUTINE;
pub type PALLOCATE_FUNCTION =
    Option<unsafe extern "C" fn(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID>;
pub type PFREE_FUNCTION = Option<unsafe extern "C" fn(Buffer: PVOID)>;
pub type PALLOCATE_FUNCTION_EX = Option<
    unsafe extern "C" fn(
        PoolType: POOL_TYPE,
        NumberOfBytes: SIZE_T,
        Tag: ULONG,
        Lookaside: PLOOKASIDE_LIST_EX,
    ) -> PVOID,
>;
pub type PFREE_FUNCTION_EX =
    Option<unsafe extern "C" fn(Buffer: PVOID, Lookaside: PLOOKASIDE_LIST_EX)>;

macro_rules! handles {
    ($($handle:ident is $target:ident),* $(,)?) => {$(
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $target {
            pub unused: i32,
        }
        pub type $handle = *mut $target;
    )*};
}

handles! {
    WDFDRIVER is WDFDRIVER__,
    WDFDEVICE is WDFDEVICE__,
    WDFQUEUE is WDFQUEUE__,
    WDFREQUEST is WDFREQUEST__,
    WDFFILEOBJECT is WDFFILEOBJECT__,
    WDFMEMORY is WDFMEMORY__,
    WDFLOOKASIDE is WDFLOOKASIDE__,
    WDFSPINLOCK is WDFSPINLOCK__,
    WDFWAITLOCK is WDFWAITLOCK__,
    WDFWORKITEM is WDFWORKITEM__,
    WDFCMRESLIST is WDFCMRESLIST__,
}

pub type WDFOBJECT = HANDLE;
pub type WDFCONTEXT = PVOID;
pub type WDFFUNC = Option<unsafe extern "C" fn()>;
pub type WDF_STRUCT_INFO = *mut usize;
pub type PCWDF_OBJECT_CONTEXT_TYPE_INFO = *const _WDF_OBJECT_CONTEXT_TYPE_INFO;

/// Whether a status is of the success or informational class.
pub const fn NT_SUCCESS(status: NTSTATUS) -> bool {
    status >= 0
}
