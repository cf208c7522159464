//! C enumerations, each a module of constants as bindgen makes them.

pub mod _POOL_TYPE {
    pub type Type = i32;
    pub const NonPagedPool: Type = 0;
    pub const NonPagedPoolExecute: Type = 0;
    pub const PagedPool: Type = 1;
    pub const NonPagedPoolMustSucceed: Type = 2;
    pub const DontUseThisType: Type = 3;
    pub const NonPagedPoolCacheAligned: Type = 4;
    pub const PagedPoolCacheAligned: Type = 5;
    pub const NonPagedPoolCacheAlignedMustS: Type = 6;
    pub const MaxPoolType: Type = 7;
    pub const NonPagedPoolBase: Type = 0;
    pub const NonPagedPoolBaseMustSucceed: Type = 2;
    pub const NonPagedPoolBaseCacheAligned: Type = 4;
    pub const NonPagedPoolBaseCacheAlignedMustS: Type = 6;
    pub const NonPagedPoolSession: Type = 32;
    pub const PagedPoolSession: Type = 33;
    pub const NonPagedPoolMustSucceedSession: Type = 34;
    pub const DontUseThisTypeSession: Type = 35;
    pub const NonPagedPoolCacheAlignedSession: Type = 36;
    pub const PagedPoolCacheAlignedSession: Type = 37;
    pub const NonPagedPoolCacheAlignedMustSSession: Type = 38;
    pub const NonPagedPoolNx: Type = 512;
    pub const NonPagedPoolNxCacheAligned: Type = 516;
    pub const NonPagedPoolSessionNx: Type = 544;
}
pub type POOL_TYPE = _POOL_TYPE::Type;

pub mod _EVENT_TYPE {
    pub type Type = i32;
    pub const NotificationEvent: Type = 0;
    pub const SynchronizationEvent: Type = 1;
}
pub type EVENT_TYPE = _EVENT_TYPE::Type;

pub mod _KWAIT_REASON {
    pub type Type = i32;
    pub const Executive: Type = 0;
    pub const FreePage: Type = 1;
    pub const PageIn: Type = 2;
    pub const PoolAllocation: Type = 3;
    pub const DelayExecution: Type = 4;
    pub const Suspended: Type = 5;
    pub const UserRequest: Type = 6;
    pub const WrExecutive: Type = 7;
    pub const WrFreePage: Type = 8;
    pub const WrPageIn: Type = 9;
    pub const WrPoolAllocation: Type = 10;
    pub const WrDelayExecution: Type = 11;
    pub const WrSuspended: Type = 12;
    pub const WrUserRequest: Type = 13;
    pub const WrSpare0: Type = 14;
    pub const WrQueue: Type = 15;
    pub const WrLpcReceive: Type = 16;
    pub const WrLpcReply: Type = 17;
    pub const WrVirtualMemory: Type = 18;
    pub const WrPageOut: Type = 19;
    pub const WrRendezvous: Type = 20;
    pub const WrKeyedEvent: Type = 21;
    pub const WrTerminated: Type = 22;
    pub const WrProcessInSwap: Type = 23;
    pub const WrCpuRateControl: Type = 24;
    pub const WrCalloutStack: Type = 25;
    pub const WrKernel: Type = 26;
    pub const WrResource: Type = 27;
    pub const WrPushLock: Type = 28;
    pub const WrMutex: Type = 29;
    pub const WrQuantumEnd: Type = 30;
    pub const WrDispatchInt: Type = 31;
    pub const WrPreempted: Type = 32;
    pub const WrYieldExecution: Type = 33;
    pub const WrFastMutex: Type = 34;
    pub const WrGuardedMutex: Type = 35;
    pub const WrRundown: Type = 36;
    pub const WrAlertByThreadId: Type = 37;
    pub const WrDeferredPreempt: Type = 38;
    pub const WrPhysicalFault: Type = 39;
    pub const WrIoRing: Type = 40;
    pub const WrMdlCache: Type = 41;
    pub const MaximumWaitReason: Type = 42;
}
pub type KWAIT_REASON = _KWAIT_REASON::Type;

pub mod _MODE {
    pub type Type = i32;
    pub const KernelMode: Type = 0;
    pub const UserMode: Type = 1;
    pub const MaximumMode: Type = 2;
}
pub type MODE = _MODE::Type;

pub mod _LOCK_OPERATION {
    pub type Type = i32;
    pub const IoReadAccess: Type = 0;
    pub const IoWriteAccess: Type = 1;
    pub const IoModifyAccess: Type = 2;
}
pub type LOCK_OPERATION = _LOCK_OPERATION::Type;

pub mod _MEMORY_CACHING_TYPE {
    pub type Type = i32;
    pub const MmNonCached: Type = 0;
    pub const MmCached: Type = 1;
    pub const MmWriteCombined: Type = 2;
    pub const MmHardwareCoherentCached: Type = 3;
    pub const MmNonCachedUnordered: Type = 4;
    pub const MmUSWCCached: Type = 5;
    pub const MmMaximumCacheType: Type = 6;
    pub const MmNotMapped: Type = -1;
}
pub type MEMORY_CACHING_TYPE = _MEMORY_CACHING_TYPE::Type;

pub mod _MM_PAGE_PRIORITY {
    pub type Type = i32;
    pub const LowPagePriority: Type = 0;
    pub const NormalPagePriority: Type = 16;
    pub const HighPagePriority: Type = 32;
}
pub type MM_PAGE_PRIORITY = _MM_PAGE_PRIORITY::Type;

pub mod _WORK_QUEUE_TYPE {
    pub type Type = i32;
    pub const CriticalWorkQueue: Type = 0;
    pub const DelayedWorkQueue: Type = 1;
    pub const HyperCriticalWorkQueue: Type = 2;
    pub const NormalWorkQueue: Type = 3;
    pub const BackgroundWorkQueue: Type = 4;
    pub const RealTimeWorkQueue: Type = 5;
    pub const SuperCriticalWorkQueue: Type = 6;
    pub const MaximumWorkQueue: Type = 7;
    pub const CustomPriorityWorkQueue: Type = 32;
}
pub type WORK_QUEUE_TYPE = _WORK_QUEUE_TYPE::Type;

pub mod _KDPC_IMPORTANCE {
    pub type Type = i32;
    pub const LowImportance: Type = 0;
    pub const MediumImportance: Type = 1;
    pub const HighImportance: Type = 2;
    pub const MediumHighImportance: Type = 3;
}
pub type KDPC_IMPORTANCE = _KDPC_IMPORTANCE::Type;

pub mod _DEVICE_RELATION_TYPE {
    pub type Type = i32;
    pub const BusRelations: Type = 0;
    pub const EjectionRelations: Type = 1;
    pub const PowerRelations: Type = 2;
    pub const RemovalRelations: Type = 3;
    pub const TargetDeviceRelation: Type = 4;
    pub const SingleBusRelations: Type = 5;
    pub const TransportRelations: Type = 6;
}
pub type DEVICE_RELATION_TYPE = _DEVICE_RELATION_TYPE::Type;

