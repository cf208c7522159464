//! The end of a run: nothing stays open, started or loaded, so that the checks at unload are made.

use crate::driver::Driver;
use crate::file;
use crate::machine::Kernel;
use crate::pnp::Device;
use crate::stop;

impl Kernel {
    /// Takes everything down that is there: cancels the requests of open handles and closes these, as the
    /// end of their process does, removes all devices and unloads all drivers. A device whose driver
    /// refuses to have it removed is removed without being asked.
    ///
    /// Gives back the services of drivers that stay because they have no unload routine. [`run`](crate::run)
    /// does all this after its scenario; a scenario that wants to look at what is left calls it itself.
    ///
    /// What a driver leaves behind at unload stops the run, and so does a request that is never completed.
    pub fn shut_down(&self) -> Vec<String> {
        let machine = self.enter();
        file::close_handles(machine);
        machine.io.workers.wait_idle();
        self.check_requests();
        file::close_all(machine);
        let physical: Vec<usize> = machine.io.tables().nodes.keys().copied().collect();
        for physical in physical {
            let device = Device::new(self, physical);
            if device.clone().remove().is_err() {
                // Not there any more, if that fails too.
                let _ = device.surprise_remove();
            }
        }
        let drivers = Driver::all(self);
        let stays = drivers.filter_map(|driver| {
            let service = driver.service().to_owned();
            driver.unload().err().map(|_| service)
        });
        stays.collect()
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
