//! Calls over an open handle, with their answers decoded.

use wdfmem_ioctl::{Call, Method, Status, wire};
use zerocopy::FromBytes;

use crate::system::{Completion, File};

/// Fills output buffers beforehand, so that a byte the driver did not write is seen to be untouched.
pub const UNTOUCHED: u8 = 0xCC;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: Status,
    /// How many bytes the driver said were transferred.
    pub information: usize,
    /// The output, as long as the driver said it is; none with `METHOD_IN_DIRECT`, whose second buffer
    /// is input.
    pub output: Vec<u8>,
    /// Whether the driver left the buffer beyond that alone, and never said it is longer than it is.
    pub tidy: bool,
}

impl Reply {
    /// The answer, if the call succeeded and the output is exactly that.
    pub fn answer<T: FromBytes>(&self) -> Option<T> {
        if self.status.is_success() {
            T::read_from_bytes(&self.output).ok()
        } else {
            None
        }
    }

    /// The answer of a call that makes an object.
    pub fn created(&self) -> Option<wire::CreatedAnswer> {
        self.answer()
    }
}

/// Sends a call with an output buffer of just the length of its answer.
pub fn call(file: &dyn File, call: &Call<'_>) -> Reply {
    let length = usize::try_from(call.answer_length()).unwrap_or(usize::MAX);
    call_with(file, call, vec![UNTOUCHED; length.min(LONGEST)])
}

/// The longest buffer that is tried: longer than any that a call takes.
pub const LONGEST: usize = 16 << 20;

/// Sends a call with a second buffer of the caller's.
pub fn call_with(file: &dyn File, call: &Call<'_>, output: Vec<u8>) -> Reply {
    let mut request = vec![0; call.encoded_length()];
    let encoded = call.encode(&mut request);
    debug_assert_eq!(
        encoded,
        Some(request.len()),
        "the buffer has the length asked for"
    );
    send(file, call.code().number(), &request, output)
}

/// Sends bytes as they are.
pub fn send(file: &dyn File, code: u32, request: &[u8], mut output: Vec<u8>) -> Reply {
    let before = output.clone();
    let Completion {
        status,
        information,
    } = file.control(code, request, &mut output);
    let is_input = code & 3 == Method::InDirect as u32;
    let length = if is_input {
        0
    } else {
        information.min(output.len())
    };
    let tidy = information <= output.len() && output.get(length..) == before.get(length..);
    output.truncate(length);
    Reply {
        status,
        information,
        output,
        tidy,
    }
}
