//! What the driver keeps for each open of a device.

use kmdf::{Device, DriverParent, FileHandler, FileObject, Passive, Result, WaitLock};

use crate::{device::DeviceState, table::Table};

/// The file object's context.
pub struct FileState {
    /// Its objects. Calls on the same file object take turns.
    pub table: WaitLock<Table>,
}

kmdf::context!(FileState);

impl FileHandler for FileState {
    fn create(_device: Device<'_>, _irql: &mut Passive) -> Result<Self> {
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
        if let Ok(device) = file.device().context::<DeviceState>() {
            // The lock refuses only a thread that holds it already, which a callback does not.
            let _ = self.table.with(irql, |table, _irql| table.close(device));
        }
    }
}
