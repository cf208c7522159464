//! Error codes of installing and loading a driver, explained.
//!
//! The codes are of four kinds, whose numbers do not overlap: Win32 errors, the SetupAPI errors of
//! setupapi.h (0xE0000000 and up), the HRESULTs of signature checks, and the `NTSTATUS` values of
//! a driver that was not loaded.

/// An error code, explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub code: u32,
    /// Its name in the Windows headers.
    pub name: &'static str,
    /// What it means for a driver package.
    pub meaning: &'static str,
    /// What to do about it.
    pub next: Next,
}

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// One action, whatever the state of the machine.
    Do(&'static str),
    /// The signature was not accepted: `rejection` decides by the state of the machine.
    Signature,
}

const LOG: &str = "`wdfmem logs` shows the lines of setupapi.dev.log that say why";
const REBUILD: &str = "copy the package again as a whole: its files must be those that were signed together. \
     If they are, make and sign a new package";
const RESTART: &str = "restart Windows, then try again";
const ELEVATE: &str = "run this from an elevated command prompt (Run as administrator)";
const REMOVE_FIRST: &str = "run `wdfmem remove`, then `wdfmem install` again";
const BINDING: &str = "`wdfmem status` shows Windows' version and the framework's: the driver needs Windows 10 1809 \
     or later with KMDF 1.15 or later";

macro_rules! codes {
    ($($code:literal $name:ident $meaning:literal $next:expr;)*) => {
        /// Every code that is explained.
        const CODES: &[Code] = &[$(Code {
            code: $code,
            name: stringify!($name),
            meaning: $meaning,
            next: $next,
        },)*];
    };
}

use Next::{Do, Signature};

