//! The calls as a person meets them: the arguments of each, the call that they make, and its reply as text and JSON.

use clap::Subcommand;
use serde_json::{Value, json};
use wdfmem_ioctl::*;

use crate::{
    arguments::number,
    reply::{Rendered, dump, hexadecimal},
    script::Names,
    session::Reply,
    values::{DataArguments, New, SpanArguments, TagArguments, byte, one_of},
};

/// The arguments of each call, under the name that the contract gives it.
#[derive(Clone, Debug, Subcommand)]
pub enum CallCommand {
    /// Which version the driver is of, what it found and what it allows.
    Version,
    /// What is alive, for this file object and for the device.
    Statistics,
    /// WdfMemoryCreate: memory from a pool.
    Create {
        #[command(flatten)]
        new: New,
        /// What its object is a child of.
        #[arg(long, default_value = "file", value_parser = one_of(Parent::ALL, Parent::name))]
        parent: Parent,
        /// Leave it as the pool gives it; the driver refuses to read it before it was written to.
        #[arg(long)]
        uninitialized: bool,
    },
    /// WdfMemoryCreatePreallocated: a memory object over a buffer that the driver allocated.
    Preallocated {
        #[command(flatten)]
        new: New,
        /// What its object is a child of.
        #[arg(long, default_value = "file", value_parser = one_of(Parent::ALL, Parent::name))]
        parent: Parent,
    },
    /// WdfMemoryAssignBuffer: gives preallocated memory another buffer, from the same pool.
    Assign {
        /// The preallocated memory.
        handle: String,
        /// The buffer's size in bytes.
        #[arg(long, value_parser = number)]
        size: u64,
        #[command(flatten)]
        tag: TagArguments,
    },
    /// WdfLookasideListCreate: a list that memory objects can be taken from.
    List {
        #[command(flatten)]
        new: New,
    },
    /// WdfMemoryCreateFromLookaside: memory from such a list.
    Take {
        /// The list.
        list: String,
    },
    /// WdfObjectDelete: deletes memory or a list.
    Delete {
        /// The memory or list.
        handle: String,
    },
    /// ExInitializePagedLookasideList: an Ex list, or its nonpaged sibling.
    ExInitialize {
        #[command(flatten)]
        new: New,
        /// Use the kernel's exported functions if it has them.
        #[arg(long)]
        exported: bool,
    },
    /// ExAllocateFromPagedLookasideList: an entry of an Ex list.
    ExAllocate {
        /// The list.
        list: String,
    },
    /// ExFreeToPagedLookasideList: gives an entry back.
    ExFree {
        /// The list that it came from.
        list: String,
        /// The entry.
        entry: String,
    },
    /// ExDeletePagedLookasideList: deletes an Ex list.
    ExDelete {
        /// The list.
        list: String,
    },
    /// Puts bytes into memory.
    #[command(
        override_usage = "wdfmem write [OPTIONS] <HANDLE> <TEXT|--hex <HEX>|--pattern <LENGTH>>"
    )]
    Write {
        /// The memory.
        handle: String,
        #[command(flatten)]
        data: DataArguments,
        /// Where the first byte goes.
        #[arg(long, default_value_t = 0, value_parser = number)]
        offset: u64,
    },
    /// Takes bytes out of memory.
    Read {
        #[command(flatten)]
        span: SpanArguments,
    },
    /// Sets bytes of memory to one value.
    Fill {
        #[command(flatten)]
        span: SpanArguments,
        /// The value.
        #[arg(long, default_value_t = 0, value_parser = byte)]
        byte: u8,
    },
    /// Copies bytes from one memory to another.
    Copy {
        /// The memory to copy from.
        source: String,
        /// The memory to copy to.
        target: String,
        /// How many bytes; without it, all of the source's from its offset on.
        #[arg(long, value_parser = number)]
        length: Option<u64>,
        /// The first byte's place in the source.
        #[arg(long, default_value_t = 0, value_parser = number)]
        source_offset: u64,
        /// The first byte's place in the target.
        #[arg(long, default_value_t = 0, value_parser = number)]
        target_offset: u64,
    },
    /// The CRC-32 of bytes of memory.
    Checksum {
        #[command(flatten)]
        span: SpanArguments,
        /// The interrupt request level at which the driver reads them.
        #[arg(long, default_value = "passive", value_parser = one_of(Level::ALL, Level::name))]
        level: Level,
    },
    /// Changes bytes in memory that belongs to the request.
    Transform {
        #[command(flatten)]
        data: DataArguments,
        /// What to do with them.
        #[arg(long, default_value = "reverse", value_parser = one_of(Operation::ALL, Operation::name))]
        operation: Operation,
        /// What each byte is combined with by `xor`.
        #[arg(long, default_value_t = 0, value_parser = byte)]
        key: u8,
        #[command(flatten)]
        tag: TagArguments,
    },
    /// Puts bytes into memory by direct I/O.
    #[command(
        override_usage = "wdfmem bulk-write [OPTIONS] <HANDLE> <TEXT|--hex <HEX>|--pattern <LENGTH>>"
    )]
    BulkWrite {
        /// The memory.
        handle: String,
        #[command(flatten)]
        data: DataArguments,
        /// Where the first byte goes.
        #[arg(long, default_value_t = 0, value_parser = number)]
        offset: u64,
    },
    /// Takes bytes out of memory by direct I/O.
    BulkRead {
        #[command(flatten)]
        span: SpanArguments,
    },
}

