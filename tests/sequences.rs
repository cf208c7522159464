//! Random sequences of calls through several file objects, against a model of the handle tables.
//!
//! Each call must end with the documented status and bytes, the statistics must be those of the
//! model, no check may fire, and nothing may be left. `PROPTEST_CASES` sets the number of sequences.

#![cfg(not(wdk))]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use kmdf_test::{Config, File, Verifier};
use proptest::prelude::*;
use wdfmem_ioctl::*;

/// Which handle a step uses.
#[derive(Clone, Copy, Debug)]
enum Pick {
    /// One of the file object's.
    Own(u8),
    /// One of the file object's lists.
    List(u8),
    /// One of what the file object has taken from lists.
    Taken(u8),
    /// The list that this was taken from.
    OriginOfTaken(u8),
    /// Any that was ever given, to whichever file object; or none.
    Any(u8),
}

#[derive(Clone, Debug)]
enum Step {
    Open,
    Close(u8),
    Do(u8, Action),
}

#[derive(Clone, Debug)]
enum Action {
    Memory(PoolKind, Parent, Content, u64),
    Preallocated(PoolKind, Parent, u64),
    Assign(Pick, u64),
    List(PoolKind, u64),
    ExList(PoolKind, Routines, u64),
    TakeMemory(Pick),
    TakeEntry(Pick),
    Delete(Pick),
    DeleteExList(Pick),
    FreeEntry(Pick, Pick),
    Write(Pick, u64, Vec<u8>, bool),
    Read(Pick, u64, u64, bool),
    Fill(Pick, u64, u64, u8),
    Copy(Pick, u64, Pick, u64, u64),
    Checksum(Pick, u64, u64, Level),
    Statistics,
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![8 => any::<u8>().prop_map(Pick::Own), 1 => any::<u8>().prop_map(Pick::Any)]
}

fn list() -> impl Strategy<Value = Pick> {
    prop_oneof![4 => any::<u8>().prop_map(Pick::List), 1 => pick()]
}

fn taken() -> impl Strategy<Value = Pick> {
    prop_oneof![4 => any::<u8>().prop_map(Pick::Taken), 1 => pick()]
}

/// An entry to be freed, and the list to free it to.
fn entry() -> impl Strategy<Value = (Pick, Pick)> {
    prop_oneof![
        4 => any::<u8>().prop_map(|pick| (Pick::OriginOfTaken(pick), Pick::Taken(pick))),
        1 => (list(), taken()),
    ]
}

fn pool() -> impl Strategy<Value = PoolKind> {
    prop::sample::select(PoolKind::ALL.to_vec())
}

fn parent() -> impl Strategy<Value = Parent> {
    prop::sample::select(vec![Parent::FileObject, Parent::Device, Parent::Driver])
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0_u64),
        8 => 1..70_u64,
        3 => 4080..4112_u64,
        1 => prop::sample::select(vec![8192_u64, 1 << 20]),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let at = || prop_oneof![8 => 0..72_u64, 1 => 4000..4200_u64];
    let content = prop::sample::select(vec![Content::Zeroed, Content::Uninitialized]);
    let routines = prop::sample::select(vec![Routines::Inline, Routines::Exported]);
    let level = prop::sample::select(vec![Level::Passive, Level::Dispatch]);
    let data = prop::collection::vec(any::<u8>(), 1..40);
    let flag = any::<bool>;
    prop_oneof![
        4 => (pool(), parent(), content, size()).prop_map(|(a, b, c, d)| Action::Memory(a, b, c, d)),
        2 => (pool(), parent(), size()).prop_map(|(a, b, c)| Action::Preallocated(a, b, c)),
        2 => (pick(), 1..5000_u64).prop_map(|(a, b)| Action::Assign(a, b)),
        2 => (pool(), size()).prop_map(|(a, b)| Action::List(a, b)),
        2 => (pool(), routines, size()).prop_map(|(a, b, c)| Action::ExList(a, b, c)),
        5 => list().prop_map(Action::TakeMemory),
        5 => list().prop_map(Action::TakeEntry),
        1 => pick().prop_map(Action::Delete),
        2 => taken().prop_map(Action::Delete),
        1 => list().prop_map(Action::DeleteExList),
        4 => entry().prop_map(|(a, b)| Action::FreeEntry(a, b)),
        4 => (pick(), at(), data, flag()).prop_map(|(a, b, c, d)| Action::Write(a, b, c, d)),
        4 => (pick(), at(), 1..60_u64, flag()).prop_map(|(a, b, c, d)| Action::Read(a, b, c, d)),
        2 => (pick(), at(), 1..60_u64, any::<u8>()).prop_map(|(a, b, c, d)| Action::Fill(a, b, c, d)),
        3 => (pick(), at(), pick(), at(), 1..60_u64)
            .prop_map(|(a, b, c, d, e)| Action::Copy(a, b, c, d, e)),
        2 => (pick(), at(), 1..60_u64, level).prop_map(|(a, b, c, d)| Action::Checksum(a, b, c, d)),
        1 => Just(Action::Statistics),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => Just(Step::Open),
        1 => any::<u8>().prop_map(Step::Close),
        40 => (any::<u8>(), action()).prop_map(|(file, action)| Step::Do(file, action)),
    ];
    prop::collection::vec(step, 1..200)
}

