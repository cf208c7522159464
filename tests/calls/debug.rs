//! What a debug build prints for the kernel debugger, and a release build does not.

use wdfmem_ioctl::Status;

use crate::common::*;

#[test]
fn a_debug_build_says_what_it_refuses_and_a_release_build_does_not() {
    with_all_checks(|kernel| {
        let lines = |text: &str| {
            let output = kernel.debug_output();
            output.iter().filter(|line| line.contains(text)).count()
        };
        assert_eq!(
            lines("wdfmem: device added"),
            usize::from(cfg!(debug_assertions))
        );
        let file = open(kernel);
        let answer = file.ioctl(0x0022_2FFC, &[], &mut []);
        assert_eq!(answer.status, Status::INVALID_DEVICE_REQUEST.code());
        assert_eq!(answer.information, 0);
        assert_eq!(
            lines("wdfmem: unknown control code 0x00222ffc"),
            usize::from(cfg!(debug_assertions))
        );
        file.close();
    });
}
