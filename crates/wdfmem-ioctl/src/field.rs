//! The fields of requests: how each type of value lies in its bytes.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, Unaligned,
    little_endian::{U32, U64},
};

use crate::{DecodeError, Handle, Tag};

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
