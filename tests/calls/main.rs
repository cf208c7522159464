//! Every call of the contract, through the whole driver: what it does when it may.

#![cfg(not(wdk))]

#[path = "../common/mod.rs"]
mod common;

mod bytes;
mod debug;
mod interface;
mod lists;
mod memory;

use common::*;
use wdfmem_ioctl::*;

const POOLS: [PoolKind; 2] = [PoolKind::NonPaged, PoolKind::Paged];

fn created(reply: &Reply) -> (Handle, Traits, u64) {
    let created: Created = reply.parse();
    (created.handle(), created.traits(), created.size.get())
}
