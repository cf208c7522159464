//! A running prefix: commands with a time limit, the driver's output, and its process.

use super::prefix::Prefix;
use crate::driver::Driver;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What Wine prints: its errors, and what drivers print.
pub const DEBUG_CHANNELS: &str = "err+all,warn+debugstr";
/// What stands before the text of a driver's line.
const DRIVER_LINE: &str = "debugstr:vDbgPrintExWithPrefix ";
/// Parts of lines that tell of a driver's end.
const ENDINGS: [&str; 4] = [
    "err:ntoskrnl:KeBugCheckEx",
    "Unhandled page fault",
    "Unhandled exception",
    "unimplemented function",
];
/// Lines of Wine's own that mean nothing here: there is no display and no catalog.
const HARMLESS: [&str; 4] = ["winediag", "systray", ":hid:", "Could not add catalog"];
/// How many of the last lines are shown with a failure.
const LINES_SHOWN: usize = 12;

/// What a program left.
pub struct Outcome {
    /// How the process ended.
    pub status: ExitStatus,
    /// What the program wrote to its standard output.
    pub output: String,
    /// What the program wrote to its standard error.
    pub errors: String,
    /// How long it ran.
    pub time: Duration,
}

/// The programs of a prefix, from the start of its server to its end.
pub struct Session<'a> {
    prefix: &'a Prefix,
    /// The file name of the driver's image.
    image: String,
    /// The name of the driver's service.
    service: String,
    /// What drivers print; the first program of the session writes it as long as the server runs.
    log: PathBuf,
    /// The folder for what programs print.
    scratch: PathBuf,
}

impl<'a> Session<'a> {
    /// Starts the server and, with it, the log.
    pub fn start(prefix: &'a Prefix, folder: &Path, driver: &Driver) -> Result<Self> {
        let session = Self {
            prefix,
            image: driver.image(),
            service: driver.installs()?.service,
            log: folder.join("debug.log"),
            scratch: folder.to_owned(),
        };
        // Without this, the server ends between two commands, and the driver with it.
        prefix.server("--persistent")?;
        // The log stays open in the processes of drivers: a file, since a pipe would never end.
        let log = File::create(&session.log)
            .with_context(|| format!("{} cannot be written", session.log.display()))?;
        let mut first = prefix.command();
        first
            .args(["net", "start", "Spooler"])
            .env("WINEDEBUG", DEBUG_CHANNELS)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut first = first.spawn().context("wine could not be started")?;
        if wait(&mut first, Duration::from_secs(60))?.is_none() {
            bail!("Wine did not start its services within a minute");
        }
        Ok(session)
    }

    /// Runs several programs of `C:\pkg` at once, each with its arguments, and waits for all.
    pub fn run(&self, commands: &[&[&str]], limit: Duration) -> Result<Vec<Outcome>> {
        let start = Instant::now();
        let mut children = Vec::new();
        for (index, command) in commands.iter().enumerate() {
            children.push(self.spawn(index, command)?);
        }
        let mut outcomes = Vec::new();
        let mut late = None;
        for ((index, child), command) in children.iter_mut().enumerate().zip(commands) {
            let left = limit.saturating_sub(start.elapsed());
            match wait(child, left)? {
                Some(status) => outcomes.push(self.outcome(index, status, start.elapsed())?),
                None => late = Some(command),
            }
        }
        if let Some(command) = late {
            bail!(
                "`{}` did not end within {} s, so a request was not completed{}",
                command.join(" "),
                limit.as_secs(),
                self.last_lines()
            );
        }
        Ok(outcomes)
    }

    fn spawn(&self, index: usize, words: &[&str]) -> Result<Child> {
        let [program, arguments @ ..] = words else {
            bail!("a command without a program");
        };
        let [output, errors] = self.captures(index);
        let mut command = self.prefix.command();
        command
            .arg(format!(r"C:\pkg\{program}"))
            .args(arguments)
            .env("WINEDEBUG", "-all")
            .stdin(Stdio::null())
            .stdout(File::create(output)?)
            .stderr(File::create(errors)?);
        command.spawn().context("wine could not be started")
    }

