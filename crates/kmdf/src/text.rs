//! UTF-16 string constants and GUIDs for the calls that take them.

use core::marker::PhantomData;
use kmdf_sys::{GUID, UNICODE_STRING};

/// A constant UTF-16 string, made by [`wide!`](crate::wide).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WideText(&'static [u16]);

impl WideText {
    /// Takes a constant as it is.
    ///
    /// # Panics
    ///
    /// On a string that `UNICODE_STRING` cannot hold, of 32767 units or more: in a constant, as
    /// [`wide!`](crate::wide) makes it, that is a compile error.
    #[track_caller]
    pub const fn new(units: &'static [u16]) -> Self {
        assert!(units.len() < 0x7FFF, "too long for a UNICODE_STRING");
        Self(units)
    }

    /// The `UNICODE_STRING` of this text, valid as long as the result is borrowed.
    pub(crate) fn unicode_string(self) -> Counted {
        let length = (self.0.len() * 2) as u16;
        let string = UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            // The calls that this is for take a `PCUNICODE_STRING` and do not write.
            Buffer: self.0.as_ptr().cast_mut(),
        };
        Counted(string, PhantomData)
    }
}

/// A `UNICODE_STRING` over constant text.
pub(crate) struct Counted(UNICODE_STRING, PhantomData<&'static [u16]>);

impl Counted {
    pub(crate) const fn as_ptr(&self) -> *const UNICODE_STRING {
        &raw const self.0
    }
}

/// `SDDL_DEVOBJ_SYS_ALL_ADM_ALL` of wdmsec.h: all access to the device for the system and for administrators,
/// and none for anybody else.
///
/// Source: "SDDL for Device Objects".
pub const SDDL_DEVOBJ_SYS_ALL_ADM_ALL: WideText = crate::wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)");

/// Makes a [`WideText`] of an ASCII string literal at compile time.
///
/// ```
/// const SDDL: kmdf::WideText = kmdf::wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)");
/// ```
#[macro_export]
macro_rules! wide {
    ($text:expr) => {
        const {
            const UNITS: [u16; $text.len()] = $crate::text::widen($text);
            $crate::WideText::new(&UNITS)
        }
    };
}

/// One UTF-16 unit per ASCII character; for [`wide!`](crate::wide).
///
/// # Panics
///
/// If the text is not ASCII or not `N` bytes long: in a constant, a compile error.
#[doc(hidden)]
#[track_caller]
pub const fn widen<const N: usize>(text: &str) -> [u16; N] {
    let bytes = text.as_bytes();
    assert!(bytes.len() == N, "the length is the text's");
    assert!(
        text.is_ascii(),
        "a wide text is made of ASCII characters only"
    );
    let mut units = [0; N];
    let mut index = 0;
    while index < N {
        units[index] = bytes[index] as u16;
        index += 1;
    }
    units
}

/// A GUID, such as that of a device interface class.
///
/// ```
/// const CLASS: kmdf::Guid = kmdf::Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F);
/// ```
#[derive(Clone, Copy)]
pub struct Guid(GUID);

impl Guid {
    /// Makes a GUID of its usual notation, read as one hexadecimal number.
    pub const fn from_u128(value: u128) -> Self {
        Self(GUID {
            Data1: (value >> 96) as u32,
            Data2: (value >> 80) as u16,
            Data3: (value >> 64) as u16,
            Data4: (value as u64).to_be_bytes(),
        })
    }

    /// The GUID as Windows calls take it.
    pub const fn get(self) -> GUID {
        self.0
    }

    pub(crate) const fn as_ptr(&self) -> *const GUID {
        &raw const self.0
    }
}

impl From<Guid> for GUID {
    fn from(guid: Guid) -> Self {
        guid.get()
    }
}
