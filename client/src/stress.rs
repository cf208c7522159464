//! `wdfmem stress`: repeats calls that create, use and delete every kind of object.

use std::{
    fmt, process,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use crate::{
    failure::{EXIT_INTERRUPTED, Failure},
    script::{Script, Statement, Step},
    system::System,
};

/// One round. It deletes every object that it creates.
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

/// What the stress test did and found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The number of calls made.
    pub calls: u64,
    /// The calls that did not end as expected: the first ends the test.
    pub errors: u64,
    /// How long they took.
    pub seconds: f64,
    /// The rate, in calls per second.
    pub rate: f64,
    /// Whether Ctrl-C ended the test early.
    pub interrupted: bool,
    /// The driver's memory in use.
    pub memory: Memory,
    /// The call that did not end as expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Step>,
}

/// What is charged to the file object of the test.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Before the first round.
    pub before: Usage,
    /// After the last round.
    pub after: Usage,
}

/// Objects and their bytes, as the driver's statistics report them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    objects: u64,
    bytes: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} objects, {} bytes", self.objects, self.bytes)
    }
}

impl Outcome {
    /// Whether all calls ended as expected and all memory was freed.
    pub fn passed(&self) -> bool {
        self.errors == 0 && self.memory.before == self.memory.after
    }
}

/// Set by the handler of Ctrl-C; read between rounds.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C end the test after the round under way; pressed again, it ends the program at once.
pub fn end_on_interrupt() {
    // Without a handler, Ctrl-C ends the program at once, as it does for every other command.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            process::exit(EXIT_INTERRUPTED.into());
        }
    });
}

/// Makes at least `calls` calls, in whole rounds, until one does not end as expected.
pub fn run(system: &dyn System, calls: u64, progress: &ProgressBar) -> Result<Outcome, Failure> {
    let mut script = Script::new(system)?;
    let round = ROUND
        .iter()
        .filter_map(|line| Statement::parse(line).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    let before = memory(&mut script)?;
    let start = Instant::now();
    let mut made = 0;
    let mut failed = None;
    'rounds: while made < calls && !INTERRUPTED.load(Ordering::Relaxed) {
        for statement in &round {
            let step = script.run(statement)?;
            made += 1;
            if !step.ok {
                failed = Some(step);
                break 'rounds;
            }
        }
        progress.set_position(made);
    }
    let seconds = start.elapsed().as_secs_f64();
    progress.finish_and_clear();
    Ok(Outcome {
        calls: made,
        errors: failed.is_some().into(),
        seconds,
        rate: made as f64 / seconds.max(f64::MIN_POSITIVE),
        interrupted: INTERRUPTED.load(Ordering::Relaxed),
        memory: Memory {
            before,
            after: memory(&mut script)?,
        },
        failed,
    })
}

/// What is charged to the file object now.
fn memory(script: &mut Script<'_>) -> Result<Usage, Failure> {
    let step = script.line("statistics")?;
    let reply = step.and_then(|step| serde_json::to_value(step.reply).ok());
    reply
        .and_then(|reply| Usage::deserialize(&reply["file_charged"]).ok())
        .ok_or_else(|| {
            Failure::device(
                "the driver does not report its statistics",
                "check that the driver and the client are of the same version: `wdfmem version`",
            )
        })
}
