//! How a run begins and ends.

use crate::kernel::*;
use kmdf_sys::ntddk::KeBugCheckEx;
use nt_model::{Config, MODEL_STOP, run};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn bug_check(code: u32, first: u64) {
    // SAFETY: The first parameter of a model stop is a C string in these tests.
    unsafe { KeBugCheckEx(code, first, 2, 3, 4) }
}

#[test]
fn the_value_of_the_scenario_comes_back() {
    assert_eq!(run(Config::default(), |_| 42), Ok(42));
}

#[test]
#[should_panic(expected = "an assertion of the scenario")]
fn a_panic_of_the_scenario_goes_on_in_the_caller() {
    let _ = run(Config::default(), |_| {
        panic!("an assertion of the scenario")
    });
}

#[test]
fn a_bug_check_comes_back_with_code_parameters_and_name() {
    let stop = stopped(Config::default(), |_| bug_check(0xE2, 1));
    assert_eq!((stop.code, stop.parameters), (0xE2, [1, 2, 3, 4]));
    let stop = stopped(Config::default(), |_| bug_check(0xC4, 0x62));
    let text = stop.to_string();
    assert!(
        text.starts_with("bug check 0xC4 DRIVER_VERIFIER_DETECTED_VIOLATION (0x62, 0x2, 0x3, 0x4)")
    );
    assert!(text.contains("unloaded without freeing"), "{text}");
}

#[test]
fn the_models_own_stop_brings_its_message() {
    let text = c"WdfSomething is not modelled";
    let stop = stopped(Config::default(), move |_| {
        bug_check(MODEL_STOP, text.as_ptr() as u64)
    });
    assert_eq!(stop.message, "WdfSomething is not modelled");
}

#[test]
fn no_destructor_of_a_stopped_scenario_runs() {
    struct Tell(Arc<AtomicBool>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let tell = Tell(dropped.clone());
    stopped(Config::default(), move |_| {
        let _tell = tell;
        bug_check(0xE2, 0);
    });
    std::thread::sleep(Duration::from_millis(20));
    assert!(!dropped.load(Ordering::Relaxed));
}

#[test]
fn threads_of_a_stopped_machine_do_not_go_on_in_the_next() {
    let survived = Arc::new(AtomicBool::new(false));
    let [ready, go] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let shared = (survived.clone(), go.clone());
    stopped(Config::default(), move |kernel| {
        let kernel = kernel.clone();
        let (survived, go) = shared;
        let joined = ready.clone();
        std::thread::spawn(move || {
            kernel.irql();
            joined.store(true, Ordering::SeqCst);
            while !go.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            free(allocate(NX, 16, TAG));
            survived.store(true, Ordering::SeqCst);
        });
        while !ready.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        bug_check(0xE2, 0);
    });
    runs(Config::default(), move |kernel| {
        go.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(kernel.allocations(), 0);
    });
    assert!(!survived.load(Ordering::SeqCst));
}

#[test]
#[should_panic(expected = "the machine is off")]
fn a_kernel_kept_beyond_its_run_panics() {
    let kernel = runs(Config::default(), Clone::clone);
    kernel.irql();
}

#[test]
#[should_panic(expected = "called from within a scenario")]
fn a_run_within_a_run_panics() {
    let _ = run(Config::default(), |_| run(Config::default(), |_| ()));
}

#[test]
fn machines_follow_one_another_cleanly() {
    for round in 0..50 {
        runs(Config::default(), |kernel| {
            allocate(PAGED, 100, TAG);
            raise(2);
            assert_eq!(kernel.verifier().live_blocks, 1);
        });
        if round % 5 == 0 {
            stopped(Config::default(), |_| lower(9));
        }
    }
}

/// Run in a process of its own by the test below.
#[test]
#[ignore = "aborts the process"]
fn stop_with_abort() {
    let config = Config {
        abort_on_stop: true,
        ..Config::default()
    };
    let _ = run(config, |_| bug_check(0xE2, 1));
}

#[test]
fn a_stop_aborts_the_process_if_asked_to() {
    let program = std::env::current_exe().expect("a test has a program");
    let arguments = [
        "--exact",
        "--ignored",
        "--nocapture",
        "machine::stop_with_abort",
    ];
    let output = std::process::Command::new(program).args(arguments).output();
    let output = output.expect("the program can be run again");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("bug check 0xE2 (0x1, 0x2, 0x3, 0x4)"),
        "{text}"
    );
    assert!(!output.status.success());
}
