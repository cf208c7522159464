//! Lookaside lists: WdfLookasideListCreate and WdfMemoryCreateFromLookaside.

mod list;
mod taking;

use crate::driver::*;
use kmdf_sys::_POOL_TYPE::*;
use kmdf_sys::*;
use std::ptr::null_mut;

const PAGE_SIZE: usize = 4096;
const DISPATCH: u8 = DISPATCH_LEVEL as u8;

/// A size of each of the three kinds of list (MEM-53), and of a paged list with whole pages.
const KINDS: [(usize, POOL_TYPE); 4] = [
    (100, NonPagedPoolNx),
    (PAGE_SIZE + 100, NonPagedPoolNx),
    (100, PagedPool),
    (PAGE_SIZE + 100, PagedPool),
];

fn list_of((size, pool_type): (usize, POOL_TYPE)) -> WDFLOOKASIDE {
    create_list(null_mut(), size, pool_type, null_mut()).unwrap()
}

/// A list that the callbacks log, with memories that they log too.
fn logged_list(kind: (usize, POOL_TYPE), parent: WDFOBJECT) -> WDFLOOKASIDE {
    let mut memories = logged(parent);
    let list = create_list(&mut logged(null_mut()), kind.0, kind.1, &mut memories).unwrap();
    label(list.cast(), 1);
    list
}

fn taken(list: WDFLOOKASIDE, number: u64) -> WDFMEMORY {
    let memory = take(list).unwrap();
    label(memory.cast(), number);
    memory
}
