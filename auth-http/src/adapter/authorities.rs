//! The authorities that a URL's `ssl-ca` names instead of the public ones: how they are read, and what to do about
//! a certificate that they do not cover.

use std::{fs, path::Path};

use rustls::pki_types::{CertificateDer, pem::PemObject};

/// Reads a PEM file; returns its bytes and the certificates in it.
///
/// # Errors
/// Returns which file is wrong, and how. A file without a certificate would make every server untrusted.
pub(super) fn read(file: &Path) -> Result<(Vec<u8>, Vec<CertificateDer<'static>>), String> {
    let wrong = |why: String| format!("{}: {why}", file.display());
    let pem = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(wrong("there is no certificate in it; a PEM file has BEGIN CERTIFICATE".to_owned()))
        }
        Ok(certificates) => Ok((pem, certificates)),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Returns what to do about a certificate that was refused, where its error alone does not; none for other errors.
pub(crate) fn advice(error: &str) -> Option<&'static str> {
    error.contains("CaUsedAsEndEntity").then_some(
        "the server shows a self-signed certificate that is marked as an authority (CA:TRUE), which no server's may be: \
         let it show one that this authority has signed, or make it anew with `openssl req -x509 … -addext \
         basicConstraints=critical,CA:FALSE` and name that one in ssl-ca=FILE",
    )
}
