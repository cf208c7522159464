//! The client as a person or a program meets it: its output and its exit codes.

#![cfg(not(wdk))]

use std::{
    io::Write,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// Every documented rule of the four calls that can be shown from user mode: all of them.
const RULES: [&str; 37] = [
    "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C12", "C13", "P1", "P2",
    "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "L1", "L2", "L3", "L4", "L5", "L6", "L7",
    "E1", "E2", "E3", "E4", "E5", "E6", "E7",
];

/// Starts the client on the model, which it uses by itself where no driver can be installed.
fn start(arguments: &[&str]) -> Child {
    start_on(if cfg!(windows) { &["--model"] } else { &[] }, arguments)
}

fn start_on(system: &[&str], arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wdfmem-client"))
        .args(system)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the client starts")
}

fn run(arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
    end(start(arguments), input)
}

fn end(mut child: Child, input: impl AsRef<[u8]>) -> Output {
    // The client may end without reading all of it.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_ref());
    child.wait_with_output().expect("the client ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn self_test(arguments: &[&str]) -> Value {
    let output = run(arguments, "");
    let printed = text(&output.stderr);
    assert_eq!(code(&output), 0, "{printed}");
    assert_eq!(printed, "");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_self_test_passes_with_every_verifier_check_on_and_leaves_nothing_allocated() {
    let report = self_test(&["selftest", "--json"]);
    assert_eq!(report["ok"], true);
    let rows = report["rows"].as_array().expect("rows");
    for row in rows {
        for field in ["rule", "call", "status", "what", "expected"] {
            assert!(
                row[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field} of {row}"
            );
        }
        assert_eq!(row["ok"], true, "{row}");
    }
    assert_eq!(report["total"], rows.len());
    assert_eq!(report["failed"], 0);
    let verifier = &report["verifier"];
    assert_eq!(verifier["ok"], true);
    assert_eq!(verifier["findings"], Value::Array(Vec::new()));
    assert_eq!(verifier["left"]["blocks"], 0);
    assert_eq!(verifier["left"]["bytes"], 0);
    assert!(verifier["allocations"].as_u64() > Some(100));
    let checks = verifier["checks"].as_array().expect("checks");
    for check in ["pool tracking", "I/O verification", "DDI compliance"] {
        assert!(checks.iter().any(|on| on == check), "{check} is on");
    }
}

#[test]
fn the_self_test_covers_every_documented_rule() {
    let report = self_test(&["--json"]);
    let rows = report["rows"].as_array().expect("rows");
    let shown: Vec<&str> = rows
        .iter()
        .flat_map(|row| row["rule"].as_str().expect("a rule").split(", "))
        .collect();
    for rule in RULES {
        assert!(shown.contains(&rule), "{rule} is shown");
    }
    for rule in shown {
        assert!(
            rule == "contract" || RULES.contains(&rule),
            "{rule} is a rule"
        );
    }
}

#[test]
fn the_self_test_passes_on_an_older_windows_too() {
    let report = self_test(&["selftest", "--json", "--windows", "10-1809"]);
    assert_eq!(report["ok"], true);
}

#[test]
fn without_a_command_the_self_test_is_printed_as_plain_text_in_a_pipe() {
    let output = run(&[], "");
    assert_eq!(code(&output), 0);
    let printed = text(&output.stdout);
    assert!(printed.contains("WdfMemoryCreateFromLookaside"));
    assert!(printed.contains("checks passed"));
    assert!(printed.contains("0 blocks with 0 bytes were still allocated"));
    assert!(!printed.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn single_calls_succeed_or_are_rejected() {
    let cases: [(&[&str], i32, &str); 6] = [
        (&["version"], 0, "STATUS_SUCCESS"),
        (
            &["create", "--size", "64", "--pool", "paged"],
            0,
            "64 bytes",
        ),
        (&["create", "--size", "0"], 1, "STATUS_INVALID_PARAMETER"),
        (&["transform", "abc"], 0, "cba"),
        (
            &["read", "0x101", "--length", "4"],
            1,
            "STATUS_INVALID_HANDLE",
        ),
        (
            &["do", "l = list --size 10", "m = take l", "delete l"],
            1,
            "STATUS_DEVICE_BUSY",
        ),
    ];
    for (arguments, expected, said) in cases {
        let output = run(arguments, "");
        assert_eq!(
            code(&output),
            expected,
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stdout).contains(said),
            "{arguments:?}: {}",
            text(&output.stdout)
        );
    }
}

const SCRIPT: &str = "
# Two file objects keep their memory apart.
mine = create --size 16 --pool paged
write mine 'hello there' --offset 2
read mine
file other
expect STATUS_INVALID_HANDLE read mine --length 1
file main
l = ex-initialize --size 32
e = ex-allocate l
fill e --byte 0x41
checksum e
expect STATUS_DEVICE_BUSY ex-delete l
ex-free l e
ex-delete l
p = preallocated --size 8
assign p --size 200
write p --hex 00ff10
bulk-write p --pattern 100 --offset 50
bulk-read p --length 20
copy p mine --length 4
w = list --size 40
m = take w
delete m
delete w
statistics
close main
";

#[test]
fn a_script_comes_from_standard_input_or_a_file() {
    let output = run(&["script", "-"], SCRIPT);
    assert_eq!(
        code(&output),
        0,
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    assert!(text(&output.stdout).contains("hello there"));
    assert!(text(&output.stdout).contains("100 bytes written"));

    let path = std::env::temp_dir().join(format!("wdfmem-script-{}", std::process::id()));
    std::fs::write(&path, SCRIPT).expect("the script is written");
    let output = run(&["--json", "script", path.to_str().expect("UTF-8")], "");
    std::fs::remove_file(&path).expect("the script is removed");
    assert_eq!(code(&output), 0);
    for line in text(&output.stdout).lines() {
        let step: Value = serde_json::from_str(line).expect("JSON on each line");
        assert_eq!(step["ok"], true, "{step}");
    }
}

#[test]
fn a_script_ends_at_the_first_call_that_does_not_end_as_expected() {
    let script = "expect STATUS_INVALID_HANDLE create --size 8\nversion\n";
    let output = run(&["script"], script);
    assert_eq!(code(&output), 1);
    let printed = text(&output.stdout);
    assert!(
        printed.contains("expected STATUS_INVALID_HANDLE"),
        "{printed}"
    );
    assert!(!printed.contains("> version"), "{printed}");
}

#[test]
fn the_exit_code_reports_the_result_even_if_nobody_reads_the_output() {
    for (script, expected) in [("version\nread 0x100\n", 1), ("version\n", 0)] {
        let mut child = start(&["script"]);
        // Before there is a script, nothing is printed.
        drop(child.stdout.take());
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(script.as_bytes()).expect("it is written");
        drop(input);
        let output = child.wait_with_output().expect("the client ends");
        assert_eq!(code(&output), expected, "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn a_rejected_call_reports_its_status_even_if_its_handle_was_to_be_named() {
    let output = run(&["do", "m = create --size 0"], "");
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("STATUS_INVALID_PARAMETER"));
    let expected = "expect STATUS_INVALID_PARAMETER m = create --size 0";
    let output = run(&["do", expected, "version"], "");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("> version"));
}

#[test]
fn without_a_length_all_bytes_are_read_by_name_or_by_number() {
    let lines = [
        "do",
        "m = create --size 4",
        "create --size 8",
        "write m abcd",
        "read 0x100",
    ];
    let output = run(&lines, "");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("61 62 63 64"));
}

#[test]
fn wrong_usage_is_rejected_with_what_to_do_instead() {
    let cases: [(&[&str], &str); 17] = [
        (&["script", "."], "name a file"),
        (&["do", "m ="], "there is no call"),
        (&["do", "expect STATUS_SUCCESS"], "there is no call"),
        (&["write", "1", "--hex", "+1+2"], "hexadecimal digits"),
        (&["read", "1", "--offset", "+1"], "give a number"),
        (&["transform", "--pattern", "0x10000000000"], "at most"),
        (&["do", "m = version"], "creates no object"),
        (&["do", "m = file other"], "creates no object"),
        (&["juggle"], "--help"),
        (&["create"], "--size"),
        (&["create", "--size", "many"], "give a number"),
        (
            &["create", "--size", "8", "--pool", "wet"],
            "nonpaged, paged",
        ),
        (
            &["create", "--size", "8", "--tag", "Mem12"],
            "four ASCII characters",
        ),
        (&["write", "m", "--hex", "0"], "hexadecimal digits"),
        (&["do", "read m"], "name a handle where it is created"),
        (&["do", "expect STATUS_SUNNY version"], "not a status"),
        (&["script", "no-such-file"], "name a file"),
    ];
    for (arguments, help) in cases {
        let output = run(arguments, "");
        assert_eq!(code(&output), 2, "{arguments:?}");
        let printed = text(&output.stderr);
        assert!(printed.contains(help), "{arguments:?}: {printed}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn a_script_that_is_not_utf8_is_rejected() {
    let output = run(&["script"], [0xFF, 0xFE, b'\n']);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("UTF-8"));
}

#[test]
fn help_lists_every_call_with_its_values() {
    let output = run(&["--help"], "");
    assert_eq!(code(&output), 0);
    let printed = text(&output.stdout);
    for name in [
        "WdfMemoryCreate",
        "ExAllocateFromPagedLookasideList",
        "Exit codes",
        "script",
    ] {
        assert!(printed.contains(name), "{name}");
    }
    for (call, said) in [
        ("create", "[possible values: nonpaged, paged]"),
        ("create", "[possible values: file, device, driver]"),
        ("checksum", "[possible values: passive, dispatch]"),
        ("transform", "[possible values: reverse, xor]"),
        ("write", "<HANDLE> <TEXT|"),
        ("bulk-write", "<HANDLE> <TEXT|"),
    ] {
        let printed = text(&run(&[call, "--help"], "").stdout);
        assert!(printed.contains(said), "{call}: {printed}");
    }
}

#[test]
#[cfg(not(windows))]
fn commands_that_need_windows_say_so_and_what_to_do() {
    for arguments in [
        &["install"] as &[&str],
        &["remove"],
        &["status", "--json"],
        &["verify", "on", "--now"],
        &["verify", "off"],
        &["logs"],
    ] {
        let output = run(arguments, "");
        assert_eq!(code(&output), 2, "{arguments:?}");
        let printed = text(&output.stderr);
        assert!(printed.contains("Windows"), "{arguments:?}: {printed}");
        assert!(printed.contains("what to do: "), "{arguments:?}: {printed}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

/// A file of test data about Windows; `tests/windows/README.md` says where its format is from.
fn recorded(name: &str) -> String {
    format!("{}/tests/windows/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn copies_of_a_windows_machines_logs_are_explained_on_any_system() {
    let setup = recorded("setupapi.dev.log");
    let events = recorded("events.xml");
    let output = run(&["logs", "--setup-log", &setup, "--events", &events], "");
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    for said in [
        "FAILURE(0xe0000247)",
        "ERROR_DRIVER_STORE_ADD_FAILED",
        "0xC4 DRIVER_VERIFIER_DETECTED_VIOLATION",
        "dump: C:\\Windows\\Minidump\\010226-12453-01.dmp",
    ] {
        assert!(printed.contains(said), "{said} in {printed}");
    }
    let output = run(&["logs", "--json", "--events", &events], "");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["bug_check"]["code"], 0xC4);
    assert_eq!(report["bug_check"]["parameters"][0], 0x62);
    assert_eq!(report["events"][0]["id"], 1001);
    assert_eq!(report["setup"]["unread"], "not given: --setup-log FILE");
}

#[test]
fn a_log_that_cannot_be_read_is_rejected_with_what_to_do() {
    let log = recorded("setupapi.dev.log");
    for (arguments, help) in [
        (
            ["logs", "--setup-log", "no-such-file"],
            "name of a copied log",
        ),
        (["logs", "--events", &log], "wevtutil qe System"),
    ] {
        let output = run(&arguments, "");
        assert_eq!(code(&output), 2, "{arguments:?}");
        let printed = text(&output.stderr);
        assert!(printed.contains(help), "{arguments:?}: {printed}");
    }
}

#[test]
fn the_commands_for_a_virtual_machine_say_what_their_exit_codes_mean() {
    let printed = text(&run(&["--help"], "").stdout);
    for command in ["install", "remove", "status", "verify", "logs"] {
        assert!(
            printed.contains(&format!("  {command} ")),
            "{command}: {printed}"
        );
        let printed = text(&run(&[command, "--help"], "").stdout);
        assert!(printed.contains("Exit codes: 0 "), "{command}: {printed}");
    }
}

#[test]
fn the_option_model_works_everywhere() {
    let output = end(start_on(&["--model"], &["version"]), "");
    assert_eq!((code(&output), text(&output.stderr).as_str()), (0, ""));
}

#[test]
fn without_an_installed_driver_the_option_driver_fails_and_names_both_alternatives() {
    let output = end(start_on(&["--driver"], &["version"]), "");
    let printed = text(&output.stderr);
    assert_eq!(
        (code(&output), text(&output.stdout).as_str()),
        (3, ""),
        "{printed}"
    );
    assert!(printed.contains("driver package"), "{printed}");
    assert!(printed.contains("`wdfmem --model`"), "{printed}");
}

#[test]
fn without_an_installed_driver_the_model_is_used_with_a_note_on_windows() {
    let output = end(start_on(&[], &["version"]), "");
    let printed = text(&output.stderr);
    assert_eq!(code(&output), 0, "{printed}");
    if cfg!(windows) {
        assert!(printed.contains("no driver is installed"), "{printed}");
        assert!(printed.contains("`wdfmem install"), "{printed}");
        assert!(printed.contains("`wdfmem --model`"), "{printed}");
    } else {
        assert_eq!(printed, "");
    }
}

#[test]
fn the_options_model_and_driver_exclude_each_other() {
    let output = end(start_on(&["--model", "--driver"], &["version"]), "");
    assert_eq!(code(&output), 2);
}

fn run_with(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wdfmem-client"))
        .arg("--model")
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("the client starts")
}

#[test]
fn the_self_test_fits_every_width_and_breaks_no_status_and_no_name() {
    let report = self_test(&["selftest", "--json"]);
    let rows = report["rows"].as_array().expect("rows");
    for width in [40, 60, 80, 100, 120, 200] {
        let output = run_with(&[("COLUMNS", &width.to_string())], &["selftest"]);
        assert_eq!(code(&output), 0);
        let printed = text(&output.stdout);
        for line in printed.lines() {
            assert!(line.chars().count() <= width, "in {width}: {line}");
        }
        let words: Vec<&str> = printed
            .split_whitespace()
            .map(|word| word.trim_matches([',', ':', '(', ')']))
            .collect();
        let count = |name: &str| words.iter().filter(|word| **word == name).count();
        for row in rows {
            let status = row["status"].as_str().expect("a status");
            let with_it = rows.iter().filter(|row| row["status"] == status).count();
            if status.starts_with("STATUS_") {
                assert!(count(status) >= with_it, "{status} is broken in {width}");
            }
            for name in row["call"]
                .as_str()
                .expect("a call")
                .split([',', ' ', '(', ')'])
            {
                assert!(
                    name.is_empty() || count(name) > 0,
                    "{name} is broken in {width}"
                );
            }
        }
    }
}

#[test]
fn a_chapter_can_be_run_by_itself() {
    let report = self_test(&["selftest", "memory", "ex-lookaside", "--json"]);
    let rows = report["rows"].as_array().expect("rows");
    let mut chapters: Vec<&str> = rows
        .iter()
        .map(|row| row["chapter"].as_str().expect("a chapter"))
        .collect();
    chapters.dedup();
    assert_eq!(
        chapters,
        [
            "WdfMemoryCreate",
            "ExAllocateFromPagedLookasideList",
            "ExAllocateFromPagedLookasideList, on another system",
            "After the driver was unloaded",
        ]
    );
    // The order asked for makes no difference, and neither does asking twice.
    let same = ["selftest", "ex-lookaside", "memory", "memory", "--json"];
    assert_eq!(self_test(&same)["total"], rows.len());
}

#[test]
fn every_chapter_passes_alone_and_together_they_are_the_self_test() {
    let whole = self_test(&["selftest", "--json"])["total"].as_u64();
    let chapters = [
        "interface",
        "malformed",
        "memory",
        "preallocated",
        "lookaside",
        "ex-lookaside",
        "bytes",
        "request",
        "files",
    ];
    // The two checks after the unload belong to every run.
    let after_unload = 2;
    let alone = chapters.map(|chapter| {
        let total = self_test(&["selftest", chapter, "--json"])["total"].as_u64();
        total.expect("a number") - after_unload
    });
    assert_eq!(Some(alone.iter().sum::<u64>() + after_unload), whole);
}

#[test]
fn a_wrong_chapter_is_rejected_with_the_names_of_all() {
    let output = run(&["selftest", "memori"], "");
    assert_eq!(code(&output), 2);
    let printed = text(&output.stderr);
    for chapter in ["interface", "malformed", "memory", "ex-lookaside", "files"] {
        assert!(printed.contains(chapter), "{chapter} in {printed}");
    }
}

#[test]
fn the_verdict_is_the_last_line_and_quiet_prints_nothing_else() {
    let total = self_test(&["selftest", "--json"])["total"].to_string();
    let verdict = format!("All {total} checks passed.");
    let printed = text(&run(&["selftest"], "").stdout);
    assert_eq!(printed.lines().last(), Some(verdict.as_str()));
    let output = run(&["selftest", "--quiet"], "");
    assert_eq!(code(&output), 0);
    assert_eq!(text(&output.stdout), format!("{verdict}\n"));
}

#[test]
fn only_failed_checks_are_printed_on_request() {
    let output = run(&["selftest", "--failed"], "");
    assert_eq!(code(&output), 0);
    let printed = text(&output.stdout);
    assert!(!printed.contains("STATUS_"), "{printed}");
    assert!(printed.contains("checks passed"), "{printed}");
    let report = self_test(&["selftest", "--failed", "--json"]);
    assert_eq!(report["rows"], Value::Array(Vec::new()));
    assert!(report["total"].as_u64() > Some(100));
    assert_eq!(code(&run(&["selftest", "--failed", "--quiet"], "")), 2);
}

#[test]
fn colours_follow_the_usual_variables() {
    let is_coloured = |variables| {
        let output = run_with(variables, &["selftest", "memory"]);
        text(&output.stdout).contains('\u{1b}')
    };
    assert!(!is_coloured(&[]));
    assert!(is_coloured(&[("CLICOLOR_FORCE", "1")]));
    let forced = run_with(&[("CLICOLOR_FORCE", "1")], &["selftest", "memory"]);
    let is_mark = |line: &str| line.starts_with('\u{1b}') && line.contains("ok ");
    assert!(text(&forced.stdout).lines().any(is_mark), "the table too");
    assert!(!is_coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn the_stress_test_reports_calls_time_and_memory() {
    let output = run(&["stress", "--calls", "100"], "");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(printed.starts_with("Passed: 120 calls in "), "{printed}");
    assert!(printed.contains("calls per second"), "{printed}");

    let output = run(&["stress", "--calls", "100", "--json"], "");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["ok"], true);
    // Whole rounds of 24 calls.
    assert_eq!(report["calls"], 120);
    assert_eq!(report["errors"], 0);
    assert_eq!(report["interrupted"], false);
    assert_eq!(report["memory"]["before"]["bytes"], 0);
    assert_eq!(report["memory"]["after"]["bytes"], 0);
    assert_eq!(report["verifier"]["left"]["blocks"], 0);
    let (seconds, rate) = (report["seconds"].as_f64(), report["rate"].as_f64());
    let (Some(seconds), Some(rate)) = (seconds, rate) else {
        panic!("numbers in {report}");
    };
    assert!(
        seconds > 0.0 && (rate * seconds - 120.0).abs() < 0.01,
        "{report}"
    );
}

#[cfg(unix)]
#[test]
fn the_stress_test_reports_what_it_did_before_it_was_interrupted() {
    // The signal may come before the client is ready for it, where many tests run at once.
    for pause in [2, 8, 32] {
        let child = start(&["stress", "--calls", "1000000000", "--json"]);
        std::thread::sleep(std::time::Duration::from_secs(pause));
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill starts").success());
        let output = end(child, "");
        if output.status.code().is_none() {
            continue;
        }
        assert_eq!(code(&output), 130, "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(report["interrupted"], true);
        assert_eq!(report["ok"], true);
        assert!(report["calls"].as_u64() > Some(0), "{report}");
        return;
    }
    panic!("the signal ended the client without a report");
}

#[test]
fn options_of_every_command_are_no_part_of_a_call() {
    let output = run_with(
        &[],
        &["--json", "transform", "two words", "--windows", "10-1809"],
    );
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let step: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(step["line"], "transform 'two words'");
    // The line can be given to `do` as it is.
    let output = run(&["do", "transform 'two words'"], "");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
}

#[test]
fn a_version_of_windows_implies_the_model() {
    let output = end(start_on(&[], &["version", "--windows", "10-1809"]), "");
    assert_eq!((code(&output), text(&output.stderr).as_str()), (0, ""));
    assert!(text(&output.stdout).contains("does not export"));
    let with_driver = [
        ["--driver", "version", "--windows=10-1809"],
        ["--driver", "--windows=10-1809", "version"],
        ["--model", "version", "--driver"],
    ];
    for arguments in with_driver {
        let output = end(start_on(&[], &arguments), "");
        assert_eq!(code(&output), 2, "{arguments:?}");
    }
}

#[test]
fn completions_name_every_command_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = run(&["completions", shell], "");
        assert_eq!(code(&output), 0, "{shell}");
        let script = text(&output.stdout);
        for word in [
            "wdfmem",
            "selftest",
            "ex-initialize",
            "preallocated",
            "windows",
        ] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    let output = run(&["completions", "command.com"], "");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("powershell"));
}

#[test]
fn help_says_where_the_driver_runs_and_what_the_exit_codes_mean() {
    let printed = text(&run_with(&[("COLUMNS", "80")], &["--help"]).stdout);
    for line in printed.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let words: Vec<&str> = printed.split_whitespace().collect();
    let printed = words.join(" ");
    for said in [
        "Usage: wdfmem ",
        "the calls go to the installed driver",
        "with --model, they go to the same driver inside this process",
        "0 all checks passed",
        "1 a check failed, or a call was rejected",
        "2 usage or environment",
        "3 the driver cannot be reached",
        "4 done, but Windows must be restarted",
        "130 stopped with Ctrl-C",
        "Examples:",
    ] {
        assert!(printed.contains(said), "{said} in {printed}");
    }
}

#[test]
fn calls_on_a_nonpaged_ex_list_are_named_after_its_pool() {
    for (pool, expected) in [
        (
            "nonpaged",
            "ExInitializeNPagedLookasideList ExAllocateFromNPagedLookasideList ExFreeToNPagedLookasideList ExDeleteNPagedLookasideList",
        ),
        (
            "paged",
            "ExInitializePagedLookasideList ExAllocateFromPagedLookasideList ExFreeToPagedLookasideList ExDeletePagedLookasideList",
        ),
    ] {
        let create = format!("l = ex-initialize --size 64 --pool {pool}");
        let lines = [
            "--json",
            "do",
            &create,
            "e = ex-allocate l",
            "ex-free l e",
            "ex-delete l",
        ];
        let output = run(&lines, "");
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let calls: Vec<String> = text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .map(|step| step["call"].as_str().expect("a call").to_owned())
            .collect();
        assert_eq!(calls.join(" "), expected);
    }
}

#[test]
fn replies_fit_every_width() {
    let lines = [
        "do",
        "m = create --size 64",
        "write m --pattern 64",
        "read m",
        "statistics",
        "version",
    ];
    for width in [40, 60, 80, 120] {
        let output = run_with(&[("COLUMNS", &width.to_string())], &lines);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        for line in text(&output.stdout).lines() {
            assert!(line.chars().count() <= width, "in {width}: {line}");
        }
    }
}

#[test]
fn a_script_may_begin_with_a_byte_order_mark() {
    let output = run(&["script"], "\u{FEFF}version\r\nstatistics\r\n");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
}
