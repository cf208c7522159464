//! The sioctl sample: device controls of each transfer method.
//!
//! Each control prints what its sender gave on the kernel debugger. Those with an output buffer give back
//! [`MESSAGE`].
//!
//! | control | what the driver reads | what it gives back | information |
//! | --- | --- | --- | --- |
//! | [`METHOD_BUFFERED`] | the input | [`MESSAGE`] | its length |
//! | [`METHOD_OUT_DIRECT`] | the input | [`MESSAGE`], in the sender's own pages | its length |
//! | [`METHOD_IN_DIRECT`] | the input and the second buffer, in the sender's own pages | nothing | the second buffer's length |
//! | [`METHOD_NEITHER`] | nothing | nothing: STATUS_INVALID_DEVICE_REQUEST | 0 |
//! | any other | nothing | nothing: STATUS_INVALID_DEVICE_REQUEST | 0 |
//!
//! A control without input, or whose second buffer has no room for the message, is completed with
//! STATUS_INVALID_PARAMETER before its code is looked at, as in the sample.

#![no_std]
#![forbid(unsafe_code)]

use kmdf::SDDL_DEVOBJ_SYS_ALL_ADM_ALL;
use kmdf::debug::Line;
use kmdf::prelude::*;

kmdf::driver_entry!(Sioctl);
kmdf::panic_handler!();

/// The device interface class by which a program finds the device.
pub const INTERFACE: Guid = Guid::from_u128(0x3F0B_94D7_16C2_4B39_A8E4_6D15_90F2_7C8B);

/// What the driver says: the text with its terminating NUL, as a C program expects it.
pub const MESSAGE: &[u8] = b"Greetings from the driver.\0";

/// The sample's device type, which the type of the device object need not be.
const SIOCTL_TYPE: u16 = 40000;

/// `IOCTL_SIOCTL_METHOD_IN_DIRECT` of the sample.
pub const METHOD_IN_DIRECT: u32 = ctl_code(SIOCTL_TYPE, 0x900, Method::InDirect, Access::Any);
/// `IOCTL_SIOCTL_METHOD_OUT_DIRECT` of the sample.
pub const METHOD_OUT_DIRECT: u32 = ctl_code(SIOCTL_TYPE, 0x901, Method::OutDirect, Access::Any);
/// `IOCTL_SIOCTL_METHOD_BUFFERED` of the sample.
pub const METHOD_BUFFERED: u32 = ctl_code(SIOCTL_TYPE, 0x902, Method::Buffered, Access::Any);
/// `IOCTL_SIOCTL_METHOD_NEITHER` of the sample, which is rejected.
pub const METHOD_NEITHER: u32 = ctl_code(SIOCTL_TYPE, 0x903, Method::Neither, Access::Any);

struct Sioctl;

impl Driver for Sioctl {
    fn load(_irql: &mut Passive) -> Result<Self> {
        Ok(Self)
    }

    fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
        // The sample's names: a program opens `\\.\IoctlTest`.
        init.set_name(wide!(r"\Device\SIOCTL"), irql)?;
        init.set_security(SDDL_DEVOBJ_SYS_ALL_ADM_ALL, irql)?;
        let device = init.create(State, irql)?;
        device.create_symbolic_link(wide!(r"\DosDevices\IoctlTest"), irql)?;
        device.create_interface(&INTERFACE, irql)?;
        device.create_default_queue(DispatchType::Parallel, Requests, irql)?;
        Ok(())
    }
}

/// The context of the device, which has nothing to remember.
struct State;
kmdf::context!(State);

/// The context of the queue.
struct Requests;
kmdf::context!(Requests);

impl IoHandler for Requests {
    type Level = Passive;

    fn device_control<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        _irql: &mut Passive,
    ) -> Handled<'r> {
        request.complete_with(|transfer| {
            if transfer.input_length() == 0 || transfer.output_length() < MESSAGE.len() {
                return Err(Error::INVALID_PARAMETER);
            }
            match code {
                METHOD_BUFFERED | METHOD_OUT_DIRECT => give_message(transfer),
                METHOD_IN_DIRECT => take_both(transfer),
                // `kmdf` gives no access to the bare addresses of METHOD_NEITHER.
                _ => Err(Error::INVALID_DEVICE_REQUEST),
            }
        })
    }
}

/// Reads the input and writes the message: the same code, whether the output is the system buffer that the
/// input was in (METHOD_BUFFERED) or the sender's own pages (METHOD_OUT_DIRECT).
fn give_message(transfer: Transfer<'_>) -> Result<usize> {
    print("input: ", transfer.input(1)?);
    transfer.into_output()?.write(MESSAGE)
}

/// Reads the input and the second buffer, which the sender may change at any time.
fn take_both(transfer: Transfer<'_>) -> Result<usize> {
    print("input: ", transfer.input(1)?);
    let second = transfer.direct_input()?;
    let mut copy = [0; 64];
    let copied = copy.get_mut(..second.len().min(64)).unwrap_or_default();
    second.copy_to(0, copied)?;
    print("second buffer: ", copied);
    Ok(second.len())
}

/// Prints printable characters as they are and others as full stops; what is longer than a line is cut off.
fn print(what: &str, bytes: &[u8]) {
    let mut line = Line::<96>::new();
    line.text("sioctl: ").text(what);
    for &byte in bytes.iter().take(64) {
        let mut character = [0; 4];
        let shown = if byte.is_ascii_graphic() || byte == b' ' {
            char::from(byte)
        } else {
            '.'
        };
        line.text(shown.encode_utf8(&mut character));
    }
    line.text("\n").print();
}
