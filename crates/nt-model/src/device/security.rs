//! The access check of an open: a device's security descriptor against a caller's identity.

use crate::stop;
use kmdf_sys::{FILE_READ_ACCESS, FILE_WRITE_ACCESS, PSECURITY_DESCRIPTOR};

/// The identity that opens a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caller {
    /// The system itself (`S-1-5-18`), also an administrator.
    System,
    /// An elevated administrator (`S-1-5-32-544`).
    #[default]
    Administrator,
    /// A user without special groups.
    User,
}

const SYSTEM: &[u32] = &[18];
const ADMINISTRATORS: &[u32] = &[32, 544];
const USERS: &[u32] = &[32, 545];
const AUTHENTICATED: &[u32] = &[11];
const INTERACTIVE: &[u32] = &[4];
const WORLD: &[u32] = &[0];

/// Authorities of the identifiers above.
const WORLD_AUTHORITY: u64 = 1;
const NT_AUTHORITY: u64 = 5;

/// The access that a device is opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The handle may read (`GENERIC_READ`).
    Read,
    /// The handle may write (`GENERIC_WRITE`).
    Write,
    /// Read and write access.
    #[default]
    ReadWrite,
}

impl Access {
    /// The rights that it stands for: `FILE_GENERIC_READ`, `FILE_GENERIC_WRITE`.
    pub(crate) const fn mask(self) -> u32 {
        match self {
            Self::Read => 0x0012_0089,
            Self::Write => 0x0012_0116,
            Self::ReadWrite => 0x0012_019F,
        }
    }

    /// Whether requests that need these of the two may be sent: `FILE_READ_ACCESS`, which is also
    /// `FILE_READ_DATA`, and `FILE_WRITE_ACCESS`, also `FILE_WRITE_DATA`.
    pub(crate) const fn allows(self, required: u32) -> bool {
        required & (FILE_READ_ACCESS | FILE_WRITE_ACCESS) & !self.mask() == 0
    }

    /// Whether a device control request with this code may be sent: the code says what its handle
    /// must have been opened for.
    pub(crate) const fn controls(self, code: u32) -> bool {
        self.allows(code >> 14)
    }
}

impl Caller {
    fn is(self, authority: u64, sub_authorities: &[u32]) -> bool {
        if authority == WORLD_AUTHORITY {
            return sub_authorities == WORLD;
        }
        let known: &[&[u32]] = match self {
            Self::System => &[SYSTEM, ADMINISTRATORS, AUTHENTICATED],
            Self::Administrator => &[ADMINISTRATORS, USERS, AUTHENTICATED, INTERACTIVE],
            Self::User => &[USERS, AUTHENTICATED, INTERACTIVE],
        };
        authority == NT_AUTHORITY && known.contains(&sub_authorities)
    }
}

/// Whether the descriptor grants `caller` the access.
///
/// No descriptor, or one without a DACL, grants everything to everyone.
///
/// # Safety
///
/// `descriptor` must be null or a valid security descriptor.
pub(crate) unsafe fn grants(
    descriptor: PSECURITY_DESCRIPTOR,
    caller: Caller,
    access: Access,
) -> bool {
    if descriptor.is_null() {
        return true;
    }
    let start = descriptor.cast::<u8>().cast_const();
    // SAFETY: A security descriptor starts with a header of 20 bytes.
    let header = unsafe { std::slice::from_raw_parts(start, 20) };
    let control = u16_at(header, 2);
    if control & SELF_RELATIVE == 0 {
        stop::bug_check(
            stop::MODEL_STOP,
            [start.addr() as u64, 0, 0, 0],
            "a device has a security descriptor in absolute form, which is not modelled",
        );
    }
    let offset = u32_at(header, 16) as usize;
    if control & DACL_PRESENT == 0 || offset == 0 {
        return true;
    }
    let list = start.wrapping_add(offset);
    // SAFETY: A list starts with a header of 8 bytes.
    let size = u16_at(unsafe { std::slice::from_raw_parts(list, 8) }, 2);
    // SAFETY: The size in the header is that of the whole list.
    let list = unsafe { std::slice::from_raw_parts(list, usize::from(size).max(8)) };
    list_grants(list, caller, access)
}

const DACL_PRESENT: u16 = 0x0004;
const SELF_RELATIVE: u16 = 0x8000;

const ACCESS_ALLOWED: u8 = 0;
const ACCESS_DENIED: u8 = 1;
const INHERIT_ONLY: u8 = 8;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// Evaluates an access control list in order until all requested access is granted or some
/// of it is denied.
fn list_grants(list: &[u8], caller: Caller, access: Access) -> bool {
    let mut missing = access.mask();
    let mut entries = &list[8..];
    for _ in 0..u16_at(list, 4) {
        let Some((entry, rest)) = split_entry(entries) else {
            return false;
        };
        entries = rest;
        let (kind, flags) = (entry[0], entry[1]);
        if flags & INHERIT_ONLY != 0 || !is_for(&entry[8..], caller) {
            continue;
        }
        let mask = specific(u32_at(entry, 4));
        match kind {
            ACCESS_ALLOWED => missing &= !mask,
            ACCESS_DENIED if mask & missing != 0 => return false,
            _ => {}
        }
        if missing == 0 {
            return true;
        }
    }
    false
}

