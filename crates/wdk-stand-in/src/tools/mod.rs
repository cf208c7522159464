//! Stand-ins for the WDK's packaging tools: each checks how it is called, and leaves what the next
//! one needs.
//!
//! The makefile of wdk-build calls them by name. Options are those of the tools' documentation
//! pages, as far as that makefile uses them: anything else fails, so that a new option is looked up
//! before it is believed. Nothing is really signed; `cargo kmdf package` does that.

use anyhow::{Context, Result, bail, ensure};
use cargo_kmdf::inf::{self, Expectations, Stamp};
use cargo_kmdf::package::catalog::{self, Member};
use cargo_kmdf::package::date::Date;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The tools that there are stand-ins for.
pub const NAMES: [&str; 6] = [
    "certmgr", "inf2cat", "infverif", "makecert", "signtool", "stampinf",
];

/// The environment variable that names the folder of the certificate store and the journal.
pub const STORE: &str = "WDK_ROUTE_STORE";

/// What each call did, in order: a line with the tool and the file's name.
pub const JOURNAL: &str = "calls";

/// Arguments of one of the WDK's tools.
#[derive(clap::Args)]
pub struct Call {
    /// The tool of the kit to stand in for
    tool: String,
    /// The arguments that cargo-make gives it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Does what the tool of this name does, as far as the check needs it.
pub fn run(call: &Call) -> Result<()> {
    let store = std::env::var_os(STORE).with_context(|| {
        format!("{STORE} is not set: the makefile of wdk-build calls this, under `cargo xtask wdk-route`")
    })?;
    let said = format!("{} {}", call.tool, call.arguments.join(" "));
    perform(&call.tool, &call.arguments, Path::new(&store))
        .with_context(|| format!("`{said}` would fail with the WDK's tool"))
}

fn perform(tool: &str, arguments: &[String], store: &Path) -> Result<()> {
    fs::create_dir_all(store)?;
    let done = match tool {
        "stampinf" => stampinf(arguments),
        "infverif" => infverif(arguments),
        "inf2cat" => inf2cat(arguments),
        "makecert" => makecert(arguments, store),
        "certmgr" => certmgr(arguments, store),
        "signtool" => signtool(arguments, store),
        other => bail!("{other} is none of {}", NAMES.join(", ")),
    }?;
    let mut journal = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(store.join(JOURNAL))?;
    writeln!(journal, "{tool} {done}")?;
    Ok(())
}

/// "Stampinf Command Options": `-f INF -d DATE -a ARCHITECTURE -c CATALOG -v VERSION -k KMDF`.
fn stampinf(arguments: &[String]) -> Result<String> {
    let mut options = Options::new(arguments);
    let file = PathBuf::from(options.required("-f")?);
    let [date, version] = ["-d", "-v"].map(|name| options.required(name));
    ensure!(
        date? == "*" && version? == "*",
        "only the date and version of today are known here"
    );
    let architecture = options.required("-a")?;
    ensure!(
        architecture == "amd64",
        "the architecture is {architecture}, not amd64"
    );
    let catalog = options.required("-c")?;
    let kmdf = version_pair(&options.required("-k")?)?;
    options.end()?;
    let text =
        fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    ensure!(
        stamped(&file).is_err(),
        "{} is stamped already",
        file.display()
    );
    let stamp = Stamp {
        architecture: "amd64",
        kmdf,
        date: Date::of(now()?),
        version: [1, 0, 0, 0],
        catalog,
    };
    fs::write(&file, inf::stamp(&text, &stamp)?)?;
    Ok(name_of(&file))
}

/// "InfVerif": `/v /w INF`, which checks by the rules for Windows drivers.
fn infverif(arguments: &[String]) -> Result<String> {
    let [verbose, windows, file] = arguments else {
        bail!("it takes /v, /w and one file here");
    };
    ensure!(
        verbose == "/v" && windows == "/w",
        "it is called with /v /w"
    );
    let file = Path::new(file);
    let bytes = stamped(file)?;
    if let Some(finding) = inf::check(&bytes, &Expectations::default()).first() {
        bail!("{}, {finding}", file.display());
    }
    Ok(name_of(file))
}

/// "Inf2Cat": `/driver:FOLDER /os:LIST /uselocaltime`; every file that the INF names must be there.
fn inf2cat(arguments: &[String]) -> Result<String> {
    let [driver, system, time] = arguments else {
        bail!("it takes /driver:, /os: and /uselocaltime here");
    };
    let folder = Path::new(
        driver
            .strip_prefix("/driver:")
            .context("/driver: comes first")?,
    );
    ensure!(
        system == "/os:10_x64",
        "{system} is not for Windows 10 on x64"
    );
    ensure!(
        time == "/uselocaltime",
        "{time} is no option that is used here"
    );
    let inf = only(folder, "inf")?;
    let bytes = stamped(&inf)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let image = only(folder, "sys")?;
    let image_name = name_of(&image);
    ensure!(
        text.lines()
            .any(|line| line.trim() == format!("{image_name} = 1")),
        "{} does not list {image_name} in its SourceDisksFiles",
        inf.display()
    );
    let members = [&inf, &image]
        .into_iter()
        .map(|file| Member::new(&name_of(file), &fs::read(file)?))
        .collect::<Result<Vec<Member>>>()?;
    let catalog = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("CatalogFile"))
        .context("the INF has no CatalogFile")?;
    let catalog = folder.join(catalog.trim_start_matches([' ', '=']).trim());
    let hardware = inf::contents(&bytes).hardware_ids;
    ensure!(!hardware.is_empty(), "the INF has no hardware identifier");
    fs::write(&catalog, catalog::unsigned(&members, &hardware, now()?)?)?;
    Ok(name_of(&catalog))
}

