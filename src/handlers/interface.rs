//! Calls about the interface: version and statistics.

use wdfmem_ioctl::{
    DEVICE_BYTES, DEVICE_OBJECTS, FILE_BYTES, FILE_OBJECTS, MAX_OBJECT_BYTES, MAX_TRANSFER_BYTES,
    VERSION, wire,
};

use super::Scope;

/// Query-version.
pub fn version(scope: &Scope<'_>) -> wire::VersionAnswer {
    wire::VersionAnswer {
        version: VERSION.into(),
        capabilities: scope.state.capabilities.number().into(),
        max_object_bytes: MAX_OBJECT_BYTES.into(),
        max_transfer_bytes: MAX_TRANSFER_BYTES.into(),
        file_objects: FILE_OBJECTS.into(),
        device_objects: DEVICE_OBJECTS.into(),
        file_bytes: FILE_BYTES.into(),
        device_bytes: DEVICE_BYTES.into(),
    }
}

/// Statistics.
pub fn statistics(scope: &Scope<'_>) -> wire::StatisticsAnswer {
    let (hits, misses) = scope.table.list_counters();
    wire::StatisticsAnswer {
        file: scope.table.by_kind(),
        device: scope.state.quota.by_kind(),
        file_charged: scope.quota.file.used().usage(),
        device_charged: scope.state.quota.account.used().usage(),
        list_hits: hits.into(),
        list_misses: misses.into(),
    }
}
