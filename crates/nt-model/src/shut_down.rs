//! The end of a run: nothing stays open, started or loaded, so that the checks at unload are made.

use crate::driver::Driver;
use crate::file;
use crate::machine::Kernel;
use crate::pnp::Device;
use crate::stop;

impl Kernel {
    /// Takes everything down that is there: cancels the requests of open handles and closes these, as the
    /// end of their process does, removes all devices and unloads all drivers. A device whose removal a
    /// driver refuses is surprise-removed then.
    ///
    /// Returns a sentence for each removal that was refused, and for each driver that stays because it has
    /// no unload routine. [`run`](crate::run) does all this after its scenario; a scenario that wants to
    /// look at what is left calls it itself.
    ///
    /// What a driver leaves behind at unload stops the run, and so does a request that is never completed.
    pub fn shut_down(&self) -> Vec<String> {
        let machine = self.enter();
        file::close_handles(machine);
        machine.io.workers.wait_idle();
        self.check_requests();
        file::close_all(machine);
        let mut refused = Vec::new();
        let physical: Vec<usize> = machine.io.tables().nodes.keys().copied().collect();
        for physical in physical {
            let device = Device::new(self, physical);
            if let Err(status) = device.clone().remove() {
                refused.push(format!("the removal of a device was refused: {status}"));
                // It fails if the device is not there any more.
                let _ = device.surprise_remove();
            }
        }
        for driver in Driver::all(self) {
            let service = driver.service().to_owned();
            if let Err(status) = driver.unload() {
                refused.push(format!("the driver {service} was not unloaded: {status}"));
            }
        }
        refused
    }

    /// Stops the run if a request was never completed.
    fn check_requests(&self) {
        let lost: Vec<String> = {
            let tables = self.machine.io.tables();
            let in_flight = tables.irps.values().filter(|record| !record.completed);
            let requests = in_flight.filter_map(|record| record.request.as_ref());
            requests
                .map(|request| request.subject.to_string())
                .collect()
        };
        if let Some(first) = lost.first() {
            stop::bug_check(
                stop::MODEL_STOP,
                [lost.len() as u64, 0, 0, 0],
                format!(
                    "the machine was shut down with {} IRP(s) never completed, the first: {first}",
                    lost.len()
                ),
            );
        }
    }
}
