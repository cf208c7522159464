//! Page faults as Unix signals.

use super::{Access, IMPOSSIBLE, on_fault};
use crate::kernel_stack;
use libc::{c_int, c_void, siginfo_t};
use std::cell::RefCell;
use std::mem::{transmute, zeroed};
use std::ptr::null_mut;
use std::sync::OnceLock;

/// The signal code that comes without an address: Linux's for a general protection fault.
const SI_KERNEL: c_int = 0x80;

/// Enough for the handler, and for a handler that it passes a fault on to.
const STACK_SIZE: usize = 128 << 10;

const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What handled the signals before.
static PREVIOUS: OnceLock<[libc::sigaction; 2]> = OnceLock::new();

/// A thread's stack for the handler.
struct HandlerStack(Box<[u8]>);

impl Drop for HandlerStack {
    fn drop(&mut self) {
        // SAFETY: All zeros are a valid value of this C structure.
        let mut current: libc::stack_t = unsafe { zeroed() };
        // SAFETY: Asks for the calling thread's alternate stack.
        unsafe { libc::sigaltstack(null_mut(), &raw mut current) };
        if current.ss_sp == self.0.as_mut_ptr().cast() {
            current.ss_flags = libc::SS_DISABLE;
            // SAFETY: Takes the stack out of use before it is freed.
            unsafe { libc::sigaltstack(&raw const current, null_mut()) };
        }
    }
}

thread_local! {
    static STACK: RefCell<Option<HandlerStack>> = const { RefCell::new(None) };
}

/// Gives the calling thread a stack on which the handler can run.
pub(in crate::memory) fn prepare_thread() {
    let mut memory = HandlerStack(vec![0; STACK_SIZE].into_boxed_slice());
    let stack = libc::stack_t {
        ss_sp: memory.0.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: STACK_SIZE,
    };
    // SAFETY: The memory is kept until the thread ends, and taken out of use then.
    unsafe { libc::sigaltstack(&raw const stack, null_mut()) };
    STACK.set(Some(memory));
    kernel_stack::set_lowest(lowest_of_stack());
}

/// The lowest address of the calling thread's stack.
#[cfg(target_os = "linux")]
fn lowest_of_stack() -> usize {
    // SAFETY: All zeros are a valid value of this C structure.
    let mut attributes: libc::pthread_attr_t = unsafe { zeroed() };
    // SAFETY: pthread_self can be called at any time.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: The calling thread; initialises the attributes.
    if unsafe { libc::pthread_getattr_np(thread, &raw mut attributes) } != 0 {
        return 0;
    }
    let (mut lowest, mut size) = (null_mut(), 0);
    // SAFETY: Initialised above.
    unsafe { libc::pthread_attr_getstack(&raw const attributes, &raw mut lowest, &raw mut size) };
    // SAFETY: Initialised above, and not used again.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    lowest.addr()
}

/// Not asked for on other systems.
#[cfg(not(target_os = "linux"))]
fn lowest_of_stack() -> usize {
    0
}

/// Installs the handler, once per process.
pub(in crate::memory) fn install() {
    PREVIOUS.get_or_init(|| SIGNALS.map(replace_handler));
}

fn replace_handler(signal: c_int) -> libc::sigaction {
    // SAFETY: All zeros are a valid value of this C structure.
    let (mut ours, mut previous): (libc::sigaction, libc::sigaction) = unsafe { zeroed() };
    ours.sa_sigaction = on_signal as *const () as usize;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: The handler has the signature that SA_SIGINFO asks for.
    unsafe { libc::sigaction(signal, &raw const ours, &raw mut previous) };
    previous
}

impl Access {
    /// The access that caused a signal; `None` if a process sent it.
    ///
    /// # Safety
    ///
    /// The pointers must be those that a signal handler was called with.
    unsafe fn from_signal(info: *const siginfo_t, context: *const c_void) -> Option<Self> {
        // SAFETY: A handler's argument, as the caller guarantees.
        let info = unsafe { info.read() };
        if info.si_code <= 0 {
            return None;
        }
        // SAFETY: Both signals carry an address.
        let address = match unsafe { info.si_addr() } as usize {
            0 if info.si_code == SI_KERNEL => IMPOSSIBLE,
            address => address,
        };
        // SAFETY: A handler's context, as the caller guarantees.
        let (write, instruction) = unsafe { processor_state(context) };
        Some(Self {
            address,
            write,
            instruction,
        })
    }
}

/// Whether the access was a write, and the instruction's address.
///
/// # Safety
///
/// `context` must be that of a signal handler.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
unsafe fn processor_state(context: *const c_void) -> (bool, usize) {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: A handler's context, as the caller guarantees.
    let registers = unsafe { (*context).uc_mcontext.gregs };
    let error = registers[libc::REG_ERR as usize];
    (error & 2 != 0, registers[libc::REG_RIP as usize] as usize)
}

/// # Safety
///
/// The argument may be anything, because it is not read.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
unsafe fn processor_state(_context: *const c_void) -> (bool, usize) {
    (false, 0)
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: The system calls this as a handler.
    let access = unsafe { Access::from_signal(info, context) };
    if !access.is_some_and(|access| on_fault(&access)) {
        // SAFETY: The arguments are those of this handler.
        unsafe { pass_on(signal, info, context) };
    }
}

/// Lets the previous handler have the fault, or ends the process as the system would.
///
/// # Safety
///
/// The arguments must be those that a signal handler was called with.
unsafe fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let index = usize::from(signal != SIGNALS[0]);
    let previous = PREVIOUS.get().map(|previous| previous[index]);
    match previous {
        Some(previous) if previous.sa_sigaction > libc::SIG_IGN => {
            type Handler = unsafe extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
            // SAFETY: A handler's address; one without SA_SIGINFO ignores the other arguments.
            let handler = unsafe { transmute::<usize, Handler>(previous.sa_sigaction) };
            // SAFETY: The handler that was installed before, with the arguments of this one.
            unsafe { handler(signal, info, context) };
        }
        _ => {
            // SAFETY: Back to the default action, which the retried access then meets.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}
