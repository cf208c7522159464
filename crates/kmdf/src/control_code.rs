//! `CTL_CODE`: the control codes that a driver defines.

use crate::request::Method;

/// The access rights that a handle needs before the I/O manager sends a control code to the driver.
///
/// Source: "Defining I/O Control Codes".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `FILE_ANY_ACCESS`: any handle will do.
    Any,
    /// `FILE_READ_ACCESS`: the handle was opened for reading.
    Read,
    /// `FILE_WRITE_ACCESS`: the handle was opened for writing.
    Write,
    /// `FILE_READ_ACCESS | FILE_WRITE_ACCESS`: the handle was opened for both.
    ReadWrite,
}

/// `CTL_CODE`: the control code made of a device type, a function number, the transfer method and the
/// access rights that the sender's handle needs. For constants.
///
/// Device types below 0x8000 and function numbers below 0x800 are Microsoft's, except that every driver
/// may use the type 0x22, `FILE_DEVICE_UNKNOWN`.
///
/// ```
/// use kmdf::{Access, Method, ctl_code};
///
/// const FILE_DEVICE_UNKNOWN: u16 = 0x22;
/// const REVERSE: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x800, Method::Buffered, Access::Any);
/// assert_eq!(REVERSE, 0x0022_2000);
///
/// // IOCTL_DISK_SET_DRIVE_LAYOUT_EX of Microsoft's headers: two access rights.
/// assert_eq!(ctl_code(0x07, 0x15, Method::Buffered, Access::ReadWrite), 0x0007_C054);
/// // IOCTL_CDROM_RAW_READ: METHOD_OUT_DIRECT.
/// assert_eq!(ctl_code(0x02, 0x0F, Method::OutDirect, Access::Read), 0x0002_403E);
/// ```
///
/// A function number has twelve bits:
///
/// ```compile_fail,E0080
/// use kmdf::{Access, Method, ctl_code};
/// const TOO_LARGE: u32 = ctl_code(0x22, 0x1000, Method::Buffered, Access::Any);
/// ```
///
/// # Panics
///
/// If `function` is above 0xFFF: in a constant, that is a compile error.
///
/// Source: "Defining I/O Control Codes".
#[track_caller]
pub const fn ctl_code(device_type: u16, function: u16, method: Method, access: Access) -> u32 {
    assert!(function <= 0xFFF, "a function number has twelve bits");
    let access = match access {
        Access::Any => 0,
        Access::Read => 1,
        Access::Write => 2,
        Access::ReadWrite => 3,
    };
    let method = match method {
        Method::Buffered => 0,
        Method::InDirect => 1,
        Method::OutDirect => 2,
        Method::Neither => 3,
    };
    (device_type as u32) << 16 | access << 14 | (function as u32) << 2 | method
}