pub mod _BUS_QUERY_ID_TYPE {
    pub type Type = i32;
    pub const BusQueryDeviceID: Type = 0;
    pub const BusQueryHardwareIDs: Type = 1;
    pub const BusQueryCompatibleIDs: Type = 2;
    pub const BusQueryInstanceID: Type = 3;
    pub const BusQueryDeviceSerialNumber: Type = 4;
    pub const BusQueryContainerID: Type = 5;
}
pub type BUS_QUERY_ID_TYPE = _BUS_QUERY_ID_TYPE::Type;

pub mod _WDF_BUGCHECK_CODES {
    pub type Type = i32;
    pub const WDF_POWER_ROUTINE_TIMED_OUT: Type = 1;
    pub const WDF_RECURSIVE_LOCK: Type = 2;
    pub const WDF_VERIFIER_FATAL_ERROR: Type = 3;
    pub const WDF_REQUIRED_PARAMETER_IS_NULL: Type = 4;
    pub const WDF_INVALID_HANDLE: Type = 5;
    pub const WDF_REQUEST_FATAL_ERROR: Type = 6;
    pub const WDF_OBJECT_ERROR: Type = 7;
    pub const WDF_DMA_FATAL_ERROR: Type = 8;
    pub const WDF_INVALID_INTERRUPT: Type = 9;
    pub const WDF_QUEUE_FATAL_ERROR: Type = 10;
    pub const WDF_INVALID_LOCK_OPERATION: Type = 11;
    pub const WDF_PNP_FATAL_ERROR: Type = 12;
    pub const WDF_POWER_MULTIPLE_PPO: Type = 13;
    pub const WDF_VERIFIER_IRQL_MISMATCH: Type = 14;
    pub const WDF_VERIFIER_CRITICAL_REGION_MISMATCH: Type = 15;
    pub const WDF_API_UNAVAILABLE: Type = 16;
}
pub type WDF_BUGCHECK_CODES = _WDF_BUGCHECK_CODES::Type;

pub mod _WDF_DEVICE_IO_TYPE {
    pub type Type = i32;
    pub const WdfDeviceIoUndefined: Type = 0;
    pub const WdfDeviceIoNeither: Type = 1;
    pub const WdfDeviceIoBuffered: Type = 2;
    pub const WdfDeviceIoDirect: Type = 3;
    pub const WdfDeviceIoBufferedOrDirect: Type = 4;
    pub const WdfDeviceIoMaximum: Type = 5;
}
pub type WDF_DEVICE_IO_TYPE = _WDF_DEVICE_IO_TYPE::Type;

pub mod _WDF_DRIVER_INIT_FLAGS {
    pub type Type = i32;
    pub const WdfDriverInitNonPnpDriver: Type = 1;
    pub const WdfDriverInitNoDispatchOverride: Type = 2;
    pub const WdfVerifyOn: Type = 4;
    pub const WdfVerifierOn: Type = 8;
    pub const WdfDriverInitCompanion: Type = 16;
}
pub type WDF_DRIVER_INIT_FLAGS = _WDF_DRIVER_INIT_FLAGS::Type;

pub mod _WDF_EXECUTION_LEVEL {
    pub type Type = i32;
    pub const WdfExecutionLevelInvalid: Type = 0;
    pub const WdfExecutionLevelInheritFromParent: Type = 1;
    pub const WdfExecutionLevelPassive: Type = 2;
    pub const WdfExecutionLevelDispatch: Type = 3;
}
pub type WDF_EXECUTION_LEVEL = _WDF_EXECUTION_LEVEL::Type;

pub mod _WDF_FILEOBJECT_CLASS {
    pub type Type = i32;
    pub const WdfFileObjectInvalid: Type = 0;
    pub const WdfFileObjectNotRequired: Type = 1;
    pub const WdfFileObjectWdfCanUseFsContext: Type = 2;
    pub const WdfFileObjectWdfCanUseFsContext2: Type = 3;
    pub const WdfFileObjectWdfCannotUseFsContexts: Type = 4;
    pub const WdfFileObjectCanBeOptional: Type = -2147483648;
}
pub type WDF_FILEOBJECT_CLASS = _WDF_FILEOBJECT_CLASS::Type;

pub mod _WDF_IO_QUEUE_DISPATCH_TYPE {
    pub type Type = i32;
    pub const WdfIoQueueDispatchInvalid: Type = 0;
    pub const WdfIoQueueDispatchSequential: Type = 1;
    pub const WdfIoQueueDispatchParallel: Type = 2;
    pub const WdfIoQueueDispatchManual: Type = 3;
    pub const WdfIoQueueDispatchMax: Type = 4;
}
pub type WDF_IO_QUEUE_DISPATCH_TYPE = _WDF_IO_QUEUE_DISPATCH_TYPE::Type;

pub mod _WDF_IO_QUEUE_STATE {
    pub type Type = i32;
    pub const WdfIoQueueAcceptRequests: Type = 1;
    pub const WdfIoQueueDispatchRequests: Type = 2;
    pub const WdfIoQueueNoRequests: Type = 4;
    pub const WdfIoQueueDriverNoRequests: Type = 8;
    pub const WdfIoQueuePnpHeld: Type = 16;
}
pub type WDF_IO_QUEUE_STATE = _WDF_IO_QUEUE_STATE::Type;

pub mod _WDF_POWER_DEVICE_STATE {
    pub type Type = i32;
    pub const WdfPowerDeviceInvalid: Type = 0;
    pub const WdfPowerDeviceD0: Type = 1;
    pub const WdfPowerDeviceD1: Type = 2;
    pub const WdfPowerDeviceD2: Type = 3;
    pub const WdfPowerDeviceD3: Type = 4;
    pub const WdfPowerDeviceD3Final: Type = 5;
    pub const WdfPowerDevicePrepareForHibernation: Type = 6;
    pub const WdfPowerDeviceMaximum: Type = 7;
}
pub type WDF_POWER_DEVICE_STATE = _WDF_POWER_DEVICE_STATE::Type;

pub mod _WDF_REQUEST_FATAL_ERROR_CODES {
    pub type Type = i32;
    pub const WDF_REQUEST_FATAL_ERROR_NO_MORE_STACK_LOCATIONS: Type = 1;
    pub const WDF_REQUEST_FATAL_ERROR_NULL_IRP: Type = 2;
    pub const WDF_REQUEST_FATAL_ERROR_REQUEST_ALREADY_SENT: Type = 3;
    pub const WDF_REQUEST_FATAL_ERROR_INFORMATION_LENGTH_MISMATCH: Type = 4;
    pub const WDF_REQUEST_FATAL_ERROR_REQUEST_NOT_IN_QUEUE: Type = 5;
}
pub type WDF_REQUEST_FATAL_ERROR_CODES = _WDF_REQUEST_FATAL_ERROR_CODES::Type;

pub mod _WDF_REQUEST_STOP_ACTION_FLAGS {
    pub type Type = i32;
    pub const WdfRequestStopActionInvalid: Type = 0;
    pub const WdfRequestStopActionSuspend: Type = 1;
    pub const WdfRequestStopActionPurge: Type = 2;
    pub const WdfRequestStopRequestCancelable: Type = 268435456;
}
pub type WDF_REQUEST_STOP_ACTION_FLAGS = _WDF_REQUEST_STOP_ACTION_FLAGS::Type;

