//! Keys that are promised but do nothing in this version: they are refused, not ignored.

/// Keys, by section. A whole section ends in nothing.
const KEYS: [(&str, &[&str]); 4] =
    [("telemetry", &["otlp_endpoint"]), ("templates", &[]), ("alerts", &[]), ("server", &["keys", "shutdown_grace"])];

/// Whether the key at this path is one of them. A platform's table may name what `[delivery]` may.
pub(crate) fn is_reserved_key(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        [section] => KEYS.contains(&(section, &[])),
        ["platforms", _, key] => KEYS.iter().any(|(section, keys)| *section == "delivery" && keys.contains(&key)),
        [section, key] => KEYS.iter().any(|(known, keys)| *known == section && keys.contains(&key)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use notifyhub_platforms::Registry;

    use super::*;
    use crate::config::{schema::schema, shape::Shape};

    #[test]
    fn nothing_that_works_is_reserved() {
        let document = schema(&Registry::empty());
        let kinds = Default::default();
        let root = Shape::root(&document, &kinds);
        for (section, keys) in KEYS {
            let path = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
            assert!(!keys.is_empty() || root.find(&path(&[section])).is_none(), "{section} works");
            for key in keys {
                assert!(root.find(&path(&[section, key])).is_none(), "{section}.{key} works");
            }
        }
    }
}
