//! A driver's name and default pool tag, from its service (MEM-1 to MEM-4).

use crate::driver::globals::{DEFAULT_TAG, Globals};
use kmdf_sys::{CHAR, ULONG};

/// The tag in old driver templates, which means "none" (MEM-2).
const OLD_TEMPLATE_TAG: ULONG = u32::from_le_bytes(*b"Ddk ");

impl Globals {
    /// Derives the driver's name, and unless it wants another its default tag, from the path of its service
    /// key (MEM-1 to MEM-3).
    pub(crate) fn name_and_tag(&self, path: &[u16], wanted: ULONG) {
        let mut name = [0_u8; 32];
        let length = driver_name(path, &mut name);
        let public = self.public();
        // SAFETY: The driver only reads its globals, and WdfDriverCreate writes them before it returns.
        unsafe { (*public).DriverName = name.map(|byte| byte as CHAR) };
        if wanted != 0 && wanted != OLD_TEMPLATE_TAG {
            return self.set_tags(wanted);
        }
        let name = &name[..length];
        let prefixed = name.len() >= 3 && name[..3].eq_ignore_ascii_case(b"wdf");
        let rest = if prefixed { &name[3..] } else { name };
        if rest.len() <= 2 {
            self.tag.set(DEFAULT_TAG);
            return;
        }
        // SAFETY: The public part lives as long as the globals.
        let mut tag = unsafe { (*public).DriverTag }.to_le_bytes();
        for (target, &byte) in tag.iter_mut().zip(rest) {
            *target = byte;
        }
        self.set_tags(ULONG::from_le_bytes(tag));
    }

    fn set_tags(&self, tag: ULONG) {
        self.tag.set(tag);
        // SAFETY: The driver only reads its globals, and WdfDriverCreate writes them before it returns.
        unsafe { (*self.public()).DriverTag = tag };
    }
}

/// Writes the driver's name, padded with zeros, and returns its length (MEM-1).
fn driver_name(path: &[u16], name: &mut [u8; 32]) -> usize {
    const BACKSLASH: u16 = b'\\' as u16;
    let last = path.iter().rposition(|&unit| unit == BACKSLASH);
    let mut write = |bytes: &mut dyn Iterator<Item = u8>| {
        let mut length = 0;
        for (target, byte) in name[..31].iter_mut().zip(bytes) {
            *target = byte;
            length += 1;
        }
        length
    };
    match last {
        Some(position) if position > 0 => {
            write(&mut path[position + 1..].iter().map(|&unit| unit as u8))
        }
        _ => write(&mut b"WDF".iter().copied()),
    }
}
