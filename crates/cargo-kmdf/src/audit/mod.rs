//! `cargo kmdf audit`: whether Windows would load a kernel image, check by check.

mod code;
mod contexts;
mod debug;
mod depth;
mod describe;
mod header;
mod image;
mod imports;
mod places;
mod relocations;
mod resource;
mod sections;
mod text;
mod unwind;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use crate::driver::{Driver, Selection};
use crate::failure::usage;
use anyhow::{Context, Result, bail};
use clap::Args;
use comfy_table::{ContentArrangement, Table};
use image::Image;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Which image to check, and how to report what was found.
#[derive(Args, Default)]
pub struct Options {
    /// A kernel image of any driver; what `cargo kmdf build` made, if none is named. The PDB that it names is looked
    /// for beside it
    pub file: Option<PathBuf>,
    #[expect(missing_docs, reason = "clap would show the text")]
    #[command(flatten)]
    pub selection: Selection,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Leave out a check; may be given several times
    #[arg(long, value_name = "CHECK")]
    pub skip: Vec<String>,
    /// Take an import that this program does not know, or that is newer than Windows 10 1809; may be
    /// given several times, as `KeName` or `library.sys!Name`
    #[arg(long, value_name = "NAME")]
    pub allow_import: Vec<String>,
    /// Write a page with the image's size, sections and imports, in Markdown
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
}

/// One thing that Windows, or this project, asks of a kernel image.
struct Check {
    id: &'static str,
    /// What is asked, and why.
    rule: &'static str,
    /// Says what was found, or fails with what is wrong.
    examine: fn(&Image<'_>) -> Result<String>,
}

/// All checks, from the outside of an image to its inside.
const CHECKS: [Check; 21] = [
    Check {
        id: "machine",
        rule: "An executable image for x64: Windows loads nothing else",
        examine: header::machine,
    },
    Check {
        id: "subsystem",
        rule: "Subsystem NATIVE with a version that every supported Windows accepts",
        examine: header::subsystem,
    },
    Check {
        id: "checksum",
        rule: "The header's checksum is that of the file: Windows does not load a driver with a wrong one",
        examine: header::checksum,
    },
    Check {
        id: "entry-point",
        rule: "The entry point lies in code: it is the first thing called",
        examine: header::entry_point,
    },
    Check {
        id: "mitigations",
        rule: "NX_COMPAT, DYNAMIC_BASE and HIGH_ENTROPY_VA are set",
        examine: header::mitigations,
    },
    Check {
        id: "directories",
        rule: "No thread-local storage, delayed or bound imports, or managed code: kernels have none",
        examine: header::directories,
    },
    Check {
        id: "section-flags",
        rule: "Every section has flags, is readable, and is never both writable and executable",
        examine: sections::flags,
    },
    Check {
        id: "discardable",
        rule: "INIT and .reloc are freed after the entry point has run; nothing else is",
        examine: sections::discardable,
    },
    Check {
        id: "alignment",
        rule: "Sections begin on pages of their own and do not overlap: HVCI protects by the page",
        examine: sections::alignment,
    },
    Check {
        id: "relocations",
        rule: "The image can be loaded at any address: every absolute address in it is listed",
        examine: relocations::complete,
    },
    Check {
        id: "contexts",
        rule: "Context types lie in writable data: linkers may give read-only ones one address",
        examine: contexts::distinct,
    },
    Check {
        id: "unwind",
        rule: ".pdata is sorted and describes every function that moves the stack pointer",
        examine: unwind::complete,
    },
    Check {
        id: "stack",
        rule: "No function has a frame of a page or more, nor calls __chkstk: kernel stacks are small",
        examine: unwind::frames,
    },
    Check {
        id: "depth",
        rule: "Chains of direct calls end, and take no more than a third of a kernel stack",
        examine: depth::bounded,
    },
    Check {
        id: "registers",
        rule: "No instruction uses registers that the kernel does not save for drivers (AVX, MMX, x87)",
        examine: code::registers,
    },
    Check {
        id: "imports",
        rule: "Every import is exported by every supported Windows, 10 1809 and later",
        examine: imports::allowed,
    },
    Check {
        id: "panic",
        rule: "No panic can happen: neither messages nor the bug check of the panic handler are there",
        examine: text::panic,
    },
    Check {
        id: "formatting",
        rule: "No formatting machinery: it is large, deep on the stack, and panics",
        examine: text::formatting,
    },
    Check {
        id: "paths",
        rule: "No path of the machine that built it",
        examine: text::paths,
    },
    Check {
        id: "version",
        rule: "A version resource that says it is a driver, for Explorer and for crash reports",
        examine: resource::version,
    },
    Check {
        id: "pdb",
        rule: "A PDB was made and belongs to this image: crash dumps need it",
        examine: debug::pdb,
    },
];

/// The result of a check.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    rule: &'static str,
    ok: bool,
    /// What was found, or what is wrong.
    found: String,
}

