//! Work items: when and where EvtWorkItem runs.

use crate::driver::*;
use kmdf_sys::*;
use std::ptr::null_mut;

fn config() -> WDF_WORKITEM_CONFIG {
    WDF_WORKITEM_CONFIG {
        Size: size_of::<WDF_WORKITEM_CONFIG>() as ULONG,
        EvtWorkItemFunc: Some(on_work),
        AutomaticSerialization: 1,
    }
}

fn create(
    mut config: WDF_WORKITEM_CONFIG,
    mut attributes: WDF_OBJECT_ATTRIBUTES,
) -> Result<WDFWORKITEM, NTSTATUS> {
    let mut item = null_mut();
    let status = wdf!(WdfWorkItemCreate(&mut config, &mut attributes, &mut item));
    if status == STATUS_SUCCESS {
        Ok(item)
    } else {
        Err(status)
    }
}

/// A work item needs a device, hence a parent (OBJ-24), and a callback.
#[test]
fn a_work_item_belongs_to_a_device() {
    let hooks = Hooks::default().created(|device| {
        assert_eq!(
            create(config(), attributes()),
            Err(STATUS_WDF_PARENT_NOT_SPECIFIED)
        );
        let object = logged_object(null_mut::<u8>(), "of driver");
        assert_eq!(
            create(config(), under(object)),
            Err(STATUS_INVALID_DEVICE_REQUEST)
        );
        let sized = WDF_WORKITEM_CONFIG {
            Size: 1,
            ..config()
        };
        assert_eq!(
            create(sized, under(device)),
            Err(STATUS_INFO_LENGTH_MISMATCH)
        );
        let empty = WDF_WORKITEM_CONFIG {
            EvtWorkItemFunc: None,
            ..config()
        };
        assert_eq!(create(empty, under(device)), Err(STATUS_INVALID_PARAMETER));
        let item = create(config(), under(device)).expect("is created");
        assert_eq!(wdf!(WdfWorkItemGetParentObject(item)), device.cast());
        wdf!(WdfObjectDelete(item.cast()));
        STATUS_SUCCESS
    });
    with_device(verified(), hooks, |_, _| ());
}

/// The callback runs at PASSIVE_LEVEL, whichever thread enqueues it, and a flush waits for it.
#[test]
fn a_work_item_runs_at_passive_level_and_is_waited_for() {
    let kept = Slot::default();
    let slot = kept.clone();
    let hooks = Hooks::default()
        .created(move |device| {
            slot.set(create(config(), under(device)).expect("is created"));
            STATUS_SUCCESS
        })
        .work(|_| {
            // SAFETY: KeGetCurrentIrql can be called at any time.
            assert_eq!(unsafe { ntddk::KeGetCurrentIrql() }, 0);
            log("work");
        });
    with_device(verified(), hooks, move |machine, _| {
        let item: WDFWORKITEM = kept.get();
        machine.kernel.at_irql(2, || wdf!(WdfWorkItemEnqueue(item)));
        wdf!(WdfWorkItemFlush(item));
        assert_eq!(take_log(), ["work"]);
        wdf!(WdfWorkItemEnqueue(item));
    });
}
