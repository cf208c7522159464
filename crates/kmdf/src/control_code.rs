//! I/O control codes: `CTL_CODE`, and what the fields of a code mean.

use kmdf_sys::{METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_NEITHER, METHOD_OUT_DIRECT};

/// `FILE_DEVICE_UNKNOWN`: the device type of control codes of a device that is of none of Windows' own types.
pub const FILE_DEVICE_UNKNOWN: u16 = 0x22;

/// How the I/O manager passes the buffers of a request: the low two bits of a control code.
///
/// Source: "Buffer Descriptions for I/O Control Codes".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `METHOD_BUFFERED`: one system buffer for input and output.
    Buffered,
    /// `METHOD_IN_DIRECT`: a system buffer for input, and a second input in the caller's own pages.
    InDirect,
    /// `METHOD_OUT_DIRECT`: a system buffer for input, and output into the caller's own pages.
    OutDirect,
    /// `METHOD_NEITHER`: bare pointers of the caller, which this crate does not touch.
    Neither,
}

impl Method {
    /// The method of a control code.
    pub(crate) const fn of(code: u32) -> Self {
        match code & 3 {
            METHOD_BUFFERED => Self::Buffered,
            METHOD_IN_DIRECT => Self::InDirect,
            METHOD_OUT_DIRECT => Self::OutDirect,
            METHOD_NEITHER.. => Self::Neither,
        }
    }

    const fn value(self) -> u32 {
        match self {
            Self::Buffered => METHOD_BUFFERED,
            Self::InDirect => METHOD_IN_DIRECT,
            Self::OutDirect => METHOD_OUT_DIRECT,
            Self::Neither => METHOD_NEITHER,
        }
    }
}

/// The access that a handle must have been opened with for the I/O manager to let a control request
/// through to the driver: bits 14 and 15 of a control code.
///
/// Source: "Defining I/O Control Codes".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `FILE_ANY_ACCESS`: every handle of the device will do.
    Any = 0,
    /// `FILE_READ_ACCESS`: the handle allows reading.
    Read = 1,
    /// `FILE_WRITE_ACCESS`: the handle allows writing.
    Write = 2,
    /// `FILE_READ_ACCESS | FILE_WRITE_ACCESS`: the handle allows both.
    ReadWrite = 3,
}

/// `CTL_CODE`: the I/O control code of a device type, a function, a transfer method and the access that
/// the handle must have. IRQL: any.
///
/// ```
/// use kmdf::{Access, FILE_DEVICE_UNKNOWN, Method, ctl_code};
///
/// const REVERSE: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x800, Method::Buffered, Access::Any);
/// assert_eq!(REVERSE, 0x0022_2000);
///
/// // IOCTL_DISK_SET_DRIVE_LAYOUT_EX of Microsoft's headers: two access rights.
/// assert_eq!(ctl_code(0x07, 0x15, Method::Buffered, Access::ReadWrite), 0x0007_C054);
/// // IOCTL_CDROM_RAW_READ: METHOD_OUT_DIRECT.
/// assert_eq!(ctl_code(0x02, 0x0F, Method::OutDirect, Access::Read), 0x0002_403E);
/// ```
///
/// Functions below 0x800 and device types below 0x8000 are Microsoft's to assign, except
/// [`FILE_DEVICE_UNKNOWN`], which any driver may use. A function has 12 bits; more do not compile:
///
/// ```compile_fail,E0080
/// use kmdf::{Access, FILE_DEVICE_UNKNOWN, Method, ctl_code};
/// const TOO_LARGE: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x1000, Method::Buffered, Access::Any);
/// ```
///
/// # Panics
///
/// If the function exceeds 0xFFF: in a constant, that is a compile error.
///
/// Source: "Defining I/O Control Codes".
#[track_caller]
pub const fn ctl_code(device_type: u16, function: u16, method: Method, access: Access) -> u32 {
    assert!(
        function <= 0xFFF,
        "the function of an I/O control code has 12 bits, so it is at most 0xFFF"
    );
    (device_type as u32) << 16 | (access as u32) << 14 | (function as u32) << 2 | method.value()
}
