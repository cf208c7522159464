//! `NTSTATUS` as a Rust error: a value of [`Error`] is never a success.

use core::fmt;
use kmdf_sys::NTSTATUS;

/// The result of a call that returns an `NTSTATUS`.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// An `NTSTATUS` of the warning or error class.
///
/// The value is whatever the called function returned: the constants below only name the ones that
/// this crate's documentation mentions.
///
/// # Invariants
///
/// The value is negative, which is to say that `NT_SUCCESS` is false for it, and not -1, over which
/// Driver Verifier stops the system when a request is completed with it (bug check 0xC9, 0x6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error(NTSTATUS);

macro_rules! named {
    ($($name:ident = $status:ident,)*) => {
        impl Error {
            $(
                #[doc = concat!("The status `", stringify!($status), "` as an error.")]
                pub const $name: Self = Self::constant(kmdf_sys::$status);
            )*

            /// The C name of this status, when it is one of the constants.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $(kmdf_sys::$status => Some(stringify!($status)),)*
                    _ => None,
                }
            }
        }
    };
}

named! {
    ACCESS_DENIED = STATUS_ACCESS_DENIED,
    ACCESS_VIOLATION = STATUS_ACCESS_VIOLATION,
    BUFFER_OVERFLOW = STATUS_BUFFER_OVERFLOW,
    BUFFER_TOO_SMALL = STATUS_BUFFER_TOO_SMALL,
    CANCELLED = STATUS_CANCELLED,
    DELETE_PENDING = STATUS_DELETE_PENDING,
    DEVICE_BUSY = STATUS_DEVICE_BUSY,
    DEVICE_NOT_READY = STATUS_DEVICE_NOT_READY,
    INFO_LENGTH_MISMATCH = STATUS_INFO_LENGTH_MISMATCH,
    INSUFFICIENT_RESOURCES = STATUS_INSUFFICIENT_RESOURCES,
    INTEGER_OVERFLOW = STATUS_INTEGER_OVERFLOW,
    INTERNAL_ERROR = STATUS_INTERNAL_ERROR,
    INVALID_BUFFER_SIZE = STATUS_INVALID_BUFFER_SIZE,
    INVALID_DEVICE_REQUEST = STATUS_INVALID_DEVICE_REQUEST,
    INVALID_DEVICE_STATE = STATUS_INVALID_DEVICE_STATE,
    INVALID_HANDLE = STATUS_INVALID_HANDLE,
    INVALID_LOCK_SEQUENCE = STATUS_INVALID_LOCK_SEQUENCE,
    INVALID_PARAMETER = STATUS_INVALID_PARAMETER,
    NOT_FOUND = STATUS_NOT_FOUND,
    NOT_IMPLEMENTED = STATUS_NOT_IMPLEMENTED,
    NOT_SUPPORTED = STATUS_NOT_SUPPORTED,
    OBJECT_NAME_COLLISION = STATUS_OBJECT_NAME_COLLISION,
    OBJECT_TYPE_MISMATCH = STATUS_OBJECT_TYPE_MISMATCH,
    QUOTA_EXCEEDED = STATUS_QUOTA_EXCEEDED,
    REVISION_MISMATCH = STATUS_REVISION_MISMATCH,
    UNSUCCESSFUL = STATUS_UNSUCCESSFUL,
}

impl Error {
    /// Makes a constant; a success code is a compile error.
    const fn constant(status: NTSTATUS) -> Self {
        assert!(status < -1, "a success is not an error");
        // INVARIANT: The value was checked above.
        Self(status)
    }

    /// The error in `status`, or `None` for a success or informational code. -1, which no request
    /// may be completed with, counts as [`Error::UNSUCCESSFUL`].
    pub const fn from_status(status: NTSTATUS) -> Option<Self> {
        match status {
            -1 => Some(Self::UNSUCCESSFUL),
            // INVARIANT: The pattern matches numbers below -1 only.
            ..-1 => Some(Self(status)),
            0.. => None,
        }
    }

    /// The `NTSTATUS`, which is negative.
    pub const fn status(self) -> NTSTATUS {
        self.0
    }

    /// Whether the I/O manager copies no output for this status (`NT_ERROR`): warnings do copy.
    pub(crate) const fn withholds_output(self) -> bool {
        (self.0 as u32) >> 30 == 3
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "NTSTATUS {:#010X}", self.0 as u32),
        }
    }
}

impl core::error::Error for Error {}

/// Turns what a Windows call returned into a `Result`; success and informational codes are `Ok`.
pub(crate) const fn check(status: NTSTATUS) -> Result<()> {
    match Error::from_status(status) {
        None => Ok(()),
        Some(error) => Err(error),
    }
}
