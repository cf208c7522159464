//! The framework's function table: a pointer type for each entry, and the call through it.
//!
//! Both routes call through this table rather than by the macro of `wdk-sys`, which looks each
//! entry up in a slice: a panic path in every call, for a check that says nothing about a table
//! which the loader has bound.

#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    reason = "the names and their documentation are those of the WDK headers"
)]

use crate::*;

/// The name of a source file, for the log of the framework's verifier.
///
/// It is `PCHAR` in the headers of KMDF 1.15 and `PCCH` in those of 1.33. With a WDK the version is that of
/// `target-kmdf-version-minor`, and a `PCHAR` is taken for either; without one the declarations are those of 1.33.
#[cfg(wdk)]
type FileName = PCHAR;
#[cfg(not(wdk))]
type FileName = PCCH;

macro_rules! wdf_functions {
    ($(
        fn $name:ident($($parameter:ident: $type:ty),* $(,)?) $(-> $result:ty)?,
            $pointer:ident at $index:ident;
    )*) => {
        $(
            // `wdk-sys` has its own.
            #[cfg(not(wdk))]
            pub type $pointer = Option<
                unsafe extern "C" fn(DriverGlobals: PWDF_DRIVER_GLOBALS $(, $parameter: $type)*) $(-> $result)?,
            >;
        )*

        /// The parameters of each function after the driver's globals, name and type as they stand here: for
        /// reports of calls.
        #[cfg(not(wdk))]
        #[doc(hidden)]
        pub const FUNCTION_PARAMETERS: &[(WDFFUNCENUM, &[(&str, &str)])] = &[
            $((_WDFFUNCENUM::$index, &[$((stringify!($parameter), stringify!($type))),*]),)*
        ];

        #[doc(hidden)]
        pub mod framework_calls {
            use super::*;

            $(
                #[inline(always)]
                #[allow(clippy::missing_safety_doc, clippy::too_many_arguments, reason = "as the C function")]
                pub unsafe fn $name($($parameter: $type),*) $(-> $result)? {
                    // SAFETY: The caller is a bound driver, so the table is in place.
                    let entry = unsafe { table_entry(_WDFFUNCENUM::$index) };
                    // SAFETY: The framework defines the type of the function at this index.
                    let function = unsafe { core::mem::transmute::<WDFFUNC, $pointer>(entry) };
                    // SAFETY: A bound table has no empty entry below the count that was bound.
                    let function = unsafe { function.unwrap_unchecked() };
                    // SAFETY: `WdfDriverGlobals` is written by the bind alone, which came before.
                    let globals = unsafe { WdfDriverGlobals };
                    // SAFETY: The caller upholds the contract of the C function.
                    unsafe { function(globals $(, $parameter)*) }
                }
            )*
        }
    };
}

/// Reads one entry of the bound function table.
///
/// # Safety
///
/// The driver is bound, and `index` is below the count that it bound with.
#[inline(always)]
unsafe fn table_entry(index: WDFFUNCENUM) -> WDFFUNC {
    // SAFETY: `WdfFunctions` is written by the bind alone, which came before.
    let table = unsafe { WdfFunctions };
    // An image cannot run before it is bound; a test can forget to load its driver.
    #[cfg(not(any(wdk, image)))]
    assert!(
        !table.is_null(),
        "no driver is loaded in this process: it never was, or it was unloaded before this call"
    );
    // SAFETY: The caller guarantees that the index lies inside the table.
    let entry = unsafe { table.add(index as usize) };
    // SAFETY: The entry lies inside the table, which does not change after the bind.
    unsafe { *entry }
}

