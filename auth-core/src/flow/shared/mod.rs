//! What several flows share.

pub(super) mod era;
pub(super) mod guess;
pub(super) mod session;
