//! The wrappers, run by small safe drivers over the models.
//!
//! A test names the rules that it shows: C, P, L and E are the documented rules of the four calls,
//! the others those of the framework.

#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "tests are named after what they show")]

mod auto_traits;
mod boxed;
mod contexts;
mod driver;
mod everything;
mod executive;
mod greedy;
mod hostile;
mod information;
mod levels;
mod loading;
mod locks;
mod lookaside;
mod memory;
mod ownership;
mod preallocated;
mod queues;
mod raise;
mod ready;
mod reloading;
mod requests;
mod simple;
mod supply;
mod tags;
mod threads;
mod typed;

use driver::{inside, inside_with, on_requests};
use kmdf_model as _;
