//! The self-test's report as JSON, read as a program would.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Checks that every row is complete and ok, and counts them.
pub fn rows(report: &Value) -> Result<String> {
    let rows = report["rows"].as_array();
    let rows = rows.filter(|rows| !rows.is_empty());
    let rows = rows.context("the report has no `rows`")?;
    for row in rows {
        for key in ["rule", "call", "status", "ok"] {
            ensure!(!row[key].is_null(), "a row has no `{key}`: {row}");
        }
        ensure!(row["ok"] == true, "a row failed: {row}");
    }
    let rejected = rows.iter().filter(|row| row["status"] != "STATUS_SUCCESS");
    let (count, rejected) = (rows.len(), rejected.count());
    Ok(format!(
        "{count} rows, in {rejected} of them the call must be rejected"
    ))
}

#[cfg(test)]
mod tests {
    use super::rows;
    use serde_json::json;

    #[test]
    fn a_row_that_failed_is_named() {
        let row = |ok, status| json!({"rule": "C1", "call": "x", "status": status, "ok": ok});
        let good = json!({"rows": [row(true, "STATUS_SUCCESS"), row(true, "X")]});
        let expected = "2 rows, in 1 of them the call must be rejected";
        assert_eq!(rows(&good).unwrap(), expected);
        let failed = json!({"rows": [row(false, "X")]});
        assert!(rows(&failed).unwrap_err().to_string().contains("C1"));
        assert!(rows(&json!({"rows": [{"ok": true}]})).is_err());
        assert!(rows(&json!({"rows": []})).is_err());
    }
}
