//! Loading, adding, removing, surprise removal and unloading, again and again.

#![cfg(not(wdk))]

mod common;

use common::*;
use nt_model::Config;
use wdfmem_ioctl::*;

fn run(scenario: impl FnOnce(&nt_model::Kernel) + Send + 'static) {
    nt_model::run(Config::default(), move |kernel| {
        scenario(kernel);
        assert_eq!(kernel.verifier().live_blocks, 0);
    })
    .unwrap_or_else(|stop| panic!("{stop}\n{}", stop.debug_output.join("")));
}

#[test]
fn the_driver_is_loaded_used_and_unloaded_many_times_in_one_system() {
    run(|kernel| {
        for _ in 0..10 {
            let driver = load(kernel);
            let device = add(&driver);
            let file = open(kernel);
            World::new(&file);
            file.close();
            device.remove().unwrap();
            driver.unload().unwrap();
            assert_eq!(kernel.verifier().live_blocks, 0);
        }
    });
}

#[test]
fn a_driver_without_a_device_is_unloaded() {
    run(|kernel| load(kernel).unload().unwrap());
}

#[test]
fn devices_come_and_go_while_the_driver_stays() {
    run(|kernel| {
        let driver = load(kernel);
        for round in 0..6 {
            let device = add(&driver);
            let file = open(kernel);
            World::new(&file);
            if round % 2 == 0 {
                file.close();
                device.remove().unwrap();
            } else {
                device.surprise_remove().unwrap();
                file.close();
            }
            assert!(kernel.interfaces(&interface()).is_empty());
        }
        driver.unload().unwrap();
    });
}

#[test]
fn two_devices_of_one_driver_count_apart() {
    run(|kernel| {
        let driver = load(kernel);
        let devices = [add(&driver), add(&driver)];
        let links = kernel.interfaces(&interface());
        assert_eq!(links.len(), 2);
        let files = links
            .iter()
            .map(|link| kernel.open(link).unwrap())
            .collect::<Vec<_>>();
        World::new(&files[0]);
        assert_eq!(statistics(&files[0]).device_charged.objects.get(), 9);
        assert_eq!(statistics(&files[1]).device_charged.objects.get(), 0);
        drop(files);
        for device in devices {
            device.remove().unwrap();
        }
        driver.unload().unwrap();
    });
}

#[test]
fn after_a_surprise_removal_requests_are_refused_and_what_is_left_goes_with_the_last_handle() {
    run(|kernel| {
        let driver = load(kernel);
        let device = add(&driver);
        let file = open(kernel);
        World::new(&file);
        device.surprise_remove().unwrap();
        let reply = call(&file, QueryVersion {});
        assert_ne!(reply.status, Status::SUCCESS);
        assert_eq!(reply.output, []);
        file.close();
        driver.unload().unwrap();
    });
}

#[test]
fn a_device_is_stopped_and_started_again() {
    run(|kernel| {
        let driver = load(kernel);
        let device = add(&driver);
        let file = open(kernel);
        let world = World::new(&file);
        let before = world.state(&file);
        for _ in 0..3 {
            device.stop().unwrap();
            device.start().unwrap();
            assert_eq!(world.state(&file), before);
        }
        file.close();
        device.remove().unwrap();
        driver.unload().unwrap();
    });
}
