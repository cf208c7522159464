//! What a driver must have freed when it is unloaded, and its values in the registry.

use crate::kernel::*;
use kmdf_sys::*;
use nt_model::{Config, Kernel, RegistryData, RegistryValue};
use std::cell::RefCell;

thread_local! {
    static FOUND: RefCell<Vec<(NTSTATUS, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "C" fn unload(_: *mut DRIVER_OBJECT) {}

/// A driver that does nothing.
unsafe extern "C" fn idle(driver: PDRIVER_OBJECT, _: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: The kernel passes the driver's object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    STATUS_SUCCESS
}

unsafe extern "C" fn leaking(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    allocate(PAGED, 100, TAG);
    allocate(PAGED, 5000, TAG);
    allocate(NX, 8, tag(b"Else"));
    // SAFETY: The arguments are the kernel's.
    unsafe { idle(driver, path) }
}

unsafe extern "C" fn with_list(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    initialize_paged_list(Place::zeroed().get(), 64);
    // SAFETY: The arguments are the kernel's.
    unsafe { idle(driver, path) }
}

fn load_and_unload(
    kernel: &Kernel,
    entry: unsafe extern "C" fn(PDRIVER_OBJECT, PUNICODE_STRING) -> NTSTATUS,
) {
    let driver = kernel
        .load_driver("Sample", entry)
        .expect("the driver loads");
    driver.unload().expect("the driver unloads");
}

#[test]
fn a_driver_that_leaves_nothing_behind_unloads() {
    runs(Config::default(), |kernel| load_and_unload(kernel, idle));
}

/// With pool tracking, every block must be freed at unload (NT-8).
#[test]
fn pool_left_behind_at_unload_stops_with_pool_tracking() {
    let stop = stopped(Config::default(), |kernel| load_and_unload(kernel, leaking));
    assert_eq!((stop.code, stop.parameters), (0xC4, [0x62, 0, 0, 3]));
    assert!(
        stop.message.contains("'Test' Paged: 2 blocks, 5100 bytes"),
        "{stop}"
    );
    assert!(
        stop.message.contains("'Else' NonPaged: 1 blocks, 8 bytes"),
        "{stop}"
    );
    let mut config = Config::default();
    config.verifier.pool_tracking = false;
    runs(config, |kernel| load_and_unload(kernel, leaking));
}

#[test]
fn a_lookaside_list_left_behind_at_unload_stops() {
    let stop = stopped(Config::default(), |kernel| {
        load_and_unload(kernel, with_list)
    });
    assert_eq!(stop.code, 0xC7);
    runs(unverified(), |kernel| load_and_unload(kernel, with_list));
}

/// The values asked for, below the driver's own key.
const VALUES: [(&str, &str); 5] = [
    (r"\Parameters\Wdf", "verifieron"),
    ("", "Text"),
    (r"\Parameters", "Several"),
    (r"\Parameters", "Missing"),
    (r"\NoSuchKey", "Missing"),
];

unsafe extern "C" fn reading(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: The kernel passes the path of the driver's key.
    let path = unsafe { path.read() };
    // SAFETY: The path's buffer has `Length` bytes.
    let units = unsafe { std::slice::from_raw_parts(path.Buffer, usize::from(path.Length) / 2) };
    let path = String::from_utf16_lossy(units);
    let found = VALUES.map(|(key, name)| read_value(&format!("{path}{key}"), name, 64));
    FOUND.set(found.into());
    // SAFETY: The arguments are the kernel's.
    unsafe { idle(driver, std::ptr::null_mut()) }
}

fn counted(text: &mut [u16]) -> UNICODE_STRING {
    UNICODE_STRING {
        Length: (text.len() * 2) as u16,
        MaximumLength: (text.len() * 2) as u16,
        Buffer: text.as_mut_ptr(),
    }
}

/// Reads a value with so much room, and returns the status and what was written.
fn read_value(key: &str, name: &str, room: usize) -> (NTSTATUS, Vec<u8>) {
    let [mut key, mut name] = [key, name].map(|text| text.encode_utf16().collect::<Vec<_>>());
    let [mut key, mut name] = [counted(&mut key), counted(&mut name)];
    let mut attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        ObjectName: &raw mut key,
        ..Default::default()
    };
    let mut handle = std::ptr::null_mut();
    // SAFETY: All arguments are valid.
    let status = unsafe { ntddk::ZwOpenKey(&raw mut handle, KEY_READ, &raw mut attributes) };
    if status != STATUS_SUCCESS {
        return (status, Vec::new());
    }
    let mut buffer = vec![0_u8; room];
    let mut needed = 0;
    let class = _KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation;
    let (target, length) = (buffer.as_mut_ptr().cast(), room as u32);
    // SAFETY: All arguments are valid.
    let status = unsafe {
        ntddk::ZwQueryValueKey(
            handle,
            &raw mut name,
            class,
            target,
            length,
            &raw mut needed,
        )
    };
    // SAFETY: ZwClose checks its arguments itself.
    assert_eq!(unsafe { ntddk::ZwClose(handle) }, STATUS_SUCCESS);
    // SAFETY: ZwClose checks its arguments itself.
    assert_eq!(unsafe { ntddk::ZwClose(handle) }, STATUS_INVALID_HANDLE);
    buffer.truncate(needed as usize);
    (status, buffer)
}

fn partial(kind: u32, data: &[u8]) -> Vec<u8> {
    let header = [0, kind, data.len() as u32].map(u32::to_le_bytes);
    [header.as_flattened(), data].concat()
}

#[test]
fn the_service_key_has_what_the_configuration_says() {
    let value = |key: &str, name: &str, data| RegistryValue {
        key: key.into(),
        name: name.into(),
        data,
    };
    let config = Config {
        registry: vec![
            value("", "Text", RegistryData::String("ab".into())),
            value(
                "Parameters",
                "Several",
                RegistryData::Strings(vec!["a".into(), "b".into()]),
            ),
        ],
        ..Config::default()
    };
    runs(config, |kernel| {
        load_and_unload(kernel, reading);
        let found = FOUND.take();
        assert_eq!(
            found[0],
            (STATUS_SUCCESS, partial(REG_DWORD, &[1, 0, 0, 0]))
        );
        assert_eq!(found[1], (STATUS_SUCCESS, partial(REG_SZ, b"a\0b\0\0\0")));
        assert_eq!(
            found[2],
            (STATUS_SUCCESS, partial(REG_MULTI_SZ, b"a\0\0\0b\0\0\0\0\0"))
        );
        assert_eq!(found[3].0, STATUS_OBJECT_NAME_NOT_FOUND);
        assert_eq!(found[4].0, STATUS_OBJECT_NAME_NOT_FOUND);
        let key = r"\Registry\Machine\System\CurrentControlSet\Services\sample";
        assert_eq!(read_value(key, "Text", 14).0, STATUS_BUFFER_OVERFLOW);
        assert_eq!(read_value(key, "Text", 8).0, STATUS_BUFFER_TOO_SMALL);
        assert_eq!(
            read_value("relative", "Text", 64).0,
            STATUS_OBJECT_PATH_SYNTAX_BAD
        );
    });
}

#[test]
fn the_framework_verifier_is_switched_on_in_the_registry_only_if_asked_for() {
    let mut config = Config::default();
    config.verifier.wdf = false;
    runs(config, |kernel| {
        load_and_unload(kernel, reading);
        assert_eq!(FOUND.take()[0].0, STATUS_OBJECT_NAME_NOT_FOUND);
    });
}

#[test]
fn the_registry_is_for_passive_level() {
    let stop = stopped(Config::default(), |_| {
        raise(1);
        read_value(r"\Registry", "Text", 64).0
    });
    assert_eq!(case(&stop), (0xC4, 0x2_001F));
}
