//! [`NtStatus`], an NTSTATUS that prints its name.

use kmdf_sys::NTSTATUS;
use std::fmt;

/// An NTSTATUS value; prints its name where it is known.
///
/// ```
/// let status = nt_model::NtStatus(0xC000_009A_u32 as i32);
/// assert!(!status.is_success());
/// assert_eq!(status.to_string(), "STATUS_INSUFFICIENT_RESOURCES (0xC000009A)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NtStatus(pub NTSTATUS);

macro_rules! names {
    ($($name:ident),* $(,)?) => {
        /// The symbolic name, if it is one that the models use.
        pub const fn name(self) -> Option<&'static str> {
            match self.0 {
                $(kmdf_sys::$name => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

impl NtStatus {
    names! {
        STATUS_SUCCESS,
        STATUS_ABANDONED,
        STATUS_USER_APC,
        STATUS_ALERTED,
        STATUS_TIMEOUT,
        STATUS_PENDING,
        STATUS_REPARSE,
        STATUS_MORE_ENTRIES,
        STATUS_OBJECT_NAME_EXISTS,
        STATUS_BUFFER_OVERFLOW,
        STATUS_NO_MORE_ENTRIES,
        STATUS_DEVICE_BUSY,
        STATUS_DEVICE_OFF_LINE,
        STATUS_UNSUCCESSFUL,
        STATUS_NOT_IMPLEMENTED,
        STATUS_INVALID_INFO_CLASS,
        STATUS_INFO_LENGTH_MISMATCH,
        STATUS_ACCESS_VIOLATION,
        STATUS_INVALID_HANDLE,
        STATUS_INVALID_CID,
        STATUS_INVALID_PARAMETER,
        STATUS_NO_SUCH_DEVICE,
        STATUS_NO_SUCH_FILE,
        STATUS_INVALID_DEVICE_REQUEST,
        STATUS_END_OF_FILE,
        STATUS_MORE_PROCESSING_REQUIRED,
        STATUS_NO_MEMORY,
        STATUS_CONFLICTING_ADDRESSES,
        STATUS_ACCESS_DENIED,
        STATUS_BUFFER_TOO_SMALL,
        STATUS_OBJECT_TYPE_MISMATCH,
        STATUS_OBJECT_NAME_INVALID,
        STATUS_OBJECT_NAME_NOT_FOUND,
        STATUS_OBJECT_NAME_COLLISION,
        STATUS_OBJECT_PATH_NOT_FOUND,
        STATUS_OBJECT_PATH_SYNTAX_BAD,
        STATUS_SHARING_VIOLATION,
        STATUS_QUOTA_EXCEEDED,
        STATUS_DELETE_PENDING,
        STATUS_INSUFFICIENT_RESOURCES,
        STATUS_DEVICE_NOT_READY,
        STATUS_INVALID_DEVICE_STATE,
        STATUS_IO_TIMEOUT,
        STATUS_FILE_FORCED_CLOSED,
        STATUS_NOT_SUPPORTED,
        STATUS_INTERNAL_ERROR,
        STATUS_INVALID_USER_BUFFER,
        STATUS_CANCELLED,
        STATUS_FILE_CLOSED,
        STATUS_DEVICE_DOES_NOT_EXIST,
        STATUS_NOT_FOUND,
        STATUS_INVALID_BUFFER_SIZE,
        STATUS_DEVICE_REMOVED,
        STATUS_NOT_SAME_DEVICE,
        STATUS_INTEGER_OVERFLOW,
        STATUS_INTEGER_DIVIDE_BY_ZERO,
        STATUS_DATATYPE_MISALIGNMENT,
        STATUS_ARRAY_BOUNDS_EXCEEDED,
        STATUS_DRIVER_INTERNAL_ERROR,
        STATUS_DRIVER_ENTRYPOINT_NOT_FOUND,
        STATUS_DRIVER_UNABLE_TO_LOAD,
        STATUS_PROCEDURE_NOT_FOUND,
        STATUS_REVISION_MISMATCH,
        STATUS_INVALID_PARAMETER_1,
        STATUS_INVALID_PARAMETER_2,
        STATUS_INVALID_PARAMETER_3,
        STATUS_INVALID_PARAMETER_4,
        STATUS_INVALID_PARAMETER_5,
        STATUS_INVALID_PARAMETER_6,
        STATUS_INVALID_PARAMETER_7,
        STATUS_INVALID_PARAMETER_8,
        STATUS_DEVICE_POWERED_OFF,
        STATUS_DEVICE_NOT_CONNECTED,
        STATUS_TOO_LATE,
        STATUS_STOPPED_ON_SYMLINK,
        STATUS_PRIVILEGE_NOT_HELD,
        STATUS_NAME_TOO_LONG,
        STATUS_INVALID_IMAGE_FORMAT,
        STATUS_ALREADY_REGISTERED,
        STATUS_INVALID_ADDRESS,
        STATUS_ASSERTION_FAILURE,
        STATUS_HEAP_CORRUPTION,
        STATUS_STACK_OVERFLOW,
        STATUS_STACK_BUFFER_OVERRUN,
        STATUS_FAIL_FAST_EXCEPTION,
        STATUS_INVALID_LOCK_SEQUENCE,
        STATUS_NONCONTINUABLE_EXCEPTION,
        STATUS_WDF_BUSY,
        STATUS_WDF_DEVICE_REMOVED_NOT_SENT,
        STATUS_WDF_EXECUTION_LEVEL_INVALID,
        STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL,
        STATUS_WDF_INTERNAL_ERROR,
        STATUS_WDF_IO_TIMEOUT_NOT_SENT,
        STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS,
        STATUS_WDF_NO_CALLBACK,
        STATUS_WDF_NO_PACKAGE,
        STATUS_WDF_OBJECT_ATTRIBUTES_INVALID,
        STATUS_WDF_PARENT_ALREADY_ASSIGNED,
        STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED,
        STATUS_WDF_PARENT_IS_SELF,
        STATUS_WDF_PARENT_NOT_SPECIFIED,
        STATUS_WDF_PAUSED,
        STATUS_WDF_POSTED,
        STATUS_WDF_QUEUED,
        STATUS_WDF_REQUEST_ALREADY_PENDING,
        STATUS_WDF_REQUEST_INVALID_STATE,
        STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID,
        STATUS_WDF_TOO_FRAGMENTED,
        STATUS_WDF_TOO_MANY_TRANSFERS,
    }

    /// Whether the status is of the success or informational class.
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(formatter, "{name} ({:#010X})", self.0),
            None => write!(formatter, "{:#010X}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl std::error::Error for NtStatus {}

impl From<NTSTATUS> for NtStatus {
    fn from(status: NTSTATUS) -> Self {
        Self(status)
    }
}

impl PartialEq<NTSTATUS> for NtStatus {
    fn eq(&self, other: &NTSTATUS) -> bool {
        self.0 == *other
    }
}