impl CallCommand {
    /// The call that these arguments ask for, and its data.
    ///
    /// # Errors
    /// What is wrong with a handle's name.
    pub fn call(&self, names: &Names) -> Result<(AnyCall, Vec<u8>), String> {
        let mut bytes = Vec::new();
        let call = match self {
            Self::Version => QueryVersion {}.into(),
            Self::Statistics => Statistics {}.into(),
            Self::Create {
                new: New { size, pool, tag },
                parent,
                uninitialized,
            } => CreateMemory {
                pool: *pool,
                parent: *parent,
                content: if *uninitialized {
                    Content::Uninitialized
                } else {
                    Content::Zeroed
                },
                tag: tag.tag(),
                size: *size,
            }
            .into(),
            Self::Preallocated {
                new: New { size, pool, tag },
                parent,
            } => CreatePreallocated {
                pool: *pool,
                parent: *parent,
                tag: tag.tag(),
                size: *size,
            }
            .into(),
            Self::Assign { handle, size, tag } => AssignBuffer {
                handle: names.handle(handle)?,
                tag: tag.tag(),
                size: *size,
            }
            .into(),
            Self::List {
                new: New { size, pool, tag },
            } => CreateLookaside {
                pool: *pool,
                tag: tag.tag(),
                size: *size,
            }
            .into(),
            Self::Take { list } => CreateFromLookaside {
                list: names.handle(list)?,
            }
            .into(),
            Self::Delete { handle } => Delete {
                handle: names.handle(handle)?,
            }
            .into(),
            Self::ExInitialize {
                new: New { size, pool, tag },
                exported,
            } => InitializeExList {
                pool: *pool,
                tag: tag.tag(),
                size: *size,
                routines: if *exported {
                    Routines::Exported
                } else {
                    Routines::Inline
                },
            }
            .into(),
            Self::ExAllocate { list } => AllocateEntry {
                list: names.handle(list)?,
            }
            .into(),
            Self::ExFree { list, entry } => FreeEntry {
                list: names.handle(list)?,
                entry: names.handle(entry)?,
            }
            .into(),
            Self::ExDelete { list } => DeleteExList {
                list: names.handle(list)?,
            }
            .into(),
            Self::Write {
                handle,
                data,
                offset,
            } => {
                bytes = data.bytes();
                Write {
                    handle: names.handle(handle)?,
                    offset: *offset,
                }
                .into()
            }
            Self::Read { span } => names.span(span)?.read().call,
            Self::Fill { span, byte } => names.span(span)?.fill(*byte).call,
            Self::Copy {
                source,
                target,
                length,
                source_offset,
                target_offset,
            } => {
                let source = names.handle(source)?;
                CopyBytes {
                    source,
                    target: names.handle(target)?,
                    source_offset: *source_offset,
                    target_offset: *target_offset,
                    length: length.unwrap_or_else(|| names.rest(source, *source_offset)),
                }
                .into()
            }
            Self::Checksum { span, level } => names.span(span)?.checksum(*level).call,
            Self::Transform {
                data,
                operation,
                key,
                tag,
            } => {
                bytes = data.bytes();
                Transform {
                    operation: *operation,
                    tag: tag.tag(),
                    key: *key,
                }
                .into()
            }
            Self::BulkWrite {
                handle,
                data,
                offset,
            } => {
                bytes = data.bytes();
                BulkWrite {
                    handle: names.handle(handle)?,
                    offset: *offset,
                }
                .into()
            }
            Self::BulkRead { span } => names.span(span)?.bulk_read().call,
        };
        Ok((call, bytes))
    }
}

/// A reply as text and JSON.
trait Render: Sized {
    /// Whether a call with this reply makes an object, whose handle can have a name.
    const MAKES_OBJECT: bool = false;

    /// `None` if the driver's output is not such a reply.
    fn render(reply: &Reply) -> Option<Rendered>;
}

macro_rules! of_each_call {
    ($($call:ident)*) => {
        /// The reply to a call as text and JSON.
        pub fn render(code: Code, reply: &Reply) -> Rendered {
            if !reply.status.is_success() && reply.output.is_empty() {
                return Rendered::default();
            }
            let rendered = match code {
                $(Code::$call => <<wdfmem_ioctl::$call as Call>::Reply as Render>::render(reply),)*
            };
            rendered.unwrap_or_else(|| Rendered::unexpected(&reply.output))
        }

        /// Whether a call makes an object, or gives it a new buffer, if it succeeds.
        pub const fn makes_object(code: Code) -> bool {
            match code {
                $(Code::$call => <<wdfmem_ioctl::$call as Call>::Reply as Render>::MAKES_OBJECT,)*
            }
        }
    };
}
wdfmem_ioctl::for_each_call!(of_each_call);

