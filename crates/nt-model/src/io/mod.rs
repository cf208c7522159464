//! The I/O manager's state in the machine.

pub(crate) mod level;
pub(crate) mod request;
pub(crate) mod transfer;

use crate::device::DeviceRecord;
use crate::device::interface::Interface;
use crate::driver::DriverRecord;
use crate::file::FileRecord;
use crate::irp;
use crate::machine::lock;
use crate::object::names::Directory;
use crate::pnp::Node;
use crate::pnp::lower::Script;
use crate::workitem::WorkRecord;
use crate::workitem::worker::Workers;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard};

/// The I/O manager of a machine.
#[derive(Default)]
pub(crate) struct IoManager {
    /// Never held while driver code runs or the run is stopped.
    tables: Mutex<Tables>,
    pub(crate) cancel_lock: AtomicU64,
    pub(crate) workers: Workers,
    /// What a test has the physical device objects do.
    pub(crate) script: Mutex<Option<Script>>,
}

/// What the I/O manager knows of the structures that it shares with drivers, by their addresses.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) drivers: BTreeMap<usize, DriverRecord>,
    pub(crate) devices: BTreeMap<usize, DeviceRecord>,
    pub(crate) files: BTreeMap<usize, FileRecord>,
    pub(crate) irps: HashMap<usize, irp::IrpRecord>,
    pub(crate) work_items: BTreeMap<usize, WorkRecord>,
    /// Device nodes by their physical device objects.
    pub(crate) nodes: BTreeMap<usize, Node>,
    pub(crate) names: Directory,
    pub(crate) interfaces: Vec<Interface>,
    /// The last number that was given to a device without a name.
    pub(crate) last_device_number: u32,
    /// The driver object that owns all physical devices; 0 before the first.
    pub(crate) bus_driver: usize,
}

impl IoManager {
    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }
}
