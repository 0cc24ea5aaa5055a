//! Checks on the addresses configurations hold, and the secrets in them.

use url::Url;

use crate::contract::Secret;

/// Reads an absolute `https` address; plain `http` is for private networks only.
///
/// # Errors
///
/// What is wrong with it, without repeating it.
pub fn check(address: &str, allow_private: bool) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|error| format!("is no URL ({error}), expected https://…"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_private => Ok(url),
        "http" => Err("would send in the clear: use https, or set `allow_private_networks = true` for a host of your own".into()),
        _ => Err("has a scheme that is not http, expected https://…".into()),
    }
}

/// `address` with scheme and host (and what path it has) of `base_url` in place of its own.
///
/// # Errors
///
/// What is wrong with it, without repeating it.
pub fn rebase(address: &str, base_url: &str) -> Result<String, String> {
    let url = Url::parse(address).map_err(|error| format!("is no URL ({error}), expected https://…"))?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{}{}{query}", base_url.trim_end_matches('/'), url.path()))
}

/// The address and every part of it that could come back in an answer: itself, path with query, path, last segments.
pub fn secrets_of(address: &Secret) -> Vec<Secret> {
    let Ok(url) = Url::parse(address.expose()) else { return vec![address.clone()] };
    let path_and_query = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let segments = url.path_segments().into_iter().flatten().rev().take(2).filter(|segment| segment.len() >= 8);
    let mut secrets = vec![address.clone(), Secret::new(path_and_query), Secret::new(url.path())];
    secrets.extend(segments.map(Secret::new));
    secrets.retain(|secret| secret.expose().len() > 1);
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_an_address_unless_private_networks_are_allowed() {
        assert!(check("https://x.example/a", false).is_ok());
        assert!(check("http://127.0.0.1/a", true).is_ok());
        for address in ["http://x.example", "ftp://x.example", "x.example/s3cret", ""] {
            let error = check(address, false).expect_err("refused");
            assert!(error.contains("https") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_rebased_address_keeps_path_and_query() {
        assert_eq!(rebase("https://a.example/x/y?z=1", "http://127.0.0.1:9/p/").as_deref(), Ok("http://127.0.0.1:9/p/x/y?z=1"));
    }

    #[test]
    fn each_part_of_a_secret_address_is_a_secret() {
        let secrets = secrets_of(&Secret::new("https://hooks.example/services/T1/B1/s3cretpart?k=v"));
        let exposed: Vec<_> = secrets.iter().map(Secret::expose).collect();
        assert!(exposed.contains(&"s3cretpart") && exposed.contains(&"/services/T1/B1/s3cretpart?k=v"));
    }
}
