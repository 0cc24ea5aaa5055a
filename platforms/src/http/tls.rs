//! TLS as the transport speaks it: who is trusted, and who we are to servers that ask.

use std::sync::Arc;

use rustls::{
    ClientConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;

use crate::contract::{ClientIdentity, ConfigError, TransportError, TransportErrorKind};

/// What the TLS configurations of one transport have in common, and the certificate it shows, if any.
#[derive(Clone)]
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    verifier: Arc<Verifier>,
    config: ClientConfig,
}

impl Tls {
    /// Trusts the operating system's certificates and `extra`; shows no certificate.
    pub(super) fn new(extra: impl Iterator<Item = CertificateDer<'static>>) -> Result<Self, TransportError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(|error| {
            let detail = format!("cannot load root certificates: {error}; install the package ca-certificates");
            TransportError::new(TransportErrorKind::Tls, detail)
        })?;
        let verifier = Arc::new(verifier);
        let config = finished(builder(&provider, &verifier).with_no_client_auth());
        Ok(Self { provider, verifier, config })
    }

    /// Trusts the same certificates and shows this one where it is asked for.
    pub(super) fn with_identity(&self, identity: &ClientIdentity) -> Result<Self, ConfigError> {
        let chain = CertificateDer::pem_slice_iter(identity.certificates.expose().as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
            ConfigError::at("certificates", "holds no certificate that can be read, expected PEM: -----BEGIN CERTIFICATE-----")
        })?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes()).map_err(|_| {
            ConfigError::at(
                "key",
                "holds no private key that can be read, expected PEM without a password: -----BEGIN PRIVATE KEY-----",
            )
        })?;
        let config = builder(&self.provider, &self.verifier).with_client_auth_cert(chain, key).map_err(|error| {
            ConfigError::at("key", format!("does not go with the first certificate, or cannot be used: {error}"))
        })?;
        Ok(Self { config: finished(config), ..self.clone() })
    }

    /// The configuration of a client.
    pub(super) fn config(&self) -> ClientConfig {
        self.config.clone()
    }
}

fn builder(
    provider: &Arc<CryptoProvider>,
    verifier: &Arc<Verifier>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .dangerous() // the word for "not rustls' own verifier"; this one asks the operating system's roots
        .with_custom_certificate_verifier(verifier.clone())
}

fn finished(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
