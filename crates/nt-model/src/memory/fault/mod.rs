//! Faults: pages memory in, and turns forbidden accesses into bug checks.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

pub(super) use system::{install, prepare_thread};

use super::{Page, Region, region_of};
use crate::stop::{MODEL_STOP, Report};
use crate::{irql, kernel_stack, machine};
use kmdf_sys::{
    DISPATCH_LEVEL, DRIVER_IRQL_NOT_LESS_OR_EQUAL, KMODE_EXCEPTION_NOT_HANDLED,
    PAGE_FAULT_BEYOND_END_OF_ALLOCATION, PAGE_FAULT_IN_FREED_SPECIAL_POOL,
    PAGE_FAULT_IN_NONPAGED_AREA, STATUS_ACCESS_VIOLATION,
};

/// Execution of memory that holds no code.
const ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY: u32 = 0xFC;

/// No memory lies below this address: an access here went through a null pointer.
const NULL_AREA: usize = 0x1_0000;

/// Stands for an address that the processor cannot form, as on Windows.
const IMPOSSIBLE: usize = usize::MAX;

/// An access that the system denied.
struct Access {
    address: usize,
    write: bool,
    /// Where the instruction was, 0 if unknown.
    instruction: usize,
}

impl Access {
    /// Whether the address cannot be that of any memory.
    fn is_wild(&self) -> bool {
        self.address < NULL_AREA || self.address == IMPOSSIBLE
    }
}

/// Handles an access that the system denied. False if it is not in memory of this crate; true
/// if it may be tried again.
fn on_fault(access: &Access) -> bool {
    match region_of(access.address) {
        Some(region) => on_region(region, access),
        None if kernel_stack::is_overflow(access.address) => {
            machine::current().stop(kernel_stack::overflow());
            machine::park();
        }
        None if access.is_wild() && machine::is_joined() => on_wild(access),
        None => return false,
    }
    true
}

fn on_region(region: &Region, access: &Access) {
    if region.is_abandoned() {
        machine::park();
    }
    let (address, write) = (access.address as u64, u64::from(access.write));
    let instruction = access.instruction as u64;
    let common = [address, write, instruction, 0];
    let page = region.page(access.address);
    match region.state(page) {
        Page::Live if access.instruction == access.address => {
            stop(ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY, [address, 0, 0, 0]);
        }
        Page::Live if u32::from(irql::current()) >= DISPATCH_LEVEL && region.is_pageable() => stop(
            DRIVER_IRQL_NOT_LESS_OR_EQUAL,
            [address, u64::from(irql::current()), write, instruction],
        ),
        Page::Live => {
            if !region.page_in(page) {
                stop(MODEL_STOP, [0, address, 0, 0]);
            }
        }
        Page::SpecialGuard => stop(PAGE_FAULT_BEYOND_END_OF_ALLOCATION, common),
        Page::SpecialFreed => stop(PAGE_FAULT_IN_FREED_SPECIAL_POOL, common),
        // Bit 1 stands for a write here.
        Page::Unused | Page::Freed => stop(
            PAGE_FAULT_IN_NONPAGED_AREA,
            [address, write << 1, instruction, 0],
        ),
    }
}

fn on_wild(access: &Access) {
    let (address, write) = (access.address as u64, u64::from(access.write));
    let instruction = access.instruction as u64;
    let irql = irql::current();
    if u32::from(irql) >= DISPATCH_LEVEL && access.address != IMPOSSIBLE {
        let parameters = [address, u64::from(irql), write, instruction];
        stop(DRIVER_IRQL_NOT_LESS_OR_EQUAL, parameters);
    }
    let status = u64::from(STATUS_ACCESS_VIOLATION as u32);
    let parameters = [status, instruction, write, address];
    stop(KMODE_EXCEPTION_NOT_HANDLED, parameters);
}

/// Records the bug check and blocks the thread. The waiting thread formats the message.
fn stop(code: u32, parameters: [u64; 4]) -> ! {
    machine::current().stop(Report {
        code,
        parameters,
        message: String::new(),
    });
    machine::park()
}
