//! Strings that are never printed and cannot be serialised.

use std::{env, fmt, fs, process::Command};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

/// A credential. In configuration it is written in one of four ways:
///
/// ```toml
/// token = "inline"
/// token = { env = "OPS_TOKEN" }
/// token = { file = "/run/secrets/ops" }            # a trailing newline is dropped
/// token = { cmd = ["pass", "show", "ops"] }        # first line of stdout; no shell
/// ```
///
/// It is resolved once, when the configuration is read. It has no `Display`, no `Serialize`, and its `Debug` shows
/// nothing:
///
/// ```
/// use notifyhub_platforms::contract::Secret;
/// assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret([redacted])");
/// ```
/// ```compile_fail
/// use notifyhub_platforms::contract::Secret;
/// println!("{}", Secret::new("hunter2"));
/// ```
/// ```compile_fail
/// use notifyhub_platforms::contract::Secret;
/// serde_json::to_string(&Secret::new("hunter2"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a credential.
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }

    /// The credential itself: for the request it belongs in, not for logs, errors or metrics.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret: \"inline\", { env = \"NAME\" }, { file = \"PATH\" } or { cmd = [\"PROGRAM\", \"ARG\"] }")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Secret, E> {
        Ok(Secret::new(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let Some(source) = map.next_key::<String>()? else {
            return Err(de::Error::custom("a secret needs one of: env, file, cmd"));
        };
        let secret = match source.as_str() {
            "env" => from_env(&map.next_value::<String>()?),
            "file" => from_file(&map.next_value::<String>()?),
            "cmd" => from_command(&map.next_value::<CommandLine>()?.0),
            other => Err(format!("unknown source `{other}` of a secret, expected one of: env, file, cmd")),
        };
        if let Some(extra) = map.next_key::<String>()? {
            return Err(de::Error::custom(format!("a secret has one source, found `{source}` and `{extra}`")));
        }
        secret.map_err(de::Error::custom)
    }
}

/// A program and its arguments: a list, or one string split at white space.
struct CommandLine(Vec<String>);

impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Line(String),
            List(Vec<String>),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Line(line) => line.split_whitespace().map(str::to_owned).collect(),
            Written::List(list) => list,
        }))
    }
}

fn from_env(name: &str) -> Result<Secret, String> {
    let value = env::var(name).map_err(|error| match error {
        env::VarError::NotPresent => format!("environment variable `{name}` is not set"),
        env::VarError::NotUnicode(_) => format!("environment variable `{name}` is not valid UTF-8"),
    })?;
    non_empty(&value, || format!("environment variable `{name}` is empty"))
}

fn from_file(path: &str) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read secret file `{path}`: {error}"))?;
    non_empty(text.trim_end_matches(['\n', '\r']), || format!("secret file `{path}` is empty"))
}

fn from_command(line: &[String]) -> Result<Secret, String> {
    let Some((program, arguments)) = line.split_first() else { return Err("`cmd` of a secret names no program".into()) };
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("cannot run `{program}` for a secret: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{program}` for a secret ended with {}", output.status));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| format!("`{program}` for a secret printed no valid UTF-8"))?;
    non_empty(text.lines().next().unwrap_or_default(), || format!("`{program}` for a secret printed nothing"))
}

fn non_empty(value: &str, otherwise: impl FnOnce() -> String) -> Result<Secret, String> {
    if value.is_empty() { Err(otherwise()) } else { Ok(Secret::new(value)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn read(value: Value) -> Result<String, String> {
        from_value::<Secret>(value).map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_comes_inline_from_env_from_a_file_or_from_a_command() {
        let path = env::temp_dir().join(format!("notifyhub-secret-{}", std::process::id()));
        fs::write(&path, "from file\n").expect("the temporary folder is writable");
        assert_eq!(read(json!("inline")), Ok("inline".into()));
        assert_eq!(read(json!({"env": "CARGO_PKG_NAME"})), Ok("notifyhub-platforms".into()));
        assert_eq!(read(json!({"file": path.to_str()})), Ok("from file".into()));
        assert_eq!(read(json!({"cmd": ["printf", "from cmd\nmore"]})), Ok("from cmd".into()));
        assert_eq!(read(json!({"cmd": "printf line"})), Ok("line".into()));
        fs::remove_file(path).expect("the file was there");
    }

    #[test]
    fn a_secret_that_cannot_be_had_says_where_it_was_looked_for() {
        for (value, part) in [
            (json!({"env": "NOTIFYHUB_NO_SUCH"}), "environment variable `NOTIFYHUB_NO_SUCH` is not set"),
            (json!({"file": "/no/such/file"}), "cannot read secret file `/no/such/file`"),
            (json!({"cmd": ["false"]}), "`false` for a secret ended with exit status: 1"),
            (json!({"cmd": ["true"]}), "printed nothing"),
            (json!({"vault": "x"}), "unknown source `vault` of a secret, expected one of: env, file, cmd"),
            (json!({"env": "CARGO_PKG_NAME", "file": "x"}), "a secret has one source, found `env` and `file`"),
            (json!(5), "expected a secret"),
        ] {
            let error = read(value).expect_err("not a secret");
            assert!(error.contains(part), "{error}");
        }
    }
}
