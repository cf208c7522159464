//! Which section of an INF file leads to which, from the manufacturers down to files and registry.

use super::syntax::{Entry, Inf, Section};

/// What a section is used as by the directive that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Models,
    Install,
    FileList,
    Registry,
    Service,
    EventLog,
    Wdf,
    Interface,
    /// Named by a directive whose sections are not read further.
    Other,
}

/// A directive that names a section.
pub struct Reference {
    pub name: String,
    pub role: Role,
    /// The directive, as its page writes it.
    pub directive: &'static str,
    pub line: usize,
}

/// A section that installs a device, with the sections that extend it.
pub struct Install<'a> {
    /// The name that the models section gives.
    pub base: String,
    pub section: &'a Section,
    /// Sections named after this one with a further word, such as `.Services`.
    pub extensions: Vec<(&'static str, &'a Section)>,
}

impl<'a> Install<'a> {
    /// The section of this extension.
    pub fn extension(&self, name: &str) -> Option<&'a Section> {
        let found = self.extensions.iter().find(|(own, _)| *own == name);
        found.map(|(_, section)| *section)
    }

    /// The section itself and all that extend it.
    pub fn sections(&self) -> impl Iterator<Item = &'a Section> {
        let extensions = self.extensions.iter().map(|(_, section)| *section);
        std::iter::once(self.section).chain(extensions)
    }
}

/// The sections that an INF file leads to.
#[derive(Default)]
pub struct Graph<'a> {
    /// Models sections that the manufacturers name.
    pub models: Vec<&'a Section>,
    pub installs: Vec<Install<'a>>,
    pub references: Vec<Reference>,
}

/// Sections that Windows finds by their names alone.
const ROOTS: [&str; 9] = [
    "Version",
    "Strings",
    "Manufacturer",
    "DefaultInstall",
    "DestinationDirs",
    "SourceDisksNames",
    "SourceDisksFiles",
    "ControlFlags",
    "SignatureAttributes",
];

/// Extensions that an install section may have.
const EXTENSIONS: [&str; 10] = [
    "Services",
    "HW",
    "Wdf",
    "Interfaces",
    "CoInstallers",
    "LogConfigOverride",
    "Events",
    "Components",
    "Software",
    "Filters",
];

/// Directives that name sections: which values do, and as what.
const DIRECTIVES: [(&str, Values, Role); 20] = [
    ("CopyFiles", Values::All, Role::FileList),
    ("AddReg", Values::All, Role::Registry),
    ("AddProperty", Values::All, Role::Other),
    ("AddService", Values::At(2), Role::Service),
    ("AddService", Values::At(3), Role::EventLog),
    ("AddInterface", Values::At(2), Role::Interface),
    ("AddEventProvider", Values::At(1), Role::Other),
    ("AddComponent", Values::At(2), Role::Other),
    ("AddSoftware", Values::At(2), Role::Other),
    ("AddFilter", Values::At(2), Role::Other),
    ("AddTrigger", Values::All, Role::Other),
    ("FailureActions", Values::All, Role::Other),
    ("KmdfService", Values::At(1), Role::Wdf),
    ("DelFiles", Values::All, Role::Other),
    ("RenFiles", Values::All, Role::Other),
    ("DelReg", Values::All, Role::Other),
    ("DelProperty", Values::All, Role::Other),
    ("BitReg", Values::All, Role::Other),
    ("LogConfig", Values::All, Role::Other),
    ("RegisterDlls", Values::All, Role::Other),
];

#[derive(Clone, Copy)]
enum Values {
    All,
    At(usize),
}

impl<'a> Graph<'a> {
    /// Follows every directive of the file.
    pub fn new(inf: &'a Inf) -> Self {
        let mut graph = Self::default();
        graph.follow_manufacturers(inf);
        graph.follow_models(inf);
        for install in 0..graph.installs.len() {
            for section in graph.installs[install].sections().collect::<Vec<_>>() {
                graph.follow_directives(inf, section);
            }
        }
        graph
    }