codes! {
    // Win32.
    2 ERROR_FILE_NOT_FOUND "a file that the INF names is not in the package" Do(REBUILD);
    3 ERROR_PATH_NOT_FOUND "a folder that the INF names does not exist" Do(REBUILD);
    5 ERROR_ACCESS_DENIED "this needs administrator rights" Do(ELEVATE);
    13 ERROR_INVALID_DATA "the device has a malformed setting, or the INF a malformed line" Do(LOG);
    31 ERROR_GEN_FAILURE "the device did not start" Do(LOG);
    87 ERROR_INVALID_PARAMETER "Windows does not accept an argument of the call" Do("install the package's own INF with its own client: they belong together");
    126 ERROR_MOD_NOT_FOUND "a module that the driver imports is missing" Do(BINDING);
    127 ERROR_PROC_NOT_FOUND "the driver imports a function that this Windows does not have" Do(BINDING);
    170 ERROR_BUSY "the device is in use" Do("close every program that uses the driver, then try again");
    258 WAIT_TIMEOUT "another device installation has not ended" Do("wait until it has, then try again");
    259 ERROR_NO_MORE_ITEMS "the device has a driver already that Windows ranks as good as this one" Do(REMOVE_FIRST);
    577 ERROR_INVALID_IMAGE_HASH "Windows does not accept the driver file's signature" Signature;
    998 ERROR_NOACCESS "the driver image is malformed" Do("build the image again with `cargo kmdf build`, which checks it");
    1056 ERROR_SERVICE_ALREADY_RUNNING "the driver is running already" Do(REMOVE_FIRST);
    1058 ERROR_SERVICE_DISABLED "the driver's service is disabled" Do("run `sc.exe config wdfmem start= demand`, then try again");
    1072 ERROR_SERVICE_MARKED_FOR_DELETE "the driver's service is being deleted and still in use" Do(RESTART);
    1168 ERROR_NOT_FOUND "there is no such device or driver package" Do("`wdfmem status` shows what is installed");
    1223 ERROR_CANCELLED "the installation was cancelled in Windows' dialog" Do("install again, and choose to install the driver software");
    1275 ERROR_DRIVER_BLOCKED "Windows' driver block list names this file" Do("change the file's name and version, and sign the package again");
    3010 ERROR_SUCCESS_REBOOT_REQUIRED "the work is done, and takes effect after a restart" Do("restart Windows");
    3017 ERROR_FAIL_REBOOT_REQUIRED "an installation before this one waits for a restart" Do(RESTART);

    // setupapi.h.
    0xE000_0100 ERROR_WRONG_INF_STYLE "the file is not an INF of a driver" Do("give the package's wdfmem.inf");
    0xE000_0101 ERROR_SECTION_NOT_FOUND "the INF has no section for this Windows" Do("the package is for Windows 10 1809 or later on x64: `wdfmem status` shows this Windows' version");
    0xE000_0102 ERROR_LINE_NOT_FOUND "the INF lacks a line that Windows needs" Do("check it with `cargo kmdf inf`");
    0xE000_0203 ERROR_NO_DRIVER_SELECTED "no driver in the INF fits the device" Do("the package is for Windows 10 1809 or later on x64: `wdfmem status` shows this Windows' version");
    0xE000_0204 ERROR_KEY_DOES_NOT_EXIST "the device has no registry key yet" Do(REMOVE_FIRST);
    0xE000_0207 ERROR_DEVINST_ALREADY_EXISTS "a device of this name is there already" Do(REMOVE_FIRST);
    0xE000_0208 ERROR_DEVINFO_NOT_REGISTERED "the device was not registered with Plug and Play" Do(REMOVE_FIRST);
    0xE000_020B ERROR_NO_SUCH_DEVINST "no device has the driver's hardware identifier" Do("run `wdfmem install`, which makes the device");
    0xE000_0217 ERROR_BAD_SERVICE_INSTALLSECT "the INF's service section is malformed, or the service is in the way" Do("run `wdfmem remove`, restart Windows, then install again");
    0xE000_0219 ERROR_NO_ASSOCIATED_SERVICE "the INF gives the device no service" Do("check it with `cargo kmdf inf`");
    0xE000_0228 ERROR_NO_COMPAT_DRIVERS "no driver in the INF fits the device" Do("the package is for Windows 10 1809 or later on x64: `wdfmem status` shows this Windows' version");
    0xE000_022B ERROR_DI_DONT_INSTALL "Windows was told not to install the device" Do(LOG);
    0xE000_022F ERROR_NO_CATALOG_FOR_OEM_INF "the INF names no catalog, or the catalog is not in the package" Do(REBUILD);
    0xE000_0232 ERROR_CANT_REMOVE_DEVINST "the device is in use" Do("close every program that uses the driver, then try again");
    0xE000_0234 ERROR_DRIVER_NONNATIVE "the driver is not one for this processor" Do("the package is for x64: use an x64 Windows");
    0xE000_0235 ERROR_IN_WOW64 "a 32-bit program cannot install a driver on 64-bit Windows" Do("use the package's own wdfmem.exe, which is 64-bit");
    0xE000_023C ERROR_NOT_AN_INSTALLED_OEM_INF "the driver package is not in the driver store" Do("nothing is left to remove");
    0xE000_023D ERROR_INF_IN_USE_BY_DEVICES "a device still uses the driver package" Do("`wdfmem status` names the device: remove it, then run `wdfmem remove` again");
    0xE000_023F ERROR_NO_AUTHENTICODE_CATALOG "the package's catalog is not signed" Signature;
    0xE000_0240 ERROR_AUTHENTICODE_DISALLOWED "the certificate is in the store of untrusted certificates" Do("delete it there: certutil -delstore Disallowed <serial number>");
    0xE000_0241 ERROR_AUTHENTICODE_TRUSTED_PUBLISHER "the catalog is signed by a trusted publisher" Do("nothing: this is how it should be");
    0xE000_0242 ERROR_AUTHENTICODE_TRUST_NOT_ESTABLISHED "the signer is not a trusted publisher" Signature;
    0xE000_0243 ERROR_AUTHENTICODE_PUBLISHER_NOT_TRUSTED "the signer is not a trusted publisher" Signature;
    0xE000_0244 ERROR_SIGNATURE_OSATTRIBUTE_MISMATCH "the catalog was not made for this version of Windows" Do("make the package again with `cargo kmdf package`, whose catalog names Windows 10 and later");
    0xE000_0245 ERROR_ONLY_VALIDATE_VIA_AUTHENTICODE "the catalog is signed, but not by Microsoft" Signature;
    0xE000_0246 ERROR_DEVICE_INSTALLER_NOT_READY "Windows' device installer is busy or not started" Do("wait a minute, then try again");
    0xE000_0247 ERROR_DRIVER_STORE_ADD_FAILED "Windows did not take the package into its driver store, in most cases because of the signature" Signature;
    0xE000_0248 ERROR_DEVICE_INSTALL_BLOCKED "a policy forbids installing the device" Do("allow it in Group Policy: Device Installation Restrictions");
    0xE000_0249 ERROR_DRIVER_INSTALL_BLOCKED "a policy forbids installing the driver" Do("allow it in Group Policy: Device Installation Restrictions");
    0xE000_024A ERROR_WRONG_INF_TYPE "the INF is not one of a device" Do("give the package's wdfmem.inf");
    0xE000_024B ERROR_FILE_HASH_NOT_IN_CATALOG "a file of the package is not the one that the catalog was made for" Do(REBUILD);
    0xE000_024C ERROR_DRIVER_STORE_DELETE_FAILED "Windows did not delete the package from its driver store" Do(RESTART);

    // Signature checks.
    0x8009_2003 CRYPT_E_FILE_ERROR "a file of the package cannot be read" Do(REBUILD);
    0x8009_6010 TRUST_E_BAD_DIGEST "a file was changed after it was signed" Do(REBUILD);
    0x800B_0003 TRUST_E_SUBJECT_FORM_UNKNOWN "a file of the package is not what its name says" Do(REBUILD);
    0x800B_0004 TRUST_E_SUBJECT_NOT_TRUSTED "the signer is not trusted" Signature;
    0x800B_0100 TRUST_E_NOSIGNATURE "there is no signature" Signature;
    0x800B_0101 CERT_E_EXPIRED "the certificate has expired, or the clock is wrong" Do("set the machine's clock; if it is right, make and sign a new package");
    0x800B_0109 CERT_E_UNTRUSTEDROOT "the certificate is not in the machine's Root store" Signature;
    0x800B_010A CERT_E_CHAINING "the certificate's issuer is not in the machine's Root store" Signature;
    0x800B_010C CERT_E_REVOKED "the certificate was revoked" Do("make and sign a new package");
    0x800B_0110 CERT_E_WRONG_USAGE "the certificate is not one for signing code" Do("make and sign a new package");
    0x800B_0111 TRUST_E_EXPLICIT_DISTRUST "the certificate is in the store of untrusted certificates" Do("delete it there: certutil -delstore Disallowed <serial number>");

    // A driver that was not loaded, or a device that did not start.
    0xC000_0034 STATUS_OBJECT_NAME_NOT_FOUND "the driver file, or something that its service names, is missing" Do("run `wdfmem remove`, then `wdfmem install` again");
    0xC000_0035 STATUS_OBJECT_NAME_COLLISION "something of this name is there already" Do(RESTART);
    0xC000_0059 STATUS_REVISION_MISMATCH "the framework on this machine does not have the version that the driver asks for" Do(BINDING);
    0xC000_007B STATUS_INVALID_IMAGE_FORMAT "the driver file is not an image for this processor" Do("the package is for x64: use an x64 Windows");
    0xC000_009A STATUS_INSUFFICIENT_RESOURCES "there was not enough memory" Do("give the machine more memory; under Driver Verifier, see whether low resources simulation is on: `wdfmem status`");
    0xC000_009E STATUS_DEVICE_POWER_FAILURE "the driver failed the device's start (EvtDeviceD0Entry)" Do("see the driver's debug output with a kernel debugger: !wdfkd.wdflogdump wdfmem.sys");
    0xC000_010E STATUS_IMAGE_ALREADY_LOADED "an older copy of the driver is still loaded" Do(RESTART);
    0xC000_0138 STATUS_ORDINAL_NOT_FOUND "the driver imports a function that this Windows does not have" Do(BINDING);
    0xC000_0139 STATUS_ENTRYPOINT_NOT_FOUND "the driver imports a function that this Windows does not have" Do(BINDING);
    0xC000_0182 STATUS_DEVICE_CONFIGURATION_ERROR "the driver's INF and its code do not agree, or the framework rejected a setting" Do(LOG);
    0xC000_0221 STATUS_IMAGE_CHECKSUM_MISMATCH "the driver file is damaged: its checksum is wrong" Do(REBUILD);
    0xC000_0262 STATUS_DRIVER_ORDINAL_NOT_FOUND "the driver imports a function that this Windows does not have" Do(BINDING);
    0xC000_0263 STATUS_DRIVER_ENTRYPOINT_NOT_FOUND "the driver imports a function that this Windows does not have" Do(BINDING);
    0xC000_026C STATUS_DRIVER_UNABLE_TO_LOAD "the driver could not be loaded" Do(LOG);
    0xC000_0365 STATUS_FAILED_DRIVER_ENTRY "the driver's DriverEntry returned an error" Do("see the driver's debug output with a kernel debugger: !wdfkd.wdflogdump wdfmem.sys");
    0xC000_036B STATUS_DRIVER_BLOCKED_CRITICAL "Windows' driver block list names this file" Do("change the file's name and version, and sign the package again");
    0xC000_036C STATUS_DRIVER_BLOCKED "Windows' driver block list names this file" Do("change the file's name and version, and sign the package again");
    0xC000_0428 STATUS_INVALID_IMAGE_HASH "Windows does not accept the driver file's signature" Signature;
    0xC000_0603 STATUS_IMAGE_CERT_REVOKED "the driver file's certificate was revoked" Do("make and sign a new package");
    0xC000_0605 STATUS_IMAGE_CERT_EXPIRED "the driver file's certificate has expired, or the clock is wrong" Do("set the machine's clock; if it is right, make and sign a new package");
}

