//! The default tag, derived from the driver's name.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::PagedPool;
use kmdf_sys::entry::fx_driver_entry;
use kmdf_sys::*;
use nt_model::TagUse;
use std::ptr::null_mut;
use std::sync::Mutex;

/// What the driver gives to WdfDriverCreate: the registry path and the tag in its configuration.
static GIVEN: Mutex<(Vec<u16>, u32)> = Mutex::new((Vec::new(), 0));

unsafe extern "C" fn image_entry(
    driver_object: PDRIVER_OBJECT,
    registry_path: PUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: Called by the kernel as the image's entry point.
    unsafe { fx_driver_entry(driver_object, registry_path, driver_entry) }
}

unsafe extern "C" fn driver_entry(
    driver_object: PDRIVER_OBJECT,
    _registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    let (mut path, tag) = GIVEN.lock().unwrap().clone();
    let length = (path.len() * 2) as USHORT;
    let path = UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: path.as_mut_ptr(),
    };
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        EvtDriverUnload: Some(unload),
        DriverInitFlags: _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as ULONG,
        DriverPoolTag: tag,
        ..WDF_DRIVER_CONFIG::default()
    };
    let none = null_mut();
    wdf!(WdfDriverCreate(
        driver_object,
        &path,
        none,
        &mut config,
        null_mut()
    ))
}

unsafe extern "C" fn unload(_driver: WDFDRIVER) {}

/// The driver's name and the tag in its globals, and the tag that tag 0 stands for.
fn outcome(path: &str, tag: u32) -> (String, u32, u32) {
    let path: Vec<u16> = path.encode_utf16().collect();
    let given = move || *GIVEN.lock().unwrap() = (path, tag);
    let (outcome, _) = run_prepared(plain(), given, image_entry, |kernel, _| {
        let before = kernel.verifier().tags;
        create_memory(null_mut(), PagedPool, 0, 77_777).unwrap();
        let after = kernel.verifier().tags;
        let grown = |now: &&TagUse| {
            let same = |then: &&TagUse| (then.tag, then.pool) == (now.tag, now.pool);
            now.bytes - before.iter().find(same).map_or(0, |then| then.bytes) == 77_777
        };
        let own = after.iter().find(grown);
        // SAFETY: Bound, so the globals are there.
        let globals = unsafe { *globals() };
        let name = globals.DriverName.map(|byte| byte as u8);
        assert_eq!(name[31], 0);
        let name = name.split(|&byte| byte == 0).next().unwrap();
        let name = String::from_utf8_lossy(name).into_owned();
        (name, globals.DriverTag, own.unwrap().tag)
    });
    outcome.unwrap()
}

fn tag(text: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*text)
}

/// DriverName is the last part of the path of the service key (MEM-1).
#[test]
fn name_is_what_follows_the_last_backslash() {
    assert_eq!(outcome(r"\Registry\Services\Sample", 0).0, "Sample");
    assert_eq!(outcome(r"A\B", 0).0, "B");
    let long = "abcdefghijklmnopqrstuvwxyz0123456789";
    assert_eq!(outcome(&format!(r"\Services\{long}"), 0).0, long[..31]);
    // Each character is cut to its low byte: U+0141 becomes an A.
    assert_eq!(outcome("\\Services\\\u{141}bcd", 0).0, "Abcd");
}

/// A path without a service name gives the name WDF and the framework's tag (MEM-1, MEM-3).
#[test]
fn path_without_a_usable_backslash_gives_the_name_wdf() {
    for path in ["Sample", r"\Sample"] {
        assert_eq!(outcome(path, 0), ("WDF".into(), 0, tag(b"FxDr")));
    }
}

/// DriverPoolTag becomes the default tag as it is (MEM-2).
#[test]
fn tag_in_the_configuration_is_taken_verbatim() {
    let given = tag(b"Mine");
    let (_, public, private) = outcome(r"\Services\Sample", given);
    assert_eq!((public, private), (given, given));
    let (_, public, private) = outcome(r"\Services\Sample", tag(b"Ddk "));
    assert_eq!((public, private), (tag(b"Samp"), tag(b"Samp")));
}

/// Without DriverPoolTag, the default tag comes from the service name (MEM-3).
#[test]
fn tag_is_the_names_first_four_characters_after_wdf() {
    let cases: [(&str, u32, u32); 8] = [
        ("Sample", tag(b"Samp"), tag(b"Samp")),
        ("WdfSample", tag(b"Samp"), tag(b"Samp")),
        ("wDFsample", tag(b"samp"), tag(b"samp")),
        ("wdfmem", tag(b"mem\0"), tag(b"mem\0")),
        ("abc", tag(b"abc\0"), tag(b"abc\0")),
        ("wdfab", 0, tag(b"FxDr")),
        ("ab", 0, tag(b"FxDr")),
        ("wdf", 0, tag(b"FxDr")),
    ];
    for (name, public, private) in cases {
        let path = format!(r"\Services\{name}");
        assert_eq!(outcome(&path, 0), (name.into(), public, private));
    }
}
