//! Opens the device of my_driver, sends one request and checks the reply. Exit code 0: the reply is right.

#[cfg_attr(not(windows), allow(dead_code, reason = "there is no device to use"))]
#[path = "../../src/interface.rs"]
mod interface;

#[cfg(windows)]
mod device;

#[cfg(windows)]
fn main() -> Result<(), String> {
    let device = device::Device::open(interface::INTERFACE)?;
    let reply = device.control(interface::REVERSE, b"stressed", 8)?;
    if reply != b"desserts" {
        return Err(format!("{reply:?} is not \"desserts\""));
    }
    println!("stressed -> desserts");
    Ok(())
}

#[cfg(not(windows))]
fn main() {
    println!("This program is for Windows; `cargo kmdf wine` runs it in Wine.");
}
