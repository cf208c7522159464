//! What happens around the driver: devices, file objects and requests come and go.

use super::driver::{CONTEXTS, INTERFACE, PARK, RELEASE, RUN, TRANSFORM, prepare};
use super::step::{Action, Pick, Step};
use super::world::{Fault, Owner, World};
use kmdf::Error;
use kmdf_test::{Device, Driver, Kernel, NtStatus, Test};
use nt_model::{File, Pending};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a request may take that is to be completed by now.
const PATIENCE: Duration = Duration::from_secs(10);

/// STATUS_NO_MORE_ENTRIES: the manual queue has no request.
const NO_MORE_ENTRIES: i32 = 0x8000_001A_u32 as i32;

struct Opened {
    device: u32,
    file: File,
}

struct Present {
    device: Device,
    link: String,
}

struct Parked {
    file: u32,
    bytes: Vec<u8>,
    pending: Pending,
}

/// A running machine and the model of what is there.
pub struct Machine<'k> {
    kernel: &'k Kernel,
    driver: Driver,
    world: Arc<Mutex<World>>,
    next: u32,
    devices: BTreeMap<u32, Present>,
    files: BTreeMap<u32, Opened>,
    /// Devices that were pulled out while they were open.
    pulled: Vec<u32>,
    parked: BTreeMap<u32, VecDeque<Parked>>,
}

fn nth<T>(map: &BTreeMap<u32, T>, pick: Pick) -> Option<u32> {
    map.keys()
        .nth(usize::from(pick) % map.len().max(1))
        .copied()
}

fn named(what: &str) -> impl Fn(NtStatus) -> Fault {
    move |status| format!("{what}: {status}")
}