/// What the model knows of an object.
#[derive(Clone)]
struct Object {
    kind: ObjectKind,
    pool: PoolKind,
    length: u64,
    /// Its bytes, once there are any to be read.
    bytes: Option<Vec<u8>>,
    origin: Option<Handle>,
    /// Of a list: the size of what is taken, how many are out, and the most that ever were.
    entry: u64,
    out: u64,
    peak: u64,
}

impl Object {
    fn new(kind: ObjectKind, pool: PoolKind, length: u64) -> Self {
        Self {
            kind,
            pool,
            length,
            bytes: Some(vec![0; usize::try_from(length).unwrap()]),
            origin: None,
            entry: 0,
            out: 0,
            peak: 0,
        }
    }

    fn list(kind: ObjectKind, pool: PoolKind, entry: u64) -> Self {
        Self {
            entry,
            bytes: None,
            ..Self::new(kind, pool, 0)
        }
    }

    const fn is_list(&self) -> bool {
        matches!(
            self.kind,
            ObjectKind::Lookaside | ObjectKind::PagedList | ObjectKind::NonPagedList
        )
    }

    const fn is_ex_list(&self) -> bool {
        matches!(self.kind, ObjectKind::PagedList | ObjectKind::NonPagedList)
    }

    const fn charge(&self) -> u64 {
        match self.kind {
            ObjectKind::Memory | ObjectKind::Preallocated => self.length,
            ObjectKind::LookasideMemory | ObjectKind::Entry => 0,
            ObjectKind::Lookaside | ObjectKind::PagedList | ObjectKind::NonPagedList => {
                self.entry * self.peak
            }
        }
    }

    /// The range of some bytes, or `outside` if they do not lie in the buffer.
    fn range(
        &self,
        offset: u64,
        length: u64,
        outside: Status,
    ) -> Result<std::ops::Range<usize>, Status> {
        if self.is_list() {
            return Err(Status::OBJECT_TYPE_MISMATCH);
        }
        if offset + length > self.length {
            return Err(outside);
        }
        Ok(usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap())
    }

    fn readable(&self, offset: u64, length: u64) -> Result<Vec<u8>, Status> {
        let range = self.range(offset, length, Status::BUFFER_TOO_SMALL)?;
        let bytes = self.bytes.as_ref().ok_or(Status::INVALID_DEVICE_STATE)?;
        Ok(bytes[range].to_vec())
    }

    fn put(&mut self, offset: u64, data: &[u8]) -> Result<(), Status> {
        let range = self.range(offset, data.len() as u64, Status::INVALID_BUFFER_SIZE)?;
        let length = usize::try_from(self.length).unwrap();
        self.bytes.get_or_insert_with(|| vec![0; length])[range].copy_from_slice(data);
        Ok(())
    }
}

