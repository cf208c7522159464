//! What a machine is booted with: verifier options, Windows version, limits, registry values.

/// How a machine is set up.
///
/// The default has the standard verifier options on and exports what Windows 11 23H2 exports.
#[derive(Clone, Debug)]
pub struct Config {
    /// The options of Driver Verifier.
    pub verifier: Verifier,
    /// The version of Windows, which decides what optional exports exist.
    pub windows: Windows,
    /// Depth of new lookaside lists: how many free entries each keeps (NT-2).
    pub lookaside_depth: u16,
    /// Size of the kernel stack in bytes: a routine of a driver that uses more, with all that it calls, is
    /// bug check 0x7F. 0 for no limit.
    pub kernel_stack: usize,
    /// Bytes that each of the two pools can hold.
    pub pool_limit: usize,
    /// Exports that `MmGetSystemRoutineAddress` does not find.
    pub withheld: Vec<&'static str>,
    /// Values put under the service key of every driver that is loaded.
    pub registry: Vec<RegistryValue>,
    /// Print a stop and abort the process instead of returning it, as a fuzzer needs.
    pub abort_on_stop: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            verifier: Verifier::standard(),
            windows: Windows::V11_23H2,
            lookaside_depth: 4,
            kernel_stack: 24 << 10,
            pool_limit: 256 << 20,
            withheld: Vec::new(),
            registry: Vec::new(),
            abort_on_stop: false,
        }
    }
}

/// A value under a driver's service key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryValue {
    /// Path below the service key, such as `Parameters\Wdf`; empty for the service key itself.
    pub key: String,
    /// Name of the value.
    pub name: String,
    /// Type and data of the value.
    pub data: RegistryData,
}

/// The type and data of a registry value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryData {
    /// A 32-bit number (`REG_DWORD`).
    Dword(u32),
    /// A string of UTF-16 (`REG_SZ`).
    String(String),
    /// A list of strings (`REG_MULTI_SZ`).
    Strings(Vec<String>),
}

/// Versions of Windows that differ in what the kernel exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Windows {
    /// Windows 10 1809: neither `ExAllocatePool2` nor the exported lookaside calls.
    V10_1809,
    /// Windows 10 2004: `ExAllocatePool2`.
    V10_2004,
    /// Windows 11 21H2: as 2004.
    V11_21H2,
    /// Windows 11 22H2: also the exported lookaside calls.
    V11_22H2,
    /// Windows 11 23H2: as 22H2.
    V11_23H2,
}

/// Driver Verifier's options.
///
/// Every image of the process counts as verified: the driver and the framework model under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    /// Blocks below `PAGE_SIZE` lie on a page of their own, against a guard page.
    pub special_pool: bool,
    /// Accessing paged pool at `DISPATCH_LEVEL` stops the run.
    pub force_irql_checking: bool,
    /// Pool that a driver leaves behind at unload stops the run.
    pub pool_tracking: bool,
    /// IRPs are checked at every step.
    pub io_verification: bool,
    /// Lookaside lists, and freed memory that contains kernel objects, are checked.
    pub miscellaneous: bool,
    /// Documented calls are checked for their IRQL and order.
    pub ddi_compliance: bool,
    /// Executable nonpaged pool stops the run.
    pub code_integrity: bool,
    /// Switches the framework's own verifier on for loaded drivers.
    pub wdf: bool,
    /// Which pool allocations fail on purpose.
    pub low_resources: LowResources,
}

impl Verifier {
    /// The standard options of Windows 11.
    pub const fn standard() -> Self {
        Self {
            special_pool: true,
            force_irql_checking: true,
            pool_tracking: true,
            io_verification: true,
            miscellaneous: true,
            ddi_compliance: true,
            code_integrity: false,
            wdf: true,
            low_resources: LowResources::Off,
        }
    }

    /// Whether any option is on, so that broken rules are reported as the verifier does.
    pub(crate) const fn is_on(&self) -> bool {
        self.special_pool
            || self.force_irql_checking
            || self.pool_tracking
            || self.io_verification
            || self.miscellaneous
            || self.ddi_compliance
            || self.code_integrity
    }

    /// No options: only the kernel's own checks remain.
    pub const fn off() -> Self {
        Self {
            special_pool: false,
            force_irql_checking: false,
            pool_tracking: false,
            io_verification: false,
            miscellaneous: false,
            ddi_compliance: false,
            code_integrity: false,
            wdf: false,
            low_resources: LowResources::Off,
        }
    }
}

/// Which allocations fail on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LowResources {
    /// No allocation fails on purpose.
    #[default]
    Off,
    /// Only the n-th allocation since boot fails, counted from 1.
    FailNth(u64),
    /// The n-th allocation since boot and all later ones fail, counted from 1.
    FailFrom(u64),
}