/// Examines the file, prints what each check found, and fails if one failed.
pub fn run(options: &Options) -> Result<String> {
    for skipped in &options.skip {
        if !CHECKS.iter().any(|check| check.id == skipped) {
            return Err(usage(format!(
                "there is no check `{skipped}`; there are {}",
                CHECKS.map(|check| check.id).join(", ")
            )));
        }
    }
    let file = match &options.file {
        Some(file) => file.clone(),
        None => {
            let driver = Driver::find(&options.selection)?;
            driver.warn_if_changed();
            driver.images().join(driver.image())
        }
    };
    let bytes = fs::read(&file).map_err(|error| {
        usage(format!(
            "{} cannot be read ({error}): name an image, or make one with `cargo kmdf build`",
            file.display()
        ))
    })?;
    let image = Image::parse(&bytes)
        .with_context(|| format!("{} is not a whole kernel image", file.display()))?;
    let pdb = pdb_beside(&file, &image);
    let image = Image {
        pdb,
        allowed_imports: options.allow_import.clone(),
        ..image
    };
    let mut findings = examine(&image);
    findings.retain(|finding| !options.skip.iter().any(|skipped| skipped == finding.check));
    if options.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        print(&findings);
    }
    if let Some(page) = &options.page {
        describe::write(&image, &file, page)?;
    }
    let broken = findings.iter().filter(|finding| !finding.ok);
    let broken: Vec<&str> = broken.map(|finding| finding.check).collect();
    if !broken.is_empty() {
        bail!(
            "{} does not pass {} of {} checks: {}",
            file.display(),
            broken.len(),
            findings.len(),
            broken.join(", ")
        );
    }
    Ok(format!(
        "{}: {} bytes, all {} checks passed",
        file.display(),
        bytes.len(),
        findings.len()
    ))
}

/// Applies the named checks to a file, and says what each found, or fails with what is wrong.
pub fn check(file: &Path, ids: &[&str]) -> Result<Vec<String>> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let image = Image::parse(&bytes)
        .with_context(|| format!("{} is not a whole kernel image", file.display()))?;
    let image = Image {
        pdb: pdb_beside(file, &image),
        ..image
    };
    let mut found = Vec::new();
    for id in ids {
        let check = CHECKS
            .iter()
            .find(|check| check.id == *id)
            .with_context(|| format!("there is no check `{id}`"))?;
        let said = (check.examine)(&image)
            .with_context(|| format!("{} does not pass `{id}`", file.display()))?;
        found.push(format!("{id}: {said}"));
    }
    Ok(found)
}

/// The names of the context types in an image, one for each address that has one.
pub fn context_types(image: &[u8]) -> Result<Vec<String>> {
    let types = contexts::types(&Image::parse(image)?)?;
    Ok(types.into_iter().map(|found| found.name).collect())
}

/// Applies every check to an image.
fn examine(image: &Image<'_>) -> Vec<Finding> {
    CHECKS
        .iter()
        .map(|check| {
            let (ok, found) = match (check.examine)(image) {
                Ok(found) => (true, found),
                Err(error) => (false, format!("{error:#}")),
            };
            Finding {
                check: check.id,
                rule: check.rule,
                ok,
                found,
            }
        })
        .collect()
}

/// The PDB that the image names, if it lies beside the image.
fn pdb_beside(file: &Path, image: &Image<'_>) -> Option<Vec<u8>> {
    let name = debug::pdb_name(image).ok()?;
    fs::read(file.with_file_name(name)).ok()
}

fn print(findings: &[Finding]) {
    let mut table = Table::new();
    table
        .load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["check", "", "what is asked", "what was found"]);
    // A terminal gets the table in its own width.
    if !table.is_tty() {
        table.set_width(110);
    }
    for finding in findings {
        let verdict = if finding.ok { "ok" } else { "FAIL" };
        table.add_row([finding.check, verdict, finding.rule, &finding.found]);
    }
    println!("{table}");
}
