//! Check of the imports against the first Windows that exports each name.

use super::image::Image;
use super::places;
use crate::pe::Import;
use anyhow::{Context, Result, bail, ensure};
use std::fmt;

/// A version of Windows, as far as exports differ between them; in order of appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Windows {
    Seven,
    Eight,
    EightOne,
    Ten1809,
    Ten2004,
    Eleven,
    Eleven22H2,
}
use Windows::{Eight, EightOne, Eleven, Eleven22H2, Seven, Ten2004};

/// The oldest Windows that the driver is for; Windows Server 2019 is the same kernel.
const FLOOR: Windows = Windows::Ten1809;

impl fmt::Display for Windows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Seven => "Windows 7 or earlier",
            Self::Eight => "Windows 8",
            Self::EightOne => "Windows 8.1",
            Self::Ten1809 => "Windows 10 1809",
            Self::Ten2004 => "Windows 10 2004",
            Self::Eleven => "Windows 11",
            Self::Eleven22H2 => "Windows 11 22H2",
        })
    }
}

/// The names of a library that a driver may import.
struct Library {
    name: &'static str,
    exports: &'static [(&'static str, Windows)],
}

/// Names that are not here are not refused by Windows, but since when it has them is
/// not known here: the author of a driver does, and says so with `--allow-import`.
const LIBRARIES: [Library; 3] = [
    Library {
        name: "WDFLDR.SYS",
        exports: &[("WdfVersionBind", Seven), ("WdfVersionUnbind", Seven)],
    },
    // What moved to ntoskrnl.exe with Windows 10 2004 is found here before and after.
    Library {
        name: "HAL.dll",
        exports: &[
            ("KeQueryPerformanceCounter", Seven),
            ("KeStallExecutionProcessor", Seven),
        ],
    },
    Library {
        name: "ntoskrnl.exe",
        exports: NTOSKRNL,
    },
];

/// What to do about an import that is in none of the lists.
const UNKNOWN: &str = "; see \"Minimum supported client\" in its documentation, and give it to \
                       --allow-import";

pub fn allowed(image: &Image<'_>) -> Result<String> {
    let imports = crate::pe::imports(&image.file)?;
    ensure!(
        !imports.is_empty(),
        "it imports nothing, so it does nothing"
    );
    let mut newest = Seven;
    let allowed = |import: &Import| {
        let whole = format!("{}!{}", import.library, import.name);
        let mut allowed = image.allowed_imports.iter();
        allowed.any(|own| *own == import.name || own.eq_ignore_ascii_case(&whole))
    };
    for import in imports.iter().filter(|import| !allowed(import)) {
        let since = since(&import.library, &import.name).or_else(|error| {
            let callers = places::callers_through(image, import.pointer)?;
            let callers = places::places(image, "; called by ", &callers);
            bail!("{error:#}{callers}")
        })?;
        newest = newest.max(since);
    }
    Ok(format!("{} names, the newest of {newest}", imports.len()))
}

/// The first Windows that exports a name, if it is not newer than the floor.
pub fn since(library: &str, name: &str) -> Result<Windows> {
    let known = LIBRARIES
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(library))
        .with_context(|| {
            // Other drivers' libraries end in .sys; what ends in .dll is for programs.
            let is_dll = library.to_ascii_lowercase().ends_with(".dll");
            let what = if is_dll {
                "no driver needs"
            } else {
                "is not known"
            };
            format!("{name} is imported from {library}, which {what}{UNKNOWN}")
        })?;
    let export = known.exports.iter().find(|export| export.0 == name);
    let Some(&(_, since)) = export else {
        bail!("{library} is not known to export {name}{UNKNOWN}");
    };
    ensure!(
        since <= FLOOR,
        "{library} exports {name} since {since}, and the floor is {FLOOR}: \
         look it up with MmGetSystemRoutineAddress instead, or, in a driver for newer systems alone, \
         give --allow-import {name}"
    );
    Ok(since)
}

