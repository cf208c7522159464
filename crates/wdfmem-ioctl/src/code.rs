//! Control codes: how they are put together, and one for each call.

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
    /// `FILE_ANY_ACCESS`.
    pub const ANY: Self = Self(0);
    /// `FILE_READ_ACCESS`.
    pub const READ: Self = Self(1);
    /// `FILE_WRITE_ACCESS`.
    pub const WRITE: Self = Self(2);
    /// `FILE_READ_ACCESS | FILE_WRITE_ACCESS`.
    pub const READ_WRITE: Self = Self(3);

    /// The two bits as they stand in a control code.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// `FILE_DEVICE_UNKNOWN`, the type of the driver's devices.
const DEVICE_TYPE: u16 = 0x22;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $function:literal, $method:ident, $access:ident;)*) => {
        /// The control code of each call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Code {
            $($(#[$doc])* $name = ctl_code(DEVICE_TYPE, $function, Method::$method, Access::$access),)*
        }

        impl Code {
            /// Every control code, in the order of the functions.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// How this code's buffers reach the driver.
            #[must_use]
            pub const fn method(self) -> Method {
                match self {
                    $(Self::$name => Method::$method,)*
                }
            }

            /// The access that a handle needs for this code.
            #[must_use]
            pub const fn access(self) -> Access {
                match self {
                    $(Self::$name => Access::$access,)*
                }
            }
        }
    };
}

codes! {
    /// Which version this is, what it can do and what a caller may have.
    QueryVersion = 0x800, Buffered, READ;
    /// What is alive, for the file object and for the device.
    Statistics = 0x801, Buffered, READ;
    /// `WdfMemoryCreate`.
    CreateMemory = 0x810, Buffered, READ_WRITE;
    /// `WdfMemoryCreatePreallocated`.
    CreatePreallocated = 0x811, Buffered, READ_WRITE;
    /// `WdfMemoryAssignBuffer`.
    AssignBuffer = 0x812, Buffered, READ_WRITE;
    /// `WdfLookasideListCreate`.
    CreateLookaside = 0x813, Buffered, READ_WRITE;
    /// `WdfMemoryCreateFromLookaside`.
    CreateFromLookaside = 0x814, Buffered, READ_WRITE;
    /// `WdfObjectDelete`.
    Delete = 0x815, Buffered, WRITE;
    /// `ExInitializePagedLookasideList`, `ExInitializeNPagedLookasideList`.
    InitializeExList = 0x820, Buffered, READ_WRITE;
    /// `ExAllocateFromPagedLookasideList`, `ExAllocateFromNPagedLookasideList`.
    AllocateEntry = 0x821, Buffered, READ_WRITE;
    /// `ExFreeToPagedLookasideList`, `ExFreeToNPagedLookasideList`.
    FreeEntry = 0x822, Buffered, WRITE;
    /// `ExDeletePagedLookasideList`, `ExDeleteNPagedLookasideList`.
    DeleteExList = 0x823, Buffered, WRITE;
    /// Puts bytes into an object.
    Write = 0x830, Buffered, WRITE;
    /// Takes bytes out of an object.
    Read = 0x831, Buffered, READ;
    /// Sets bytes of an object to one value.
    Fill = 0x832, Buffered, WRITE;
    /// Copies bytes from one object to another.
    Copy = 0x833, Buffered, WRITE;
    /// The CRC-32 of bytes of an object.
    Checksum = 0x834, Buffered, READ;
    /// Changes the caller's bytes in memory that lives as long as the request.
    Transform = 0x840, Buffered, READ_WRITE;
    /// Puts the bytes of a locked buffer into an object.
    BulkWrite = 0x850, InDirect, WRITE;
    /// Takes bytes out of an object into a locked buffer.
    BulkRead = 0x851, OutDirect, READ;
}

impl Code {
    /// The number as `DeviceIoControl` takes it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl TryFrom<u32> for Code {
    type Error = crate::Refusal;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.number() == number)
            .ok_or(crate::Refusal::UnknownCode)
    }
}
