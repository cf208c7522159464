//! C13 (KmdfIrql): the function of `driver!` is called at PASSIVE_LEVEL, so it does not take the witness of another
//! level.

use kmdf::prelude::*;

const INTERFACE: Guid = Guid::from_u128(0x5E1F2C3A_7B4D_4E9A_8C21_0A1B2C3D4E5F);

kmdf::driver! { interface: INTERFACE, device_control: device_control }

fn device_control(_: Transfer<'_>, _: u32, _: &mut Dispatch) -> Result<usize> {
    Ok(0)
}

fn main() {}
