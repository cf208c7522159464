//! The macros that make structures and tables of the descriptions of [`calls`](crate::calls).

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
                            let end = $start + size_of::<<$type as $crate::field::Field>::Wire>();
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
                        $($field: $crate::field::read(request.get($start..$end))?,)*
                    })
                }

                fn write_fields(&self, request: &mut [u8]) -> Option<()> {
                    let _ = &request;
                    $($crate::field::write(self.$field, request.get_mut($start..$end))?;)*
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
