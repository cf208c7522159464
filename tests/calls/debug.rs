//! What a debug build prints for the kernel debugger, and a release build does not.

use wdfmem_ioctl::Status;

use crate::common::*;

#[test]
fn a_debug_build_says_what_it_refuses_and_a_release_build_does_not() {
    scenario().run(|test| {
        let lines = |text: &str| {
            let output = test.kernel().debug_output();
            output.iter().filter(|line| line.contains(text)).count()
        };
        assert_eq!(
            lines("wdfmem: device added"),
            usize::from(cfg!(debug_assertions))
        );
        let file = open(test);
        let reply = send(&file, 0x0022_2FFC, &[], &[]);
        assert_eq!(reply, Reply::refused(Status::INVALID_DEVICE_REQUEST));
        assert_eq!(
            lines("wdfmem: unknown control code 0x00222ffc"),
            usize::from(cfg!(debug_assertions))
        );
        file.close();
    });
}
