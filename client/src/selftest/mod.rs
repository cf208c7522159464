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

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use clap::ValueEnum;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::{
    failure::Failure,
    platform::{self, Setup},
    system::{System, Verdict},
};
use checker::Checker;

/// A chapter of the self-test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Chapter {
    /// The driver's own interface: version, access, malformed requests.
    Interface,
    /// Malformed requests to every call.
    Malformed,
    /// WdfMemoryCreate: parents, pools, tags, sizes and contents.
    Memory,
    /// WdfMemoryCreatePreallocated and WdfMemoryAssignBuffer: memory over the driver's buffer.
    Preallocated,
    /// WdfLookasideListCreate and WdfMemoryCreateFromLookaside: memory from a list.
    Lookaside,
    /// ExAllocateFromPagedLookasideList with Initialize, Free and Delete.
    ExLookaside,
    /// Reading, writing, copying and filling memory.
    Bytes,
    /// Memory whose parent is a request.
    Request,
    /// File objects: private handles, quotas, and what closing one frees.
    Files,
}

/// One check: a call and how it ended, or an expectation and whether it was met.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The chapter that the check belongs to.
    pub chapter: &'static str,
    /// The documented rules that it checks, or `contract` for one of the driver's own interface.
    pub rule: &'static str,
    /// What was done, as shown in the table.
    pub what: String,
    /// The Windows call that it is about.
    pub call: &'static str,
    /// The status that the call should end with.
    pub expected: String,
    /// The status that it ended with.
    pub status: String,
    /// Whether the check passed.
    pub ok: bool,
    /// What else was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The checks made so far. Shared with the thread that makes them, so that they are kept when the model stops.
#[derive(Clone, Debug)]
pub struct Results {
    rows: Arc<Mutex<Vec<Row>>>,
    progress: ProgressBar,
}

impl Results {
    fn new(progress: ProgressBar) -> Self {
        Self {
            rows: Arc::default(),
            progress,
        }
    }

    fn record(&self, row: Row) {
        self.progress.set_message(row.chapter);
        self.progress.inc(1);
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(row);
    }

