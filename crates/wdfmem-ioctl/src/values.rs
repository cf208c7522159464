//! The values that fields may have, each with its checked conversion from a number.

use core::fmt;

use bitflags::bitflags;
use zerocopy::little_endian::U32;

use crate::{DecodeError, field::Field};

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $number:literal $text:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            #[repr(u32)]
            pub enum $name {
                $($(#[$value_doc])* $value = $number,)*
            }

            impl $name {
                /// Every value, in the order of the numbers.
                pub const ALL: &[Self] = &[$(Self::$value),*];

                /// The number on the wire.
                #[must_use]
                pub const fn number(self) -> u32 {
                    self as u32
                }

                /// The word for it.
                #[must_use]
                pub const fn name(self) -> &'static str {
                    match self {
                        $(Self::$value => $text,)*
                    }
                }
            }

            impl TryFrom<u32> for $name {
                type Error = DecodeError;

                fn try_from(number: u32) -> Result<Self, DecodeError> {
                    match number {
                        $($number => Ok(Self::$value),)*
                        _ => Err(DecodeError::Value),
                    }
                }
            }

            impl Field for $name {
                type Wire = U32;

                fn from_wire(wire: U32) -> Result<Self, DecodeError> {
                    Self::try_from(wire.get())
                }

                fn to_wire(self) -> U32 {
                    self.number().into()
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.pad(self.name())
                }
            }
        )*
    };
}

values! {
    /// Which pool memory comes from.
    PoolKind {
        /// `NonPagedPoolNx`: resident, not executable.
        NonPaged = 0 "nonpaged",
        /// `PagedPool`: may be paged out, not to be touched at `DISPATCH_LEVEL`.
        Paged = 1 "paged",
    }

    /// What a memory object is a child of in the framework's object tree.
    ///
    /// The driver deletes what a file object made when the file object is cleaned up, whatever the
    /// parent. The parent is what deletes it otherwise: the device when it is removed, the driver
    /// object when the driver is unloaded.
    Parent {
        /// The file object that the request came through.
        FileObject = 0 "file",
        /// The device that the request was sent to.
        Device = 1 "device",
        /// None is named, so the driver object (C9, P6).
        Driver = 2 "driver",
    }

    /// What a new memory object holds.
    Content {
        /// Zeros in every byte.
        Zeroed = 0 "zeroed",
        /// Nothing: reading is refused until something was written, which also zeroes the rest.
        Uninitialized = 1 "uninitialized",
    }

    /// How entries are taken from an Ex lookaside list and given back (E7).
    Routines {
        /// As the headers before Windows 11 22H2 have it inline: works on every Windows.
        Inline = 0 "inline",
        /// By the functions that the kernel exports since 22H2, if it has them; else inline.
        Exported = 1 "exported",
    }

    /// The interrupt request level at which a call touches memory.
    Level {
        /// `PASSIVE_LEVEL`, where every call arrives.
        Passive = 0 "passive",
        /// `DISPATCH_LEVEL`, under a spin lock: nonpaged memory only.
        Dispatch = 1 "dispatch",
    }

    /// What the transform call does with the caller's bytes.
    Operation {
        /// Turns their order round.
        Reverse = 0 "reverse",
        /// Combines each with the key by exclusive or.
        Xor = 1 "xor",
    }

    /// What a handle stands for.
    ObjectKind {
        /// Memory made by `WdfMemoryCreate`.
        Memory = 0 "memory",
        /// Memory made by `WdfMemoryCreatePreallocated`.
        Preallocated = 1 "preallocated",
        /// A list by `WdfLookasideListCreate`.
        Lookaside = 2 "lookaside",
        /// Memory made by `WdfMemoryCreateFromLookaside`.
        LookasideMemory = 3 "lookaside-memory",
        /// A list by `ExInitializePagedLookasideList`.
        PagedList = 4 "paged-list",
        /// A list by `ExInitializeNPagedLookasideList`.
        NonPagedList = 5 "nonpaged-list",
        /// An entry of an Ex list.
        Entry = 6 "entry",
    }
}

