//! The last calls that returned an error, like the framework's in-flight recorder: so that a bare
//! STATUS_INVALID_PARAMETER of a driver's callback can be traced to one of its calls.
//!
//! The kernel image does not have it, because nothing would read it there.

use crate::object::handle;
use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, Ordering};
use kmdf_sys::*;

/// Calls that are remembered.
const REMEMBERED: usize = 16;

/// Bytes of a call's text; a longer one is cut.
const TEXT: usize = 240;

/// A call of a framework function that returned an error.
#[derive(Clone, Copy)]
pub struct FailedCall {
    /// The status that the call returned.
    pub status: NTSTATUS,
    /// How often it returned that, one time after the other.
    pub times: u32,
    text: Text,
}

impl FailedCall {
    /// The function with its arguments, such as `WdfMemoryCreate(parent WDFDEVICE, PagedPool, tag 'Mem1',
    /// 0 bytes)`.
    pub fn call(&self) -> &str {
        self.text.as_str()
    }
}

impl fmt::Debug for FailedCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} -> {:#010X}", self.call(), self.status)
    }
}

/// The last calls of framework functions that returned an error, the oldest first.
pub fn failed_calls() -> impl Iterator<Item = FailedCall> {
    // One at a time, for all of them would take much of a kernel stack.
    (0..REMEMBERED).filter_map(|age| {
        let call = RECORDER.with(|recorder| recorder.calls[(recorder.next + age) % REMEMBERED]);
        call.flatten()
    })
}

/// Starts anew: [`failed_calls`] gives nothing until another call fails.
pub fn forget_failed_calls() {
    RECORDER.with(|recorder| recorder.calls = [None; REMEMBERED]);
}

/// The last failed calls, in a ring.
struct Recorder {
    calls: [Option<FailedCall>; REMEMBERED],
    /// Where the next one goes, over the oldest.
    next: usize,
}

impl Recorder {
    fn add(&mut self, call: FailedCall) {
        let newest = (self.next + REMEMBERED - 1) % REMEMBERED;
        if let Some(newest) = &mut self.calls[newest]
            && (newest.status, newest.call()) == (call.status, call.call())
        {
            newest.times += 1;
            return;
        }
        self.calls[self.next] = Some(call);
        self.next = (self.next + 1) % REMEMBERED;
    }
}

/// The recorder of the process, behind a lock of its own: a thread whose machine has stopped never comes
/// back from the kernel's.
///
/// # Invariants
///
/// `recorder` is touched only by the thread that set `busy`.
struct Shared {
    busy: AtomicBool,
    recorder: UnsafeCell<Recorder>,
}

// SAFETY: The recorder is plain data, and the invariant has one thread at a time touch it.
unsafe impl Sync for Shared {}

static RECORDER: Shared = Shared {
    busy: AtomicBool::new(false),
    recorder: UnsafeCell::new(Recorder {
        calls: [None; REMEMBERED],
        next: 0,
    }),
};

impl Shared {
    /// Gives `use_it` the recorder, for as long as it takes to copy in or out of it; `None` if others
    /// have it all the time.
    fn with<T>(&self, use_it: impl FnOnce(&mut Recorder) -> T) -> Option<T> {
        let taken = (0..1_000_000).any(|_| {
            spin_loop();
            !self.busy.swap(true, Ordering::Acquire)
        });
        taken.then(|| {
            // SAFETY: This thread has set `busy`.
            let value = use_it(unsafe { &mut *self.recorder.get() });
            self.busy.store(false, Ordering::Release);
            value
        })
    }
}

/// An entry of the function table.
pub(super) trait Entry {
    /// The type of its function pointer.
    type Function;
    /// The function that the entry calls.
    const FUNCTION: Self::Function;
    /// Where it stands in the table.
    const INDEX: WDFFUNCENUM;
}

/// The type of a function pointer whose failing calls can be recorded.
pub(super) trait Recorded<E> {
    /// Calls the function of `E`, and records the call if it returns an error.
    const CALL: Self;
}

/// What a function of the table returns.
pub(super) trait Returned: Copy {
    /// Whether the type is that of an NTSTATUS. The enumerations that share it have no negative values.
    const IS_STATUS: bool = false;

    fn status(self) -> NTSTATUS {
        STATUS_SUCCESS
    }
}

impl Returned for NTSTATUS {
    const IS_STATUS: bool = true;

    fn status(self) -> NTSTATUS {
        self
    }
}

impl Returned for () {}
impl Returned for i8 {}
impl Returned for u8 {}
impl Returned for u32 {}
impl Returned for u64 {}
impl Returned for usize {}
impl<T> Returned for *mut T {}
impl<T> Returned for *const T {}

