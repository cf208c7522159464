//! WDF_OBJECT_ATTRIBUTES: the checks and their order.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::NonPagedPoolNx;
use kmdf_sys::*;
use std::ptr::{null, null_mut};

static NAMELESS: ContextType = ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO {
    ContextName: null(),
    ..ContextType::new(c"", 8).0
});
static NAMELESS_AND_EMPTY: ContextType = ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO {
    ContextName: null(),
    ..ContextType::new(c"", 0).0
});
static WRONG_SIZE: ContextType = ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO {
    Size: 32,
    ..ContextType::new(c"WRONG", 8).0
});
static OLD: ContextType = ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO {
    Size: 24,
    ..ContextType::new(c"OLD", 8).0
});

/// The status of WdfObjectCreate with altered attributes.
fn status_with(change: impl FnOnce(&mut WDF_OBJECT_ATTRIBUTES) + Send + 'static) -> NTSTATUS {
    run(plain(), |_| {
        let mut attributes = attributes();
        change(&mut attributes);
        create_object(&mut attributes)
            .err()
            .unwrap_or(STATUS_SUCCESS)
    })
    .unwrap()
}

/// NULL attributes are accepted by calls that require nothing of them (OBJ-17).
#[test]
fn absent_attributes_are_accepted() {
    run(plain(), |_| {
        let mut object = null_mut();
        assert_eq!(
            wdf!(WdfObjectCreate(null_mut(), &mut object)),
            STATUS_SUCCESS
        );
        assert!(!object.is_null());
    })
    .unwrap();
}

/// The size of the attributes is checked first (OBJ-18).
#[test]
fn wrong_size_is_a_length_mismatch() {
    assert_eq!(status_with(|a| a.Size -= 8), STATUS_INFO_LENGTH_MISMATCH);
}

/// Type information has one of two known sizes (OBJ-19).
#[test]
fn type_info_of_unknown_size_is_a_length_mismatch() {
    let status = status_with(|a| a.ContextTypeInfo = WRONG_SIZE.as_ptr());
    assert_eq!(status, STATUS_INFO_LENGTH_MISMATCH);
    assert_eq!(
        status_with(|a| a.ContextTypeInfo = OLD.as_ptr()),
        STATUS_SUCCESS
    );
}

