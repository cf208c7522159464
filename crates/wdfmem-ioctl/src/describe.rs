//! What the description of a call is made into: its structure, its checks, its bytes and its row of [`CALLS`].
//!
//! [`CALLS`]: crate::CALLS

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

use crate::{AnyCall, Code, DecodeError, Handle, Tag, VERSION};

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
    /// Reserved, always zero.
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

/// The value of a field.
pub(crate) trait Field: Copy {
    /// How it lies in a request.
    type Wire: FromBytes + IntoBytes + Immutable + Unaligned;

    fn from_wire(wire: Self::Wire) -> Result<Self, DecodeError>;

    fn to_wire(self) -> Self::Wire;
}

impl Field for u8 {
    type Wire = Self;

    fn from_wire(wire: Self) -> Result<Self, DecodeError> {
        Ok(wire)
    }

    fn to_wire(self) -> Self {
        self
    }
}

impl Field for u64 {
    type Wire = U64;

    fn from_wire(wire: U64) -> Result<Self, DecodeError> {
        Ok(wire.get())
    }

    fn to_wire(self) -> U64 {
        self.into()
    }
}

impl Field for Handle {
    type Wire = U32;

    fn from_wire(wire: U32) -> Result<Self, DecodeError> {
        Ok(Self::from_number(wire.get()))
    }

    fn to_wire(self) -> U32 {
        self.number().into()
    }
}

impl Field for Tag {
    type Wire = [u8; 4];

    fn from_wire(wire: [u8; 4]) -> Result<Self, DecodeError> {
        Self::new(wire).ok_or(DecodeError::Tag)
    }

    fn to_wire(self) -> [u8; 4] {
        self.characters()
    }
}

/// A field out of the bytes that it takes; those that its value leaves over are reserved, and zero.
pub(crate) fn read<F: Field>(bytes: Option<&[u8]>) -> Result<F, DecodeError> {
    let bytes = bytes.ok_or(DecodeError::Short)?;
    let (wire, reserved) = F::Wire::read_from_prefix(bytes).map_err(|_| DecodeError::Short)?;
    if reserved.iter().any(|byte| *byte != 0) {
        return Err(DecodeError::Reserved);
    }
    F::from_wire(wire)
}

/// Puts a field into the bytes that it takes.
pub(crate) fn write<F: Field>(field: F, bytes: Option<&mut [u8]>) -> Option<()> {
    let bytes = bytes?;
    bytes.fill(0);
    field.to_wire().write_to_prefix(bytes).ok()
}

/// Makes everything of the calls' descriptions. The first token is `$`, for the macro that this makes.
macro_rules! calls {
    (($dollar:tt) $(
        $(#[$doc:meta])*
        $name:ident = $function:literal, $method:ident, $access:ident, $command:literal, $windows_call:literal
            => $reply:ty {
                $($(#[$field_doc:meta])* $start:literal .. $end:literal $field:ident: $type:ty,)*
            }
            $(+ { $($item:item)* })?
    )*) => {
        $(
            $(#[$doc])*
            #[doc = concat!(
                "\n\nFunction ", stringify!($function), ", [`Method::", stringify!($method), "`](crate::Method), ",
                "[`Access::", stringify!($access), "`](crate::Access); `", $command, "` in the client.",
            )]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name {
                $(
                    $(#[$field_doc])*
                    #[doc = concat!("\n\nBytes ", $start, "..", $end, " of the request.")]
                    pub $field: $type,
                )*
            }

            impl $crate::Call for $name {
                const INFO: $crate::CallInfo = $crate::CallInfo {
                    code: $crate::Code::$name,
                    name: $command,
                    windows_call: $windows_call,
                    request_size: {
                        let end = size_of::<$crate::Header>();
                        $(
                            assert!(end == $start, "a field begins where the one before it ends");
                            let end = $start + size_of::<<$type as $crate::describe::Field>::Wire>();
                            assert!(end <= $end, "a field's value fits into its bytes");
                            let end = $end;
                        )*
                        end
                    },
                    data: <Self as $crate::Call>::DATA,
                    reply_size: size_of::<$reply>(),
                };

                type Reply = $reply;

                fn read_fields(request: &[u8]) -> Result<Self, $crate::DecodeError> {
                    let _ = request;
                    Ok(Self {
                        $($field: $crate::describe::read(request.get($start..$end))?,)*
                    })
                }

                fn write_fields(&self, request: &mut [u8]) -> Option<()> {
                    let _ = &request;
                    $($crate::describe::write(self.$field, request.get_mut($start..$end))?;)*
                    Some(())
                }

                $($($item)*)?
            }

            impl From<$name> for AnyCall {
                fn from(call: $name) -> Self {
                    Self::$name(call)
                }
            }
        )*

        /// The control code of each call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Code {
            $(
                $(#[$doc])*
                $name = $crate::ctl_code(
                    $crate::code::DEVICE_TYPE,
                    $function,
                    $crate::Method::$method,
                    $crate::Access::$access,
                ),
            )*
        }

        impl Code {
            /// Every control code, in the order of the functions.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What is known of the call beforehand.
            #[must_use]
            pub const fn info(self) -> $crate::CallInfo {
                match self {
                    $(Self::$name => <$name as $crate::Call>::INFO,)*
                }
            }
        }

        /// Every call, in the order of the codes.
        pub const CALLS: &[$crate::CallInfo] = &[$(<$name as $crate::Call>::INFO),*];

        /// Any call of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AnyCall {
            $($(#[$doc])* $name($name),)*
        }

        impl AnyCall {
            /// The call's control code.
            #[must_use]
            pub const fn code(&self) -> Code {
                match self {
                    $(Self::$name(_) => Code::$name,)*
                }
            }

            pub(crate) fn decode(code: Code, input: &[u8]) -> Result<(Self, &[u8]), $crate::DecodeError> {
                match code {
                    $(Code::$name => {
                        let (call, data) = <$name as $crate::Call>::decode(input)?;
                        Ok((Self::$name(call), data))
                    })*
                }
            }

            pub(crate) fn write_fields(&self, request: &mut [u8]) -> Option<()> {
                match self {
                    $(Self::$name(call) => $crate::Call::write_fields(call, request),)*
                }
            }

            pub(crate) fn reply_length(&self, data: usize) -> u64 {
                match self {
                    $(Self::$name(call) => $crate::Call::reply_length(call, data),)*
                }
            }
        }

        /// Passes the names of all calls to a macro: to match on the [`Code`] and go on with the structure of the
        /// same name.
        #[macro_export]
        macro_rules! for_each_call {
            ($dollar callback:ident) => {
                $dollar callback! { $($name)* }
            };
        }
    };
}
/// Makes the structures of replies: little-endian, without padding, of alignment one.
macro_rules! replies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            #[derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::Unaligned)]
            #[repr(C)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }
        )*
    };
}

pub(crate) use {calls, replies};
