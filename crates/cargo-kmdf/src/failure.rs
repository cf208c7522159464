//! Why a command ends, as far as its exit code tells.

use anyhow::Error;
use std::fmt;

/// A command could not do its work: exit code 2. Every other error is a check that failed: exit code 1.
#[derive(Debug)]
pub enum Unable {
    /// The command line, a manifest or a folder does not fit; the text says what to change.
    Usage(String),
    /// Programs are not installed.
    Missing {
        /// The work that needs the programs, as the beginning of a sentence.
        purpose: String,
        /// Commands that install them, each on its own; the first is the one to recommend.
        installs: Vec<Vec<String>>,
    },
}

impl Unable {
    /// Programs that Debian has in `packages`.
    pub fn missing_packages(purpose: &str, packages: &[&str]) -> Self {
        Self::missing(
            purpose,
            [&["sudo", "apt-get", "install"], packages].concat(),
        )
    }

    /// Programs that one command installs.
    pub fn missing(purpose: &str, install: Vec<&str>) -> Self {
        Self::Missing {
            purpose: purpose.to_owned(),
            installs: vec![install.into_iter().map(str::to_owned).collect()],
        }
    }
}

impl fmt::Display for Unable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => formatter.write_str(text),
            Self::Missing { purpose, installs } => {
                let install = installs.first().map(|words| words.join(" "));
                let install = install.unwrap_or_default();
                write!(
                    formatter,
                    "{purpose} needs programs that are not installed: run `{install}`"
                )
            }
        }
    }
}

impl std::error::Error for Unable {}

/// An error of usage; the text says what to change.
pub fn usage(text: impl Into<String>) -> Error {
    Unable::Usage(text.into()).into()
}

/// The exit code of a command that ended with this error.
pub fn exit_code(error: &Error) -> u8 {
    if error.is::<Unable>() { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_the_one_command_that_installs_it() {
        let missing = Unable::missing_packages("running under Wine", &["lld-19", "wine"]);
        assert_eq!(
            missing.to_string(),
            "running under Wine needs programs that are not installed: run `sudo apt-get install lld-19 wine`"
        );
    }

    #[test]
    fn the_exit_code_tells_a_failed_check_from_a_command_that_could_not_run() {
        let unable = usage("no such package").context("building");
        assert_eq!(exit_code(&unable), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("the image has a panic")), 1);
    }
}