/// A pool tag: up to four characters, each 0..=127 (C3), a letter or digit among them.
///
/// [`Tag::DEFAULT`] stands for the driver's own, which the framework takes for a tag of zero. A tag
/// without a letter or digit, and the tag `BIG`, are rejected: the pool stops the system for them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag([u8; 4]);

impl Tag {
    /// No tag: the driver's default.
    pub const DEFAULT: Self = Self([0; 4]);

    /// The driver's default, by name: `DriverPoolTag` of its configuration (C4).
    pub const DRIVER: Self = Self(*b"WfMm");

    /// A tag of these characters, of which trailing ones may be zero, all of them for the default;
    /// `None` if the pool does not take such a tag.
    #[must_use]
    pub const fn new(characters: [u8; 4]) -> Option<Self> {
        let [a, b, c, d] = characters;
        let ascii = a.is_ascii() && b.is_ascii() && c.is_ascii() && d.is_ascii();
        let gap = (a == 0 && b != 0) || (b == 0 && c != 0) || (c == 0 && d != 0);
        let has_alphanumeric = a.is_ascii_alphanumeric()
            || b.is_ascii_alphanumeric()
            || c.is_ascii_alphanumeric()
            || d.is_ascii_alphanumeric();
        let tag = Self(characters);
        let taken = tag.number() == Self(*b"BIG\0").number();
        if tag.is_default() || (ascii && has_alphanumeric && !gap && !taken) {
            Some(tag)
        } else {
            None
        }
    }

    /// A tag of one to four characters, as a person writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut characters = [0; 4];
        characters
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Self::new(characters)
    }

    /// The characters, the first in the lowest address.
    #[must_use]
    pub const fn characters(self) -> [u8; 4] {
        self.0
    }

    /// The number that the Windows calls take.
    #[must_use]
    pub const fn number(self) -> u32 {
        u32::from_le_bytes(self.0)
    }

    /// Whether this stands for the driver's default.
    #[must_use]
    pub const fn is_default(self) -> bool {
        self.number() == 0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0 {
            if character != 0 {
                write!(formatter, "{}", character.escape_ascii())?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tag({self})")
    }
}

bitflags! {
    /// What a client may know about an object, and about how its buffer is aligned: never its address.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Traits: u32 {
        /// At a multiple of `MEMORY_ALLOCATION_ALIGNMENT` (C11).
        const ALIGNED = 1;
        /// At the beginning of a page (C12).
        const PAGE_ALIGNED = 2;
        /// Of an Ex list: the kernel's exported functions serve it (E7).
        const EXPORTED = 4;
    }

    /// What this driver found on the system that it runs on.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Capabilities: u32 {
        /// The kernel exports `ExAllocateFromPagedLookasideList` and `ExFreeToPagedLookasideList`, as it
        /// does since 22H2 (E7).
        const LOOKASIDE_EXPORTS = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_by_its_number_and_no_other_number_is_taken() {
        for kind in ObjectKind::ALL {
            assert_eq!(ObjectKind::try_from(kind.number()), Ok(*kind));
        }
        assert_eq!(ObjectKind::try_from(7), Err(DecodeError::Value));
        assert_eq!(PoolKind::try_from(u32::MAX), Err(DecodeError::Value));
    }

    /// A pool tag is one to four ASCII characters (C3).
    #[test]
    fn c3_a_tag_has_up_to_four_ascii_characters() {
        assert!(Tag::new(*b"Mem1").is_some());
        assert!(Tag::new(*b"M\0\0\0").is_some());
        assert_eq!(Tag::new([0; 4]), Some(Tag::DEFAULT));
        assert_eq!(Tag::new([b'M', 0x80, b'm', b'1']), None);
        assert_eq!(Tag::new(*b"M\0m1"), None);
        assert_eq!(Tag::new(*b"+-*/"), None);
        assert_eq!(Tag::new([1, 0, 0, 0]), None);
        assert_eq!(Tag::new(*b"BIG\0"), None);
        assert!(Tag::new(*b"BIG1").is_some());
        assert!(Tag::new(*b"-+1 ").is_some());
        assert_eq!(Tag::parse("Mem12"), None);
        assert_eq!(Tag::parse("Me"), Tag::new(*b"Me\0\0"));
    }
}
