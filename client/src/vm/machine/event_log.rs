//! Reads events about drivers from the event logs, as XML.

use std::{io, ptr::null_mut};

use windows_sys::Win32::System::EventLog::{
    EVT_HANDLE, EvtClose, EvtNext, EvtQuery, EvtQueryChannelPath, EvtQueryReverseDirection,
    EvtRender, EvtRenderEventXml,
};

use crate::devices::{reason, wide};

/// The logs, and what is asked of each: the last 30 days. The first must be readable.
const QUERIES: [(&str, &str); 3] = [
    (
        "System",
        "*[System[(EventID=26 or EventID=41 or EventID=219 or EventID=1001 or EventID=7000 or EventID=7001 or \
         EventID=7026 or EventID=7045) and TimeCreated[timediff(@SystemTime) <= 2592000000]]]",
    ),
    (
        "Microsoft-Windows-Kernel-PnP/Configuration",
        "*[System[TimeCreated[timediff(@SystemTime) <= 2592000000]]]",
    ),
    (
        "Microsoft-Windows-CodeIntegrity/Operational",
        "*[System[TimeCreated[timediff(@SystemTime) <= 2592000000]]]",
    ),
];
/// How many events of a log are read, newest first.
const MOST: usize = 2000;

/// # Invariants
///
/// Holds a handle that the event log returned and nobody else closes.
struct Handle(EVT_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: by the invariant, the handle is open and used no more.
        unsafe { EvtClose(self.0) };
    }
}

/// The events, newest first in each log.
pub fn read() -> Result<Vec<String>, String> {
    let mut events = Vec::new();
    for (index, (channel, query)) in QUERIES.into_iter().enumerate() {
        match of_channel(channel, query) {
            Ok(more) => events.extend(more),
            Err(error) if index == 0 => {
                return Err(format!(
                    "the {channel} log cannot be read: {}. Event Viewer shows it: eventvwr.exe",
                    reason(&error)
                ));
            }
            // The others are off on some machines, or open to administrators alone.
            Err(_) => {}
        }
    }
    Ok(events)
}

fn of_channel(channel: &str, query: &str) -> io::Result<Vec<String>> {
    let (channel, query) = (wide(channel), wide(query));
    // SAFETY: both strings end with a zero; the session is this machine's.
    let result = unsafe {
        EvtQuery(
            0,
            channel.as_ptr(),
            query.as_ptr(),
            EvtQueryChannelPath | EvtQueryReverseDirection,
        )
    };
    if result == 0 {
        return Err(io::Error::last_os_error());
    }
    // INVARIANT: the call above returned the handle to its caller.
    let result = Handle(result);
    let mut events = Vec::new();
    while events.len() < MOST {
        let mut event: EVT_HANDLE = 0;
        let mut returned = 0;
        // SAFETY: the result is open; one handle and the count may be written.
        let more = unsafe { EvtNext(result.0, 1, &mut event, u32::MAX, 0, &mut returned) };
        if more == 0 || returned == 0 {
            break;
        }
        // INVARIANT: the call above returned the handle to its caller.
        events.extend(xml(&Handle(event)));
    }
    Ok(events)
}

fn xml(event: &Handle) -> Option<String> {
    let render = |buffer: &mut [u16]| {
        let (mut used, mut properties) = (0, 0);
        let place = match buffer.len() {
            0 => null_mut(),
            _ => buffer.as_mut_ptr(),
        };
        // SAFETY: the event is open and needs no context for XML; the buffer is as long as is said, in bytes, and the
        // numbers may be written.
        let done = unsafe {
            EvtRender(
                0,
                event.0,
                EvtRenderEventXml,
                size_of_val(buffer) as u32,
                place.cast(),
                &mut used,
                &mut properties,
            )
        };
        (done != 0, used as usize)
    };
    let (_, needed) = render(&mut []);
    let mut buffer = vec![0_u16; needed.div_ceil(2)];
    let (done, _) = render(&mut buffer);
    let end = buffer.iter().position(|unit| *unit == 0);
    done.then(|| String::from_utf16_lossy(&buffer[..end.unwrap_or(buffer.len())]))
}
