//! Events, and waiting for them.

use crate::kernel::*;
use kmdf_sys::*;
use nt_model::{Config, MODEL_STOP};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const NOTIFICATION: EVENT_TYPE = _EVENT_TYPE::NotificationEvent;
const SYNCHRONIZATION: EVENT_TYPE = _EVENT_TYPE::SynchronizationEvent;

#[test]
fn a_notification_event_stays_set_and_a_synchronization_event_is_taken() {
    runs(Config::default(), |_| {
        let event = Place::<KEVENT>::zeroed();
        initialize_event(event.get(), NOTIFICATION, 1);
        assert_eq!(wait(event.get(), Some(0)), STATUS_SUCCESS);
        assert_eq!(wait(event.get(), Some(0)), STATUS_SUCCESS);
        assert_eq!(reset_event(event.get()), 1);
        assert_eq!(wait(event.get(), Some(0)), STATUS_TIMEOUT);
        initialize_event(event.get(), SYNCHRONIZATION, 0);
        assert_eq!(set_event(event.get(), 0, 0), 0);
        assert_eq!(set_event(event.get(), 0, 0), 1);
        assert_eq!(wait(event.get(), None), STATUS_SUCCESS);
        assert_eq!(read_event(event.get()), 0);
        assert_eq!(wait(event.get(), Some(0)), STATUS_TIMEOUT);
    });
}

#[test]
fn a_wait_ends_after_its_timeout() {
    runs(Config::default(), |_| {
        let event = Place::<KEVENT>::zeroed();
        initialize_event(event.get(), NOTIFICATION, 0);
        let start = Instant::now();
        assert_eq!(wait(event.get(), Some(50)), STATUS_TIMEOUT);
        assert!(start.elapsed() >= Duration::from_millis(50));
    });
}

#[test]
fn one_set_of_a_synchronization_event_wakes_one_waiter() {
    runs(Config::default(), |_| {
        let event = Place::<KEVENT>::zeroed();
        let woken = AtomicU32::new(0);
        initialize_event(event.get(), SYNCHRONIZATION, 0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    assert_eq!(wait(event.get(), None), STATUS_SUCCESS);
                    woken.fetch_add(1, Ordering::Relaxed);
                });
            }
            for expected in 1..=3 {
                set_event(event.get(), 0, 0);
                while woken.load(Ordering::Relaxed) != expected {
                    std::thread::yield_now();
                }
            }
        });
    });
}

#[test]
fn a_wait_at_dispatch_level_stops_unless_it_only_looks() {
    let event = || {
        let event = Place::<KEVENT>::zeroed();
        initialize_event(event.get(), NOTIFICATION, 0);
        event
    };
    runs(Config::default(), move |kernel| {
        let event = event();
        let status = kernel.at_irql(2, || wait(event.get(), Some(0)));
        assert_eq!(status, STATUS_TIMEOUT);
    });
    for (level, timeout, case) in [(3, Some(0), 0x120), (2, None, 0x121), (2, Some(1), 0x122)] {
        let scenario = move |_: &_| {
            let event = event();
            raise(level);
            wait(event.get(), timeout)
        };
        let stop = stopped(Config::default(), scenario);
        assert_eq!((stop.code, stop.parameters[0]), (0xC4, case));
        assert_eq!(stopped(unverified(), scenario).code, 0xB8);
    }
}

#[test]
fn an_event_is_set_up_to_dispatch_level() {
    runs(Config::default(), |kernel| {
        let event = Place::<KEVENT>::zeroed();
        initialize_event(event.get(), NOTIFICATION, 0);
        kernel.at_irql(2, || set_event(event.get(), 0, 0));
        assert_eq!(read_event(event.get()), 1);
    });
    let stop = stopped(Config::default(), |_| {
        raise(3);
        set_event(Place::<KEVENT>::zeroed().get(), 0, 0)
    });
    assert_eq!(case(&stop), (0xC4, 0x80));
    let stop = stopped(Config::default(), |_| {
        raise(2);
        set_event(Place::<KEVENT>::zeroed().get(), 0, 1)
    });
    assert_eq!(case(&stop), (0xC4, 0x2_0016));
}

#[test]
fn other_dispatcher_objects_are_refused() {
    let stop = stopped(Config::default(), |_| {
        let object = Place::<KEVENT>::zeroed();
        initialize_event(object.get(), 5, 0);
        wait(object.get(), None)
    });
    assert_eq!(stop.code, MODEL_STOP);
}

#[test]
fn a_delay_sleeps_and_stops_at_dispatch_level() {
    let delay = || {
        let mut interval = LARGE_INTEGER { QuadPart: -200_000 };
        // SAFETY: The interval is valid.
        unsafe { ntddk::KeDelayExecutionThread(0, 0, &raw mut interval) }
    };
    runs(Config::default(), move |_| {
        let start = Instant::now();
        assert_eq!(delay(), STATUS_SUCCESS);
        assert!(start.elapsed() >= Duration::from_millis(20));
    });
    let stop = stopped(Config::default(), move |_| {
        raise(2);
        delay()
    });
    assert_eq!(stop.code, 0xB8);
}
