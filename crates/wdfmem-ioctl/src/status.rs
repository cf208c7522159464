//! The statuses of the contract, and why bytes are rejected.

use core::fmt;

/// An `NTSTATUS` as it crosses the interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(i32);

macro_rules! statuses {
    ($($name:ident = $value:literal,)*) => {
        impl Status {
            $(
                #[doc = concat!("`STATUS_", stringify!($name), "`")]
                pub const $name: Self = Self($value as i32);
            )*

            /// Every status that has a name here.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The constant's name in the Windows headers, if it is one that this interface's
            /// users are likely to meet.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(concat!("STATUS_", stringify!($name))),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    SUCCESS = 0x0000_0000_u32,
    PENDING = 0x0000_0103_u32,
    DEVICE_BUSY = 0x8000_0011_u32,
    UNSUCCESSFUL = 0xC000_0001_u32,
    INFO_LENGTH_MISMATCH = 0xC000_0004_u32,
    ACCESS_VIOLATION = 0xC000_0005_u32,
    INVALID_HANDLE = 0xC000_0008_u32,
    INVALID_PARAMETER = 0xC000_000D_u32,
    NO_SUCH_DEVICE = 0xC000_000E_u32,
    INVALID_DEVICE_REQUEST = 0xC000_0010_u32,
    ACCESS_DENIED = 0xC000_0022_u32,
    BUFFER_TOO_SMALL = 0xC000_0023_u32,
    OBJECT_TYPE_MISMATCH = 0xC000_0024_u32,
    OBJECT_NAME_NOT_FOUND = 0xC000_0034_u32,
    QUOTA_EXCEEDED = 0xC000_0044_u32,
    DELETE_PENDING = 0xC000_0056_u32,
    REVISION_MISMATCH = 0xC000_0059_u32,
    INSUFFICIENT_RESOURCES = 0xC000_009A_u32,
    NOT_SUPPORTED = 0xC000_00BB_u32,
    FILE_CLOSED = 0xC000_0128_u32,
    CANCELLED = 0xC000_0120_u32,
    INVALID_DEVICE_STATE = 0xC000_0184_u32,
    DEVICE_NOT_CONNECTED = 0xC000_009D_u32,
    INVALID_BUFFER_SIZE = 0xC000_0206_u32,
    DEVICE_REMOVED = 0xC000_02B6_u32,
}

impl Status {
    /// A status from its number.
    #[must_use]
    pub const fn from_code(code: i32) -> Self {
        Self(code)
    }

    /// The number that Windows has for it.
    #[must_use]
    pub const fn code(self) -> i32 {
        self.0
    }

    /// Whether it is a success or information, as `NT_SUCCESS` says.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.pad(name),
            None => write!(formatter, "0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why bytes are not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// No call has this control code.
    UnknownCode,
    /// The input is absent or shorter than the call's structure.
    Short,
    /// The input has more or fewer bytes than its header or its call says.
    LengthMismatch,
    /// The request is of another version.
    Version,
    /// A reserved field is not zero.
    Reserved,
    /// A field's value is not one of its type's, or a length is zero.
    Value,
    /// A tag is not one that the pool takes.
    Tag,
}

impl DecodeError {
    /// The status with which the driver completes the request.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::UnknownCode => Status::INVALID_DEVICE_REQUEST,
            Self::Short => Status::BUFFER_TOO_SMALL,
            Self::LengthMismatch => Status::INFO_LENGTH_MISMATCH,
            Self::Version => Status::REVISION_MISMATCH,
            Self::Reserved | Self::Value | Self::Tag => Status::INVALID_PARAMETER,
        }
    }
}

impl From<DecodeError> for Status {
    fn from(error: DecodeError) -> Self {
        error.status()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnknownCode => "no call has this control code",
            Self::Short => "the input is shorter than the call's structure",
            Self::LengthMismatch => "the input's length is not what its header says",
            Self::Version => "the request is of another version of the interface",
            Self::Reserved => "a reserved field is not zero",
            Self::Value => "a field's value is not one of its type's, or a length is zero",
            Self::Tag => "a tag is not one that the pool takes",
        })
    }
}

impl core::error::Error for DecodeError {}
