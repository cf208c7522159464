//! Tables that fit the terminal and break lines only between words.

use std::{env, io, iter};

use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};

use crate::selftest::Row;

/// The width where neither a terminal nor `COLUMNS` says otherwise, as in a pipe.
const DEFAULT_WIDTH: usize = 132;

/// The narrowest width that the longest status and the longest name of a call fit in.
const MINIMUM_WIDTH: usize = 40;

/// The blanks around a cell: one on either side, but none at the edges of the table.
const PADDING: usize = 2;
const PADDING_AT_EDGE: usize = 1;

/// The column for `ok` or `FAIL`.
const MARK: usize = 4 + PADDING_AT_EDGE;

/// The width to print in, in characters.
pub fn width() -> usize {
    let terminal = Table::new().width().map(usize::from);
    terminal
        .filter(|width| *width > 0)
        .or_else(|| env::var("COLUMNS").ok()?.parse().ok())
        .unwrap_or(DEFAULT_WIDTH)
        .max(MINIMUM_WIDTH)
}

/// How the checks of the self-test are laid out: the same for all chapters, so that the eye can run down a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A column each for the mark, the rules, what was done, the Windows call and the status.
    Wide([usize; 5]),
    /// Without a column for the Windows call, which stands above the rows that are about it.
    Medium([usize; 4]),
    /// Everything but the mark in one column.
    Narrow([usize; 2]),
}

impl Layout {
    /// The layout for these checks: the widest that leaves each word whole.
    pub fn new(rows: &[&Row], width: usize) -> Self {
        let column = |title: &str, text: fn(&Row) -> String| {
            let words = rows.iter().map(|row| longest_word(&text(row)));
            words.chain([title.len()]).max().unwrap_or_default() + PADDING
        };
        let rule = column(RULE, |row| row.rule.to_owned());
        let call = column(CALL, |row| row.call.to_owned());
        let status = column(STATUS, status) - PADDING + PADDING_AT_EDGE;
        let what = column(WHAT, |row| row.what.clone()).max(32);
        if let Some(spare) = width.checked_sub(MARK + rule + what + call + status) {
            let for_what = spare.min(16);
            let for_status = (spare - for_what).min(16);
            return Self::Wide([MARK, rule, what + for_what, call, status + for_status]);
        }
        let what = what.max(call);
        if let Some(spare) = width.checked_sub(MARK + rule + what + status) {
            let for_what = spare.min(16);
            let for_status = (spare - for_what).min(16);
            return Self::Medium([MARK, rule, what + for_what, status + for_status]);
        }
        Self::Narrow([MARK, width - MARK])
    }

    /// A table of these checks, under this title. A call that is the title has no heading of its own.
    pub fn table(self, title: &str, rows: &[&Row]) -> Table {
        let mut lines = Vec::new();
        let mut call = title;
        for row in rows {
            let mark = if row.ok {
                Cell::new("ok").fg(Color::Green)
            } else {
                Cell::new("FAIL").fg(Color::Red)
            };
            if matches!(self, Self::Medium(_)) && call != row.call {
                call = row.call;
                let heading = Cell::new(call).add_attribute(Attribute::Bold);
                lines.push(vec![Cell::new(""), Cell::new(""), heading]);
            }
            let status = status(row);
            let all = format!("{}\n{} {} {status}", row.what, row.rule, row.call);
            let cells = match self {
                Self::Wide(_) => vec![row.rule, &row.what, row.call, &status],
                Self::Medium(_) => vec![row.rule, &row.what, &status],
                Self::Narrow(_) => vec![all.as_str()],
            };
            lines.push(
                iter::once(mark)
                    .chain(cells.into_iter().map(Cell::new))
                    .collect(),
            );
        }
        match self {
            Self::Wide(widths) => table(&["", RULE, WHAT, CALL, STATUS], &widths, lines),
            Self::Medium(widths) => table(&["", RULE, WHAT, STATUS], &widths, lines),
            Self::Narrow(widths) => table(&[], &widths, lines),
        }
    }
}

const RULE: &str = "rule";
const WHAT: &str = "what was done";
const CALL: &str = "Windows call";
const STATUS: &str = "status";

fn status(row: &Row) -> String {
    let mut status = row.status.clone();
    if let Some(detail) = &row.detail {
        status = format!("{status}: {detail}");
    }
    if !row.ok {
        status = format!("{status}\nexpected {}", row.expected);
    }
    status
}

fn longest_word(text: &str) -> usize {
    let words = text.split_whitespace().map(|word| word.chars().count());
    words.max().unwrap_or_default()
}

