//! The function table: what each entry calls. Entries that are not modelled stop the run and say
//! which they are.

#[cfg(not(image))]
pub mod failed_calls;
mod names;

use crate::support::stop;
use kmdf_sys::*;
use names::{COUNT, NAMES};

/// The function at entry `INDEX` of the table if the model does not have it: stops the run.
///
/// It is declared without parameters, which it does not read.
unsafe extern "C" fn not_modelled<const INDEX: usize>() {
    stop::not_modelled(NAMES[INDEX]);
}

/// Fills `table` with [`not_modelled`] functions, each for its index.
macro_rules! stand_ins {
    ($table:ident, $($base:literal)*) => {$(
        stand_ins!(@sixteen $table, $base, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    )*};
    (@sixteen $table:ident, $base:literal, $($step:literal)*) => {$(
        if $base + $step < COUNT {
            $table[$base + $step] = Some(not_modelled::<{ if $base + $step < COUNT { $base + $step } else { 0 } }>);
        }
    )*};
}

/// Sets entries to functions, which must have exactly the type of their entry.
macro_rules! entries {
    ($table:ident, $($index:ident: $type:ident = $function:path;)*) => {$({
        #[cfg(not(image))]
        struct Entry;
        #[cfg(not(image))]
        impl failed_calls::Entry for Entry {
            type Function = $type;
            const FUNCTION: $type = Some($function);
            const INDEX: WDFFUNCENUM = _WDFFUNCENUM::$index;
        }
        #[cfg(not(image))]
        let function: $type = <$type as failed_calls::Recorded<Entry>>::CALL;
        #[cfg(image)]
        let function: $type = Some($function);
        // SAFETY: Both are nullable function pointers; callers go through the entry's own type.
        $table[_WDFFUNCENUM::$index as usize] = unsafe { core::mem::transmute::<$type, WDFFUNC>(function) };
    })*};
}

/// The number of entries of [`TABLE`].
pub(crate) const FUNCTION_COUNT: usize = COUNT;

/// The function table of version 1.33, which clients call through.
#[rustfmt::skip]
pub(crate) static TABLE: [WDFFUNC; COUNT] = {
    let mut table: [WDFFUNC; COUNT] = [None; COUNT];
    stand_ins!(table,
        0 16 32 48 64 80 96 112 128 144 160 176 192 208 224 240 256 272 288 304 320 336 352 368 384
        400 416 432 448);

    // Objects.
    entries!(table,
        WdfObjectGetTypedContextWorkerTableIndex: PFN_WDFOBJECTGETTYPEDCONTEXTWORKER = crate::object::api::wdf_object_get_typed_context_worker;
        WdfObjectAllocateContextTableIndex: PFN_WDFOBJECTALLOCATECONTEXT = crate::object::api::wdf_object_allocate_context;
        WdfObjectContextGetObjectTableIndex: PFN_WDFOBJECTCONTEXTGETOBJECT = crate::object::api::wdf_object_context_get_object;
        WdfObjectReferenceActualTableIndex: PFN_WDFOBJECTREFERENCEACTUAL = crate::object::api::wdf_object_reference_actual;
        WdfObjectDereferenceActualTableIndex: PFN_WDFOBJECTDEREFERENCEACTUAL = crate::object::api::wdf_object_dereference_actual;
        WdfObjectCreateTableIndex: PFN_WDFOBJECTCREATE = crate::object::api::wdf_object_create;
        WdfObjectDeleteTableIndex: PFN_WDFOBJECTDELETE = crate::object::api::wdf_object_delete;
        WdfObjectQueryTableIndex: PFN_WDFOBJECTQUERY = crate::object::api::wdf_object_query;
    );

    // Memory and lookaside lists.
    entries!(table,
        WdfMemoryCreateTableIndex: PFN_WDFMEMORYCREATE = crate::memory::wdf_memory_create;
        WdfMemoryCreatePreallocatedTableIndex: PFN_WDFMEMORYCREATEPREALLOCATED = crate::memory::wdf_memory_create_preallocated;
        WdfMemoryGetBufferTableIndex: PFN_WDFMEMORYGETBUFFER = crate::memory::wdf_memory_get_buffer;
        WdfMemoryAssignBufferTableIndex: PFN_WDFMEMORYASSIGNBUFFER = crate::memory::wdf_memory_assign_buffer;
        WdfMemoryCopyToBufferTableIndex: PFN_WDFMEMORYCOPYTOBUFFER = crate::memory::wdf_memory_copy_to_buffer;
        WdfMemoryCopyFromBufferTableIndex: PFN_WDFMEMORYCOPYFROMBUFFER = crate::memory::wdf_memory_copy_from_buffer;
        WdfLookasideListCreateTableIndex: PFN_WDFLOOKASIDELISTCREATE = crate::memory::lookaside::wdf_lookaside_list_create;
        WdfMemoryCreateFromLookasideTableIndex: PFN_WDFMEMORYCREATEFROMLOOKASIDE = crate::memory::wdf_memory_create_from_lookaside;
    );

    // Locks.
    entries!(table,
        WdfObjectAcquireLockTableIndex: PFN_WDFOBJECTACQUIRELOCK = crate::object::api::wdf_object_acquire_lock;
        WdfObjectReleaseLockTableIndex: PFN_WDFOBJECTRELEASELOCK = crate::object::api::wdf_object_release_lock;
        WdfWaitLockCreateTableIndex: PFN_WDFWAITLOCKCREATE = crate::support::locks::wdf_wait_lock_create;
        WdfWaitLockAcquireTableIndex: PFN_WDFWAITLOCKACQUIRE = crate::support::locks::wdf_wait_lock_acquire;
        WdfWaitLockReleaseTableIndex: PFN_WDFWAITLOCKRELEASE = crate::support::locks::wdf_wait_lock_release;
        WdfSpinLockCreateTableIndex: PFN_WDFSPINLOCKCREATE = crate::support::locks::wdf_spin_lock_create;
        WdfSpinLockAcquireTableIndex: PFN_WDFSPINLOCKACQUIRE = crate::support::locks::wdf_spin_lock_acquire;
        WdfSpinLockReleaseTableIndex: PFN_WDFSPINLOCKRELEASE = crate::support::locks::wdf_spin_lock_release;
    );

    // The verifier.
    entries!(table,
        WdfVerifierDbgBreakPointTableIndex: PFN_WDFVERIFIERDBGBREAKPOINT = crate::support::verifier::wdf_verifier_dbg_break_point;
        WdfVerifierKeBugCheckTableIndex: PFN_WDFVERIFIERKEBUGCHECK = crate::support::verifier::wdf_verifier_ke_bug_check;
    );

    // Driver, devices, files and interfaces.
    entries!(table,
        WdfDriverCreateTableIndex: PFN_WDFDRIVERCREATE = crate::driver::wdf_driver_create;
        WdfDriverGetRegistryPathTableIndex: PFN_WDFDRIVERGETREGISTRYPATH = crate::driver::wdf_driver_get_registry_path;
        WdfDriverWdmGetDriverObjectTableIndex: PFN_WDFDRIVERWDMGETDRIVEROBJECT = crate::driver::wdf_driver_wdm_get_driver_object;
        WdfDriverIsVersionAvailableTableIndex: PFN_WDFDRIVERISVERSIONAVAILABLE = crate::driver::wdf_driver_is_version_available;
        WdfControlDeviceInitAllocateTableIndex: PFN_WDFCONTROLDEVICEINITALLOCATE = crate::device::init::wdf_control_device_init_allocate;
        WdfDeviceInitFreeTableIndex: PFN_WDFDEVICEINITFREE = crate::device::init::wdf_device_init_free;
        WdfDeviceInitSetPnpPowerEventCallbacksTableIndex: PFN_WDFDEVICEINITSETPNPPOWEREVENTCALLBACKS = crate::device::init::wdf_device_init_set_pnp_power_event_callbacks;
        WdfDeviceInitSetIoTypeTableIndex: PFN_WDFDEVICEINITSETIOTYPE = crate::device::init::wdf_device_init_set_io_type;
        WdfDeviceInitSetExclusiveTableIndex: PFN_WDFDEVICEINITSETEXCLUSIVE = crate::device::init::wdf_device_init_set_exclusive;
        WdfDeviceInitAssignNameTableIndex: PFN_WDFDEVICEINITASSIGNNAME = crate::device::init::wdf_device_init_assign_name;
        WdfDeviceInitAssignSDDLStringTableIndex: PFN_WDFDEVICEINITASSIGNSDDLSTRING = crate::device::init::wdf_device_init_assign_sddl_string;
        WdfDeviceInitSetDeviceTypeTableIndex: PFN_WDFDEVICEINITSETDEVICETYPE = crate::device::init::wdf_device_init_set_device_type;
        WdfDeviceInitSetCharacteristicsTableIndex: PFN_WDFDEVICEINITSETCHARACTERISTICS = crate::device::init::wdf_device_init_set_characteristics;
        WdfDeviceInitSetFileObjectConfigTableIndex: PFN_WDFDEVICEINITSETFILEOBJECTCONFIG = crate::device::init::wdf_device_init_set_file_object_config;
        WdfDeviceInitSetRequestAttributesTableIndex: PFN_WDFDEVICEINITSETREQUESTATTRIBUTES = crate::device::init::wdf_device_init_set_request_attributes;
        WdfDeviceInitSetIoInCallerContextCallbackTableIndex: PFN_WDFDEVICEINITSETIOINCALLERCONTEXTCALLBACK = crate::device::init::wdf_device_init_set_io_in_caller_context_callback;
        WdfControlFinishInitializingTableIndex: PFN_WDFCONTROLFINISHINITIALIZING = crate::device::wdf_control_finish_initializing;
        WdfDeviceCreateTableIndex: PFN_WDFDEVICECREATE = crate::device::wdf_device_create;
        WdfDeviceCreateSymbolicLinkTableIndex: PFN_WDFDEVICECREATESYMBOLICLINK = crate::device::wdf_device_create_symbolic_link;
        WdfDeviceConfigureRequestDispatchingTableIndex: PFN_WDFDEVICECONFIGUREREQUESTDISPATCHING = crate::device::wdf_device_configure_request_dispatching;
        WdfDeviceEnqueueRequestTableIndex: PFN_WDFDEVICEENQUEUEREQUEST = crate::device::wdf_device_enqueue_request;
        WdfDeviceGetDefaultQueueTableIndex: PFN_WDFDEVICEGETDEFAULTQUEUE = crate::device::wdf_device_get_default_queue;
        WdfDeviceGetDriverTableIndex: PFN_WDFDEVICEGETDRIVER = crate::device::wdf_device_get_driver;
        WdfDeviceWdmGetDeviceObjectTableIndex: PFN_WDFDEVICEWDMGETDEVICEOBJECT = crate::device::wdf_device_wdm_get_device_object;
        WdfDeviceWdmGetAttachedDeviceTableIndex: PFN_WDFDEVICEWDMGETATTACHEDDEVICE = crate::device::wdf_device_wdm_get_attached_device;
        WdfWdmDeviceGetWdfDeviceHandleTableIndex: PFN_WDFWDMDEVICEGETWDFDEVICEHANDLE = crate::device::wdf_wdm_device_get_wdf_device_handle;
        WdfDeviceWdmGetPhysicalDeviceTableIndex: PFN_WDFDEVICEWDMGETPHYSICALDEVICE = crate::device::wdf_device_wdm_get_physical_device;
        WdfDeviceGetFileObjectTableIndex: PFN_WDFDEVICEGETFILEOBJECT = crate::device::file::wdf_device_get_file_object;
        WdfFileObjectGetFileNameTableIndex: PFN_WDFFILEOBJECTGETFILENAME = crate::device::file::wdf_file_object_get_file_name;
        WdfFileObjectGetFlagsTableIndex: PFN_WDFFILEOBJECTGETFLAGS = crate::device::file::wdf_file_object_get_flags;
        WdfFileObjectGetDeviceTableIndex: PFN_WDFFILEOBJECTGETDEVICE = crate::device::file::wdf_file_object_get_device;
        WdfFileObjectWdmGetFileObjectTableIndex: PFN_WDFFILEOBJECTWDMGETFILEOBJECT = crate::device::file::wdf_file_object_wdm_get_file_object;
        WdfDeviceCreateDeviceInterfaceTableIndex: PFN_WDFDEVICECREATEDEVICEINTERFACE = crate::device::interface::wdf_device_create_device_interface;
        WdfDeviceSetDeviceInterfaceStateTableIndex: PFN_WDFDEVICESETDEVICEINTERFACESTATE = crate::device::interface::wdf_device_set_device_interface_state;
    );

    // Queues.
    entries!(table,
        WdfIoQueueCreateTableIndex: PFN_WDFIOQUEUECREATE = crate::queue::wdf_io_queue_create;
        WdfIoQueueGetStateTableIndex: PFN_WDFIOQUEUEGETSTATE = crate::queue::wdf_io_queue_get_state;
        WdfIoQueueStartTableIndex: PFN_WDFIOQUEUESTART = crate::queue::wdf_io_queue_start;
        WdfIoQueueStopTableIndex: PFN_WDFIOQUEUESTOP = crate::queue::wdf_io_queue_stop;
        WdfIoQueueStopSynchronouslyTableIndex: PFN_WDFIOQUEUESTOPSYNCHRONOUSLY = crate::queue::wdf_io_queue_stop_synchronously;
        WdfIoQueueGetDeviceTableIndex: PFN_WDFIOQUEUEGETDEVICE = crate::queue::wdf_io_queue_get_device;
        WdfIoQueueRetrieveNextRequestTableIndex: PFN_WDFIOQUEUERETRIEVENEXTREQUEST = crate::queue::wdf_io_queue_retrieve_next_request;
        WdfIoQueueRetrieveRequestByFileObjectTableIndex: PFN_WDFIOQUEUERETRIEVEREQUESTBYFILEOBJECT = crate::queue::wdf_io_queue_retrieve_request_by_file_object;
        WdfIoQueueFindRequestTableIndex: PFN_WDFIOQUEUEFINDREQUEST = crate::queue::wdf_io_queue_find_request;
        WdfIoQueueRetrieveFoundRequestTableIndex: PFN_WDFIOQUEUERETRIEVEFOUNDREQUEST = crate::queue::wdf_io_queue_retrieve_found_request;
        WdfIoQueueDrainSynchronouslyTableIndex: PFN_WDFIOQUEUEDRAINSYNCHRONOUSLY = crate::queue::wdf_io_queue_drain_synchronously;
        WdfIoQueueDrainTableIndex: PFN_WDFIOQUEUEDRAIN = crate::queue::wdf_io_queue_drain;
        WdfIoQueuePurgeSynchronouslyTableIndex: PFN_WDFIOQUEUEPURGESYNCHRONOUSLY = crate::queue::wdf_io_queue_purge_synchronously;
        WdfIoQueuePurgeTableIndex: PFN_WDFIOQUEUEPURGE = crate::queue::wdf_io_queue_purge;
        WdfIoQueueReadyNotifyTableIndex: PFN_WDFIOQUEUEREADYNOTIFY = crate::queue::wdf_io_queue_ready_notify;
        WdfIoQueueStopAndPurgeTableIndex: PFN_WDFIOQUEUESTOPANDPURGE = crate::queue::wdf_io_queue_stop_and_purge;
        WdfIoQueueStopAndPurgeSynchronouslyTableIndex: PFN_WDFIOQUEUESTOPANDPURGESYNCHRONOUSLY = crate::queue::wdf_io_queue_stop_and_purge_synchronously;
    );

    // Requests.
    entries!(table,
        WdfRequestGetStatusTableIndex: PFN_WDFREQUESTGETSTATUS = crate::request::wdf_request_get_status;
        WdfRequestMarkCancelableTableIndex: PFN_WDFREQUESTMARKCANCELABLE = crate::request::wdf_request_mark_cancelable;
        WdfRequestMarkCancelableExTableIndex: PFN_WDFREQUESTMARKCANCELABLEEX = crate::request::wdf_request_mark_cancelable_ex;
        WdfRequestUnmarkCancelableTableIndex: PFN_WDFREQUESTUNMARKCANCELABLE = crate::request::wdf_request_unmark_cancelable;
        WdfRequestIsCanceledTableIndex: PFN_WDFREQUESTISCANCELED = crate::request::wdf_request_is_canceled;
        WdfRequestIsFrom32BitProcessTableIndex: PFN_WDFREQUESTISFROM32BITPROCESS = crate::request::wdf_request_is_from_32_bit_process;
        WdfRequestCompleteTableIndex: PFN_WDFREQUESTCOMPLETE = crate::request::wdf_request_complete;
        WdfRequestCompleteWithPriorityBoostTableIndex: PFN_WDFREQUESTCOMPLETEWITHPRIORITYBOOST = crate::request::wdf_request_complete_with_priority_boost;
        WdfRequestCompleteWithInformationTableIndex: PFN_WDFREQUESTCOMPLETEWITHINFORMATION = crate::request::wdf_request_complete_with_information;
        WdfRequestGetParametersTableIndex: PFN_WDFREQUESTGETPARAMETERS = crate::request::wdf_request_get_parameters;
        WdfRequestRetrieveInputMemoryTableIndex: PFN_WDFREQUESTRETRIEVEINPUTMEMORY = crate::request::wdf_request_retrieve_input_memory;
        WdfRequestRetrieveOutputMemoryTableIndex: PFN_WDFREQUESTRETRIEVEOUTPUTMEMORY = crate::request::wdf_request_retrieve_output_memory;
        WdfRequestRetrieveInputBufferTableIndex: PFN_WDFREQUESTRETRIEVEINPUTBUFFER = crate::request::wdf_request_retrieve_input_buffer;
        WdfRequestRetrieveOutputBufferTableIndex: PFN_WDFREQUESTRETRIEVEOUTPUTBUFFER = crate::request::wdf_request_retrieve_output_buffer;
        WdfRequestRetrieveInputWdmMdlTableIndex: PFN_WDFREQUESTRETRIEVEINPUTWDMMDL = crate::request::wdf_request_retrieve_input_wdm_mdl;
        WdfRequestRetrieveOutputWdmMdlTableIndex: PFN_WDFREQUESTRETRIEVEOUTPUTWDMMDL = crate::request::wdf_request_retrieve_output_wdm_mdl;
        WdfRequestRetrieveUnsafeUserInputBufferTableIndex: PFN_WDFREQUESTRETRIEVEUNSAFEUSERINPUTBUFFER = crate::request::wdf_request_retrieve_unsafe_user_input_buffer;
        WdfRequestRetrieveUnsafeUserOutputBufferTableIndex: PFN_WDFREQUESTRETRIEVEUNSAFEUSEROUTPUTBUFFER = crate::request::wdf_request_retrieve_unsafe_user_output_buffer;
        WdfRequestProbeAndLockUserBufferForReadTableIndex: PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORREAD = crate::request::wdf_request_probe_and_lock_user_buffer_for_read;
        WdfRequestProbeAndLockUserBufferForWriteTableIndex: PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORWRITE = crate::request::wdf_request_probe_and_lock_user_buffer_for_write;
        WdfRequestSetInformationTableIndex: PFN_WDFREQUESTSETINFORMATION = crate::request::wdf_request_set_information;
        WdfRequestGetInformationTableIndex: PFN_WDFREQUESTGETINFORMATION = crate::request::wdf_request_get_information;
        WdfRequestGetFileObjectTableIndex: PFN_WDFREQUESTGETFILEOBJECT = crate::request::wdf_request_get_file_object;
        WdfRequestGetRequestorModeTableIndex: PFN_WDFREQUESTGETREQUESTORMODE = crate::request::wdf_request_get_requestor_mode;
        WdfRequestForwardToIoQueueTableIndex: PFN_WDFREQUESTFORWARDTOIOQUEUE = crate::request::wdf_request_forward_to_io_queue;
        WdfRequestGetIoQueueTableIndex: PFN_WDFREQUESTGETIOQUEUE = crate::request::wdf_request_get_io_queue;
        WdfRequestRequeueTableIndex: PFN_WDFREQUESTREQUEUE = crate::request::wdf_request_requeue;
        WdfRequestStopAcknowledgeTableIndex: PFN_WDFREQUESTSTOPACKNOWLEDGE = crate::request::wdf_request_stop_acknowledge;
        WdfRequestWdmGetIrpTableIndex: PFN_WDFREQUESTWDMGETIRP = crate::request::wdf_request_wdm_get_irp;
    );

    // Work items.
    entries!(table,
        WdfWorkItemCreateTableIndex: PFN_WDFWORKITEMCREATE = crate::support::workitem::wdf_work_item_create;
        WdfWorkItemEnqueueTableIndex: PFN_WDFWORKITEMENQUEUE = crate::support::workitem::wdf_work_item_enqueue;
        WdfWorkItemGetParentObjectTableIndex: PFN_WDFWORKITEMGETPARENTOBJECT = crate::support::workitem::wdf_work_item_get_parent_object;
        WdfWorkItemFlushTableIndex: PFN_WDFWORKITEMFLUSH = crate::support::workitem::wdf_work_item_flush;
    );

    table
};
