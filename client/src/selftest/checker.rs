//! Makes calls and records how they ended.

use wdfmem_ioctl::{Created, Delete, Handle, Level, Message, PoolKind, Span, Status, Tag, Traits};

use super::{Results, Row};
use crate::{
    session::{self, Reply},
    system::{Allocated, File, System},
};

/// Marks a check of the driver's own interface rather than of a documented Windows call.
pub const CONTRACT: &str = "contract";

/// In place of a status, for a check of something other than the status of a call.
const PASSED: &str = "passed";

/// Makes calls on one file object and records how they ended.
pub struct Checker<'a> {
    /// The system that the driver runs on.
    pub system: &'a dyn System,
    /// The file object that the calls are made on.
    pub file: &'a dyn File,
    results: &'a Results,
    chapter: &'static str,
    /// Overrides the Windows call that the contract's table names.
    call: Option<&'static str>,
}

/// An object that the driver created, from its reply.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Its handle; [`Handle::NONE`] if it could not be created, so that later calls on it fail too.
    pub handle: Handle,
    /// The size of its buffer.
    pub size: u64,
    /// The alignment of its buffer.
    pub traits: Traits,
}

impl Object {
    /// The first `length` bytes of its buffer.
    pub const fn first(self, length: u64) -> Span {
        Span {
            handle: self.handle,
            offset: 0,
            length,
        }
    }
}

/// The call that deletes an object.
pub fn delete(handle: Handle) -> Message<'static> {
    Message::from(Delete { handle })
}

impl<'a> Checker<'a> {
    /// A checker that adds to these results.
    pub fn new(system: &'a dyn System, file: &'a dyn File, results: &'a Results) -> Self {
        Self {
            system,
            file,
            results,
            chapter: "",
            call: None,
        }
    }

    /// Sets the chapter of the following checks.
    pub fn chapter(&mut self, chapter: &'static str) {
        self.chapter = chapter;
        self.call = None;
    }

    /// Sets the Windows call of the following rows, where the contract's table names another.
    pub fn about(&mut self, call: Option<&'static str>) {
        self.call = call;
    }

