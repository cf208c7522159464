//! Misuse that does not compile: one program for each thing that the documentation of the calls
//! forbids, in `misuse/`, with the error of the compiler beside it.
//!
//! | what is forbidden | shown by |
//! | --- | --- |
//! | a request or its buffers after completing | `request_read_after_complete`, `request_bytes_after_complete`, `request_completed_twice`, `output_outlives_request`, `output_of_another_request`, `requests_swapped`, `file_object_kept_beyond_request` |
//! | the same after forwarding | `request_read_after_forward`, `request_completed_after_forward` |
//! | memory that outlives its request | `request_memory_outlives_request`, `request_memory_of_another_request`, `wrapped_input_outlives_request` |
//! | memory that outlives its buffer | `memory_outlives_buffer`, `buffer_used_while_lent` |
//! | memory that outlives its list or its device | harmless: see below |
//! | freeing to another list | `entry_freed_to_another_list` |
//! | deleting or freeing twice, use afterwards | `memory_deleted_twice`, `memory_used_after_delete`, `memory_bytes_after_delete`, `entry_freed_twice`, `entry_bytes_after_free`, `entry_duplicated` |
//! | pageable memory under a spin lock | `paged_memory_under_a_spin_lock`, `paged_bytes_held_across_a_spin_lock`, `paged_bytes_held_across_a_wait_lock_that_raises`, `bytes_of_any_kind_held_across_a_spin_lock`, `spin_lock_in_a_wait_lock_that_shares`, `paged_memory_lent_across_a_spin_lock`, `paged_bytes_hidden_in_...`, `paged_bytes_held_across_a_raised_level`, `paged_memory_at_a_raised_level`, `lower_level_at_a_raised_level`, and all `paged_..._at_dispatch` |
//! | pageable memory freed at DISPATCH_LEVEL | `request_memory_pageable`; else harmless: see below |
//! | calls of PASSIVE_LEVEL above it | `lookaside_list_made_at_dispatch`, `framework_list_made_at_dispatch`, `queue_made_at_dispatch`, `device_set_up_under_a_spin_lock`, `wait_lock_at_dispatch` |
//! | a witness on another thread | `witness_sent_to_another_thread`, `witness_shared_with_another_thread` |
//! | the witness of another level in a callback | `level_without_a_queue`, `simple_driver_at_another_level` |
//! | reading uninitialised memory | `memory_read_before_it_is_written`, `memory_taken_for_initialised`, `memory_declared_initialised`, `output_read` |
//! | a tag that is zero, not ASCII, or else none | `tag_zero`, `tag_not_ascii`, `tag_too_long`, `tag_untrackable`, `tag_kept_by_the_kernel`, `tag_of_bytes_at_run_time` |
//! | an over-aligned context or value | `context_over_aligned`, `built/..._over_aligned` |
//! | values that are too large for the kernel stack | `context_too_large_for_the_stack`, `built/..._too_large_for_the_stack` |
//! | a boxed value that borrows, as its drop may come later | `boxed_borrow` |
//! | moving a live list | `live_list_moved`; the value that stands for it may move: see below |
//!
//! What is not here is no compile error but made harmless, and shown to be so by running it:
//!
//! * memory, locks and lists that outlive their parent (`wrappers/ownership.rs`,
//!   `values_survive_the_deletion_of_their_parent`): the object gets a reference for its value then,
//!   so that the buffer stays until the value goes;
//! * memory and entries that outlive the value of their list (`wrappers/lookaside.rs`,
//!   `memory_outlives_its_list`; `wrappers/executive.rs`,
//!   `an_entry_outlives_the_value_of_its_list`): they keep the list;
//! * pageable values dropped at DISPATCH_LEVEL (`wrappers/memory.rs`,
//!   `pageable_memory_may_be_dropped_at_dispatch_level`; `wrappers/executive.rs`,
//!   `pageable_entries_may_be_dropped_at_dispatch_level`; `wrappers/preallocated.rs`,
//!   `a_pageable_buffer_may_be_dropped_at_dispatch_level`; `sequences/`): `Drop` cannot ask for a
//!   witness, and so defers the release;
//! * a list that moves as a value (`wrappers/executive.rs`, `a_list_may_move_as_a_value`): its
//!   storage stays where it is;
//! * forgotten values (`wrappers/ownership.rs`, `forgetting_is_harmless`).

#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "tests are named after what they show")]

use std::env;
use std::process::Command;

/// The compiler whose words are in the `.stderr` files: others put things differently.
const WORDED_BY: &str = "1.95";

/// The output of the compiler in use for an option, without the line's end.
fn compiler_says(option: &[&str]) -> Option<String> {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).args(option).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}

/// Why the words of the compiler in use cannot be compared, if they cannot.
fn incomparable() -> Option<String> {
    let Some(version) = compiler_says(&["--version"]) else {
        return Some("there is no compiler to ask, as in Wine".to_owned());
    };
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let rest = number.strip_prefix(WORDED_BY);
    let same = rest.is_some_and(|rest| rest.starts_with('.') && !rest.contains('-'));
    (!same).then(|| format!("the expected messages are those of Rust {WORDED_BY}, not {version}"))
}

/// C2, C3, C8, C9, C10, C13, P2, P6, P8, P9, P10, L4, L6, E1, E4, E5, E6, and what goes with them.
#[test]
fn misuse_does_not_compile() {
    if let Some(reason) = incomparable() {
        eprintln!("skipped: {reason}");
        return;
    }
    let programs = trybuild::TestCases::new();
    programs.compile_fail("tests/misuse/*.rs");
}

/// C5, C10, C11, C12: values that do not fit their memory, or the stack on their way there. That is found when code is generated, which
/// trybuild has done only if a program among them is to pass: the twin, with values that fit.
#[test]
fn misuse_is_not_built() {
    if let Some(reason) = incomparable() {
        eprintln!("skipped: {reason}");
        return;
    }
    let programs = trybuild::TestCases::new();
    programs.pass("tests/misuse/built/twin/*.rs");
    programs.compile_fail("tests/misuse/built/*.rs");
}