/// "MakeCert": a self-signed certificate with an exportable key, put into a store.
fn makecert(arguments: &[String], store: &Path) -> Result<String> {
    let [self_signed, exportable, rest @ ..] = arguments else {
        bail!("it is called with -r -pe");
    };
    ensure!(
        self_signed == "-r" && exportable == "-pe",
        "it is called with -r -pe"
    );
    let mut options = Options::new(rest);
    let digest = options.required("-a")?;
    ensure!(
        digest == "SHA256",
        "Windows does not take drivers signed with {digest}"
    );
    let usage = options.required("-eku")?;
    ensure!(
        usage == "1.3.6.1.5.5.7.3.3",
        "{usage} is not the usage for code signing"
    );
    let name = options.required("-ss")?;
    let subject = options.required("-n")?;
    let subject = subject
        .strip_prefix("CN=")
        .context("-n is no CN=")?
        .to_owned();
    let file = PathBuf::from(options.rest(1)?.remove(0));
    let entry = store.join(&name);
    ensure!(
        !entry.exists(),
        "the store {name} has a certificate already"
    );
    // What is in the file only has to be the same wherever it is copied to.
    let certificate = format!("certificate of {subject}\n");
    fs::write(&entry, &certificate)?;
    fs::write(&file, &certificate)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(name_of(&file))
}

/// "CertMgr": `-put -s STORE -c -n NAME FILE` writes a certificate of a store to a file.
fn certmgr(arguments: &[String], store: &Path) -> Result<String> {
    let [put, system, name, certificate, named, subject, file] = arguments else {
        bail!("it is called with -put -s STORE -c -n NAME FILE");
    };
    ensure!(
        [put, system, certificate, named] == ["-put", "-s", "-c", "-n"],
        "it is called with -put -s STORE -c -n NAME FILE"
    );
    let text = fs::read_to_string(store.join(name))
        .with_context(|| format!("no certificate is in the store {name}"))?;
    ensure!(
        text.to_lowercase().contains(&subject.to_lowercase()),
        "the store {name} has no certificate {subject}"
    );
    fs::write(file, text)?;
    Ok(name_of(Path::new(file)))
}

/// "SignTool": signs a driver or a catalog with a certificate of a store.
fn signtool(arguments: &[String], store: &Path) -> Result<String> {
    let [command, verbose, rest @ ..] = arguments else {
        bail!("it is called with a command and /v");
    };
    ensure!(
        command == "sign" && verbose == "/v",
        "it is called with sign /v"
    );
    let mut options = Options::new(rest);
    let name = options.required("/s")?;
    let subject = options.required("/n")?;
    options.required("/t")?;
    let digest = options.required("/fd")?;
    ensure!(
        digest == "SHA256",
        "Windows does not take drivers signed with {digest}"
    );
    let file = PathBuf::from(options.rest(1)?.remove(0));
    let text = fs::read_to_string(store.join(&name))
        .with_context(|| format!("no certificate is in the store {name}"))?;
    ensure!(
        text.contains(&subject),
        "the store {name} has no certificate {subject}"
    );
    let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("sys") => ensure!(bytes.starts_with(b"MZ"), "{} is no image", file.display()),
        Some("cat") => {
            // The catalog is of the files as they are; it must be signed after it is made.
            let folder = file.parent().context("a file outside of any folder")?;
            for member in [only(folder, "inf")?, only(folder, "sys")?] {
                catalog::covers(&bytes, &name_of(&member), &fs::read(&member)?)?;
            }
        }
        _ => bail!("{} is neither an image nor a catalog", file.display()),
    }
    Ok(name_of(&file))
}

/// Options with a value each, in any order.
struct Options<'a>(Vec<&'a str>);

impl<'a> Options<'a> {
    fn new(arguments: &'a [String]) -> Self {
        Self(arguments.iter().map(String::as_str).collect())
    }

    fn required(&mut self, name: &str) -> Result<String> {
        let position = self.0.iter().position(|argument| *argument == name);
        let position = position.with_context(|| format!("{name} is missing"))?;
        ensure!(position + 1 < self.0.len(), "{name} has no value");
        let value = self.0.remove(position + 1).to_owned();
        self.0.remove(position);
        Ok(value)
    }

    /// What is left, which must be this many arguments.
    fn rest(self, count: usize) -> Result<Vec<String>> {
        ensure!(
            self.0.len() == count,
            "it takes {count} arguments beside its options, and got {:?}",
            self.0
        );
        Ok(self.0.into_iter().map(ToOwned::to_owned).collect())
    }

    fn end(self) -> Result<()> {
        self.rest(0).map(drop)
    }
}

/// The bytes of an INF, in which no token of a template may be left.
fn stamped(file: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let open = text
        .lines()
        .map(|line| line.split(';').next().unwrap_or(line))
        .find(|line| line.contains("$ARCH$") || line.contains("$KMDFVERSION$"));
    ensure!(
        open.is_none(),
        "{} is not stamped: {}",
        file.display(),
        open.unwrap_or_default()
    );
    Ok(bytes)
}

/// The one file with this extension in a folder.
fn only(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("{} is not there", folder.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    ensure!(
        found.len() == 1,
        "{} has {} files that end in .{extension}, and must have one",
        folder.display(),
        found.len()
    );
    Ok(found.remove(0))
}

fn version_pair(text: &str) -> Result<(u32, u32)> {
    let (major, minor) = text
        .split_once('.')
        .with_context(|| format!("{text} is no version of KMDF"))?;
    Ok((major.parse()?, minor.parse()?))
}

fn name_of(file: &Path) -> String {
    file.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(since.as_secs().try_into()?)
}

#[cfg(test)]
mod tests;
