//! The names as `wdk-sys` has them, with the few that it leaves out.

pub use wdk_sys::*;

/// Functions of ntoskrnl.exe: those of `wdk-sys`, the pool call that it blocks as deprecated
/// although its replacement does not exist before Windows 10 2004, and the breakpoint that debug builds
/// call, which no facts about the generated bindings speak of.
pub mod ntddk {
    pub use wdk_sys::ntddk::*;
    use wdk_sys::{POOL_TYPE, PVOID, SIZE_T, ULONG};

    unsafe extern "C" {
        #[doc = "Allocates pool memory of the given type, size in bytes and tag."]
        pub fn ExAllocatePoolWithTag(
            PoolType: POOL_TYPE,
            NumberOfBytes: SIZE_T,
            Tag: ULONG,
        ) -> PVOID;
        #[doc = "Breaks into the kernel debugger."]
        pub fn DbgBreakPoint();
    }
}
