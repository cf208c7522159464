//! P10: memory over a request's input ends before the output is written over it.

use kmdf::{Result, Transfer};

fn echo(mut transfer: Transfer<'_>) -> Result<usize> {
    let wrapped = transfer.wrap_input()?;
    let mut output = transfer.into_output()?;
    output.write(wrapped.bytes())
}

fn main() {}
