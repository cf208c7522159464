//! Events, and waiting for them.

use crate::irql;
use crate::machine::{Machine, enter, lock, park};
use crate::object::{Shared, field};
use crate::stop::{bug_check, not_modelled};
use crate::verifier::{Violation, require_irql, require_resident};
use kmdf_sys::*;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The lock under which all events change, as the dispatcher's is on Windows.
#[derive(Default)]
pub(crate) struct State {
    dispatcher: Mutex<()>,
    changed: Condvar,
}

/// How often a thread that waits for long looks whether its machine still runs.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Seconds from 1601, where Windows counts from, to 1970.
const EPOCH_DIFFERENCE: u64 = 11_644_473_600;

/// The kind of a dispatcher object, from its header.
///
/// # Safety
///
/// `object` is a dispatcher object.
unsafe fn kind_of(object: PRKEVENT) -> EVENT_TYPE {
    // SAFETY: By the contract of this function.
    let object = unsafe { Shared::new(object) };
    let kind = field!(KEVENT, Header.__bindgen_anon_1.__bindgen_anon_2.Type);
    object.get(kind).into()
}

/// Changes an event's state and returns the old one.
///
/// # Safety
///
/// `event` is an event.
unsafe fn change(machine: &Machine, event: PRKEVENT, state: LONG) -> LONG {
    let guard = lock(&machine.events.dispatcher);
    // SAFETY: By the contract of this function; the lock is held.
    let old = unsafe { (*event).Header.SignalState };
    // SAFETY: By the contract of this function; the lock is held.
    unsafe { (*event).Header.SignalState = state };
    drop(guard);
    if state != 0 && old == 0 {
        machine.events.changed.notify_all();
    }
    old
}

/// # Safety
///
/// `event` is valid for an event.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeInitializeEvent(event: PRKEVENT, kind: EVENT_TYPE, state: BOOLEAN) {
    let machine = enter();
    require_resident(&machine, event.addr(), "KeInitializeEvent");
    let mut contents = KEVENT::default();
    contents.Header.__bindgen_anon_1.__bindgen_anon_2 =
        _DISPATCHER_HEADER__bindgen_ty_1__bindgen_ty_2 {
            Type: kind as UCHAR,
            Signalling: 0,
            Size: (size_of::<KEVENT>() / size_of::<LONG>()) as UCHAR,
            Reserved1: 0,
        };
    contents.Header.SignalState = LONG::from(state != 0);
    // SAFETY: By the contract of this function.
    unsafe { event.write(contents) };
    // SAFETY: By the contract of this function.
    let waiters = unsafe { &raw mut (*event).Header.WaitListHead };
    let empty = LIST_ENTRY {
        Flink: waiters,
        Blink: waiters,
    };
    // SAFETY: Lies in the event.
    unsafe { waiters.write(empty) };
}

/// # Safety
///
/// `event` is an event.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeSetEvent(event: PRKEVENT, _increment: KPRIORITY, wait: BOOLEAN) -> LONG {
    let machine = enter();
    let irql = irql::current();
    if u32::from(irql) > DISPATCH_LEVEL {
        let address = event.addr() as u64;
        Violation {
            verifier: [0x80, irql.into(), address, 0],
            plain: (IRQL_NOT_LESS_OR_EQUAL, [address, irql.into(), 0, 0]),
        }
        .stop(&machine, format!("KeSetEvent at IRQL {irql}"));
    }
    if wait != 0 {
        require_irql(
            &machine,
            APC_LEVEL,
            0x2_0016,
            "KeSetEvent with Wait",
            event.addr() as u64,
        );
    }
    require_resident(&machine, event.addr(), "KeSetEvent");
    // SAFETY: By the contract of this function.
    unsafe { change(&machine, event, 1) }
}

/// # Safety
///
/// `event` is an event.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeResetEvent(event: PRKEVENT) -> LONG {
    let machine = enter();
    // SAFETY: By the contract of this function.
    unsafe { change(&machine, event, 0) }
}

/// # Safety
///
/// `event` is an event.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeClearEvent(event: PRKEVENT) {
    let machine = enter();
    // SAFETY: By the contract of this function.
    unsafe { change(&machine, event, 0) };
}

/// # Safety
///
/// `event` is an event.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeReadStateEvent(event: PRKEVENT) -> LONG {
    let machine = enter();
    let _guard = lock(&machine.events.dispatcher);
    // SAFETY: By the contract of this function; the lock is held.
    unsafe { (*event).Header.SignalState }
}

/// How long a thread waits.
enum Patience {
    Forever,
    Until(Instant),
}

