//! Randomness: the operating system's CSPRNG, asked each time.

use rand::{TryRng, rngs::SysRng};

use crate::port::{PortError, Result};

/// Draws random bytes.
///
/// # Errors
/// [`PortError`] where the operating system has none to give.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|e| PortError::not_done("draw random bytes", e))?;
    Ok(bytes)
}
