//! Why Windows rejected a step of the installation, and what to do next.

use serde::Serialize;

use super::codes::{self, Next};

/// The settings that decide whether Windows accepts a test-signed driver. `None` where the query failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trust {
    /// Whether this program has administrator rights.
    pub elevated: Option<bool>,
    /// Whether Secure Boot is on.
    pub secure_boot: Option<bool>,
    /// Whether Windows runs in test mode.
    pub test_signing: Option<bool>,
    /// Whether memory integrity (HVCI) checks kernel images.
    pub memory_integrity: Option<bool>,
    /// Whether the driver, or its package, has a signature.
    pub signed: Option<bool>,
    /// Whether its certificate is in the machine's Root store.
    pub in_root: Option<bool>,
    /// Whether its certificate is in the machine's TrustedPublisher store.
    pub in_trusted_publisher: Option<bool>,
}

impl Trust {
    /// The first thing to change so that Windows accepts the signature.
    pub fn next(&self) -> String {
        let testing = "run `bcdedit /set testsigning on` from an elevated command prompt, then restart Windows";
        match self {
            Self {
                secure_boot: Some(true),
                test_signing: Some(false) | None,
                ..
            } => format!(
                "turn off Secure Boot in the virtual machine's settings, because it forbids test signing; then {testing}"
            ),
            Self {
                test_signing: Some(false),
                ..
            } => format!("test signing is off: {testing}"),
            Self {
                signed: Some(false),
                ..
            } => "the package is not signed: make a signed one with `cargo kmdf package` or `cargo make`"
                .to_owned(),
            Self {
                in_root: Some(false),
                in_trusted_publisher,
                ..
            } => {
                let both = *in_trusted_publisher == Some(false);
                add_certificate(if both {
                    &["Root", "TrustedPublisher"]
                } else {
                    &["Root"]
                })
            }
            Self {
                in_trusted_publisher: Some(false),
                ..
            } => add_certificate(&["TrustedPublisher"]),
            Self {
                test_signing: Some(true),
                signed: Some(true),
                in_root: Some(true),
                in_trusted_publisher: Some(true),
                ..
            } => {
                "the machine takes test-signed drivers and knows the certificate, so the files do not fit their \
                 signatures: copy the package again as a whole. If that does not help, make and sign a new package"
                    .to_owned()
            }
            _ => "`wdfmem status` shows test signing, Secure Boot and whether the certificate is in both stores: \
                  each must be as docs/vm.md says"
                .to_owned(),
        }
    }
}

fn add_certificate(stores: &[&str]) -> String {
    let commands: Vec<String> = stores
        .iter()
        .map(|store| format!("`certutil -f -addstore {store} wdfmem.cer`"))
        .collect();
    format!(
        "the certificate is missing in the machine's {}: run {} from an elevated command prompt",
        stores.join(" and "),
        commands.join(" and ")
    )
}

/// A rejected call: why it was rejected, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which call was rejected, and why.
    pub what: String,
    /// What to do next.
    pub next: String,
}

/// Why a call of Windows failed with a code.
///
/// `system_text` is Windows' own text for the code; it has none for the codes of SetupAPI.
pub fn of_call(call: &str, code: u32, system_text: &str, trust: &Trust) -> Rejection {
    let code_written = codes::written(code);
    let Some(known) = codes::explain(code) else {
        let text = system_text.trim_end().trim_end_matches('.');
        let why = if text.is_empty() {
            String::new()
        } else {
            format!(", {text}")
        };
        return Rejection {
            what: format!("Windows rejected {call}: {code_written}{why}"),
            next: if trust.elevated == Some(false) {
                NOT_ELEVATED.to_owned()
            } else {
                "`wdfmem logs` shows what Windows wrote about it".to_owned()
            },
        };
    };
    Rejection {
        what: format!(
            "Windows rejected {call}: {}.\n  {code_written} {}",
            known.meaning, known.name
        ),
        next: match known.next {
            Next::Do(next) => next.to_owned(),
            Next::Signature => trust.next(),
        },
    }
}

/// What to do without administrator rights.
pub const NOT_ELEVATED: &str = "run this from an elevated command prompt: open the Start menu, type cmd, \
     choose Run as administrator";

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Trust = Trust {
        elevated: Some(true),
        secure_boot: Some(false),
        test_signing: Some(true),
        memory_integrity: Some(false),
        signed: Some(true),
        in_root: Some(true),
        in_trusted_publisher: Some(true),
    };

    fn next(change: impl FnOnce(&mut Trust)) -> String {
        let mut trust = READY;
        change(&mut trust);
        of_call("the installation", 0xE000_0247, "", &trust).next
    }

    #[test]
    fn a_rejected_signature_is_traced_to_the_setting_that_is_wrong() {
        let off = next(|trust| trust.test_signing = Some(false));
        assert!(off.contains("bcdedit /set testsigning on"), "{off}");
        assert!(!off.contains("Secure Boot"), "{off}");
        let secure = next(|trust| {
            trust.test_signing = Some(false);
            trust.secure_boot = Some(true);
        });
        assert!(secure.contains("turn off Secure Boot"), "{secure}");
        let root = next(|trust| trust.in_root = Some(false));
        assert!(root.contains("-addstore Root wdfmem.cer"), "{root}");
        assert!(!root.contains("TrustedPublisher"), "{root}");
        let publisher = next(|trust| trust.in_trusted_publisher = Some(false));
        assert!(
            publisher.contains("-addstore TrustedPublisher"),
            "{publisher}"
        );
        assert!(!publisher.contains("Root"), "{publisher}");
        let both = next(|trust| {
            trust.in_root = Some(false);
            trust.in_trusted_publisher = Some(false);
        });
        assert!(
            both.contains("-addstore Root wdfmem.cer` and `certutil"),
            "{both}"
        );
        let unsigned = next(|trust| trust.signed = Some(false));
        assert!(unsigned.contains("cargo kmdf package"), "{unsigned}");
        assert!(next(|_| ()).contains("copy the package again"));
        assert!(next(|trust| *trust = Trust::default()).contains("wdfmem status"));
    }

    #[test]
    fn a_code_without_an_explanation_is_shown_with_the_text_of_windows() {
        let rejection = of_call(
            "the removal",
            1450,
            "Insufficient system resources.\r\n",
            &READY,
        );
        assert_eq!(
            rejection.what,
            "Windows rejected the removal: error 1450, Insufficient system resources"
        );
        assert!(rejection.next.contains("wdfmem logs"));
        let trust = Trust {
            elevated: Some(false),
            ..READY
        };
        assert_eq!(of_call("it", 1450, "", &trust).next, NOT_ELEVATED);
    }

    #[test]
    fn a_rejection_names_the_code_as_people_search_for_it() {
        let rejection = of_call("the installation", 5, "", &READY);
        assert!(rejection.what.ends_with("error 5 ERROR_ACCESS_DENIED"));
        assert!(rejection.next.contains("Run as administrator"));
        let rejection = of_call("the installation", 0xE000_024B, "", &READY);
        assert!(
            rejection
                .what
                .contains("0xE000024B ERROR_FILE_HASH_NOT_IN_CATALOG")
        );
        assert!(rejection.next.contains("copy the package again"));
    }
}