/// # Safety
///
/// `timeout` is null or valid.
unsafe fn patience(timeout: PLARGE_INTEGER) -> Patience {
    if timeout.is_null() {
        return Patience::Forever;
    }
    // SAFETY: By the contract of this function.
    let units = unsafe { timeout.cast::<LONGLONG>().read() };
    let ticks = |ticks: u64| Duration::from_nanos(ticks.saturating_mul(100));
    let length = if units <= 0 {
        ticks(units.unsigned_abs())
    } else {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default() + Duration::from_secs(EPOCH_DIFFERENCE);
        ticks(units.unsigned_abs()).saturating_sub(now)
    };
    match Instant::now().checked_add(length) {
        Some(end) => Patience::Until(end),
        None => Patience::Forever,
    }
}

/// A thread at `DISPATCH_LEVEL` may look, but not wait.
///
/// # Safety
///
/// `timeout` is null or valid.
unsafe fn check_irql_of_wait(
    machine: &Machine,
    object: PVOID,
    timeout: PLARGE_INTEGER,
    call: &str,
) {
    let irql = irql::current();
    // SAFETY: By the contract of this function.
    let looks = !timeout.is_null() && unsafe { timeout.cast::<LONGLONG>().read() } == 0;
    let case = match u32::from(irql) {
        level if level > DISPATCH_LEVEL => 0x120,
        DISPATCH_LEVEL if timeout.is_null() => 0x121,
        DISPATCH_LEVEL if !looks => 0x122,
        _ => return,
    };
    // The documented second parameter is where the kernel keeps the IRQL; here it is the IRQL.
    let parameters = [irql.into(), object.addr() as u64, timeout.addr() as u64];
    let [second, third, fourth] = parameters;
    Violation {
        verifier: [case, second, third, fourth],
        plain: (ATTEMPTED_SWITCH_FROM_DPC, [third, 0, 0, 0]),
    }
    .stop(machine, format!("{call} at IRQL {irql}"));
}

/// Waits for an event; other dispatcher objects are not modelled. Alerts and APCs do not occur.
///
/// # Safety
///
/// `object` is a dispatcher object, `timeout` is null or valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeWaitForSingleObject(
    object: PVOID,
    _reason: KWAIT_REASON,
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    timeout: PLARGE_INTEGER,
) -> NTSTATUS {
    let machine = enter();
    let call = "KeWaitForSingleObject";
    // SAFETY: By the contract of this function.
    unsafe { check_irql_of_wait(&machine, object, timeout, call) };
    require_resident(&machine, object.addr(), call);
    let event: PRKEVENT = object.cast();
    // SAFETY: By the contract of this function.
    let kind = unsafe { kind_of(event) };
    if !matches!(
        kind,
        _EVENT_TYPE::NotificationEvent | _EVENT_TYPE::SynchronizationEvent
    ) {
        not_modelled(format!(
            "{call} for a dispatcher object of type {kind}, which is no event,"
        ));
    }
    // SAFETY: By the contract of this function.
    let patience = unsafe { patience(timeout) };
    let mut guard = lock(&machine.events.dispatcher);
    loop {
        // SAFETY: By the contract of this function; the lock is held.
        let signalled = unsafe { (*event).Header.SignalState } != 0;
        if signalled {
            if kind == _EVENT_TYPE::SynchronizationEvent {
                // SAFETY: By the contract of this function; the lock is held.
                unsafe { (*event).Header.SignalState = 0 };
            }
            return STATUS_SUCCESS;
        }
        let left = match patience {
            Patience::Forever => LOOK_UP,
            Patience::Until(end) => end.saturating_duration_since(Instant::now()).min(LOOK_UP),
        };
        if left.is_zero() {
            return STATUS_TIMEOUT;
        }
        guard = (machine.events.changed.wait_timeout(guard, left))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if machine.is_dead() {
            drop(guard);
            park();
        }
    }
}

/// Has the calling thread sleep.
///
/// # Safety
///
/// `interval` is valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeDelayExecutionThread(
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    interval: PLARGE_INTEGER,
) -> NTSTATUS {
    let machine = enter();
    let irql = irql::current();
    if u32::from(irql) > APC_LEVEL {
        let text = format!("KeDelayExecutionThread at IRQL {irql}");
        bug_check(ATTEMPTED_SWITCH_FROM_DPC, [0; 4], text);
    }
    // SAFETY: By the contract of this function.
    if let Patience::Until(end) = unsafe { patience(interval) } {
        while let left = end.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            std::thread::sleep(left.min(LOOK_UP));
            if machine.is_dead() {
                park();
            }
        }
    }
    STATUS_SUCCESS
}
