//! Files: whole lines, rotation, and what goes wrong with them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::SystemTime};

use notifyhub_platforms::{
    Registry,
    contract::{Adapter, ErrorKind, Field, Message, Parts, Platform, Priority},
    generic::file::{FileConfig, FileFormat, FileLog, Fsync},
    testkit::FixedClock,
};
use serde_json::{Value, json};

use super::{HOSTILE, envelope, parts};

pub(super) fn log(path: &Path) -> FileLog {
    FileLog::build(FileConfig::new(path), &parts(false)).expect("a good configuration")
}

pub(super) fn log_with(path: &Path, adjust: impl FnOnce(&mut FileConfig)) -> FileLog {
    let mut config = FileConfig::new(path);
    adjust(&mut config);
    FileLog::build(config, &parts(false)).expect("a good configuration")
}

pub(super) fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).expect("the file is there").lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_message_is_one_json_object_on_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.ndjson");
    let mut message = Message::markdown(HOSTILE).title("t").priority(Priority::High);
    message.kind = Some("alert".into());
    message.extras_mut().fields.push(Field { name: "host".into(), value: "db-3".into() });
    message.extras_mut().raw.insert("file".into(), json!({"team": "ops", "kind": "other"}));
    let platform = log(&path);
    platform.check().await.expect("writable");
    platform.send(&envelope(1, message)).await.expect("written");
    platform.send(&envelope(2, Message::text("plain"))).await.expect("written");

    let found = lines(&path);
    assert_eq!(found.len(), 2);
    assert!(!found[0].chars().any(|c| c.is_control() || c == '\u{202e}' || c == '\u{2028}'), "{}", found[0]);
    let first: Value = serde_json::from_str(&found[0]).expect("JSON");
    assert_eq!(
        first,
        json!({"id": "00000000-0000-0000-0000-000000000001", "time": "2026-09-21T14:13:20.250Z", "title": "t", "body": HOSTILE, "format": "markdown",
               "priority": "high", "kind": "other", "team": "ops", "fields": [{"name": "host", "value": "db-3"}], "correlation_id": "c-1"})
    );
    let second: Value = serde_json::from_str(&found[1]).expect("JSON");
    let keys: Vec<_> = second.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["body", "correlation_id", "format", "id", "priority", "time"], "only what is there");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777 & !0o640, 0, "nobody else may read it");
}

#[tokio::test]
async fn text_is_one_line_however_hostile() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.log");
    let platform = log_with(&path, |config| config.format = FileFormat::Text);
    platform.send(&envelope(1, Message::text(HOSTILE).title("Disk\nfull"))).await.expect("written");
    assert_eq!(
        lines(&path),
        ["2026-09-21T14:13:20.250Z normal Disk\\nfull a\\nb\\r\\u001b[2Jc\\u009b31m\\u2028\\u202e\\u0000 \\\\n \\u0007é🎉"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_writers_at_once_never_tear_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.ndjson");
    let writers = [Arc::new(log(&path)), Arc::new(log(&path))];
    let mut tasks = tokio::task::JoinSet::new();
    for (number, writer) in (0..8).zip(writers.iter().cycle()) {
        let writer = writer.clone();
        tasks.spawn(async move {
            for count in 0..50 {
                let body = format!("{number}-{count} ").repeat(2000);
                writer.send(&envelope(number * 1000 + count, Message::text(body))).await.expect("written");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic");
    }
    let ids: std::collections::HashSet<_> = lines(&path)
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line:.80}"))["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 400);
}

#[tokio::test]
async fn a_batch_is_written_in_order_and_each_line_judged_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for fsync in [Fsync::Never, Fsync::Batch, Fsync::Always] {
        let path = folder.path().join(format!("{fsync:?}"));
        let mut bad = Message::text("bad");
        bad.extras_mut().raw.insert("file".into(), json!("no object"));
        let batch = [envelope(1, Message::text("one")), envelope(2, bad), envelope(3, Message::text("three"))];
        let results = log_with(&path, |config| config.fsync = fsync).send_batch(&batch).await;
        assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
        assert_eq!(results[1].as_ref().expect_err("bad").kind(), ErrorKind::InvalidMessage);
        let bodies: Vec<_> =
            lines(&path).iter().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["body"].clone()).collect();
        assert_eq!(bodies, ["one", "three"]);
    }
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, moved) = (folder.path().join("out"), folder.path().join("out.old"));
    let platform = log(&path);
    platform.send(&envelope(1, Message::text("x"))).await.expect("written");
    fs::rename(&path, &moved).expect("moved");
    platform.send(&envelope(2, Message::text("x"))).await.expect("written");
    assert_eq!((lines(&path).len(), lines(&moved).len()), (1, 1));
}

#[tokio::test]
async fn a_line_that_was_cut_off_by_a_crash_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    fs::write(&path, "{\"id\":\"torn").expect("written");
    log(&path).send(&envelope(1, Message::text("x"))).await.expect("written");
    let found = lines(&path);
    assert_eq!((found.len(), &*found[0]), (2, "{\"id\":\"torn"));
    serde_json::from_str::<Value>(&found[1]).expect("JSON");
}

#[tokio::test]
async fn a_full_file_is_rotated_and_the_oldest_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let writers = [0, 1].map(|_| {
        log_with(&path, |config| {
            config.rotate_bytes = Some(1);
            config.keep = 2;
        })
    });
    for (count, writer) in (1..=5).zip(writers.iter().cycle()) {
        writer.send(&envelope(count, Message::text(format!("line {count}")))).await.expect("written");
    }
    let body = |name: &str| serde_json::from_str::<Value>(&lines(&folder.path().join(name))[0]).expect("JSON")["body"].clone();
    assert_eq!([body("out"), body("out.1"), body("out.2")], ["line 5", "line 4", "line 3"]);
    assert!(!folder.path().join("out.3").exists());
}

