//! `cargo kmdf wine`: a driver's image in Wine's kernel, over the model of the framework that its tests run on.

pub mod kernel;
pub mod prefix;
pub mod session;

use crate::build::{self, FRAMEWORK};
use crate::driver::{Driver, Selection};
use crate::inf;
use crate::pe::{self, Import};
use crate::terminal;
use crate::toolchain::Choice;
use anyhow::{Context, Result};
use clap::Args;
use kernel::{Exports, Support};
use object::read::pe::PeFile64;
use prefix::{DEVICE, Prefix, Wine};
use serde_json::{Value, json};
use session::Session;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Which driver to run, and how.
#[derive(Args, Default)]
pub struct Options {
    #[expect(missing_docs, reason = "clap would show the text")]
    #[command(flatten)]
    pub selection: Selection,
    /// Leave the Wine prefix in place
    #[arg(long)]
    pub keep: bool,
    /// Print the steps as JSON
    #[arg(long)]
    pub json: bool,
}

/// What no run under Wine shows, because Wine does not do it.
pub const NOT_SHOWN: [&str; 6] = [
    "Wine sends no IRP_MJ_CLEANUP, no power IRPs, no QUERY_REMOVE and no STOP",
    "Wine has no IRQL: raising does nothing, and the level always reads as PASSIVE_LEVEL",
    "Wine checks nothing: no pool overrun, leak, double free or use after free is noticed",
    "Wine dispatches the requests of a driver one after the other, never at once",
    "Wine reads no catalog, signature or checksum, no [.Wdf] section and no access list",
    "the framework is the crate kmdf-model (WDFLDR.SYS), not Microsoft's",
];

/// How long a short command may take.
pub const SHORT: Duration = Duration::from_secs(60);

/// Builds the driver, runs it twice, and says what was done.
pub fn run(options: &Options) -> Result<String> {
    let driver = Driver::find(&options.selection)?;
    let wine = Wine::find()?;
    let version = wine.version.clone();
    let mut report = Report::new(options.json);
    let result = steps(&driver, wine, options.keep, &mut report);
    if options.json {
        println!("{:#}", report.to_json(&version));
    }
    result?;
    if !options.json {
        print_not_shown();
    }
    Ok(format!("{} steps in {version}", report.steps.len()))
}

fn steps(driver: &Driver, wine: Wine, keep: bool, report: &mut Report) -> Result<()> {
    // An INX that does not fit is reported before the minute that building and booting take.
    inf::task::checked(driver)?;
    let hardware_id = driver.hardware_id()?;
    let machine = Machine::build(driver)?;
    let prefix = machine.prefix(report, wine, keep)?;
    let session = Session::start(&prefix, &machine.folder, driver)?;
    for _ in 0..2 {
        cycle(report, &session, driver, &hardware_id)?;
    }
    report.step("driver output", || {
        let lines = session.driver_lines().len();
        let log = machine.folder.join("debug.log");
        Ok(((), format!("{lines} lines, in {}", log.display())))
    })
}

/// Installs the driver, opens its device, runs its client, and removes it.
fn cycle(
    report: &mut Report,
    session: &Session<'_>,
    driver: &Driver,
    hardware_id: &str,
) -> Result<()> {
    report.step("install", || {
        let inf = format!(r"C:\pkg\{}", driver.inf());
        session.succeeds(&[DEVICE, "install", &inf, hardware_id], SHORT)?;
        let process = session.device_process();
        let process = process.with_context(|| {
            format!(
                "{} was installed for a device {hardware_id}, but no process has {} loaded{}",
                driver.inf(),
                driver.image(),
                session.last_lines()
            )
        })?;
        Ok(((), format!("{hardware_id} loaded in process {process}")))
    })?;
    report.step("open", || {
        let outcome = session.succeeds(&[DEVICE, "open", hardware_id], SHORT)?;
        let paths: Vec<&str> = outcome.output.lines().collect();
        Ok(((), paths.join(", ")))
    })?;
    if let (Some(client), Some(program)) = (&driver.client, driver.program()) {
        report.step("client", || {
            let arguments = client.arguments.iter().map(String::as_str);
            let command: Vec<&str> = [&*program].into_iter().chain(arguments).collect();
            let outcome = session.succeeds(&command, SHORT)?;
            let last = outcome.output.trim_end().lines().last().unwrap_or_default();
            Ok(((), format!("exit code 0; {}", last.trim())))
        })?;
    }
    report.step("remove", || {
        session.succeeds(&[DEVICE, "remove", hardware_id], SHORT)?;
        session.stop_service()?;
        session.is_unloaded()?;
        Ok(((), "device removed, driver unloaded".to_owned()))
    })
}

