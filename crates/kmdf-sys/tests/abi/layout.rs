//! Every structure declared without a WDK has the size, alignment and field offsets of the facts.

use crate::facts::{declared_structures, facts, spelled_fact};
use kmdf_sys::*;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;

/// What rustc made of one declared structure.
struct Layout {
    size: usize,
    align: usize,
    /// Path of the field as Rust spells it, with its offset.
    fields: Vec<(String, usize)>,
}

macro_rules! layouts {
    ($($name:ident { $($($field:ident).+,)* })*) => {
        fn layouts() -> BTreeMap<&'static str, Layout> {
            BTreeMap::from([$(
                (
                    stringify!($name),
                    Layout {
                        size: size_of::<$name>(),
                        align: align_of::<$name>(),
                        fields: vec![$(
                            ([$(stringify!($field)),+].join("."), offset_of!($name, $($field).+)),
                        )*],
                    },
                ),
            )*])
        }
    };
}

layouts! {
    _UNICODE_STRING {
        Length,
        MaximumLength,
        Buffer,
    }
    _LIST_ENTRY {
        Flink,
        Blink,
    }
    _SINGLE_LIST_ENTRY {
        Next,
    }
    _SLIST_ENTRY {
        Next,
    }
    _SLIST_HEADER {
        __bindgen_anon_1.Alignment,
        __bindgen_anon_1.Region,
    }
    _LARGE_INTEGER {
        __bindgen_anon_1.LowPart,
        __bindgen_anon_1.HighPart,
        u.LowPart,
        u.HighPart,
        u,
        QuadPart,
    }
    _GUID {
        Data1,
        Data2,
        Data3,
        Data4,
    }
    _OBJECT_ATTRIBUTES {
        Length,
        RootDirectory,
        ObjectName,
        Attributes,
        SecurityDescriptor,
        SecurityQualityOfService,
    }
    _IO_STATUS_BLOCK {
        __bindgen_anon_1.Status,
        __bindgen_anon_1.Pointer,
        Information,
    }
    _GENERAL_LOOKASIDE {
        __bindgen_anon_1.ListHead,
        __bindgen_anon_1.SingleListHead,
        Depth,
        MaximumDepth,
        TotalAllocates,
        __bindgen_anon_2.AllocateMisses,
        __bindgen_anon_2.AllocateHits,
        TotalFrees,
        __bindgen_anon_3.FreeMisses,
        __bindgen_anon_3.FreeHits,
        Type,
        Tag,
        Size,
        __bindgen_anon_4.AllocateEx,
        __bindgen_anon_4.Allocate,
        __bindgen_anon_5.FreeEx,
        __bindgen_anon_5.Free,
        ListEntry,
        LastTotalAllocates,
        __bindgen_anon_6.LastAllocateMisses,
        __bindgen_anon_6.LastAllocateHits,
        Future,
    }
    _PAGED_LOOKASIDE_LIST {
        L,
    }
    _NPAGED_LOOKASIDE_LIST {
        L,
    }
    _DISPATCHER_HEADER {
        __bindgen_anon_1.__bindgen_anon_1.Lock,
        __bindgen_anon_1.__bindgen_anon_1.LockNV,
        __bindgen_anon_1.__bindgen_anon_2.Type,
        __bindgen_anon_1.__bindgen_anon_2.Signalling,
        __bindgen_anon_1.__bindgen_anon_2.Size,
        __bindgen_anon_1.__bindgen_anon_2.Reserved1,
        SignalState,
        WaitListHead,
    }
    _KEVENT {
        Header,
    }
    _KDPC {
        __bindgen_anon_1.TargetInfoAsUlong,
        __bindgen_anon_1.__bindgen_anon_1.Type,
        __bindgen_anon_1.__bindgen_anon_1.Importance,
        __bindgen_anon_1.__bindgen_anon_1.Number,
        DpcListEntry,
        ProcessorHistory,
        DeferredRoutine,
        DeferredContext,
        SystemArgument1,
        SystemArgument2,
        DpcData,
    }
    _KAPC {
        Type,
        AllFlags,
        Size,
        SpareByte1,
        SpareLong0,
        Thread,
        ApcListEntry,
        Reserved,
        NormalContext,
        SystemArgument1,
        SystemArgument2,
        ApcStateIndex,
        ApcMode,
        Inserted,
    }
    _KDEVICE_QUEUE {
        Type,
        Size,
        DeviceListHead,
        Lock,
        __bindgen_anon_1.Busy,
    }
    _KDEVICE_QUEUE_ENTRY {
        DeviceListEntry,
        SortKey,
        Inserted,
    }
    _WAIT_CONTEXT_BLOCK {
        __bindgen_anon_1.WaitQueueEntry,
        DeviceRoutine,
        DeviceContext,
        NumberOfMapRegisters,
        DeviceObject,
        CurrentIrp,
        BufferChainingDpc,
    }
    _MDL {
        Next,
        Size,
        MdlFlags,
        Process,
        MappedSystemVa,
        StartVa,
        ByteCount,
        ByteOffset,
    }
    _IRP {
        Type,
        Size,
        MdlAddress,
        Flags,
        AssociatedIrp.MasterIrp,
        AssociatedIrp.IrpCount,
        AssociatedIrp.SystemBuffer,
        AssociatedIrp,
        ThreadListEntry,
        IoStatus,
        RequestorMode,
        PendingReturned,
        StackCount,
        CurrentLocation,
        Cancel,
        CancelIrql,
        ApcEnvironment,
        AllocationFlags,
        __bindgen_anon_1.UserIosb,
        __bindgen_anon_1.IoRingContext,
        UserEvent,
        Overlay.AsynchronousParameters.__bindgen_anon_1.UserApcRoutine,
        Overlay.AsynchronousParameters.__bindgen_anon_1.IssuingProcess,
        Overlay.AsynchronousParameters.__bindgen_anon_2.UserApcContext,
        Overlay.AsynchronousParameters.__bindgen_anon_2.IoRing,
        Overlay.AsynchronousParameters,
        Overlay.AllocationSize,
        Overlay,
        CancelRoutine,
        UserBuffer,
        Tail.Overlay.__bindgen_anon_1.DeviceQueueEntry,
        Tail.Overlay.__bindgen_anon_1.__bindgen_anon_1.DriverContext,
        Tail.Overlay.Thread,
        Tail.Overlay.AuxiliaryBuffer,
        Tail.Overlay.__bindgen_anon_2.ListEntry,
        Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation,
        Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.PacketType,
        Tail.Overlay.OriginalFileObject,
        Tail.Overlay,
        Tail.Apc,
        Tail.CompletionKey,
        Tail,
    }
    _IO_STACK_LOCATION {
        MajorFunction,
        MinorFunction,
        Flags,
        Control,
        Parameters.Create.SecurityContext,
        Parameters.Create.Options,
        Parameters.Create.FileAttributes,
        Parameters.Create.ShareAccess,
        Parameters.Create.EaLength,
        Parameters.Create,
        Parameters.Read.Length,
        Parameters.Read.Key,
        Parameters.Read.Flags,
        Parameters.Read.ByteOffset,
        Parameters.Read,
        Parameters.Write.Length,
        Parameters.Write.Key,
        Parameters.Write.Flags,
        Parameters.Write.ByteOffset,
        Parameters.Write,
        Parameters.DeviceIoControl.OutputBufferLength,
        Parameters.DeviceIoControl.InputBufferLength,
        Parameters.DeviceIoControl.IoControlCode,
        Parameters.DeviceIoControl.Type3InputBuffer,
        Parameters.DeviceIoControl,
        Parameters.QueryDeviceRelations.Type,
        Parameters.QueryDeviceRelations,
        Parameters.QueryId.IdType,
        Parameters.QueryId,
        Parameters.StartDevice.AllocatedResources,
        Parameters.StartDevice.AllocatedResourcesTranslated,
        Parameters.StartDevice,
        Parameters.Others.Argument1,
        Parameters.Others.Argument2,
        Parameters.Others.Argument3,
        Parameters.Others.Argument4,
        Parameters.Others,
        Parameters,
        DeviceObject,
        FileObject,
        CompletionRoutine,
        Context,
    }
    _DEVICE_OBJECT {
        Type,
        Size,
        ReferenceCount,
        DriverObject,
        NextDevice,
        AttachedDevice,
        CurrentIrp,
        Timer,
        Flags,
        Characteristics,
        Vpb,
        DeviceExtension,
        DeviceType,
        StackSize,
        Queue.ListEntry,
        Queue.Wcb,
        Queue,
        AlignmentRequirement,
        DeviceQueue,
        Dpc,
        ActiveThreadCount,
        SecurityDescriptor,
        DeviceLock,
        SectorSize,
        Spare1,
        DeviceObjectExtension,
        Reserved,
    }
    _DRIVER_OBJECT {
        Type,
        Size,
        DeviceObject,
        Flags,
        DriverStart,
        DriverSize,
        DriverSection,
        DriverExtension,
        DriverName,
        HardwareDatabase,
        FastIoDispatch,
        DriverInit,
        DriverStartIo,
        DriverUnload,
        MajorFunction,
    }
    _DRIVER_EXTENSION {
        DriverObject,
        AddDevice,
        Count,
        ServiceKeyName,
    }
    _FILE_OBJECT {
        Type,
        Size,
        DeviceObject,
        Vpb,
        FsContext,
        FsContext2,
        SectionObjectPointer,
        PrivateCacheMap,
        FinalStatus,
        RelatedFileObject,
        LockOperation,
        DeletePending,
        ReadAccess,
        WriteAccess,
        DeleteAccess,
        SharedRead,
        SharedWrite,
        SharedDelete,
        Flags,
        FileName,
        CurrentByteOffset,
        Waiters,
        Busy,
        LastLock,
        Lock,
        Event,
        CompletionContext,
        IrpListLock,
        IrpList,
        FileObjectExtension,
    }
    _WDF_DRIVER_CONFIG {
        Size,
        EvtDriverDeviceAdd,
        EvtDriverUnload,
        DriverInitFlags,
        DriverPoolTag,
    }
    _WDF_DRIVER_GLOBALS {
        Driver,
        DriverFlags,
        DriverTag,
        DriverName,
        DisplaceDriverUnload,
    }
    _WDF_FILEOBJECT_CONFIG {
        Size,
        EvtDeviceFileCreate,
        EvtFileClose,
        EvtFileCleanup,
        AutoForwardCleanupClose,
        FileObjectClass,
    }
    _WDF_IO_QUEUE_CONFIG {
        Size,
        DispatchType,
        PowerManaged,
        AllowZeroLengthRequests,
        DefaultQueue,
        EvtIoDefault,
        EvtIoRead,
        EvtIoWrite,
        EvtIoDeviceControl,
        EvtIoInternalDeviceControl,
        EvtIoStop,
        EvtIoResume,
        EvtIoCanceledOnQueue,
        Settings.Parallel.NumberOfPresentedRequests,
        Settings.Parallel,
        Settings,
        Driver,
    }
    _WDF_OBJECT_ATTRIBUTES {
        Size,
        EvtCleanupCallback,
        EvtDestroyCallback,
        ExecutionLevel,
        SynchronizationScope,
        ParentObject,
        ContextSizeOverride,
        ContextTypeInfo,
    }
    _WDF_OBJECT_CONTEXT_TYPE_INFO {
        Size,
        ContextName,
        ContextSize,
        UniqueType,
        EvtDriverGetUniqueContextType,
    }
    _WDF_PNPPOWER_EVENT_CALLBACKS {
        Size,
        EvtDeviceD0Entry,
        EvtDeviceD0EntryPostInterruptsEnabled,
        EvtDeviceD0Exit,
        EvtDeviceD0ExitPreInterruptsDisabled,
        EvtDevicePrepareHardware,
        EvtDeviceReleaseHardware,
        EvtDeviceSelfManagedIoCleanup,
        EvtDeviceSelfManagedIoFlush,
        EvtDeviceSelfManagedIoInit,
        EvtDeviceSelfManagedIoSuspend,
        EvtDeviceSelfManagedIoRestart,
        EvtDeviceSurpriseRemoval,
        EvtDeviceQueryRemove,
        EvtDeviceQueryStop,
        EvtDeviceUsageNotification,
        EvtDeviceRelationsQuery,
        EvtDeviceUsageNotificationEx,
    }
    _WDF_REQUEST_PARAMETERS {
        Size,
        MinorFunction,
        Type,
        Parameters.Create.SecurityContext,
        Parameters.Create.Options,
        Parameters.Create.FileAttributes,
        Parameters.Create.ShareAccess,
        Parameters.Create.EaLength,
        Parameters.Create,
        Parameters.Read.Length,
        Parameters.Read.Key,
        Parameters.Read.DeviceOffset,
        Parameters.Read,
        Parameters.Write.Length,
        Parameters.Write.Key,
        Parameters.Write.DeviceOffset,
        Parameters.Write,
        Parameters.DeviceIoControl.OutputBufferLength,
        Parameters.DeviceIoControl.InputBufferLength,
        Parameters.DeviceIoControl.IoControlCode,
        Parameters.DeviceIoControl.Type3InputBuffer,
        Parameters.DeviceIoControl,
        Parameters.Others.Arg1,
        Parameters.Others.Arg2,
        Parameters.Others.IoControlCode,
        Parameters.Others.Arg4,
        Parameters.Others,
        Parameters,
    }
    _WDF_WORKITEM_CONFIG {
        Size,
        EvtWorkItemFunc,
        AutomaticSerialization,
    }
    _WDFMEMORY_OFFSET {
        BufferOffset,
        BufferLength,
    }
    _WDF_DRIVER_VERSION_AVAILABLE_PARAMS {
        Size,
        MajorVersion,
        MinorVersion,
    }
    _WDF_QUEUE_FATAL_ERROR_DATA {
        Queue,
        Request,
        Status,
    }
    _WDF_REQUEST_FATAL_ERROR_INFORMATION_LENGTH_MISMATCH_DATA {
        Request,
        Irp,
        OutputBufferLength,
        Information,
        MajorFunction,
    }
    _WDF_CUSTOM_TYPE_CONTEXT {
        Size,
        Data,
    }
}

