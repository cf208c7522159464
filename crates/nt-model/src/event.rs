//! Events, and waiting for them.

use crate::irql;
use crate::machine::{Machine, enter, lock, park};
use crate::object::{Shared, field};
use crate::stop::{bug_check, not_modelled};
use crate::verifier::{Violation, require_irql, require_resident};
use kmdf_sys::*;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The lock under which all events change, as the dispatcher lock on Windows.
#[derive(Default)]
pub(crate) struct Dispatcher {
    dispatcher: Mutex<()>,
    changed: Condvar,
}

/// How often a waiting thread checks whether its machine still runs.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Seconds from 1601, the epoch of Windows, to 1970.
const EPOCH_DIFFERENCE: u64 = 11_644_473_600;

/// An event in the driver's memory.
///
/// # Invariants
///
/// The pointer is that of a dispatcher object which stays allocated while the value is used.
struct Event(PRKEVENT);

impl Event {
    /// # Safety
    ///
    /// `event` must be a dispatcher object, and stay allocated while the result is used.
    unsafe fn new(event: PRKEVENT) -> Self {
        Self(event)
    }

    /// The type in the object's header, which may be another than that of an event.
    fn kind(&self) -> EVENT_TYPE {
        // SAFETY: A dispatcher object, by the invariant.
        let object = unsafe { Shared::new(self.0) };
        let kind = field!(KEVENT, Header.__bindgen_anon_1.__bindgen_anon_2.Type);
        object.get(kind).into()
    }

    /// The signal state, under the dispatcher lock.
    fn state(&self, _dispatcher: &MutexGuard<'_, ()>) -> LONG {
        // SAFETY: Allocated, by the invariant; the lock orders the accesses.
        unsafe { (*self.0).Header.SignalState }
    }

    /// Sets the signal state, under the dispatcher lock.
    fn set_state(&self, state: LONG, _dispatcher: &MutexGuard<'_, ()>) {
        // SAFETY: Allocated, by the invariant; the lock orders the accesses.
        unsafe { (*self.0).Header.SignalState = state };
    }

    /// Changes the signal state, and returns the old one.
    fn change(&self, machine: &Machine, state: LONG) -> LONG {
        let guard = lock(&machine.events.dispatcher);
        let old = self.state(&guard);
        self.set_state(state, &guard);
        drop(guard);
        if state != 0 && old == 0 {
            machine.events.changed.notify_all();
        }
        old
    }
}

/// Initialises an event of either type.
///
/// # Safety
///
/// `event` must be writable.
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
    // SAFETY: `event` is writable, as the caller guarantees.
    unsafe { event.write(contents) };
    // SAFETY: The event was written above; only the address of the field is taken.
    let waiters = unsafe { &raw mut (*event).Header.WaitListHead };
    let empty = LIST_ENTRY {
        Flink: waiters,
        Blink: waiters,
    };
    // SAFETY: A field of the event, which is writable.
    unsafe { waiters.write(empty) };
}

/// Signals an event, and returns its old state.
///
/// # Safety
///
/// `event` must be an event.
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
    // SAFETY: An event, as the caller guarantees.
    let event = unsafe { Event::new(event) };
    event.change(&machine, 1)
}

/// Clears an event, and returns its old state.
///
/// # Safety
///
/// `event` must be an event.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeResetEvent(event: PRKEVENT) -> LONG {
    let machine = enter();
    // SAFETY: An event, as the caller guarantees.
    let event = unsafe { Event::new(event) };
    event.change(&machine, 0)
}

/// Clears an event, without returning its old state.
///
/// # Safety
///
/// `event` must be an event.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeClearEvent(event: PRKEVENT) {
    let machine = enter();
    // SAFETY: An event, as the caller guarantees.
    let event = unsafe { Event::new(event) };
    event.change(&machine, 0);
}

/// The state of an event.
///
/// # Safety
///
/// `event` must be an event.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeReadStateEvent(event: PRKEVENT) -> LONG {
    let machine = enter();
    let guard = lock(&machine.events.dispatcher);
    // SAFETY: An event, as the caller guarantees.
    let event = unsafe { Event::new(event) };
    event.state(&guard)
}

/// Until when a thread waits.
enum Patience {
    Forever,
    Until(Instant),
}

/// The end of a wait: NULL waits forever, negative values are relative, positive ones absolute.
///
/// # Safety
///
/// `timeout` must be null or readable.
unsafe fn patience(timeout: PLARGE_INTEGER) -> Patience {
    if timeout.is_null() {
        return Patience::Forever;
    }
    // SAFETY: `timeout` is not null, so readable.
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

/// Stops the run for a wait at too high an IRQL: at `DISPATCH_LEVEL` only a timeout of 0 is allowed.
///
/// # Safety
///
/// `timeout` must be null or readable.
unsafe fn check_irql_of_wait(
    machine: &Machine,
    object: PVOID,
    timeout: PLARGE_INTEGER,
    call: &str,
) {
    let irql = irql::current();
    // SAFETY: `timeout` is null or readable, as the caller guarantees.
    let polls = !timeout.is_null() && unsafe { timeout.cast::<LONGLONG>().read() } == 0;
    let case = match u32::from(irql) {
        level if level > DISPATCH_LEVEL => 0x120,
        DISPATCH_LEVEL if timeout.is_null() => 0x121,
        DISPATCH_LEVEL if !polls => 0x122,
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
/// `object` must be a dispatcher object, `timeout` null or readable.
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
    // SAFETY: `timeout` is null or readable, as the caller guarantees.
    unsafe { check_irql_of_wait(&machine, object, timeout, call) };
    require_resident(&machine, object.addr(), call);
    // SAFETY: A dispatcher object, as the caller guarantees, with the header that an event has.
    let event = unsafe { Event::new(object.cast()) };
    let kind = event.kind();
    if !matches!(
        kind,
        _EVENT_TYPE::NotificationEvent | _EVENT_TYPE::SynchronizationEvent
    ) {
        not_modelled(format!(
            "{call} for a dispatcher object of type {kind}, which is not an event,"
        ));
    }
    // SAFETY: `timeout` is null or readable, as the caller guarantees.
    let patience = unsafe { patience(timeout) };
    let mut guard = lock(&machine.events.dispatcher);
    loop {
        if event.state(&guard) != 0 {
            if kind == _EVENT_TYPE::SynchronizationEvent {
                event.set_state(0, &guard);
            }
            return STATUS_SUCCESS;
        }
        let left = match patience {
            Patience::Forever => POLL_INTERVAL,
            Patience::Until(end) => end
                .saturating_duration_since(Instant::now())
                .min(POLL_INTERVAL),
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

/// Suspends the calling thread for an interval.
///
/// # Safety
///
/// `interval` must be readable.
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
    // SAFETY: `interval` is readable, as the caller guarantees.
    if let Patience::Until(end) = unsafe { patience(interval) } {
        while let left = end.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            std::thread::sleep(left.min(POLL_INTERVAL));
            if machine.is_dead() {
                park();
            }
        }
    }
    STATUS_SUCCESS
}
