//! Control codes: how they are put together and taken apart.

use crate::{Code, DecodeError};

/// `CTL_CODE`: the control code of a device type, a function number, a transfer method and the
/// access that the handle needs.
///
/// ```
/// use wdfmem_ioctl::{Access, Method, ctl_code};
///
/// // IOCTL_DISK_GET_DRIVE_GEOMETRY, as the Windows headers have it.
/// assert_eq!(ctl_code(0x07, 0, Method::Buffered, Access::ANY), 0x0007_0000);
/// ```
#[must_use]
pub const fn ctl_code(device_type: u16, function: u16, method: Method, access: Access) -> u32 {
    (device_type as u32) << 16
        | (access.0 as u32) << 14
        | (function as u32 & 0xFFF) << 2
        | method as u32
}

/// How a request's buffers reach the driver: the two low bits of a control code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Method {
    /// `METHOD_BUFFERED`: both buffers are copied through one of the system's.
    Buffered = 0,
    /// `METHOD_IN_DIRECT`: the second buffer is locked in place for the driver to read.
    InDirect = 1,
    /// `METHOD_OUT_DIRECT`: the second buffer is locked in place for the driver to write.
    OutDirect = 2,
    /// `METHOD_NEITHER`: raw addresses. No call of this interface uses it.
    Neither = 3,
}

/// The access that a handle needs for a control code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access(u8);

impl Access {
    /// `FILE_ANY_ACCESS`: any handle will do.
    pub const ANY: Self = Self(0);
    /// `FILE_READ_ACCESS`: a handle opened for reading.
    pub const READ: Self = Self(1);
    /// `FILE_WRITE_ACCESS`: a handle opened for writing.
    pub const WRITE: Self = Self(2);
    /// `FILE_READ_ACCESS | FILE_WRITE_ACCESS`: a handle opened for both.
    pub const READ_WRITE: Self = Self(3);

    /// The two bits as they stand in a control code.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// `FILE_DEVICE_UNKNOWN`, the type of the driver's devices.
pub(crate) const DEVICE_TYPE: u16 = 0x22;

impl Code {
    /// The access that a handle needs for this code.
    #[must_use]
    pub const fn access(self) -> Access {
        Access((self.number() >> 14 & 3) as u8)
    }

    /// The number as `DeviceIoControl` takes it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl TryFrom<u32> for Code {
    type Error = DecodeError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.number() == number)
            .ok_or(DecodeError::UnknownCode)
    }
}