    /// Makes a call without recording it.
    pub fn send<'m>(&self, call: impl Into<Message<'m>>) -> Reply {
        session::call(self.file, call)
    }

    /// Makes a call that must succeed.
    pub fn succeed<'m>(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        call: impl Into<Message<'m>>,
    ) -> Reply {
        self.ends(rule, what, call, Status::SUCCESS)
    }

    /// Makes a call that must be rejected with this status and without output.
    pub fn reject<'m>(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        call: impl Into<Message<'m>>,
        status: Status,
    ) {
        self.ends(rule, what, call, status);
    }

    /// Reads bytes at DISPATCH_LEVEL, which the driver must reject for paged memory.
    pub fn read_at_dispatch(&mut self, rule: &'static str, pool: PoolKind, span: Span) {
        let call = span.checksum(Level::Dispatch);
        let status = match pool {
            PoolKind::NonPaged => Status::SUCCESS,
            PoolKind::Paged => Status::NOT_SUPPORTED,
        };
        self.ends(rule, "read it at DISPATCH_LEVEL", call, status);
    }

    /// Makes a call that must create an object.
    pub fn make<'m>(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        call: impl Into<Message<'m>>,
    ) -> Object {
        let reply = self.succeed(rule, what, call);
        object(&reply)
    }

    /// Creates an object without recording it.
    pub fn make_unchecked<'m>(&self, call: impl Into<Message<'m>>) -> Object {
        object(&self.send(call))
    }

    fn ends<'m>(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        call: impl Into<Message<'m>>,
        status: Status,
    ) -> Reply {
        let message = call.into();
        let reply = session::call(self.file, message);
        let windows_call = message.info().windows_call;
        self.record(rule, what, windows_call, &reply, status);
        reply
    }

    /// Sends a request as raw bytes, which must be rejected.
    pub fn reject_bytes(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        (code, request, output): (u32, &[u8], usize),
        status: Status,
    ) {
        let reply = session::send(self.file, code, request, vec![session::UNTOUCHED; output]);
        self.record(rule, what, "DeviceIoControl", &reply, status);
    }

    /// Records how a call ended.
    pub fn record(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        windows_call: &'static str,
        reply: &Reply,
        expected: Status,
    ) {
        let silent = reply.status.is_success() || reply.output.is_empty();
        let detail = if !reply.output_tail_untouched {
            Some("output beyond the reply was overwritten".to_owned())
        } else if !silent {
            Some(format!(
                "rejected, but with {} bytes of output",
                reply.output.len()
            ))
        } else {
            None
        };
        self.results.record(Row {
            chapter: self.chapter,
            rule,
            what: what.into(),
            call: self.call.unwrap_or(windows_call),
            expected: expected.to_string(),
            status: reply.status.to_string(),
            ok: reply.status == expected && detail.is_none(),
            detail,
        });
    }

    /// Records whether an expectation was met.
    pub fn check(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        windows_call: &'static str,
        ok: bool,
        detail: impl Into<String>,
    ) {
        self.results.record(Row {
            chapter: self.chapter,
            rule,
            what: what.into(),
            call: self.call.unwrap_or(windows_call),
            expected: PASSED.to_owned(),
            status: if ok { PASSED } else { "failed" }.to_owned(),
            ok,
            detail: Some(detail.into()).filter(|detail| !detail.is_empty()),
        });
    }

    /// Checks that bytes of an object are the expected ones.
    pub fn reads(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        span: Span,
        expected: &[u8],
    ) {
        let reply = self.send(span.read());
        let ok = reply.status == Status::SUCCESS && reply.output == expected;
        let detail = if reply.status != Status::SUCCESS {
            reply.status.to_string()
        } else if ok {
            String::new()
        } else {
            "other bytes were read".to_owned()
        };
        self.check(rule, what, "WdfMemoryCopyToBuffer", ok, detail);
    }

    /// Checks how many blocks are allocated under a tag. Skipped where that cannot be seen.
    pub fn blocks(
        &mut self,
        rule: &'static str,
        what: impl Into<String>,
        windows_call: &'static str,
        tag: Tag,
        expected: u64,
    ) {
        if let Some(Allocated { blocks, bytes }) = self.system.allocated(tag) {
            let detail = format!("blocks: {blocks}, bytes: {bytes}");
            self.check(rule, what, windows_call, blocks == expected, detail);
        }
    }

    /// Fails each pool allocation of a call in turn: each time the call must be rejected with
    /// STATUS_INSUFFICIENT_RESOURCES, or succeed without that allocation. `undo` deletes what a success created.
    /// Skipped on systems without fault injection.
    pub fn fail_allocations<'m>(
        &mut self,
        rule: &'static str,
        call: impl Into<Message<'m>>,
        undo: impl Fn(Handle) -> Message<'static>,
    ) {
        let message = call.into();
        let mut rejected = 0_u32;
        let mut wrong = None;
        for nth in 1..=100 {
            let Some(before) = self.system.fail_allocation(nth) else {
                return;
            };
            let reply = self.send(message);
            let after = self.system.fail_allocation(0).unwrap_or(before);
            if reply.status == Status::SUCCESS {
                self.send(undo(object(&reply).handle));
            } else if reply.status == Status::INSUFFICIENT_RESOURCES && reply.output.is_empty() {
                rejected += 1;
            } else {
                wrong = Some(reply.status);
            }
            if after == before {
                break;
            }
        }
        let windows_call = message.info().windows_call;
        let detail = match wrong {
            Some(status) => status.to_string(),
            None => {
                let times = if rejected == 1 { "time" } else { "times" };
                format!(
                    "rejected {rejected} {times} with {}",
                    Status::INSUFFICIENT_RESOURCES
                )
            }
        };
        let ok = wrong.is_none() && rejected > 0;
        self.check(
            rule,
            "fail each allocation of the call in turn",
            windows_call,
            ok,
            detail,
        );
    }
}

fn object(reply: &Reply) -> Object {
    match reply.parse::<Created>() {
        Some(created) => Object {
            handle: created.handle(),
            size: created.size.get(),
            traits: created.traits(),
        },
        None => Object {
            handle: Handle::NONE,
            size: 0,
            traits: Traits::empty(),
        },
    }
}
