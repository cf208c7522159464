//! The state of code integrity, and this program's rights.

use std::ptr::null_mut;

use windows_sys::{
    Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemCodeIntegrityInformation},
    Win32::{
        Foundation::{CloseHandle, HANDLE},
        Security::{GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation},
        System::{
            Threading::{GetCurrentProcess, OpenProcessToken},
            WindowsProgramming::{
                CODEINTEGRITY_OPTION_HVCI_KMCI_ENABLED, CODEINTEGRITY_OPTION_TESTSIGN,
                SYSTEM_CODEINTEGRITY_INFORMATION,
            },
        },
    },
};

/// The state of code integrity at this moment.
#[derive(Clone, Copy)]
pub struct Options {
    /// Whether test-signed drivers are loaded.
    pub test_signing: bool,
    /// Whether the hypervisor protects the check of kernel images (HVCI).
    pub memory_integrity: bool,
}

/// Queries the state, which needs no rights.
pub fn options() -> Option<Options> {
    let length = size_of::<SYSTEM_CODEINTEGRITY_INFORMATION>() as u32;
    let mut answer = SYSTEM_CODEINTEGRITY_INFORMATION {
        Length: length,
        CodeIntegrityOptions: 0,
    };
    // SAFETY: the answer of this class is a structure of this type, which may be written; its length is given.
    let status = unsafe {
        NtQuerySystemInformation(
            SystemCodeIntegrityInformation,
            (&raw mut answer).cast(),
            length,
            null_mut(),
        )
    };
    let has = |option| answer.CodeIntegrityOptions & option != 0;
    (status >= 0).then(|| Options {
        test_signing: has(CODEINTEGRITY_OPTION_TESTSIGN),
        memory_integrity: has(CODEINTEGRITY_OPTION_HVCI_KMCI_ENABLED),
    })
}

/// Whether this program runs elevated, as an administrator.
pub fn is_elevated() -> Option<bool> {
    let mut token: HANDLE = null_mut();
    // SAFETY: the call has no precondition.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the process is this one, and the token may be written.
    if unsafe { OpenProcessToken(process, TOKEN_QUERY, &mut token) } == 0 {
        return None;
    }
    let mut elevation = TOKEN_ELEVATION { TokenIsElevated: 0 };
    let mut length = 0;
    // SAFETY: the token was opened for this; the answer of this class is a structure of this type, which may be
    // written, and its length is given.
    let read = unsafe {
        GetTokenInformation(
            token,
            TokenElevation,
            (&raw mut elevation).cast(),
            size_of::<TOKEN_ELEVATION>() as u32,
            &mut length,
        )
    };
    // SAFETY: the token was opened above and is used no more.
    unsafe { CloseHandle(token) };
    (read != 0).then_some(elevation.TokenIsElevated != 0)
}