/// An open handle of the device and its table.
struct Opened {
    file: File,
    objects: BTreeMap<u32, Object>,
}

impl Opened {
    fn get(&mut self, handle: Handle) -> Result<&mut Object, Status> {
        self.objects
            .get_mut(&handle.number())
            .ok_or(Status::INVALID_HANDLE)
    }

    fn charged(&self) -> (u64, u64) {
        let bytes = self.objects.values().map(Object::charge).sum();
        (self.objects.len() as u64, bytes)
    }
}

/// All file objects, and every handle that was ever given.
#[derive(Default)]
struct Model {
    files: Vec<Opened>,
    given: BTreeSet<u32>,
}

impl Model {
    fn handle(&self, at: usize, pick: Pick) -> Handle {
        let choice = |from: Vec<u32>, pick: u8| {
            let at = usize::from(pick) % from.len().max(1);
            Handle::from_number(from.get(at).copied().unwrap_or(0))
        };
        let own = |wanted: fn(&Object) -> bool| {
            let objects = self.files[at].objects.iter();
            let fitting = objects.filter(|(_, object)| wanted(object));
            fitting.map(|(&handle, _)| handle).collect()
        };
        let is_taken = |object: &Object| object.origin.is_some();
        match pick {
            Pick::Own(pick) => choice(own(|_| true), pick),
            Pick::List(pick) => choice(own(Object::is_list), pick),
            Pick::Taken(pick) => choice(own(is_taken), pick),
            Pick::OriginOfTaken(pick) => {
                let taken = choice(own(is_taken), pick).number();
                let object = self.files[at].objects.get(&taken);
                object
                    .and_then(|object| object.origin)
                    .unwrap_or(Handle::NONE)
            }
            Pick::Any(pick) => choice(self.given.iter().copied().collect(), pick),
        }
    }

    /// Whether a file object may have so much more.
    fn afford(&self, at: usize, objects: u64, bytes: u64) -> Result<(), Status> {
        let fits = |(has, size): (u64, u64), most: u32, most_bytes: u64| {
            has + objects <= u64::from(most) && size + bytes <= most_bytes
        };
        let device = self.device();
        if fits(self.files[at].charged(), FILE_OBJECTS, FILE_BYTES)
            && fits(device, DEVICE_OBJECTS, DEVICE_BYTES)
        {
            Ok(())
        } else {
            Err(Status::QUOTA_EXCEEDED)
        }
    }

    fn device(&self) -> (u64, u64) {
        let each = self.files.iter().map(Opened::charged);
        each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Sends a call that makes an object, and compares.
    fn create(
        &mut self,
        at: usize,
        it: impl Into<Message<'static>>,
        expected: Result<Object, Status>,
    ) {
        let it = it.into();
        let reply = call(&self.files[at].file, it);
        match expected {
            Err(status) => assert_eq!(reply, Reply::refused(status), "{it:?}"),
            Ok(object) => {
                let created: Created = reply.parse();
                let size = if object.is_list() {
                    object.entry
                } else {
                    object.length
                };
                assert_eq!(created.size.get(), size, "{it:?}");
                let handle = created.handle.get();
                assert!(self.given.insert(handle), "{handle:#x} was given before");
                self.files[at].objects.insert(handle, object);
            }
        }
    }

    /// Sends a call and compares its status and output.
    fn expect<'a>(&self, at: usize, it: impl Into<Message<'a>>, expected: Result<Vec<u8>, Status>) {
        let it = it.into();
        let reply = call(&self.files[at].file, it);
        compare(&reply, it, expected);
    }

