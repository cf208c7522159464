//! The whole driver in the model: booting it, sending it calls, and checking what is left.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use kmdf_sys::GUID;
use kmdf_test::{File, Scenario, Test};
use wdfmem_ioctl::*;
use zerocopy::FromBytes;

pub use kmdf_test::UNTOUCHED;

/// A machine with the driver and its device.
pub fn scenario() -> Scenario {
    Scenario::new("wdfmem", wdfmem::fx_driver_entry)
}

/// Opens the device of the driver.
pub fn open(test: &Test) -> File {
    test.open(interface())
}

/// The driver's interface class.
pub fn interface() -> GUID {
    kmdf::Guid::from_u128(INTERFACE_GUID).get()
}

/// How a request ended, and its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status that it ended with.
    pub status: Status,
    /// The number of bytes transferred.
    pub information: usize,
    /// The output; none for a call whose second buffer is input.
    pub output: Vec<u8>,
}

impl Reply {
    /// A refusal, which transfers nothing.
    pub fn refused(status: Status) -> Self {
        Self {
            status,
            information: 0,
            output: Vec::new(),
        }
    }

    /// The success of a call with this output.
    pub fn done(output: Vec<u8>) -> Self {
        Self {
            status: Status::SUCCESS,
            information: output.len(),
            output,
        }
    }

    /// The success of a bulk write of so many bytes, which brings no output.
    pub fn taken(length: usize) -> Self {
        Self {
            status: Status::SUCCESS,
            information: length,
            output: Vec::new(),
        }
    }

    /// The reply's structure, of a call that succeeded.
    pub fn parse<T: FromBytes>(&self) -> T {
        assert_eq!(self.status, Status::SUCCESS);
        T::read_from_bytes(&self.output).expect("a reply of the right length")
    }
}

/// The second buffer of a call: its data, or room for its reply.
pub fn second_buffer(message: &Message<'_>) -> Vec<u8> {
    match message.info().data {
        Data::SecondBuffer => message.data.to_vec(),
        Data::None | Data::Follows => {
            vec![UNTOUCHED; usize::try_from(message.reply_length()).unwrap()]
        }
    }
}

/// Sends a call, with an output buffer that is longer than needed.
pub fn call<'a>(file: &File, it: impl Into<Message<'a>>) -> Reply {
    let message = it.into();
    let mut second = second_buffer(&message);
    if message.info().data != Data::SecondBuffer {
        second.resize(second.len() + 16, UNTOUCHED);
    }
    send(file, message.code().number(), &encode(message), &second)
}

/// Sends a call that must succeed.
pub fn succeed<'a>(file: &File, it: impl Into<Message<'a>>) -> Reply {
    let message = it.into();
    let reply = call(file, message);
    let expected = match message.info().data {
        Data::SecondBuffer => Reply::taken(message.data.len()),
        Data::None | Data::Follows => Reply::done(reply.output.clone()),
    };
    assert_eq!(reply, expected, "{message:?}");
    let length = message.reply_length();
    assert_eq!(reply.output.len() as u64, length, "{message:?}");
    reply
}

/// Sends a call that must be refused.
pub fn refuse<'a>(file: &File, it: impl Into<Message<'a>>, status: Status) {
    let message = it.into();
    assert_eq!(call(file, message), Reply::refused(status), "{message:?}");
}

/// Sends bytes, with `second` as the data of a method that has it as input, or as much room for output.
pub fn send(file: &File, code: u32, request: &[u8], second: &[u8]) -> Reply {
    let reply = if code & 3 == Method::InDirect as u32 {
        file.ioctl_in_direct(code, request, second)
    } else {
        file.ioctl(code, request, second.len())
    };
    Reply {
        status: Status::from_code(reply.status),
        information: reply.information,
        output: reply.output,
    }
}

/// The bytes of a request.
pub fn encode<'a>(it: impl Into<Message<'a>>) -> Vec<u8> {
    let message = it.into();
    let mut request = vec![0; message.encoded_length()];
    assert_eq!(message.encode(&mut request), Some(request.len()));
    request
}

/// The handle that a call makes.
pub fn make<'a>(file: &File, it: impl Into<Message<'a>>) -> Handle {
    succeed(file, it).parse::<Created>().handle()
}

/// Zeroed memory that is a child of the file object.
pub fn memory(pool: PoolKind, size: u64) -> Message<'static> {
    Message::from(CreateMemory {
        pool,
        parent: Parent::FileObject,
        content: Content::Zeroed,
        tag: Tag::DEFAULT,
        size,
    })
}

