//! What an INF file installs, as far as packages and test machines need it.

use super::graph::{Graph, Role};
use super::{Findings, syntax};

/// What an INF file installs. A text is empty where the file does not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The provider of the driver package.
    pub provider: String,
    /// The hardware and compatible IDs of its devices, each once.
    pub hardware_ids: Vec<String>,
    /// The first service that it installs.
    pub service: String,
    /// That service's name for people.
    pub display_name: String,
    /// The file name of that service's image.
    pub binary: String,
}

/// Reads what a stamped INF file installs.
pub fn contents(bytes: &[u8]) -> Contents {
    let inf = syntax::parse(bytes, &mut Findings::default());
    let graph = Graph::new(&inf);
    let mut contents = Contents::default();
    if let Some(provider) = inf.section("Version").and_then(|own| own.entry("Provider")) {
        contents.provider = inf.expand(provider.value(0));
    }
    for entry in graph.models.iter().flat_map(|section| &section.entries) {
        let named = entry.values.iter().skip(1);
        for value in named.filter(|value| !value.is_empty()) {
            let value = inf.expand(value);
            let same = |own: &String| own.eq_ignore_ascii_case(&value);
            if !contents.hardware_ids.iter().any(same) {
                contents.hardware_ids.push(value);
            }
        }
    }
    let services = graph.installs.iter().filter_map(|install| {
        let services = install.extension("Services")?;
        services.entries_of("AddService").next()
    });
    if let Some(service) = services.into_iter().next() {
        contents.service = inf.expand(service.value(0));
    }
    if let Some(section) = graph.used_as(&inf, Role::Service).into_iter().next() {
        let value = |key| {
            let entry = section.entry(key);
            entry.map_or(String::new(), |entry| inf.expand(entry.value(0)))
        };
        contents.display_name = value("DisplayName");
        let binary = value("ServiceBinary");
        contents.binary = binary.rsplit('\\').next().unwrap_or_default().to_owned();
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::contents;

    #[test]
    fn service_image_and_hardware_ids_are_read_from_an_inf() {
        let found = contents(include_bytes!("../../../../driver.inx"));
        assert_eq!(found.provider, "wdfmem project");
        assert_eq!(found.hardware_ids, [r"root\wdfmem"]);
        assert_eq!(found.service, "wdfmem");
        assert_eq!(found.display_name, "wdfmem memory test driver");
        assert_eq!(found.binary, "wdfmem.sys");
    }

    #[test]
    fn what_an_inf_does_not_say_is_empty() {
        assert_eq!(contents(b"[Version]\r\n"), Default::default());
    }
}
