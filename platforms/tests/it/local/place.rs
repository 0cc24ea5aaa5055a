//! Which file a message goes to, and that none leads out of the root.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use notifyhub_platforms::{
    Registry,
    contract::{Envelope, ErrorKind, Message, Platform, RecipientRule},
    generic::file::{FileConfig, FileLog},
};

use serde_json::json;

use super::{
    envelope,
    file::{lines, log, log_with},
    parts,
};

fn rooted(root: &Path, path: impl AsRef<Path>) -> FileLog {
    log_with(path.as_ref(), |config: &mut FileConfig| config.root = Some(root.to_owned()))
}

fn to(recipient: Option<&str>, kind: Option<&str>) -> Envelope {
    let mut message = Message::text("x");
    message.kind = kind.map(Into::into);
    Envelope { recipient: recipient.map(Into::into), ..envelope(1, message) }
}

#[tokio::test]
async fn a_recipient_is_a_plain_name_below_the_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let platform = log_with(folder.path(), |config| {
        config.root = config.path.take();
    });
    assert_eq!(platform.capabilities().recipient, RecipientRule::Required);
    for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\0", "a\nb", "a\\b"] {
        assert_eq!(platform.verify(Some(name)).expect_err(name).kind(), ErrorKind::InvalidRecipient);
    }
    let mut audit = envelope(1, Message::text("x"));
    audit.recipient = Some("audit.ndjson".into());
    platform.send(&audit).await.expect("written");
    assert_eq!(lines(&folder.path().join("audit.ndjson")).len(), 1);
    assert_eq!(log(&folder.path().join("one")).verify(Some("other")).expect_err("one file").kind(), ErrorKind::InvalidRecipient);
}

#[tokio::test]
async fn a_path_is_filled_in_by_the_message_and_its_folders_are_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let platform = rooted(folder.path(), "{date}/{recipient}/{{{kind}}}-{priority}.ndjson");
    assert_eq!(platform.capabilities().recipient, RecipientRule::Required);
    platform.check().await.expect("the root is there");
    platform.send(&to(Some("ops"), Some("alert"))).await.expect("written");
    let made = folder.path().join("2026-09-21/ops");
    assert_eq!(lines(&made.join("{alert}-normal.ndjson")).len(), 1);
    assert_eq!(fs::metadata(&made).expect("there").permissions().mode() & 0o777 & !0o750, 0, "nobody else may look into it");
}

#[test]
fn a_path_that_asks_for_too_much_lists_what_it_may_ask_for() {
    for path in ["{title}", "{field.host}", "{knd}"] {
        let table = json!({"path": path, "root": "/x"});
        let error = Registry::builtin().build("file", table, &parts(false)).err().expect("refused");
        assert!(error.reason.ends_with("expected one of: {date}, {recipient}, {priority}, {kind}"), "{error}");
    }
}

#[tokio::test]
async fn where_the_path_asks_for_no_recipient_one_names_a_file_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let platform = rooted(folder.path(), folder.path().join("{date}.ndjson"));
    assert_eq!(platform.capabilities().recipient, RecipientRule::Optional);
    platform.send(&to(None, None)).await.expect("written");
    platform.send(&to(Some("audit"), None)).await.expect("written");
    for name in ["2026-09-21.ndjson", "audit"] {
        assert_eq!(lines(&folder.path().join(name)).len(), 1, "{name}");
    }
}

#[tokio::test]
async fn no_message_leads_out_of_the_root_by_what_it_fills_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    fs::create_dir(&root).expect("made");
    let platform = rooted(&root, "x{recipient}/{kind}");
    for name in ["..", ".", "../../x", "/etc/passwd", "a/b", "a\\b", "a\0", ""] {
        assert_eq!(platform.verify(Some(name)).expect_err(name).kind(), ErrorKind::InvalidRecipient);
        let error = platform.send(&to(Some(name), Some("k"))).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidRecipient);
        let error = platform.send(&to(Some("ops"), Some(name))).await.expect_err(name);
        assert_eq!((error.kind(), error.reason()), (ErrorKind::InvalidMessage, "the kind cannot be part of a file name"));
    }
    let error = platform.send(&to(Some("ops"), None)).await.expect_err("no kind");
    assert_eq!((error.kind(), error.reason()), (ErrorKind::InvalidMessage, "the message has no kind, which names its file"));
    assert_eq!(platform.verify(None).expect_err("nobody").kind(), ErrorKind::InvalidRecipient);
    assert!(fs::read_dir(&root).expect("there").next().is_none(), "nothing was made");
}

#[tokio::test]
async fn no_link_leads_out_of_the_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
    fs::create_dir_all(root.join("inside")).expect("made");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("file"), "").expect("written");
    let link = |to: &Path, at: &str| std::os::unix::fs::symlink(to, root.join(at)).expect("linked");
    link(&outside, "folder-out");
    link(&outside.join("file"), "file-out");
    link(&outside.join("new"), "dangling-file");
    link(&outside.join("new-folder"), "dangling-folder");
    link(&root.join("inside"), "folder-in");
    for path in ["folder-out/x", "folder-out/a/x", "file-out", "dangling-file", "dangling-folder/x"] {
        let error = rooted(&root, path).send(&to(None, None)).await.expect_err(path);
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    }
    let error = rooted(&root, "file-out").send(&to(None, None)).await.expect_err("a link");
    assert!(error.reason().contains("a link leads out of `root`"), "{error}");
    assert_eq!(fs::read(outside.join("file")).expect("there"), b"");
    assert_eq!(fs::read_dir(&outside).expect("there").count(), 1, "nothing was made outside");
    rooted(&root, "folder-in/x").send(&to(None, None)).await.expect("a link to within");
    assert_eq!(lines(&root.join("inside/x")).len(), 1);
}

#[tokio::test]
async fn a_file_that_becomes_a_link_out_of_the_root_is_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
    fs::create_dir(&root).expect("made");
    fs::write(&outside, "").expect("written");
    let platform = rooted(&root, "x");
    platform.send(&to(None, None)).await.expect("written");
    fs::remove_file(root.join("x")).expect("removed");
    std::os::unix::fs::symlink(&outside, root.join("x")).expect("linked");
    assert_eq!(platform.send(&to(None, None)).await.expect_err("a link").kind(), ErrorKind::Unauthorized);
    assert_eq!(fs::read(&outside).expect("there"), b"");
}
