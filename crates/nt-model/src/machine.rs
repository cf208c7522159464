//! The one live machine of the process: booting, the scenario's thread, and how a run ends.

use crate::config::Config;
use crate::stop::{Report, Stop};
use crate::{debug, event, io, irql, lookaside, pool, registry, slist};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Held for as long as a scenario runs: there is one machine per process.
static TURN: Mutex<()> = Mutex::new(());

/// The machine that threads join on their first call into the kernel.
static LIVE: Mutex<Option<Arc<Machine>>> = Mutex::new(None);

/// The number of the thread that joined last.
static LAST_THREAD: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static MEMBERSHIP: RefCell<Option<Membership>> = const { RefCell::new(None) };
}

/// A thread's membership in a machine, from its first call into the kernel to its end.
struct Membership {
    machine: Arc<Machine>,
    thread: u32,
}

impl Drop for Membership {
    fn drop(&mut self) {
        irql::reset_thread(&self.machine);
    }
}

/// Acquires a lock whose data stays valid if a thread panicked while it held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that one machine owns.
pub(crate) struct Machine {
    pub(crate) config: Config,
    pub(crate) debug: debug::DebugOutput,
    pub(crate) events: event::Dispatcher,
    pub(crate) io: io::IoManager,
    pub(crate) lookaside: lookaside::ActiveLists,
    /// Whether the next mapping of locked pages is to fail.
    pub(crate) mapping_fails: AtomicBool,
    /// The number of calls of `KeRaiseIrql`.
    pub(crate) raises: AtomicU64,
    pub(crate) pool: pool::Pools,
    pub(crate) registry: registry::Registry,
    pub(crate) slists: slist::SLists,
    dead: AtomicBool,
    end: Mutex<End>,
    ended: Condvar,
}

/// How far a run has come.
enum End {
    Running,
    Finished,
    Stopped(Report),
}

impl Machine {
    fn boot(config: Config) -> Arc<Self> {
        Arc::new(Self {
            debug: debug::DebugOutput::default(),
            events: event::Dispatcher::default(),
            io: io::IoManager::default(),
            lookaside: lookaside::ActiveLists::default(),
            mapping_fails: AtomicBool::new(false),
            raises: AtomicU64::new(0),
            pool: pool::Pools::boot(&config),
            registry: registry::Registry::default(),
            slists: slist::SLists::default(),
            dead: AtomicBool::new(false),
            end: Mutex::new(End::Running),
            ended: Condvar::new(),
            config,
        })
    }

    /// Ends the run with a report, unless it has ended already. Takes no other lock and formats
    /// nothing, so that a fault handler may call it.
    pub(crate) fn stop(&self, report: Report) {
        let mut end = lock(&self.end);
        self.dead.store(true, Ordering::Release);
        if matches!(*end, End::Running) {
            *end = End::Stopped(report);
            self.ended.notify_all();
        }
    }

    fn finish(&self) {
        let mut end = lock(&self.end);
        if matches!(*end, End::Running) {
            *end = End::Finished;
            self.ended.notify_all();
        }
    }

    fn wait_for_end(&self) -> Option<Report> {
        let mut end = lock(&self.end);
        loop {
            match std::mem::replace(&mut *end, End::Finished) {
                End::Running => {
                    *end = End::Running;
                    end = self.ended.wait(end).unwrap_or_else(PoisonError::into_inner);
                }
                End::Finished => return None,
                End::Stopped(report) => return Some(report),
            }
        }
    }

    /// Whether the run has ended, so that no thread may continue in the kernel.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }
}

/// A handle to the running machine, which can be cloned for any thread of the scenario.
#[derive(Clone)]
pub struct Kernel {
    pub(crate) machine: Arc<Machine>,
}

impl Kernel {
    /// The machine, with the calling thread joined to it; parks the thread if the machine is dead.
    ///
    /// # Panics
    ///
    /// If the machine has stopped and the calling thread is not one of its own.
    pub(crate) fn enter(&self) -> &Arc<Machine> {
        let own = joined().is_some_and(|joined| Arc::ptr_eq(&joined, &self.machine));
        assert!(
            own || !self.machine.is_dead(),
            "the machine is off: its run has ended"
        );
        join(&self.machine);
        &self.machine
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kernel").finish_non_exhaustive()
    }
}

