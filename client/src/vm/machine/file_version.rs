//! The version in a file's resource.

use std::{path::Path, ptr::null_mut};

use windows_sys::{
    Win32::Storage::FileSystem::{
        GetFileVersionInfoSizeW, GetFileVersionInfoW, VS_FIXEDFILEINFO, VerQueryValueW,
    },
    core::w,
};

use crate::devices::wide;

/// The version as Windows' Explorer shows it.
pub fn of(file: &Path) -> Option<String> {
    let name = wide(file);
    // SAFETY: the name ends with a zero; the second argument may be null.
    let length = unsafe { GetFileVersionInfoSizeW(name.as_ptr(), null_mut()) };
    if length == 0 {
        return None;
    }
    // Of numbers, so that what lies in it is aligned.
    let mut block = vec![0_u64; (length as usize).div_ceil(8)];
    // SAFETY: the name ends with a zero, and the block is at least as long as is said.
    let read = unsafe { GetFileVersionInfoW(name.as_ptr(), 0, length, block.as_mut_ptr().cast()) };
    if read == 0 {
        return None;
    }
    let mut value = null_mut();
    let mut value_length = 0;
    // SAFETY: the block was filled by the call above, the name ends with a zero, the results may be written.
    let found = unsafe {
        VerQueryValueW(
            block.as_ptr().cast(),
            w!("\\"),
            &mut value,
            &mut value_length,
        )
    };
    if found == 0 || (value_length as usize) < size_of::<VS_FIXEDFILEINFO>() {
        return None;
    }
    // SAFETY: the root of a version resource is such a structure, as long as was checked, in the block; it need not
    // be aligned.
    let version = unsafe { value.cast::<VS_FIXEDFILEINFO>().read_unaligned() };
    let parts = [version.dwFileVersionMS, version.dwFileVersionLS]
        .map(|pair| format!("{}.{}", pair >> 16, pair & 0xFFFF));
    Some(parts.join("."))
}
