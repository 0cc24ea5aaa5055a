//! TLS as the configuration wants it: whom to trust, what to show, which versions.

use std::path::Path;

use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Identity, TlsParameters, TlsParametersBuilder, TlsVersion as Version,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{EmailConfig, Security, TlsVersion};
use crate::contract::{ConfigError, Secret};

/// The parameters of every handshake; `None` where nothing is ever encrypted.
///
/// # Errors
///
/// [`ConfigError`] naming the key.
pub(super) fn parameters(config: &EmailConfig) -> Result<Option<TlsParameters>, ConfigError> {
    let shown = match (&config.client_cert_file, &config.client_key) {
        (None, None) => None,
        (Some(_), _) if config.security == Security::None => {
            return Err(ConfigError::at("client_cert_file", "a certificate needs TLS: set security to `starttls` or `tls`"));
        }
        (Some(path), Some(key)) => Some((path, key)),
        (Some(_), None) => {
            return Err(ConfigError::at("client_key", "a client_cert_file needs the client_key that goes with it"));
        }
        (None, Some(_)) => return Err(ConfigError::at("client_cert_file", "a client_key needs the client_cert_file it is for")),
    };
    if config.security == Security::None {
        return Ok(None);
    }
    let version = match config.tls_min_version {
        TlsVersion::V1_2 => Version::Tlsv12,
        TlsVersion::V1_3 => Version::Tlsv13,
    };
    let mut builder = TlsParameters::builder(config.host.clone()).set_min_tls_version(version);
    if let Some(path) = &config.ca_file {
        let authority = Certificate::from_pem(&read("ca_file", path)?).map_err(|_| no_certificate("ca_file", path))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    match shown {
        Some((path, key)) => identified(builder, path, key).map(Some),
        None => builder.build().map(Some).map_err(|error| ConfigError::new(format!("TLS cannot be set up: {error}"))),
    }
}

/// The parameters of a client that shows a certificate.
fn identified(builder: TlsParametersBuilder, path: &Path, key: &Secret) -> Result<TlsParameters, ConfigError> {
    let pem = read("client_cert_file", path)?;
    let first = CertificateDer::from_pem_slice(&pem).map_err(|_| no_certificate("client_cert_file", path))?;
    // lettre 0.11.23 takes with rustls the bytes it is given for one certificate in DER, though it calls them PEM.
    for form in [&*first, &pem] {
        // What the parser says could repeat a piece of the key.
        let identity = Identity::from_pem(form, key.expose().as_bytes()).map_err(|_| {
            ConfigError::at("client_key", "expected a private key in PEM form, such as { file = \"client.key\" }")
        })?;
        if let Ok(parameters) = builder.clone().identify_with(identity).build() {
            return Ok(parameters);
        }
    }
    Err(ConfigError::at("client_key", "is not the key of the certificate in `client_cert_file`, or of no kind that TLS knows"))
}

fn no_certificate(key: &str, path: &Path) -> ConfigError {
    ConfigError::at(key, format!("`{}`: expected a certificate in PEM form", path.display()))
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|error| ConfigError::at(key, format!("`{}`: {error}", path.display())))
}