    fn take(
        &mut self,
        at: usize,
        handle: Handle,
        it: impl Into<Message<'static>>,
        kind: ObjectKind,
    ) {
        let list = self.files[at].get(handle).cloned();
        let expected = list.and_then(|list| {
            let right = match kind {
                ObjectKind::Entry => list.is_ex_list(),
                _ => list.kind == ObjectKind::Lookaside,
            };
            if !right {
                return Err(Status::OBJECT_TYPE_MISMATCH);
            }
            let more = if list.out == list.peak { list.entry } else { 0 };
            self.afford(at, 1, more)?;
            Ok(Object {
                origin: Some(handle),
                ..Object::new(kind, list.pool, list.entry)
            })
        });
        let taken = expected.is_ok();
        self.create(at, it, expected);
        if taken {
            let list = self.files[at].get(handle).unwrap();
            list.out += 1;
            list.peak = list.peak.max(list.out);
        }
    }

    fn remove(&mut self, at: usize, handle: Handle) {
        let gone = self.files[at].objects.remove(&handle.number()).unwrap();
        if let Some(list) = gone.origin
            && let Ok(list) = self.files[at].get(list)
        {
            list.out -= 1;
        }
    }

    fn act(&mut self, at: usize, action: &Action) {
        let tag = Tag::DEFAULT;
        // What nothing can be made of is refused after the quotas, which zero bytes fit.
        let made = |zero: bool, afford: Result<(), Status>, object: Object| {
            afford?;
            if zero {
                Err(Status::INVALID_PARAMETER)
            } else {
                Ok(object)
            }
        };
        match *action {
            Action::Memory(pool, parent, content, size) => {
                let mut object = Object::new(ObjectKind::Memory, pool, size);
                if content == Content::Uninitialized {
                    object.bytes = None;
                }
                let ask = CreateMemory {
                    pool,
                    parent,
                    content,
                    tag,
                    size,
                };
                let expected = made(size == 0, self.afford(at, 1, size), object);
                self.create(at, ask, expected);
            }
            Action::Preallocated(pool, parent, size) => {
                let object = Object::new(ObjectKind::Preallocated, pool, size);
                let ask = CreatePreallocated {
                    pool,
                    parent,
                    tag,
                    size,
                };
                let expected = made(size == 0, self.afford(at, 1, size), object);
                self.create(at, ask, expected);
            }
            Action::Assign(pick, size) => {
                let handle = self.handle(at, pick);
                let ask = Message::from(AssignBuffer { handle, tag, size });
                let object = self.files[at].get(handle).cloned();
                let expected = object.and_then(|object| match object.kind {
                    ObjectKind::Preallocated => self.afford(at, 0, size),
                    _ => Err(Status::OBJECT_TYPE_MISMATCH),
                });
                let reply = call(&self.files[at].file, ask);
                match expected {
                    Err(status) => assert_eq!(reply, Reply::refused(status), "{ask:?}"),
                    Ok(()) => {
                        let created: Created = reply.parse();
                        assert_eq!(created.handle.get(), handle.number());
                        let object = self.files[at].get(handle).unwrap();
                        *object = Object::new(ObjectKind::Preallocated, object.pool, size);
                    }
                }
            }
            Action::List(pool, size) => {
                let object = Object::list(ObjectKind::Lookaside, pool, size);
                let ask = CreateLookaside { pool, tag, size };
                let expected = made(size == 0, self.afford(at, 1, 0), object);
                self.create(at, ask, expected);
            }
            Action::ExList(pool, routines, size) => {
                let kind = match pool {
                    PoolKind::Paged => ObjectKind::PagedList,
                    PoolKind::NonPaged => ObjectKind::NonPagedList,
                };
                let object = Object::list(kind, pool, size);
                let ask = InitializeExList {
                    pool,
                    tag,
                    size,
                    routines,
                };
                let small = size < MIN_ENTRY_BYTES;
                let expected = made(small, self.afford(at, 1, 0), object);
                self.create(at, ask, expected);
            }
            Action::TakeMemory(pick) => {
                let list = self.handle(at, pick);
                let ask = Message::from(CreateFromLookaside { list });
                self.take(at, list, ask, ObjectKind::LookasideMemory);
            }
            Action::TakeEntry(pick) => {
                let list = self.handle(at, pick);
                self.take(at, list, AllocateEntry { list }, ObjectKind::Entry);
            }
            Action::Delete(pick) => {
                let handle = self.handle(at, pick);
                let expected = self.files[at]
                    .get(handle)
                    .and_then(|object| match object.kind {
                        ObjectKind::Memory
                        | ObjectKind::Preallocated
                        | ObjectKind::LookasideMemory => Ok(()),
                        ObjectKind::Lookaside if object.out == 0 => Ok(()),
                        ObjectKind::Lookaside => Err(Status::DEVICE_BUSY),
                        _ => Err(Status::OBJECT_TYPE_MISMATCH),
                    });
                self.end(at, Delete { handle }, handle, expected);
            }
            Action::DeleteExList(pick) => {
                let list = self.handle(at, pick);
                let expected = self.files[at].get(list).and_then(|object| {
                    match (object.is_ex_list(), object.out) {
                        (false, _) => Err(Status::OBJECT_TYPE_MISMATCH),
                        (true, 0) => Ok(()),
                        (true, _) => Err(Status::DEVICE_BUSY),
                    }
                });
                self.end(at, DeleteExList { list }, list, expected);
            }
            Action::FreeEntry(list, entry) => {
                let (list, entry) = (self.handle(at, list), self.handle(at, entry));
                let file = &mut self.files[at];
                let expected = (|| {
                    if !file.get(list)?.is_ex_list() {
                        return Err(Status::OBJECT_TYPE_MISMATCH);
                    }
                    let object = file.get(entry)?;
                    match (object.kind, object.origin == Some(list)) {
                        (ObjectKind::Entry, true) => Ok(()),
                        (ObjectKind::Entry, false) => Err(Status::INVALID_PARAMETER),
                        _ => Err(Status::OBJECT_TYPE_MISMATCH),
                    }
                })();
                self.end(at, FreeEntry { list, entry }, entry, expected);
            }
            Action::Write(pick, offset, ref data, bulk) => {
                let handle = self.handle(at, pick);
                let put = |object: &mut Object| object.put(offset, data);
                let expected = self.files[at].get(handle).and_then(put);
                let ask = if bulk {
                    BulkWrite { handle, offset }.with(data)
                } else {
                    Write { handle, offset }.with(data)
                };
                self.expect(at, ask, expected.map(|()| Vec::new()));
            }
            Action::Read(pick, offset, length, bulk) => {
                let handle = self.handle(at, pick);
                let read = |object: &mut Object| object.readable(offset, length);
                let expected = self.files[at].get(handle).and_then(read);
                let span = span(handle, offset, length);
                let ask = if bulk { span.bulk_read() } else { span.read() };
                self.expect(at, ask, expected);
            }
            Action::Fill(pick, offset, length, byte) => {
                let handle = self.handle(at, pick);
                let data = vec![byte; usize::try_from(length).unwrap()];
                let expected = self.files[at]
                    .get(handle)
                    .and_then(|object| object.put(offset, &data));
                let span = span(handle, offset, length);
                let ask = span.fill(byte);
                self.expect(at, ask, expected.map(|()| Vec::new()));
            }
            Action::Copy(source, source_offset, target, target_offset, length) => {
                let (source, target) = (self.handle(at, source), self.handle(at, target));
                let file = &mut self.files[at];
                let expected = file
                    .get(source)
                    .and_then(|object| object.readable(source_offset, length))
                    .and_then(|bytes| file.get(target)?.put(target_offset, &bytes));
                let ask = CopyBytes {
                    source,
                    source_offset,
                    target,
                    target_offset,
                    length,
                };
                self.expect(at, ask, expected.map(|()| Vec::new()));
            }
            Action::Checksum(pick, offset, length, level) => {
                let handle = self.handle(at, pick);
                let object = self.files[at].get(handle).cloned();
                let expected = object.and_then(|object| {
                    if object.is_list() {
                        return Err(Status::OBJECT_TYPE_MISMATCH);
                    }
                    if level == Level::Dispatch && object.pool == PoolKind::Paged {
                        return Err(Status::NOT_SUPPORTED);
                    }
                    object.readable(offset, length)
                });
                let span = span(handle, offset, length);
                let ask = span.checksum(level);
                let reply = call(&self.files[at].file, ask);
                match expected {
                    Err(status) => assert_eq!(reply, Reply::refused(status), "{ask:?}"),
                    Ok(bytes) => {
                        let checksummed: Checksummed = reply.parse();
                        assert_eq!(checksummed.checksum.get(), crc32(&bytes));
                    }
                }
            }
            Action::Statistics => self.compare_statistics(at),
        }
    }

