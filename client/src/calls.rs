//! The calls on the command line: the arguments of each, the request they make, and its reply as text and JSON.

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
    /// Queries the driver's version, limits and capabilities.
    Version,
    /// Queries the objects of this file object and of the device.
    Statistics,
    /// WdfMemoryCreate: memory with a buffer from a pool.
    Create {
        #[command(flatten)]
        new: New,
        /// The parent of the memory object.
        #[arg(long, default_value = "file", value_parser = one_of(Parent::ALL, Parent::name))]
        parent: Parent,
        /// Do not zero the buffer; the driver rejects reading it before it was written to.
        #[arg(long)]
        uninitialized: bool,
    },
    /// WdfMemoryCreatePreallocated: memory over the driver's buffer.
    Preallocated {
        #[command(flatten)]
        new: New,
        /// The parent of the memory object.
        #[arg(long, default_value = "file", value_parser = one_of(Parent::ALL, Parent::name))]
        parent: Parent,
    },
    /// WdfMemoryAssignBuffer: another buffer for such memory.
    ///
    /// The buffer is from the same pool as the first.
    Assign {
        /// The handle of the preallocated memory.
        handle: String,
        /// The size of the new buffer in bytes.
        #[arg(long, value_parser = number)]
        size: u64,
        #[command(flatten)]
        tag: TagArguments,
    },
    /// WdfLookasideListCreate: a lookaside list for memory objects.
    List {
        #[command(flatten)]
        new: New,
    },
    /// WdfMemoryCreateFromLookaside: memory from such a list.
    Take {
        /// The handle of the list.
        list: String,
    },
    /// WdfObjectDelete: deletes memory or a lookaside list.
    Delete {
        /// The handle of the memory object or list.
        handle: String,
    },
    /// ExInitializePagedLookasideList: an Ex lookaside list.
    ///
    /// With `--pool nonpaged`, the default, ExInitializeNPagedLookasideList.
    ExInitialize {
        #[command(flatten)]
        new: New,
        /// Use the functions that the kernel exports, if it does.
        #[arg(long)]
        exported: bool,
    },
    /// ExAllocateFromPagedLookasideList: an entry of an Ex list.
    ExAllocate {
        /// The handle of the list.
        list: String,
    },
    /// ExFreeToPagedLookasideList: frees an entry to its list.
    ExFree {
        /// The handle of the list that the entry was allocated from.
        list: String,
        /// The handle of the entry.
        entry: String,
    },
    /// ExDeletePagedLookasideList: deletes an Ex list.
    ExDelete {
        /// The handle of the list.
        list: String,
    },
    /// Writes bytes to memory.
    #[command(
        override_usage = "wdfmem write [OPTIONS] <HANDLE> <TEXT|--hex <HEX>|--pattern <LENGTH>>"
    )]
    Write {
        /// The handle of the memory.
        handle: String,
        #[command(flatten)]
        data: DataArguments,
        /// The offset of the first byte in the memory.
        #[arg(long, default_value_t = 0, value_parser = number)]
        offset: u64,
    },
    /// Reads bytes from memory.
    Read {
        #[command(flatten)]
        span: SpanArguments,
    },
    /// Sets bytes of memory to one value.
    Fill {
        #[command(flatten)]
        span: SpanArguments,
        /// The value of each byte.
        #[arg(long, default_value_t = 0, value_parser = byte)]
        byte: u8,
    },
    /// Copies bytes from one memory to another.
    Copy {
        /// The handle of the memory to copy from.
        source: String,
        /// The handle of the memory to copy to.
        target: String,
        /// The number of bytes; by default all of the source from its offset on.
        #[arg(long, value_parser = number)]
        length: Option<u64>,
        /// The offset in the source.
        #[arg(long, default_value_t = 0, value_parser = number)]
        source_offset: u64,
        /// The offset in the target.
        #[arg(long, default_value_t = 0, value_parser = number)]
        target_offset: u64,
    },
    /// Computes the CRC-32 of bytes of memory.
    Checksum {
        #[command(flatten)]
        span: SpanArguments,
        /// The IRQL at which the driver reads them.
        #[arg(long, default_value = "passive", value_parser = one_of(Level::ALL, Level::name))]
        level: Level,
    },
    /// Reverses or XORs bytes in memory whose parent is the request.
    Transform {
        #[command(flatten)]
        data: DataArguments,
        /// How to transform the bytes.
        #[arg(long, default_value = "reverse", value_parser = one_of(Operation::ALL, Operation::name))]
        operation: Operation,
        /// The byte that `xor` combines each byte with.
        #[arg(long, default_value_t = 0, value_parser = byte)]
        key: u8,
        #[command(flatten)]
        tag: TagArguments,
    },
    /// Writes bytes to memory by direct I/O.
    #[command(
        override_usage = "wdfmem bulk-write [OPTIONS] <HANDLE> <TEXT|--hex <HEX>|--pattern <LENGTH>>"
    )]
    BulkWrite {
        /// The handle of the memory.
        handle: String,
        #[command(flatten)]
        data: DataArguments,
        /// The offset of the first byte in the memory.
        #[arg(long, default_value_t = 0, value_parser = number)]
        offset: u64,
    },
    /// Reads bytes from memory by direct I/O.
    BulkRead {
        #[command(flatten)]
        span: SpanArguments,
    },
}