    /// Where a program's output goes: files, because its descriptors outlive it in Wine's services.
    fn captures(&self, index: usize) -> [PathBuf; 2] {
        ["output", "errors"].map(|kind| self.scratch.join(format!("program-{index}.{kind}")))
    }

    fn outcome(&self, index: usize, status: ExitStatus, time: Duration) -> Result<Outcome> {
        let [output, errors] = self.captures(index).map(fs::read);
        Ok(Outcome {
            status,
            output: String::from_utf8_lossy(&output?).into_owned(),
            errors: String::from_utf8_lossy(&errors?).into_owned(),
            time,
        })
    }

    /// Runs a program and fails unless it succeeds and the driver outlives it.
    pub fn succeeds(&self, command: &[&str], limit: Duration) -> Result<Outcome> {
        self.ends(command, 0, limit)
    }

    /// Runs a program and fails unless it ends with the given code and the driver outlives it.
    pub fn ends(&self, command: &[&str], code: i32, limit: Duration) -> Result<Outcome> {
        let mut outcomes = self.run(&[command], limit)?;
        let outcome = outcomes.pop().context("nothing was started")?;
        if code == 0 || outcome.status.code() != Some(code) {
            self.check(command, &outcome)?;
        }
        ensure!(
            outcome.status.code() == Some(code),
            "`{}` ended with {}, not {code}:\n{}",
            command.join(" "),
            outcome.status,
            outcome.output
        );
        Ok(outcome)
    }

    /// Fails unless the program succeeded, with what it and the driver printed.
    pub fn check(&self, command: &[&str], outcome: &Outcome) -> Result<()> {
        if let Some(ending) = self.ending() {
            bail!("the driver was stopped: {ending}{}", self.last_lines());
        }
        ensure!(
            outcome.status.success(),
            "`{}` ended with {}:\n{}{}{}",
            command.join(" "),
            outcome.status,
            outcome.output,
            without_wine(&outcome.errors),
            self.last_lines()
        );
        Ok(())
    }

    /// Stops the driver's service, which unloads the driver once its device is gone.
    ///
    /// Wine may still be taking the device down, and then refuses now and then: it is asked again while the driver
    /// is loaded. Whether the driver left in order is for [`Self::is_unloaded`] to say.
    pub fn stop_service(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let mut command = self.prefix.command();
            command
                .args(["net", "stop", &self.service])
                .env("WINEDEBUG", "-all")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut child = command.spawn().context("wine could not be started")?;
            let Some(status) = wait(&mut child, STOPPING.saturating_sub(start.elapsed()))? else {
                bail!(
                    "`net stop {}` did not end: the driver does not unload{}",
                    self.service,
                    self.last_lines()
                );
            };
            if status.success() || self.device_process().is_none() {
                return Ok(());
            }
            ensure!(
                start.elapsed() < STOPPING,
                "`net stop {}` ended with {status}{}",
                self.service,
                self.last_lines()
            );
            sleep(Duration::from_millis(500));
        }
    }

    /// Fails unless the driver left in order: its service is stopped, and no process has its image.
    pub fn is_unloaded(&self) -> Result<()> {
        if let Some(ending) = self.ending() {
            bail!("the driver was stopped on its way out: {ending}");
        }
        ensure!(
            self.device_process().is_none(),
            "the device is removed and the service stopped, but the driver is still loaded"
        );
        Ok(())
    }

    /// The process that has the driver's image mapped.
    pub fn device_process(&self) -> Option<u32> {
        let processes = fs::read_dir("/proc").ok()?;
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .find(|process| {
                // Processes of others may not be read, and are not meant.
                let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default();
                let folder = self.prefix.folder().to_string_lossy();
                maps.lines()
                    .any(|line| line.contains(&*folder) && line.ends_with(&self.image))
            })
    }

    /// Bytes of memory of its own that the driver's process holds.
    pub fn device_memory(&self) -> Result<u64> {
        let process = self.device_process().with_context(|| {
            format!("no process has {} mapped{}", self.image, self.last_lines())
        })?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let own = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = own.and_then(|own| own.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kilobytes.context("/proc tells no RssAnon")? * 1024)
    }

    /// What the driver and the framework printed so far.
    pub fn driver_lines(&self) -> Vec<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        driver_lines(&String::from_utf8_lossy(&log))
    }

    /// What ended the driver, if something did.
    pub fn ending(&self) -> Option<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        ending(&log).map(str::to_owned)
    }

    /// The last lines of the log that matter, for a failure's message.
    pub fn last_lines(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().filter(|line| matters(line)).collect();
        let first = lines.len().saturating_sub(LINES_SHOWN);
        let mut text = String::from("\nthe last lines of the driver and of Wine:");
        for line in &lines[first..] {
            text.push_str("\n  ");
            text.push_str(line);
        }
        text
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // Whatever still runs ends here; the prefix does not outlive it by much.
        self.prefix.server("--kill").ok();
    }
}

