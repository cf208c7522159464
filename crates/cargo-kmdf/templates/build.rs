//! Sets up the link of the driver for the kernel, or for its tests.

fn main() {
    kmdf_build::configure();
}
