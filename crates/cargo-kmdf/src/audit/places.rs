//! Where in the source an address of an image is: function, file and line, from the PDB.

use super::image::Image;
use super::{code, debug, unwind};
use anyhow::Result;
use iced_x86::{FlowControl, OpKind};
use pdb_addr2line::{ContextPdbData, TypeFormatterFlags};
use pdb2::PDB;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Cursor;

/// How many places a finding names; a driver with more has the same cause again and again.
const MOST: usize = 8;

/// The function, the file and the line of an address, or the address alone where the PDB is not
/// beside the image or knows nothing of it.
pub fn place(image: &Image<'_>, address: u32) -> String {
    match find(image, address) {
        Ok(Some(place)) => place,
        Ok(None) | Err(_) => format!("{address:#x}"),
    }
}

/// [`place`] for several addresses, in a sentence that goes on; empty without addresses.
pub fn places(image: &Image<'_>, said: &str, addresses: &[u32]) -> String {
    let mut places: Vec<_> = (addresses.iter())
        .map(|&address| place(image, address))
        .collect();
    places.dedup();
    let mut text = String::new();
    for (at, place) in places.iter().take(MOST).enumerate() {
        text += if at == 0 { said } else { ", " };
        text += place;
    }
    if let Some(more @ 1..) = places.len().checked_sub(MOST) {
        write!(text, ", and {more} more").expect("a string takes everything");
    }
    text
}

fn find(image: &Image<'_>, address: u32) -> Result<Option<String>> {
    let Some(bytes) = image.pdb.as_deref() else {
        return Ok(None);
    };
    let pdb = ContextPdbData::try_from_pdb(PDB::open(Cursor::new(bytes))?)?;
    let flags = TypeFormatterFlags::NO_FUNCTION_RETURN | TypeFormatterFlags::NO_ARGUMENTS;
    let context = pdb.make_context_with_formatter_flags(flags)?;
    let Some(found) = context.find_frames(address)? else {
        return Ok(None);
    };
    // Of what is inlined there, the innermost that is not the standard library's: it is what the
    // driver's author wrote.
    let frames = &found.frames;
    let own = frames.iter().find(|frame| {
        let file = frame.file.as_deref().unwrap_or_default().replace('\\', "/");
        !file.is_empty()
            && !["core", "alloc"]
                .iter()
                .any(|name| file.contains(&format!("library/{name}/")))
    });
    let Some(frame) = own.or(frames.first()) else {
        return Ok(None);
    };
    let function = frame.function.as_deref().unwrap_or("a function");
    Ok(Some(match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{function} at {file}:{line} ({address:#x})"),
        _ => format!("{function} ({address:#x})"),
    }))
}

/// The start of the function that has an address.
pub fn function(image: &Image<'_>, address: u32) -> Result<u32> {
    for function in unwind::functions(image)? {
        if (function.start..function.end).contains(&address) {
            return Ok(
                unwind::frame_of_whole(image, &function).map_or(function.start, |(_, start)| start)
            );
        }
    }
    // One without a frame has no record.
    let named = debug::functions_by_address(image)?;
    let before = named.range(..=address).next_back();
    Ok(before.map_or(address, |(start, _)| *start))
}

/// The addresses of the direct calls and jumps to these functions from others than themselves.
pub fn callers(image: &Image<'_>, functions: &BTreeSet<u32>) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for section in image.code()? {
        for instruction in code::instructions(&section) {
            let is_near = instruction.op_count() > 0
                && instruction.op0_kind() == OpKind::NearBranch64
                && functions.contains(&(instruction.near_branch_target() as u32));
            let address = instruction.ip() as u32;
            if is_near && !functions.contains(&function(image, address)?) {
                found.push(address);
            }
        }
    }
    Ok(found)
}

/// The addresses of the calls and jumps through a pointer in the image, such as that of an import.
pub fn callers_through(image: &Image<'_>, pointer: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for section in image.code()? {
        let calls = code::instructions(&section).filter(|instruction| {
            let flow = instruction.flow_control();
            let through = matches!(
                flow,
                FlowControl::IndirectCall | FlowControl::IndirectBranch
            );
            through
                && instruction.is_ip_rel_memory_operand()
                && instruction.ip_rel_memory_address() == u64::from(pointer)
        });
        found.extend(calls.map(|instruction| instruction.ip() as u32));
    }
    Ok(found)
}
