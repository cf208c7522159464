//! The instructions of an image, and what they may not be.

use super::image::{Image, Section};
use super::places;
use anyhow::{Result, ensure};
use iced_x86::{Decoder, DecoderOptions, EncodingKind, Instruction, Register};

const BITS: u32 = 64;

/// Decodes a section from its start to its end; padding comes out as instructions too.
pub fn instructions<'a>(section: &Section<'a>) -> impl Iterator<Item = Instruction> + 'a {
    let address = section.address.into();
    Decoder::with_ip(BITS, section.bytes, address, DecoderOptions::NONE).into_iter()
}

/// Decodes code that lies at an address.
pub fn decode(bytes: &[u8], address: u32) -> impl Iterator<Item = Instruction> {
    Decoder::with_ip(BITS, bytes, address.into(), DecoderOptions::NONE).into_iter()
}

pub fn registers(image: &Image<'_>) -> Result<String> {
    let mut count = 0;
    for section in image.code()? {
        for instruction in instructions(&section) {
            let place = || places::place(image, instruction.ip() as u32);
            ensure!(
                matches!(instruction.encoding(), EncodingKind::Legacy),
                "an instruction of AVX or newer is in {}",
                place()
            );
            for operand in 0..instruction.op_count() {
                let register = instruction.op_register(operand);
                ensure!(
                    !is_unsaved(register),
                    "an instruction that uses {register:?} is in {}",
                    place()
                );
            }
            count += 1;
        }
    }
    Ok(format!("{count} instructions"))
}

/// Whether the kernel switches threads without saving the register for a driver.
fn is_unsaved(register: Register) -> bool {
    register.is_st() || register.is_mm() || register.is_ymm() || register.is_zmm()
}
