//! Platforms of no vendor.
//!
//! | folder or file | what it speaks to |
//! |---|---|
//! | `webhook` | any URL, by signed HTTP requests |

pub mod webhook;
