//! The queue's handler: from a request to the handler of its call, and back to its completion.

use kmdf::{Handled, IoHandler, Passive, Queue, Request};
use wdfmem_ioctl::Code;

use crate::{
    debug::{paged_code, trace},
    device::DeviceState,
    file::FileState,
    handlers::{self, Scope},
    quota::{Charge, Quota},
    status::error,
};

/// Takes every request of a device.
pub struct Requests;

kmdf::context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;

    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut Passive,
    ) -> Handled<'r> {
        paged_code!();
        let device = queue.device();
        let state = match device.context::<DeviceState>() {
            Ok(state) => state,
            Err(error) => return request.complete(Err(error)),
        };
        // Memory of the request is deleted by its completion, so it is refunded after that.
        let until_completed = match state.quota.account.charge(Charge::default()) {
            Ok(nothing_yet) => nothing_yet,
            Err(error) => return request.complete(Err(error)),
        };
        request.complete_with(|transfer| {
            // Reject unknown control codes before touching the buffers.
            let code = Code::try_from(code).map_err(|status| {
                trace!("unknown control code {code:#010x}");
                error(status)
            })?;
            let file = transfer.file_object()?;
            let files = file.context::<FileState>()?;
            files.table.with_irql_mut(irql, |table, irql| {
                let mut scope = Scope {
                    device,
                    state,
                    file,
                    table,
                    quota: Quota {
                        file: &files.account,
                        device: &state.quota,
                    },
                    until_completed: &until_completed,
                    irql,
                };
                handlers::dispatch(code, transfer, &mut scope)
            })?
        })
    }
}
