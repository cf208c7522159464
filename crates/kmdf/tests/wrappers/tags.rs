//! Pool tags: rule C3, and what the pool stops the system for.

use kmdf::{Error, Tag};

/// A pool tag is one to four ASCII characters (C3).
#[test]
fn a_tag_is_one_to_four_ascii_characters() {
    for tag in [&b"M"[..], b"Me", b"Mem", b"Mem1", b"-1-", b"BIG1"] {
        assert!(Tag::try_from_bytes(tag).is_ok(), "{tag:?}");
    }
    for tag in [&b""[..], b"Mem12", b"caf\xE9", b"\0\0\0\0"] {
        assert_eq!(
            Tag::try_from_bytes(tag),
            Err(Error::INVALID_PARAMETER),
            "{tag:?}"
        );
    }
}

/// C3: a bug check otherwise, 0xC2/0x9C and, under Driver Verifier, 0xC2/0x9D.
#[test]
fn a_tag_that_the_pool_stops_the_system_for_is_refused() {
    for tag in [&b"BIG"[..], b"BIG\0", b"+-+-", b"\x01"] {
        assert_eq!(
            Tag::try_from_bytes(tag),
            Err(Error::INVALID_PARAMETER),
            "{tag:?}"
        );
    }
}

/// C3: `Tag::new` is for constants; elsewhere a bad tag is found when it is reached.
#[test]
#[should_panic(expected = "a pool tag is one to four ASCII characters")]
fn a_bad_tag_outside_of_a_constant_is_not_taken_in_silence() {
    let _ = Tag::new(b"BIG");
}
