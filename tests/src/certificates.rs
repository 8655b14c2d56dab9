//! Certificates of servers, good ones and bad ones, and the authority that issues them.

use std::{fs, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::stack::unique;

/// The kind of a certificate, as seen by a client that trusts its authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    Good,
    Expired,
    /// For another host.
    OtherName,
    /// Issued by an authority that nobody trusts.
    OtherAuthority,
    /// Self-signed; the file to trust is the certificate.
    SelfSigned,
    /// Self-signed and marked as an authority.
    SelfSignedAuthority,
}

/// An authority; dropping it removes its file.
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub struct Issued {
    pub chain: String,
    pub key: String,
}

impl Authority {
    /// Makes an authority.
    #[expect(clippy::new_without_default, reason = "no two are alike")]
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Authorities are distinguished by their names first.
        params.distinguished_name.push(DnType::CommonName, unique("authority"));
        let key = KeyPair::generate().unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    /// Returns the file to trust, PEM.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Issues a certificate for this machine's loopback, unless its kind asks for another host.
    pub fn issue(&self, certificate: Certificate) -> Issued {
        match certificate {
            Certificate::Good => self.issue_to(&["127.0.0.1", "localhost"], |_| ()),
            Certificate::OtherName => self.issue_to(&["other.example"], |_| ()),
            Certificate::OtherAuthority => Self::new().issue(Certificate::Good),
            Certificate::SelfSigned => self.self_signed(IsCa::ExplicitNoCa),
            Certificate::SelfSignedAuthority => self.self_signed(IsCa::Ca(BasicConstraints::Unconstrained)),
            Certificate::Expired => self.issue_to(&["127.0.0.1", "localhost"], |params| {
                (params.not_before, params.not_after) =
                    (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
            }),
        }
    }

    /// Makes a self-signed certificate for loopback, and the one to trust.
    fn self_signed(&self, is_ca: IsCa) -> Issued {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let chain = params.self_signed(&key).unwrap().pem();
        fs::write(self.file(), &chain).unwrap();
        Issued { chain, key: key.serialize_pem() }
    }

    /// Issues a certificate for these names, with the given changes.
    pub fn issue_to(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Issued { chain: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }
}

impl Issued {
    /// Returns the configuration with which a server presents it.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let chain = vec![CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
