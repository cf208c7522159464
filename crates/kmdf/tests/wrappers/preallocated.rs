//! `WdfMemoryCreatePreallocated` and `WdfMemoryAssignBuffer`: rules P1 to P10.

use super::driver::{run_body, wait_until, with_device};
use super::inside;
use kmdf::{
    BorrowedBuffer, DriverParent, Error, Memory, NonPagedNx, Paged, PoolBuffer, PreallocatedMemory,
    SpinLock, Tag,
};
use kmdf_test::Config;

const TAG: Tag = Tag::new(b"Pre1");

/// P1, P2, P6, P7: over a buffer of the driver's own, with and without a parent.
#[test]
fn a_memory_object_is_put_over_an_owned_buffer() {
    inside(|device, irql| {
        let buffer = PoolBuffer::<Paged>::new(TAG, 40, irql).expect("pool");
        let mut memory = PreallocatedMemory::new(&DriverParent, buffer).expect("memory");
        memory.bytes_mut(irql).fill(3);
        let buffer = memory.into_buffer();
        assert_eq!(buffer.bytes(irql), [3; 40]);
        let memory = PreallocatedMemory::new(&device, buffer).expect("memory");
        assert_eq!(memory.bytes(irql), [3; 40]);
        assert_eq!(memory.len(), 40);
    });
}

/// P7, P8: the object goes with its value; the buffer does not.
#[test]
fn dropping_deletes_the_object_and_not_the_buffer() {
    super::driver::with_device(Config::default(), |test, file| {
        let kernel = test.kernel().clone();
        super::driver::run_body(file, move |device, irql| {
            let blocks = || kernel.verifier().live_blocks;
            let buffer = PoolBuffer::<NonPagedNx>::new(TAG, 40, irql).expect("pool");
            let before = blocks();
            let memory = PreallocatedMemory::new(&device, buffer).expect("memory");
            assert_eq!(blocks(), before + 1);
            let mut buffer = memory.into_buffer();
            assert_eq!(blocks(), before);
            let borrowed = BorrowedBuffer::from(buffer.bytes_mut(irql));
            drop(PreallocatedMemory::new(&DriverParent, borrowed).expect("memory"));
            assert_eq!(blocks(), before);
            assert_eq!(buffer.bytes(irql), [0; 40]);
        });
    })
    .expect("no bug check");
}

/// P2, P8: over a borrowed slice, which is the lender's again afterwards.
#[test]
fn a_memory_object_is_put_over_a_borrowed_buffer() {
    inside(|device, irql| {
        let mut bytes = *b"some bytes";
        let mut memory =
            PreallocatedMemory::new(&device, BorrowedBuffer::from(&mut bytes[..])).expect("memory");
        memory.copy_from(5, b"BYTES", irql).expect("fits");
        drop(memory);
        assert_eq!(&bytes, b"some BYTES");
    });
}

/// P2, E5: over pageable memory, for as long as the witness is lent with it.
#[test]
fn a_memory_object_is_put_over_pageable_bytes() {
    inside(|device, irql| {
        let mut pageable = Memory::<Paged>::new(&device, TAG, 64, irql).expect("memory");
        let buffer = BorrowedBuffer::from(pageable.bytes_mut(irql));
        let mut memory = PreallocatedMemory::new(&device, buffer).expect("memory");
        memory.bytes_mut(irql).fill(8);
        drop(memory);
        assert_eq!(pageable.bytes(irql), [8; 64]);
    });
}

/// P3, P4: an empty buffer.
#[test]
fn an_empty_buffer_is_refused() {
    inside(|device, irql| {
        let empty = BorrowedBuffer::from(&mut [][..]);
        let refused = PreallocatedMemory::new(&device, empty).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));

        let mut bytes = [1; 4];
        let mut memory =
            PreallocatedMemory::new(&device, BorrowedBuffer::from(&mut bytes[..])).expect("memory");
        let refused = memory.assign(BorrowedBuffer::from(&mut [][..])).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));
        assert_eq!(memory.bytes(irql), [1; 4]);
    });
}

