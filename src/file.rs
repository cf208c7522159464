//! What the driver keeps for each open of a device.

use kmdf::{Device, DriverParent, FileHandler, FileObject, Passive, Result, WaitLock};

use crate::{
    debug::{self, paged_code},
    device::DeviceState,
    table::Table,
};

/// The file object's context.
pub struct FileState {
    /// Its objects. Calls on the same file object take turns.
    pub table: WaitLock<Table>,
}

kmdf::context!(FileState);

impl FileHandler for FileState {
    fn create(_device: Device<'_>, _irql: &mut Passive) -> Result<Self> {
        paged_code!();
        Ok(Self {
            table: WaitLock::new(&DriverParent, Table::default())?,
        })
    }

    fn cleanup(&self, file: FileObject<'_>, irql: &mut Passive) {
        self.empty(file, irql);
    }

    /// For a system that sends no cleanup.
    fn close(&self, file: FileObject<'_>, irql: &mut Passive) {
        self.empty(file, irql);
    }
}

impl FileState {
    fn empty(&self, file: FileObject<'_>, irql: &mut Passive) {
        paged_code!();
        if let Ok(device) = file.device().context::<DeviceState>() {
            // The lock refuses only a thread that holds it already, which a callback does not.
            let closed = self.table.with(irql, |table, _irql| table.close(device));
            if closed.is_err() {
                debug::unexpected("a file object is closed by the thread that holds its table");
            }
        }
    }
}
