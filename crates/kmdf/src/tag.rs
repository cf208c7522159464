//! Pool tags: up to four ASCII characters that identify the owner of a pool allocation.

use crate::status::{Error, Result};
use core::fmt;

/// The tag of a pool allocation.
///
/// ```
/// use kmdf::Tag;
/// const TAG: Tag = Tag::new(b"Mem1");
/// assert_eq!(TAG.value(), u32::from_le_bytes(*b"Mem1"));
/// ```
///
/// A zero tag or one that is not ASCII does not compile:
///
/// ```compile_fail,E0080
/// const TAG: kmdf::Tag = kmdf::Tag::new(&[0, 0, 0, 0]);
/// ```
///
/// ```compile_fail,E0080
/// const TAG: kmdf::Tag = kmdf::Tag::new(b"caf\xE9");
/// ```
///
/// Nor does one that the pool stops the system for: one without a letter or digit, which Driver
/// Verifier cannot track, or `BIG`, which the kernel keeps for itself.
///
/// ```compile_fail,E0080
/// const TAG: kmdf::Tag = kmdf::Tag::new(b"+-+-");
/// ```
///
/// ```compile_fail,E0080
/// const TAG: kmdf::Tag = kmdf::Tag::new(b"BIG");
/// ```
///
/// # Invariants
///
/// Every byte is at most 127 (rule C3), one at least is a letter or digit, and the whole is not `BIG`;
/// or it is [`Tag::DEFAULT`], which is zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(u32);

impl Tag {
    /// Tag 0, for which the framework takes the driver's default: [`crate::Driver::POOL_TAG`], else
    /// one made from the driver's service name (rules C3, C4).
    pub const DEFAULT: Self = Self(0);

    /// Makes a tag of one to four ASCII characters, the first one first.
    ///
    /// For a constant, where a bad tag is a compile error: `const TAG: Tag = Tag::new(b"Mem1");`, or
    /// `const { Tag::new(b"Mem1") }` in the middle of an expression. Bytes that are only known when
    /// the driver runs are not `'static`, and go to [`Tag::try_from_bytes`].
    ///
    /// # Panics
    ///
    /// For bytes that are no tag: in a constant, that is a compile error. Elsewhere it shows at run time: no stable Rust
    /// confines a function to constants, and to go on with another tag would hide the error. A
    /// good literal leaves nothing of this in an optimised image, so that looking for panics in the
    /// image finds the bad one: see [No panic path](crate#no-panic-path).
    #[track_caller]
    pub const fn new<const N: usize>(characters: &'static [u8; N]) -> Self {
        match Self::try_from_bytes(characters) {
            Ok(tag) => tag,
            Err(_) => panic!(
                "a pool tag is one to four ASCII characters, a letter or digit among them, and \
                 not `BIG` (rule C3)"
            ),
        }
    }

    /// Makes a tag of bytes that are known at run time only.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`] if there are none or more than four, if one exceeds 127, if none
    /// is a letter or digit, or if they are `BIG`.
    // So that the check of a literal is done by the compiler, wherever it stands.
    #[inline]
    pub const fn try_from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut value = [0; 4];
        match bytes {
            [a] => value = [*a, 0, 0, 0],
            [a, b] => value = [*a, *b, 0, 0],
            [a, b, c] => value = [*a, *b, *c, 0],
            [a, b, c, d] => value = [*a, *b, *c, *d],
            _ => {}
        }
        let [a, b, c, d] = value;
        let has_alphanumeric = a.is_ascii_alphanumeric()
            || b.is_ascii_alphanumeric()
            || c.is_ascii_alphanumeric()
            || d.is_ascii_alphanumeric();
        let value = u32::from_le_bytes(value);
        if !has_alphanumeric || value == u32::from_le_bytes(*b"BIG\0") || value & 0x8080_8080 != 0 {
            Err(Error::INVALID_PARAMETER)
        } else {
            // INVARIANT: The bytes were checked above.
            Ok(Self(value))
        }
    }

    /// The tag as Windows calls take it: the first character in the lowest byte.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::DEFAULT {
            return formatter.write_str("Tag::DEFAULT");
        }
        write!(formatter, "Tag({})", self.0.to_le_bytes().escape_ascii())
    }
}