pub mod _WDF_REQUEST_TYPE {
    pub type Type = i32;
    pub const WdfRequestTypeCreate: Type = 0;
    pub const WdfRequestTypeCreateNamedPipe: Type = 1;
    pub const WdfRequestTypeClose: Type = 2;
    pub const WdfRequestTypeRead: Type = 3;
    pub const WdfRequestTypeWrite: Type = 4;
    pub const WdfRequestTypeQueryInformation: Type = 5;
    pub const WdfRequestTypeSetInformation: Type = 6;
    pub const WdfRequestTypeQueryEA: Type = 7;
    pub const WdfRequestTypeSetEA: Type = 8;
    pub const WdfRequestTypeFlushBuffers: Type = 9;
    pub const WdfRequestTypeQueryVolumeInformation: Type = 10;
    pub const WdfRequestTypeSetVolumeInformation: Type = 11;
    pub const WdfRequestTypeDirectoryControl: Type = 12;
    pub const WdfRequestTypeFileSystemControl: Type = 13;
    pub const WdfRequestTypeDeviceControl: Type = 14;
    pub const WdfRequestTypeDeviceControlInternal: Type = 15;
    pub const WdfRequestTypeShutdown: Type = 16;
    pub const WdfRequestTypeLockControl: Type = 17;
    pub const WdfRequestTypeCleanup: Type = 18;
    pub const WdfRequestTypeCreateMailSlot: Type = 19;
    pub const WdfRequestTypeQuerySecurity: Type = 20;
    pub const WdfRequestTypeSetSecurity: Type = 21;
    pub const WdfRequestTypePower: Type = 22;
    pub const WdfRequestTypeSystemControl: Type = 23;
    pub const WdfRequestTypeDeviceChange: Type = 24;
    pub const WdfRequestTypeQueryQuota: Type = 25;
    pub const WdfRequestTypeSetQuota: Type = 26;
    pub const WdfRequestTypePnp: Type = 27;
    pub const WdfRequestTypeOther: Type = 28;
    pub const WdfRequestTypeUsb: Type = 64;
    pub const WdfRequestTypeNoFormat: Type = 255;
    pub const WdfRequestTypeMax: Type = 256;
}
pub type WDF_REQUEST_TYPE = _WDF_REQUEST_TYPE::Type;

pub mod _WDF_SYNCHRONIZATION_SCOPE {
    pub type Type = i32;
    pub const WdfSynchronizationScopeInvalid: Type = 0;
    pub const WdfSynchronizationScopeInheritFromParent: Type = 1;
    pub const WdfSynchronizationScopeDevice: Type = 2;
    pub const WdfSynchronizationScopeQueue: Type = 3;
    pub const WdfSynchronizationScopeNone: Type = 4;
}
pub type WDF_SYNCHRONIZATION_SCOPE = _WDF_SYNCHRONIZATION_SCOPE::Type;

pub mod _WDF_TRI_STATE {
    pub type Type = i32;
    pub const WdfFalse: Type = 0;
    pub const WdfTrue: Type = 1;
    pub const WdfUseDefault: Type = 2;
}
pub type WDF_TRI_STATE = _WDF_TRI_STATE::Type;

pub mod _WDF_SPECIAL_FILE_TYPE {
    pub type Type = i32;
    pub const WdfSpecialFileUndefined: Type = 0;
    pub const WdfSpecialFilePaging: Type = 1;
    pub const WdfSpecialFileHibernation: Type = 2;
    pub const WdfSpecialFileDump: Type = 3;
    pub const WdfSpecialFileBoot: Type = 4;
    pub const WdfSpecialFilePostDisplay: Type = 5;
    pub const WdfSpecialFileGuestAssigned: Type = 6;
    pub const WdfSpecialFileMax: Type = 7;
}
pub type WDF_SPECIAL_FILE_TYPE = _WDF_SPECIAL_FILE_TYPE::Type;