/// Preallocated memory that is a child of the file object.
pub fn preallocated(pool: PoolKind, size: u64) -> Message<'static> {
    Message::from(CreatePreallocated {
        pool,
        parent: Parent::FileObject,
        tag: Tag::DEFAULT,
        size,
    })
}

/// A WDF lookaside list.
pub fn list(pool: PoolKind, size: u64) -> Message<'static> {
    Message::from(CreateLookaside {
        pool,
        tag: Tag::DEFAULT,
        size,
    })
}

/// An Ex lookaside list.
pub fn ex_list(pool: PoolKind, size: u64) -> Message<'static> {
    Message::from(InitializeExList {
        pool,
        tag: Tag::DEFAULT,
        size,
        routines: Routines::Inline,
    })
}

/// Some bytes of an object.
pub fn span(handle: Handle, offset: u64, length: u64) -> Span {
    Span {
        handle,
        offset,
        length,
    }
}

/// The bytes of an object.
pub fn read(file: &File, handle: Handle, length: u64) -> Vec<u8> {
    succeed(file, span(handle, 0, length).read()).output
}

/// The reply to statistics.
pub fn statistics(file: &File) -> StatisticsReply {
    succeed(file, Statistics {}).parse()
}

/// A file object with one object of each kind.
pub struct World {
    /// 64 bytes of nonpaged memory.
    pub memory: Handle,
    /// 64 bytes of paged memory.
    pub paged: Handle,
    /// 64 bytes that were never written.
    pub uninitialized: Handle,
    /// 64 bytes of preallocated memory.
    pub preallocated: Handle,
    /// A WDF list of paged buffers.
    pub list: Handle,
    /// 64 bytes from it.
    pub taken: Handle,
    /// An Ex list of paged entries.
    pub ex_list: Handle,
    /// 64 bytes from it.
    pub entry: Handle,
    /// An Ex list that nothing was allocated from.
    pub other_ex_list: Handle,
}

/// The size of each buffer of a [`World`].
pub const SIZE: u64 = 64;

impl World {
    /// Makes one of each, and fills those that have a buffer.
    pub fn new(file: &File) -> Self {
        let raw = CreateMemory {
            pool: PoolKind::NonPaged,
            parent: Parent::Device,
            content: Content::Uninitialized,
            tag: Tag::DEFAULT,
            size: SIZE,
        };
        let list = make(file, list(PoolKind::Paged, SIZE));
        let ex = make(file, ex_list(PoolKind::Paged, SIZE));
        let world = Self {
            memory: make(file, memory(PoolKind::NonPaged, SIZE)),
            paged: make(file, memory(PoolKind::Paged, SIZE)),
            uninitialized: make(file, raw),
            preallocated: make(file, preallocated(PoolKind::NonPaged, SIZE)),
            list,
            taken: make(file, CreateFromLookaside { list }),
            ex_list: ex,
            entry: make(file, AllocateEntry { list: ex }),
            other_ex_list: make(file, ex_list(PoolKind::Paged, SIZE)),
        };
        for (byte, handle) in world.written().into_iter().zip(b'a'..).map(|(h, b)| (b, h)) {
            succeed(file, span(handle, 0, SIZE).fill(byte));
        }
        world
    }

    /// The objects with a buffer that was written to.
    pub fn written(&self) -> [Handle; 5] {
        [
            self.memory,
            self.paged,
            self.preallocated,
            self.taken,
            self.entry,
        ]
    }

    /// The handles of all objects.
    pub fn all(&self) -> [Handle; 9] {
        let [memory, paged, preallocated, taken, entry] = self.written();
        let lists = (self.list, self.ex_list, self.other_ex_list);
        [
            memory,
            paged,
            preallocated,
            taken,
            entry,
            self.uninitialized,
            lists.0,
            lists.1,
            lists.2,
        ]
    }

    /// Everything that a call may change: what is alive, and what it holds.
    pub fn state(&self, file: &File) -> (StatisticsReply, Vec<Vec<u8>>) {
        let bytes = self.written().map(|handle| read(file, handle, SIZE)).into();
        refuse(
            file,
            span(self.uninitialized, 0, 1).read(),
            Status::INVALID_DEVICE_STATE,
        );
        (statistics(file), bytes)
    }
}

/// A small repeatable generator of numbers.
pub struct Numbers(pub u64);

impl Numbers {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// An index into something of this length.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }
}
