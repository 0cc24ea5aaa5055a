//! A file that goes along, and the media type its name stands for.

use std::{fs, path::Path};

use notifyhub_platforms::contract::{Attachment, AttachmentContent};

/// Longest attachment, in bytes; no platform takes more.
const FILE_BYTES_MAX: u64 = 100 * 1024 * 1024;

/// Media types by file extension (IANA), for what people attach to notifications.
const TYPES: [(&str, &str); 22] = [
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("zip", "application/zip"),
];

/// Reads the file at `path`.
pub fn read(path: &Path) -> Result<Attachment, String> {
    let shown = path.display();
    let Some(name) = path.file_name() else { return Err(format!("`{shown}` is no file")) };
    let size = fs::metadata(path).map_err(|error| format!("cannot attach `{shown}`: {error}"))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("cannot attach `{shown}`: it has {size} bytes, at most {FILE_BYTES_MAX} may go along"));
    }
    let bytes = fs::read(path).map_err(|error| format!("cannot attach `{shown}`: {error}"))?;
    let (name, mime) = (name.to_string_lossy().into_owned(), mime(path).to_owned());
    Ok(Attachment { name, mime, content: AttachmentContent::Bytes(bytes.into()) })
}

fn mime(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let known = TYPES.iter().find(|(known, _)| *known == extension);
    known.map_or("application/octet-stream", |(_, mime)| mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_the_media_type() {
        for (path, expected) in [
            ("a/graph.PNG", "image/png"),
            ("backup.tar.gz", "application/gzip"),
            ("core", "application/octet-stream"),
            ("x.unheard-of", "application/octet-stream"),
        ] {
            assert_eq!(mime(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = read(Path::new("/no/such/file.txt")).expect_err("no such file");
        assert!(error.starts_with("cannot attach `/no/such/file.txt`: "), "{error}");
        assert_eq!(read(Path::new("..")), Err("`..` is no file".into()));
    }
}