impl Render for () {
    fn render(reply: &Reply) -> Option<Rendered> {
        reply.output.is_empty().then(Rendered::default)
    }
}

impl Render for Bytes {
    fn render(reply: &Reply) -> Option<Rendered> {
        Some(Rendered {
            json: json!({ "bytes": hexadecimal(&reply.output) }),
            text: dump(&reply.output),
        })
    }
}

impl Render for Taken {
    fn render(reply: &Reply) -> Option<Rendered> {
        Some(Rendered {
            json: json!({ "taken": reply.information }),
            text: format!("{} bytes taken", reply.information),
        })
    }
}

impl Render for Created {
    const MAKES_OBJECT: bool = true;

    fn render(reply: &Reply) -> Option<Rendered> {
        let created: Self = reply.parse()?;
        let (handle, size, traits) = (created.handle(), created.size, created.traits());
        let alignment = if traits.contains(Traits::PAGE_ALIGNED) {
            ", at the beginning of a page"
        } else if traits.contains(Traits::ALIGNED) {
            ", at a multiple of 16"
        } else {
            ""
        };
        Some(Rendered {
            json: json!({
                "handle": handle.number(),
                "size": size.get(),
                "aligned": traits.contains(Traits::ALIGNED),
                "page_aligned": traits.contains(Traits::PAGE_ALIGNED),
            }),
            text: format!("handle {:#x}, {size} bytes{alignment}", handle.number()),
        })
    }
}

impl Render for Checksummed {
    fn render(reply: &Reply) -> Option<Rendered> {
        let checksum = reply.parse::<Self>()?.checksum.get();
        Some(Rendered {
            json: json!({ "checksum": checksum }),
            text: format!("CRC-32 {checksum:08x}"),
        })
    }
}

impl Render for VersionReply {
    fn render(reply: &Reply) -> Option<Rendered> {
        let reply: Self = reply.parse()?;
        let version = reply.version.get();
        let version = format!("{}.{}", version >> 16, version & 0xFFFF);
        let exports = reply
            .capabilities()
            .contains(Capabilities::LOOKASIDE_EXPORTS);
        let (object, transfer) = (reply.max_object_bytes, reply.max_transfer_bytes);
        let file = (reply.file_objects.get().into(), reply.file_bytes.get());
        let device = (reply.device_objects.get().into(), reply.device_bytes.get());
        Some(Rendered {
            json: json!({
                "version": version,
                "lookaside_exports": exports,
                "max_object_bytes": object.get(),
                "max_transfer_bytes": transfer.get(),
                "file": count_json(file),
                "device": count_json(device),
            }),
            text: format!(
                "version {version}; the kernel {} the lookaside calls\n\
                 an object may have {object} bytes, a call may carry {transfer}\n\
                 a file object may have {}, the device {}",
                if exports {
                    "exports"
                } else {
                    "does not export"
                },
                count_text(file),
                count_text(device)
            ),
        })
    }
}

impl Render for StatisticsReply {
    fn render(reply: &Reply) -> Option<Rendered> {
        let reply: Self = reply.parse()?;
        let (file, device) = (count(reply.file_charged), count(reply.device_charged));
        let (hits, misses) = (reply.list_hits, reply.list_misses);
        let kinds = || {
            let counts = reply.file.iter().zip(&reply.device);
            let kinds = ObjectKind::ALL.iter().zip(counts);
            kinds.map(|(kind, (file, device))| (kind.name(), count(*file), count(*device)))
        };
        let each: String = kinds()
            .map(|(kind, file, device)| {
                let (file, device) = (count_text(file), count_text(device));
                format!("{kind:<17} here {file}, on the device {device}\n")
            })
            .collect();
        Some(Rendered {
            json: json!({
                "kinds": kinds()
                    .map(|(kind, file, device)| json!({
                        "kind": kind,
                        "file": count_json(file),
                        "device": count_json(device),
                    }))
                    .collect::<Vec<_>>(),
                "file_charged": count_json(file),
                "device_charged": count_json(device),
                "list_hits": hits.get(),
                "list_misses": misses.get(),
            }),
            text: format!(
                "{each}counted against quotas: here {}, on the device {}\n\
                 Ex lists: {hits} hits, {misses} misses",
                count_text(file),
                count_text(device)
            ),
        })
    }
}

/// Objects and their bytes.
type Count = (u64, u64);

const fn count(usage: Usage) -> Count {
    (usage.objects.get(), usage.bytes.get())
}

fn count_json((objects, bytes): Count) -> Value {
    json!({ "objects": objects, "bytes": bytes })
}

fn count_text((objects, bytes): Count) -> String {
    format!("{objects} objects with {bytes} bytes")
}
