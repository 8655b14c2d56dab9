//! How far a conversation with an SMTP server came, and what ended it, in words for an operator.
//!
//! What that means for the mail is said in `mail_smtp.rs`.

use std::fmt;

use mail_send::Error;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Connection,
    Tls,
    Greeting,
    Ehlo,
    StartTls,
    Login,
    Reset,
    Mail,
    Rcpt,
    Data,
    Content,
    End,
}

/// The step of a conversation that failed, and why.
pub(super) struct SmtpFailure {
    pub(super) phase: Phase,
    cause: Cause,
}

enum Cause {
    Reply { code: u16, text: String },
    Said(String),
}

impl SmtpFailure {
    pub(super) fn new(phase: Phase, error: Error) -> Self {
        let cause = match error {
            Error::UnexpectedReply(reply) | Error::AuthenticationFailed(reply) => {
                let [class, subject, detail] = reply.esc;
                let enhanced =
                    if class == 0 { String::new() } else { format!("{class}.{subject}.{detail} ") };
                let text = format!("{enhanced}{}", reply.message.replace(['\r', '\n'], " "));
                Cause::Reply { code: reply.code, text }
            }
            Error::Timeout => Cause::Said("no answer in time".to_owned()),
            // This is also what an end of the connection looks like.
            Error::UnparseableReply => Cause::Said("the server closed, or makes no sense".to_owned()),
            Error::Io(error) => Cause::Said(error.to_string()),
            Error::Tls(error) => Cause::Said(error.to_string()),
            odd @ (Error::Base64(_)
            | Error::Auth(_)
            | Error::InvalidTLSName
            | Error::MissingCredentials
            | Error::MissingMailFrom
            | Error::MissingRcptTo
            | Error::UnsupportedAuthMechanism
            | Error::MissingStartTls) => Cause::Said(odd.to_string()),
        };
        Self { phase, cause }
    }

    pub(super) fn said(phase: Phase, text: &str) -> Self {
        Self { phase, cause: Cause::Said(text.to_owned()) }
    }

    /// Returns the code of the reply, if there was one.
    pub(super) const fn code(&self) -> Option<u16> {
        match self.cause {
            Cause::Reply { code, .. } => Some(code),
            Cause::Said(_) => None,
        }
    }

    /// Returns whether another mail may go over the same connection.
    pub(super) fn leaves_the_connection(&self) -> bool {
        matches!(self.phase, Phase::Mail | Phase::Rcpt | Phase::Data | Phase::End)
            && self.code().is_some_and(|code| code != 421 && (400..600).contains(&code))
    }

    /// Returns whether the server had received an address.
    pub(super) const fn knows_addresses(&self) -> bool {
        matches!(self.phase, Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Content | Phase::End)
    }

    /// Returns what happened, without what the server wrote.
    pub(super) fn without_text(&self) -> String {
        match &self.cause {
            Cause::Reply { code, .. } => format!("{}: {code}", self.phase.name()),
            Cause::Said(_) => self.to_string(),
        }
    }
}

impl fmt::Display for SmtpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Reply { code, text } => write!(f, "{}: {code} {text}", self.phase.name()),
            Cause::Said(text) => write!(f, "{}: {text}", self.phase.name()),
        }
    }
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Tls => "TLS",
            Self::Greeting => "greeting",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Login => "login",
            Self::Reset => "RSET",
            Self::Mail => "MAIL FROM",
            Self::Rcpt => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "message",
            Self::End => "end of message",
        }
    }
}
