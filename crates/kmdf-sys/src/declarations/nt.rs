//! Structures of the NT kernel, laid out as on x64.

use super::*;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _UNICODE_STRING {
    pub Length: USHORT,
    pub MaximumLength: USHORT,
    pub Buffer: PWSTR,
}

pub type UNICODE_STRING = _UNICODE_STRING;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _LIST_ENTRY {
    pub Flink: *mut _LIST_ENTRY,
    pub Blink: *mut _LIST_ENTRY,
}

pub type LIST_ENTRY = _LIST_ENTRY;

pub type PLIST_ENTRY = *mut _LIST_ENTRY;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _SINGLE_LIST_ENTRY {
    pub Next: *mut _SINGLE_LIST_ENTRY,
}

pub type SINGLE_LIST_ENTRY = _SINGLE_LIST_ENTRY;

pub type PSINGLE_LIST_ENTRY = *mut _SINGLE_LIST_ENTRY;

#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct _SLIST_ENTRY {
    pub Next: *mut _SLIST_ENTRY,
}

pub type SLIST_ENTRY = _SLIST_ENTRY;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _SLIST_HEADER__bindgen_ty_1 {
    pub Alignment: ULONGLONG,
    pub Region: ULONGLONG,
}

#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub union _SLIST_HEADER {
    pub __bindgen_anon_1: _SLIST_HEADER__bindgen_ty_1,
}

