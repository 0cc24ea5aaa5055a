//! What a hub promises, with platforms that do as they are told.

mod bounds;
mod delivery;
mod lanes;
mod lifecycle;