    fn take(&self) -> Vec<Row> {
        mem::take(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the self-test found.
#[derive(Debug)]
pub struct Report {
    /// The checks, in the order in which they were made.
    pub rows: Vec<Row>,
    /// What the system observed from outside the driver.
    pub verdict: Verdict,
    /// Why the self-test ended early: the driver stopped the system.
    pub stop: Option<Failure>,
}

impl Report {
    /// Whether every check passed, and any was made.
    pub fn passed(&self) -> bool {
        self.stop.is_none()
            && self.verdict.is_clean()
            && !self.rows.is_empty()
            && self.rows.iter().all(|row| row.ok)
    }
}

/// Runs these chapters on this system, and the one that differs between systems on the other systems.
pub fn run(setup: Setup, chapters: &[Chapter], progress: ProgressBar) -> Result<Report, Failure> {
    let results = Results::new(progress);
    let mut systems = vec![(setup, chapters.to_vec())];
    if chapters.contains(&Chapter::ExLookaside) {
        let others = setup.others().into_iter();
        systems.extend(others.map(|other| (other, vec![Chapter::ExLookaside])));
    }
    let runs = systems
        .into_iter()
        .enumerate()
        .map(|(number, (setup, chapters))| {
            let results = results.clone();
            let (outcome, verdict) = platform::on_system(setup, move |system| {
                run_on(system, &chapters, number > 0, &results)
            })?;
            outcome.map(|()| verdict)
        });
    collect(&results, runs)
}

/// What these runs found, each on a system of its own. A stop of one ends the self-test, with the checks made before.
fn collect(
    results: &Results,
    runs: impl Iterator<Item = Result<Verdict, Failure>>,
) -> Result<Report, Failure> {
    let mut verdict = Verdict::default();
    let mut stop = None;
    for run in runs {
        match run {
            Ok(seen) => verdict = verdict.with(seen),
            Err(Failure::Stop { what, debug_output }) => {
                verdict.findings.push(what.clone());
                stop = Some(Failure::Stop { what, debug_output });
                break;
            }
            Err(failure) => return Err(failure),
        }
    }
    if stop.is_none() {
        after_unload(results, &verdict);
    }
    results.progress.finish_and_clear();
    Ok(Report {
        rows: results.take(),
        verdict,
        stop,
    })
}

fn run_on(
    system: &dyn System,
    chapters: &[Chapter],
    is_other: bool,
    results: &Results,
) -> Result<(), Failure> {
    let file = system.open()?;
    let mut checker = Checker::new(system, file.as_ref(), results);
    for chapter in chapters {
        match chapter {
            Chapter::Interface => interface::run(&mut checker),
            Chapter::Malformed => bad_input::run(&mut checker),
            Chapter::Memory => memory::run(&mut checker),
            Chapter::Preallocated => preallocated::run(&mut checker),
            Chapter::Lookaside => lookaside::run(&mut checker),
            Chapter::ExLookaside if is_other => ex_list::run(
                &mut checker,
                "ExAllocateFromPagedLookasideList, on another system",
            ),
            Chapter::ExLookaside => {
                ex_list::run(&mut checker, "ExAllocateFromPagedLookasideList");
            }
            Chapter::Bytes => bytes::run(&mut checker),
            Chapter::Request => request::run(&mut checker),
            Chapter::Files => {}
        }
    }
    // It fills the device's quota, so what the other chapters may have left behind is freed first.
    drop(file);
    if chapters.contains(&Chapter::Files) {
        files::run(system, results)?;
    }
    Ok(())
}

/// Checks that are possible only after the driver was unloaded.
fn after_unload(results: &Results, verdict: &Verdict) {
    if !verdict.watched {
        return;
    }
    let record = |rule, what: &str, ok: bool, status: String, expected: &str| {
        results.record(Row {
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
    let compliance = verdict.checks.iter().any(|check| check == "DDI compliance");
    let violations = if !compliance {
        "not checked"
    } else if verdict.findings.is_empty() {
        "no violations"
    } else {
        "violations"
    };
    record(
        "C13, P10, L7",
        "DDI compliance checks were on and reported no violation",
        violations == "no violations",
        violations.to_owned(),
        "no violations",
    );
    let left = verdict.left;
    record(
        "C9, P8, L5, E4",
        "all pool memory is freed",
        left.blocks == 0,
        format!("{} blocks", left.blocks),
        "0 blocks",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results_with_a_row() -> Results {
        let results = Results::new(ProgressBar::hidden());
        results.record(Row {
            chapter: "WdfMemoryCreate",
            rule: "C1",
            what: "create".to_owned(),
            call: "WdfMemoryCreate",
            expected: "STATUS_SUCCESS".to_owned(),
            status: "STATUS_SUCCESS".to_owned(),
            ok: true,
            detail: None,
        });
        results
    }

    #[test]
    fn a_stop_is_reported_with_the_checks_made_before_it() {
        let stop = Failure::Stop {
            what: "bug check 0xC4".to_owned(),
            debug_output: Vec::new(),
        };
        let after_the_stop = Ok(Verdict::default());
        let runs = [Ok(Verdict::default()), Err(stop), after_the_stop];
        let report = collect(&results_with_a_row(), runs.into_iter()).expect("a report");
        assert!(!report.passed());
        assert_eq!(report.rows.len(), 1);
        assert_eq!(report.verdict.findings, ["bug check 0xC4"]);
        assert!(matches!(report.stop, Some(Failure::Stop { .. })));
    }

    #[test]
    fn memory_left_after_the_unload_is_a_failed_check() {
        let mut verdict = Verdict {
            checks: vec!["DDI compliance".to_owned()],
            watched: true,
            ..Verdict::default()
        };
        let runs = [Ok(verdict.clone())];
        let report = collect(&results_with_a_row(), runs.into_iter()).expect("a report");
        assert!(report.passed());

        verdict.left.blocks = 1;
        let report = collect(&results_with_a_row(), [Ok(verdict)].into_iter()).expect("a report");
        assert!(!report.passed());
        let failed = report.rows.iter().filter(|row| !row.ok);
        assert_eq!(
            failed.map(|row| row.rule).collect::<Vec<_>>(),
            ["C9, P8, L5, E4"]
        );
    }
}