impl CallCommand {
    /// The request that these arguments describe, and its data.
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

/// The Windows calls for Ex lookaside lists of one pool.
#[derive(Clone, Copy, Debug)]
pub struct ExCalls {
    /// The call that initializes a list.
    pub initialize: &'static str,
    /// The call that allocates an entry.
    pub allocate: &'static str,
    /// The call that frees an entry to its list.
    pub free: &'static str,
    /// The call that deletes a list.
    pub delete: &'static str,
}

impl ExCalls {
    /// The calls for lists of this pool.
    pub const fn of(pool: PoolKind) -> Self {
        match pool {
            PoolKind::Paged => Self {
                initialize: "ExInitializePagedLookasideList",
                allocate: "ExAllocateFromPagedLookasideList",
                free: "ExFreeToPagedLookasideList",
                delete: "ExDeletePagedLookasideList",
            },
            PoolKind::NonPaged => Self {
                initialize: "ExInitializeNPagedLookasideList",
                allocate: "ExAllocateFromNPagedLookasideList",
                free: "ExFreeToNPagedLookasideList",
                delete: "ExDeleteNPagedLookasideList",
            },
        }
    }
}

/// The Windows call that a call is about. For Ex lookaside lists that depends on the pool of the list.
pub fn windows_call(call: &AnyCall, names: &Names) -> &'static str {
    let of_list = |list| names.pool(list).map(ExCalls::of);
    let named = match call {
        AnyCall::InitializeExList(call) => Some(ExCalls::of(call.pool).initialize),
        AnyCall::AllocateEntry(call) => of_list(call.list).map(|calls| calls.allocate),
        AnyCall::FreeEntry(call) => of_list(call.list).map(|calls| calls.free),
        AnyCall::DeleteExList(call) => of_list(call.list).map(|calls| calls.delete),
        _ => None,
    };
    named.unwrap_or(call.code().info().windows_call)
}

/// A reply as text and JSON.
trait Render: Sized {
    /// Whether a call with this reply creates an object, whose handle can be named.
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

        /// Whether a call creates an object, or assigns it a new buffer, if it succeeds.
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
            text: format!("{} bytes written", reply.information),
        })
    }
}

impl Render for Created {
    const MAKES_OBJECT: bool = true;

    fn render(reply: &Reply) -> Option<Rendered> {
        let created: Self = reply.parse()?;
        let (handle, size, traits) = (created.handle(), created.size, created.traits());
        let alignment = if traits.contains(Traits::PAGE_ALIGNED) {
            ", page-aligned"
        } else if traits.contains(Traits::ALIGNED) {
            ", aligned to 16 bytes"
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
                "interface version: {version}\n\
                 lookaside functions: the kernel {} them\n\
                 limit of an object: {object} bytes\n\
                 limit of a call: {transfer} bytes\n\
                 limit of a file object: {}\n\
                 limit of the device: {}",
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
        let row = |(kind, file, device): (&str, Count, Count)| {
            format!(
                "{kind:16} {:>4} {:>8}  {:>6} {:>8}\n",
                file.0, file.1, device.0, device.1
            )
        };
        let rows: String = kinds().chain([("total", file, device)]).map(row).collect();
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
                "{:16} {:>4} {:>8}  {:>6} {:>8}\n\
                 {rows}\
                 Ex lookaside lists: {hits} hits, {misses} misses",
                "objects", "file", "bytes", "device", "bytes"
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
    format!("{objects} objects, {bytes} bytes")
}