/// Prints [`NOT_SHOWN`] to standard error.
pub fn print_not_shown() {
    eprintln!("\nnot shown by this run:");
    for sentence in NOT_SHOWN {
        eprintln!("- {sentence}");
    }
}

/// The images of a driver and of the framework, and the folder for what a run leaves.
pub struct Machine<'a> {
    driver: &'a Driver,
    images: PathBuf,
    framework: PathBuf,
    /// Where the prefix and the log lie.
    pub folder: PathBuf,
}

impl<'a> Machine<'a> {
    /// Builds the images of the driver and of the framework's model.
    pub fn build(driver: &'a Driver) -> Result<Self> {
        let folder = driver.products().join("wine");
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(Self {
            driver,
            images: build::build(driver, Choice::Auto)?,
            framework: build::framework(driver, Choice::Auto)?,
            folder,
        })
    }

    /// Makes a prefix with the driver package in it, and reports which imports this Wine lacks.
    pub fn prefix(&self, report: &mut Report, wine: Wine, keep: bool) -> Result<Prefix> {
        terminal::status("Booting", "an empty Wine prefix");
        let prefix = report.step("prefix", || {
            let prefix = Prefix::make(wine, &self.folder.join("prefix"), keep)?;
            prefix.fill(self.driver, &self.images, &self.framework)?;
            Ok((prefix, "made and filled".to_owned()))
        })?;
        let image = self.images.join(self.driver.image());
        report.step("imports", || {
            Ok(((), imports(&[&image, &self.framework], &prefix)?))
        })?;
        Ok(prefix)
    }
}

/// Says which imports this Wine lacks; calling one of them would end the driver.
fn imports(images: &[&Path], prefix: &Prefix) -> Result<String> {
    let mut present = 0;
    let mut lacking = Vec::new();
    for image in images {
        let bytes = fs::read(image)?;
        let file = PeFile64::parse(&*bytes)
            .with_context(|| format!("{} is no PE image", image.display()))?;
        for Import { library, name, .. } in pe::imports(&file)? {
            if library.eq_ignore_ascii_case(FRAMEWORK) {
                continue;
            }
            let library = prefix.system_folder().join(library.to_lowercase());
            match Exports::read(&library)?.support(&name) {
                Support::Function => present += 1,
                Support::Stub => lacking.push(format!("{name} (a stub)")),
                Support::Absent => lacking.push(name),
            }
        }
    }
    lacking.sort();
    lacking.dedup();
    Ok(match lacking.as_slice() {
        [] => format!("Wine has all {present}"),
        names => format!("Wine has {present}, and lacks {}", names.join(", ")),
    })
}

/// Prints each step with what it took.
#[derive(Default)]
pub struct Report {
    quiet: bool,
    /// The steps so far: name, seconds, and what was found or why it failed.
    steps: Vec<(String, f64, Result<String, String>)>,
}

impl Report {
    /// A report that prints nothing itself if `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            ..Self::default()
        }
    }

    /// How many steps there were.
    pub fn count(&self) -> usize {
        self.steps.len()
    }

    /// Runs a step, and prints what it found or adds the step's name to the error.
    pub fn step<T>(&mut self, name: &str, step: impl FnOnce() -> Result<(T, String)>) -> Result<T> {
        let start = Instant::now();
        let result = step();
        let time = start.elapsed().as_secs_f64();
        let number = self.steps.len() + 1;
        let found = match &result {
            Ok((_, found)) => Ok(found.clone()),
            Err(error) => Err(format!("{error:#}")),
        };
        if let (Ok(found), false) = (&found, self.quiet) {
            println!("{number:>2} {name:<18} {time:>6.1} s  {found}");
        }
        self.steps.push((name.to_owned(), time, found));
        let (value, _) =
            result.with_context(|| format!("step {number} under Wine, \"{name}\", failed"))?;
        Ok(value)
    }

    fn to_json(&self, wine: &str) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|(name, seconds, found)| {
                json!({
                    "step": name,
                    "seconds": seconds,
                    "ok": found.is_ok(),
                    "found": found.as_ref().unwrap_or_else(|error| error),
                })
            })
            .collect();
        json!({ "wine": wine, "steps": steps, "not_shown": NOT_SHOWN })
    }
}
