//! What every HTTP adapter promises, whatever it speaks: one suite, run against a server that misbehaves.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use notifyhub_platforms::{Platform, contract::Envelope, testkit::{Answer, conformance::Http}};
//! # async fn example(acme: fn(&str, &notifyhub_platforms::contract::Parts) -> Arc<dyn Platform>, envelope: Envelope) {
//! let accepted = Answer::json(200, r#"{"ok":true,"id":"m-1"}"#);
//! Http::new(acme, envelope, accepted).json().secrets(["t0ken"]).run().await;
//! # }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `suite` | [`Http`]: one adapter's answers, and the run |
//! | `answers` | promises about answers: status, wait, redirect, body |
//! | `failures` | promises about connections that fail |
//! | `requests` | promises about what is sent: stable ids, a check that notifies nobody |
//! | `fuzz` | any answer at all, without a socket |

mod answers;
mod failures;
mod fuzz;
mod requests;
mod suite;

pub use suite::Http;
