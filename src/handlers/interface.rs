//! Calls about the interface: version and statistics.

use kmdf::{Result, Transfer};
use wdfmem_ioctl::{
    DEVICE_BYTES, DEVICE_OBJECTS, FILE_BYTES, FILE_OBJECTS, MAX_OBJECT_BYTES, MAX_TRANSFER_BYTES,
    QueryVersion, Statistics, StatisticsReply, VERSION, VersionReply,
};

use super::{Handler, Scope, reply};

impl Handler for QueryVersion {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let version = VersionReply {
            version: VERSION.into(),
            capabilities: scope.state.capabilities.bits().into(),
            max_object_bytes: MAX_OBJECT_BYTES.into(),
            max_transfer_bytes: MAX_TRANSFER_BYTES.into(),
            file_objects: FILE_OBJECTS.into(),
            device_objects: DEVICE_OBJECTS.into(),
            file_bytes: FILE_BYTES.into(),
            device_bytes: DEVICE_BYTES.into(),
        };
        reply::<Self>(transfer, &version)
    }
}

impl Handler for Statistics {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let (hits, misses) = scope.table.list_counters();
        let statistics = StatisticsReply {
            file: scope.table.by_kind(),
            device: scope.state.quota.by_kind(),
            file_charged: scope.quota.file.used().usage(),
            device_charged: scope.state.quota.account.used().usage(),
            list_hits: hits.into(),
            list_misses: misses.into(),
        };
        reply::<Self>(transfer, &statistics)
    }
}
