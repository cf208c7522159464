//! A page about an image for the documentation: its size, its sections, its imports and how deep it
//! goes on the stack.

use super::image::Image;
use super::{depth, imports, sections};
use crate::pe::{self, Import};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Writes the page about the image in `file` to `to`.
pub fn write(image: &Image<'_>, file: &Path, to: &Path) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    fs::write(to, page(image, &name)?)
        .with_context(|| format!("{} cannot be written", to.display()))
}

fn page(image: &Image<'_>, name: &str) -> Result<String> {
    let mut page = format!(
        "# {name}\n\n\
         Made by `cargo kmdf audit {name} --page FILE`; the numbers are those of one build with one \
         compiler.\n\n\
         The file has {} bytes.\n\n\
         | section | bytes in memory | bytes in the file | rights |\n| --- | ---: | ---: | --- |\n",
        image.bytes.len()
    );
    for section in image.sections()? {
        writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            section.name,
            section.size,
            section.bytes.len(),
            sections::rights(&section)
        )?;
    }
    page.push_str(
        "\nRights: r readable, w writable, x executable, d discarded after the entry point has run.\n\n\
         | import | from | first Windows that exports it |\n| --- | --- | --- |\n",
    );
    for Import { library, name, .. } in pe::imports(&image.file)? {
        let since = imports::since(&library, &name);
        let since = since.map_or("see its documentation".to_owned(), |since| {
            since.to_string()
        });
        writeln!(page, "| `{name}` | {library} | {since} |")?;
    }
    let depths = depth::measure(image)?;
    page.push_str(
        "\nBytes of stack that a function takes with all that it calls directly, for the functions that \
         nothing in the image calls directly: the entry point and the callbacks.\n\n\
         | function | bytes of stack |\n| --- | ---: |\n",
    );
    for root in &depths.roots {
        writeln!(page, "| `{}` | {} |", root.name, root.depth)?;
    }
    writeln!(
        page,
        "\n{} calls through pointers count as nothing: those of the framework's functions and of the \
         kernel's.",
        depths.indirect_calls
    )?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn a_page_has_a_row_for_each_section_and_each_import() {
        let bytes = Sample::new().to_bytes();
        let page = page(&Image::parse(&bytes).unwrap(), "x.sys").unwrap();
        assert!(page.contains("| `INIT` | 3 | 3 | rxd |"));
        assert!(page.contains("| `0x1000` | 48 |"));
        assert!(page.contains("| `DbgPrint` | ntoskrnl.exe | Windows 7 or earlier |"));
    }
}
