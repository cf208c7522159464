//! What file objects and the device may have, and what they do have.

use core::cell::Cell;
use core::mem::forget;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kmdf::{Error, Result};
use wdfmem_ioctl::{
    DEVICE_BYTES, DEVICE_OBJECTS, DEVICE_OPENS, FILE_BYTES, FILE_OBJECTS, ObjectKind, Status, Usage,
};

use crate::status::error;

/// A number of objects and of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// The number of objects.
    pub objects: u32,
    /// The number of bytes.
    pub bytes: u64,
}

impl Charge {
    /// One object with so many bytes.
    pub const fn object(bytes: u64) -> Self {
        Self { objects: 1, bytes }
    }

    /// Bytes without an object of their own.
    pub const fn bytes(bytes: u64) -> Self {
        Self { objects: 0, bytes }
    }

    /// As it stands in a reply.
    pub fn usage(self) -> Usage {
        Usage {
            objects: u64::from(self.objects).into(),
            bytes: self.bytes.into(),
        }
    }
}

/// What a file object or a device is charged with, and the most that it may be.
#[derive(Debug)]
pub struct Account {
    objects: AtomicU32,
    bytes: AtomicU64,
    most: Charge,
}

impl Account {
    const fn new(most: Charge) -> Self {
        Self {
            objects: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
            most,
        }
    }

    /// The account of a file object.
    pub const fn of_a_file_object() -> Self {
        Self::new(Charge {
            objects: FILE_OBJECTS,
            bytes: FILE_BYTES,
        })
    }

    /// Charges until the result is dropped.
    pub fn charge(&self, charge: Charge) -> Result<Charged<'_>> {
        let (order, relaxed) = (Ordering::Relaxed, Ordering::Relaxed);
        self.objects
            .fetch_update(order, relaxed, |sum| {
                sum.checked_add(charge.objects)
                    .filter(|sum| *sum <= self.most.objects)
            })
            .map_err(|_| exceeded())?;
        // Refunds the objects when the bytes are too many.
        let charged = Charged {
            account: self,
            charge: Cell::new(Charge { bytes: 0, ..charge }),
        };
        self.bytes
            .fetch_update(order, relaxed, |sum| {
                sum.checked_add(charge.bytes)
                    .filter(|sum| *sum <= self.most.bytes)
            })
            .map_err(|_| exceeded())?;
        charged.charge.set(charge);
        Ok(charged)
    }

    fn refund(&self, charge: Charge) {
        self.objects.fetch_sub(charge.objects, Ordering::Relaxed);
        self.bytes.fetch_sub(charge.bytes, Ordering::Relaxed);
    }

    /// What is charged at the moment.
    pub fn used(&self) -> Charge {
        Charge {
            objects: self.objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// A charge that is refunded when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it refunds the charge"]
pub struct Charged<'a> {
    account: &'a Account,
    charge: Cell<Charge>,
}

impl Charged<'_> {
    /// Charges more, to be refunded along with the rest.
    pub fn add(&self, more: Charge) -> Result<()> {
        let Charge { objects, bytes } = self.charge.get();
        self.account.charge(more)?.keep();
        self.charge.set(Charge {
            objects: objects.saturating_add(more.objects),
            bytes: bytes.saturating_add(more.bytes),
        });
        Ok(())
    }

    /// Leaves the charge to be refunded along with what it was made for.
    pub fn keep(self) {
        forget(self);
    }
}

impl Drop for Charged<'_> {
    fn drop(&mut self) {
        self.account.refund(self.charge.get());
    }
}

/// The accounts that a file object's calls are charged to: its own and its device's.
#[derive(Clone, Copy, Debug)]
pub struct Quota<'a> {
    /// The file object's own account.
    pub file: &'a Account,
    /// The accounts of the file object's device.
    pub device: &'a DeviceQuota,
}

impl<'a> Quota<'a> {
    /// Charges both accounts, or neither, until the result is dropped.
    pub fn charge(self, charge: Charge) -> Result<[Charged<'a>; 2]> {
        let file = self.file.charge(charge)?;
        Ok([file, self.device.account.charge(charge)?])
    }

    /// Leaves charges to be refunded with the object that they were made for, by [`Quota::release`].
    pub fn keep(self, charged: [Charged<'a>; 2]) {
        charged.into_iter().for_each(Charged::keep);
    }

    /// Keeps the charges of a new object and counts it.
    pub fn hold(self, charged: [Charged<'a>; 2], kind: ObjectKind, bytes: u64) {
        self.keep(charged);
        self.device.count(kind, bytes);
    }

    /// Keeps the charges of an object's new bytes in place of those of its old ones.
    pub fn exchange(self, charged: [Charged<'a>; 2], kind: ObjectKind, old: u64, new: u64) {
        self.hold(charged, kind, new);
        let charge = Charge::bytes(old);
        let bytes = old;
        self.release(Holding {
            kind,
            bytes,
            charge,
        });
    }

    /// Refunds what was kept for an object, and counts it no longer.
    pub fn release(self, holding: Holding) {
        self.file.refund(holding.charge);
        self.device.account.refund(holding.charge);
        self.device.discount(holding.kind, holding.bytes);
    }
}

/// What counts as one object's.
#[derive(Clone, Copy, Debug)]
pub struct Holding {
    /// The object's kind in the statistics.
    pub kind: ObjectKind,
    /// Its bytes in the statistics.
    pub bytes: u64,
    /// What is kept charged for it.
    pub charge: Charge,
}

fn exceeded() -> Error {
    error(Status::QUOTA_EXCEEDED)
}

/// What all file objects of a device are charged with together, and what they have of each kind.
#[derive(Debug)]
pub struct DeviceQuota {
    /// For the objects of all file objects.
    pub account: Account,
    /// For the file objects themselves.
    opens: Account,
    live: [Live; ObjectKind::ALL.len()],
}

#[derive(Debug, Default)]
struct Live {
    objects: AtomicU32,
    bytes: AtomicU64,
}

impl Default for DeviceQuota {
    fn default() -> Self {
        Self {
            account: Account::new(Charge {
                objects: DEVICE_OBJECTS,
                bytes: DEVICE_BYTES,
            }),
            opens: Account::new(Charge {
                objects: DEVICE_OPENS,
                bytes: 0,
            }),
            live: Default::default(),
        }
    }
}

impl DeviceQuota {
    /// Charges for an open of the device, until the result is dropped or [`DeviceQuota::closed`].
    pub fn open(&self) -> Result<Charged<'_>> {
        self.opens.charge(Charge::object(0))
    }

    /// Refunds what a file object was charged for its open.
    pub fn closed(&self) {
        self.opens.refund(Charge::object(0));
    }

    /// Counts a new object.
    fn count(&self, kind: ObjectKind, bytes: u64) {
        if let Some(live) = self.live(kind) {
            live.objects.fetch_add(1, Ordering::Relaxed);
            live.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Counts an object that has gone.
    fn discount(&self, kind: ObjectKind, bytes: u64) {
        if let Some(live) = self.live(kind) {
            live.objects.fetch_sub(1, Ordering::Relaxed);
            live.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// What there is of each kind, as it stands in a reply.
    pub fn by_kind(&self) -> [Usage; ObjectKind::ALL.len()] {
        self.live.each_ref().map(|live| Usage {
            objects: u64::from(live.objects.load(Ordering::Relaxed)).into(),
            bytes: live.bytes.load(Ordering::Relaxed).into(),
        })
    }

    fn live(&self, kind: ObjectKind) -> Option<&Live> {
        self.live.get(kind.number() as usize)
    }
}
