//! The example adapter.