/// One entry of a list: header, mask and the start of an identifier at least.
fn split_entry(entries: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = usize::from(u16_at(entries.get(..4)?, 2));
    (size >= 16 && size <= entries.len()).then(|| entries.split_at(size))
}

/// Whether the security identifier is one of the caller's.
fn is_for(identifier: &[u8], caller: Caller) -> bool {
    let count = usize::from(identifier[1]);
    let Some(sub_authorities) = identifier.get(8..8 + count * 4) else {
        return false;
    };
    let authority = identifier[2..8]
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    let sub_authorities: Vec<u32> = sub_authorities
        .chunks_exact(4)
        .map(|bytes| u32_at(bytes, 0))
        .collect();
    caller.is(authority, &sub_authorities)
}

/// Maps generic rights to the specific rights of files and devices.
fn specific(mask: u32) -> u32 {
    const GENERIC: [(u32, u32); 4] = [
        (0x8000_0000, 0x0012_0089),
        (0x4000_0000, 0x0012_0116),
        (0x2000_0000, 0x0012_00A0),
        (0x1000_0000, 0x001F_01FF),
    ];
    GENERIC
        .iter()
        .filter(|(generic, _)| mask & generic != 0)
        .fold(mask, |mask, (_, rights)| mask | rights)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERIC_ALL: u32 = 0x1000_0000;
    const GENERIC_READ: u32 = 0x8000_0000;
    const GENERIC_WRITE: u32 = 0x4000_0000;

    fn identifier(authority: u8, sub_authorities: &[u32]) -> Vec<u8> {
        let mut bytes = vec![1, sub_authorities.len() as u8, 0, 0, 0, 0, 0, authority];
        for part in sub_authorities {
            bytes.extend(part.to_le_bytes());
        }
        bytes
    }

    fn entry(kind: u8, mask: u32, identifier: &[u8]) -> Vec<u8> {
        let size = (8 + identifier.len()) as u16;
        let mut bytes = vec![kind, 0];
        bytes.extend(size.to_le_bytes());
        bytes.extend(mask.to_le_bytes());
        bytes.extend(identifier);
        bytes
    }

    fn list(entries: &[Vec<u8>]) -> Vec<u8> {
        let size = (8 + entries.iter().map(Vec::len).sum::<usize>()) as u16;
        let mut bytes = vec![2, 0];
        bytes.extend(size.to_le_bytes());
        bytes.extend((entries.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(entries.concat());
        bytes
    }

    fn granted(list: &[u8]) -> [bool; 3] {
        granted_for(list, Access::ReadWrite)
    }

    fn granted_for(list: &[u8], access: Access) -> [bool; 3] {
        [Caller::System, Caller::Administrator, Caller::User]
            .map(|who| list_grants(list, who, access))
    }

    #[test]
    fn system_and_administrators_only() {
        let acl = list(&[
            entry(ACCESS_ALLOWED, GENERIC_ALL, &identifier(5, SYSTEM)),
            entry(ACCESS_ALLOWED, GENERIC_ALL, &identifier(5, ADMINISTRATORS)),
        ]);
        assert_eq!(granted(&acl), [true, true, false]);
    }

    #[test]
    fn no_more_is_asked_for_than_is_wanted() {
        let acl = list(&[entry(ACCESS_ALLOWED, GENERIC_READ, &identifier(1, WORLD))]);
        assert_eq!(granted_for(&acl, Access::Read), [true; 3]);
        assert_eq!(granted_for(&acl, Access::Write), [false; 3]);
        assert_eq!(granted(&acl), [false; 3]);
    }

    #[test]
    fn system_only_keeps_administrators_out() {
        let acl = list(&[entry(ACCESS_ALLOWED, GENERIC_ALL, &identifier(5, SYSTEM))]);
        assert_eq!(granted(&acl), [true, false, false]);
    }

    #[test]
    fn an_empty_list_grants_nothing() {
        assert_eq!(granted(&list(&[])), [false, false, false]);
    }

    #[test]
    fn rights_add_up_over_entries() {
        let acl = list(&[
            entry(ACCESS_ALLOWED, GENERIC_READ, &identifier(1, WORLD)),
            entry(
                ACCESS_ALLOWED,
                GENERIC_WRITE,
                &identifier(5, ADMINISTRATORS),
            ),
        ]);
        assert_eq!(granted(&acl), [true, true, false]);
    }

    #[test]
    fn a_denial_holds_against_later_grants_only() {
        let deny = entry(ACCESS_DENIED, GENERIC_WRITE, &identifier(5, USERS));
        let allow = entry(ACCESS_ALLOWED, GENERIC_ALL, &identifier(1, WORLD));
        let first = list(&[deny.clone(), allow.clone()]);
        assert_eq!(granted(&first), [true, false, false]);
        assert_eq!(granted(&list(&[allow, deny])), [true, true, true]);
    }

    #[test]
    fn a_damaged_entry_grants_nothing() {
        let mut acl = list(&[entry(ACCESS_ALLOWED, GENERIC_ALL, &identifier(1, WORLD))]);
        acl[10] = 0xFF;
        assert_eq!(granted(&acl), [false, false, false]);
    }
}