#[tokio::test]
async fn a_file_of_an_earlier_day_is_rotated_once_a_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    let on_day = |days: u64| {
        let clock = Arc::new(FixedClock::at_unix(now + days * 86_400));
        let mut config = FileConfig::new(&path);
        config.rotate_daily = true;
        FileLog::build(config, &Parts { clock, ..parts(false) }).expect("a good configuration")
    };
    let today = on_day(0);
    for count in 1..=2 {
        today.send(&envelope(count, Message::text(format!("line {count}")))).await.expect("written");
    }
    let later = on_day(2);
    later.check().await.expect("writable");
    assert!(!folder.path().join("out.1").exists(), "a check moves nothing");
    for count in 3..=4 {
        later.send(&envelope(count, Message::text(format!("line {count}")))).await.expect("written");
    }
    assert_eq!((lines(&path).len(), lines(&folder.path().join("out.1")).len()), (2, 2));
    assert!(!folder.path().join("out.2").exists());
}

#[tokio::test]
async fn a_template_says_what_a_line_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let platform = log_with(&path, |config| {
        config.format = FileFormat::Template;
        config.template = Some("{date}\t{title}\t{body}".into());
    });
    platform.send(&envelope(1, Message::text(HOSTILE).title("Disk\tfull"))).await.expect("written");
    assert_eq!(lines(&path), ["2026-09-21\tDisk\\tfull\ta\\nb\\r\\u001b[2Jc\\u009b31m\\u2028\\u202e\\u0000 \\\\n \\u0007é🎉"]);
    assert!(!platform.capabilities().attachments && log(&path).capabilities().attachments);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named_with_the_command_that_makes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("a/b");
    let said = format!(
        "unauthorized: the folder does not exist: create it (mkdir -p {}) and let notifyhub write there",
        missing.display()
    );
    let platform = log(&missing.join("out"));
    assert_eq!(platform.check().await.expect_err("missing").to_string(), said);
    assert_eq!(platform.send(&envelope(1, Message::text("x"))).await.expect_err("missing").to_string(), said);
    let rooted = log_with(&missing, |config| config.root = config.path.take());
    assert_eq!(rooted.check().await.expect_err("missing").to_string(), said);
}

#[tokio::test]
async fn what_needs_the_operator_is_told_from_what_may_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("one"), "").expect("written");
    for (path, kind) in [
        (folder.path().join("missing/out"), ErrorKind::Unauthorized),
        (folder.path().to_owned(), ErrorKind::Unauthorized),
        ("/dev/full".into(), ErrorKind::Unauthorized),
        ("/proc/notifyhub".into(), ErrorKind::Unauthorized),
        (folder.path().join("one/below"), ErrorKind::Unauthorized),
    ] {
        let platform = log(&path);
        let error = platform.send(&envelope(1, Message::text("x"))).await.expect_err("not writable");
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(platform.check().await.expect_err("not writable").kind(), kind);
    }
}

#[tokio::test]
async fn only_the_operator_names_files_by_url() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}/out.log?format=text", folder.path().display());
    let registry = Registry::builtin();
    let error = registry.from_url(&url, &parts(false)).err().expect("refused");
    assert!(error.reason.contains("command line"), "{error}");
    let target = registry.from_url(&url, &parts(true)).expect("the operator's own");
    target.platform.send(&envelope(1, Message::text("hello"))).await.expect("written");
    assert!(lines(&folder.path().join("out.log"))[0].ends_with(" hello"));
    let braces = format!("file://{}/%7Bkind%7D?fsync=batch", folder.path().display());
    let target = registry.from_url(&braces, &parts(true)).expect("a name like any other");
    target.platform.send(&envelope(1, Message::text("hello"))).await.expect("written");
    assert!(folder.path().join("{kind}").exists());
    for url in ["file://", "file://host/x", "file:///x?mode=777", "console://printer", "console://?format=xml"] {
        assert!(registry.from_url(url, &parts(true)).is_err(), "{url}");
    }
}

#[test]
fn a_file_table_that_cannot_work_names_the_key() {
    for (table, key) in [
        (json!({}), "path"),
        (json!({"path": "/"}), "path"),
        (json!({"path": "/x", "mode": "rw"}), "mode"),
        (json!({"path": "/x", "mode": "7777"}), "mode"),
        (json!({"path": "/x", "rotate_bytes": 0}), "rotate_bytes"),
        (json!({"path": "/x", "keep": 0}), "keep"),
        (json!({"path": "/x", "fsync": "sometimes"}), "fsync"),
        (json!({"path": "/x", "format": "template"}), "template"),
        (json!({"path": "/x", "format": "template", "template": "{x}"}), "template"),
        (json!({"path": "/x", "template": "{title}"}), "template"),
        (json!({"path": "/x/{title", "root": "/x"}), "path"),
        (json!({"path": "{title}", "root": "/x"}), "path"),
        (json!({"path": "{kind}/{nobody}", "root": "/x"}), "path"),
        (json!({"path": "/x/{date}"}), "root"),
        (json!({"path": "../y", "root": "/x"}), "path"),
        (json!({"path": "/y/z", "root": "/x"}), "path"),
        (json!({"path": "/x/../y", "root": "/x"}), "path"),
        (json!({"path": "{kind}/..", "root": "/x"}), "path"),
        (json!({"path": "{kind}/../../y", "root": "/x"}), "path"),
        (json!({"path": "/x", "is_from_url": true}), "is_from_url"),
    ] {
        let error =
            Registry::builtin().build("file", table.clone(), &parts(true)).err().unwrap_or_else(|| panic!("{table} is refused"));
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
    }
}
