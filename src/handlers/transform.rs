//! The call that works in memory of its own request.

use kmdf::{Error, NonPagedNx, RequestMemory, Result, Transfer};
use wdfmem_ioctl::{MAX_TRANSFER_BYTES, Operation, Status, Transform};

use super::{Handler, Scope, data, framework_tag};
use crate::{object::copy, quota::Charge, status::error};

/// The data, which ends the input, passes through memory over the request's own buffer, where it is changed, and
/// through memory from the pool that is a child of the request. Both objects are the framework's to delete when the
/// request is completed.
impl Handler for Transform {
    fn handle(self, scope: &mut Scope<'_>, mut transfer: Transfer<'_>) -> Result<usize> {
        let length = data::<Self>(&transfer)?.len();
        if length as u64 > MAX_TRANSFER_BYTES {
            return Err(error(Status::INVALID_BUFFER_SIZE));
        }
        // The file object's calls take turns, so its own charge need not last until the completion.
        let charge = Charge::bytes(length as u64);
        let _charged = scope.quota.file.charge(charge)?;
        scope.until_completed.add(charge)?;
        let mut memory: RequestMemory<'_, NonPagedNx> =
            transfer.create_memory(framework_tag(self.tag)?, length)?;
        let mut wrapped = transfer.wrap_input()?;
        let buffer = wrapped.bytes_mut();
        let start = buffer
            .len()
            .checked_sub(length)
            .ok_or(Error::INTERNAL_ERROR)?;
        let data = buffer.get_mut(start..).ok_or(Error::INTERNAL_ERROR)?;
        match self.operation {
            Operation::Reverse => reverse(data),
            Operation::Xor => data.iter_mut().for_each(|byte| *byte ^= self.key),
        }
        copy(memory.bytes_mut(), data);
        transfer.into_output()?.write(memory.bytes())
    }
}

/// Turns bytes round; the core library's way of doing so can panic, as far as the compiler knows.
fn reverse(data: &mut [u8]) {
    let mut bytes = data.iter_mut();
    while let (Some(first), Some(last)) = (bytes.next(), bytes.next_back()) {
        core::mem::swap(first, last);
    }
}
