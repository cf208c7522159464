//! `driver!`: a driver of a few lines, with the defaults and with a security descriptor of its own.

use kmdf::prelude::*;
use kmdf_test::{Caller, NtStatus, Reply, Scenario};

const REVERSE: u32 = ctl_code(FILE_DEVICE_UNKNOWN, 0x800, Method::Buffered, Access::Any);

/// Reverses its input by way of memory from the paged pool.
fn device_control(transfer: Transfer<'_>, code: u32, irql: &mut Passive) -> Result<usize> {
    const TAG: Tag = Tag::new(b"Rev1");
    if code != REVERSE {
        return Err(Error::INVALID_DEVICE_REQUEST);
    }
    let mut memory = Memory::<Paged>::from_bytes(&DriverParent, TAG, transfer.input(1)?, irql)?;
    memory.bytes_mut(irql).reverse();
    transfer.into_output()?.write(memory.bytes(irql))
}

mod with_defaults {
    use super::device_control;
    use kmdf::Guid;

    pub(super) const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E60);
    kmdf::driver! { interface: INTERFACE, device_control: device_control }
}

mod open_to_everybody {
    use super::device_control;
    use kmdf::{Guid, wide};

    pub(super) const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E61);
    kmdf::driver! {
        interface: INTERFACE,
        security: wide!("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;WD)"),
        device_control: device_control,
    }
}

#[test]
fn a_simple_driver_completes_requests_with_what_its_function_returns() {
    Scenario::new("simple", with_defaults::fx_driver_entry).run(|test| {
        let file = test.open(with_defaults::INTERFACE);
        assert_eq!(file.ioctl(REVERSE, b"abc", 8), Reply::success(b"cba"));
        for (code, input, error) in [
            (REVERSE, &b""[..], Error::BUFFER_TOO_SMALL),
            (REVERSE, b"more than eight", Error::BUFFER_TOO_SMALL),
            (REVERSE + 4, b"abc", Error::INVALID_DEVICE_REQUEST),
        ] {
            assert_eq!(file.ioctl(code, input, 8), Reply::error(error.status()));
        }
    });
}

#[test]
fn a_simple_driver_is_for_the_system_and_administrators_unless_it_says_otherwise() {
    let open = |entry, interface: Guid| {
        Scenario::new("simple", entry).run(move |test| {
            let opened = test
                .kernel()
                .open_interface_as(Caller::User, &interface.get());
            opened.map(nt_model::File::close).err()
        })
    };
    let denied = NtStatus(Error::ACCESS_DENIED.status());
    let refused = open(with_defaults::fx_driver_entry, with_defaults::INTERFACE);
    assert_eq!(refused, Some(denied));
    let refused = open(
        open_to_everybody::fx_driver_entry,
        open_to_everybody::INTERFACE,
    );
    assert_eq!(refused, None);
}

/// Values of the Windows headers.
#[test]
fn control_codes_are_those_of_the_windows_headers() {
    for (name, code, expected) in [
        (
            "IOCTL_DISK_GET_DRIVE_GEOMETRY",
            ctl_code(0x07, 0, Method::Buffered, Access::Any),
            0x0007_0000,
        ),
        (
            "IOCTL_STORAGE_CHECK_VERIFY",
            ctl_code(0x2D, 0x200, Method::Buffered, Access::Read),
            0x002D_4800,
        ),
        (
            "IOCTL_SCSI_PASS_THROUGH_DIRECT",
            ctl_code(0x04, 0x405, Method::Buffered, Access::ReadWrite),
            0x0004_D014,
        ),
        (
            "IOCTL_CDROM_RAW_READ",
            ctl_code(0x02, 0x0F, Method::OutDirect, Access::Read),
            0x0002_403E,
        ),
        (
            "FSCTL_ENUM_USN_DATA",
            ctl_code(0x09, 44, Method::Neither, Access::Any),
            0x0009_00B3,
        ),
    ] {
        assert_eq!(code, expected, "{name}");
    }
    // None of the above has METHOD_IN_DIRECT or FILE_WRITE_ACCESS.
    let code = ctl_code(FILE_DEVICE_UNKNOWN, 0xFFF, Method::InDirect, Access::Write);
    assert_eq!(code, 0x0022_BFFD);
}
