//! One conversation with an SMTP server: its phases, each with its limit of time.
//!
//! What an answer means for the mail is said in `mail_smtp.rs`, what went wrong in `mail_smtp_failure.rs`.

use std::{io, net::SocketAddr, ops::RangeInclusive, sync::Arc, time::Duration};

use auth_core::{Recipient, Secret};
use mail_send::{Credentials, Error, SmtpClient};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use smtp_proto::{
    AUTH_LOGIN, AUTH_PLAIN, EXT_PIPELINING, EXT_START_TLS, EhloResponse, Response,
    response::parser::ResponseReceiver,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{
    authorities,
    mail_smtp::SmtpDeadlines,
    mail_smtp_failure::{Phase, SmtpFailure},
};
use crate::{
    config::{SmtpServer, SmtpTls},
    deadlines::smtp,
    port::PortError,
};

/// Where the server is, and how to connect to it.
pub(super) struct Way {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: SmtpTls,
    pub(super) login: Option<(String, Secret<String>)>,
    connector: TlsConnector,
    /// Who we say we are: the sender's domain. The machine's name is kept private.
    name: String,
}

/// The deadlines of one mail.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    phase: Duration,
    end: Instant,
    last_reply: Duration,
}

/// A connection, encrypted or not.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// One connection that mails can be sent on, one after the other.
pub(super) struct Conversation {
    client: SmtpClient<Box<dyn Transport>>,
    limits: Limits,
    /// Whether the server takes several commands at once (RFC 2920).
    pipelines: bool,
    /// What the server has said after its last reply.
    unread: Vec<u8>,
    /// Whether the server waits for the content of a mail that it does not get, or still owes replies.
    out_of_step: bool,
}

/// A command, its phase, and the good replies to it.
struct Command {
    phase: Phase,
    line: String,
    good: RangeInclusive<u16>,
}

impl Way {
    pub(super) fn new(server: &SmtpServer, sender: &Recipient) -> Result<Self, PortError> {
        let named = ServerName::try_from(server.host.as_str());
        if let (Err(error), SmtpTls::StartTls | SmtpTls::Implicit) = (named, server.tls) {
            return Err(PortError::not_done("read the host", error));
        }
        let mut roots = RootCertStore::empty();
        match &server.ssl_ca {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            // Threat: any public authority's certificate, where the operator named their own.
            Some(file) => {
                let wrong = |why: String| PortError::not_done("read ssl-ca", why);
                for certificate in authorities::read(file).map_err(wrong)?.1 {
                    let added = roots.add(certificate);
                    added.map_err(|error| wrong(format!("{}: {error}", file.display())))?;
                }
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| PortError::not_done("set up TLS", error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let domain = sender.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
        Ok(Self {
            host: server.host.clone(),
            port: server.port,
            tls: server.tls,
            login: server.login.clone(),
            connector: TlsConnector::from(Arc::new(config)),
            name: domain.to_owned(),
        })
    }

    /// Connects to the first of the server's addresses that answers; one that is silent leaves time for
    /// the others.
    async fn dial(&self, limit: Duration) -> Result<TcpStream, Error> {
        let addresses: Vec<SocketAddr> = lookup_host((self.host.as_str(), self.port)).await?.collect();
        let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut failure = Error::Io(io::Error::other("the host has no address"));
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // The final dot is a write of its own, and must not wait for what came before it.
                    stream.set_nodelay(true)?;
                    // A server that lost its power says nothing more: its last reply, which may take ten
                    // minutes, is given up after one.
                    let alive = TcpKeepalive::new()
                        .with_time(smtp::SILENCE)
                        .with_interval(smtp::SILENCE / 3)
                        .with_retries(3);
                    SockRef::from(&stream).set_tcp_keepalive(&alive)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => failure = Error::Io(error),
                Err(_) => failure = Error::Timeout,
            }
        }
        Err(failure)
    }
}

impl Limits {
    pub(super) fn from_now(deadlines: &SmtpDeadlines) -> Self {
        let SmtpDeadlines { phase, before_end, last_reply, .. } = *deadlines;
        Self { phase, end: Instant::now() + before_end, last_reply }
    }

    /// Returns limits for asking whether a warm connection is still one: a new one is soon made.
    fn short(self) -> Self {
        Self { phase: self.phase.min(smtp::RESET), ..self }
    }

