//! What the driver keeps for each open of a device.

use kmdf::{Device, DriverParent, FileHandler, FileObject, Passive, Result, WaitLock};

use crate::{
    debug::{self, paged_code},
    device::DeviceState,
    quota::{Account, Quota},
    table::Table,
};

/// The file object's context.
pub struct FileState {
    /// What they are charged with.
    pub account: Account,
    /// Its objects. Calls on the same file object take turns.
    pub table: WaitLock<Table>,
}

kmdf::context!(FileState);

impl FileHandler for FileState {
    fn create(device: Device<'_>, _irql: &mut Passive) -> Result<Self> {
        paged_code!();
        let charged = device.context::<DeviceState>()?.quota.open()?;
        let table = WaitLock::new(&DriverParent, Table::default())?;
        charged.keep();
        Ok(Self {
            account: Account::of_a_file_object(),
            table,
        })
    }

    fn cleanup(&self, file: FileObject<'_>, irql: &mut Passive) {
        self.empty(file, irql);
    }

    /// Empties the table again, for a system that sends no cleanup.
    fn close(&self, file: FileObject<'_>, irql: &mut Passive) {
        self.empty(file, irql);
        if let Ok(device) = file.device().context::<DeviceState>() {
            device.quota.closed();
        }
    }
}

impl FileState {
    fn empty(&self, file: FileObject<'_>, irql: &mut Passive) {
        paged_code!();
        if let Ok(device) = file.device().context::<DeviceState>() {
            // The lock refuses only a thread that holds it already, which a callback does not.
            let quota = Quota {
                file: &self.account,
                device: &device.quota,
            };
            let closed = self.table.with(irql, |table, _irql| table.close(quota));
            if closed.is_err() {
                debug::unexpected("a file object is closed by the thread that holds its table");
            }
        }
    }
}