/// Exports of the kernel: those that this project's crates declare, and their newer siblings.
///
/// The versions are those of the documentation's "Minimum supported client", and where it names
/// a system for 32 bits or is silent, of an import list for x64 from the time of Windows 7.
const NTOSKRNL: &[(&str, Windows)] = &[
    ("DbgBreakPoint", Seven),
    ("DbgPrint", Seven),
    ("DbgPrintEx", Seven),
    ("ExAcquireFastMutex", Seven),
    ("ExAcquireResourceExclusiveLite", Seven),
    ("ExAcquireSpinLockExclusive", Seven),
    ("ExAcquireSpinLockShared", Seven),
    ("ExAllocateFromLookasideListEx", Eleven22H2),
    ("ExAllocateFromNPagedLookasideList", Eleven22H2),
    ("ExAllocateFromPagedLookasideList", Eleven22H2),
    ("ExAllocatePool", Seven),
    ("ExAllocatePool2", Ten2004),
    ("ExAllocatePoolWithQuotaTag", Seven),
    ("ExAllocatePoolWithTag", Seven),
    ("ExAllocatePoolWithTagPriority", Seven),
    ("ExDeleteLookasideListEx", Seven),
    ("ExDeleteNPagedLookasideList", Seven),
    ("ExDeletePagedLookasideList", Seven),
    ("ExDeleteResourceLite", Seven),
    ("ExFlushLookasideListEx", Seven),
    ("ExFreePool", Seven),
    ("ExFreePool2", Eleven),
    ("ExFreePoolWithTag", Seven),
    ("ExFreeToLookasideListEx", Eleven22H2),
    ("ExFreeToNPagedLookasideList", Eleven22H2),
    ("ExFreeToPagedLookasideList", Eleven22H2),
    ("ExInitializeLookasideListEx", Seven),
    ("ExInitializeNPagedLookasideList", Seven),
    ("ExInitializePagedLookasideList", Seven),
    ("ExInitializeResourceLite", Seven),
    ("ExpInterlockedFlushSList", Seven),
    ("ExpInterlockedPopEntrySList", Seven),
    ("ExpInterlockedPushEntrySList", Seven),
    ("ExQueryDepthSList", Seven),
    ("ExRaiseStatus", Seven),
    ("ExReleaseFastMutex", Seven),
    ("ExReleaseResourceLite", Seven),
    ("ExReleaseSpinLockExclusive", Seven),
    ("ExReleaseSpinLockShared", Seven),
    ("ExTryToAcquireFastMutex", Seven),
    ("InitializeSListHead", Seven),
    ("IoAcquireCancelSpinLock", Seven),
    ("IoAllocateDriverObjectExtension", Seven),
    ("IoAllocateIrp", Seven),
    ("IoAllocateMdl", Seven),
    ("IoAllocateWorkItem", Seven),
    ("IoAttachDeviceToDeviceStack", Seven),
    ("IoBuildDeviceIoControlRequest", Seven),
    ("IoBuildSynchronousFsdRequest", Seven),
    ("IoCancelIrp", Seven),
    ("IoCreateDevice", Seven),
    ("IoCreateSymbolicLink", Seven),
    ("IoDeleteDevice", Seven),
    ("IoDeleteSymbolicLink", Seven),
    ("IoDetachDevice", Seven),
    ("IofCallDriver", Seven),
    ("IofCompleteRequest", Seven),
    ("IoFreeIrp", Seven),
    ("IoFreeMdl", Seven),
    ("IoFreeWorkItem", Seven),
    ("IoGetDeviceObjectPointer", Seven),
    ("IoGetDriverObjectExtension", Seven),
    ("IoGetRequestorProcess", Seven),
    ("IoInitializeIrp", Seven),
    ("IoIs32bitProcess", Seven),
    ("IoQueueWorkItem", Seven),
    ("IoRegisterDeviceInterface", Seven),
    ("IoReleaseCancelSpinLock", Seven),
    ("IoReuseIrp", Seven),
    ("IoSetCompletionRoutineEx", Seven),
    ("IoSetDeviceInterfaceState", Seven),
    ("KeAcquireInStackQueuedSpinLock", Seven),
    ("KeAcquireInStackQueuedSpinLockAtDpcLevel", Seven),
    ("KeAcquireSpinLockAtDpcLevel", Seven),
    ("KeAcquireSpinLockRaiseToDpc", Seven),
    ("KeBugCheck", Seven),
    ("KeBugCheckEx", Seven),
    ("KeCancelTimer", Seven),
    ("KeClearEvent", Seven),
    ("KeDelayExecutionThread", Seven),
    ("KeEnterCriticalRegion", Seven),
    ("KeFlushQueuedDpcs", Seven),
    ("KeGetCurrentIrql", Seven),
    ("KeGetCurrentProcessorNumberEx", Seven),
    ("KeInitializeDpc", Seven),
    ("KeInitializeEvent", Seven),
    ("KeInitializeMutex", Seven),
    ("KeInitializeSemaphore", Seven),
    ("KeInitializeSpinLock", Eight),
    ("KeInitializeTimer", Seven),
    ("KeInitializeTimerEx", Seven),
    ("KeInsertQueueDpc", Seven),
    ("KeLeaveCriticalRegion", Seven),
    ("KeLowerIrql", Seven),
    ("KePulseEvent", Seven),
    ("KeQueryActiveProcessorCountEx", Seven),
    ("KeQueryInterruptTimePrecise", EightOne),
    ("KeQueryPerformanceCounter", Ten2004),
    ("KeQuerySystemTimePrecise", Eight),
    ("KeQueryTimeIncrement", Seven),
    ("KeRaiseIrqlToDpcLevel", Seven),
    ("KeReadStateEvent", Seven),
    ("KeReleaseInStackQueuedSpinLock", Seven),
    ("KeReleaseInStackQueuedSpinLockFromDpcLevel", Seven),
    ("KeReleaseMutex", Seven),
    ("KeReleaseSemaphore", Seven),
    ("KeReleaseSpinLock", Seven),
    ("KeReleaseSpinLockFromDpcLevel", Seven),
    ("KeRemoveQueueDpc", Seven),
    ("KeResetEvent", Seven),
    ("KeSetEvent", Seven),
    ("KeSetTimer", Seven),
    ("KeSetTimerEx", Seven),
    ("KeStallExecutionProcessor", Ten2004),
    ("KeTestSpinLock", Seven),
    ("KeTryToAcquireSpinLockAtDpcLevel", Seven),
    ("KeWaitForMultipleObjects", Seven),
    ("KeWaitForSingleObject", Seven),
    ("KfRaiseIrql", Seven),
    ("memcmp", Seven),
    ("memcpy", Seven),
    ("memmove", Seven),
    ("memset", Seven),
    ("MmBuildMdlForNonPagedPool", Seven),
    ("MmCopyMemory", EightOne),
    ("MmGetSystemRoutineAddress", Seven),
    ("MmIsAddressValid", Seven),
    ("MmMapLockedPagesSpecifyCache", Seven),
    ("MmProbeAndLockPages", Seven),
    ("MmUnlockPages", Seven),
    ("MmUnmapLockedPages", Seven),
    ("ObfDereferenceObject", Seven),
    ("ObfReferenceObject", Seven),
    ("ObReferenceObjectByHandle", Seven),
    ("ProbeForRead", Seven),
    ("ProbeForWrite", Seven),
    ("PsCreateSystemThread", Seven),
    ("PsGetCurrentProcessId", Seven),
    ("PsGetCurrentThreadId", Seven),
    ("PsTerminateSystemThread", Seven),
    ("RtlCompareMemory", Seven),
    ("RtlCompareUnicodeString", Seven),
    ("RtlCopyUnicodeString", Seven),
    ("RtlEqualUnicodeString", Seven),
    ("RtlGetVersion", Seven),
    ("RtlInitUnicodeString", Seven),
    ("RtlUnicodeStringToInteger", Seven),
    ("strlen", Seven),
    ("vDbgPrintExWithPrefix", Seven),
    ("ZwClose", Seven),
    ("ZwCreateFile", Seven),
    ("ZwOpenKey", Seven),
    ("ZwQueryValueKey", Seven),
];
