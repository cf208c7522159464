//! The call that works in memory of its own request.

use kmdf::{Error, NonPagedNx, RequestMemory, Result, Transfer};
use wdfmem_ioctl::{MAX_TRANSFER_BYTES, Operation, Status, Tag};

use super::framework_tag;
use crate::{
    object::copy,
    quota::{Account, Charge, UntilCompleted},
    status::error,
};

/// What is asked for, without the bytes.
pub struct Ask {
    operation: Operation,
    key: u8,
    tag: Tag,
}

impl From<&wdfmem_ioctl::Transform<'_>> for Ask {
    fn from(ask: &wdfmem_ioctl::Transform<'_>) -> Self {
        Self {
            operation: ask.operation,
            key: ask.key,
            tag: ask.tag,
        }
    }
}

/// Transform: the last `length` bytes of the input pass through memory over the request's own buffer,
/// where they are changed, and through memory from the pool that is a child of the request. Both objects
/// are the framework's to delete when the request is completed.
pub fn transform(
    mut transfer: Transfer<'_>,
    ask: Ask,
    length: usize,
    file: &Account,
    until_completed: &mut UntilCompleted<'_>,
) -> Result<usize> {
    if length as u64 > MAX_TRANSFER_BYTES {
        return Err(error(Status::INVALID_BUFFER_SIZE));
    }
    // The file object's calls take turns, so its own charge need not last until the completion.
    let charge = Charge::bytes(length as u64);
    let _charged = file.charge(charge)?;
    until_completed.charge(charge)?;
    let mut memory: RequestMemory<'_, NonPagedNx> =
        transfer.create_memory(framework_tag(ask.tag)?, length)?;
    let mut wrapped = transfer.wrap_input()?;
    let buffer = wrapped.bytes_mut();
    let start = buffer
        .len()
        .checked_sub(length)
        .ok_or(Error::INTERNAL_ERROR)?;
    let data = buffer.get_mut(start..).ok_or(Error::INTERNAL_ERROR)?;
    match ask.operation {
        Operation::Reverse => reverse(data),
        Operation::Xor => data.iter_mut().for_each(|byte| *byte ^= ask.key),
    }
    copy(memory.bytes_mut(), data);
    transfer.into_output()?.write(memory.bytes())
}

/// Turns bytes round; the core library's way of doing so can panic, as far as the compiler knows.
fn reverse(data: &mut [u8]) {
    let mut bytes = data.iter_mut();
    while let (Some(first), Some(last)) = (bytes.next(), bytes.next_back()) {
        core::mem::swap(first, last);
    }
}
