//! Loading, adding, removing, surprise removal and unloading, again and again.

#![cfg(not(wdk))]

mod common;

use common::*;
use wdfmem_ioctl::*;

#[test]
fn the_driver_is_loaded_used_and_unloaded_many_times_in_one_system() {
    scenario().without_driver().run(|test| {
        for _ in 0..10 {
            let driver = test.load().unwrap();
            let device = test.add_device().unwrap();
            let file = open(test);
            World::new(&file);
            file.close();
            device.remove().unwrap();
            driver.unload().unwrap();
            assert_eq!(test.kernel().verifier().live_blocks, 0);
        }
    });
}

#[test]
fn a_driver_without_a_device_is_unloaded() {
    scenario().without_device().run(|_| ());
}

#[test]
fn devices_come_and_go_while_the_driver_stays() {
    scenario().without_device().run(|test| {
        for round in 0..6 {
            let device = test.add_device().unwrap();
            let file = open(test);
            World::new(&file);
            if round % 2 == 0 {
                file.close();
                device.remove().unwrap();
            } else {
                device.surprise_remove().unwrap();
                file.close();
            }
            assert!(test.kernel().interfaces(&interface()).is_empty());
        }
    });
}

#[test]
fn two_devices_of_one_driver_count_apart() {
    scenario().run(|test| {
        test.add_device().unwrap();
        let links = test.kernel().interfaces(&interface());
        assert_eq!(links.len(), 2);
        let files = links
            .iter()
            .map(|link| test.open_path(link))
            .collect::<Vec<_>>();
        World::new(&files[0]);
        assert_eq!(statistics(&files[0]).device_charged.objects.get(), 9);
        assert_eq!(statistics(&files[1]).device_charged.objects.get(), 0);
    });
}

#[test]
fn after_a_surprise_removal_requests_are_refused_and_what_is_left_goes_with_the_last_handle() {
    scenario().run(|test| {
        let file = open(test);
        World::new(&file);
        test.device().surprise_remove().unwrap();
        let reply = call(&file, QueryVersion {});
        assert_ne!(reply.status, Status::SUCCESS);
        assert_eq!(reply.output, []);
    });
}

#[test]
fn a_device_is_stopped_and_started_again() {
    scenario().run(|test| {
        let device = test.device();
        let file = open(test);
        let world = World::new(&file);
        let before = world.state(&file);
        for _ in 0..3 {
            device.stop().unwrap();
            device.start().unwrap();
            assert_eq!(world.state(&file), before);
        }
    });
}