/// A context type needs a name unless its size is 0 (OBJ-20, OBJ-29).
#[test]
fn context_without_a_name_is_invalid_unless_empty() {
    let status = status_with(|a| a.ContextTypeInfo = NAMELESS.as_ptr());
    assert_eq!(status, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    let status = status_with(|a| a.ContextTypeInfo = NAMELESS_AND_EMPTY.as_ptr());
    assert_eq!(status, STATUS_SUCCESS);
}

/// ContextSizeOverride requires type information (OBJ-21).
#[test]
fn size_override_without_a_type_is_invalid() {
    let status = status_with(|a| a.ContextSizeOverride = 8);
    assert_eq!(status, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
}

/// ContextSizeOverride cannot be less than the size of the context type (OBJ-22).
#[test]
fn size_override_below_the_types_size_is_invalid() {
    let with = |size| {
        status_with(move |a| {
            a.ContextTypeInfo = LABEL.as_ptr();
            a.ContextSizeOverride = size;
        })
    };
    assert_eq!(with(7), STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    assert_eq!(with(8), STATUS_SUCCESS);
    assert_eq!(with(4000), STATUS_SUCCESS);
}

/// An unknown execution level is rejected, 0 included (OBJ-25, OBJ-29).
#[test]
fn execution_level_out_of_range_is_invalid() {
    for level in [0, 4] {
        let status = status_with(move |a| a.ExecutionLevel = level);
        assert_eq!(status, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
}

/// An unknown synchronization scope is rejected, 0 included (OBJ-26).
#[test]
fn synchronization_scope_out_of_range_is_invalid() {
    for scope in [0, 5] {
        let status = status_with(move |a| a.SynchronizationScope = scope);
        assert_eq!(status, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
}

/// Only drivers, devices, queues and file objects take a synchronization scope (OBJ-27, OBJ-30).
#[test]
fn scope_is_refused_where_it_means_nothing() {
    for scope in [2, 3] {
        let status = status_with(move |a| a.SynchronizationScope = scope);
        assert_eq!(status, STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID);
    }
    assert_eq!(status_with(|a| a.SynchronizationScope = 4), STATUS_SUCCESS);
}

/// Memory objects take no execution level, general objects do (OBJ-28, OBJ-30).
#[test]
fn level_is_refused_for_memory_and_allowed_for_objects() {
    for level in [2, 3] {
        assert_eq!(
            status_with(move |a| a.ExecutionLevel = level),
            STATUS_SUCCESS
        );
    }
    run(plain(), |_| {
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive,
            ..attributes()
        };
        let refused = Some(STATUS_WDF_EXECUTION_LEVEL_INVALID);
        let memory = create_memory(&mut attributes, NonPagedPoolNx, 0, 8);
        assert_eq!(memory.err(), refused);
        let list = create_list(&mut attributes, 8, NonPagedPoolNx, null_mut());
        assert_eq!(list.err(), refused);
        let list = create_list(null_mut(), 8, NonPagedPoolNx, &mut attributes);
        assert_eq!(list.err(), refused);
    })
    .unwrap();
}

/// Of two mistakes in the attributes, the one that is checked first is reported (OBJ-18, OBJ-19,
/// OBJ-25, OBJ-27).
#[test]
fn earlier_rows_win() {
    let status = status_with(|a| {
        a.Size = 0;
        a.ExecutionLevel = 0;
    });
    assert_eq!(status, STATUS_INFO_LENGTH_MISMATCH);
    let status = status_with(|a| {
        a.ContextTypeInfo = WRONG_SIZE.as_ptr();
        a.SynchronizationScope = 0;
    });
    assert_eq!(status, STATUS_INFO_LENGTH_MISMATCH);
    let status = status_with(|a| {
        a.ExecutionLevel = 0;
        a.SynchronizationScope = 2;
    });
    assert_eq!(status, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    run(plain(), |_| {
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            ExecutionLevel: 2,
            SynchronizationScope: 2,
            ..attributes()
        };
        let memory = create_memory(&mut attributes, NonPagedPoolNx, 0, 8);
        assert_eq!(memory.err(), Some(STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID));
    })
    .unwrap();
}

/// WdfObjectAllocateContext rejects attributes with a parent (OBJ-23, OBJ-30).
#[test]
fn parent_is_refused_for_an_additional_context() {
    run(plain(), |_| {
        let object = object(1, null_mut());
        let mut attributes = logged(driver().cast());
        let status = wdf!(WdfObjectAllocateContext(
            object,
            &mut attributes,
            null_mut()
        ));
        assert_eq!(status, STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
    })
    .unwrap();
}

/// The parent in attributes of a wrong size is not read (OBJ-31).
#[test]
fn parent_is_read_only_in_attributes_of_the_right_size() {
    let status = status_with(move |a| {
        a.Size = 1;
        // A pointer that is no handle at all.
        a.ParentObject = std::ptr::without_provenance_mut(8);
    });
    assert_eq!(status, STATUS_INFO_LENGTH_MISMATCH);
}

/// The parent is resolved before the out pointer is checked; for a list also that of the memory
/// objects (OBJ-31, OBJ-75, MEM-10, MEM-31, MEM-41).
#[test]
fn stale_parent_stops_the_run_before_anything_else_is_checked() {
    let calls: [fn(&mut WDF_OBJECT_ATTRIBUTES) -> NTSTATUS; 5] = [
        |a| wdf!(WdfObjectCreate(a, null_mut())),
        |a| wdf!(WdfMemoryCreate(a, 0, 0, 0, null_mut(), null_mut())),
        |a| wdf!(WdfMemoryCreatePreallocated(a, null_mut(), 0, null_mut())),
        |a| wdf!(WdfLookasideListCreate(a, 0, 0, null_mut(), 0, null_mut())),
        |a| wdf!(WdfLookasideListCreate(null_mut(), 0, 0, a, 0, null_mut())),
    ];
    for call in calls {
        let stop = stop_of(plain(), move |_| {
            let parent = object(1, null_mut());
            delete(parent);
            call(&mut under(parent))
        });
        assert_ne!(stop.code, WDF_VIOLATION, "{stop}");
    }
}

/// WdfObjectCreate requires the out pointer before it checks the attributes (OBJ-75).
#[test]
fn object_create_needs_an_out_pointer_first() {
    let stop = stop_of(plain(), |_| {
        let mut wrong = attributes();
        wrong.Size = 0;
        wdf!(WdfObjectCreate(&mut wrong, null_mut()))
    });
    assert_required_null(&stop);
}

/// WdfObjectCreate does not write the out pointer when it fails (OBJ-75).
#[test]
fn failed_object_create_leaves_the_out_pointer() {
    run(plain(), |_| {
        let mut wrong = attributes();
        wrong.Size = 0;
        let marker = 0x1230 as WDFOBJECT;
        let mut object = marker;
        let status = wdf!(WdfObjectCreate(&mut wrong, &mut object));
        assert_eq!(status, STATUS_INFO_LENGTH_MISMATCH);
        assert_eq!(object, marker);
    })
    .unwrap();
}