    /// Sends a call that ends an object.
    fn end(
        &mut self,
        at: usize,
        ask: impl Into<Message<'static>>,
        handle: Handle,
        expected: Result<(), Status>,
    ) {
        self.expect(at, ask, expected.map(|()| Vec::new()));
        if expected.is_ok() {
            self.remove(at, handle);
        }
    }

    fn compare_statistics(&self, at: usize) {
        let found = statistics(&self.files[at].file);
        let pair = |usage: Usage| (usage.objects.get(), usage.bytes.get());
        assert_eq!(pair(found.file_charged), self.files[at].charged());
        assert_eq!(pair(found.device_charged), self.device());
        for kind in ObjectKind::ALL.iter().copied() {
            let sum = |opened: &Opened| {
                let of_kind = opened.objects.values().filter(|object| object.kind == kind);
                of_kind.fold((0, 0), |sum, object| (sum.0 + 1, sum.1 + object.length))
            };
            let index = kind.number() as usize;
            assert_eq!(pair(found.file[index]), sum(&self.files[at]), "{kind:?}");
            let device = (self.files.iter().map(sum))
                .fold((0, 0), |total, one| (total.0 + one.0, total.1 + one.1));
            assert_eq!(pair(found.device[index]), device, "{kind:?}");
        }
    }
}

