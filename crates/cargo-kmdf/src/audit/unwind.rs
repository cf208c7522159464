//! Checks of the unwind records: complete, in order, and of small frames.

use super::image::{Image, Section, half_at, number_at};
use super::{code, debug, places};
use anyhow::{Context, Result, bail, ensure};
use iced_x86::{FlowControl, Instruction, OpKind, Register};
use object::pe::{IMAGE_DIRECTORY_ENTRY_EXCEPTION, IMAGE_SCN_MEM_WRITE};

/// Bytes of one entry of .pdata: start, end, and the address of the unwind information.
const ENTRY_SIZE: usize = 12;
/// From this size on, compilers call `__chkstk` to touch each page.
const LARGE_FRAME: u32 = 4096;
/// Flag of unwind information that goes on in another function's.
const CHAINED: u8 = 4;

/// A function as .pdata has it.
pub struct Function {
    pub start: u32,
    pub end: u32,
    information: u32,
}

pub fn complete(image: &Image<'_>) -> Result<String> {
    let functions = functions(image)?;
    ensure!(!functions.is_empty(), "there is no .pdata");
    let code = image.code()?;
    let mut last = 0;
    for function in &functions {
        let Function { start, end, .. } = *function;
        ensure!(
            start >= last && start < end,
            "the records at {start:#x} are not in order"
        );
        last = end;
        ensure!(
            code.iter()
                .any(|section| section.contains(start) && end <= section.end()),
            "the record of {start:#x} to {end:#x} is of no code"
        );
        frame(image, function)
            .with_context(|| format!("the unwind information of {start:#x} cannot be read"))?;
    }
    for section in &code {
        uncovered(image, section, &functions)?;
    }
    Ok(format!("{} functions", functions.len()))
}

pub fn frames(image: &Image<'_>) -> Result<String> {
    const PROBE: &str = "__chkstk";
    let imports = crate::pe::imports(&image.file)?;
    if let Some(import) = imports.iter().find(|import| import.name == PROBE) {
        let callers = places::callers_through(image, import.pointer)?;
        let callers = places::places(image, ": ", &callers);
        bail!("{PROBE} is imported: a function has a frame of a page or more{callers}");
    }
    if debug::symbols(image)?.iter().any(|symbol| symbol == PROBE) {
        let names = debug::functions_by_address(image)?;
        let probes = names.into_iter().filter(|(_, name)| name == PROBE);
        let callers = places::callers(image, &probes.map(|(start, _)| start).collect())?;
        let callers = places::places(image, ": ", &callers);
        bail!("{PROBE} is linked in: a function has a frame of a page or more{callers}");
    }
    let functions = functions(image)?;
    // What is wrong with a record that cannot be read is for the check of all records to say.
    let frames = functions
        .iter()
        .filter_map(|function| Some((frame(image, function).ok()?, function.start)));
    let (size, start) = frames.max().unwrap_or_default();
    let place = places::place(image, start);
    ensure!(
        size < LARGE_FRAME,
        "{place} has a frame of {size} bytes, and {LARGE_FRAME} are too many"
    );
    Ok(format!("the largest frame has {size} bytes: {place}"))
}

pub fn functions(image: &Image<'_>) -> Result<Vec<Function>> {
    let directory = image.directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION)?;
    let (_, bytes) = directory.unwrap_or_default();
    ensure!(
        bytes.len().is_multiple_of(ENTRY_SIZE),
        ".pdata is cut off in a record"
    );
    bytes
        .chunks(ENTRY_SIZE)
        .map(|entry| {
            Ok(Function {
                start: number_at(entry, 0)?,
                end: number_at(entry, 4)?,
                information: number_at(entry, 8)?,
            })
        })
        .collect()
}

/// Bytes that a function takes of the stack, by its unwind information.
fn frame(image: &Image<'_>, function: &Function) -> Result<u32> {
    frame_of_whole(image, function).map(|(size, _)| size)
}

