//! What a call brought back, for people and for programs.

use std::fmt;

use serde::{Serialize, Serializer};
use wdfmem_ioctl::{Call, Capabilities, Kind, Traits, wire};

use crate::session::Reply;

/// What a call brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Nothing.
    Nothing,
    /// What the driver is.
    Version {
        /// Its version of the interface.
        version: String,
        /// Whether the kernel exports the lookaside calls.
        lookaside_exports: bool,
        /// How many bytes an object may have.
        max_object_bytes: u64,
        /// How many bytes a call may carry.
        max_transfer_bytes: u64,
        /// The quota of a file object.
        file: Count,
        /// The quota of the device.
        device: Count,
    },
    /// A new object, or a new buffer of one.
    Created {
        /// Its handle.
        handle: u32,
        /// The size of its buffer.
        size: u64,
        /// Whether that lies at a multiple of `MEMORY_ALLOCATION_ALIGNMENT`.
        aligned: bool,
        /// Whether it begins a page.
        page_aligned: bool,
    },
    /// Bytes.
    Bytes {
        /// They.
        #[serde(serialize_with = "hexadecimal")]
        bytes: Vec<u8>,
    },
    /// How many bytes the driver took from the second buffer.
    Taken {
        /// The number of bytes transferred.
        taken: usize,
    },
    /// A checksum.
    Checksum {
        /// It.
        checksum: u32,
    },
    /// What is alive.
    Statistics {
        /// By kind.
        kinds: Vec<KindCount>,
        /// What counts against the file object's quota.
        file_charged: Count,
        /// What counts against the device's quota.
        device_charged: Count,
        /// Entries that Ex lists had at hand.
        list_hits: u64,
        /// Entries that they had to get from the pool.
        list_misses: u64,
    },
    /// Something that is no answer to this call.
    Strange {
        /// Its bytes.
        #[serde(serialize_with = "hexadecimal")]
        strange: Vec<u8>,
    },
}

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How much of one kind is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: &'static str,
    /// The file object's.
    pub file: Count,
    /// The device's.
    pub device: Count,
}

impl From<wire::Usage> for Count {
    fn from(usage: wire::Usage) -> Self {
        Self {
            objects: usage.objects.get(),
            bytes: usage.bytes.get(),
        }
    }
}

fn hexadecimal<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hexadecimal(bytes))
}

struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What a reply to a call says.
pub fn answer_of(call: &Call<'_>, reply: &Reply) -> Answer {
    if !reply.status.is_success() && reply.output.is_empty() {
        return Answer::Nothing;
    }
    let answer = match call {
        Call::QueryVersion => reply.answer::<wire::VersionAnswer>().map(version),
        Call::Statistics => reply
            .answer::<wire::StatisticsAnswer>()
            .map(|answer| statistics(&answer)),
        Call::CreateMemory(_)
        | Call::CreatePreallocated(_)
        | Call::AssignBuffer { .. }
        | Call::CreateLookaside(_)
        | Call::CreateFromLookaside { .. }
        | Call::InitializeExList(_)
        | Call::AllocateEntry { .. } => reply.created().map(created),
        Call::Checksum { .. } => {
            reply
                .answer::<wire::ChecksumAnswer>()
                .map(|answer| Answer::Checksum {
                    checksum: answer.checksum.get(),
                })
        }
        Call::Read(_) | Call::BulkRead(_) | Call::Transform(_) => Some(Answer::Bytes {
            bytes: reply.output.clone(),
        }),
        Call::Delete { .. }
        | Call::FreeEntry { .. }
        | Call::DeleteExList { .. }
        | Call::Write { .. }
        | Call::Fill { .. }
        | Call::Copy(_) => reply.output.is_empty().then_some(Answer::Nothing),
        Call::BulkWrite { .. } => Some(Answer::Taken {
            taken: reply.information,
        }),
    };
    answer.unwrap_or_else(|| Answer::Strange {
        strange: reply.output.clone(),
    })
}