/// How long the driver may take to unload.
const STOPPING: Duration = Duration::from_secs(30);

/// Waits until `child` has ended, or ends it after `limit` and returns nothing.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            child.kill().ok();
            child.wait()?;
            return Ok(None);
        }
        sleep(Duration::from_millis(5));
    }
}

/// The texts that drivers printed, without what Wine puts before them.
fn driver_lines(log: &str) -> Vec<String> {
    log.lines()
        .filter_map(|line| line.split_once(DRIVER_LINE)?.1.split_once(": "))
        .map(|(_, text)| text.trim_end().to_owned())
        .collect()
}

/// Whether a line of the log is of a driver, or of something that went wrong.
fn matters(line: &str) -> bool {
    let wine = [":err:", "fixme:ntoskrnl", "wine: "];
    line.contains(DRIVER_LINE)
        || wine.iter().any(|part| line.contains(part))
            && !HARMLESS.iter().any(|part| line.contains(part))
}

fn ending(log: &str) -> Option<&str> {
    log.lines()
        .find(|line| ENDINGS.iter().any(|ending| line.contains(ending)))
}

/// A program's error output without Wine's own lines.
fn without_wine(errors: &str) -> String {
    let own = ["wine32", "multiarch", "dpkg --add", "apt-get install"];
    errors
        .lines()
        .filter(|line| !own.iter().any(|text| line.contains(text)))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const LOG: &str = "\
0044:err:winediag:nodrv_CreateWindow Application tried to create a window\n\
0140:warn:debugstr:vDbgPrintExWithPrefix 00000000:00000001: wdfmem: loaded: 3\n\
0140:err:ntoskrnl:KeBugCheckEx c4 1 2 3 4\n";

    #[test]
    fn errors_of_wine_matter_but_not_the_missing_display() {
        let lines: Vec<bool> = LOG.lines().map(matters).collect();
        assert_eq!(lines, [false, true, true]);
    }

    #[test]
    fn only_the_drivers_own_lines_are_taken() {
        assert_eq!(driver_lines(LOG), ["wdfmem: loaded: 3"]);
    }

    #[test]
    fn a_bug_check_a_fault_and_a_missing_function_are_endings() {
        assert_eq!(
            ending(LOG),
            Some("0140:err:ntoskrnl:KeBugCheckEx c4 1 2 3 4")
        );
        let missing = "wine: Call from 0x17 to unimplemented function ntoskrnl.exe.X, aborting";
        assert_eq!(ending(missing), Some(missing));
        assert_eq!(
            ending("0058:err:setupapi:SetupCopyOEMInfW Could not add catalog"),
            None
        );
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows has no program `sleep` to end")]
    fn a_program_that_does_not_end_is_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let start = Instant::now();
        assert!(
            wait(&mut child, Duration::from_millis(20))
                .unwrap()
                .is_none()
        );
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
