//! Rules that the source itself must follow.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// No line of the driver's source contains `unsafe`, but the attributes that forbid it.
pub fn driver_has_no_unsafe(root: &Path) -> Result<String> {
    let mut files = 0;
    let mut found = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            files += 1;
            found.extend(unsafe_lines(&text).map(|line| format!("{}:{line}", path.display())));
        }
    }
    ensure!(
        found.is_empty(),
        "unsafe in the driver:\n{}",
        found.join("\n")
    );
    Ok(format!("{files} files of src/ read"))
}

/// Numbers of the lines that contain `unsafe` other than as the name of the lint.
fn unsafe_lines(text: &str) -> impl Iterator<Item = usize> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.replace("unsafe_code", "").contains("unsafe"))
        .map(|(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::unsafe_lines;

    #[test]
    fn unsafe_code_is_found_by_line_and_the_lint_is_not_taken_for_it() {
        let text = "#![deny(unsafe_code)]\nfn f() {\n    unsafe { g() }\n}\n";
        assert_eq!(unsafe_lines(text).collect::<Vec<_>>(), [3]);
    }
}
