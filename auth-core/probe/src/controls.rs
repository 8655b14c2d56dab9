//! Panics that must be found, or the search finds nothing at all.

use crate::bytes;

#[unsafe(no_mangle)]
unsafe extern "C" fn control_index(data: *const u8, len: usize, place: usize) -> u8 {
    // SAFETY: it is never run.
    let bytes = unsafe { bytes(data, len) };
    #[expect(clippy::indexing_slicing, reason = "the audit must find it")]
    bytes[place]
}

#[unsafe(no_mangle)]
extern "C" fn control_overflow(number: u64) -> u64 {
    number + 1
}

#[unsafe(no_mangle)]
extern "C" fn control_unknown(called: extern "C" fn()) {
    called();
}
