//! What the driver keeps for each device.

use core::sync::atomic::{AtomicU32, Ordering};

use wdfmem_ioctl::{Capabilities, Handle};

use crate::quota::DeviceQuota;

/// What the driver keeps in the context of each device.
pub struct DeviceState {
    /// What the system that the driver runs on has.
    pub capabilities: Capabilities,
    /// What all file objects have together.
    pub quota: DeviceQuota,
    objects_made: AtomicU32,
}

kmdf::context!(DeviceState);

impl DeviceState {
    /// The state of a new device.
    pub fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities,
            quota: DeviceQuota::default(),
            objects_made: AtomicU32::new(0),
        }
    }

    /// A handle for a new object at this index of its file object's table.
    pub fn new_handle(&self, index: u8) -> Handle {
        Handle::new(index, self.objects_made.fetch_add(1, Ordering::Relaxed))
    }
}