/// The same, and the start of the function that it is a part of, which is itself for most.
pub fn frame_of_whole(image: &Image<'_>, function: &Function) -> Result<(u32, u32)> {
    let mut size = 0;
    let mut address = function.information;
    let mut start = function.start;
    // A chain ends in the record of the function's first part, a few links on.
    for _ in 0..8 {
        let writable = image
            .sections()?
            .iter()
            .any(|section| section.contains(address) && section.has(IMAGE_SCN_MEM_WRITE));
        ensure!(!writable, "it lies in writable memory");
        let bytes = image.at(address)?;
        let [first, _, count, _] = *bytes.first_chunk().context("cut off")?;
        let (version, flags) = (first & 7, first >> 3);
        ensure!(
            matches!(version, 1 | 2),
            "it is of version {version}, and there are only 1 and 2"
        );
        let codes = bytes
            .get(4..4 + 2 * usize::from(count))
            .context("cut off")?;
        size += allocated(codes)?;
        if flags & CHAINED == 0 {
            return Ok((size, start));
        }
        let next = 4 + 2 * usize::from(count).next_multiple_of(2);
        start = number_at(bytes, next)?;
        address = number_at(bytes, next + 8)?;
    }
    bail!("it is chained to itself")
}

/// Bytes of stack that the unwind codes describe.
fn allocated(codes: &[u8]) -> Result<u32> {
    const PUSH_REGISTER: u8 = 0;
    const ALLOCATE_LARGE: u8 = 1;
    const ALLOCATE_SMALL: u8 = 2;
    const PUSH_MACHINE_FRAME: u8 = 10;
    let mut size = 0;
    let mut index = 0;
    while index < codes.len() {
        let operation = codes.get(index + 1).context("cut off")?;
        let (operation, information) = (operation & 15, operation >> 4);
        let slots = match (operation, information) {
            (PUSH_REGISTER, _) => {
                size += 8;
                1
            }
            (ALLOCATE_LARGE, 0) => {
                size += 8 * u32::from(half_at(codes, index + 2)?);
                2
            }
            (ALLOCATE_LARGE, _) => {
                size += number_at(codes, index + 2)?;
                3
            }
            (ALLOCATE_SMALL, _) => {
                size += 8 + 8 * u32::from(information);
                1
            }
            (PUSH_MACHINE_FRAME, _) => {
                size += 40;
                1
            }
            // Frame register, epilogue.
            (3 | 6, _) => 1,
            // A register saved near, or far.
            (4 | 8, _) => 2,
            (5 | 9, _) => 3,
            _ => bail!("it has an unwind code {operation}, which there is not"),
        };
        index += 2 * slots;
    }
    Ok(size)
}

/// Fails if code between the recorded functions moves the stack pointer: only a function that
/// does not may be without a record.
fn uncovered(image: &Image<'_>, section: &Section<'_>, functions: &[Function]) -> Result<()> {
    let mut start = section.address;
    let inside = functions
        .iter()
        .filter(|function| section.contains(function.start));
    let ends = inside
        .map(|function| (function.start, function.end))
        .chain([(section.address + section.bytes.len() as u32, section.end())]);
    for (end, next) in ends {
        let from = (start - section.address) as usize;
        let to = end.saturating_sub(section.address) as usize;
        let gap = section.bytes.get(from..to).unwrap_or_default();
        let moved = code::decode(gap, start).find(moves_stack_pointer);
        ensure!(
            moved.is_none(),
            "the code at {} moves the stack pointer and has no record",
            places::place(image, moved.unwrap_or_default().ip() as u32)
        );
        start = next;
    }
    Ok(())
}

fn moves_stack_pointer(instruction: &Instruction) -> bool {
    match instruction.flow_control() {
        FlowControl::Call | FlowControl::IndirectCall => true,
        // The return of a function without a frame.
        FlowControl::Return => false,
        _ => {
            let written = instruction.op_count() > 0
                && instruction.op0_kind() == OpKind::Register
                && instruction.op0_register() == Register::RSP;
            written || instruction.stack_pointer_increment() != 0
        }
    }
}