fn compare(reply: &Reply, message: Message<'_>, expected: Result<Vec<u8>, Status>) {
    let expected = match expected {
        Err(status) => Reply::refused(status),
        Ok(_) if message.code() == Code::BulkWrite => Reply::taken(message.data.len()),
        Ok(output) => Reply::done(output),
    };
    assert_eq!(*reply, expected, "{message:?}");
}

/// The CRC-32 (ISO-HDLC), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for &byte in bytes {
        remainder ^= u32::from(byte);
        for _ in 0..8 {
            let low = remainder & 1;
            remainder = remainder >> 1 ^ (0xEDB8_8320 * low);
        }
    }
    !remainder
}

fn run(config: Config, steps: Vec<Step>) {
    scenario().config(config).run(move |test| {
        let mut model = Model::default();
        for step in steps {
            if model.files.is_empty() || matches!(step, Step::Open) && model.files.len() < 3 {
                model.files.push(Opened {
                    file: open(test),
                    objects: BTreeMap::new(),
                });
            }
            let count = model.files.len();
            match step {
                Step::Open => {}
                Step::Close(file) => {
                    model.files.remove(usize::from(file) % count).file.close();
                }
                Step::Do(file, action) => model.act(usize::from(file) % count, &action),
            }
        }
        for at in 0..model.files.len() {
            model.compare_statistics(at);
            let handles: Vec<_> = model.files[at].objects.keys().copied().collect();
            for (handle, object) in handles.iter().zip(model.files[at].objects.values()) {
                if let Some(bytes) = object.bytes.as_ref().filter(|bytes| !bytes.is_empty()) {
                    let found = read(
                        &model.files[at].file,
                        Handle::from_number(*handle),
                        object.length,
                    );
                    assert!(found == *bytes, "{handle:#x} holds other bytes");
                }
            }
        }
    });
}

fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    config
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn sequences_of_calls_end_as_the_model_expects(steps in steps()) {
        run(Config::default(), steps);
    }

    /// Without the verifier, which keeps lookaside lists empty, entries are used again: C8.
    #[test]
    fn sequences_of_calls_do_so_without_the_verifier(steps in steps()) {
        run(Config { verifier: Verifier::off(), ..Config::default() }, steps);
    }
}
