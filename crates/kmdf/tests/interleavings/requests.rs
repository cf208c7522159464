//! Requests that are cancelled while they wait in a queue, with what the driver attached to them.

use crate::driver::{LENGTH, Removable, State, TAG, explore};
use crate::{framework, kernel};
use kmdf::{
    DispatchType, Handled, IoHandler, ManualQueue, NonPagedNx, Passive, PoolBuffer, Queue, Request,
};
use std::sync::Arc;

/// Lets every request wait, with a buffer.
struct Forwards(ManualQueue<State>);
kmdf::context!(Forwards);

struct Attached(#[expect(dead_code, reason = "dropped")] PoolBuffer<NonPagedNx>);
kmdf::context!(Attached);

impl IoHandler for Forwards {
    type Level = Passive;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        let buffer = PoolBuffer::new(TAG, LENGTH, irql).expect("nothing fails here");
        request
            .attach(Attached(buffer))
            .expect("nothing fails here");
        let waiting = self.0.of(queue.device()).expect("its queue");
        match request.forward(waiting) {
            Ok(handled) => handled,
            Err(_) => panic!("nothing fails here"),
        }
    }
}

#[test]
fn what_is_attached_to_a_cancelled_request_is_dropped_before_its_device_and_driver_can_go() {
    explore(|| {
        let (device, ()) = Removable::add(|device, irql| {
            let waiting = device.create_manual_queue::<State>(irql)?;
            device.create_default_queue(DispatchType::Parallel, Forwards(waiting), irql)?;
            Ok(())
        });
        let sent = framework::send();
        let cancelled = Arc::clone(&sent);
        kernel::on_worker(move || cancelled.cancel());
        // The sender closes its handle when the request is completed; then the device may go.
        sent.wait();
        device.remove();
    });
}
