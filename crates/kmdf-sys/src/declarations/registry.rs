//! What reading the registry takes; declared from the documentation of ZwQueryValueKey and
//! KEY_VALUE_PARTIAL_INFORMATION, since the ABI facts stop short of it.

use super::*;

pub mod _KEY_VALUE_INFORMATION_CLASS {
    pub type Type = i32;
    pub const KeyValueBasicInformation: Type = 0;
    pub const KeyValueFullInformation: Type = 1;
    pub const KeyValuePartialInformation: Type = 2;
}
pub type KEY_VALUE_INFORMATION_CLASS = _KEY_VALUE_INFORMATION_CLASS::Type;

pub const KEY_QUERY_VALUE: u32 = 1;
pub const KEY_READ: u32 = 0x20019;
pub const REG_SZ: u32 = 1;
pub const REG_DWORD: u32 = 4;
pub const REG_MULTI_SZ: u32 = 7;

/// A registry value as ZwQueryValueKey returns it; `Data` goes on for `DataLength` bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct _KEY_VALUE_PARTIAL_INFORMATION {
    pub TitleIndex: ULONG,
    pub Type: ULONG,
    pub DataLength: ULONG,
    pub Data: [UCHAR; 1],
}

pub type KEY_VALUE_PARTIAL_INFORMATION = _KEY_VALUE_PARTIAL_INFORMATION;
