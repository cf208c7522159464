//! Input and output of a buffered request are the same bytes: the first write ends the input.

use kmdf::{Result, Transfer};

fn echo(transfer: Transfer<'_>) -> Result<usize> {
    let input = transfer.input(4)?;
    let mut output = transfer.into_output()?;
    output.write(input)
}

fn main() {}
