//! The allocator: the system's, with a reserve for small requests that the system refuses.
//!
//! The reserve is a part of the program's image: zero pages, which take address space and no
//! memory until the day they are written to. It is cut into slots of four sizes, and a bit says
//! which are taken. There are no locks, so a fork at any moment leaves it usable, and what was
//! given out comes back by its address.
//!
//! On the ordinary path this costs one comparison: of the address that the system gave with null,
//! of an address that comes back with the two ends of the reserve.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Every slot begins at a multiple of its size or of this, the lesser of both.
const PAGE: usize = 4096;

/// Memory for `COUNT` slots of `SIZE` bytes.
#[repr(C, align(4096))]
struct Slots<const SIZE: usize, const COUNT: usize, const WORDS: usize> {
    bytes: UnsafeCell<[[u8; SIZE]; COUNT]>,
    taken: [AtomicU64; WORDS],
    in_use: AtomicUsize,
}

// SAFETY: `bytes` is never read or written here; a slot belongs to whoever took its bit.
unsafe impl<const SIZE: usize, const COUNT: usize, const WORDS: usize> Sync
    for Slots<SIZE, COUNT, WORDS>
{
}

impl<const SIZE: usize, const COUNT: usize, const WORDS: usize> Slots<SIZE, COUNT, WORDS> {
    const fn new() -> Self {
        assert!(COUNT <= 64 * WORDS && SIZE.is_power_of_two());
        Self {
            bytes: UnsafeCell::new([[0; SIZE]; COUNT]),
            taken: [const { AtomicU64::new(0) }; WORDS],
            in_use: AtomicUsize::new(0),
        }
    }

    /// A free slot, null if there is none or it would be too small.
    fn take(&self, layout: Layout) -> *mut u8 {
        if layout.size() > SIZE || layout.align() > SIZE.min(PAGE) {
            return std::ptr::null_mut();
        }
        for (index, word) in self.taken.iter().enumerate() {
            let mut known = word.load(Ordering::Relaxed);
            while known != u64::MAX {
                let bit = (!known).trailing_zeros() as usize;
                if 64 * index + bit >= COUNT {
                    return std::ptr::null_mut();
                }
                // Acquire: what the one before wrote into the slot comes before what is written now.
                match word.compare_exchange_weak(
                    known,
                    known | 1 << bit,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        self.in_use.fetch_add(1, Ordering::Relaxed);
                        return self
                            .bytes
                            .get()
                            .cast::<u8>()
                            .wrapping_add((64 * index + bit) * SIZE);
                    }
                    Err(other) => known = other,
                }
            }
        }
        std::ptr::null_mut()
    }

    /// Takes a slot back; whether it is one of these.
    fn give_back(&self, place: *mut u8) -> bool {
        let offset = place.addr().wrapping_sub(self.bytes.get().addr());
        if offset >= SIZE * COUNT {
            return false;
        }
        let slot = offset / SIZE;
        self.in_use.fetch_sub(1, Ordering::Relaxed);
        self.taken[slot / 64].fetch_and(!(1 << (slot % 64)), Ordering::Release);
        true
    }

    fn is_strained(&self) -> bool {
        self.in_use.load(Ordering::Relaxed) > COUNT / 2
    }
}

/// 15 MiB in all. The largest slots hold the tables of fixed size that a summary has per column.
#[repr(C)]
struct Reserve {
    texts: Slots<256, 8192, 128>,
    lists: Slots<4096, 768, 12>,
    tables: Slots<{ 1 << 16 }, 64, 1>,
    large: Slots<{ 1 << 19 }, 12, 1>,
}

static RESERVE: Reserve =
    Reserve { texts: Slots::new(), lists: Slots::new(), tables: Slots::new(), large: Slots::new() };

impl Reserve {
    fn take(&self, layout: Layout) -> *mut u8 {
        let Self { texts, lists, tables, large } = self;
        let mut place = texts.take(layout);
        if place.is_null() {
            place = lists.take(layout);
        }
        if place.is_null() {
            place = tables.take(layout);
        }
        if place.is_null() {
            place = large.take(layout);
        }
        place
    }

    #[inline]
    fn holds(&self, place: *mut u8) -> bool {
        place.addr().wrapping_sub(std::ptr::from_ref(self).addr()) < size_of::<Self>()
    }

    #[cold]
    fn give_back(&self, place: *mut u8) {
        let Self { texts, lists, tables, large } = self;
        let _ = texts.give_back(place)
            || lists.give_back(place)
            || tables.give_back(place)
            || large.give_back(place);
    }
}