pub mod _WDFFUNCENUM {
    pub type Type = i32;
    pub const WdfChildListCreateTableIndex: Type = 0;
    pub const WdfChildListGetDeviceTableIndex: Type = 1;
    pub const WdfChildListRetrievePdoTableIndex: Type = 2;
    pub const WdfChildListRetrieveAddressDescriptionTableIndex: Type = 3;
    pub const WdfChildListBeginScanTableIndex: Type = 4;
    pub const WdfChildListEndScanTableIndex: Type = 5;
    pub const WdfChildListBeginIterationTableIndex: Type = 6;
    pub const WdfChildListRetrieveNextDeviceTableIndex: Type = 7;
    pub const WdfChildListEndIterationTableIndex: Type = 8;
    pub const WdfChildListAddOrUpdateChildDescriptionAsPresentTableIndex: Type = 9;
    pub const WdfChildListUpdateChildDescriptionAsMissingTableIndex: Type = 10;
    pub const WdfChildListUpdateAllChildDescriptionsAsPresentTableIndex: Type = 11;
    pub const WdfChildListRequestChildEjectTableIndex: Type = 12;
    pub const WdfCollectionCreateTableIndex: Type = 13;
    pub const WdfCollectionGetCountTableIndex: Type = 14;
    pub const WdfCollectionAddTableIndex: Type = 15;
    pub const WdfCollectionRemoveTableIndex: Type = 16;
    pub const WdfCollectionRemoveItemTableIndex: Type = 17;
    pub const WdfCollectionGetItemTableIndex: Type = 18;
    pub const WdfCollectionGetFirstItemTableIndex: Type = 19;
    pub const WdfCollectionGetLastItemTableIndex: Type = 20;
    pub const WdfCommonBufferCreateTableIndex: Type = 21;
    pub const WdfCommonBufferGetAlignedVirtualAddressTableIndex: Type = 22;
    pub const WdfCommonBufferGetAlignedLogicalAddressTableIndex: Type = 23;
    pub const WdfCommonBufferGetLengthTableIndex: Type = 24;
    pub const WdfControlDeviceInitAllocateTableIndex: Type = 25;
    pub const WdfControlDeviceInitSetShutdownNotificationTableIndex: Type = 26;
    pub const WdfControlFinishInitializingTableIndex: Type = 27;
    pub const WdfDeviceGetDeviceStateTableIndex: Type = 28;
    pub const WdfDeviceSetDeviceStateTableIndex: Type = 29;
    pub const WdfWdmDeviceGetWdfDeviceHandleTableIndex: Type = 30;
    pub const WdfDeviceWdmGetDeviceObjectTableIndex: Type = 31;
    pub const WdfDeviceWdmGetAttachedDeviceTableIndex: Type = 32;
    pub const WdfDeviceWdmGetPhysicalDeviceTableIndex: Type = 33;
    pub const WdfDeviceWdmDispatchPreprocessedIrpTableIndex: Type = 34;
    pub const WdfDeviceAddDependentUsageDeviceObjectTableIndex: Type = 35;
    pub const WdfDeviceAddRemovalRelationsPhysicalDeviceTableIndex: Type = 36;
    pub const WdfDeviceRemoveRemovalRelationsPhysicalDeviceTableIndex: Type = 37;
    pub const WdfDeviceClearRemovalRelationsDevicesTableIndex: Type = 38;
    pub const WdfDeviceGetDriverTableIndex: Type = 39;
    pub const WdfDeviceRetrieveDeviceNameTableIndex: Type = 40;
    pub const WdfDeviceAssignMofResourceNameTableIndex: Type = 41;
    pub const WdfDeviceGetIoTargetTableIndex: Type = 42;
    pub const WdfDeviceGetDevicePnpStateTableIndex: Type = 43;
    pub const WdfDeviceGetDevicePowerStateTableIndex: Type = 44;
    pub const WdfDeviceGetDevicePowerPolicyStateTableIndex: Type = 45;
    pub const WdfDeviceAssignS0IdleSettingsTableIndex: Type = 46;
    pub const WdfDeviceAssignSxWakeSettingsTableIndex: Type = 47;
    pub const WdfDeviceOpenRegistryKeyTableIndex: Type = 48;
    pub const WdfDeviceSetSpecialFileSupportTableIndex: Type = 49;
    pub const WdfDeviceSetCharacteristicsTableIndex: Type = 50;
    pub const WdfDeviceGetCharacteristicsTableIndex: Type = 51;
    pub const WdfDeviceGetAlignmentRequirementTableIndex: Type = 52;
    pub const WdfDeviceSetAlignmentRequirementTableIndex: Type = 53;
    pub const WdfDeviceInitFreeTableIndex: Type = 54;
    pub const WdfDeviceInitSetPnpPowerEventCallbacksTableIndex: Type = 55;
    pub const WdfDeviceInitSetPowerPolicyEventCallbacksTableIndex: Type = 56;
    pub const WdfDeviceInitSetPowerPolicyOwnershipTableIndex: Type = 57;
    pub const WdfDeviceInitRegisterPnpStateChangeCallbackTableIndex: Type = 58;
    pub const WdfDeviceInitRegisterPowerStateChangeCallbackTableIndex: Type = 59;
    pub const WdfDeviceInitRegisterPowerPolicyStateChangeCallbackTableIndex: Type = 60;
    pub const WdfDeviceInitSetIoTypeTableIndex: Type = 61;
    pub const WdfDeviceInitSetExclusiveTableIndex: Type = 62;
    pub const WdfDeviceInitSetPowerNotPageableTableIndex: Type = 63;
    pub const WdfDeviceInitSetPowerPageableTableIndex: Type = 64;
    pub const WdfDeviceInitSetPowerInrushTableIndex: Type = 65;
    pub const WdfDeviceInitSetDeviceTypeTableIndex: Type = 66;
    pub const WdfDeviceInitAssignNameTableIndex: Type = 67;
    pub const WdfDeviceInitAssignSDDLStringTableIndex: Type = 68;
    pub const WdfDeviceInitSetDeviceClassTableIndex: Type = 69;
    pub const WdfDeviceInitSetCharacteristicsTableIndex: Type = 70;
    pub const WdfDeviceInitSetFileObjectConfigTableIndex: Type = 71;
    pub const WdfDeviceInitSetRequestAttributesTableIndex: Type = 72;
    pub const WdfDeviceInitAssignWdmIrpPreprocessCallbackTableIndex: Type = 73;
    pub const WdfDeviceInitSetIoInCallerContextCallbackTableIndex: Type = 74;
    pub const WdfDeviceCreateTableIndex: Type = 75;
    pub const WdfDeviceSetStaticStopRemoveTableIndex: Type = 76;
    pub const WdfDeviceCreateDeviceInterfaceTableIndex: Type = 77;
    pub const WdfDeviceSetDeviceInterfaceStateTableIndex: Type = 78;
    pub const WdfDeviceRetrieveDeviceInterfaceStringTableIndex: Type = 79;
    pub const WdfDeviceCreateSymbolicLinkTableIndex: Type = 80;
    pub const WdfDeviceQueryPropertyTableIndex: Type = 81;
    pub const WdfDeviceAllocAndQueryPropertyTableIndex: Type = 82;
    pub const WdfDeviceSetPnpCapabilitiesTableIndex: Type = 83;
    pub const WdfDeviceSetPowerCapabilitiesTableIndex: Type = 84;
    pub const WdfDeviceSetBusInformationForChildrenTableIndex: Type = 85;
    pub const WdfDeviceIndicateWakeStatusTableIndex: Type = 86;
    pub const WdfDeviceSetFailedTableIndex: Type = 87;
    pub const WdfDeviceStopIdleNoTrackTableIndex: Type = 88;
    pub const WdfDeviceResumeIdleNoTrackTableIndex: Type = 89;
    pub const WdfDeviceGetFileObjectTableIndex: Type = 90;
    pub const WdfDeviceEnqueueRequestTableIndex: Type = 91;
    pub const WdfDeviceGetDefaultQueueTableIndex: Type = 92;
    pub const WdfDeviceConfigureRequestDispatchingTableIndex: Type = 93;
    pub const WdfDmaEnablerCreateTableIndex: Type = 94;
    pub const WdfDmaEnablerGetMaximumLengthTableIndex: Type = 95;
    pub const WdfDmaEnablerGetMaximumScatterGatherElementsTableIndex: Type = 96;
    pub const WdfDmaEnablerSetMaximumScatterGatherElementsTableIndex: Type = 97;
    pub const WdfDmaTransactionCreateTableIndex: Type = 98;
    pub const WdfDmaTransactionInitializeTableIndex: Type = 99;
    pub const WdfDmaTransactionInitializeUsingRequestTableIndex: Type = 100;
    pub const WdfDmaTransactionExecuteTableIndex: Type = 101;
    pub const WdfDmaTransactionReleaseTableIndex: Type = 102;
    pub const WdfDmaTransactionDmaCompletedTableIndex: Type = 103;
    pub const WdfDmaTransactionDmaCompletedWithLengthTableIndex: Type = 104;
    pub const WdfDmaTransactionDmaCompletedFinalTableIndex: Type = 105;
    pub const WdfDmaTransactionGetBytesTransferredTableIndex: Type = 106;
    pub const WdfDmaTransactionSetMaximumLengthTableIndex: Type = 107;
    pub const WdfDmaTransactionGetRequestTableIndex: Type = 108;
    pub const WdfDmaTransactionGetCurrentDmaTransferLengthTableIndex: Type = 109;
    pub const WdfDmaTransactionGetDeviceTableIndex: Type = 110;
    pub const WdfDpcCreateTableIndex: Type = 111;
    pub const WdfDpcEnqueueTableIndex: Type = 112;
    pub const WdfDpcCancelTableIndex: Type = 113;
    pub const WdfDpcGetParentObjectTableIndex: Type = 114;
    pub const WdfDpcWdmGetDpcTableIndex: Type = 115;
    pub const WdfDriverCreateTableIndex: Type = 116;
    pub const WdfDriverGetRegistryPathTableIndex: Type = 117;
    pub const WdfDriverWdmGetDriverObjectTableIndex: Type = 118;
    pub const WdfDriverOpenParametersRegistryKeyTableIndex: Type = 119;
    pub const WdfWdmDriverGetWdfDriverHandleTableIndex: Type = 120;
    pub const WdfDriverRegisterTraceInfoTableIndex: Type = 121;
    pub const WdfDriverRetrieveVersionStringTableIndex: Type = 122;
    pub const WdfDriverIsVersionAvailableTableIndex: Type = 123;
    pub const WdfFdoInitWdmGetPhysicalDeviceTableIndex: Type = 124;
    pub const WdfFdoInitOpenRegistryKeyTableIndex: Type = 125;
    pub const WdfFdoInitQueryPropertyTableIndex: Type = 126;
    pub const WdfFdoInitAllocAndQueryPropertyTableIndex: Type = 127;
    pub const WdfFdoInitSetEventCallbacksTableIndex: Type = 128;
    pub const WdfFdoInitSetFilterTableIndex: Type = 129;
    pub const WdfFdoInitSetDefaultChildListConfigTableIndex: Type = 130;
    pub const WdfFdoQueryForInterfaceTableIndex: Type = 131;
    pub const WdfFdoGetDefaultChildListTableIndex: Type = 132;
    pub const WdfFdoAddStaticChildTableIndex: Type = 133;
    pub const WdfFdoLockStaticChildListForIterationTableIndex: Type = 134;
    pub const WdfFdoRetrieveNextStaticChildTableIndex: Type = 135;
    pub const WdfFdoUnlockStaticChildListFromIterationTableIndex: Type = 136;
    pub const WdfFileObjectGetFileNameTableIndex: Type = 137;
    pub const WdfFileObjectGetFlagsTableIndex: Type = 138;
    pub const WdfFileObjectGetDeviceTableIndex: Type = 139;
    pub const WdfFileObjectWdmGetFileObjectTableIndex: Type = 140;
    pub const WdfInterruptCreateTableIndex: Type = 141;
    pub const WdfInterruptQueueDpcForIsrTableIndex: Type = 142;
    pub const WdfInterruptSynchronizeTableIndex: Type = 143;
    pub const WdfInterruptAcquireLockTableIndex: Type = 144;
    pub const WdfInterruptReleaseLockTableIndex: Type = 145;
    pub const WdfInterruptEnableTableIndex: Type = 146;
    pub const WdfInterruptDisableTableIndex: Type = 147;
    pub const WdfInterruptWdmGetInterruptTableIndex: Type = 148;
    pub const WdfInterruptGetInfoTableIndex: Type = 149;
    pub const WdfInterruptSetPolicyTableIndex: Type = 150;
    pub const WdfInterruptGetDeviceTableIndex: Type = 151;
    pub const WdfIoQueueCreateTableIndex: Type = 152;
    pub const WdfIoQueueGetStateTableIndex: Type = 153;
    pub const WdfIoQueueStartTableIndex: Type = 154;
    pub const WdfIoQueueStopTableIndex: Type = 155;
    pub const WdfIoQueueStopSynchronouslyTableIndex: Type = 156;
    pub const WdfIoQueueGetDeviceTableIndex: Type = 157;
    pub const WdfIoQueueRetrieveNextRequestTableIndex: Type = 158;
    pub const WdfIoQueueRetrieveRequestByFileObjectTableIndex: Type = 159;
    pub const WdfIoQueueFindRequestTableIndex: Type = 160;
    pub const WdfIoQueueRetrieveFoundRequestTableIndex: Type = 161;
    pub const WdfIoQueueDrainSynchronouslyTableIndex: Type = 162;
    pub const WdfIoQueueDrainTableIndex: Type = 163;
    pub const WdfIoQueuePurgeSynchronouslyTableIndex: Type = 164;
    pub const WdfIoQueuePurgeTableIndex: Type = 165;
    pub const WdfIoQueueReadyNotifyTableIndex: Type = 166;
    pub const WdfIoTargetCreateTableIndex: Type = 167;
    pub const WdfIoTargetOpenTableIndex: Type = 168;
    pub const WdfIoTargetCloseForQueryRemoveTableIndex: Type = 169;
    pub const WdfIoTargetCloseTableIndex: Type = 170;
    pub const WdfIoTargetStartTableIndex: Type = 171;
    pub const WdfIoTargetStopTableIndex: Type = 172;
    pub const WdfIoTargetGetStateTableIndex: Type = 173;
    pub const WdfIoTargetGetDeviceTableIndex: Type = 174;
    pub const WdfIoTargetQueryTargetPropertyTableIndex: Type = 175;
    pub const WdfIoTargetAllocAndQueryTargetPropertyTableIndex: Type = 176;
    pub const WdfIoTargetQueryForInterfaceTableIndex: Type = 177;
    pub const WdfIoTargetWdmGetTargetDeviceObjectTableIndex: Type = 178;
    pub const WdfIoTargetWdmGetTargetPhysicalDeviceTableIndex: Type = 179;
    pub const WdfIoTargetWdmGetTargetFileObjectTableIndex: Type = 180;
    pub const WdfIoTargetWdmGetTargetFileHandleTableIndex: Type = 181;
    pub const WdfIoTargetSendReadSynchronouslyTableIndex: Type = 182;
    pub const WdfIoTargetFormatRequestForReadTableIndex: Type = 183;
    pub const WdfIoTargetSendWriteSynchronouslyTableIndex: Type = 184;
    pub const WdfIoTargetFormatRequestForWriteTableIndex: Type = 185;
    pub const WdfIoTargetSendIoctlSynchronouslyTableIndex: Type = 186;
    pub const WdfIoTargetFormatRequestForIoctlTableIndex: Type = 187;
    pub const WdfIoTargetSendInternalIoctlSynchronouslyTableIndex: Type = 188;
    pub const WdfIoTargetFormatRequestForInternalIoctlTableIndex: Type = 189;
    pub const WdfIoTargetSendInternalIoctlOthersSynchronouslyTableIndex: Type = 190;
    pub const WdfIoTargetFormatRequestForInternalIoctlOthersTableIndex: Type = 191;
    pub const WdfMemoryCreateTableIndex: Type = 192;
    pub const WdfMemoryCreatePreallocatedTableIndex: Type = 193;
    pub const WdfMemoryGetBufferTableIndex: Type = 194;
    pub const WdfMemoryAssignBufferTableIndex: Type = 195;
    pub const WdfMemoryCopyToBufferTableIndex: Type = 196;
    pub const WdfMemoryCopyFromBufferTableIndex: Type = 197;
    pub const WdfLookasideListCreateTableIndex: Type = 198;
    pub const WdfMemoryCreateFromLookasideTableIndex: Type = 199;
    pub const WdfDeviceMiniportCreateTableIndex: Type = 200;
    pub const WdfDriverMiniportUnloadTableIndex: Type = 201;
    pub const WdfObjectGetTypedContextWorkerTableIndex: Type = 202;
    pub const WdfObjectAllocateContextTableIndex: Type = 203;
    pub const WdfObjectContextGetObjectTableIndex: Type = 204;
    pub const WdfObjectReferenceActualTableIndex: Type = 205;
    pub const WdfObjectDereferenceActualTableIndex: Type = 206;
    pub const WdfObjectCreateTableIndex: Type = 207;
    pub const WdfObjectDeleteTableIndex: Type = 208;
    pub const WdfObjectQueryTableIndex: Type = 209;
    pub const WdfPdoInitAllocateTableIndex: Type = 210;
    pub const WdfPdoInitSetEventCallbacksTableIndex: Type = 211;
    pub const WdfPdoInitAssignDeviceIDTableIndex: Type = 212;
    pub const WdfPdoInitAssignInstanceIDTableIndex: Type = 213;
    pub const WdfPdoInitAddHardwareIDTableIndex: Type = 214;
    pub const WdfPdoInitAddCompatibleIDTableIndex: Type = 215;
    pub const WdfPdoInitAddDeviceTextTableIndex: Type = 216;
    pub const WdfPdoInitSetDefaultLocaleTableIndex: Type = 217;
    pub const WdfPdoInitAssignRawDeviceTableIndex: Type = 218;
    pub const WdfPdoMarkMissingTableIndex: Type = 219;
    pub const WdfPdoRequestEjectTableIndex: Type = 220;
    pub const WdfPdoGetParentTableIndex: Type = 221;
    pub const WdfPdoRetrieveIdentificationDescriptionTableIndex: Type = 222;
    pub const WdfPdoRetrieveAddressDescriptionTableIndex: Type = 223;
    pub const WdfPdoUpdateAddressDescriptionTableIndex: Type = 224;
    pub const WdfPdoAddEjectionRelationsPhysicalDeviceTableIndex: Type = 225;
    pub const WdfPdoRemoveEjectionRelationsPhysicalDeviceTableIndex: Type = 226;
    pub const WdfPdoClearEjectionRelationsDevicesTableIndex: Type = 227;
    pub const WdfDeviceAddQueryInterfaceTableIndex: Type = 228;
    pub const WdfRegistryOpenKeyTableIndex: Type = 229;
    pub const WdfRegistryCreateKeyTableIndex: Type = 230;
    pub const WdfRegistryCloseTableIndex: Type = 231;
    pub const WdfRegistryWdmGetHandleTableIndex: Type = 232;
    pub const WdfRegistryRemoveKeyTableIndex: Type = 233;
    pub const WdfRegistryRemoveValueTableIndex: Type = 234;
    pub const WdfRegistryQueryValueTableIndex: Type = 235;
    pub const WdfRegistryQueryMemoryTableIndex: Type = 236;
    pub const WdfRegistryQueryMultiStringTableIndex: Type = 237;
    pub const WdfRegistryQueryUnicodeStringTableIndex: Type = 238;
    pub const WdfRegistryQueryStringTableIndex: Type = 239;
    pub const WdfRegistryQueryULongTableIndex: Type = 240;
    pub const WdfRegistryAssignValueTableIndex: Type = 241;
    pub const WdfRegistryAssignMemoryTableIndex: Type = 242;
    pub const WdfRegistryAssignMultiStringTableIndex: Type = 243;
    pub const WdfRegistryAssignUnicodeStringTableIndex: Type = 244;
    pub const WdfRegistryAssignStringTableIndex: Type = 245;
    pub const WdfRegistryAssignULongTableIndex: Type = 246;
    pub const WdfRequestCreateTableIndex: Type = 247;
    pub const WdfRequestCreateFromIrpTableIndex: Type = 248;
    pub const WdfRequestReuseTableIndex: Type = 249;
    pub const WdfRequestChangeTargetTableIndex: Type = 250;
    pub const WdfRequestFormatRequestUsingCurrentTypeTableIndex: Type = 251;
    pub const WdfRequestWdmFormatUsingStackLocationTableIndex: Type = 252;
    pub const WdfRequestSendTableIndex: Type = 253;
    pub const WdfRequestGetStatusTableIndex: Type = 254;
    pub const WdfRequestMarkCancelableTableIndex: Type = 255;
    pub const WdfRequestUnmarkCancelableTableIndex: Type = 256;
    pub const WdfRequestIsCanceledTableIndex: Type = 257;
    pub const WdfRequestCancelSentRequestTableIndex: Type = 258;
    pub const WdfRequestIsFrom32BitProcessTableIndex: Type = 259;
    pub const WdfRequestSetCompletionRoutineTableIndex: Type = 260;
    pub const WdfRequestGetCompletionParamsTableIndex: Type = 261;
    pub const WdfRequestAllocateTimerTableIndex: Type = 262;
    pub const WdfRequestCompleteTableIndex: Type = 263;
    pub const WdfRequestCompleteWithPriorityBoostTableIndex: Type = 264;
    pub const WdfRequestCompleteWithInformationTableIndex: Type = 265;
    pub const WdfRequestGetParametersTableIndex: Type = 266;
    pub const WdfRequestRetrieveInputMemoryTableIndex: Type = 267;
    pub const WdfRequestRetrieveOutputMemoryTableIndex: Type = 268;
    pub const WdfRequestRetrieveInputBufferTableIndex: Type = 269;
    pub const WdfRequestRetrieveOutputBufferTableIndex: Type = 270;
    pub const WdfRequestRetrieveInputWdmMdlTableIndex: Type = 271;
    pub const WdfRequestRetrieveOutputWdmMdlTableIndex: Type = 272;
    pub const WdfRequestRetrieveUnsafeUserInputBufferTableIndex: Type = 273;
    pub const WdfRequestRetrieveUnsafeUserOutputBufferTableIndex: Type = 274;
    pub const WdfRequestSetInformationTableIndex: Type = 275;
    pub const WdfRequestGetInformationTableIndex: Type = 276;
    pub const WdfRequestGetFileObjectTableIndex: Type = 277;
    pub const WdfRequestProbeAndLockUserBufferForReadTableIndex: Type = 278;
    pub const WdfRequestProbeAndLockUserBufferForWriteTableIndex: Type = 279;
    pub const WdfRequestGetRequestorModeTableIndex: Type = 280;
    pub const WdfRequestForwardToIoQueueTableIndex: Type = 281;
    pub const WdfRequestGetIoQueueTableIndex: Type = 282;
    pub const WdfRequestRequeueTableIndex: Type = 283;
    pub const WdfRequestStopAcknowledgeTableIndex: Type = 284;
    pub const WdfRequestWdmGetIrpTableIndex: Type = 285;
    pub const WdfIoResourceRequirementsListSetSlotNumberTableIndex: Type = 286;
    pub const WdfIoResourceRequirementsListSetInterfaceTypeTableIndex: Type = 287;
    pub const WdfIoResourceRequirementsListAppendIoResListTableIndex: Type = 288;
    pub const WdfIoResourceRequirementsListInsertIoResListTableIndex: Type = 289;
    pub const WdfIoResourceRequirementsListGetCountTableIndex: Type = 290;
    pub const WdfIoResourceRequirementsListGetIoResListTableIndex: Type = 291;
    pub const WdfIoResourceRequirementsListRemoveTableIndex: Type = 292;
    pub const WdfIoResourceRequirementsListRemoveByIoResListTableIndex: Type = 293;
    pub const WdfIoResourceListCreateTableIndex: Type = 294;
    pub const WdfIoResourceListAppendDescriptorTableIndex: Type = 295;
    pub const WdfIoResourceListInsertDescriptorTableIndex: Type = 296;
    pub const WdfIoResourceListUpdateDescriptorTableIndex: Type = 297;
    pub const WdfIoResourceListGetCountTableIndex: Type = 298;
    pub const WdfIoResourceListGetDescriptorTableIndex: Type = 299;
    pub const WdfIoResourceListRemoveTableIndex: Type = 300;
    pub const WdfIoResourceListRemoveByDescriptorTableIndex: Type = 301;
    pub const WdfCmResourceListAppendDescriptorTableIndex: Type = 302;
    pub const WdfCmResourceListInsertDescriptorTableIndex: Type = 303;
    pub const WdfCmResourceListGetCountTableIndex: Type = 304;
    pub const WdfCmResourceListGetDescriptorTableIndex: Type = 305;
    pub const WdfCmResourceListRemoveTableIndex: Type = 306;
    pub const WdfCmResourceListRemoveByDescriptorTableIndex: Type = 307;
    pub const WdfStringCreateTableIndex: Type = 308;
    pub const WdfStringGetUnicodeStringTableIndex: Type = 309;
    pub const WdfObjectAcquireLockTableIndex: Type = 310;
    pub const WdfObjectReleaseLockTableIndex: Type = 311;
    pub const WdfWaitLockCreateTableIndex: Type = 312;
    pub const WdfWaitLockAcquireTableIndex: Type = 313;
    pub const WdfWaitLockReleaseTableIndex: Type = 314;
    pub const WdfSpinLockCreateTableIndex: Type = 315;
    pub const WdfSpinLockAcquireTableIndex: Type = 316;
    pub const WdfSpinLockReleaseTableIndex: Type = 317;
    pub const WdfTimerCreateTableIndex: Type = 318;
    pub const WdfTimerStartTableIndex: Type = 319;
    pub const WdfTimerStopTableIndex: Type = 320;
    pub const WdfTimerGetParentObjectTableIndex: Type = 321;
    pub const WdfUsbTargetDeviceCreateTableIndex: Type = 322;
    pub const WdfUsbTargetDeviceRetrieveInformationTableIndex: Type = 323;
    pub const WdfUsbTargetDeviceGetDeviceDescriptorTableIndex: Type = 324;
    pub const WdfUsbTargetDeviceRetrieveConfigDescriptorTableIndex: Type = 325;
    pub const WdfUsbTargetDeviceQueryStringTableIndex: Type = 326;
    pub const WdfUsbTargetDeviceAllocAndQueryStringTableIndex: Type = 327;
    pub const WdfUsbTargetDeviceFormatRequestForStringTableIndex: Type = 328;
    pub const WdfUsbTargetDeviceGetNumInterfacesTableIndex: Type = 329;
    pub const WdfUsbTargetDeviceSelectConfigTableIndex: Type = 330;
    pub const WdfUsbTargetDeviceWdmGetConfigurationHandleTableIndex: Type = 331;
    pub const WdfUsbTargetDeviceRetrieveCurrentFrameNumberTableIndex: Type = 332;
    pub const WdfUsbTargetDeviceSendControlTransferSynchronouslyTableIndex: Type = 333;
    pub const WdfUsbTargetDeviceFormatRequestForControlTransferTableIndex: Type = 334;
    pub const WdfUsbTargetDeviceIsConnectedSynchronousTableIndex: Type = 335;
    pub const WdfUsbTargetDeviceResetPortSynchronouslyTableIndex: Type = 336;
    pub const WdfUsbTargetDeviceCyclePortSynchronouslyTableIndex: Type = 337;
    pub const WdfUsbTargetDeviceFormatRequestForCyclePortTableIndex: Type = 338;
    pub const WdfUsbTargetDeviceSendUrbSynchronouslyTableIndex: Type = 339;
    pub const WdfUsbTargetDeviceFormatRequestForUrbTableIndex: Type = 340;
    pub const WdfUsbTargetPipeGetInformationTableIndex: Type = 341;
    pub const WdfUsbTargetPipeIsInEndpointTableIndex: Type = 342;
    pub const WdfUsbTargetPipeIsOutEndpointTableIndex: Type = 343;
    pub const WdfUsbTargetPipeGetTypeTableIndex: Type = 344;
    pub const WdfUsbTargetPipeSetNoMaximumPacketSizeCheckTableIndex: Type = 345;
    pub const WdfUsbTargetPipeWriteSynchronouslyTableIndex: Type = 346;
    pub const WdfUsbTargetPipeFormatRequestForWriteTableIndex: Type = 347;
    pub const WdfUsbTargetPipeReadSynchronouslyTableIndex: Type = 348;
    pub const WdfUsbTargetPipeFormatRequestForReadTableIndex: Type = 349;
    pub const WdfUsbTargetPipeConfigContinuousReaderTableIndex: Type = 350;
    pub const WdfUsbTargetPipeAbortSynchronouslyTableIndex: Type = 351;
    pub const WdfUsbTargetPipeFormatRequestForAbortTableIndex: Type = 352;
    pub const WdfUsbTargetPipeResetSynchronouslyTableIndex: Type = 353;
    pub const WdfUsbTargetPipeFormatRequestForResetTableIndex: Type = 354;
    pub const WdfUsbTargetPipeSendUrbSynchronouslyTableIndex: Type = 355;
    pub const WdfUsbTargetPipeFormatRequestForUrbTableIndex: Type = 356;
    pub const WdfUsbInterfaceGetInterfaceNumberTableIndex: Type = 357;
    pub const WdfUsbInterfaceGetNumEndpointsTableIndex: Type = 358;
    pub const WdfUsbInterfaceGetDescriptorTableIndex: Type = 359;
    pub const WdfUsbInterfaceSelectSettingTableIndex: Type = 360;
    pub const WdfUsbInterfaceGetEndpointInformationTableIndex: Type = 361;
    pub const WdfUsbTargetDeviceGetInterfaceTableIndex: Type = 362;
    pub const WdfUsbInterfaceGetConfiguredSettingIndexTableIndex: Type = 363;
    pub const WdfUsbInterfaceGetNumConfiguredPipesTableIndex: Type = 364;
    pub const WdfUsbInterfaceGetConfiguredPipeTableIndex: Type = 365;
    pub const WdfUsbTargetPipeWdmGetPipeHandleTableIndex: Type = 366;
    pub const WdfVerifierDbgBreakPointTableIndex: Type = 367;
    pub const WdfVerifierKeBugCheckTableIndex: Type = 368;
    pub const WdfWmiProviderCreateTableIndex: Type = 369;
    pub const WdfWmiProviderGetDeviceTableIndex: Type = 370;
    pub const WdfWmiProviderIsEnabledTableIndex: Type = 371;
    pub const WdfWmiProviderGetTracingHandleTableIndex: Type = 372;
    pub const WdfWmiInstanceCreateTableIndex: Type = 373;
    pub const WdfWmiInstanceRegisterTableIndex: Type = 374;
    pub const WdfWmiInstanceDeregisterTableIndex: Type = 375;
    pub const WdfWmiInstanceGetDeviceTableIndex: Type = 376;
    pub const WdfWmiInstanceGetProviderTableIndex: Type = 377;
    pub const WdfWmiInstanceFireEventTableIndex: Type = 378;
    pub const WdfWorkItemCreateTableIndex: Type = 379;
    pub const WdfWorkItemEnqueueTableIndex: Type = 380;
    pub const WdfWorkItemGetParentObjectTableIndex: Type = 381;
    pub const WdfWorkItemFlushTableIndex: Type = 382;
    pub const WdfCommonBufferCreateWithConfigTableIndex: Type = 383;
    pub const WdfDmaEnablerGetFragmentLengthTableIndex: Type = 384;
    pub const WdfDmaEnablerWdmGetDmaAdapterTableIndex: Type = 385;
    pub const WdfUsbInterfaceGetNumSettingsTableIndex: Type = 386;
    pub const WdfDeviceRemoveDependentUsageDeviceObjectTableIndex: Type = 387;
    pub const WdfDeviceGetSystemPowerActionTableIndex: Type = 388;
    pub const WdfInterruptSetExtendedPolicyTableIndex: Type = 389;
    pub const WdfIoQueueAssignForwardProgressPolicyTableIndex: Type = 390;
    pub const WdfPdoInitAssignContainerIDTableIndex: Type = 391;
    pub const WdfPdoInitAllowForwardingRequestToParentTableIndex: Type = 392;
    pub const WdfRequestMarkCancelableExTableIndex: Type = 393;
    pub const WdfRequestIsReservedTableIndex: Type = 394;
    pub const WdfRequestForwardToParentDeviceIoQueueTableIndex: Type = 395;
    pub const WdfCxDeviceInitAllocateTableIndex: Type = 396;
    pub const WdfCxDeviceInitAssignWdmIrpPreprocessCallbackTableIndex: Type = 397;
    pub const WdfCxDeviceInitSetIoInCallerContextCallbackTableIndex: Type = 398;
    pub const WdfCxDeviceInitSetRequestAttributesTableIndex: Type = 399;
    pub const WdfCxDeviceInitSetFileObjectConfigTableIndex: Type = 400;
    pub const WdfDeviceWdmDispatchIrpTableIndex: Type = 401;
    pub const WdfDeviceWdmDispatchIrpToIoQueueTableIndex: Type = 402;
    pub const WdfDeviceInitSetRemoveLockOptionsTableIndex: Type = 403;
    pub const WdfDeviceConfigureWdmIrpDispatchCallbackTableIndex: Type = 404;
    pub const WdfDmaEnablerConfigureSystemProfileTableIndex: Type = 405;
    pub const WdfDmaTransactionInitializeUsingOffsetTableIndex: Type = 406;
    pub const WdfDmaTransactionGetTransferInfoTableIndex: Type = 407;
    pub const WdfDmaTransactionSetChannelConfigurationCallbackTableIndex: Type = 408;
    pub const WdfDmaTransactionSetTransferCompleteCallbackTableIndex: Type = 409;
    pub const WdfDmaTransactionSetImmediateExecutionTableIndex: Type = 410;
    pub const WdfDmaTransactionAllocateResourcesTableIndex: Type = 411;
    pub const WdfDmaTransactionSetDeviceAddressOffsetTableIndex: Type = 412;
    pub const WdfDmaTransactionFreeResourcesTableIndex: Type = 413;
    pub const WdfDmaTransactionCancelTableIndex: Type = 414;
    pub const WdfDmaTransactionWdmGetTransferContextTableIndex: Type = 415;
    pub const WdfInterruptQueueWorkItemForIsrTableIndex: Type = 416;
    pub const WdfInterruptTryToAcquireLockTableIndex: Type = 417;
    pub const WdfIoQueueStopAndPurgeTableIndex: Type = 418;
    pub const WdfIoQueueStopAndPurgeSynchronouslyTableIndex: Type = 419;
    pub const WdfIoTargetPurgeTableIndex: Type = 420;
    pub const WdfUsbTargetDeviceCreateWithParametersTableIndex: Type = 421;
    pub const WdfUsbTargetDeviceQueryUsbCapabilityTableIndex: Type = 422;
    pub const WdfUsbTargetDeviceCreateUrbTableIndex: Type = 423;
    pub const WdfUsbTargetDeviceCreateIsochUrbTableIndex: Type = 424;
    pub const WdfDeviceWdmAssignPowerFrameworkSettingsTableIndex: Type = 425;
    pub const WdfDmaTransactionStopSystemTransferTableIndex: Type = 426;
    pub const WdfCxVerifierKeBugCheckTableIndex: Type = 427;
    pub const WdfInterruptReportActiveTableIndex: Type = 428;
    pub const WdfInterruptReportInactiveTableIndex: Type = 429;
    pub const WdfDeviceInitSetReleaseHardwareOrderOnFailureTableIndex: Type = 430;
    pub const WdfGetTriageInfoTableIndex: Type = 431;
    pub const WdfDeviceInitSetIoTypeExTableIndex: Type = 432;
    pub const WdfDeviceQueryPropertyExTableIndex: Type = 433;
    pub const WdfDeviceAllocAndQueryPropertyExTableIndex: Type = 434;
    pub const WdfDeviceAssignPropertyTableIndex: Type = 435;
    pub const WdfFdoInitQueryPropertyExTableIndex: Type = 436;
    pub const WdfFdoInitAllocAndQueryPropertyExTableIndex: Type = 437;
    pub const WdfDeviceStopIdleActualTableIndex: Type = 438;
    pub const WdfDeviceResumeIdleActualTableIndex: Type = 439;
    pub const WdfDeviceGetSelfIoTargetTableIndex: Type = 440;
    pub const WdfDeviceInitAllowSelfIoTargetTableIndex: Type = 441;
    pub const WdfIoTargetSelfAssignDefaultIoQueueTableIndex: Type = 442;
    pub const WdfDeviceOpenDevicemapKeyTableIndex: Type = 443;
    pub const WdfDmaTransactionSetSingleTransferRequirementTableIndex: Type = 444;
    pub const WdfCxDeviceInitSetPnpPowerEventCallbacksTableIndex: Type = 445;
    pub const WdfFileObjectGetInitiatorProcessIdTableIndex: Type = 446;
    pub const WdfRequestGetRequestorProcessIdTableIndex: Type = 447;
    pub const WdfDeviceRetrieveCompanionTargetTableIndex: Type = 448;
    pub const WdfCompanionTargetSendTaskSynchronouslyTableIndex: Type = 449;
    pub const WdfCompanionTargetWdmGetCompanionProcessTableIndex: Type = 450;
    pub const WdfDriverOpenPersistentStateRegistryKeyTableIndex: Type = 451;
    pub const WdfDriverErrorReportApiMissingTableIndex: Type = 452;
    pub const WdfPdoInitRemovePowerDependencyOnParentTableIndex: Type = 453;
    pub const WdfCxDeviceInitAllocateContextTableIndex: Type = 454;
    pub const WdfCxDeviceInitGetTypedContextWorkerTableIndex: Type = 455;
    pub const WdfCxDeviceInitSetPowerPolicyEventCallbacksTableIndex: Type = 456;
    pub const WdfDeviceSetDeviceInterfaceStateExTableIndex: Type = 457;
    pub const WdfFunctionTableNumEntries: Type = 458;
}
pub type WDFFUNCENUM = _WDFFUNCENUM::Type;

pub mod _KEY_VALUE_INFORMATION_CLASS {
    pub type Type = i32;
    pub const KeyValueBasicInformation: Type = 0;
    pub const KeyValueFullInformation: Type = 1;
    pub const KeyValuePartialInformation: Type = 2;
}
pub type KEY_VALUE_INFORMATION_CLASS = _KEY_VALUE_INFORMATION_CLASS::Type;