    /// Does something within the limits. mail-send's own are not on every phase.
    async fn keep<T>(
        self,
        phase: Phase,
        work: impl Future<Output = mail_send::Result<T>>,
    ) -> Result<T, SmtpFailure> {
        let until = self.end.min(Instant::now() + self.phase);
        timeout_at(until, work)
            .await
            .unwrap_or(Err(Error::Timeout))
            .map_err(|error| SmtpFailure::new(phase, error))
    }
}

impl Conversation {
    /// Connects, encrypts, says who we are, and logs in.
    pub(super) async fn begin(way: &Way, limits: Limits) -> Result<Self, SmtpFailure> {
        let stream = limits.keep(Phase::Connection, way.dial(limits.phase)).await?;
        let client = SmtpClient { stream, timeout: limits.phase };
        let (mut client, capabilities) = match way.tls {
            SmtpTls::Plain => greeted(boxed(client), way, limits).await?,
            SmtpTls::Implicit => {
                let tls = client.into_tls(&way.connector, &way.host);
                greeted(boxed(limits.keep(Phase::Tls, tls).await?), way, limits).await?
            }
            SmtpTls::StartTls => {
                let (mut client, offered) = greeted(client, way, limits).await?;
                // Threat: somebody in between who takes the offer out, to read what follows. There is no
                // going on without TLS.
                if !offered.has_capability(EXT_START_TLS) {
                    return Err(SmtpFailure::said(Phase::StartTls, "the server does not offer it"));
                }
                let reply = limits.keep(Phase::StartTls, client.cmd(b"STARTTLS\r\n")).await?;
                expect(Phase::StartTls, 220..=220, reply)?;
                let tls = client.into_tls(&way.connector, &way.host);
                let mut client = boxed(limits.keep(Phase::Tls, tls).await?);
                // What was said before TLS counts for nothing (RFC 3207 section 4.2).
                let capabilities = hello(&mut client, way, limits).await?;
                (client, capabilities)
            }
        };
        let pipelines = capabilities.has_capability(EXT_PIPELINING);
        if let Some((user, password)) = &way.login {
            login(&mut client, capabilities, user, password, limits).await?;
        }
        Ok(Self { client, limits, pipelines, unread: Vec::new(), out_of_step: false })
    }

    /// Sends one mail to one recipient.
    pub(super) async fn deliver(&mut self, from: &str, to: &str, message: &[u8]) -> Result<(), SmtpFailure> {
        self.exchange(&envelope(from, to)).await?;
        self.content(message).await
    }

    /// Sends another mail on a connection that has waited; none if it does not serve any more.
    pub(super) async fn deliver_another(
        &mut self,
        limits: Limits,
        from: &str,
        to: &str,
        message: &[u8],
    ) -> Option<Result<(), SmtpFailure>> {
        self.limits = limits;
        let reset = Command { phase: Phase::Reset, line: "RSET\r\n".to_owned(), good: 200..=299 };
        let [mail, rcpt, data] = envelope(from, to);
        Some(match self.exchange(&[reset, mail, rcpt, data]).await {
            Ok(()) => self.content(message).await,
            Err(failure) if failure.phase == Phase::Reset => return None,
            refused => refused,
        })
    }

    /// Returns whether another mail may be sent after one that ended like this.
    pub(super) fn serves_after(&self, ended: &Result<(), SmtpFailure>) -> bool {
        !self.out_of_step && ended.as_ref().err().is_none_or(SmtpFailure::leaves_the_connection)
    }

    async fn content(&mut self, message: &[u8]) -> Result<(), SmtpFailure> {
        let stream = &mut self.client.stream;
        let content = async { Ok((stream.write_all(message).await?, stream.flush().await?)) };
        self.limits.keep(Phase::Content, content).await?;
        // The dot is written by itself: whatever failed before it, the server has no mail.
        let end = async {
            self.client.stream.write_all(b".\r\n").await?;
            self.client.stream.flush().await?;
            read_reply(&mut self.client.stream, &mut self.unread).await
        };
        let reply = timeout(self.limits.last_reply, end).await.unwrap_or(Err(Error::Timeout));
        expect(Phase::End, 200..=299, reply.map_err(|error| SmtpFailure::new(Phase::End, error))?)
    }

    /// Sends QUIT; nothing depends on the answer.
    pub(super) async fn quit(self) {
        let _ = timeout(self.limits.short().phase, self.client.quit()).await;
    }

