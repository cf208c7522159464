//! The object manager's directory: device names and symbolic links.

use crate::status::NtStatus;
use kmdf_sys::*;
use std::collections::BTreeMap;

/// Directories that exist from boot.
const DIRECTORIES: [&str; 3] = ["", r"\DEVICE", r"\GLOBAL??"];

/// Prefixes that lead to the directory of symbolic links, user-mode forms included.
const LINK_PREFIXES: [&str; 5] = [r"\\.\", r"\\?\", r"\??\", r"\DosDevices\", r"\GLOBAL??\"];

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A device object, by address.
    Device(usize),
    /// A symbolic link to another name.
    Link(String),
}

/// All names, by their upper-case full paths: names do not distinguish case.
#[derive(Default)]
pub(crate) struct Directory {
    names: BTreeMap<String, Named>,
}

impl Directory {
    /// Adds a name to the namespace.
    ///
    /// # Errors
    ///
    /// `STATUS_OBJECT_PATH_SYNTAX_BAD`, `STATUS_OBJECT_NAME_INVALID`,
    /// `STATUS_OBJECT_PATH_NOT_FOUND`, `STATUS_OBJECT_NAME_COLLISION`.
    pub(crate) fn insert(&mut self, name: &str, object: Named) -> Result<(), NtStatus> {
        let key = checked_key(name)?;
        if self.names.contains_key(&key) {
            return Err(NtStatus(STATUS_OBJECT_NAME_COLLISION));
        }
        self.names.insert(key, object);
        Ok(())
    }

    /// Removes a symbolic link; false if no link has this name.
    pub(crate) fn remove_link(&mut self, name: &str) -> bool {
        let key = key(name);
        let is_link = matches!(self.names.get(&key), Some(Named::Link(_)));
        is_link && self.names.remove(&key).is_some()
    }

    /// Takes a device's name out.
    pub(crate) fn remove_device(&mut self, address: usize) {
        self.names
            .retain(|_, object| *object != Named::Device(address));
    }

    /// Finds the device that a path leads to, and what of the path remains for its driver.
    ///
    /// # Errors
    ///
    /// `STATUS_OBJECT_PATH_SYNTAX_BAD` or `STATUS_OBJECT_NAME_NOT_FOUND`.
    pub(crate) fn resolve(&self, path: &str) -> Result<(usize, String), NtStatus> {
        let mut path = canonical(path);
        if !path.starts_with('\\') {
            return Err(NtStatus(STATUS_OBJECT_PATH_SYNTAX_BAD));
        }
        // More links than this in a row are a circle.
        for _ in 0..16 {
            match self.longest_match(&path) {
                Some((Named::Device(address), rest)) => return Ok((*address, rest.into())),
                Some((Named::Link(target), rest)) => path = canonical(&format!("{target}{rest}")),
                None => break,
            }
        }
        Err(NtStatus(STATUS_OBJECT_NAME_NOT_FOUND))
    }

    /// The object that the longest run of whole components names, and the rest of the path.
    fn longest_match<'a>(&self, path: &'a str) -> Option<(&Named, &'a str)> {
        let inner = path.match_indices('\\').map(|(index, _)| index).skip(1);
        let ends: Vec<usize> = inner.chain([path.len()]).collect();
        ends.into_iter().rev().find_map(|end| {
            let object = self.names.get(&path[..end].to_uppercase())?;
            Some((object, &path[end..]))
        })
    }
}

/// The path with the user-mode and DOS forms of the link directory made one.
fn canonical(path: &str) -> String {
    LINK_PREFIXES
        .iter()
        .find_map(|prefix| strip_prefix_ignoring_case(path, prefix))
        .map_or_else(|| path.into(), |rest| format!(r"\GLOBAL??\{rest}"))
}

fn strip_prefix_ignoring_case<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let head = path.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &path[prefix.len()..])
}

fn key(name: &str) -> String {
    canonical(name).to_uppercase()
}

fn checked_key(name: &str) -> Result<String, NtStatus> {
    if !name.starts_with('\\') {
        return Err(NtStatus(STATUS_OBJECT_PATH_SYNTAX_BAD));
    }
    let key = key(name);
    let (directory, leaf) = key.rsplit_once('\\').expect("starts with a backslash");
    if leaf.is_empty() {
        return Err(NtStatus(STATUS_OBJECT_NAME_INVALID));
    }
    if !DIRECTORIES.contains(&directory) {
        return Err(NtStatus(STATUS_OBJECT_PATH_NOT_FOUND));
    }
    Ok(key)
}

/// The text of a counted string; `None` if it is malformed.
pub(crate) fn text(string: PUNICODE_STRING) -> Option<String> {
    if string.is_null() {
        return None;
    }
    // SAFETY: Drivers pass a valid counted string or null.
    let string = unsafe { string.read() };
    let length = usize::from(string.Length);
    if length % 2 != 0 || (length != 0 && string.Buffer.is_null()) {
        return None;
    }
    if length == 0 {
        return Some(String::new());
    }
    // SAFETY: A valid counted string has `Length` bytes of characters.
    let units = unsafe { std::slice::from_raw_parts(string.Buffer, length / 2) };
    String::from_utf16(units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let mut directory = Directory::default();
        directory
            .insert(r"\Device\Thing", Named::Device(7))
            .unwrap();
        let target = Named::Link(r"\Device\Thing".into());
        directory.insert(r"\DosDevices\Link", target).unwrap();
        directory
    }

    #[test]
    fn every_form_of_a_link_leads_to_its_device() {
        for path in [
            r"\\.\Link",
            r"\\?\LINK",
            r"\??\link",
            r"\dosdevices\Link",
            r"\Device\thing",
        ] {
            assert_eq!(directory().resolve(path), Ok((7, String::new())), "{path}");
        }
    }

    #[test]
    fn the_rest_of_a_path_goes_to_the_driver() {
        let found = directory().resolve(r"\\.\Link\a\b");
        assert_eq!(found, Ok((7, r"\a\b".into())));
        let nothing = directory().resolve(r"\\.\Linked");
        assert_eq!(nothing, Err(NtStatus(STATUS_OBJECT_NAME_NOT_FOUND)));
    }

    #[test]
    fn bad_names_are_refused() {
        let mut names = directory();
        let cases = [
            ("Device\\X", STATUS_OBJECT_PATH_SYNTAX_BAD),
            (r"\Device\", STATUS_OBJECT_NAME_INVALID),
            (r"\Nowhere\X", STATUS_OBJECT_PATH_NOT_FOUND),
            (r"\Device\THING", STATUS_OBJECT_NAME_COLLISION),
            (r"\??\link", STATUS_OBJECT_NAME_COLLISION),
        ];
        for (name, status) in cases {
            assert_eq!(
                names.insert(name, Named::Device(1)),
                Err(NtStatus(status)),
                "{name}"
            );
        }
    }

    #[test]
    fn links_in_a_circle_lead_nowhere() {
        let mut names = Directory::default();
        names
            .insert(r"\??\A", Named::Link(r"\??\B".into()))
            .unwrap();
        names
            .insert(r"\??\B", Named::Link(r"\??\A".into()))
            .unwrap();
        let found = names.resolve(r"\\.\A");
        assert_eq!(found, Err(NtStatus(STATUS_OBJECT_NAME_NOT_FOUND)));
    }
}
