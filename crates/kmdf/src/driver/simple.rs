//! [`driver!`](macro@crate::driver): a whole driver with one device, in four lines.

/// A whole driver: for each device that Plug and Play finds, one device interface and one default queue,
/// whose device control requests a function of the driver's handles.
///
/// * `interface`: the [`Guid`](crate::Guid) of the device interface class, by which programs find the device.
/// * `security`, which may be left out: who may open the device, as a [`WideText`](crate::WideText) in SDDL. The
///   default is [`SDDL_DEVOBJ_SYS_ALL_ADM_ALL`](crate::SDDL_DEVOBJ_SYS_ALL_ADM_ALL): the system and
///   administrators only.
/// * `device_control`: a `fn(Transfer<'_>, u32, &mut Passive) -> Result<usize>`, called at PASSIVE_LEVEL with the
///   buffers of a request and its control code, on any number of threads at once. The request is completed with
///   what it returns: see [`Request::complete_with`](crate::Request::complete_with).
///
/// ```
/// use kmdf::prelude::*;
///
/// pub const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F);
///
/// kmdf::driver! {
///     interface: INTERFACE,
///     security: wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GR;;;WD)"),
///     device_control: device_control,
/// }
///
/// fn device_control(transfer: Transfer<'_>, _code: u32, _irql: &mut Passive) -> Result<usize> {
///     let input = transfer.input(1)?.len();
///     transfer.into_output()?.write(&input.to_le_bytes())
/// }
/// # use kmdf_model as _;
/// # fn main() {}
/// ```
///
/// # What it stands for, and grows into
///
/// The macro writes what a driver of more than this writes by hand, and nothing else, so that a driver that needs
/// a context, reads and writes, file objects, another queue or another level begins by replacing the macro with
/// this, in which `SimpleDriver` is the context of the driver object, of each device and of its queue:
///
/// ```
/// # use kmdf::prelude::*;
/// # use kmdf_model as _;
/// # const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F);
/// # fn device_control(_: Transfer<'_>, _: u32, _: &mut Passive) -> Result<usize> { Ok(0) }
/// struct SimpleDriver;
/// kmdf::driver_entry!(SimpleDriver);
/// kmdf::panic_handler!();
///
/// impl Driver for SimpleDriver {
///     fn load(_irql: &mut Passive) -> Result<Self> {
///         Ok(Self)
///     }
///
///     fn add_device(&self, mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
///         init.set_generated_name(irql);
///         init.set_security(kmdf::SDDL_DEVOBJ_SYS_ALL_ADM_ALL, irql)?;
///         let device = init.create(Self, irql)?;
///         device.create_interface(&INTERFACE, irql)?;
///         device.create_default_queue(DispatchType::Parallel, Self, irql)?;
///         Ok(())
///     }
/// }
///
/// impl IoHandler for SimpleDriver {
///     type Level = Passive;
///
///     fn device_control<'r>(
///         &self,
///         _queue: Queue<'_>,
///         request: Request<'r>,
///         code: u32,
///         irql: &mut Passive,
///     ) -> Handled<'r> {
///         request.complete_with(|transfer| device_control(transfer, code, irql))
///     }
/// }
/// # fn main() {}
/// ```
///
/// With `--cfg wdk`, [`panic_handler!`](crate::panic_handler) is the crate's handler: leave `wdk-panic` out then.
#[macro_export]
macro_rules! driver {
    (
        interface: $interface:expr,
        device_control: $device_control:expr $(,)?
    ) => {
        $crate::driver! {
            interface: $interface,
            security: $crate::SDDL_DEVOBJ_SYS_ALL_ADM_ALL,
            device_control: $device_control,
        }
    };
    (
        interface: $interface:expr,
        security: $security:expr,
        device_control: $device_control:expr $(,)?
    ) => {
        struct SimpleDriver;
        $crate::driver_entry!(SimpleDriver);
        $crate::panic_handler!();

        impl $crate::Driver for SimpleDriver {
            fn load(_irql: &mut $crate::Passive) -> $crate::Result<Self> {
                ::core::result::Result::Ok(Self)
            }

            fn add_device(
                &self,
                mut init: $crate::DeviceInit<'_>,
                irql: &mut $crate::Passive,
            ) -> $crate::Result<()> {
                init.set_generated_name(irql);
                init.set_security($security, irql)?;
                let device = init.create(Self, irql)?;
                device.create_interface(&$interface, irql)?;
                device.create_default_queue($crate::DispatchType::Parallel, Self, irql)?;
                ::core::result::Result::Ok(())
            }
        }

        impl $crate::IoHandler for SimpleDriver {
            type Level = $crate::Passive;

            fn device_control<'r>(
                &self,
                _queue: $crate::Queue<'_>,
                request: $crate::Request<'r>,
                code: u32,
                irql: &mut $crate::Passive,
            ) -> $crate::Handled<'r> {
                type Function =
                    fn($crate::Transfer<'_>, u32, &mut $crate::Passive) -> $crate::Result<usize>;
                let device_control: Function = $device_control;
                request.complete_with(|transfer| device_control(transfer, code, irql))
            }
        }
    };
}
