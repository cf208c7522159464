//! A small registry: the service keys of loaded drivers, by `ZwOpenKey`, `ZwQueryValueKey`, `ZwClose`.

use crate::config::RegistryData;
use crate::machine::{Machine, enter, lock};
use crate::rtl;
use crate::stop::not_modelled;
use crate::verifier::require_irql;
use kmdf_sys::*;
use std::collections::{BTreeMap, HashMap};
use std::mem::offset_of;
use std::sync::Mutex;

/// The path below which the keys of services are.
const SERVICES: &str = r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services";

/// The alias of that path, which drivers may use as well.
const CURRENT_SERVICES: &str = r"\REGISTRY\MACHINE\SYSTEM\CurrentControlSet\Services";

/// The DDI compliance rule `IrqlZwPassive`.
const IRQL_RULE: u64 = 0x2_001F;

#[derive(Default)]
pub(crate) struct Registry {
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    /// Keys by their folded paths, each with its values by folded names.
    keys: BTreeMap<String, BTreeMap<String, RegistryData>>,
    handles: HashMap<usize, String>,
    last_handle: usize,
}

/// Names are compared without regard to case.
fn fold(name: &str) -> String {
    let name = name.to_uppercase();
    match name.strip_prefix(&CURRENT_SERVICES.to_uppercase()) {
        Some(rest) => format!("{}{rest}", SERVICES.to_uppercase()),
        None => name,
    }
}

/// Creates a service's key, with the values of the configuration and the framework verifier's switch.
pub(crate) fn create_service_key(machine: &Machine, service: &str) {
    let path = format!(r"{SERVICES}\{service}");
    let parameters = format!(r"{path}\Parameters\Wdf");
    let mut content = lock(&machine.registry.content);
    for key in [SERVICES, &path, &format!(r"{path}\Parameters"), &parameters] {
        content.keys.entry(fold(key)).or_default();
    }
    if machine.config.verifier.wdf {
        content.set(&parameters, "VerifierOn", RegistryData::Dword(1));
    }
    for value in &machine.config.registry {
        let key = match value.key.as_str() {
            "" => path.clone(),
            below => format!(r"{path}\{below}"),
        };
        content.set(&key, &value.name, value.data.clone());
    }
}

impl Content {
    fn set(&mut self, key: &str, name: &str, data: RegistryData) {
        let values = self.keys.entry(fold(key)).or_default();
        values.insert(fold(name), data);
    }

    fn open(&mut self, path: String) -> usize {
        // Kernel handles have the high bit set and count in fours.
        self.last_handle += 4;
        let handle = self.last_handle | 1 << (usize::BITS - 1);
        self.handles.insert(handle, path);
        handle
    }
}

impl RegistryData {
    /// The value's type and its bytes.
    fn encode(&self) -> (ULONG, Vec<u8>) {
        let wide = |text: &str| -> Vec<u8> {
            let units = text.encode_utf16().chain([0]);
            units.flat_map(u16::to_le_bytes).collect()
        };
        match self {
            Self::Dword(value) => (REG_DWORD, value.to_le_bytes().into()),
            Self::String(text) => (REG_SZ, wide(text)),
            Self::Strings(texts) => {
                let mut bytes: Vec<u8> = texts.iter().flat_map(|text| wide(text)).collect();
                bytes.extend([0, 0]);
                (REG_MULTI_SZ, bytes)
            }
        }
    }
}

fn enter_passive(call: &str) -> std::sync::Arc<Machine> {
    let machine = enter();
    require_irql(&machine, PASSIVE_LEVEL, IRQL_RULE, call, 0);
    machine
}

/// Opens a registry key by its path.
///
/// # Safety
///
/// `handle` must be writable, `attributes` readable with their name.
#[unsafe(no_mangle)]
unsafe extern "C" fn ZwOpenKey(
    handle: PHANDLE,
    _access: ACCESS_MASK,
    attributes: POBJECT_ATTRIBUTES,
) -> NTSTATUS {
    let machine = enter_passive("ZwOpenKey");
    // SAFETY: `attributes` are readable, as the caller guarantees.
    let attributes = unsafe { attributes.read() };
    // SAFETY: The name in the attributes is readable, as the caller guarantees.
    let name = unsafe { rtl::text(attributes.ObjectName) };
    let mut content = lock(&machine.registry.content);
    let path = if attributes.RootDirectory.is_null() {
        if !name.starts_with('\\') {
            return STATUS_OBJECT_PATH_SYNTAX_BAD;
        }
        fold(&name)
    } else {
        match content.handles.get(&attributes.RootDirectory.addr()) {
            Some(root) if name.is_empty() => root.clone(),
            Some(root) => format!(r"{root}\{}", fold(&name)),
            None => return STATUS_INVALID_HANDLE,
        }
    };
    if !content.keys.contains_key(&path) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    let opened = content.open(path);
    drop(content);
    // SAFETY: `handle` is writable, as the caller guarantees.
    unsafe { handle.write(opened as HANDLE) };
    STATUS_SUCCESS
}

/// Reads a value, as `KeyValuePartialInformation` only.
///
/// # Safety
///
/// `name` must be readable, `information` writable for `length` bytes, `needed` writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn ZwQueryValueKey(
    handle: HANDLE,
    name: PUNICODE_STRING,
    class: KEY_VALUE_INFORMATION_CLASS,
    information: PVOID,
    length: ULONG,
    needed: PULONG,
) -> NTSTATUS {
    let machine = enter_passive("ZwQueryValueKey");
    if class != _KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation {
        not_modelled(format!("ZwQueryValueKey for information of class {class}"));
    }
    // SAFETY: `name` is readable, as the caller guarantees.
    let name = fold(&unsafe { rtl::text(name) });
    let value = {
        let content = lock(&machine.registry.content);
        let Some(path) = content.handles.get(&handle.addr()) else {
            return STATUS_INVALID_HANDLE;
        };
        let values = content.keys.get(path);
        values
            .and_then(|values| values.get(&name))
            .map(RegistryData::encode)
    };
    let Some((kind, data)) = value else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    let mut bytes = Vec::new();
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend((data.len() as u32).to_le_bytes());
    let fixed = bytes.len();
    debug_assert_eq!(fixed, offset_of!(KEY_VALUE_PARTIAL_INFORMATION, Data));
    bytes.extend(data);
    // SAFETY: `needed` is writable, as the caller guarantees.
    unsafe { needed.write(bytes.len() as ULONG) };
    let room = length as usize;
    if room < fixed {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let copied = room.min(bytes.len());
    // SAFETY: `information` has `length` bytes, and `copied` is not more.
    unsafe {
        information
            .cast::<u8>()
            .copy_from_nonoverlapping(bytes.as_ptr(), copied)
    };
    if copied < bytes.len() {
        return STATUS_BUFFER_OVERFLOW;
    }
    STATUS_SUCCESS
}

/// Closes a handle. Only keys have handles here.
#[unsafe(no_mangle)]
extern "C" fn ZwClose(handle: HANDLE) -> NTSTATUS {
    let machine = enter_passive("ZwClose");
    match lock(&machine.registry.content)
        .handles
        .remove(&handle.addr())
    {
        Some(_) => STATUS_SUCCESS,
        None => STATUS_INVALID_HANDLE,
    }
}