#[test]
fn sizes_alignments_and_offsets_are_those_of_the_facts() {
    let facts = facts();
    for (name, layout) in layouts() {
        let fact = facts.structure(name);
        assert_eq!(layout.size, fact.size, "size of {name}");
        assert_eq!(layout.align, fact.align, "alignment of {name}");
        for (path, offset) in layout.fields {
            let expected = fact.offset_of(&path);
            assert_eq!(Some(offset), expected, "offset of {name}.{path}");
        }
    }
}

#[test]
fn no_declared_structure_or_field_is_left_unchecked() {
    let checked: BTreeMap<String, BTreeSet<String>> = layouts()
        .into_iter()
        .map(|(name, layout)| {
            let fields = layout.fields.into_iter().map(|(path, _)| path).collect();
            (name.to_owned(), fields)
        })
        .collect();
    for (name, fields) in declared_structures() {
        let Some(checked) = checked.get(&name) else {
            panic!("{name} is declared but missing from the list in this file");
        };
        let unchecked: Vec<_> = fields
            .keys()
            .filter(|field| !checked.contains(*field))
            .collect();
        assert!(
            unchecked.is_empty(),
            "{name} has unchecked fields: {unchecked:?}"
        );
    }
}

#[test]
fn fields_have_the_types_of_the_facts() {
    let facts = facts();
    for (name, fields) in declared_structures() {
        let fact = facts.structure(&name);
        for (path, declared) in fields {
            let expected = fact
                .type_of(&path)
                .unwrap_or_else(|| panic!("no facts of {name}.{path}"));
            assert_eq!(declared, spelled_fact(expected), "type of {name}.{path}");
        }
    }
}
