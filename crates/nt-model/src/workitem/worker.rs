//! System worker threads: as many as jobs at once, so that a job may wait for another.

use crate::machine::lock;
use crate::stop;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A job for a worker thread.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// How long an idle worker thread waits before it ends.
const IDLE: Duration = Duration::from_millis(200);

/// How long the end of a run waits for jobs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The worker threads of a machine.
#[derive(Default)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closing: bool,
}

impl Queue {
    fn is_done(&self) -> bool {
        self.jobs.is_empty() && self.idle == self.threads
    }
}

impl Workers {
    /// Runs `job` on a worker thread.
    pub(crate) fn queue(&self, job: Job) {
        let mut queue = lock(&self.shared.state);
        queue.jobs.push_back(job);
        if queue.jobs.len() > queue.idle {
            queue.threads += 1;
            let shared = self.shared.clone();
            std::thread::Builder::new()
                .name("system worker".into())
                .spawn(move || shared.work())
                .expect("the system has a thread for a worker");
        }
        self.shared.changed.notify_all();
    }

    /// Waits until nothing is queued and nothing runs.
    pub(crate) fn wait_idle(&self) {
        self.wait(Queue::is_done);
    }

    /// Waits until nothing is queued, nothing runs, and all threads have ended.
    pub(crate) fn close(&self) {
        lock(&self.shared.state).closing = true;
        self.shared.changed.notify_all();
        self.wait(|queue| queue.is_done() && queue.threads == 0);
    }

    fn wait(&self, done: impl Fn(&Queue) -> bool) {
        let queue = lock(&self.shared.state);
        let waited = self
            .shared
            .changed
            .wait_timeout_while(queue, PATIENCE, |queue| !done(queue));
        let (queue, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(queue);
        if timeout.timed_out() {
            stop::bug_check(
                stop::MODEL_STOP,
                [0; 4],
                format!("a work item did not end within {} s", PATIENCE.as_secs()),
            );
        }
    }
}

impl Shared {
    /// The main function of a worker thread.
    fn work(&self) {
        let mut queue = lock(&self.state);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = lock(&self.state);
                continue;
            }
            queue.idle += 1;
            self.changed.notify_all();
            let waited = self
                .changed
                .wait_timeout_while(queue, IDLE, |queue| queue.jobs.is_empty() && !queue.closing);
            let timeout;
            (queue, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
            let leaving = timeout.timed_out() || queue.closing;
            if leaving && queue.jobs.is_empty() {
                queue.threads -= 1;
                self.changed.notify_all();
                return;
            }
        }
    }
}