/// Whether more than half of the slots of a size are in use.
pub fn is_strained() -> bool {
    let Reserve { texts, lists, tables, large } = &RESERVE;
    texts.is_strained() || lists.is_strained() || tables.is_strained() || large.is_strained()
}

/// The system's allocator, with the reserve behind it.
#[derive(Debug)]
pub struct Net;

impl Net {
    #[cold]
    fn refused(layout: Layout) -> *mut u8 {
        RESERVE.take(layout)
    }
}

// SAFETY: blocks are the system's or slots of the reserve, told apart by their address; a slot is
// as large and as aligned as its layout asks, and nobody else's until it is given back. Nothing
// here unwinds or allocates: a null pointer is passed on, and the bits are changed in place.
unsafe impl GlobalAlloc for Net {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system's.
        let place = unsafe { System.alloc(layout) };
        if place.is_null() { Self::refused(layout) } else { place }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let place = unsafe { System.alloc_zeroed(layout) };
        if !place.is_null() {
            return place;
        }
        let place = Self::refused(layout);
        if !place.is_null() {
            // SAFETY: a slot of at least that size, taken just now.
            unsafe { place.write_bytes(0, layout.size()) };
        }
        place
    }

    #[inline]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        if RESERVE.holds(place) {
            RESERVE.give_back(place);
        } else {
            // SAFETY: not a slot, so the system gave it.
            unsafe { System.dealloc(place, layout) }
        }
    }

    #[inline]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !RESERVE.holds(place) {
            // SAFETY: not a slot, so the system gave it; the rest is the caller's promise.
            let moved = unsafe { System.realloc(place, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: the caller promises that the new size, rounded up to the alignment, fits.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // A slot moves back to the system where it can; what the system refused goes to a slot.
        // SAFETY: the new size is not zero, as the caller promises.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both are as large as the lesser size and do not overlap; `place` is the
            // caller's, who gives it up because the answer is not null.
            unsafe {
                place.copy_to_nonoverlapping(moved, layout.size().min(size));
                self.dealloc(place, layout);
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_distinct_aligned_and_come_back() {
        static SLOTS: Slots<256, 64, 1> = Slots::new();
        let layout = Layout::from_size_align(200, 64).unwrap();
        let mut taken: Vec<_> = (0..64).map(|_| SLOTS.take(layout)).collect();
        assert!(SLOTS.take(layout).is_null(), "all are taken");
        assert!(SLOTS.is_strained());
        taken.sort();
        assert!(taken.iter().all(|place| place.addr().is_multiple_of(256)));
        assert!(taken.windows(2).all(|pair| pair[1].addr() - pair[0].addr() == 256));
        assert!(!SLOTS.give_back(std::ptr::from_ref(&layout).cast_mut().cast()));
        assert!(taken.iter().all(|&place| SLOTS.give_back(place)));
        assert!(!SLOTS.is_strained());
        assert!(!SLOTS.take(layout).is_null());
        assert!(SLOTS.take(Layout::from_size_align(257, 1).unwrap()).is_null());
        assert!(SLOTS.take(Layout::from_size_align(8, 512).unwrap()).is_null());
    }

    #[test]
    fn a_slot_grows_into_the_system_and_keeps_its_bytes() {
        let small = Layout::from_size_align(100, 8).unwrap();
        let place = Net::refused(small);
        assert!(RESERVE.holds(place));
        // SAFETY: a slot of 100 bytes, then a block of a million, each used within its size.
        unsafe {
            place.write_bytes(7, 100);
            let moved = Net.realloc(place, small, 1_000_000);
            assert!(!RESERVE.holds(moved) && (0..100).all(|i| *moved.add(i) == 7));
            Net.dealloc(moved, Layout::from_size_align(1_000_000, 8).unwrap());
        }
    }

    #[test]
    fn threads_share_the_slots() {
        static SLOTS: Slots<256, 64, 1> = Slots::new();
        let layout = Layout::new::<[u8; 256]>();
        std::thread::scope(|scope| {
            for thread in 1..=4_u8 {
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        let place = SLOTS.take(layout);
                        assert!(!place.is_null());
                        // SAFETY: a slot of 256 bytes that this thread took.
                        unsafe {
                            place.write_bytes(thread, 256);
                            assert!((0..256).all(|i| *place.add(i) == thread));
                        }
                        assert!(SLOTS.give_back(place));
                    }
                });
            }
        });
        assert_eq!(SLOTS.in_use.load(Ordering::Relaxed), 0);
    }
}