/// A table with these titles, if any, and columns of these widths.
fn table(titles: &[&str], widths: &[usize], lines: Vec<Vec<Cell>>) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .add_rows(lines);
    if !titles.is_empty() {
        let titles = titles.iter().map(Cell::new);
        table.set_header(titles.map(|title| title.add_attribute(Attribute::Bold)));
    }
    let total: usize = widths.iter().sum();
    table.set_width(u16::try_from(total).unwrap_or(u16::MAX));
    for (number, (column, width)) in table.column_iter_mut().zip(widths).enumerate() {
        let width = Width::Fixed(u16::try_from(*width).unwrap_or(u16::MAX));
        column.set_constraint(ColumnConstraint::Absolute(width));
        let is_last = number + 1 == widths.len();
        column.set_padding((u16::from(number > 0), u16::from(!is_last)));
    }
    // The table asks the terminal only; `NO_COLOR` and the other usual variables decide too.
    if anstream::AutoStream::choice(&io::stdout()) == anstream::ColorChoice::Never {
        table.force_no_tty();
    } else {
        table.enforce_styling();
    }
    table
}

/// The status of a machine: what was looked at, what was found, and what to do.
#[cfg(any(windows, test))]
pub fn of_machine(rows: &[crate::vm::status::Row], width: usize) -> Table {
    use crate::vm::status::Verdict;
    let longest = rows.iter().map(|row| row.what.chars().count()).max();
    let what = longest.unwrap_or_default() + PADDING;
    let found = width.saturating_sub(MARK + what);
    let is_wide = found >= 40;
    let mut lines = Vec::new();
    for row in rows {
        let (mark, color) = match row.verdict {
            Verdict::Good => ("ok", Color::Green),
            Verdict::Note => ("", Color::Reset),
            Verdict::Unknown => ("?", Color::Yellow),
            Verdict::Bad => ("FAIL", Color::Red),
        };
        let mark = Cell::new(mark).fg(color);
        let mut found = row.found.clone();
        if let Some(next) = &row.next {
            found.push_str("\n-> ");
            found.push_str(next);
        }
        lines.push(if is_wide {
            vec![mark, Cell::new(row.what), Cell::new(found)]
        } else {
            vec![mark, Cell::new(format!("{}:\n{found}", row.what))]
        });
    }
    if is_wide {
        table(
            &["", "what", "found, and what to do"],
            &[MARK, what, found],
            lines,
        )
    } else {
        table(&[], &[MARK, width - MARK], lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::status;

    fn row(call: &'static str, status: &str, ok: bool, detail: Option<&str>) -> Row {
        Row {
            chapter: "A chapter",
            rule: "C9, P10, L5, E4",
            what: "read the paged memory at DISPATCH_LEVEL, which takes more than a line"
                .to_owned(),
            call,
            expected: "STATUS_INSUFFICIENT_RESOURCES".to_owned(),
            status: status.to_owned(),
            ok,
            detail: detail.map(str::to_owned),
        }
    }

    fn rows() -> Vec<Row> {
        vec![
            row("WdfMemoryCreate", "STATUS_SUCCESS", true, None),
            row(
                "ExAllocateFromNPagedLookasideList",
                "STATUS_INVALID_DEVICE_REQUEST",
                false,
                Some("rejected, but with 16 bytes of output"),
            ),
            row(
                "DeviceIoControl (METHOD_OUT_DIRECT)",
                "passed",
                true,
                Some("rejected 3 times with STATUS_INSUFFICIENT_RESOURCES"),
            ),
        ]
    }

    /// The words of a table, and how wide it is.
    fn printed(table: &Table) -> (Vec<String>, usize) {
        let text = table.trim_fmt();
        let width = text.lines().map(|line| line.chars().count()).max();
        let words = text.split_whitespace().map(str::to_owned).collect();
        (words, width.unwrap_or_default())
    }

    #[test]
    fn checks_fit_every_width_and_no_word_is_broken() {
        let rows = rows();
        let rows: Vec<&Row> = rows.iter().collect();
        for available in MINIMUM_WIDTH..=200 {
            let (words, width) = printed(&Layout::new(&rows, available).table("", &rows));
            assert!(width <= available, "{width} characters in {available}");
            for row in &rows {
                let texts = [row.rule, &row.what, row.call, &status(row)].map(str::to_owned);
                for word in texts.iter().flat_map(|text| text.split_whitespace()) {
                    assert!(
                        words.iter().any(|printed| printed == word),
                        "{word} is broken in {available} characters"
                    );
                }
            }
        }
    }

    #[test]
    fn the_wider_the_terminal_the_more_columns_a_check_has() {
        let rows = rows();
        let rows: Vec<&Row> = rows.iter().collect();
        let layout = |width| Layout::new(&rows, width);
        assert!(matches!(layout(40), Layout::Narrow(_)));
        assert!(matches!(layout(100), Layout::Medium(_)));
        assert!(matches!(layout(DEFAULT_WIDTH), Layout::Wide(_)));
    }

    #[test]
    fn the_status_of_a_machine_fits_every_width() {
        let rows = status::rows(&status::Facts::default());
        assert!(!rows.is_empty());
        for available in MINIMUM_WIDTH..=200 {
            let (_, width) = printed(&of_machine(&rows, available));
            assert!(width <= available, "{width} characters in {available}");
        }
    }
}
