//! The object half of the framework model, called through the raw function table.
//!
//! Each test names the rule that it checks. What it asserts holds for any framework, except for what
//! `common` sets apart.

#[path = "../common/mod.rs"]
mod common;

mod attributes;
mod contexts;
mod copies;
mod deferral;
mod device;
mod driver;
mod embedded;
mod faults;
mod handles;
mod lifetime;
mod locks;
mod lookaside;
mod memory;
mod preallocated;
mod recorded;
mod sequences;
mod table;
mod tags;
mod verifier;
