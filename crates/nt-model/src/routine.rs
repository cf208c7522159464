//! `MmGetSystemRoutineAddress`: what this version of Windows exports, by name.

use crate::config::Windows;
use crate::lookaside::{
    ExAllocateFromNPagedLookasideList, ExAllocateFromPagedLookasideList,
    ExFreeToNPagedLookasideList, ExFreeToPagedLookasideList,
};
use crate::machine::enter;
use crate::rtl;
use crate::verifier::{WRONG_IRQL, require_irql};
use kmdf_sys::ntddk::*;
use kmdf_sys::{PASSIVE_LEVEL, PUNICODE_STRING, PVOID};
use std::ptr::null_mut;

macro_rules! table {
    ($($since:ident: $($name:ident),* $(,)?;)*) => {
        /// Names, since when they are exported, and where they are.
        const EXPORTS: &[(&str, Windows, fn() -> PVOID)] = &[$($(
            (stringify!($name), Windows::$since, || $name as *const () as PVOID),
        )*)*];
    };
}

table! {
    V10_1809:
        DbgPrint, ExAllocatePoolWithTag, ExDeleteNPagedLookasideList, ExDeletePagedLookasideList,
        ExFreePool, ExFreePoolWithTag, ExInitializeNPagedLookasideList,
        ExInitializePagedLookasideList, ExQueryDepthSList, ExpInterlockedFlushSList,
        ExpInterlockedPopEntrySList, ExpInterlockedPushEntrySList, InitializeSListHead,
        IoAcquireCancelSpinLock, IoAllocateDriverObjectExtension, IoAllocateIrp, IoAllocateMdl,
        IoAllocateWorkItem, IoAttachDeviceToDeviceStack, IoCancelIrp, IoCreateDevice,
        IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink, IoDetachDevice, IoFreeIrp,
        IoFreeMdl, IoFreeWorkItem, IoGetDriverObjectExtension, IoQueueWorkItem,
        IoRegisterDeviceInterface, IoReleaseCancelSpinLock, IoSetDeviceInterfaceState,
        IofCallDriver, IofCompleteRequest, KeAcquireSpinLockAtDpcLevel,
        KeAcquireSpinLockRaiseToDpc, KeBugCheckEx, KeClearEvent, KeDelayExecutionThread,
        KeEnterCriticalRegion, KeGetCurrentIrql, KeGetCurrentProcessorNumberEx, KeInitializeDpc, KeInitializeEvent,
        KeInitializeSpinLock, KeInsertQueueDpc, KeLeaveCriticalRegion, KeLowerIrql,
        KeQueryPerformanceCounter, KeReadStateEvent, KeReleaseSpinLock,
        KeReleaseSpinLockFromDpcLevel, KeResetEvent, KeSetEvent, KeWaitForSingleObject,
        KfRaiseIrql, MmBuildMdlForNonPagedPool, MmGetSystemRoutineAddress,
        MmMapLockedPagesSpecifyCache, MmProbeAndLockPages, MmUnlockPages, MmUnmapLockedPages,
        PsGetCurrentProcessId, PsGetCurrentThreadId, RtlInitUnicodeString, ZwClose, ZwOpenKey,
        ZwQueryValueKey;
    V10_2004: ExAllocatePool2;
    V11_22H2:
        ExAllocateFromNPagedLookasideList, ExAllocateFromPagedLookasideList,
        ExFreeToNPagedLookasideList, ExFreeToPagedLookasideList;
}

/// The address of an export, null if no export has that name. Names are compared exactly.
///
/// # Safety
///
/// `name` must be a readable string.
#[unsafe(no_mangle)]
unsafe extern "C" fn MmGetSystemRoutineAddress(name: PUNICODE_STRING) -> PVOID {
    let machine = enter();
    require_irql(
        &machine,
        PASSIVE_LEVEL,
        WRONG_IRQL,
        "MmGetSystemRoutineAddress",
        0,
    );
    // SAFETY: `name` is readable, as the caller guarantees.
    let name = unsafe { rtl::text(name) };
    let config = &machine.config;
    if config.withheld.contains(&name.as_str()) {
        return null_mut();
    }
    let mut exports = EXPORTS.iter();
    let found = exports.find(|(export, since, _)| *export == name && *since <= config.windows);
    found.map_or(null_mut(), |(_, _, address)| address())
}
