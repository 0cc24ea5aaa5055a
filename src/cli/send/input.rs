//! From what was typed to notifications.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read},
    path::Path,
    time::SystemTime,
};

use notifyhub_platforms::contract::{Format, Message};

use super::{SendArgs, attach, lines};
use crate::{
    Notification,
    cli::{Exit, Failure},
    config::duration,
};

/// Longest body from stdin, in bytes.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// What is to be sent.
#[derive(Debug)]
pub struct Batch {
    /// The notifications, in order.
    pub notifications: Vec<Notification>,
    /// The line each of them stood on, if they came from a file.
    pub lines: Option<Vec<usize>>,
}

impl SendArgs {
    /// What is to be sent. Reads files, and stdin where the body comes from there.
    pub(super) fn notifications(self, now: SystemTime) -> Result<Batch, Failure> {
        match self.from.as_deref() {
            Some(path) => from_file(path, &self.to, now.checked_add(self.wait)),
            None => Ok(Batch { notifications: vec![self.notification(now)?], lines: None }),
        }
    }

    fn notification(self, now: SystemTime) -> Result<Notification, Failure> {
        let not_before = self.at.map(|at| at.moment(now));
        if not_before.and_then(|at| at.duration_since(now).ok()).is_some_and(|until| until > self.wait) {
            let wait = duration::written(self.wait);
            let message = format!("--at is later than one shot waits ({wait}): raise --wait beyond it");
            return Err(Failure::new(Exit::Usage, message));
        }
        let body = body(self.body.as_deref())?;
        if body.is_empty() && self.title.as_deref().unwrap_or_default().is_empty() && self.attach.is_empty() {
            return Err(bad_input("nothing to say: give a body, a title or a file"));
        }
        let mut notification = Notification::new(message(self.format, body)).priority(self.priority);
        for attached in self.attach.iter().map(|path| attach::read(path)) {
            notification = notification.attach(attached.map_err(bad_input)?);
        }
        notification = self.to.into_iter().fold(notification, Notification::to);
        notification = set(notification, self.title, Notification::title);
        notification = set(notification, self.kind, Notification::kind);
        notification = set(notification, self.key, Notification::idempotency_key);
        notification = set(notification, self.correlation_id, Notification::correlation_id);
        notification = set(notification, self.expires, Notification::expires_in);
        Ok(set(notification, not_before, Notification::not_before))
    }
}

fn set<T>(notification: Notification, value: Option<T>, setter: impl FnOnce(Notification, T) -> Notification) -> Notification {
    match value {
        Some(value) => setter(notification, value),
        None => notification,
    }
}

fn message(format: Format, body: String) -> Message {
    match format {
        Format::Text => Message::text(body),
        Format::Markdown => Message::markdown(body),
        Format::Html => Message::html(body),
    }
}

fn from_file(path: &Path, to: &[String], latest: Option<SystemTime>) -> Result<Batch, Failure> {
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|error| bad_input(format!("cannot read `{}`: {error}", path.display())))?;
        Box::new(BufReader::new(file))
    };
    let read = lines::read(reader, to).map_err(|reason| bad_input(format!("{}: {reason}", path.display())))?;
    if read.notifications.is_empty() {
        return Err(bad_input(format!("{}: no notification in it", path.display())));
    }
    let too_late = |notification: &Notification| latest.is_some_and(|latest| notification.not_before > Some(latest));
    if let Some(at) = read.notifications.iter().position(too_late) {
        let (path, line) = (path.display(), read.lines[at]);
        let reason = "`not_before`: later than one shot waits, raise --wait beyond it";
        return Err(bad_input(format!("{path}: line {line}: {reason}")));
    }
    Ok(Batch { notifications: read.notifications, lines: Some(read.lines) })
}

/// The body: what was typed, else what stdin holds. Nobody is made to type on a terminal.
fn body(typed: Option<&str>) -> Result<String, Failure> {
    match typed {
        Some("-") => from_stdin(),
        Some(body) => Ok(body.to_owned()),
        None if io::stdin().is_terminal() => Ok(String::new()),
        None => from_stdin(),
    }
}

/// All of stdin, without the newline that `echo` puts at the end.
fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(BODY_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| bad_input(format!("cannot read the body from stdin: {error}")))?;
    if bytes.len() as u64 > BODY_BYTES_MAX {
        return Err(bad_input(format!("the body from stdin is longer than {BODY_BYTES_MAX} bytes, attach it as a file instead")));
    }
    let body =
        String::from_utf8(bytes).map_err(|_| bad_input("the body from stdin is not UTF-8, attach it as a file instead"))?;
    let body = body.strip_suffix('\n').map(|body| body.strip_suffix('\r').unwrap_or(body)).unwrap_or(&body);
    Ok(body.to_owned())
}

fn bad_input(message: impl Into<String>) -> Failure {
    Failure::new(Exit::BadInput, message)
}
