//! C8: the output buffer is not initialised; it is written, never read.

use kmdf::{Result, Transfer};

fn first_byte_of_the_output(transfer: Transfer<'_>) -> Result<u8> {
    let output = transfer.into_output()?;
    Ok(output.bytes()[0])
}

fn main() {}
