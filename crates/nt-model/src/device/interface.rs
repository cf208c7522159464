//! Device interfaces: from a GUID to the symbolic links of the devices that offer it.

use crate::io::Tables;
use crate::io::level::{self, rule};
use crate::machine::{self, Kernel, Machine};
use crate::object::names::{self, Named};
use crate::object::tag;
use crate::pool::{self, Owner, Pool};
use crate::status::NtStatus;
use kmdf_sys::*;

/// A registered device interface.
pub(crate) struct Interface {
    /// The interface class, as text.
    class: String,
    /// The symbolic link without the reference string.
    link: String,
    /// Empty, or a backslash and the reference string.
    reference: String,
    /// The physical device object.
    device: usize,
    enabled: bool,
}

impl Interface {
    fn full_link(&self) -> String {
        format!("{}{}", self.link, self.reference)
    }

    /// The symbolic link as user mode writes it.
    fn user_link(&self) -> String {
        self.full_link().replacen(r"\??\", r"\\?\", 1)
    }
}

fn class_text(guid: &GUID) -> String {
    let [a, b, tail @ ..] = guid.Data4;
    let tail: String = tail.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{{{:08x}-{:04x}-{:04x}-{a:02x}{b:02x}-{tail}}}",
        guid.Data1, guid.Data2, guid.Data3
    )
}

impl Kernel {
    /// The symbolic links of all enabled interfaces of the class, in the order of registration.
    pub fn interfaces(&self, class: &GUID) -> Vec<String> {
        let class = class_text(class);
        let tables = self.enter().io.tables();
        let enabled = tables
            .interfaces
            .iter()
            .filter(|interface| interface.enabled);
        enabled
            .filter(|interface| interface.class == class)
            .map(Interface::user_link)
            .collect()
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoRegisterDeviceInterface(
    physical_device_object: PDEVICE_OBJECT,
    interface_class_guid: *const GUID,
    reference_string: PUNICODE_STRING,
    symbolic_link_name: PUNICODE_STRING,
) -> NTSTATUS {
    let machine = machine::enter();
    level::require(&machine, 0, rule::IO_PASSIVE_3, "IoRegisterDeviceInterface");
    let reference = names::text(reference_string).unwrap_or_default();
    if reference.contains(['\\', '/']) {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: The caller passes a GUID.
    let class = class_text(&unsafe { interface_class_guid.read() });
    let link = {
        let tables = machine.io.tables();
        let Some(node) = tables.nodes.get(&physical_device_object.addr()) else {
            return STATUS_INVALID_DEVICE_REQUEST;
        };
        format!(r"\??\{}#{class}", node.instance.replace('\\', "#"))
    };
    let reference = if reference.is_empty() {
        reference
    } else {
        format!("\\{reference}")
    };
    let interface = Interface {
        class,
        link,
        reference,
        device: physical_device_object.addr(),
        enabled: false,
    };
    let Some(string) = counted_string(&machine, &interface.full_link()) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: The caller passes a place for the result.
    unsafe { symbolic_link_name.write(string) };
    let interfaces = &mut machine.io.tables().interfaces;
    let link = interface.full_link();
    if !interfaces.iter().any(|known| known.full_link() == link) {
        interfaces.push(interface);
    }
    STATUS_SUCCESS
}

/// A terminated counted string in paged pool, which the caller of the kernel frees.
fn counted_string(machine: &Machine, text: &str) -> Option<UNICODE_STRING> {
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let size = units.len() * 2;
    let block = pool::allocate(machine, Pool::Paged, size, tag::STRING, true, Owner::Driver);
    if block.is_null() {
        return None;
    }
    // SAFETY: The block holds as many characters.
    unsafe { std::ptr::copy_nonoverlapping(units.as_ptr(), block.cast(), units.len()) };
    Some(UNICODE_STRING {
        Length: (size - 2) as USHORT,
        MaximumLength: size as USHORT,
        Buffer: block.cast(),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoSetDeviceInterfaceState(
    symbolic_link_name: PUNICODE_STRING,
    enable: BOOLEAN,
) -> NTSTATUS {
    let machine = machine::enter();
    level::require(&machine, 0, rule::NONE, "IoSetDeviceInterfaceState");
    let Some(link) = names::text(symbolic_link_name) else {
        return STATUS_INVALID_PARAMETER;
    };
    let mut tables = machine.io.tables();
    let found = tables
        .interfaces
        .iter()
        .position(|interface| interface.full_link() == link);
    let Some(index) = found else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    match (tables.interfaces[index].enabled, enable != 0) {
        (true, true) => STATUS_OBJECT_NAME_EXISTS,
        (false, false) => STATUS_OBJECT_NAME_NOT_FOUND,
        (false, true) => switch_on(&mut tables, index)
            .err()
            .map_or(STATUS_SUCCESS, |e| e.0),
        (true, false) => {
            switch_off(&mut tables, index);
            STATUS_SUCCESS
        }
    }
}

fn switch_on(tables: &mut Tables, index: usize) -> Result<(), NtStatus> {
    let Interface { link, device, .. } = &tables.interfaces[index];
    let record = tables.devices.get(device);
    let target = record.and_then(|record| record.name.clone());
    let target = target.ok_or(NtStatus(STATUS_INVALID_DEVICE_REQUEST))?;
    let inserted = tables.names.insert(link, Named::Link(target));
    // Interfaces that differ in their reference strings share the link.
    if inserted.is_err_and(|status| status.0 != STATUS_OBJECT_NAME_COLLISION) {
        return inserted;
    }
    tables.interfaces[index].enabled = true;
    Ok(())
}

fn switch_off(tables: &mut Tables, index: usize) {
    tables.interfaces[index].enabled = false;
    let link = tables.interfaces[index].link.clone();
    let mut others = tables
        .interfaces
        .iter()
        .filter(|interface| interface.link == link);
    if !others.any(|interface| interface.enabled) {
        tables.names.remove_link(&link);
    }
}

/// Whether a path may be opened: true unless it is that of a disabled interface.
pub(crate) fn is_open(tables: &Tables, path: &str) -> bool {
    let same = |link: String| link.eq_ignore_ascii_case(path);
    let mut interfaces = tables.interfaces.iter();
    let found = interfaces.find(|known| same(known.user_link()) || same(known.full_link()));
    found.is_none_or(|interface| interface.enabled)
}

/// Disables all interfaces of a device that is being removed, as the PnP manager does.
pub(crate) fn disable_all(tables: &mut Tables, device: usize) {
    for index in 0..tables.interfaces.len() {
        if tables.interfaces[index].device == device && tables.interfaces[index].enabled {
            switch_off(tables, index);
        }
    }
}

/// Disables and removes all interfaces of a deleted device.
pub(crate) fn forget(tables: &mut Tables, device: usize) {
    disable_all(tables, device);
    tables
        .interfaces
        .retain(|interface| interface.device != device);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_written_as_the_registry_writes_it() {
        let guid = GUID {
            Data1: 0x1234_5678,
            Data2: 0x9ABC,
            Data3: 0xDEF0,
            Data4: [1, 2, 3, 4, 5, 6, 7, 8],
        };
        assert_eq!(class_text(&guid), "{12345678-9abc-def0-0102-030405060708}");
    }
}
