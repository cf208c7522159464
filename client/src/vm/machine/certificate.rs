//! The certificates in a file's signature, and whether the machine's stores have them.

use std::{
    path::Path,
    ptr::{null, null_mut},
};

use windows_sys::Win32::Security::Cryptography::{
    CERT_CONTEXT, CERT_FIND_EXISTING, CERT_QUERY_CONTENT_FLAG_CERT,
    CERT_QUERY_CONTENT_FLAG_PKCS7_SIGNED, CERT_QUERY_CONTENT_FLAG_PKCS7_SIGNED_EMBED,
    CERT_QUERY_FORMAT_FLAG_ALL, CERT_QUERY_OBJECT_FILE, CERT_SHA1_HASH_PROP_ID,
    CERT_STORE_OPEN_EXISTING_FLAG, CERT_STORE_PROV_SYSTEM_W, CERT_STORE_READONLY_FLAG,
    CERT_SYSTEM_STORE_LOCAL_MACHINE, CertCloseStore, CertEnumCertificatesInStore,
    CertFindCertificateInStore, CertFreeCertificateContext, CertGetCertificateContextProperty,
    CertOpenStore, CryptQueryObject, HCERTSTORE, PKCS_7_ASN_ENCODING, X509_ASN_ENCODING,
};

use crate::devices::wide;

const ENCODING: u32 = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING;

/// # Invariants
///
/// Holds a store that is open and that nobody else closes.
struct Store(HCERTSTORE);

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: by the invariant, the store is open, and nobody uses it after this. Contexts keep what they need.
        unsafe { CertCloseStore(self.0, 0) };
    }
}

/// # Invariants
///
/// Holds a certificate's context that is counted for this value.
struct Context(*const CERT_CONTEXT);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: by the invariant, the context is counted for this value, which ends here.
        unsafe { CertFreeCertificateContext(self.0) };
    }
}

/// The certificates of one file, at least one.
pub struct Certificates(Vec<Context>);

/// Reads the certificates from a signed image, a catalog or a certificate's file. `None` if there are none.
pub fn of(file: &Path) -> Option<Certificates> {
    let name = wide(file);
    let mut store: HCERTSTORE = null_mut();
    // SAFETY: the object is a file's name, which ends with a zero; the store may be written, the other results may be
    // null.
    let read = unsafe {
        CryptQueryObject(
            CERT_QUERY_OBJECT_FILE,
            name.as_ptr().cast(),
            CERT_QUERY_CONTENT_FLAG_PKCS7_SIGNED_EMBED
                | CERT_QUERY_CONTENT_FLAG_PKCS7_SIGNED
                | CERT_QUERY_CONTENT_FLAG_CERT,
            CERT_QUERY_FORMAT_FLAG_ALL,
            0,
            null_mut(),
            null_mut(),
            null_mut(),
            &mut store,
            null_mut(),
            null_mut(),
        )
    };
    if read == 0 || store.is_null() {
        return None;
    }
    // INVARIANT: the call above opened the store for its caller.
    let store = Store(store);
    let mut contexts = Vec::new();
    loop {
        // The call would end the context that it goes on from: each is found anew by its number.
        let mut found: *const CERT_CONTEXT = null();
        for _ in 0..=contexts.len() {
            // SAFETY: the store is open; the context is null or one that this call returned, which it takes over.
            found = unsafe { CertEnumCertificatesInStore(store.0, found) };
        }
        if found.is_null() {
            break;
        }
        // INVARIANT: the last call returned the context counted for its caller.
        contexts.push(Context(found));
    }
    (!contexts.is_empty()).then_some(Certificates(contexts))
}

impl Certificates {
    /// Whether the machine's store of this name has one of them. `None` if it cannot be read.
    ///
    /// A test certificate is its own root; with a chain, the root is in one store and the signer in the other.
    pub fn in_store(&self, name: &str) -> Option<bool> {
        let name = wide(name);
        // SAFETY: the provider takes a name that ends with a zero; a null provider handle is the default one.
        let store = unsafe {
            CertOpenStore(
                CERT_STORE_PROV_SYSTEM_W,
                0,
                Default::default(),
                CERT_SYSTEM_STORE_LOCAL_MACHINE
                    | CERT_STORE_READONLY_FLAG
                    | CERT_STORE_OPEN_EXISTING_FLAG,
                name.as_ptr().cast(),
            )
        };
        if store.is_null() {
            // A store that nothing was ever put in is not there.
            return Some(false);
        }
        // INVARIANT: the call above opened the store for its caller.
        let store = Store(store);
        Some(self.0.iter().any(|context| {
            // SAFETY: the store is open and the context valid; to find an existing one is to find that context again.
            let found = unsafe {
                CertFindCertificateInStore(
                    store.0,
                    ENCODING,
                    0,
                    CERT_FIND_EXISTING,
                    context.0.cast(),
                    null(),
                )
            };
            if found.is_null() {
                return false;
            }
            // INVARIANT: the call above returned the context counted for its caller.
            drop(Context(found));
            true
        }))
    }

    /// The SHA-1 thumbprint of the first, in hexadecimal, as certutil shows it.
    pub fn thumbprint(&self) -> String {
        let mut hash = [0_u8; 20];
        let mut length = hash.len() as u32;
        let Some(first) = self.0.first() else {
            return String::new();
        };
        // SAFETY: the context is valid; the property is 20 bytes long, and the buffer as long as is said.
        let read = unsafe {
            CertGetCertificateContextProperty(
                first.0,
                CERT_SHA1_HASH_PROP_ID,
                hash.as_mut_ptr().cast(),
                &mut length,
            )
        };
        if read == 0 {
            return "a certificate without a thumbprint".to_owned();
        }
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
