//! Calls over an open handle, and their replies.

use wdfmem_ioctl::{Data, Message, Method, Status};
use zerocopy::FromBytes;

use crate::system::{Completion, File};

/// Fills output buffers beforehand, so that a byte that the driver did not write can be recognised.
pub const UNTOUCHED: u8 = 0xCC;

/// How a call was completed, with its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The `NTSTATUS` of the request.
    pub status: Status,
    /// How many bytes the driver reported as transferred.
    pub information: usize,
    /// The output, of the length that the driver reported; none with `METHOD_IN_DIRECT`, whose second buffer
    /// is input.
    pub output: Vec<u8>,
    /// Whether the driver left the rest of the buffer unchanged, and reported no more bytes than it has.
    pub output_tail_untouched: bool,
}

impl Reply {
    /// The reply's structure, if the call succeeded and the output is exactly that.
    pub fn parse<T: FromBytes>(&self) -> Option<T> {
        if self.status.is_success() {
            T::read_from_bytes(&self.output).ok()
        } else {
            None
        }
    }
}

/// Sends a call, with its data or an output buffer of just the length of its reply as the second buffer.
pub fn call<'a>(file: &dyn File, call: impl Into<Message<'a>>) -> Reply {
    let message = call.into();
    let second = match message.info().data {
        Data::SecondBuffer => message.data.to_vec(),
        Data::None | Data::Follows => {
            let length = usize::try_from(message.reply_length()).unwrap_or(usize::MAX);
            vec![UNTOUCHED; length.min(LONGEST)]
        }
    };
    call_with(file, message, second)
}

/// The longest buffer that the client sends: longer than any that a call accepts.
pub const LONGEST: usize = 16 << 20;

/// Sends a call with this second buffer.
pub fn call_with<'a>(file: &dyn File, call: impl Into<Message<'a>>, second: Vec<u8>) -> Reply {
    let message = call.into();
    send(file, message.code().number(), &encode(message), second)
}

/// The encoded bytes of a request.
pub fn encode<'a>(call: impl Into<Message<'a>>) -> Vec<u8> {
    let message = call.into();
    let mut request = vec![0; message.encoded_length()];
    let encoded = message.encode(&mut request);
    debug_assert_eq!(
        encoded,
        Some(request.len()),
        "the buffer has the length asked for"
    );
    request
}

/// Sends a request as raw bytes.
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
    let output_tail_untouched =
        information <= output.len() && output.get(length..) == before.get(length..);
    output.truncate(length);
    Reply {
        status,
        information,
        output,
        output_tail_untouched,
    }
}