impl<'k> Machine<'k> {
    /// Loads the driver and adds a first device.
    pub fn start(test: &'k Test) -> Result<Self, Fault> {
        CONTEXTS.store(0, Ordering::Relaxed);
        prepare(None);
        let driver = test.load().map_err(|refused| refused.to_string())?;
        let mut machine = Self {
            kernel: test.kernel(),
            driver,
            world: Arc::default(),
            next: 0,
            devices: BTreeMap::new(),
            files: BTreeMap::new(),
            pulled: Vec::new(),
            parked: BTreeMap::new(),
        };
        machine.add_device()?;
        machine.open(0)?;
        Ok(machine)
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Does one step and checks what the driver reports.
    pub fn step(&mut self, step: &Step) -> Result<(), Fault> {
        match *step {
            Step::AddDevice if self.devices.len() < 3 => self.add_device(),
            Step::AddDevice => Ok(()),
            Step::RemoveDevice(pick) => self.remove_device(pick),
            Step::SurpriseRemove(pick) => self.surprise_remove(pick),
            Step::Open(pick) if self.files.len() < 6 => self.open(pick),
            Step::Open(_) => Ok(()),
            Step::Close(pick) => nth(&self.files, pick).map_or(Ok(()), |file| self.close(file)),
            Step::DropOnThread(pick) => {
                self.drop_on_thread(pick);
                Ok(())
            }
            Step::Park(file, length) => self.park(file, length),
            Step::Release(file) => self.release(file),
            Step::CancelParked(pick) => self.cancel(pick),
            Step::Transform {
                file,
                length,
                room,
                direct,
            } => self.transform(file, length, room, direct),
            Step::Run {
                file,
                ref action,
                fail,
            } => self.run(file, action, fail),
        }
    }

    fn add_device(&mut self) -> Result<(), Fault> {
        let known = self.kernel.interfaces(&INTERFACE.get());
        let device = (self.driver.add_device(r"ROOT\SEQUENCES")).map_err(named("adding"))?;
        let mut links = self.kernel.interfaces(&INTERFACE.get());
        links.retain(|link| !known.contains(link));
        let link = links.pop().ok_or("the device has no interface")?;
        let number = self.number();
        self.devices.insert(number, Present { device, link });
        Ok(())
    }

    fn open(&mut self, pick: Pick) -> Result<(), Fault> {
        let Some(device) = nth(&self.devices, pick) else {
            return Ok(());
        };
        let file = self
            .kernel
            .open(&self.devices[&device].link)
            .map_err(named("opening"))?;
        let number = self.number();
        self.files.insert(number, Opened { device, file });
        Ok(())
    }

    fn close(&mut self, number: u32) -> Result<(), Fault> {
        let Some(Opened { device, file }) = self.files.remove(&number) else {
            return Ok(());
        };
        file.close();
        self.settle(device, Some(number), Some(Error::CANCELLED))?;
        self.gone(Owner::File(number));
        let open = self.files.values().any(|other| other.device == device);
        if !open && self.pulled.contains(&device) {
            self.pulled.retain(|&pulled| pulled != device);
            self.gone(Owner::Device(device));
        }
        Ok(())
    }

    /// Waiting requests of a file object, or all of a device, are over.
    fn settle(&mut self, device: u32, file: Option<u32>, with: Option<Error>) -> Result<(), Fault> {
        let waiting = self.parked.remove(&device).unwrap_or_default();
        for parked in waiting {
            if file.is_some_and(|file| file != parked.file) {
                self.parked.entry(device).or_default().push_back(parked);
                continue;
            }
            if !parked.pending.completes_within(PATIENCE) {
                return Err("a waiting request outlives its file object".to_owned());
            }
            let status = parked.pending.wait().0.status;
            if status >= 0 || with.is_some_and(|error| error.status() != status) {
                return Err(format!("a waiting request ended with {}", NtStatus(status)));
            }
        }
        Ok(())
    }

    fn gone(&self, owner: Owner) {
        self.world().gone.insert(owner);
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove_device(&mut self, pick: Pick) -> Result<(), Fault> {
        let Some(number) = nth(&self.devices, pick) else {
            return Ok(());
        };
        let files: Vec<_> = (self.files.iter())
            .filter(|(_, opened)| opened.device == number)
            .map(|(&file, _)| file)
            .collect();
        for file in files {
            self.close(file)?;
        }
        if let Some(Present { device, .. }) = self.devices.remove(&number) {
            device.remove().map_err(named("removing"))?;
        }
        self.gone(Owner::Device(number));
        Ok(())
    }

    fn surprise_remove(&mut self, pick: Pick) -> Result<(), Fault> {
        let Some(number) = nth(&self.devices, pick) else {
            return Ok(());
        };
        if let Some(Present { device, .. }) = self.devices.remove(&number) {
            device.surprise_remove().map_err(named("pulling out"))?;
        }
        if self.files.values().any(|opened| opened.device == number) {
            self.pulled.push(number);
        } else {
            self.gone(Owner::Device(number));
        }
        self.settle(number, None, None)
    }

    fn drop_on_thread(&self, pick: Pick) {
        let mut world = self.world();
        let Some(index) = world.index(pick) else {
            return;
        };
        let item = world.items.remove(index);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // Joins the machine; a thread of the system would be part of it already.
                let _ = self.kernel.verifier();
                drop(item);
            });
        });
    }

    /// A drawn file object of a device that is there; a new one if there is none.
    fn usable(&mut self, pick: Pick) -> Result<u32, Fault> {
        if self.devices.is_empty() {
            self.add_device()?;
        }
        if !(self.files.values()).any(|opened| self.devices.contains_key(&opened.device)) {
            self.open(pick)?;
        }
        let usable: Vec<_> = (self.files.iter())
            .filter(|(_, opened)| self.devices.contains_key(&opened.device))
            .map(|(&file, _)| file)
            .collect();
        usable
            .get(usize::from(pick) % usable.len().max(1))
            .copied()
            .ok_or_else(|| "the device did not open".to_owned())
    }

    fn park(&mut self, pick: Pick, length: usize) -> Result<(), Fault> {
        let file = self.usable(pick)?;
        let opened = &self.files[&file];
        let bytes: Vec<u8> = (0..length).map(|index| index as u8 ^ pick).collect();
        let pending = opened.file.ioctl_async(PARK, &bytes, length);
        if pending.is_complete() {
            let status = NtStatus(pending.wait().0.status);
            return Err(format!("a request that is to wait ended with {status}"));
        }
        let parked = Parked {
            file,
            bytes,
            pending,
        };
        self.parked
            .entry(opened.device)
            .or_default()
            .push_back(parked);
        Ok(())
    }

    fn release(&mut self, pick: Pick) -> Result<(), Fault> {
        let file = self.usable(pick)?;
        let opened = &self.files[&file];
        let status = opened.file.ioctl(RELEASE, &[], &mut []).status;
        let oldest = self
            .parked
            .get_mut(&opened.device)
            .and_then(VecDeque::pop_front);
        let Some(Parked {
            mut bytes, pending, ..
        }) = oldest
        else {
            return match status {
                NO_MORE_ENTRIES => Ok(()),
                _ => Err(format!("nothing waits, and yet {}", NtStatus(status))),
            };
        };
        if status != 0 || !pending.completes_within(PATIENCE) {
            return Err(format!("the oldest request waits on: {}", NtStatus(status)));
        }
        bytes.reverse();
        let (outcome, output) = pending.wait();
        if outcome.status != 0 || outcome.information != bytes.len() || output != bytes {
            return Err(format!(
                "a request was released with {outcome:?}: {output:?}"
            ));
        }
        Ok(())
    }

    fn cancel(&mut self, pick: Pick) -> Result<(), Fault> {
        let Some(device) = nth(&self.parked, pick) else {
            return Ok(());
        };
        let waiting = self.parked.entry(device).or_default();
        if waiting.is_empty() {
            return Ok(());
        }
        let at = usize::from(pick) % waiting.len();
        let Some(Parked { pending, .. }) = waiting.remove(at) else {
            return Ok(());
        };
        if !pending.cancel() || !pending.completes_within(PATIENCE) {
            return Err("a waiting request cannot be cancelled".to_owned());
        }
        let status = pending.wait().0.status;
        if status != Error::CANCELLED.status() {
            return Err(format!("a request was cancelled with {}", NtStatus(status)));
        }
        Ok(())
    }

    fn transform(
        &mut self,
        pick: Pick,
        length: usize,
        room: usize,
        direct: bool,
    ) -> Result<(), Fault> {
        let file = self.usable(pick)?;
        let input: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let mut output = vec![0xCC; room];
        let code = TRANSFORM | if direct { 2 } else { 0 };
        let outcome = self.files[&file].file.ioctl(code, &input, &mut output);
        let mut wanted = vec![0xCC; room];
        let expected = if length == 0 {
            Error::INVALID_PARAMETER.status()
        } else if room < length {
            Error::BUFFER_TOO_SMALL.status()
        } else {
            for (place, byte) in wanted.iter_mut().zip(input.iter().rev()) {
                *place = byte ^ 0x5A;
            }
            0
        };
        let information = if expected == 0 { length } else { 0 };
        if (outcome.status, outcome.information) != (expected, information) || output != wanted {
            return Err(format!("transforming {length} into {room}: {outcome:?}"));
        }
        Ok(())
    }

    fn run(&mut self, pick: Pick, action: &Action, fail: Option<u64>) -> Result<(), Fault> {
        let file = self.usable(pick)?;
        let Opened {
            device,
            file: opened,
        } = &self.files[&file];
        let outcome = Arc::new(Mutex::new(None));
        let (slot, world, device, action) =
            (outcome.clone(), self.world.clone(), *device, action.clone());
        self.world().failing = fail.is_some();
        prepare(Some(Box::new(move |here, irql| {
            let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
            let acted = world.act(&action, here, device, file, irql);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(acted);
        })));
        if let Some(nth) = fail {
            self.kernel.fail_nth_allocation(nth);
        }
        let status = opened.ioctl(RUN, &[], &mut []).status;
        if fail.is_some() {
            self.kernel.fail_nth_allocation(0);
        }
        prepare(None);
        let outcome = outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match outcome {
            Some(outcome) => outcome,
            // The request itself found no memory.
            None if fail.is_some() && status == Error::INSUFFICIENT_RESOURCES.status() => Ok(()),
            None => Err(format!("a request was not handled: {}", NtStatus(status))),
        }
    }

    /// Takes everything down, and sees that nothing is left.
    pub fn finish(mut self) -> Result<(), Fault> {
        self.run(0, &Action::Check { raised: false }, None)?;
        while let Some(file) = nth(&self.files, 0) {
            self.close(file)?;
        }
        while !self.devices.is_empty() {
            self.remove_device(0)?;
        }
        self.world().items.clear();
        self.driver.unload().map_err(named("unloading"))?;
        let report = self.kernel.verifier();
        let contexts = CONTEXTS.load(Ordering::Relaxed);
        if report.live_blocks != 0 || report.live_lookaside_lists != 0 || contexts != 0 {
            return Err(format!("left: {contexts} contexts, {report:?}"));
        }
        Ok(())
    }
}
