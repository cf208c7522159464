//! The programs beside this directory with values that fit: what fails there is the value.

use kmdf::{
    DriverParent, Entry, LookasideList, MAX_BY_VALUE, Memory, Page, Paged, PagedLookaside, Passive, PoolBox,
    Result, Tag,
};
use kmdf_model as _;

#[repr(align(16))]
struct Aligned(u8);

const TAG: Tag = Tag::new(b"Box1");

fn memory(irql: &Passive) -> Result<Memory<Paged, Aligned>> {
    Memory::with_value(&DriverParent, Tag::DEFAULT, Aligned(1), irql)
}

fn list_memory(list: &LookasideList<Paged>, irql: &Passive) -> Result<Memory<Paged, Aligned>> {
    list.allocate_value(Aligned(1), irql)
}

fn entry(list: &PagedLookaside, irql: &Passive) -> Result<Entry<Paged, Aligned>> {
    list.allocate_value(Aligned(1), irql)
}

fn boxed() -> Result<PoolBox<Aligned>> {
    PoolBox::new(TAG, Aligned(1))
}

fn elements(irql: &Passive) -> Result<Memory<Paged, [Page]>> {
    Memory::zeroed(&DriverParent, Tag::DEFAULT, 1, irql)
}

fn largest_by_value(irql: &Passive) -> Result<Memory<Paged, [u8; MAX_BY_VALUE]>> {
    Memory::with_value(&DriverParent, Tag::DEFAULT, [0; MAX_BY_VALUE], irql)
}

fn larger_in_place() -> Result<PoolBox<[u8; 8192]>> {
    PoolBox::zeroed(TAG)
}

fn main() {
    let _: fn(&Passive) -> _ = memory;
    let _: fn(&_, &Passive) -> _ = list_memory;
    let _: fn(&_, &Passive) -> _ = entry;
    let _: fn() -> _ = boxed;
    let _: fn(&Passive) -> _ = elements;
    let _: fn(&Passive) -> _ = largest_by_value;
    let _: fn() -> _ = larger_in_place;
}