wdf_functions! {
    fn WdfControlDeviceInitAllocate(Driver: WDFDRIVER, SDDLString: *const UNICODE_STRING) -> PWDFDEVICE_INIT, PFN_WDFCONTROLDEVICEINITALLOCATE at WdfControlDeviceInitAllocateTableIndex;
    fn WdfControlFinishInitializing(Device: WDFDEVICE), PFN_WDFCONTROLFINISHINITIALIZING at WdfControlFinishInitializingTableIndex;
    fn WdfDeviceInitFree(DeviceInit: PWDFDEVICE_INIT), PFN_WDFDEVICEINITFREE at WdfDeviceInitFreeTableIndex;
    fn WdfDeviceInitSetPnpPowerEventCallbacks(DeviceInit: PWDFDEVICE_INIT, PnpPowerEventCallbacks: PWDF_PNPPOWER_EVENT_CALLBACKS), PFN_WDFDEVICEINITSETPNPPOWEREVENTCALLBACKS at WdfDeviceInitSetPnpPowerEventCallbacksTableIndex;
    fn WdfDeviceInitSetIoType(DeviceInit: PWDFDEVICE_INIT, IoType: WDF_DEVICE_IO_TYPE), PFN_WDFDEVICEINITSETIOTYPE at WdfDeviceInitSetIoTypeTableIndex;
    fn WdfDeviceInitSetExclusive(DeviceInit: PWDFDEVICE_INIT, IsExclusive: BOOLEAN), PFN_WDFDEVICEINITSETEXCLUSIVE at WdfDeviceInitSetExclusiveTableIndex;
    fn WdfDeviceInitAssignName(DeviceInit: PWDFDEVICE_INIT, DeviceName: PCUNICODE_STRING) -> NTSTATUS, PFN_WDFDEVICEINITASSIGNNAME at WdfDeviceInitAssignNameTableIndex;
    fn WdfDeviceInitAssignSDDLString(DeviceInit: PWDFDEVICE_INIT, SDDLString: PCUNICODE_STRING) -> NTSTATUS, PFN_WDFDEVICEINITASSIGNSDDLSTRING at WdfDeviceInitAssignSDDLStringTableIndex;
    fn WdfDeviceInitSetDeviceType(DeviceInit: PWDFDEVICE_INIT, DeviceType: ULONG), PFN_WDFDEVICEINITSETDEVICETYPE at WdfDeviceInitSetDeviceTypeTableIndex;
    fn WdfDeviceInitSetCharacteristics(DeviceInit: PWDFDEVICE_INIT, DeviceCharacteristics: ULONG, OrInValues: BOOLEAN), PFN_WDFDEVICEINITSETCHARACTERISTICS at WdfDeviceInitSetCharacteristicsTableIndex;
    fn WdfDeviceInitSetFileObjectConfig(DeviceInit: PWDFDEVICE_INIT, FileObjectConfig: PWDF_FILEOBJECT_CONFIG, FileObjectAttributes: PWDF_OBJECT_ATTRIBUTES), PFN_WDFDEVICEINITSETFILEOBJECTCONFIG at WdfDeviceInitSetFileObjectConfigTableIndex;
    fn WdfDeviceInitSetRequestAttributes(DeviceInit: PWDFDEVICE_INIT, RequestAttributes: PWDF_OBJECT_ATTRIBUTES), PFN_WDFDEVICEINITSETREQUESTATTRIBUTES at WdfDeviceInitSetRequestAttributesTableIndex;
    fn WdfDeviceInitSetIoInCallerContextCallback(DeviceInit: PWDFDEVICE_INIT, EvtIoInCallerContext: PFN_WDF_IO_IN_CALLER_CONTEXT), PFN_WDFDEVICEINITSETIOINCALLERCONTEXTCALLBACK at WdfDeviceInitSetIoInCallerContextCallbackTableIndex;
    fn WdfDeviceCreate(DeviceInit: *mut PWDFDEVICE_INIT, DeviceAttributes: PWDF_OBJECT_ATTRIBUTES, Device: *mut WDFDEVICE) -> NTSTATUS, PFN_WDFDEVICECREATE at WdfDeviceCreateTableIndex;
    fn WdfDeviceCreateDeviceInterface(Device: WDFDEVICE, InterfaceClassGUID: *const GUID, ReferenceString: PCUNICODE_STRING) -> NTSTATUS, PFN_WDFDEVICECREATEDEVICEINTERFACE at WdfDeviceCreateDeviceInterfaceTableIndex;
    fn WdfDeviceSetDeviceInterfaceState(Device: WDFDEVICE, InterfaceClassGUID: *const GUID, ReferenceString: PCUNICODE_STRING, IsInterfaceEnabled: BOOLEAN), PFN_WDFDEVICESETDEVICEINTERFACESTATE at WdfDeviceSetDeviceInterfaceStateTableIndex;
    fn WdfDeviceCreateSymbolicLink(Device: WDFDEVICE, SymbolicLinkName: PCUNICODE_STRING) -> NTSTATUS, PFN_WDFDEVICECREATESYMBOLICLINK at WdfDeviceCreateSymbolicLinkTableIndex;
    fn WdfDeviceConfigureRequestDispatching(Device: WDFDEVICE, Queue: WDFQUEUE, RequestType: WDF_REQUEST_TYPE) -> NTSTATUS, PFN_WDFDEVICECONFIGUREREQUESTDISPATCHING at WdfDeviceConfigureRequestDispatchingTableIndex;
    fn WdfDeviceEnqueueRequest(Device: WDFDEVICE, Request: WDFREQUEST) -> NTSTATUS, PFN_WDFDEVICEENQUEUEREQUEST at WdfDeviceEnqueueRequestTableIndex;
    fn WdfDeviceGetDefaultQueue(Device: WDFDEVICE) -> WDFQUEUE, PFN_WDFDEVICEGETDEFAULTQUEUE at WdfDeviceGetDefaultQueueTableIndex;
    fn WdfDeviceGetFileObject(Device: WDFDEVICE, FileObject: PFILE_OBJECT) -> WDFFILEOBJECT, PFN_WDFDEVICEGETFILEOBJECT at WdfDeviceGetFileObjectTableIndex;
    fn WdfDeviceGetDriver(Device: WDFDEVICE) -> WDFDRIVER, PFN_WDFDEVICEGETDRIVER at WdfDeviceGetDriverTableIndex;
    fn WdfDeviceWdmGetDeviceObject(Device: WDFDEVICE) -> PDEVICE_OBJECT, PFN_WDFDEVICEWDMGETDEVICEOBJECT at WdfDeviceWdmGetDeviceObjectTableIndex;
    fn WdfDeviceWdmGetAttachedDevice(Device: WDFDEVICE) -> PDEVICE_OBJECT, PFN_WDFDEVICEWDMGETATTACHEDDEVICE at WdfDeviceWdmGetAttachedDeviceTableIndex;
    fn WdfDeviceWdmGetPhysicalDevice(Device: WDFDEVICE) -> PDEVICE_OBJECT, PFN_WDFDEVICEWDMGETPHYSICALDEVICE at WdfDeviceWdmGetPhysicalDeviceTableIndex;
    fn WdfWdmDeviceGetWdfDeviceHandle(DeviceObject: PDEVICE_OBJECT) -> WDFDEVICE, PFN_WDFWDMDEVICEGETWDFDEVICEHANDLE at WdfWdmDeviceGetWdfDeviceHandleTableIndex;
    fn WdfDriverCreate(DriverObject: PDRIVER_OBJECT, RegistryPath: PCUNICODE_STRING, DriverAttributes: PWDF_OBJECT_ATTRIBUTES, DriverConfig: PWDF_DRIVER_CONFIG, Driver: *mut WDFDRIVER) -> NTSTATUS, PFN_WDFDRIVERCREATE at WdfDriverCreateTableIndex;
    fn WdfDriverGetRegistryPath(Driver: WDFDRIVER) -> PWSTR, PFN_WDFDRIVERGETREGISTRYPATH at WdfDriverGetRegistryPathTableIndex;
    fn WdfDriverWdmGetDriverObject(Driver: WDFDRIVER) -> PDRIVER_OBJECT, PFN_WDFDRIVERWDMGETDRIVEROBJECT at WdfDriverWdmGetDriverObjectTableIndex;
    fn WdfDriverIsVersionAvailable(Driver: WDFDRIVER, VersionAvailableParams: PWDF_DRIVER_VERSION_AVAILABLE_PARAMS) -> BOOLEAN, PFN_WDFDRIVERISVERSIONAVAILABLE at WdfDriverIsVersionAvailableTableIndex;
    fn WdfFileObjectGetFileName(FileObject: WDFFILEOBJECT) -> PUNICODE_STRING, PFN_WDFFILEOBJECTGETFILENAME at WdfFileObjectGetFileNameTableIndex;
    fn WdfFileObjectGetFlags(FileObject: WDFFILEOBJECT) -> ULONG, PFN_WDFFILEOBJECTGETFLAGS at WdfFileObjectGetFlagsTableIndex;
    fn WdfFileObjectGetDevice(FileObject: WDFFILEOBJECT) -> WDFDEVICE, PFN_WDFFILEOBJECTGETDEVICE at WdfFileObjectGetDeviceTableIndex;
    fn WdfFileObjectWdmGetFileObject(FileObject: WDFFILEOBJECT) -> PFILE_OBJECT, PFN_WDFFILEOBJECTWDMGETFILEOBJECT at WdfFileObjectWdmGetFileObjectTableIndex;
    fn WdfIoQueueCreate(Device: WDFDEVICE, Config: PWDF_IO_QUEUE_CONFIG, QueueAttributes: PWDF_OBJECT_ATTRIBUTES, Queue: *mut WDFQUEUE) -> NTSTATUS, PFN_WDFIOQUEUECREATE at WdfIoQueueCreateTableIndex;
    fn WdfIoQueueGetState(Queue: WDFQUEUE, QueueRequests: PULONG, DriverRequests: PULONG) -> WDF_IO_QUEUE_STATE, PFN_WDFIOQUEUEGETSTATE at WdfIoQueueGetStateTableIndex;
    fn WdfIoQueueStart(Queue: WDFQUEUE), PFN_WDFIOQUEUESTART at WdfIoQueueStartTableIndex;
    fn WdfIoQueueStop(Queue: WDFQUEUE, StopComplete: PFN_WDF_IO_QUEUE_STATE, Context: WDFCONTEXT), PFN_WDFIOQUEUESTOP at WdfIoQueueStopTableIndex;
    fn WdfIoQueueStopSynchronously(Queue: WDFQUEUE), PFN_WDFIOQUEUESTOPSYNCHRONOUSLY at WdfIoQueueStopSynchronouslyTableIndex;
    fn WdfIoQueueGetDevice(Queue: WDFQUEUE) -> WDFDEVICE, PFN_WDFIOQUEUEGETDEVICE at WdfIoQueueGetDeviceTableIndex;
    fn WdfIoQueueRetrieveNextRequest(Queue: WDFQUEUE, OutRequest: *mut WDFREQUEST) -> NTSTATUS, PFN_WDFIOQUEUERETRIEVENEXTREQUEST at WdfIoQueueRetrieveNextRequestTableIndex;
    fn WdfIoQueueRetrieveRequestByFileObject(Queue: WDFQUEUE, FileObject: WDFFILEOBJECT, OutRequest: *mut WDFREQUEST) -> NTSTATUS, PFN_WDFIOQUEUERETRIEVEREQUESTBYFILEOBJECT at WdfIoQueueRetrieveRequestByFileObjectTableIndex;
    fn WdfIoQueueFindRequest(Queue: WDFQUEUE, FoundRequest: WDFREQUEST, FileObject: WDFFILEOBJECT, Parameters: PWDF_REQUEST_PARAMETERS, OutRequest: *mut WDFREQUEST) -> NTSTATUS, PFN_WDFIOQUEUEFINDREQUEST at WdfIoQueueFindRequestTableIndex;
    fn WdfIoQueueRetrieveFoundRequest(Queue: WDFQUEUE, FoundRequest: WDFREQUEST, OutRequest: *mut WDFREQUEST) -> NTSTATUS, PFN_WDFIOQUEUERETRIEVEFOUNDREQUEST at WdfIoQueueRetrieveFoundRequestTableIndex;
    fn WdfIoQueueDrainSynchronously(Queue: WDFQUEUE), PFN_WDFIOQUEUEDRAINSYNCHRONOUSLY at WdfIoQueueDrainSynchronouslyTableIndex;
    fn WdfIoQueueDrain(Queue: WDFQUEUE, DrainComplete: PFN_WDF_IO_QUEUE_STATE, Context: WDFCONTEXT), PFN_WDFIOQUEUEDRAIN at WdfIoQueueDrainTableIndex;
    fn WdfIoQueuePurgeSynchronously(Queue: WDFQUEUE), PFN_WDFIOQUEUEPURGESYNCHRONOUSLY at WdfIoQueuePurgeSynchronouslyTableIndex;
    fn WdfIoQueuePurge(Queue: WDFQUEUE, PurgeComplete: PFN_WDF_IO_QUEUE_STATE, Context: WDFCONTEXT), PFN_WDFIOQUEUEPURGE at WdfIoQueuePurgeTableIndex;
    fn WdfIoQueueReadyNotify(Queue: WDFQUEUE, QueueReady: PFN_WDF_IO_QUEUE_STATE, Context: WDFCONTEXT) -> NTSTATUS, PFN_WDFIOQUEUEREADYNOTIFY at WdfIoQueueReadyNotifyTableIndex;
    fn WdfIoQueueStopAndPurge(Queue: WDFQUEUE, StopAndPurgeComplete: PFN_WDF_IO_QUEUE_STATE, Context: WDFCONTEXT), PFN_WDFIOQUEUESTOPANDPURGE at WdfIoQueueStopAndPurgeTableIndex;
    fn WdfIoQueueStopAndPurgeSynchronously(Queue: WDFQUEUE), PFN_WDFIOQUEUESTOPANDPURGESYNCHRONOUSLY at WdfIoQueueStopAndPurgeSynchronouslyTableIndex;
    fn WdfMemoryCreate(Attributes: PWDF_OBJECT_ATTRIBUTES, PoolType: POOL_TYPE, PoolTag: ULONG, BufferSize: usize, Memory: *mut WDFMEMORY, Buffer: *mut PVOID) -> NTSTATUS, PFN_WDFMEMORYCREATE at WdfMemoryCreateTableIndex;
    fn WdfMemoryCreatePreallocated(Attributes: PWDF_OBJECT_ATTRIBUTES, Buffer: PVOID, BufferSize: usize, Memory: *mut WDFMEMORY) -> NTSTATUS, PFN_WDFMEMORYCREATEPREALLOCATED at WdfMemoryCreatePreallocatedTableIndex;
    fn WdfMemoryGetBuffer(Memory: WDFMEMORY, BufferSize: *mut usize) -> PVOID, PFN_WDFMEMORYGETBUFFER at WdfMemoryGetBufferTableIndex;
    fn WdfMemoryAssignBuffer(Memory: WDFMEMORY, Buffer: PVOID, BufferSize: usize) -> NTSTATUS, PFN_WDFMEMORYASSIGNBUFFER at WdfMemoryAssignBufferTableIndex;
    fn WdfMemoryCopyToBuffer(SourceMemory: WDFMEMORY, SourceOffset: usize, Buffer: PVOID, NumBytesToCopyTo: usize) -> NTSTATUS, PFN_WDFMEMORYCOPYTOBUFFER at WdfMemoryCopyToBufferTableIndex;
    fn WdfMemoryCopyFromBuffer(DestinationMemory: WDFMEMORY, DestinationOffset: usize, Buffer: PVOID, NumBytesToCopyFrom: usize) -> NTSTATUS, PFN_WDFMEMORYCOPYFROMBUFFER at WdfMemoryCopyFromBufferTableIndex;
    fn WdfLookasideListCreate(LookasideAttributes: PWDF_OBJECT_ATTRIBUTES, BufferSize: usize, PoolType: POOL_TYPE, MemoryAttributes: PWDF_OBJECT_ATTRIBUTES, PoolTag: ULONG, Lookaside: *mut WDFLOOKASIDE) -> NTSTATUS, PFN_WDFLOOKASIDELISTCREATE at WdfLookasideListCreateTableIndex;
    fn WdfMemoryCreateFromLookaside(Lookaside: WDFLOOKASIDE, Memory: *mut WDFMEMORY) -> NTSTATUS, PFN_WDFMEMORYCREATEFROMLOOKASIDE at WdfMemoryCreateFromLookasideTableIndex;
    fn WdfObjectGetTypedContextWorker(Handle: WDFOBJECT, TypeInfo: PCWDF_OBJECT_CONTEXT_TYPE_INFO) -> PVOID, PFN_WDFOBJECTGETTYPEDCONTEXTWORKER at WdfObjectGetTypedContextWorkerTableIndex;
    fn WdfObjectAllocateContext(Handle: WDFOBJECT, ContextAttributes: PWDF_OBJECT_ATTRIBUTES, Context: *mut PVOID) -> NTSTATUS, PFN_WDFOBJECTALLOCATECONTEXT at WdfObjectAllocateContextTableIndex;
    fn WdfObjectContextGetObject(ContextPointer: PVOID) -> WDFOBJECT, PFN_WDFOBJECTCONTEXTGETOBJECT at WdfObjectContextGetObjectTableIndex;
    fn WdfObjectReferenceActual(Handle: WDFOBJECT, Tag: PVOID, Line: LONG, File: FileName), PFN_WDFOBJECTREFERENCEACTUAL at WdfObjectReferenceActualTableIndex;
    fn WdfObjectDereferenceActual(Handle: WDFOBJECT, Tag: PVOID, Line: LONG, File: FileName), PFN_WDFOBJECTDEREFERENCEACTUAL at WdfObjectDereferenceActualTableIndex;
    fn WdfObjectCreate(Attributes: PWDF_OBJECT_ATTRIBUTES, Object: *mut WDFOBJECT) -> NTSTATUS, PFN_WDFOBJECTCREATE at WdfObjectCreateTableIndex;
    fn WdfObjectDelete(Object: WDFOBJECT), PFN_WDFOBJECTDELETE at WdfObjectDeleteTableIndex;
    fn WdfObjectQuery(Object: WDFOBJECT, Guid: *const GUID, QueryBufferLength: ULONG, QueryBuffer: PVOID) -> NTSTATUS, PFN_WDFOBJECTQUERY at WdfObjectQueryTableIndex;
    fn WdfRequestGetStatus(Request: WDFREQUEST) -> NTSTATUS, PFN_WDFREQUESTGETSTATUS at WdfRequestGetStatusTableIndex;
    fn WdfRequestMarkCancelable(Request: WDFREQUEST, EvtRequestCancel: PFN_WDF_REQUEST_CANCEL), PFN_WDFREQUESTMARKCANCELABLE at WdfRequestMarkCancelableTableIndex;
    fn WdfRequestMarkCancelableEx(Request: WDFREQUEST, EvtRequestCancel: PFN_WDF_REQUEST_CANCEL) -> NTSTATUS, PFN_WDFREQUESTMARKCANCELABLEEX at WdfRequestMarkCancelableExTableIndex;
    fn WdfRequestUnmarkCancelable(Request: WDFREQUEST) -> NTSTATUS, PFN_WDFREQUESTUNMARKCANCELABLE at WdfRequestUnmarkCancelableTableIndex;
    fn WdfRequestIsCanceled(Request: WDFREQUEST) -> BOOLEAN, PFN_WDFREQUESTISCANCELED at WdfRequestIsCanceledTableIndex;
    fn WdfRequestIsFrom32BitProcess(Request: WDFREQUEST) -> BOOLEAN, PFN_WDFREQUESTISFROM32BITPROCESS at WdfRequestIsFrom32BitProcessTableIndex;
    fn WdfRequestComplete(Request: WDFREQUEST, Status: NTSTATUS), PFN_WDFREQUESTCOMPLETE at WdfRequestCompleteTableIndex;
    fn WdfRequestCompleteWithPriorityBoost(Request: WDFREQUEST, Status: NTSTATUS, PriorityBoost: CCHAR), PFN_WDFREQUESTCOMPLETEWITHPRIORITYBOOST at WdfRequestCompleteWithPriorityBoostTableIndex;
    fn WdfRequestCompleteWithInformation(Request: WDFREQUEST, Status: NTSTATUS, Information: ULONG_PTR), PFN_WDFREQUESTCOMPLETEWITHINFORMATION at WdfRequestCompleteWithInformationTableIndex;
    fn WdfRequestGetParameters(Request: WDFREQUEST, Parameters: PWDF_REQUEST_PARAMETERS), PFN_WDFREQUESTGETPARAMETERS at WdfRequestGetParametersTableIndex;
    fn WdfRequestRetrieveInputMemory(Request: WDFREQUEST, Memory: *mut WDFMEMORY) -> NTSTATUS, PFN_WDFREQUESTRETRIEVEINPUTMEMORY at WdfRequestRetrieveInputMemoryTableIndex;
    fn WdfRequestRetrieveOutputMemory(Request: WDFREQUEST, Memory: *mut WDFMEMORY) -> NTSTATUS, PFN_WDFREQUESTRETRIEVEOUTPUTMEMORY at WdfRequestRetrieveOutputMemoryTableIndex;
    fn WdfRequestRetrieveInputBuffer(Request: WDFREQUEST, MinimumRequiredLength: usize, Buffer: *mut PVOID, Length: *mut usize) -> NTSTATUS, PFN_WDFREQUESTRETRIEVEINPUTBUFFER at WdfRequestRetrieveInputBufferTableIndex;
    fn WdfRequestRetrieveOutputBuffer(Request: WDFREQUEST, MinimumRequiredSize: usize, Buffer: *mut PVOID, Length: *mut usize) -> NTSTATUS, PFN_WDFREQUESTRETRIEVEOUTPUTBUFFER at WdfRequestRetrieveOutputBufferTableIndex;
    fn WdfRequestRetrieveInputWdmMdl(Request: WDFREQUEST, Mdl: *mut PMDL) -> NTSTATUS, PFN_WDFREQUESTRETRIEVEINPUTWDMMDL at WdfRequestRetrieveInputWdmMdlTableIndex;
    fn WdfRequestRetrieveOutputWdmMdl(Request: WDFREQUEST, Mdl: *mut PMDL) -> NTSTATUS, PFN_WDFREQUESTRETRIEVEOUTPUTWDMMDL at WdfRequestRetrieveOutputWdmMdlTableIndex;
    fn WdfRequestRetrieveUnsafeUserInputBuffer(Request: WDFREQUEST, MinimumRequiredLength: usize, InputBuffer: *mut PVOID, Length: *mut usize) -> NTSTATUS, PFN_WDFREQUESTRETRIEVEUNSAFEUSERINPUTBUFFER at WdfRequestRetrieveUnsafeUserInputBufferTableIndex;
    fn WdfRequestRetrieveUnsafeUserOutputBuffer(Request: WDFREQUEST, MinimumRequiredLength: usize, OutputBuffer: *mut PVOID, Length: *mut usize) -> NTSTATUS, PFN_WDFREQUESTRETRIEVEUNSAFEUSEROUTPUTBUFFER at WdfRequestRetrieveUnsafeUserOutputBufferTableIndex;
    fn WdfRequestSetInformation(Request: WDFREQUEST, Information: ULONG_PTR), PFN_WDFREQUESTSETINFORMATION at WdfRequestSetInformationTableIndex;
    fn WdfRequestGetInformation(Request: WDFREQUEST) -> ULONG_PTR, PFN_WDFREQUESTGETINFORMATION at WdfRequestGetInformationTableIndex;
    fn WdfRequestGetFileObject(Request: WDFREQUEST) -> WDFFILEOBJECT, PFN_WDFREQUESTGETFILEOBJECT at WdfRequestGetFileObjectTableIndex;
    fn WdfRequestProbeAndLockUserBufferForRead(Request: WDFREQUEST, Buffer: PVOID, Length: usize, MemoryObject: *mut WDFMEMORY) -> NTSTATUS, PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORREAD at WdfRequestProbeAndLockUserBufferForReadTableIndex;
    fn WdfRequestProbeAndLockUserBufferForWrite(Request: WDFREQUEST, Buffer: PVOID, Length: usize, MemoryObject: *mut WDFMEMORY) -> NTSTATUS, PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORWRITE at WdfRequestProbeAndLockUserBufferForWriteTableIndex;
    fn WdfRequestGetRequestorMode(Request: WDFREQUEST) -> KPROCESSOR_MODE, PFN_WDFREQUESTGETREQUESTORMODE at WdfRequestGetRequestorModeTableIndex;
    fn WdfRequestForwardToIoQueue(Request: WDFREQUEST, DestinationQueue: WDFQUEUE) -> NTSTATUS, PFN_WDFREQUESTFORWARDTOIOQUEUE at WdfRequestForwardToIoQueueTableIndex;
    fn WdfRequestGetIoQueue(Request: WDFREQUEST) -> WDFQUEUE, PFN_WDFREQUESTGETIOQUEUE at WdfRequestGetIoQueueTableIndex;
    fn WdfRequestRequeue(Request: WDFREQUEST) -> NTSTATUS, PFN_WDFREQUESTREQUEUE at WdfRequestRequeueTableIndex;
    fn WdfRequestStopAcknowledge(Request: WDFREQUEST, Requeue: BOOLEAN), PFN_WDFREQUESTSTOPACKNOWLEDGE at WdfRequestStopAcknowledgeTableIndex;
    fn WdfRequestWdmGetIrp(Request: WDFREQUEST) -> PIRP, PFN_WDFREQUESTWDMGETIRP at WdfRequestWdmGetIrpTableIndex;
    fn WdfObjectAcquireLock(Object: WDFOBJECT), PFN_WDFOBJECTACQUIRELOCK at WdfObjectAcquireLockTableIndex;
    fn WdfObjectReleaseLock(Object: WDFOBJECT), PFN_WDFOBJECTRELEASELOCK at WdfObjectReleaseLockTableIndex;
    fn WdfWaitLockCreate(LockAttributes: PWDF_OBJECT_ATTRIBUTES, Lock: *mut WDFWAITLOCK) -> NTSTATUS, PFN_WDFWAITLOCKCREATE at WdfWaitLockCreateTableIndex;
    fn WdfWaitLockAcquire(Lock: WDFWAITLOCK, Timeout: PLONGLONG) -> NTSTATUS, PFN_WDFWAITLOCKACQUIRE at WdfWaitLockAcquireTableIndex;
    fn WdfWaitLockRelease(Lock: WDFWAITLOCK), PFN_WDFWAITLOCKRELEASE at WdfWaitLockReleaseTableIndex;
    fn WdfSpinLockCreate(SpinLockAttributes: PWDF_OBJECT_ATTRIBUTES, SpinLock: *mut WDFSPINLOCK) -> NTSTATUS, PFN_WDFSPINLOCKCREATE at WdfSpinLockCreateTableIndex;
    fn WdfSpinLockAcquire(SpinLock: WDFSPINLOCK), PFN_WDFSPINLOCKACQUIRE at WdfSpinLockAcquireTableIndex;
    fn WdfSpinLockRelease(SpinLock: WDFSPINLOCK), PFN_WDFSPINLOCKRELEASE at WdfSpinLockReleaseTableIndex;
    fn WdfVerifierDbgBreakPoint(), PFN_WDFVERIFIERDBGBREAKPOINT at WdfVerifierDbgBreakPointTableIndex;
    fn WdfVerifierKeBugCheck(BugCheckCode: ULONG, BugCheckParameter1: ULONG_PTR, BugCheckParameter2: ULONG_PTR, BugCheckParameter3: ULONG_PTR, BugCheckParameter4: ULONG_PTR), PFN_WDFVERIFIERKEBUGCHECK at WdfVerifierKeBugCheckTableIndex;
    fn WdfWorkItemCreate(Config: PWDF_WORKITEM_CONFIG, Attributes: PWDF_OBJECT_ATTRIBUTES, WorkItem: *mut WDFWORKITEM) -> NTSTATUS, PFN_WDFWORKITEMCREATE at WdfWorkItemCreateTableIndex;
    fn WdfWorkItemEnqueue(WorkItem: WDFWORKITEM), PFN_WDFWORKITEMENQUEUE at WdfWorkItemEnqueueTableIndex;
    fn WdfWorkItemGetParentObject(WorkItem: WDFWORKITEM) -> WDFOBJECT, PFN_WDFWORKITEMGETPARENTOBJECT at WdfWorkItemGetParentObjectTableIndex;
    fn WdfWorkItemFlush(WorkItem: WDFWORKITEM), PFN_WDFWORKITEMFLUSH at WdfWorkItemFlushTableIndex;
}

/// Calls the named framework function through the table that the driver is bound to.
///
/// Has the shape of the macro of this name in `wdk-sys`: the driver globals are passed by the macro,
/// the other arguments follow the name, and the call needs an `unsafe` block.
#[macro_export]
macro_rules! call_unsafe_wdf_function_binding {
    ($name:ident $(, $argument:expr)* $(,)?) => {
        $crate::framework_calls::$name($($argument),*)
    };
}
