//! What every call has: its row of [`CALLS`](crate::CALLS), its checks, and its bytes.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

use crate::{AnyCall, Code, DecodeError, VERSION};

/// Begins every request: 16 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// The length of the whole request in bytes: this header, the call's fields, its data.
    pub size: U32,
    /// The [`VERSION`] that the client was built for.
    pub version: U32,
    /// Reserved: must be zero, or the request is rejected.
    pub reserved: U64,
}

/// Whether a call has data, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// The call has no data.
    None,
    /// After the structure, at least one byte.
    Follows,
    /// In the second buffer, to be read by the driver.
    SecondBuffer,
}

/// What is known of a call beforehand: for clients that list them and tests that try them all.
#[derive(Clone, Copy, Debug)]
pub struct CallInfo {
    /// The control code of the call.
    pub code: Code,
    /// Its name, as the client's command line has it.
    pub name: &'static str,
    /// The Windows call that it is about, or through which it is made if it is about none.
    pub windows_call: &'static str,
    /// The length of its request's structure, without data.
    pub request_size: usize,
    /// Whether it has data, and where.
    pub data: Data,
    /// The length of its reply, where that does not depend on the request.
    pub reply_size: usize,
}

/// A call of the contract: the fields of its request, each with a valid value.
pub trait Call: Copy + Into<AnyCall> {
    /// What is known of it beforehand.
    const INFO: CallInfo;

    /// Whether it has data, and where.
    const DATA: Data = Data::None;

    /// What its output is.
    type Reply: FromBytes + IntoBytes + Immutable;

    /// Whether its fields go together, each being valid alone.
    fn is_valid(&self) -> bool {
        true
    }

    /// How many bytes of output its success brings, with so many bytes of data.
    fn reply_length(&self, data: usize) -> u64 {
        let _ = data;
        Self::INFO.reply_size as u64
    }

    /// The fields, out of the bytes of a request that has all of them.
    ///
    /// # Errors
    /// The first fault of a field.
    fn read_fields(request: &[u8]) -> Result<Self, DecodeError>;

    /// Puts the fields into the bytes of a request, if those have room for them.
    #[must_use]
    fn write_fields(&self, request: &mut [u8]) -> Option<()>;

    /// The call, and the data that follows it, out of the bytes of a request.
    ///
    /// # Errors
    /// The first fault in the order of the crate's table.
    fn decode(input: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (request, data) = input
            .split_at_checked(Self::INFO.request_size)
            .ok_or(DecodeError::Short)?;
        let (header, _) = Header::ref_from_prefix(request).map_err(|_| DecodeError::Short)?;
        let has_data = Self::DATA == Data::Follows;
        if usize::try_from(header.size.get()) != Ok(input.len()) || !(has_data || data.is_empty()) {
            return Err(DecodeError::LengthMismatch);
        }
        // Query-version is there to ask for it, so it takes any.
        if header.version.get() != VERSION && Self::INFO.code != Code::QueryVersion {
            return Err(DecodeError::Version);
        }
        if header.reserved != U64::ZERO {
            return Err(DecodeError::Reserved);
        }
        let call = Self::read_fields(request)?;
        if call.is_valid() && has_data != data.is_empty() {
            Ok((call, data))
        } else {
            Err(DecodeError::Value)
        }
    }

    /// This call with its data.
    fn with(self, data: &[u8]) -> Message<'_> {
        Message {
            call: self.into(),
            data,
        }
    }
}

/// Any call with its data, as a client sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The call and its fields.
    pub call: AnyCall,
    /// Its data, if it has any.
    pub data: &'a [u8],
}

impl<C: Call> From<C> for Message<'static> {
    fn from(call: C) -> Self {
        call.with(&[])
    }
}

impl<'a> Message<'a> {
    /// The message that a request's control code and bytes say.
    ///
    /// # Errors
    /// The first fault in the order of the crate's table.
    pub fn decode(code: u32, input: &'a [u8]) -> Result<Self, DecodeError> {
        let (call, data) = AnyCall::decode(Code::try_from(code)?, input)?;
        Ok(Self { call, data })
    }

    /// What is known of the call beforehand.
    #[must_use]
    pub const fn info(&self) -> CallInfo {
        self.code().info()
    }

    /// The call's control code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.call.code()
    }

    /// How many bytes of output the call's success brings.
    #[must_use]
    pub fn reply_length(&self) -> u64 {
        self.call.reply_length(self.data.len())
    }

    /// The length of the request in bytes.
    #[must_use]
    pub const fn encoded_length(&self) -> usize {
        let info = self.info();
        match info.data {
            Data::Follows => info.request_size.saturating_add(self.data.len()),
            Data::None | Data::SecondBuffer => info.request_size,
        }
    }

    /// Writes the request's bytes into the front of `buffer` and returns how many they are; `None` if it is shorter
    /// than [`Message::encoded_length`] or that does not fit the header.
    #[must_use]
    pub fn encode(&self, buffer: &mut [u8]) -> Option<usize> {
        let length = self.encoded_length();
        let (request, data) = buffer
            .get_mut(..length)?
            .split_at_mut_checked(self.info().request_size)?;
        let header = Header {
            size: u32::try_from(length).ok()?.into(),
            version: VERSION.into(),
            reserved: U64::ZERO,
        };
        header.write_to_prefix(request).ok()?;
        self.call.write_fields(request)?;
        data.copy_from_slice(self.data.get(..data.len())?);
        Some(length)
    }
}
