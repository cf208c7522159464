//! The steps of a sequence, and how they are drawn.

use proptest::prelude::*;

/// Picks one of what is there, by the remainder.
pub type Pick = u8;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    AddDevice,
    RemoveDevice(Pick),
    SurpriseRemove(Pick),
    Open(Pick),
    Close(Pick),
    /// A value is dropped by a thread that is in no callback.
    DropOnThread(Pick),
    /// A request starts to wait, with so many bytes.
    Park(Pick, usize),
    Release(Pick),
    CancelParked(Pick),
    Transform {
        file: Pick,
        length: usize,
        room: usize,
        direct: bool,
    },
    /// A handler does something, and the n-th allocation that it takes may fail.
    Run {
        file: Pick,
        action: Action,
        fail: Option<u64>,
    },
}

/// What a new object is a child of.
#[derive(Clone, Copy, Debug)]
pub enum Parent {
    Driver,
    Device,
    File,
}

/// What becomes of the bytes of new memory.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    Zeroed,
    Filled(u8),
    Written(u8),
    /// It is dropped before anybody writes them.
    Never,
}

/// What a handler does.
#[derive(Clone, Debug)]
pub enum Action {
    Memory {
        paged: bool,
        parent: Parent,
        size: usize,
        content: Content,
    },
    Buffer {
        paged: bool,
        size: usize,
    },
    /// Puts a memory object over a buffer.
    Cover {
        pick: Pick,
        parent: Parent,
    },
    Assign {
        pick: Pick,
        size: usize,
    },
    Uncover(Pick),
    List {
        paged: bool,
        parent: Parent,
        memory_parent: Option<Parent>,
        size: usize,
    },
    ExList {
        paged: bool,
        exports: bool,
        size: usize,
    },
    /// Takes from a list of any kind.
    Take(Pick),
    /// Clones an Ex list.
    Share(Pick),
    Lock {
        wait: bool,
        parent: Parent,
    },
    Box,
    Write {
        pick: Pick,
        offset: usize,
        byte: u8,
        raised: bool,
    },
    CopyIn {
        pick: Pick,
        offset: usize,
        length: usize,
        byte: u8,
    },
    CopyOut {
        pick: Pick,
        offset: usize,
        length: usize,
    },
    /// Copies between two values.
    CopyOver {
        from: Pick,
        to: Pick,
    },
    Drop {
        pick: Pick,
        count: usize,
        raised: bool,
    },
    /// Moves a value into the file object's context.
    Give(Pick),
    Check {
        raised: bool,
    },
}

/// Sizes around the bounds at which the framework and the pool change their ways.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        1 => Just(0_usize),
        6 => 1..80_usize,
        3 => prop::sample::select(vec![7_usize, 8, 15, 16, 17, 31, 32, 33]),
        3 => 4064..4112_usize,
        1 => prop::sample::select(vec![8191_usize, 8192, 8193, 12288]),
    ]
}

/// Offsets and lengths, mostly near what there is.
fn span() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..90_usize, 1 => 4000..4200_usize, 1 => Just(usize::MAX)]
}

fn parent() -> impl Strategy<Value = Parent> {
    prop::sample::select(vec![Parent::Driver, Parent::Device, Parent::File])
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        Just(Content::Zeroed),
        any::<u8>().prop_map(Content::Filled),
        any::<u8>().prop_map(Content::Written),
        Just(Content::Never),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let flag = any::<bool>;
    let pick = any::<Pick>;
    prop_oneof![
        4 => (flag(), parent(), size(), content()).prop_map(|(paged, parent, size, content)| {
            Action::Memory { paged, parent, size, content }
        }),
        3 => (flag(), size()).prop_map(|(paged, size)| Action::Buffer { paged, size }),
        3 => (pick(), parent()).prop_map(|(pick, parent)| Action::Cover { pick, parent }),
        2 => (pick(), size()).prop_map(|(pick, size)| Action::Assign { pick, size }),
        1 => pick().prop_map(Action::Uncover),
        2 => (flag(), parent(), prop::option::of(parent()), size()).prop_map(
            |(paged, parent, memory_parent, size)| {
                Action::List { paged, parent, memory_parent, size }
            }
        ),
        2 => (flag(), flag(), size()).prop_map(|(paged, exports, size)| {
            Action::ExList { paged, exports, size }
        }),
        8 => pick().prop_map(Action::Take),
        1 => pick().prop_map(Action::Share),
        1 => (flag(), parent()).prop_map(|(wait, parent)| Action::Lock { wait, parent }),
        1 => Just(Action::Box),
        3 => (pick(), span(), any::<u8>(), flag()).prop_map(|(pick, offset, byte, raised)| {
            Action::Write { pick, offset, byte, raised }
        }),
        3 => (pick(), span(), span(), any::<u8>()).prop_map(|(pick, offset, length, byte)| {
            Action::CopyIn { pick, offset, length: length.min(5000), byte }
        }),
        3 => (pick(), span(), span()).prop_map(|(pick, offset, length)| {
            Action::CopyOut { pick, offset, length: length.min(5000) }
        }),
        1 => (pick(), pick()).prop_map(|(from, to)| Action::CopyOver { from, to }),
        5 => (pick(), 1..5_usize, flag()).prop_map(|(pick, count, raised)| {
            Action::Drop { pick, count, raised }
        }),
        1 => pick().prop_map(Action::Give),
        2 => flag().prop_map(|raised| Action::Check { raised }),
    ]
}

fn step(failing: bool) -> impl Strategy<Value = Step> {
    let pick = any::<Pick>;
    let fail = if failing {
        prop::option::weighted(0.5, 1..6_u64).boxed()
    } else {
        Just(None).boxed()
    };
    prop_oneof![
        1 => Just(Step::AddDevice),
        1 => pick().prop_map(Step::RemoveDevice),
        1 => pick().prop_map(Step::SurpriseRemove),
        2 => pick().prop_map(Step::Open),
        2 => pick().prop_map(Step::Close),
        1 => pick().prop_map(Step::DropOnThread),
        2 => (pick(), 1..40_usize).prop_map(|(file, length)| Step::Park(file, length)),
        1 => pick().prop_map(Step::Release),
        1 => pick().prop_map(Step::CancelParked),
        1 => (pick(), 0..80_usize, 0..80_usize, any::<bool>()).prop_map(
            |(file, length, room, direct)| Step::Transform { file, length, room, direct }
        ),
        40 => (pick(), action(), fail).prop_map(|(file, action, fail)| {
            Step::Run { file, action, fail }
        }),
    ]
}

/// A sequence; some of the allocations of a `failing` one fail.
pub fn sequence(failing: bool) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(failing), 1..120)
}
