//! `ReadyHandler`: when the framework calls it, at which IRQL, and what it finds in the queue.

use kmdf::prelude::*;
use kmdf::{AtMostDispatch, ReadyHandler, SDDL_DEVOBJ_SYS_ALL_ADM_ALL, WaitingRequests, irql};
use kmdf_test::{File, Reply, Scenario};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E62);
/// Waits in the queue whose handler is called at PASSIVE_LEVEL.
const WAIT_AT_PASSIVE: u32 = code(0);
/// Waits in the queue whose handler is called at DISPATCH_LEVEL or below.
const WAIT_AT_DISPATCH: u32 = code(1);
/// Has the handlers take the requests that they are called for.
const TAKE: u32 = code(2);
/// Gives how often the handlers were called, and the IRQL of the last call.
const CALLS: u32 = code(3);

const fn code(function: u16) -> u32 {
    ctl_code(
        FILE_DEVICE_UNKNOWN,
        0x800 + function,
        Method::Buffered,
        Access::Any,
    )
}

struct Root;
kmdf::driver_entry!(Root);

impl Driver for Root {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        init.set_generated_name(irql);
        init.set_security(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, irql)?;
        let device = init.create(State::default(), irql)?;
        let requests = Requests {
            at_passive: device.create_manual_queue_with(ReadyAtPassive, irql)?,
            at_dispatch: device.create_manual_queue_with(ReadyAtDispatch, irql)?,
        };
        device.create_default_queue(DispatchType::Parallel, requests, irql)?;
        device.create_interface(&INTERFACE, irql)
    }
}

#[derive(Default)]
struct State {
    takes: AtomicBool,
    calls: AtomicU8,
    irql: AtomicU8,
}
kmdf::context!(State);

impl State {
    fn called(waiting: WaitingRequests<'_>, witness: &impl AtMostDispatch) {
        let state = waiting.device().context::<Self>().expect("the device's");
        state.calls.fetch_add(1, Ordering::Relaxed);
        state.irql.store(irql::current(), Ordering::Relaxed);
        if state.takes.load(Ordering::Relaxed) {
            take_all(waiting, witness);
        }
    }
}

fn complete(request: Request<'_>) -> Handled<'_> {
    request.complete_with(|transfer| transfer.into_output()?.write(b"ready"))
}

fn take_all(waiting: WaitingRequests<'_>, irql: &impl AtMostDispatch) {
    while waiting.take_next(irql, complete).is_ok() {}
}

struct ReadyAtPassive;
kmdf::context!(ReadyAtPassive);

impl ReadyHandler for ReadyAtPassive {
    type Level = Passive;

    fn ready(&self, waiting: WaitingRequests<'_>, irql: &mut Passive) {
        State::called(waiting, irql);
    }
}

struct ReadyAtDispatch;
kmdf::context!(ReadyAtDispatch);

impl ReadyHandler for ReadyAtDispatch {
    type Level = Dispatch;

    fn ready(&self, waiting: WaitingRequests<'_>, irql: &mut Dispatch) {
        State::called(waiting, irql);
    }
}

struct Requests {
    at_passive: ManualQueue<State>,
    at_dispatch: ManualQueue<State>,
}
kmdf::context!(Requests);

impl IoHandler for Requests {
    type Level = Dispatch;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut Dispatch,
    ) -> Handled<'r> {
        let device = queue.device();
        let state = device.context::<State>().expect("the device's");
        let queue = match code {
            WAIT_AT_PASSIVE => &self.at_passive,
            WAIT_AT_DISPATCH => &self.at_dispatch,
            TAKE => {
                state.takes.store(true, Ordering::Relaxed);
                for queue in [&self.at_passive, &self.at_dispatch] {
                    take_all(queue.of(device).expect("the device's"), irql);
                }
                return request.complete(Ok(0));
            }
            CALLS => {
                let figures =
                    [&state.calls, &state.irql].map(|figure| figure.load(Ordering::Relaxed));
                return request.complete_with(|transfer| transfer.into_output()?.write(&figures));
            }
            _ => return request.complete(Err(Error::INVALID_PARAMETER)),
        };
        let forwarded = request.forward(queue.of(device).expect("the device's"));
        forwarded.unwrap_or_else(|(error, request)| request.complete(Err(error)))
    }
}

fn scenario() -> Scenario {
    Scenario::new("ready", fx_driver_entry)
}

/// How often the handlers were called.
fn calls(file: &File) -> u8 {
    file.ioctl(CALLS, &[], 2).output[0]
}

#[test]
fn a_ready_handler_is_called_when_its_queue_ceases_to_be_empty() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        for (code, before) in [(WAIT_AT_PASSIVE, 0), (WAIT_AT_DISPATCH, 1)] {
            let waiting = [(); 2].map(|()| file.start_ioctl(code, &[], 5));
            assert!(waiting.iter().all(|request| request.is_pending()));
            assert_eq!(calls(&file), before + 1);
        }
        // The handlers take the others at once.
        assert_eq!(file.ioctl(TAKE, &[], 0), Reply::success(b""));
        assert_eq!(calls(&file), 2);
        for code in [WAIT_AT_PASSIVE, WAIT_AT_DISPATCH, WAIT_AT_PASSIVE] {
            assert_eq!(file.ioctl(code, &[], 5), Reply::success(b"ready"));
        }
        assert_eq!(calls(&file), 5);
    });
}

#[test]
fn a_ready_handler_is_called_at_its_level_or_below() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        assert_eq!(file.ioctl(TAKE, &[], 0), Reply::success(b""));
        for (code, level) in [(WAIT_AT_PASSIVE, 0), (WAIT_AT_DISPATCH, 2)] {
            let waiting = file.start_ioctl_from_dpc(code, &[], 5);
            assert_eq!(waiting.wait(), Reply::success(b"ready"));
            assert_eq!(file.ioctl(CALLS, &[], 2).output[1], level);
        }
    });
}

#[test]
fn a_ready_handler_is_called_for_what_waited_while_its_device_was_stopped() {
    scenario().run(|test| {
        let file = test.open(INTERFACE);
        let waiting = file.start_ioctl(WAIT_AT_DISPATCH, &[], 5);
        test.device().stop().expect("it stops");
        let take = file.start_ioctl(TAKE, &[], 0);
        assert!(waiting.is_pending() && take.is_pending());
        test.device().start().expect("it starts");
        assert_eq!(take.wait(), Reply::success(b""));
        assert_eq!(waiting.wait(), Reply::success(b"ready"));
        assert_eq!(calls(&file), 2);
    });
}

#[test]
fn each_failing_allocation_leaves_no_queue_without_its_handler() {
    let failed = scenario().each_allocation_fails(|test| {
        let Ok(file) = test.try_open(INTERFACE) else {
            return;
        };
        for (code, output) in [(TAKE, &b""[..]), (WAIT_AT_DISPATCH, b"ready")] {
            let reply = file.ioctl(code, &[], 5);
            if reply != Reply::success(output) {
                assert_eq!(reply, Reply::error(Error::INSUFFICIENT_RESOURCES.status()));
                assert!(test.allocation_failed());
                return;
            }
        }
    });
    assert!(failed > 10, "{failed}");
}