/// Wraps functions with these parameters after the driver's globals.
macro_rules! recorded {
    ($($call:ident($($parameter:ident: $type:ident),*);)*) => {$(
        unsafe extern "C" fn $call<E, R, $($type),*>(
            globals: PWDF_DRIVER_GLOBALS,
            $($parameter: $type),*
        ) -> R
        where
            E: Entry<Function = Option<unsafe extern "C" fn(PWDF_DRIVER_GLOBALS, $($type),*) -> R>>,
            R: Returned,
            $($type: Copy,)*
        {
            let Some(function) = E::FUNCTION else {
                unreachable!("every entry has a function");
            };
            // SAFETY: The driver calls the function of this entry, with its arguments.
            let returned = unsafe { function(globals, $($parameter),*) };
            let status = returned.status();
            // An empty queue is no error.
            if !NT_SUCCESS(status) && status != STATUS_NO_MORE_ENTRIES {
                record(E::INDEX, status, &[$(word($parameter)),*]);
            }
            returned
        }

        impl<E, R, $($type),*> Recorded<E>
            for Option<unsafe extern "C" fn(PWDF_DRIVER_GLOBALS, $($type),*) -> R>
        where
            E: Entry<Function = Self>,
            R: Returned,
            $($type: Copy,)*
        {
            // WdfRequestGetStatus returns the status of the request, not its own.
            const CALL: Self = if R::IS_STATUS
                && E::INDEX != _WDFFUNCENUM::WdfRequestGetStatusTableIndex
            {
                Some($call::<E, R, $($type),*>)
            } else {
                E::FUNCTION
            };
        }
    )*};
}

recorded! {
    call_0();
    call_1(a: A);
    call_2(a: A, b: B);
    call_3(a: A, b: B, c: C);
    call_4(a: A, b: B, c: C, d: D);
    call_5(a: A, b: B, c: C, d: D, e: F);
    call_6(a: A, b: B, c: C, d: D, e: F, f: G);
    call_7(a: A, b: B, c: C, d: D, e: F, f: G, g: H);
}

/// The bits of an argument: an integer, a pointer or an optional function pointer.
fn word<T: Copy>(argument: T) -> usize {
    let mut word = 0_usize;
    let size = size_of::<T>().min(size_of::<usize>());
    // SAFETY: Both have that many bytes; arguments of the table's functions have no padding.
    unsafe {
        (&raw const argument)
            .cast::<u8>()
            .copy_to((&raw mut word).cast(), size)
    };
    word
}

/// Puts a call into words and remembers it. The caller's arguments are still there.
#[cold]
fn record(index: WDFFUNCENUM, status: NTSTATUS, arguments: &[usize]) {
    let mut text = Text::new();
    let name = super::NAMES[index as usize].to_bytes();
    let _ = text.write_str(str::from_utf8(name).unwrap_or_default());
    let _ = text.write_str("(");
    let known = FUNCTION_PARAMETERS
        .iter()
        .find(|(entry, _)| *entry == index);
    let parameters = known.map_or(&[][..], |(_, parameters)| parameters);
    let mut separator = "";
    for ((name, kind), argument) in parameters.iter().zip(arguments) {
        let before = text.length;
        let _ = text.write_str(separator);
        let start = text.length;
        if *kind == "PWDF_OBJECT_ATTRIBUTES" {
            let pointer = core::ptr::with_exposed_provenance_mut(*argument);
            let _ = describe_parent(&mut text, pointer, takes_parent(index));
        } else {
            describe(&mut text, name, kind, *argument);
        }
        if text.length == start {
            text.length = before;
        } else {
            separator = ", ";
        }
    }
    let _ = text.write_str(")");
    let call = FailedCall {
        status,
        times: 1,
        text,
    };
    RECORDER.with(|recorder| recorder.add(call));
}

/// Writes an argument as its reader would, or nothing for a place that a result goes to.
fn describe(text: &mut Text, name: &str, kind: &str, argument: usize) {
    let pointer = core::ptr::with_exposed_provenance_mut::<()>(argument);
    let is_structure = kind.starts_with("PWDF_") || kind.starts_with("PCWDF_");
    let _ = match kind {
        _ if kind.starts_with("*mut") => Ok(()),
        "WDFOBJECT" if argument != 0 => text.write_str(kind_of(pointer.cast())),
        _ if argument == 0 && (kind.starts_with("WDF") || kind.starts_with('P')) => {
            write!(text, "{name} NULL")
        }
        "PCUNICODE_STRING" => describe_string(text, pointer.cast()),
        "POOL_TYPE" => describe_pool(text, argument as POOL_TYPE),
        "ULONG" if name.ends_with("Tag") => describe_tag(text, argument as ULONG),
        "usize" if name.ends_with("Offset") => write!(text, "offset {argument}"),
        "usize" => write!(text, "{argument} bytes"),
        "*const GUID" => describe_guid(text, pointer.cast()),
        _ if is_structure => {
            // SAFETY: The driver passed the structure, which starts with its size.
            let size = unsafe { pointer.cast::<ULONG>().read() };
            write!(text, "{name} (Size {size})")
        }
        _ if kind.starts_with("WDF") && kind != "WDFCONTEXT" && !kind.contains('_') => {
            text.write_str(kind)
        }
        _ if kind.starts_with('P') || kind.starts_with('*') || kind == "WDFCONTEXT" => Ok(()),
        _ => write!(text, "{name} {argument}"),
    };
}

