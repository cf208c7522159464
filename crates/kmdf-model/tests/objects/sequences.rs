//! Random sequences of calls against what the rules say of each object's callbacks.

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::{NonPagedPoolNx, PagedPool};
use kmdf_sys::*;
use std::ptr::null_mut;

struct Node {
    object: WDFOBJECT,
    parent: Option<usize>,
    deleted: bool,
    references: u32,
}

/// A small generator of numbers: repeatable, and different for each seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[derive(Default)]
struct Forest {
    nodes: Vec<Node>,
}

impl Forest {
    fn create(&mut self, numbers: &mut Numbers) {
        let parents = self.nodes.len() + 1;
        let parent = Some(numbers.below(parents)).filter(|&parent| parent < self.nodes.len());
        let parent = parent.filter(|&parent| !self.nodes[parent].deleted);
        let number = self.nodes.len() as u64;
        let handle = parent.map_or(null_mut(), |parent| self.nodes[parent].object);
        let object = match numbers.below(4) {
            0 => memory(number, handle, NonPagedPoolNx, 32).cast(),
            1 => memory(number, handle, PagedPool, 32).cast(),
            2 => {
                let list = create_list(null_mut(), 32, PagedPool, &mut logged(handle)).unwrap();
                let memory = take(list).unwrap().cast();
                label(memory, number);
                delete(list.cast());
                memory
            }
            _ => object(number, handle),
        };
        self.nodes.push(Node {
            object,
            parent,
            deleted: false,
            references: 0,
        });
    }

    fn delete(&mut self, index: usize) {
        if !self.nodes[index].deleted {
            delete(self.nodes[index].object);
            self.nodes[index].deleted = true;
            // Parents come before their children, so one pass reaches all descendants.
            for child in index + 1..self.nodes.len() {
                let parent = self.nodes[child].parent;
                self.nodes[child].deleted |=
                    parent.is_some_and(|parent| self.nodes[parent].deleted);
            }
        }
    }

    fn count(&mut self, index: usize, up: bool) {
        let node = &mut self.nodes[index];
        let alive = !node.deleted || node.references > 0;
        if up && alive {
            reference(node.object);
            node.references += 1;
        } else if !up && node.references > 0 {
            dereference(node.object);
            node.references -= 1;
        }
    }
}

/// Each object is cleaned up once, then destroyed once, and nothing is left (the kernel's verifier
/// looks at unload) (OBJ-45, OBJ-46, OBJ-56, MEM-65).
#[test]
fn every_object_is_cleaned_up_and_destroyed_once() {
    for seed in 1..=20 {
        for config in [plain(), verified(), recycling()] {
            let log = run_and_log(config, move |_| {
                let (mut numbers, mut forest) = (Numbers(seed * 0x9E37_79B9), Forest::default());
                for _ in 0..200 {
                    let index = numbers.below(forest.nodes.len().max(1));
                    match numbers.below(6) {
                        _ if forest.nodes.is_empty() => forest.create(&mut numbers),
                        0 | 1 => forest.create(&mut numbers),
                        2 => forest.delete(index),
                        3 => forest.count(index, true),
                        _ => forest.count(index, false),
                    }
                }
                for index in 0..forest.nodes.len() {
                    while forest.nodes[index].references > 0 {
                        forest.count(index, false);
                    }
                }
                log(format!("objects {}", forest.nodes.len()));
            });
            check(&log.unwrap());
        }
    }
}

fn check(log: &[String]) {
    let objects = log.iter().find_map(|line| line.strip_prefix("objects "));
    let objects: usize = objects.unwrap().parse().unwrap();
    assert!(objects > 20);
    for number in 0..objects {
        let own: Vec<_> = (log.iter())
            .filter_map(|line| line.strip_suffix(&format!(" {number}")))
            .filter(|what| ["cleanup", "destroy"].contains(what))
            .collect();
        assert_eq!(own, ["cleanup", "destroy"], "object {number}");
    }
}
