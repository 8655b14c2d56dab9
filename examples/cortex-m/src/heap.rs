//! The heap: a fixed piece of RAM, and the most of it that was in use.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::addr_of_mut,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use embedded_alloc::LlffHeap;

/// A flow takes less than 4 KiB; the accounts, codes and mails of the toy host are stored here, too.
const SIZE: usize = 64 * 1024;

static HEAP: LlffHeap = LlffHeap::empty();
static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

struct Counted;

#[global_allocator]
static COUNTED: Counted = Counted;

// SAFETY: it calls the inner heap, and counts.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(used, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { HEAP.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { HEAP.dealloc(place, layout) }
    }
}

/// Gives the heap its memory; call it once, before anything else.
pub(crate) fn init() {
    static mut MEMORY: [u8; SIZE] = [0; SIZE];
    // SAFETY: nobody else uses this memory, and this is called once.
    unsafe { HEAP.init(addr_of_mut!(MEMORY) as usize, SIZE) }
}

#[cfg(any(feature = "replay", feature = "host"))]
/// Returns the most bytes in use during `does`, beyond those in use before.
pub(crate) fn most_during<T>(does: impl FnOnce() -> T) -> (usize, T) {
    let before = USED.load(Relaxed);
    MOST.store(before, Relaxed);
    let result = does();
    (MOST.load(Relaxed) - before, result)
}
