//! From the contract's statuses to the wrappers' errors.

use kmdf::Error;
use wdfmem_ioctl::Status;

/// The error that completes a request with this status.
pub fn error(status: impl Into<Status>) -> Error {
    // A success is no error; none of the contract's refusals is one.
    Error::from_status(status.into().code()).unwrap_or(Error::UNSUCCESSFUL)
}
