//! TLS as the configuration wants it: whom to trust, what to show, which versions.

use std::path::Path;

use lettre::transport::smtp::client::{Certificate, CertificateStore, Identity, TlsParameters, TlsVersion as Version};

use super::{EmailConfig, Security, TlsVersion};
use crate::contract::ConfigError;

/// The parameters of every handshake; `None` where nothing is ever encrypted.
///
/// # Errors
///
/// [`ConfigError`] naming the key.
pub(super) fn parameters(config: &EmailConfig) -> Result<Option<TlsParameters>, ConfigError> {
    let identity = identity(config)?;
    if config.security == Security::None {
        return match identity {
            Some(_) => Err(ConfigError::at("client_cert_file", "a certificate needs TLS: set security to `starttls` or `tls`")),
            None => Ok(None),
        };
    }
    let version = match config.tls_min_version {
        TlsVersion::V1_2 => Version::Tlsv12,
        TlsVersion::V1_3 => Version::Tlsv13,
    };
    let mut builder = TlsParameters::builder(config.host.clone()).set_min_tls_version(version);
    if let Some(path) = &config.ca_file {
        let authority = Certificate::from_pem(&read("ca_file", path)?)
            .map_err(|_| ConfigError::at("ca_file", format!("`{}`: expected certificates in PEM form", path.display())))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    if let Some(identity) = identity {
        builder = builder.identify_with(identity);
    }
    let parameters = builder.build().map_err(|error| match config.client_cert_file {
        Some(_) => ConfigError::at("client_key", format!("the client's certificate and key cannot be used together: {error}")),
        None => ConfigError::new(format!("TLS cannot be set up: {error}")),
    })?;
    Ok(Some(parameters))
}

fn identity(config: &EmailConfig) -> Result<Option<Identity>, ConfigError> {
    let (path, key) = match (&config.client_cert_file, &config.client_key) {
        (None, None) => return Ok(None),
        (Some(path), Some(key)) => (path, key),
        (Some(_), None) => {
            return Err(ConfigError::at("client_key", "a client_cert_file needs the client_key that goes with it"));
        }
        (None, Some(_)) => return Err(ConfigError::at("client_cert_file", "a client_key needs the client_cert_file it is for")),
    };
    let certificates = read("client_cert_file", path)?;
    if Certificate::from_pem(&certificates).is_err() || !certificates.windows(10).any(|text| text == b"-----BEGIN") {
        return Err(ConfigError::at("client_cert_file", format!("`{}`: expected certificates in PEM form", path.display())));
    }
    // What the parser says could repeat a piece of the key.
    let identity = Identity::from_pem(&certificates, key.expose().as_bytes())
        .map_err(|_| ConfigError::at("client_key", "expected a private key in PEM form, such as { file = \"client.key\" }"))?;
    Ok(Some(identity))
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|error| ConfigError::at(key, format!("`{}`: {error}", path.display())))
}