/// The machine that the calling thread runs on. Every export calls this first: a thread whose
/// machine is dead does not come back from it.
pub(crate) fn enter() -> Arc<Machine> {
    let machine = current();
    if machine.is_dead() {
        park();
    }
    machine
}

/// As [`enter`], for the code that ends a run.
pub(crate) fn current() -> Arc<Machine> {
    if let Some(machine) = joined() {
        return machine;
    }
    let Some(live) = lock(&LIVE).clone() else {
        panic!("a kernel function was called while no machine runs: call it inside nt_model::run");
    };
    join(&live);
    live
}

fn joined() -> Option<Arc<Machine>> {
    let machine = |membership: &RefCell<Option<Membership>>| {
        let membership = membership.borrow();
        membership
            .as_ref()
            .map(|membership| membership.machine.clone())
    };
    MEMBERSHIP.try_with(machine).ok().flatten()
}

/// Whether the calling thread belongs to a machine.
pub(crate) fn is_joined() -> bool {
    joined().is_some()
}

/// The number of the calling thread, unlike that of any other thread of the process.
pub(crate) fn thread_number() -> u32 {
    MEMBERSHIP.with_borrow(|membership| membership.as_ref().map_or(0, |own| own.thread))
}

fn join(machine: &Arc<Machine>) {
    if !joined().is_some_and(|joined| Arc::ptr_eq(&joined, machine)) {
        crate::memory::prepare_thread();
        MEMBERSHIP.set(Some(Membership {
            machine: machine.clone(),
            thread: LAST_THREAD.fetch_add(1, Ordering::Relaxed) + 1,
        }));
    }
    if machine.is_dead() {
        park();
    }
}

/// Blocks the calling thread forever: its machine has stopped, and no code of it may run.
pub(crate) fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// Boots a machine, runs `scenario` on it on a thread of its own, and powers it off.
///
/// There is one machine per process: a second caller waits for its turn. A panic in the scenario
/// goes on in the caller, so that assertions in it work as in any test. What a scenario that ends
/// well leaves open, started or loaded is closed, removed and unloaded ([`Kernel::shut_down`]), so that
/// the verifier's checks at unload are made.
///
/// # Errors
///
/// The [`Stop`] that the scenario, a driver or a check ran into. What was running then is kept as
/// it stood: no destructor of the scenario runs, and its threads never come back.
///
/// # Panics
///
/// If called from within a scenario, or if the scenario panics.
pub fn run<T: Send + 'static>(
    config: Config,
    scenario: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> Result<T, Stop> {
    assert!(
        joined().is_none_or(|machine| machine.is_dead()),
        "nt_model::run was called from within a scenario"
    );
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let machine = Machine::boot(config);
    *lock(&LIVE) = Some(machine.clone());
    let outcome = run_on(&machine, scenario);
    *lock(&LIVE) = None;
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(panic)) => resume_unwind(panic),
        Err(stop) => Err(stop),
    }
}

type Caught<T> = Result<T, Box<dyn Any + Send>>;

fn run_on<T: Send + 'static>(
    machine: &Arc<Machine>,
    scenario: impl FnOnce(&Kernel) -> T + Send + 'static,
) -> Result<Caught<T>, Stop> {
    let kernel = Kernel {
        machine: machine.clone(),
    };
    let thread = std::thread::Builder::new()
        .name("scenario".into())
        .spawn(move || {
            kernel.enter();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let value = scenario(&kernel);
                irql::reset_thread(&kernel.machine);
                kernel.shut_down();
                kernel.machine.io.workers.close();
                value
            }));
            irql::reset_thread(&kernel.machine);
            kernel.machine.finish();
            outcome
        })
        .expect("the system has a thread for the scenario");
    match machine.wait_for_end() {
        None => {
            let outcome = thread.join().expect("panics of the scenario were caught");
            machine.dead.store(true, Ordering::Release);
            match outcome {
                Ok(_) => machine.pool.power_off(),
                // Threads of drivers may still run.
                Err(_) => machine.pool.abandon(),
            }
            Ok(outcome)
        }
        Some(report) => {
            machine.pool.abandon();
            let stop = Stop::new(report, machine);
            if machine.config.abort_on_stop {
                eprintln!("{stop}");
                std::process::abort();
            }
            Err(stop)
        }
    }
}
