//! How deep the direct calls of an image go on the stack, by its code and its unwind records.

use super::image::Image;
use super::{code, debug, unwind};
use anyhow::{Result, ensure};
use iced_x86::{FlowControl, OpKind};
use std::collections::{BTreeMap, BTreeSet};

/// What a chain of direct calls may take, in bytes: a third of a kernel stack of 24 KiB. The rest is for
/// the I/O manager and the framework above the driver, for what it calls, and for callbacks within
/// callbacks.
const LIMIT: u32 = 8 << 10;
/// Bytes of a return address.
const RETURN_ADDRESS: u32 = 8;

/// A function that nothing in the image calls directly: the entry point, a callback, or one whose
/// address is otherwise taken.
pub struct Root {
    pub name: String,
    /// Bytes of stack that it takes with all that it calls directly or by way of other functions.
    pub depth: u32,
    /// The functions on the way to the deepest point, itself first.
    pub path: Vec<String>,
}

/// All roots, the deepest first, and how many calls go through pointers, which are not followed.
pub struct Depths {
    pub roots: Vec<Root>,
    pub indirect_calls: usize,
}

/// A function, or several parts of one that share a frame.
#[derive(Default)]
struct Node {
    frame: u32,
    calls: BTreeSet<u32>,
    /// Calls in tail position: the frame is gone when the other function runs.
    jumps: BTreeSet<u32>,
    indirect_calls: usize,
}

pub fn bounded(image: &Image<'_>) -> Result<String> {
    let Depths {
        roots,
        indirect_calls,
    } = measure(image)?;
    let Some(Root { depth, path, .. }) = roots.first() else {
        return Ok("no functions".to_owned());
    };
    let path = path.join(" > ");
    ensure!(
        *depth <= LIMIT,
        "{depth} bytes, and {LIMIT} are allowed: {path}"
    );
    Ok(format!(
        "{depth} bytes at most, {} functions that are not called directly, {indirect_calls} calls \
         through pointers not followed; the deepest: {path}",
        roots.len()
    ))
}

/// Follows all direct calls. Fails on functions that call each other in a circle.
pub fn measure(image: &Image<'_>) -> Result<Depths> {
    let nodes = nodes(image)?;
    let names = debug::functions_by_address(image)?;
    let name = |address: u32| match names.get(&address) {
        Some(name) => name.clone(),
        None => format!("{address:#x}"),
    };
    let called: BTreeSet<u32> = nodes
        .iter()
        .flat_map(|(&start, node)| {
            let others = node.calls.iter().chain(&node.jumps);
            others.copied().filter(move |&other| other != start)
        })
        .collect();
    let mut walk = Walk {
        nodes: &nodes,
        depths: BTreeMap::new(),
        open: Vec::new(),
    };
    for &start in nodes.keys() {
        if let Err(circle) = walk.depth(start) {
            let circle: Vec<_> = circle.into_iter().map(name).collect();
            anyhow::bail!(
                "functions call each other in a circle, to a depth that nothing bounds: {}",
                circle.join(" > ")
            );
        }
    }
    let mut roots: Vec<Root> = nodes
        .keys()
        .filter(|start| !called.contains(start))
        .map(|&start| Root {
            name: name(start),
            depth: walk.depths[&start].0,
            path: walk.path(start).into_iter().map(name).collect(),
        })
        .collect();
    roots.sort_by(|one, other| (other.depth, &one.name).cmp(&(one.depth, &other.name)));
    let indirect_calls = nodes.values().map(|node| node.indirect_calls).sum();
    Ok(Depths {
        roots,
        indirect_calls,
    })
}

/// The call graph. Functions without a frame, which have no record, appear once they are called.
fn nodes(image: &Image<'_>) -> Result<BTreeMap<u32, Node>> {
    let functions = unwind::functions(image)?;
    // What is wrong with a record that cannot be read is for the check of all records to say.
    let parts: Vec<_> = functions
        .iter()
        .filter_map(|function| {
            let (frame, start) = unwind::frame_of_whole(image, function).ok()?;
            Some((function.start..function.end, start, frame))
        })
        .collect();
    let whole = |address: u32| {
        let part = parts.iter().find(|(range, ..)| range.contains(&address));
        part.map_or(address, |(_, start, _)| *start)
    };
    let mut nodes: BTreeMap<u32, Node> = BTreeMap::new();
    for (range, start, frame) in &parts {
        let node = nodes.entry(*start).or_default();
        node.frame = node.frame.max(*frame);
        let Ok(bytes) = image.at(range.start) else {
            continue;
        };
        let length = range.len();
        for instruction in code::decode(bytes.get(..length).unwrap_or(bytes), range.start) {
            let near = instruction.op_count() > 0
                && matches!(
                    instruction.op0_kind(),
                    OpKind::NearBranch64 | OpKind::NearBranch32
                );
            let target = instruction.near_branch_target() as u32;
            match instruction.flow_control() {
                FlowControl::Call if near => {
                    node.calls.insert(whole(target));
                }
                FlowControl::Call | FlowControl::IndirectCall | FlowControl::IndirectBranch => {
                    node.indirect_calls += 1;
                }
                FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
                    if near && whole(target) != *start =>
                {
                    node.jumps.insert(whole(target));
                }
                _ => {}
            }
        }
    }
    let frameless: Vec<u32> = nodes
        .values()
        .flat_map(|node| node.calls.iter().chain(&node.jumps).copied())
        .collect();
    for target in frameless {
        nodes.entry(target).or_default();
    }
    Ok(nodes)
}

/// The depth of each function, and where the deepest point is.
struct Walk<'a> {
    nodes: &'a BTreeMap<u32, Node>,
    depths: BTreeMap<u32, (u32, Option<u32>)>,
    /// The functions that are being looked at, each called by the one before.
    open: Vec<u32>,
}

impl Walk<'_> {
    /// The depth of a function; on a circle of calls, the functions in it.
    fn depth(&mut self, start: u32) -> Result<u32, Vec<u32>> {
        if let Some((depth, _)) = self.depths.get(&start) {
            return Ok(*depth);
        }
        if let Some(first) = self.open.iter().position(|&open| open == start) {
            let mut circle = self.open.split_off(first);
            circle.push(start);
            return Err(circle);
        }
        let Some(node) = self.nodes.get(&start) else {
            return Ok(0);
        };
        self.open.push(start);
        let mut deepest = (node.frame, None);
        for &callee in &node.calls {
            let depth = node.frame + RETURN_ADDRESS + self.depth(callee)?;
            deepest = deepest.max((depth, Some(callee)));
        }
        for &next in &node.jumps {
            deepest = deepest.max((self.depth(next)?, Some(next)));
        }
        self.open.pop();
        self.depths.insert(start, deepest);
        Ok(deepest.0)
    }

    /// The way to the deepest point.
    fn path(&self, start: u32) -> Vec<u32> {
        let next = |&at: &u32| self.depths.get(&at).and_then(|(_, next)| *next);
        std::iter::successors(Some(start), next).collect()
    }
}
