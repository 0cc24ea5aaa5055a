//! The console: lines that no message can forge.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
};

use notifyhub_platforms::{
    Registry,
    contract::{ErrorKind, Message, Platform, Priority},
    generic::console::{Color, Console, ConsoleConfig, ConsoleFormat},
};
use serde_json::json;

use super::{HOSTILE, envelope, parts};

fn console(writer: impl io::Write + Send + 'static, format: ConsoleFormat) -> Console {
    Console::to(writer, &ConsoleConfig { format, ..ConsoleConfig::default() }).expect("a good configuration")
}

#[tokio::test]
async fn the_console_gets_one_line_per_message_that_no_message_can_forge() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let console = console(writer, ConsoleFormat::Text);
    let mut first = envelope(1, Message::text(HOSTILE).priority(Priority::Urgent));
    first.recipient = Some("#al\nerts".into());
    console.send(&first).await.expect("written");
    console.send(&envelope(2, Message::html("<b>bold</b> &amp; more"))).await.expect("written");
    drop(console);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("UTF-8");
    assert_eq!(
        text,
        "2026-09-21T14:13:20.250Z urgent [#al\\nerts] a\\nb\\r\\u001b[2Jc\\u009b31m\\u2028\\u202e\\u0000 \\\\n \\u0007é🎉\n2026-09-21T14:13:20.250Z normal bold & more\n"
    );
}

#[tokio::test]
async fn a_console_nobody_reads_needs_the_operator() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let error = console(writer, ConsoleFormat::Json).send(&envelope(1, Message::text("x"))).await.expect_err("broken pipe");
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
}

#[tokio::test]
async fn a_full_disk_is_unavailable() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has /dev/full");
    assert!(full.metadata().expect("there").rdev() != 0);
    let error = console(full, ConsoleFormat::Json).send(&envelope(1, Message::text("x"))).await.expect_err("full");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_template_says_what_the_console_shows_and_the_priority_in_which_colour() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let config = ConsoleConfig {
        format: ConsoleFormat::Template,
        template: Some("{priority}: {title}".into()),
        color: Color::Always,
        ..ConsoleConfig::default()
    };
    let console = Console::to(writer, &config).expect("a good configuration");
    for priority in [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent] {
        console.send(&envelope(1, Message::text("x").title("a\u{1b}[0m\nb").priority(priority))).await.expect("written");
    }
    drop(console);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("UTF-8");
    assert_eq!(
        text,
        "\u{1b}[2mlow: a\\u001b[0m\\nb\u{1b}[0m\nnormal: a\\u001b[0m\\nb\n\
         \u{1b}[33mhigh: a\\u001b[0m\\nb\u{1b}[0m\n\u{1b}[1;31murgent: a\\u001b[0m\\nb\u{1b}[0m\n"
    );
}

#[test]
fn a_console_table_that_cannot_work_names_the_key() {
    for (table, key) in [
        (json!({"format": "template"}), "template"),
        (json!({"format": "template", "template": "{titel}"}), "template"),
        (json!({"template": "{title}"}), "template"),
        (json!({"format": "xml"}), "format"),
        (json!({"stream": "printer"}), "stream"),
    ] {
        let error = Registry::builtin()
            .build("console", table.clone(), &parts(true))
            .err()
            .unwrap_or_else(|| panic!("{table} is refused"));
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
    }
}