    /// Every section that is used in this role, once.
    pub fn used_as(&self, inf: &'a Inf, role: Role) -> Vec<&'a Section> {
        let named = self.references.iter().filter(|own| own.role == role);
        let mut sections: Vec<&Section> = Vec::new();
        for section in named.filter_map(|reference| inf.section(&reference.name)) {
            if !sections.iter().any(|own| own.name == section.name) {
                sections.push(section);
            }
        }
        sections
    }

    /// Whether Windows would read this section.
    pub fn uses(&self, name: &str) -> bool {
        let root = |root: &&str| {
            name.eq_ignore_ascii_case(root)
                || prefix(name, root).is_some_and(|rest| rest.starts_with('.'))
        };
        let own = |section: &Section| section.name.eq_ignore_ascii_case(name);
        let reference = |reference: &Reference| {
            reference.name.eq_ignore_ascii_case(name)
                || prefix(name, &reference.name)
                    .is_some_and(|rest| rest.eq_ignore_ascii_case(".security"))
        };
        let mut installs = self.installs.iter().flat_map(Install::sections);
        ROOTS.iter().any(root) || installs.any(own) || self.references.iter().any(reference)
    }

    fn add(&mut self, name: String, role: Role, directive: &'static str, line: usize) {
        self.references.push(Reference {
            name,
            role,
            directive,
            line,
        });
    }

    fn follow_manufacturers(&mut self, inf: &'a Inf) {
        let manufacturers = inf.section("Manufacturer");
        for entry in manufacturers
            .into_iter()
            .flat_map(|section| &section.entries)
        {
            for name in models_names(inf, entry) {
                self.models.extend(inf.section(&name));
                self.add(name, Role::Models, "Manufacturer", entry.line);
            }
        }
    }

    fn follow_models(&mut self, inf: &'a Inf) {
        for entry in self
            .models
            .clone()
            .into_iter()
            .flat_map(|section| &section.entries)
        {
            let base = inf.expand(entry.value(0));
            let same = |install: &Install<'_>| install.base.eq_ignore_ascii_case(&base);
            if self.installs.iter().any(same) {
                continue;
            }
            let found = installs(inf, &base);
            if found.is_empty() {
                self.add(base, Role::Install, "Models", entry.line);
            }
            self.installs.extend(found);
        }
    }

    /// Notes what the entries of a section name, and follows that further.
    fn follow_directives(&mut self, inf: &'a Inf, section: &'a Section) {
        for (directive, values, role) in DIRECTIVES {
            for entry in section.entries_of(directive) {
                let named: Vec<&String> = match values {
                    Values::All => entry.values.iter().collect(),
                    Values::At(index) => entry.values.get(index).into_iter().collect(),
                };
                for name in named {
                    let name = inf.expand(name);
                    if name.is_empty() || name.starts_with('@') {
                        continue;
                    }
                    let next = inf.section(&name).filter(|_| !self.follows(&name, role));
                    self.add(name, role, directive, entry.line);
                    if let Some(next) = next
                        && matches!(role, Role::Service | Role::EventLog | Role::Interface)
                    {
                        self.follow_directives(inf, next);
                    }
                }
            }
        }
    }

    fn follows(&self, name: &str, role: Role) -> bool {
        let same = |own: &Reference| own.role == role && own.name.eq_ignore_ascii_case(name);
        self.references.iter().any(same)
    }
}

/// The models sections that a manufacturer's entry names: one for each decoration, or one without.
pub fn models_names(inf: &Inf, entry: &Entry) -> Vec<String> {
    let name = inf.expand(entry.value(0));
    let decorations: Vec<&String> = entry.values.iter().skip(1).collect();
    if decorations.is_empty() {
        return vec![name];
    }
    let decorated = |decoration: &&String| format!("{name}.{}", inf.expand(decoration));
    decorations.iter().map(decorated).collect()
}

/// The install sections of a base name: undecorated, and with each platform decoration.
fn installs<'a>(inf: &'a Inf, base: &str) -> Vec<Install<'a>> {
    let candidate = |section: &&Section| prefix(&section.name, base).is_some_and(is_decoration);
    let extended = |section: &'a Section| {
        let named = |extension: &'static str| {
            let name = format!("{}.{extension}", section.name);
            inf.section(&name).map(|section| (extension, section))
        };
        Install {
            base: base.to_owned(),
            section,
            extensions: EXTENSIONS.into_iter().filter_map(named).collect(),
        }
    };
    inf.sections
        .iter()
        .filter(candidate)
        .map(extended)
        .collect()
}

/// Whether nothing or a platform decoration such as `.NTamd64.10.0` follows a base name.
fn is_decoration(rest: &str) -> bool {
    let mut fields = rest.split('.');
    match (fields.next(), fields.next()) {
        (Some(""), None) => true,
        (Some(""), Some(platform)) => {
            let architecture = prefix(platform, "nt").map(str::to_ascii_lowercase);
            let known = ["", "x86", "ia64", "amd64", "arm", "arm64"];
            architecture.is_some_and(|own| known.contains(&own.as_str()))
                && fields.all(|field| field.is_empty() || starts_with_digit(field))
        }
        _ => false,
    }
}

fn starts_with_digit(field: &str) -> bool {
    field.starts_with(|character: char| character.is_ascii_digit())
}

/// What follows a prefix, in any case of letters.
fn prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