/// The explanation of a code, if it is a known one.
pub fn explain(code: u32) -> Option<&'static Code> {
    CODES.iter().find(|known| known.code == code)
}

/// The codes that a line of text contains, as `0x` and one to eight hexadecimal digits.
pub fn in_text(text: &str) -> impl Iterator<Item = u32> {
    text.split("0x").skip(1).filter_map(|rest| {
        let end = rest
            .find(|letter: char| !letter.is_ascii_hexdigit())
            .unwrap_or(rest.len());
        u32::from_str_radix(&rest[..end], 16).ok()
    })
}

/// A code as people search for it: hexadecimal if it is one of the large ones.
pub fn written(code: u32) -> String {
    if code < 0x1_0000 {
        format!("error {code}")
    } else {
        format!("0x{code:08X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_is_explained_once() {
        let codes: HashSet<u32> = CODES.iter().map(|known| known.code).collect();
        assert_eq!(codes.len(), CODES.len());
    }

    /// Compares the numbers with Microsoft's metadata, from which `windows-sys` is generated.
    #[test]
    fn the_codes_are_those_of_the_windows_headers() {
        use windows_sys::Win32::Foundation;
        let mut compared = 0;
        macro_rules! same {
            ($place:ident: $($name:ident)*) => { $(
                compared += 1;
                let known = CODES.iter().find(|known| known.name == stringify!($name));
                assert_eq!(known.map(|known| known.code), Some($place::$name as u32), stringify!($name));
            )* };
        }
        same!(Foundation:
            ERROR_FILE_NOT_FOUND ERROR_PATH_NOT_FOUND ERROR_ACCESS_DENIED ERROR_INVALID_DATA
            ERROR_GEN_FAILURE ERROR_INVALID_PARAMETER ERROR_MOD_NOT_FOUND ERROR_PROC_NOT_FOUND ERROR_BUSY
            WAIT_TIMEOUT ERROR_NO_MORE_ITEMS ERROR_INVALID_IMAGE_HASH ERROR_NOACCESS
            ERROR_SERVICE_ALREADY_RUNNING ERROR_SERVICE_DISABLED ERROR_SERVICE_MARKED_FOR_DELETE
            ERROR_NOT_FOUND ERROR_CANCELLED ERROR_DRIVER_BLOCKED ERROR_SUCCESS_REBOOT_REQUIRED
            ERROR_FAIL_REBOOT_REQUIRED
            CRYPT_E_FILE_ERROR TRUST_E_BAD_DIGEST TRUST_E_SUBJECT_FORM_UNKNOWN TRUST_E_SUBJECT_NOT_TRUSTED
            TRUST_E_NOSIGNATURE CERT_E_EXPIRED CERT_E_UNTRUSTEDROOT CERT_E_CHAINING CERT_E_REVOKED
            CERT_E_WRONG_USAGE TRUST_E_EXPLICIT_DISTRUST
            STATUS_OBJECT_NAME_NOT_FOUND STATUS_OBJECT_NAME_COLLISION STATUS_REVISION_MISMATCH
            STATUS_INVALID_IMAGE_FORMAT STATUS_INSUFFICIENT_RESOURCES STATUS_IMAGE_ALREADY_LOADED
            STATUS_ORDINAL_NOT_FOUND STATUS_ENTRYPOINT_NOT_FOUND STATUS_DEVICE_CONFIGURATION_ERROR
            STATUS_IMAGE_CHECKSUM_MISMATCH STATUS_DRIVER_ORDINAL_NOT_FOUND
            STATUS_DRIVER_ENTRYPOINT_NOT_FOUND STATUS_DRIVER_UNABLE_TO_LOAD STATUS_FAILED_DRIVER_ENTRY
            STATUS_DRIVER_BLOCKED_CRITICAL STATUS_DRIVER_BLOCKED STATUS_INVALID_IMAGE_HASH
            STATUS_IMAGE_CERT_REVOKED STATUS_IMAGE_CERT_EXPIRED STATUS_DEVICE_POWER_FAILURE
            ERROR_WRONG_INF_STYLE ERROR_SECTION_NOT_FOUND ERROR_LINE_NOT_FOUND ERROR_NO_DRIVER_SELECTED
            ERROR_KEY_DOES_NOT_EXIST ERROR_DEVINST_ALREADY_EXISTS ERROR_DEVINFO_NOT_REGISTERED
            ERROR_NO_SUCH_DEVINST ERROR_BAD_SERVICE_INSTALLSECT ERROR_NO_ASSOCIATED_SERVICE
            ERROR_NO_COMPAT_DRIVERS ERROR_DI_DONT_INSTALL ERROR_NO_CATALOG_FOR_OEM_INF
            ERROR_CANT_REMOVE_DEVINST ERROR_DRIVER_NONNATIVE ERROR_IN_WOW64
            ERROR_NOT_AN_INSTALLED_OEM_INF ERROR_INF_IN_USE_BY_DEVICES ERROR_NO_AUTHENTICODE_CATALOG
            ERROR_AUTHENTICODE_DISALLOWED ERROR_AUTHENTICODE_TRUSTED_PUBLISHER
            ERROR_AUTHENTICODE_TRUST_NOT_ESTABLISHED ERROR_AUTHENTICODE_PUBLISHER_NOT_TRUSTED
            ERROR_SIGNATURE_OSATTRIBUTE_MISMATCH ERROR_ONLY_VALIDATE_VIA_AUTHENTICODE
            ERROR_DEVICE_INSTALLER_NOT_READY ERROR_DRIVER_STORE_ADD_FAILED
            ERROR_DEVICE_INSTALL_BLOCKED ERROR_DRIVER_INSTALL_BLOCKED ERROR_WRONG_INF_TYPE
            ERROR_FILE_HASH_NOT_IN_CATALOG ERROR_DRIVER_STORE_DELETE_FAILED);
        assert_eq!(compared, CODES.len());
    }

    #[test]
    fn codes_are_found_in_the_lines_of_a_log() {
        let line = "!!!  sig:  Driver package failed signature validation. Error = 0xE0000247";
        assert_eq!(in_text(line).collect::<Vec<_>>(), [0xE000_0247]);
        let line = "     sig: {_VERIFY_FILE_SIGNATURE exit(0x800b0109)} 14:44:48.870";
        assert_eq!(in_text(line).collect::<Vec<_>>(), [0x800B_0109]);
        assert_eq!(in_text("exit 0x, 0x123456789").count(), 0);
    }
}