    /// Sends commands until one is refused; all at once where the server takes them so, which saves round trips.
    async fn exchange(&mut self, commands: &[Command]) -> Result<(), SmtpFailure> {
        for commands in commands.chunks(if self.pipelines { commands.len() } else { 1 }) {
            let lines: String = commands.iter().map(|command| command.line.as_str()).collect();
            let first = commands.first().map_or(Phase::Mail, |command| command.phase);
            let stream = &mut self.client.stream;
            let written = async { Ok((stream.write_all(lines.as_bytes()).await?, stream.flush().await?)) };
            self.limits.keep(first, written).await?;
            let mut refused = Ok(());
            for Command { phase, good, .. } in commands {
                // A new connection is soon made, and nothing depends on what follows a refusal.
                let hurries = *phase == Phase::Reset || refused.is_err();
                let limits = if hurries { self.limits.short() } else { self.limits };
                let reply = read_reply(&mut self.client.stream, &mut self.unread);
                match limits.keep(*phase, reply).await {
                    Ok(reply) if refused.is_ok() => refused = expect(*phase, good.clone(), reply),
                    // Threat: a server that has refused the recipient may wait for the content all the same (RFC 2920
                    // section 3.1), and would take the next mail's commands and addresses for it. The lone dot that
                    // the RFC advises may send an empty mail; closing cannot.
                    Ok(reply) => self.out_of_step |= reply.code == 354,
                    // The refusal says more than that the server has gone since.
                    Err(failure) => {
                        self.out_of_step = true;
                        return refused.and(Err(failure));
                    }
                }
                if *phase == Phase::Reset && refused.is_err() {
                    break;
                }
            }
            refused?;
        }
        Ok(())
    }
}

/// Reads a reply; what has come after it stays for the next one.
async fn read_reply(
    stream: &mut (impl AsyncRead + Unpin),
    unread: &mut Vec<u8>,
) -> mail_send::Result<Response<String>> {
    let mut parser = ResponseReceiver::default();
    loop {
        let mut bytes = unread.iter();
        let parsed = parser.parse(&mut bytes);
        let rest = bytes.as_slice().len();
        unread.drain(..unread.len() - rest);
        match parsed {
            Ok(reply) => return Ok(reply),
            Err(smtp_proto::Error::NeedsMoreData { .. }) => {}
            Err(_) => return Err(Error::UnparseableReply),
        }
        if stream.read_buf(unread).await? == 0 {
            return Err(Error::UnparseableReply);
        }
    }
}

fn envelope(from: &str, to: &str) -> [Command; 3] {
    [
        Command { phase: Phase::Mail, line: format!("MAIL FROM:<{from}>\r\n"), good: 200..=299 },
        Command { phase: Phase::Rcpt, line: format!("RCPT TO:<{to}>\r\n"), good: 200..=299 },
        Command { phase: Phase::Data, line: "DATA\r\n".to_owned(), good: 354..=354 },
    ]
}

fn boxed<T: Transport + 'static>(client: SmtpClient<T>) -> SmtpClient<Box<dyn Transport>> {
    SmtpClient { stream: Box::new(client.stream), timeout: client.timeout }
}

/// Hears the greeting and says who we are.
async fn greeted<T: Transport>(
    mut client: SmtpClient<T>,
    way: &Way,
    limits: Limits,
) -> Result<(SmtpClient<T>, EhloResponse<String>), SmtpFailure> {
    let greeting = limits.keep(Phase::Greeting, client.read()).await?;
    expect(Phase::Greeting, 200..=299, greeting)?;
    let capabilities = hello(&mut client, way, limits).await?;
    Ok((client, capabilities))
}

/// Sends EHLO. A server that does not know EHLO is asked with HELO (RFC 5321 sections 3.2 and 4.1.1.1), unless
/// STARTTLS or a login is wanted: both are offered in the answer to EHLO alone.
async fn hello<T: Transport>(
    client: &mut SmtpClient<T>,
    way: &Way,
    limits: Limits,
) -> Result<EhloResponse<String>, SmtpFailure> {
    let needs_offers = way.tls == SmtpTls::StartTls || way.login.is_some();
    let refused = match limits.keep(Phase::Ehlo, client.ehlo(&way.name)).await {
        Err(failure) if !needs_offers && matches!(failure.code(), Some(500 | 501 | 502 | 504)) => failure,
        done => return done,
    };
    let reply = limits.keep(Phase::Ehlo, client.cmd(format!("HELO {}\r\n", way.name))).await?;
    // What it said to EHLO tells more.
    expect(Phase::Ehlo, 200..=299, reply).map_err(|_| refused)?;
    Ok(EhloResponse::new(String::new()))
}

async fn login<T: Transport>(
    client: &mut SmtpClient<T>,
    mut offered: EhloResponse<String>,
    user: &str,
    password: &Secret<String>,
    limits: Limits,
) -> Result<(), SmtpFailure> {
    // One attempt, in one of two ways; TLS protects both. mail-send goes on to others after a refusal,
    // CRAM-MD5 among them, which it begins without having it: what follows is out of step then.
    let known = [AUTH_PLAIN, AUTH_LOGIN].into_iter().find(|way| offered.auth_mechanisms & way != 0);
    let Some(mechanism) = known else {
        return Err(SmtpFailure::said(Phase::Login, "the server offers neither PLAIN nor LOGIN"));
    };
    offered.auth_mechanisms = mechanism;
    let credentials = Credentials::new(user, password.expose().as_str());
    limits.keep(Phase::Login, client.authenticate(&credentials, &offered)).await.map(|_| ())
}

fn expect(
    phase: Phase,
    good: std::ops::RangeInclusive<u16>,
    reply: Response<String>,
) -> Result<(), SmtpFailure> {
    if good.contains(&reply.code) {
        Ok(())
    } else {
        Err(SmtpFailure::new(phase, Error::UnexpectedReply(reply)))
    }
}