pub type SLIST_HEADER = _SLIST_HEADER;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _LARGE_INTEGER__bindgen_ty_1 {
    pub LowPart: ULONG,
    pub HighPart: LONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _LARGE_INTEGER__bindgen_ty_2 {
    pub LowPart: ULONG,
    pub HighPart: LONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _LARGE_INTEGER {
    pub __bindgen_anon_1: _LARGE_INTEGER__bindgen_ty_1,
    pub u: _LARGE_INTEGER__bindgen_ty_2,
    pub QuadPart: LONGLONG,
}

pub type LARGE_INTEGER = _LARGE_INTEGER;

pub type PLARGE_INTEGER = *mut _LARGE_INTEGER;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _GUID {
    pub Data1: u32,
    pub Data2: u16,
    pub Data3: u16,
    pub Data4: [u8; 8],
}

pub type GUID = _GUID;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _OBJECT_ATTRIBUTES {
    pub Length: ULONG,
    pub RootDirectory: HANDLE,
    pub ObjectName: PUNICODE_STRING,
    pub Attributes: ULONG,
    pub SecurityDescriptor: PVOID,
    pub SecurityQualityOfService: PVOID,
}

pub type OBJECT_ATTRIBUTES = _OBJECT_ATTRIBUTES;

pub type POBJECT_ATTRIBUTES = *mut _OBJECT_ATTRIBUTES;

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IO_STATUS_BLOCK__bindgen_ty_1 {
    pub Status: NTSTATUS,
    pub Pointer: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STATUS_BLOCK {
    pub __bindgen_anon_1: _IO_STATUS_BLOCK__bindgen_ty_1,
    pub Information: ULONG_PTR,
}

pub type IO_STATUS_BLOCK = _IO_STATUS_BLOCK;

pub type PIO_STATUS_BLOCK = *mut _IO_STATUS_BLOCK;

#[repr(C)]
#[derive(Clone, Copy)]
pub union _GENERAL_LOOKASIDE__bindgen_ty_1 {
    pub ListHead: SLIST_HEADER,
    pub SingleListHead: SINGLE_LIST_ENTRY,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _GENERAL_LOOKASIDE__bindgen_ty_2 {
    pub AllocateMisses: ULONG,
    pub AllocateHits: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _GENERAL_LOOKASIDE__bindgen_ty_3 {
    pub FreeMisses: ULONG,
    pub FreeHits: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _GENERAL_LOOKASIDE__bindgen_ty_4 {
    pub AllocateEx: PALLOCATE_FUNCTION_EX,
    pub Allocate: PALLOCATE_FUNCTION,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _GENERAL_LOOKASIDE__bindgen_ty_5 {
    pub FreeEx: PFREE_FUNCTION_EX,
    pub Free: PFREE_FUNCTION,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _GENERAL_LOOKASIDE__bindgen_ty_6 {
    pub LastAllocateMisses: ULONG,
    pub LastAllocateHits: ULONG,
}

#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct _GENERAL_LOOKASIDE {
    pub __bindgen_anon_1: _GENERAL_LOOKASIDE__bindgen_ty_1,
    pub Depth: USHORT,
    pub MaximumDepth: USHORT,
    pub TotalAllocates: ULONG,
    pub __bindgen_anon_2: _GENERAL_LOOKASIDE__bindgen_ty_2,
    pub TotalFrees: ULONG,
    pub __bindgen_anon_3: _GENERAL_LOOKASIDE__bindgen_ty_3,
    pub Type: POOL_TYPE,
    pub Tag: ULONG,
    pub Size: ULONG,
    pub __bindgen_anon_4: _GENERAL_LOOKASIDE__bindgen_ty_4,
    pub __bindgen_anon_5: _GENERAL_LOOKASIDE__bindgen_ty_5,
    pub ListEntry: LIST_ENTRY,
    pub LastTotalAllocates: ULONG,
    pub __bindgen_anon_6: _GENERAL_LOOKASIDE__bindgen_ty_6,
    pub Future: [ULONG; 2],
}

pub type GENERAL_LOOKASIDE = _GENERAL_LOOKASIDE;

pub type PGENERAL_LOOKASIDE = *mut _GENERAL_LOOKASIDE;

#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct _PAGED_LOOKASIDE_LIST {
    pub L: GENERAL_LOOKASIDE,
}

pub type PAGED_LOOKASIDE_LIST = _PAGED_LOOKASIDE_LIST;

#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct _NPAGED_LOOKASIDE_LIST {
    pub L: GENERAL_LOOKASIDE,
}

pub type NPAGED_LOOKASIDE_LIST = _NPAGED_LOOKASIDE_LIST;

#[repr(C)]
#[derive(Clone, Copy)]
pub union _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_1 {
    pub Lock: LONG,
    pub LockNV: LONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_2 {
    pub Type: UCHAR,
    pub Signalling: UCHAR,
    pub Size: UCHAR,
    pub Reserved1: UCHAR,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _DISPATCHER_HEADER__bindgen_ty_1 {
    pub __bindgen_anon_1: _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_1,
    pub __bindgen_anon_2: _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_2,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _DISPATCHER_HEADER {
    pub __bindgen_anon_1: _DISPATCHER_HEADER__bindgen_ty_1,
    pub SignalState: LONG,
    pub WaitListHead: LIST_ENTRY,
}

pub type DISPATCHER_HEADER = _DISPATCHER_HEADER;

pub type PDISPATCHER_HEADER = *mut _DISPATCHER_HEADER;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _KEVENT {
    pub Header: DISPATCHER_HEADER,
}

pub type KEVENT = _KEVENT;

pub type PKEVENT = *mut _KEVENT;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _KDPC__bindgen_ty_1__bindgen_ty_1 {
    pub Type: UCHAR,
    pub Importance: UCHAR,
    pub Number: USHORT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _KDPC__bindgen_ty_1 {
    pub TargetInfoAsUlong: ULONG,
    pub __bindgen_anon_1: _KDPC__bindgen_ty_1__bindgen_ty_1,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _KDPC {
    pub __bindgen_anon_1: _KDPC__bindgen_ty_1,
    pub DpcListEntry: SINGLE_LIST_ENTRY,
    pub ProcessorHistory: KAFFINITY,
    pub DeferredRoutine: PKDEFERRED_ROUTINE,
    pub DeferredContext: PVOID,
    pub SystemArgument1: PVOID,
    pub SystemArgument2: PVOID,
    pub DpcData: PVOID,
}

pub type KDPC = _KDPC;

pub type PKDPC = *mut _KDPC;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _KAPC {
    pub Type: UCHAR,
    pub AllFlags: UCHAR,
    pub Size: UCHAR,
    pub SpareByte1: UCHAR,
    pub SpareLong0: ULONG,
    pub Thread: *mut _KTHREAD,
    pub ApcListEntry: LIST_ENTRY,
    pub Reserved: [PVOID; 3],
    pub NormalContext: PVOID,
    pub SystemArgument1: PVOID,
    pub SystemArgument2: PVOID,
    pub ApcStateIndex: CCHAR,
    pub ApcMode: KPROCESSOR_MODE,
    pub Inserted: BOOLEAN,
}

pub type KAPC = _KAPC;

pub type PKAPC = *mut _KAPC;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _KDEVICE_QUEUE__bindgen_ty_1 {
    pub Busy: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _KDEVICE_QUEUE {
    pub Type: CSHORT,
    pub Size: CSHORT,
    pub DeviceListHead: LIST_ENTRY,
    pub Lock: KSPIN_LOCK,
    pub __bindgen_anon_1: _KDEVICE_QUEUE__bindgen_ty_1,
}

pub type KDEVICE_QUEUE = _KDEVICE_QUEUE;

pub type PKDEVICE_QUEUE = *mut _KDEVICE_QUEUE;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _KDEVICE_QUEUE_ENTRY {
    pub DeviceListEntry: LIST_ENTRY,
    pub SortKey: ULONG,
    pub Inserted: BOOLEAN,
}

pub type KDEVICE_QUEUE_ENTRY = _KDEVICE_QUEUE_ENTRY;

pub type PKDEVICE_QUEUE_ENTRY = *mut _KDEVICE_QUEUE_ENTRY;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _WAIT_CONTEXT_BLOCK__bindgen_ty_1 {
    pub WaitQueueEntry: KDEVICE_QUEUE_ENTRY,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _WAIT_CONTEXT_BLOCK {
    pub __bindgen_anon_1: _WAIT_CONTEXT_BLOCK__bindgen_ty_1,
    pub DeviceRoutine: PDRIVER_CONTROL,
    pub DeviceContext: PVOID,
    pub NumberOfMapRegisters: ULONG,
    pub DeviceObject: PVOID,
    pub CurrentIrp: PVOID,
    pub BufferChainingDpc: PKDPC,
}

pub type WAIT_CONTEXT_BLOCK = _WAIT_CONTEXT_BLOCK;

pub type PWAIT_CONTEXT_BLOCK = *mut _WAIT_CONTEXT_BLOCK;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _MDL {
    pub Next: *mut _MDL,
    pub Size: CSHORT,
    pub MdlFlags: CSHORT,
    pub Process: *mut _EPROCESS,
    pub MappedSystemVa: PVOID,
    pub StartVa: PVOID,
    pub ByteCount: ULONG,
    pub ByteOffset: ULONG,
}

pub type MDL = _MDL;

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IRP__bindgen_ty_1 {
    pub MasterIrp: *mut _IRP,
    pub IrpCount: LONG,
    pub SystemBuffer: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IRP__bindgen_ty_2 {
    pub UserIosb: PIO_STATUS_BLOCK,
    pub IoRingContext: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_1 {
    pub UserApcRoutine: PIO_APC_ROUTINE,
    pub IssuingProcess: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_2 {
    pub UserApcContext: PVOID,
    pub IoRing: *mut _IORING_OBJECT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IRP__bindgen_ty_3__bindgen_ty_1 {
    pub __bindgen_anon_1: _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_1,
    pub __bindgen_anon_2: _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_2,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IRP__bindgen_ty_3 {
    pub AsynchronousParameters: _IRP__bindgen_ty_3__bindgen_ty_1,
    pub AllocationSize: LARGE_INTEGER,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_1__bindgen_ty_1 {
    pub DriverContext: [PVOID; 4],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_1 {
    pub DeviceQueueEntry: KDEVICE_QUEUE_ENTRY,
    pub __bindgen_anon_1: _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_1__bindgen_ty_1,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2__bindgen_ty_1 {
    pub CurrentStackLocation: *mut _IO_STACK_LOCATION,
    pub PacketType: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2 {
    pub ListEntry: LIST_ENTRY,
    pub __bindgen_anon_1: _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2__bindgen_ty_1,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IRP__bindgen_ty_4__bindgen_ty_1 {
    pub __bindgen_anon_1: _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_1,
    pub Thread: PETHREAD,
    pub AuxiliaryBuffer: PCHAR,
    pub __bindgen_anon_2: _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2,
    pub OriginalFileObject: *mut _FILE_OBJECT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IRP__bindgen_ty_4 {
    pub Overlay: _IRP__bindgen_ty_4__bindgen_ty_1,
    pub Apc: KAPC,
    pub CompletionKey: PVOID,
}

#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct _IRP {
    pub Type: CSHORT,
    pub Size: USHORT,
    pub MdlAddress: *mut _MDL,
    pub Flags: ULONG,
    pub AssociatedIrp: _IRP__bindgen_ty_1,
    pub ThreadListEntry: LIST_ENTRY,
    pub IoStatus: IO_STATUS_BLOCK,
    pub RequestorMode: KPROCESSOR_MODE,
    pub PendingReturned: BOOLEAN,
    pub StackCount: CHAR,
    pub CurrentLocation: CHAR,
    pub Cancel: BOOLEAN,
    pub CancelIrql: KIRQL,
    pub ApcEnvironment: CCHAR,
    pub AllocationFlags: UCHAR,
    pub __bindgen_anon_1: _IRP__bindgen_ty_2,
    pub UserEvent: PKEVENT,
    pub Overlay: _IRP__bindgen_ty_3,
    pub CancelRoutine: PDRIVER_CANCEL,
    pub UserBuffer: PVOID,
    pub Tail: _IRP__bindgen_ty_4,
}

pub type IRP = _IRP;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_1 {
    pub SecurityContext: PIO_SECURITY_CONTEXT,
    pub Options: ULONG,
    pub __bindgen_padding_0: [u8; 4],
    pub FileAttributes: USHORT,
    pub ShareAccess: USHORT,
    pub __bindgen_padding_1: [u8; 4],
    pub EaLength: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_4 {
    pub Length: ULONG,
    pub __bindgen_padding_0: [u8; 4],
    pub Key: ULONG,
    pub Flags: ULONG,
    pub ByteOffset: LARGE_INTEGER,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_5 {
    pub Length: ULONG,
    pub __bindgen_padding_0: [u8; 4],
    pub Key: ULONG,
    pub Flags: ULONG,
    pub ByteOffset: LARGE_INTEGER,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_17 {
    pub OutputBufferLength: ULONG,
    pub __bindgen_padding_0: [u8; 4],
    pub InputBufferLength: ULONG,
    pub __bindgen_padding_1: [u8; 4],
    pub IoControlCode: ULONG,
    pub Type3InputBuffer: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_25 {
    pub Type: DEVICE_RELATION_TYPE,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_31 {
    pub IdType: BUS_QUERY_ID_TYPE,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_37 {
    pub AllocatedResources: PCM_RESOURCE_LIST,
    pub AllocatedResourcesTranslated: PCM_RESOURCE_LIST,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_39 {
    pub Argument1: PVOID,
    pub Argument2: PVOID,
    pub Argument3: PVOID,
    pub Argument4: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _IO_STACK_LOCATION__bindgen_ty_1 {
    pub Create: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_1,
    pub Read: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_4,
    pub Write: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_5,
    pub DeviceIoControl: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_17,
    pub QueryDeviceRelations: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_25,
    pub QueryId: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_31,
    pub StartDevice: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_37,
    pub Others: _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_39,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _IO_STACK_LOCATION {
    pub MajorFunction: UCHAR,
    pub MinorFunction: UCHAR,
    pub Flags: UCHAR,
    pub Control: UCHAR,
    pub Parameters: _IO_STACK_LOCATION__bindgen_ty_1,
    pub DeviceObject: PDEVICE_OBJECT,
    pub FileObject: PFILE_OBJECT,
    pub CompletionRoutine: PIO_COMPLETION_ROUTINE,
    pub Context: PVOID,
}

pub type IO_STACK_LOCATION = _IO_STACK_LOCATION;

pub type PIO_STACK_LOCATION = *mut _IO_STACK_LOCATION;

#[repr(C)]
#[derive(Clone, Copy)]
pub union _DEVICE_OBJECT__bindgen_ty_1 {
    pub ListEntry: LIST_ENTRY,
    pub Wcb: WAIT_CONTEXT_BLOCK,
}

#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct _DEVICE_OBJECT {
    pub Type: CSHORT,
    pub Size: USHORT,
    pub ReferenceCount: LONG,
    pub DriverObject: *mut _DRIVER_OBJECT,
    pub NextDevice: *mut _DEVICE_OBJECT,
    pub AttachedDevice: *mut _DEVICE_OBJECT,
    pub CurrentIrp: *mut _IRP,
    pub Timer: PIO_TIMER,
    pub Flags: ULONG,
    pub Characteristics: ULONG,
    pub Vpb: PVPB,
    pub DeviceExtension: PVOID,
    pub DeviceType: ULONG,
    pub StackSize: CCHAR,
    pub Queue: _DEVICE_OBJECT__bindgen_ty_1,
    pub AlignmentRequirement: ULONG,
    pub DeviceQueue: KDEVICE_QUEUE,
    pub Dpc: KDPC,
    pub ActiveThreadCount: ULONG,
    pub SecurityDescriptor: PSECURITY_DESCRIPTOR,
    pub DeviceLock: KEVENT,
    pub SectorSize: USHORT,
    pub Spare1: USHORT,
    pub DeviceObjectExtension: *mut _DEVOBJ_EXTENSION,
    pub Reserved: PVOID,
}

pub type DEVICE_OBJECT = _DEVICE_OBJECT;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _DRIVER_OBJECT {
    pub Type: CSHORT,
    pub Size: CSHORT,
    pub DeviceObject: PDEVICE_OBJECT,
    pub Flags: ULONG,
    pub DriverStart: PVOID,
    pub DriverSize: ULONG,
    pub DriverSection: PVOID,
    pub DriverExtension: PDRIVER_EXTENSION,
    pub DriverName: UNICODE_STRING,
    pub HardwareDatabase: PUNICODE_STRING,
    pub FastIoDispatch: *mut _FAST_IO_DISPATCH,
    pub DriverInit: PDRIVER_INITIALIZE,
    pub DriverStartIo: PDRIVER_STARTIO,
    pub DriverUnload: PDRIVER_UNLOAD,
    pub MajorFunction: [PDRIVER_DISPATCH; 28],
}

pub type DRIVER_OBJECT = _DRIVER_OBJECT;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _DRIVER_EXTENSION {
    pub DriverObject: *mut _DRIVER_OBJECT,
    pub AddDevice: PDRIVER_ADD_DEVICE,
    pub Count: ULONG,
    pub ServiceKeyName: UNICODE_STRING,
}

pub type DRIVER_EXTENSION = _DRIVER_EXTENSION;

pub type PDRIVER_EXTENSION = *mut _DRIVER_EXTENSION;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct _FILE_OBJECT {
    pub Type: CSHORT,
    pub Size: CSHORT,
    pub DeviceObject: PDEVICE_OBJECT,
    pub Vpb: PVPB,
    pub FsContext: PVOID,
    pub FsContext2: PVOID,
    pub SectionObjectPointer: PSECTION_OBJECT_POINTERS,
    pub PrivateCacheMap: PVOID,
    pub FinalStatus: NTSTATUS,
    pub RelatedFileObject: *mut _FILE_OBJECT,
    pub LockOperation: BOOLEAN,
    pub DeletePending: BOOLEAN,
    pub ReadAccess: BOOLEAN,
    pub WriteAccess: BOOLEAN,
    pub DeleteAccess: BOOLEAN,
    pub SharedRead: BOOLEAN,
    pub SharedWrite: BOOLEAN,
    pub SharedDelete: BOOLEAN,
    pub Flags: ULONG,
    pub FileName: UNICODE_STRING,
    pub CurrentByteOffset: LARGE_INTEGER,
    pub Waiters: ULONG,
    pub Busy: ULONG,
    pub LastLock: PVOID,
    pub Lock: KEVENT,
    pub Event: KEVENT,
    pub CompletionContext: PIO_COMPLETION_CONTEXT,
    pub IrpListLock: KSPIN_LOCK,
    pub IrpList: LIST_ENTRY,
    pub FileObjectExtension: PVOID,
}

pub type FILE_OBJECT = _FILE_OBJECT;

pub type PFILE_OBJECT = *mut _FILE_OBJECT;

zeroed_default! {
    _UNICODE_STRING,
    _LIST_ENTRY,
    _SINGLE_LIST_ENTRY,
    _SLIST_ENTRY,
    _SLIST_HEADER__bindgen_ty_1,
    _SLIST_HEADER,
    _LARGE_INTEGER__bindgen_ty_1,
    _LARGE_INTEGER__bindgen_ty_2,
    _LARGE_INTEGER,
    _GUID,
    _OBJECT_ATTRIBUTES,
    _IO_STATUS_BLOCK__bindgen_ty_1,
    _IO_STATUS_BLOCK,
    _GENERAL_LOOKASIDE__bindgen_ty_1,
    _GENERAL_LOOKASIDE__bindgen_ty_2,
    _GENERAL_LOOKASIDE__bindgen_ty_3,
    _GENERAL_LOOKASIDE__bindgen_ty_4,
    _GENERAL_LOOKASIDE__bindgen_ty_5,
    _GENERAL_LOOKASIDE__bindgen_ty_6,
    _GENERAL_LOOKASIDE,
    _PAGED_LOOKASIDE_LIST,
    _NPAGED_LOOKASIDE_LIST,
    _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_1,
    _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_2,
    _DISPATCHER_HEADER__bindgen_ty_1,
    _DISPATCHER_HEADER,
    _KEVENT,
    _KDPC__bindgen_ty_1__bindgen_ty_1,
    _KDPC__bindgen_ty_1,
    _KDPC,
    _KAPC,
    _KDEVICE_QUEUE__bindgen_ty_1,
    _KDEVICE_QUEUE,
    _KDEVICE_QUEUE_ENTRY,
    _WAIT_CONTEXT_BLOCK__bindgen_ty_1,
    _WAIT_CONTEXT_BLOCK,
    _MDL,
    _IRP__bindgen_ty_1,
    _IRP__bindgen_ty_2,
    _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_1,
    _IRP__bindgen_ty_3__bindgen_ty_1__bindgen_ty_2,
    _IRP__bindgen_ty_3__bindgen_ty_1,
    _IRP__bindgen_ty_3,
    _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_1__bindgen_ty_1,
    _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_1,
    _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2__bindgen_ty_1,
    _IRP__bindgen_ty_4__bindgen_ty_1__bindgen_ty_2,
    _IRP__bindgen_ty_4__bindgen_ty_1,
    _IRP__bindgen_ty_4,
    _IRP,
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_1,
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_4,
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_5,
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_17,
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_25,
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_31,
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_37,
    _IO_STACK_LOCATION__bindgen_ty_1__bindgen_ty_39,
    _IO_STACK_LOCATION__bindgen_ty_1,
    _IO_STACK_LOCATION,
    _DEVICE_OBJECT__bindgen_ty_1,
    _DEVICE_OBJECT,
    _DRIVER_OBJECT,
    _DRIVER_EXTENSION,
    _FILE_OBJECT,
}
