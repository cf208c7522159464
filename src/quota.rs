//! What file objects and the device may have, and what they do have.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kmdf::{Error, Result};
use wdfmem_ioctl::{DEVICE_BYTES, DEVICE_OBJECTS, FILE_BYTES, FILE_OBJECTS, Kind, Status, wire};

use crate::status::error;

/// Objects and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Objects.
    pub objects: u32,
    /// Bytes.
    pub bytes: u64,
}

impl Charge {
    /// One object with so many bytes.
    pub const fn object(bytes: u64) -> Self {
        Self { objects: 1, bytes }
    }

    /// Both together, or nothing if that is more than anybody may have.
    fn with(self, more: Self, most: Self) -> Option<Self> {
        let objects = self
            .objects
            .checked_add(more.objects)
            .filter(|sum| *sum <= most.objects)?;
        let bytes = self
            .bytes
            .checked_add(more.bytes)
            .filter(|sum| *sum <= most.bytes)?;
        Some(Self { objects, bytes })
    }

    /// What is left after some of it was given back.
    pub const fn without(self, less: Self) -> Self {
        Self {
            objects: self.objects.saturating_sub(less.objects),
            bytes: self.bytes.saturating_sub(less.bytes),
        }
    }

    /// As it stands in an answer.
    pub fn usage(self) -> wire::Usage {
        wire::Usage {
            objects: u64::from(self.objects).into(),
            bytes: self.bytes.into(),
        }
    }
}

/// The most that a file object may have.
const FILE: Charge = Charge {
    objects: FILE_OBJECTS,
    bytes: FILE_BYTES,
};

/// What one file object is charged with; the device is charged with the same on top.
#[derive(Debug, Default)]
pub struct FileQuota {
    used: Charge,
}

impl FileQuota {
    /// Charges the file object and its device, both or neither.
    pub fn charge(&mut self, device: &DeviceQuota, more: Charge) -> Result<()> {
        let used = self.used.with(more, FILE).ok_or_else(exceeded)?;
        device.charge(more)?;
        self.used = used;
        Ok(())
    }

    /// Gives back what was charged.
    pub fn refund(&mut self, device: &DeviceQuota, less: Charge) {
        self.used = self.used.without(less);
        device.refund(less);
    }

    /// What the file object is charged with.
    pub const fn used(&self) -> Charge {
        self.used
    }
}

fn exceeded() -> Error {
    error(Status::QUOTA_EXCEEDED)
}

/// What all file objects of a device are charged with together, and what they have of each kind.
#[derive(Debug, Default)]
pub struct DeviceQuota {
    objects: AtomicU32,
    bytes: AtomicU64,
    live: [Live; Kind::ALL.len()],
}

#[derive(Debug, Default)]
struct Live {
    objects: AtomicU32,
    bytes: AtomicU64,
}

impl DeviceQuota {
    fn charge(&self, more: Charge) -> Result<()> {
        let (order, relaxed) = (Ordering::Relaxed, Ordering::Relaxed);
        self.objects
            .fetch_update(order, relaxed, |sum| {
                sum.checked_add(more.objects)
                    .filter(|sum| *sum <= DEVICE_OBJECTS)
            })
            .map_err(|_| exceeded())?;
        let bytes = self.bytes.fetch_update(order, relaxed, |sum| {
            sum.checked_add(more.bytes)
                .filter(|sum| *sum <= DEVICE_BYTES)
        });
        if bytes.is_err() {
            self.objects.fetch_sub(more.objects, order);
            return Err(exceeded());
        }
        Ok(())
    }

    fn refund(&self, less: Charge) {
        self.objects.fetch_sub(less.objects, Ordering::Relaxed);
        self.bytes.fetch_sub(less.bytes, Ordering::Relaxed);
    }

    /// What all file objects are charged with.
    pub fn used(&self) -> Charge {
        Charge {
            objects: self.objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Counts a new object.
    pub fn count(&self, kind: Kind, bytes: u64) {
        if let Some(live) = self.live(kind) {
            live.objects.fetch_add(1, Ordering::Relaxed);
            live.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Counts an object that has gone.
    pub fn discount(&self, kind: Kind, bytes: u64) {
        if let Some(live) = self.live(kind) {
            live.objects.fetch_sub(1, Ordering::Relaxed);
            live.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// What there is of each kind, as it stands in an answer.
    pub fn by_kind(&self) -> [wire::Usage; Kind::ALL.len()] {
        self.live.each_ref().map(|live| wire::Usage {
            objects: u64::from(live.objects.load(Ordering::Relaxed)).into(),
            bytes: live.bytes.load(Ordering::Relaxed).into(),
        })
    }

    fn live(&self, kind: Kind) -> Option<&Live> {
        self.live.get(kind.number() as usize)
    }
}
