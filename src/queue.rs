//! The queue's handler: from a request to the function of its call, and back to an answer.

use kmdf::{Error, Handled, IoHandler, Passive, Queue, Request, Result, Transfer};
use wdfmem_ioctl::{Call, Code};
use zerocopy::{Immutable, IntoBytes};

use crate::{
    debug::{paged_code, trace},
    device::DeviceState,
    file::FileState,
    handlers::{Scope, bytes, ex_list, interface, lookaside, memory, preallocated, transform},
    quota::{Quota, UntilCompleted},
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
        let mut until_completed = UntilCompleted::new(&state.quota);
        request.complete_with(|transfer| {
            // Reject unknown control codes before touching the buffers.
            Code::try_from(code).map_err(|status| {
                trace!("unknown control code {code:#010x}");
                error(status)
            })?;
            let file = transfer.file_object()?;
            let files = file.context::<FileState>()?;
            files.table.with_irql_mut(irql, |table, irql| {
                answer(
                    transfer,
                    code,
                    &mut Scope {
                        device,
                        state,
                        file,
                        table,
                        quota: Quota {
                            file: &files.account,
                            device: &state.quota,
                        },
                        irql,
                    },
                    &mut until_completed,
                )
            })?
        })
    }
}

/// Decodes the call, does it, writes its answer, and returns the information value: the bytes of the
/// answer, or of the second buffer that a bulk write consumed.
fn answer(
    transfer: Transfer<'_>,
    code: u32,
    scope: &mut Scope<'_>,
    until_completed: &mut UntilCompleted<'_>,
) -> Result<usize> {
    let call = Call::decode(code, transfer.input(1)?).map_err(error)?;
    if (transfer.output_length() as u64) < call.answer_length() {
        return Err(Error::BUFFER_TOO_SMALL);
    }
    match call {
        Call::QueryVersion => put(transfer, &interface::version(scope)),
        Call::Statistics => put(transfer, &interface::statistics(scope)),
        Call::CreateMemory(ask) => put(transfer, &memory::create(scope, ask)?),
        Call::CreatePreallocated(ask) => put(transfer, &preallocated::create(scope, ask)?),
        Call::AssignBuffer { handle, tag, size } => {
            put(transfer, &preallocated::assign(scope, handle, tag, size)?)
        }
        Call::CreateLookaside(ask) => put(transfer, &lookaside::create(scope, ask)?),
        Call::CreateFromLookaside { list } => put(transfer, &lookaside::take(scope, list)?),
        Call::Delete { handle } => done(memory::delete(scope, handle)),
        Call::InitializeExList(ask) => put(transfer, &ex_list::initialize(scope, ask)?),
        Call::AllocateEntry { list } => put(transfer, &ex_list::allocate(scope, list)?),
        Call::FreeEntry { list, entry } => done(ex_list::free(scope, list, entry)),
        Call::DeleteExList { list } => done(ex_list::delete(scope, list)),
        Call::Write {
            handle,
            offset,
            data,
        } => done(bytes::write(scope, handle, offset, data)),
        Call::Read(span) => bytes::read(scope, span, &mut transfer.into_output()?),
        Call::Fill { span, byte } => done(bytes::fill(scope, span, byte)),
        Call::Copy(ask) => done(bytes::copy(scope, ask)),
        Call::Checksum { span, level } => put(transfer, &bytes::checksum(scope, span, level)?),
        Call::Transform(ask) => {
            let (ask, length) = (transform::Ask::from(&ask), ask.data.len());
            transform::transform(transfer, ask, length, scope.quota.file, until_completed)
        }
        Call::BulkWrite { handle, offset } => {
            bytes::bulk_write(scope, handle, offset, &transfer.direct_input()?)
        }
        Call::BulkRead(span) => bytes::bulk_read(scope, span, &mut transfer.into_output()?),
    }
}

/// The information value of a call that has no answer.
fn done(result: Result<()>) -> Result<usize> {
    result.map(|()| 0)
}

/// Writes a structure as the answer.
fn put(transfer: Transfer<'_>, answer: &(impl IntoBytes + Immutable)) -> Result<usize> {
    transfer.into_output()?.write(answer.as_bytes())
}
