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

fn tour(arguments: &[&str]) -> Value {
    let output = run(arguments, "");
    let told = text(&output.stderr);
    assert_eq!(code(&output), 0, "{told}");
    assert_eq!(told, "");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_tour_holds_with_every_check_on_and_leaves_nothing() {
    let report = tour(&["selftest", "--json"]);
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
fn the_tour_shows_every_rule() {
    let report = tour(&["--json"]);
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
fn the_tour_begins_on_an_older_windows_too() {
    let report = tour(&["selftest", "--json", "--windows", "10-1809"]);
    assert_eq!(report["ok"], true);
}

#[test]
fn without_a_command_people_get_the_tour_as_plain_text_when_there_is_no_terminal() {
    let output = run(&[], "");
    assert_eq!(code(&output), 0);
    let told = text(&output.stdout);
    assert!(told.contains("WdfMemoryCreateFromLookaside"));
    assert!(told.contains("checks held"));
    assert!(told.contains("0 blocks with 0 bytes are left"));
    assert!(!told.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn single_calls_succeed_or_are_refused() {
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
    assert!(text(&output.stdout).contains("100 bytes taken"));

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
fn a_script_ends_at_the_first_line_that_does_not_end_as_it_should() {
    let script = "expect STATUS_INVALID_HANDLE create --size 8\nversion\n";
    let output = run(&["script"], script);
    assert_eq!(code(&output), 1);
    let told = text(&output.stdout);
    assert!(told.contains("expected STATUS_INVALID_HANDLE"), "{told}");
    assert!(!told.contains("> version"), "{told}");
}

#[test]
fn the_exit_code_tells_how_it_went_even_if_nobody_reads_the_output() {
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
fn a_call_that_is_refused_gives_its_status_even_if_its_handle_was_to_have_a_name() {
    let output = run(&["do", "m = create --size 0"], "");
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("STATUS_INVALID_PARAMETER"));
    let expected = "expect STATUS_INVALID_PARAMETER m = create --size 0";
    let output = run(&["do", expected, "version"], "");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("> version"));
}

#[test]
fn without_a_length_all_bytes_are_meant_whatever_the_handle_is_called_by() {
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
fn what_makes_no_sense_is_refused_with_a_way_on() {
    let cases: [(&[&str], &str); 17] = [
        (&["script", "."], "name a file"),
        (&["do", "m ="], "no call follows"),
        (&["do", "expect STATUS_SUCCESS"], "no call follows"),
        (&["write", "1", "--hex", "+1+2"], "hexadecimal digits"),
        (&["read", "1", "--offset", "+1"], "give a number"),
        (&["transform", "--pattern", "0x10000000000"], "at most"),
        (&["do", "m = version"], "makes no object"),
        (&["do", "m = file other"], "makes no object"),
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
        (&["do", "read m"], "name a handle where it is made"),
        (&["do", "expect STATUS_SUNNY version"], "no status"),
        (&["script", "no-such-file"], "name a file"),
    ];
    for (arguments, help) in cases {
        let output = run(arguments, "");
        assert_eq!(code(&output), 2, "{arguments:?}");
        let told = text(&output.stderr);
        assert!(told.contains(help), "{arguments:?}: {told}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn a_script_that_is_no_text_is_refused() {
    let output = run(&["script"], [0xFF, 0xFE, b'\n']);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("UTF-8"));
}

#[test]
fn help_teaches_every_call() {
    let output = run(&["--help"], "");
    assert_eq!(code(&output), 0);
    let told = text(&output.stdout);
    for name in [
        "WdfMemoryCreate",
        "ExAllocateFromPagedLookasideList",
        "Exit codes",
        "script",
    ] {
        assert!(told.contains(name), "{name}");
    }
    for (call, said) in [
        ("create", "[possible values: nonpaged, paged]"),
        ("create", "[possible values: file, device, driver]"),
        ("checksum", "[possible values: passive, dispatch]"),
        ("transform", "[possible values: reverse, xor]"),
        ("write", "<HANDLE> <TEXT|"),
        ("bulk-write", "<HANDLE> <TEXT|"),
    ] {
        let told = text(&run(&[call, "--help"], "").stdout);
        assert!(told.contains(said), "{call}: {told}");
    }
}

#[test]
#[cfg(not(windows))]
fn what_needs_windows_says_so_and_what_to_do() {
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
        let told = text(&output.stderr);
        assert!(told.contains("Windows"), "{arguments:?}: {told}");
        assert!(told.contains("what to do: "), "{arguments:?}: {told}");
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
    let told = text(&output.stdout);
    for said in [
        "FAILURE(0xe0000247)",
        "ERROR_DRIVER_STORE_ADD_FAILED",
        "0xC4 DRIVER_VERIFIER_DETECTED_VIOLATION",
        "dump: C:\\Windows\\Minidump\\010226-12453-01.dmp",
    ] {
        assert!(told.contains(said), "{said} in {told}");
    }
    let output = run(&["logs", "--json", "--events", &events], "");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["bug_check"]["code"], 0xC4);
    assert_eq!(report["bug_check"]["parameters"][0], 0x62);
    assert_eq!(report["events"][0]["id"], 1001);
    assert_eq!(report["setup"]["unread"], "not given: --setup-log FILE");
}

#[test]
fn a_copy_that_cannot_be_read_is_refused_with_a_way_on() {
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
        let told = text(&output.stderr);
        assert!(told.contains(help), "{arguments:?}: {told}");
    }
}

#[test]
fn the_commands_for_a_virtual_machine_say_what_their_exit_codes_mean() {
    let told = text(&run(&["--help"], "").stdout);
    for command in ["install", "remove", "status", "verify", "logs"] {
        assert!(told.contains(&format!("  {command} ")), "{command}: {told}");
        let told = text(&run(&[command, "--help"], "").stdout);
        assert!(told.contains("Exit codes: 0 "), "{command}: {told}");
    }
}

#[test]
fn the_model_can_be_asked_for_everywhere() {
    let output = end(start_on(&["--model"], &["version"]), "");
    assert_eq!((code(&output), text(&output.stderr).as_str()), (0, ""));
}

#[test]
fn where_no_driver_is_installed_asking_for_it_fails_with_both_ways_on() {
    let output = end(start_on(&["--driver"], &["version"]), "");
    let told = text(&output.stderr);
    assert_eq!(
        (code(&output), text(&output.stdout).as_str()),
        (3, ""),
        "{told}"
    );
    assert!(told.contains("driver package"), "{told}");
    assert!(told.contains("`wdfmem --model`"), "{told}");
}

#[test]
fn where_no_driver_is_installed_the_model_is_used_and_windows_users_are_told() {
    let output = end(start_on(&[], &["version"]), "");
    let told = text(&output.stderr);
    assert_eq!(code(&output), 0, "{told}");
    if cfg!(windows) {
        assert!(told.contains("no installed driver answers"), "{told}");
        assert!(told.contains("`wdfmem install"), "{told}");
        assert!(told.contains("`wdfmem --model`"), "{told}");
    } else {
        assert_eq!(told, "");
    }
}

#[test]
fn the_model_and_the_driver_cannot_both_be_asked_for() {
    let output = end(start_on(&["--model", "--driver"], &["version"]), "");
    assert_eq!(code(&output), 2);
}