/// Whether attributes of a call may name a parent. Other calls reject one without reading it.
fn takes_parent(index: WDFFUNCENUM) -> bool {
    use _WDFFUNCENUM as Index;
    !matches!(
        index,
        Index::WdfDriverCreateTableIndex
            | Index::WdfDeviceCreateTableIndex
            | Index::WdfObjectAllocateContextTableIndex
    )
}

fn describe_parent(
    text: &mut Text,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    takes_parent: bool,
) -> fmt::Result {
    // SAFETY: The driver passed the attributes, or NULL.
    let Some(attributes) = (unsafe { attributes.as_ref() }) else {
        return text.write_str("no attributes");
    };
    if attributes.Size as usize != size_of::<WDF_OBJECT_ATTRIBUTES>() {
        return write!(text, "attributes (Size {})", attributes.Size);
    }
    if attributes.ParentObject.is_null() {
        return text.write_str("no parent");
    }
    if !takes_parent {
        return text.write_str("a parent, which the call does not take");
    }
    write!(text, "parent {}", kind_of(attributes.ParentObject))
}

/// The type of the object of a handle.
fn kind_of(handle: WDFOBJECT) -> &'static str {
    // SAFETY: The driver passed the handle to a call that resolves it, so it leads to readable memory.
    let found = unsafe { handle::find(handle) };
    let name = found.map(|(object, _)| object.kind().name.to_str());
    name.ok()
        .and_then(Result::ok)
        .unwrap_or("that is no live object")
}

fn describe_string(text: &mut Text, string: PCUNICODE_STRING) -> fmt::Result {
    // SAFETY: The driver passed the string, which is not NULL.
    let string = unsafe { string.read() };
    if string.Buffer.is_null() {
        return text.write_str("\"\"");
    }
    let length = usize::from(string.Length) / 2;
    // SAFETY: The buffer of a string has that many units.
    let units = unsafe { core::slice::from_raw_parts(string.Buffer, length) };
    text.write_char('"')?;
    for unit in char::decode_utf16(units.iter().copied()) {
        text.write_char(unit.unwrap_or(char::REPLACEMENT_CHARACTER))?;
    }
    text.write_char('"')
}

fn describe_pool(text: &mut Text, pool: POOL_TYPE) -> fmt::Result {
    match pool {
        _POOL_TYPE::NonPagedPool => text.write_str("NonPagedPool"),
        _POOL_TYPE::NonPagedPoolNx => text.write_str("NonPagedPoolNx"),
        _POOL_TYPE::PagedPool => text.write_str("PagedPool"),
        _ => write!(text, "pool type {pool}"),
    }
}

fn describe_tag(text: &mut Text, tag: ULONG) -> fmt::Result {
    let bytes = tag.to_le_bytes();
    match str::from_utf8(&bytes) {
        Ok(tag) if bytes.iter().all(|byte| (b' '..0x7F).contains(byte)) => {
            write!(text, "tag '{tag}'")
        }
        _ => write!(text, "tag {tag:#x}"),
    }
}

fn describe_guid(text: &mut Text, guid: *const GUID) -> fmt::Result {
    // SAFETY: The driver passed the GUID, or NULL.
    let Some(guid) = (unsafe { guid.as_ref() }) else {
        return text.write_str("GUID NULL");
    };
    let [a, b, rest @ ..] = guid.Data4;
    let (first, second, third) = (guid.Data1, guid.Data2, guid.Data3);
    write!(
        text,
        "{{{first:08X}-{second:04X}-{third:04X}-{a:02X}{b:02X}-"
    )?;
    rest.iter()
        .try_for_each(|byte| write!(text, "{byte:02X}"))?;
    text.write_char('}')
}

/// Text that is cut when it is full.
#[derive(Clone, Copy)]
struct Text {
    bytes: [u8; TEXT],
    length: usize,
}

impl Text {
    const fn new() -> Self {
        Self {
            bytes: [0; TEXT],
            length: 0,
        }
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut room = text.len().min(TEXT - self.length);
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        self.bytes[self.length..self.length + room].copy_from_slice(&text.as_bytes()[..room]);
        self.length += room;
        Ok(())
    }
}