fn version(answer: wire::VersionAnswer) -> Answer {
    let version = answer.version.get();
    let capabilities = Capabilities::from_number(answer.capabilities.get());
    Answer::Version {
        version: format!("{}.{}", version >> 16, version & 0xFFFF),
        lookaside_exports: capabilities.has(Capabilities::LOOKASIDE_EXPORTS),
        max_object_bytes: answer.max_object_bytes.get(),
        max_transfer_bytes: answer.max_transfer_bytes.get(),
        file: Count {
            objects: answer.file_objects.get().into(),
            bytes: answer.file_bytes.get(),
        },
        device: Count {
            objects: answer.device_objects.get().into(),
            bytes: answer.device_bytes.get(),
        },
    }
}

fn created(answer: wire::CreatedAnswer) -> Answer {
    let traits = Traits::from_number(answer.traits.get());
    Answer::Created {
        handle: answer.handle.get(),
        size: answer.size.get(),
        aligned: traits.has(Traits::ALIGNED),
        page_aligned: traits.has(Traits::PAGE_ALIGNED),
    }
}

fn statistics(answer: &wire::StatisticsAnswer) -> Answer {
    let kinds = Kind::ALL
        .iter()
        .zip(answer.file.iter().zip(&answer.device))
        .map(|(kind, (file, device))| KindCount {
            kind: kind.name(),
            file: (*file).into(),
            device: (*device).into(),
        })
        .collect();
    Answer::Statistics {
        kinds,
        file_charged: answer.file_charged.into(),
        device_charged: answer.device_charged.into(),
        list_hits: answer.list_hits.get(),
        list_misses: answer.list_misses.get(),
    }
}

impl Answer {
    /// Whether there is nothing to show.
    pub const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Version {
                version,
                lookaside_exports,
                max_object_bytes,
                max_transfer_bytes,
                file,
                device,
            } => {
                let how = if *lookaside_exports {
                    "exports"
                } else {
                    "does not export"
                };
                writeln!(
                    formatter,
                    "version {version}; the kernel {how} the lookaside calls"
                )?;
                writeln!(
                    formatter,
                    "an object may have {max_object_bytes} bytes, a call may carry {max_transfer_bytes}"
                )?;
                write!(
                    formatter,
                    "a file object may have {file}, the device {device}"
                )
            }
            Self::Created {
                handle,
                size,
                aligned,
                page_aligned,
            } => {
                write!(formatter, "handle {handle:#x}, {size} bytes")?;
                match (page_aligned, aligned) {
                    (true, _) => write!(formatter, ", at the beginning of a page"),
                    (false, true) => write!(formatter, ", at a multiple of 16"),
                    (false, false) => Ok(()),
                }
            }
            Self::Bytes { bytes } => dump(formatter, bytes),
            Self::Taken { taken } => write!(formatter, "{taken} bytes taken"),
            Self::Checksum { checksum } => write!(formatter, "CRC-32 {checksum:08x}"),
            Self::Statistics {
                kinds,
                file_charged,
                device_charged,
                list_hits,
                list_misses,
            } => {
                for KindCount { kind, file, device } in kinds {
                    writeln!(formatter, "{kind:<17} here {file}, on the device {device}")?;
                }
                writeln!(
                    formatter,
                    "counted against quotas: here {file_charged}, on the device {device_charged}"
                )?;
                write!(
                    formatter,
                    "Ex lists: {list_hits} hits, {list_misses} misses"
                )
            }
            Self::Strange { strange } => {
                write!(
                    formatter,
                    "an answer that is none: {}",
                    Hexadecimal(strange)
                )
            }
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} objects with {} bytes",
            self.objects, self.bytes
        )
    }
}

/// How many bytes a person is shown.
const SHOWN: usize = 256;

fn dump(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for (row, chunk) in bytes.chunks(16).take(SHOWN / 16).enumerate() {
        if row > 0 {
            writeln!(formatter)?;
        }
        let text: String = chunk
            .iter()
            .map(|byte| {
                if byte.is_ascii_graphic() || *byte == b' ' {
                    char::from(*byte)
                } else {
                    '.'
                }
            })
            .collect();
        let digits: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        write!(
            formatter,
            "{:06x}  {:<47}  {text}",
            row * 16,
            digits.join(" ")
        )?;
    }
    if bytes.len() > SHOWN {
        write!(formatter, "\n… and {} more", bytes.len() - SHOWN)?;
    }
    Ok(())
}
