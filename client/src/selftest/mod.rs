//! The self-test: every call, what must succeed and what must be rejected, each with the documented rules it checks.

mod bad_input;
mod bytes;
mod checker;
mod ex_list;
mod files;
mod interface;
mod lookaside;
mod memory;
mod preallocated;
mod request;

use serde::Serialize;

use crate::{
    arguments::SystemChoice,
    failure::Failure,
    platform::{self, Setup},
    system::{System, Verdict},
};
use checker::Checker;

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The chapter that the check belongs to.
    pub chapter: &'static str,
    /// The documented rules that it shows, or `contract` for one of this interface's own.
    pub rule: &'static str,
    /// What was done.
    pub what: String,
    /// The Windows call that it is about.
    pub call: &'static str,
    /// The status that it should end with.
    pub expected: String,
    /// The status that it ended with.
    pub status: String,
    /// Whether all was as it should be.
    pub ok: bool,
    /// What else was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What was tried so far.
#[derive(Clone, Debug, Default)]
pub struct Results {
    rows: Vec<Row>,
}

impl Results {
    /// Everything that was tried.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether all was as it should be, and anything was tried.
    pub fn held(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.ok)
    }

    /// The rows of each chapter.
    pub fn chapters(&self) -> impl Iterator<Item = (&'static str, &[Row])> {
        self.rows
            .chunk_by(|one, next| one.chapter == next.chapter)
            .filter_map(|rows| rows.first().map(|row| (row.chapter, rows)))
    }
}

/// Runs the self-test on this system, and its chapter that differs between systems on the others there are.
pub fn run(system: SystemChoice) -> Result<(Results, Verdict), Failure> {
    let setup = Setup::choose(system)?;
    let (results, mut verdict) = platform::on_system(setup, whole)?;
    let mut results = results?;
    for other in setup.others() {
        let (more, seen) = platform::on_system(other, ex_list_alone)?;
        results.rows.extend(more?.rows);
        verdict = verdict.with(seen);
    }
    closing(&mut results, &verdict);
    Ok((results, verdict))
}

fn whole(system: &dyn System) -> Result<Results, Failure> {
    let mut results = Results::default();
    {
        let file = system.open()?;
        let mut checker = Checker::new(system, file.as_ref(), &mut results);
        interface::run(&mut checker);
        bad_input::run(&mut checker);
        memory::run(&mut checker);
        preallocated::run(&mut checker);
        lookaside::run(&mut checker);
        ex_list::run(&mut checker, "ExAllocateFromPagedLookasideList");
        bytes::run(&mut checker);
        request::run(&mut checker);
    }
    files::run(system, &mut results)?;
    Ok(results)
}

fn ex_list_alone(system: &dyn System) -> Result<Results, Failure> {
    let mut results = Results::default();
    let file = system.open()?;
    let mut checker = Checker::new(system, file.as_ref(), &mut results);
    ex_list::run(
        &mut checker,
        "ExAllocateFromPagedLookasideList, on another system",
    );
    Ok(results)
}

/// Checks that are possible only after the driver was unloaded.
fn closing(results: &mut Results, verdict: &Verdict) {
    if !verdict.watched {
        return;
    }
    let compliance_status = || {
        if verdict.findings.is_empty() {
            "no violations"
        } else {
            "violations"
        }
    };
    let compliance = verdict.checks.iter().any(|check| check == "DDI compliance");
    let mut close = |rule, what: &str, ok: bool, status: String, expected: &str| {
        results.rows.push(Row {
            chapter: "After the driver was unloaded",
            rule,
            what: what.to_owned(),
            call: "Driver Verifier",
            expected: expected.to_owned(),
            status,
            ok,
            detail: None,
        });
    };
    close(
        "C13, P10, L7",
        "DDI compliance checks were on and reported no violation",
        compliance && verdict.findings.is_empty(),
        compliance_status().to_owned(),
        "no violations",
    );
    let left = verdict.left;
    close(
        "C9, P8, L5, E4",
        "all pool memory is freed",
        left.blocks == 0,
        format!("{} blocks", left.blocks),
        "0 blocks",
    );
}
