//! `wdfmem stress`: rounds of calls that make, use and delete everything, as many as asked for.

use crate::{
    failure::Failure,
    script::{Script, Step},
    system::System,
};

/// One round. What it makes, it deletes.
const ROUND: [&str; 24] = [
    "m = create --size 1000 --pool paged --tag Strs",
    "write m --pattern 1000",
    "checksum m",
    "n = create --size 5000 --parent device",
    "copy m n",
    "read n --length 1000",
    "delete n",
    "p = preallocated --size 100",
    "fill p --byte 7",
    "assign p --size 200",
    "delete p",
    "l = list --size 256 --pool paged",
    "t = take l",
    "fill t --byte 9",
    "delete t",
    "delete l",
    "e = ex-initialize --size 64 --pool paged",
    "a = ex-allocate e",
    "write a entry",
    "ex-free e a",
    "ex-delete e",
    "transform lookaside",
    "bulk-read m",
    "delete m",
];

/// Sends at least `calls` calls, in whole rounds. How many, or the first that did not hold.
pub fn run(system: &dyn System, calls: u64) -> Result<Result<u64, Step>, Failure> {
    let mut script = Script::new(system)?;
    let mut sent = 0;
    while sent < calls {
        for line in ROUND {
            match script.line(line)? {
                Some(step) if !step.ok => return Ok(Err(step)),
                _ => sent += 1,
            }
        }
    }
    Ok(Ok(sent))
}