/// P4, P8: a failing allocation reaches the caller, and the buffer goes to who owns it.
#[test]
fn exhaustion_reaches_the_caller() {
    super::driver::with_device(Config::default(), |test, file| {
        let kernel = test.kernel().clone();
        super::driver::run_body(file, move |device, irql| {
            let buffer = PoolBuffer::<Paged>::new(TAG, 40, irql).expect("pool");
            let mut bytes = [7; 4];
            let before = kernel.verifier().live_blocks;
            kernel.fail_nth_allocation(1);
            let borrowed = BorrowedBuffer::from(&mut bytes[..]);
            let refused = PreallocatedMemory::new(&device, borrowed).err();
            assert_eq!(refused, Some(Error::INSUFFICIENT_RESOURCES));
            assert_eq!(bytes, [7; 4]);
            kernel.fail_nth_allocation(1);
            let refused = PreallocatedMemory::new(&device, buffer).err();
            assert_eq!(refused, Some(Error::INSUFFICIENT_RESOURCES));
            kernel.fail_nth_allocation(0);
            // The buffer, and the record that goes with a pageable one.
            assert_eq!(kernel.verifier().live_blocks, before - 2);
        });
    })
    .expect("no bug check");
}

/// P5, P8: another buffer is assigned and the former one comes back, untouched.
#[test]
fn assigning_gives_the_former_buffer_back() {
    inside(|_, irql| {
        let mut first = PoolBuffer::<NonPagedNx>::new(TAG, 10, irql).expect("pool");
        first.bytes_mut(irql).fill(1);
        let mut second = PoolBuffer::<NonPagedNx>::new(TAG, 5000, irql).expect("pool");
        second.bytes_mut(irql).fill(2);
        let mut memory = PreallocatedMemory::new(&DriverParent, first).expect("memory");
        let former = memory.assign(second).expect("not empty");
        assert_eq!(former.bytes(irql), [1; 10]);
        drop(former);
        assert_eq!(memory.len(), 5000);
        assert_eq!(memory.bytes(irql), [2; 5000]);
    });
}

/// WdfMemoryCreatePreallocated may be called at DISPATCH_LEVEL (P9).
#[test]
fn memory_objects_are_put_over_buffers_at_dispatch_level() {
    inside(|device, irql| {
        let lock = SpinLock::new(&device, ()).expect("lock");
        lock.with(irql, |(), irql| {
            let buffer = PoolBuffer::<NonPagedNx>::new(TAG, 16, irql).expect("pool");
            let other = PoolBuffer::<NonPagedNx>::new(TAG, 32, irql).expect("pool");
            let mut memory = PreallocatedMemory::new(&device, buffer).expect("memory");
            drop(memory.assign(other).expect("not empty"));
            memory.copy_from(20, b"high up", irql).expect("fits");
        })
        .expect("not recursive");
    });
}

/// P8: a pageable buffer dropped at DISPATCH_LEVEL is freed later, without another call of the driver.
#[test]
fn a_pageable_buffer_may_be_dropped_at_dispatch_level() {
    with_device(Config::default(), |test, file| {
        for _ in 0..3 {
            run_body(file, |device, irql| {
                let lock = SpinLock::new(&device, ()).expect("lock");
                let buffer = PoolBuffer::<Paged>::new(TAG, 16, irql).expect("pool");
                let other = PoolBuffer::<Paged>::new(TAG, 16, irql).expect("pool");
                let memory = PreallocatedMemory::new(&device, buffer).expect("memory");
                lock.with(irql, |(), _| drop((memory, other)))
                    .expect("not recursive");
            });
            wait_until(|| {
                test.kernel()
                    .verifier()
                    .tags
                    .iter()
                    .all(|tag| tag.tag != TAG.value())
            });
        }
    })
    .expect("no bug check");
}

/// A pool buffer without a size, or without a tag of its own.
#[test]
fn a_pool_buffer_needs_a_size_and_a_tag() {
    inside(|_, irql| {
        let refused = PoolBuffer::<Paged>::new(TAG, 0, irql).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));
        let refused = PoolBuffer::<Paged>::new(Tag::DEFAULT, 1, irql).err();
        assert_eq!(refused, Some(Error::INVALID_PARAMETER));
    });
}
