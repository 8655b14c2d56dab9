//! The programmable SMTP peer's side of one conversation.
//!
//! It is a good server, except where an instruction (`smtp_peer.rs`) says otherwise.

use std::{io, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::interval,
};

use crate::{
    Received,
    smtp_peer::{Act, Manner, PeerState, Session, SmtpStep, Tls},
};

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

struct Talk {
    wire: BufReader<Box<dyn Duplex>>,
    shared: Arc<PeerState>,
    session: usize,
    encrypted: bool,
    known: bool,
    /// Whether a mail has a sender.
    begun: bool,
    from: String,
    to: Vec<String>,
}

pub(crate) async fn talk(stream: TcpStream, shared: Arc<PeerState>) {
    let session = {
        let mut sessions = shared.sessions.lock().unwrap();
        sessions.push(Session::default());
        sessions.len() - 1
    };
    let (known, encrypted) = (shared.manner.login.is_none(), false);
    let wire = BufReader::new(Box::new(stream) as Box<dyn Duplex>);
    let (begun, from, to) = Default::default();
    // Any way of ending is fine.
    let _ =
        Talk { wire, shared: Arc::clone(&shared), session, encrypted, known, begun, from, to }.run().await;
    shared.sessions.lock().unwrap()[session].ended = true;
}

impl Talk {
    async fn run(mut self) -> io::Result<()> {
        if self.shared.manner.tls == Tls::Implicit {
            self = self.encrypt().await?;
        }
        self.act(SmtpStep::Greeting, "", "220 peer.example ready").await?;
        loop {
            let line = self.line().await?;
            match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => {
                    let offered = self.offered();
                    self.act(SmtpStep::Ehlo, &line, &offered).await?;
                }
                "HELO" => drop(self.act(SmtpStep::Helo, &line, "250 peer.example").await?),
                "STARTTLS" => {
                    if self.act(SmtpStep::StartTls, &line, "220 go ahead").await? == 220 {
                        self = self.encrypt().await?;
                    }
                }
                "AUTH" => {
                    let verdict = self.login(&line).await?;
                    self.act(SmtpStep::Auth, &line, verdict).await?;
                }
                "MAIL" if !self.known => self.say("530 5.7.0 authentication required").await?,
                "MAIL" => {
                    (self.from, self.to) = (path(&line), Vec::new());
                    self.begun = self.act(SmtpStep::Mail, &line, "250 2.1.0 ok").await? < 300;
                }
                "RCPT" if !self.begun => self.say("503 5.5.1 MAIL first").await?,
                "RCPT" => {
                    if self.act(SmtpStep::Rcpt, &line, "250 2.1.5 ok").await? < 300 {
                        self.to.push(path(&line));
                    }
                }
                "DATA" if self.to.is_empty() && !self.shared.is_told(SmtpStep::Data) => {
                    self.say("554 5.5.1 no valid recipients").await?;
                }
                "DATA" => {
                    if self.act(SmtpStep::Data, &line, "354 go ahead").await? == 354 {
                        self.mail().await?;
                    }
                }
                "RSET" => drop(self.act(SmtpStep::Rset, &line, "250 ok").await?),
                "QUIT" => {
                    self.act(SmtpStep::Quit, &line, "221 bye").await?;
                    return Ok(());
                }
                _ => self.say("500 5.5.1 what?").await?,
            }
        }
    }

    fn offered(&self) -> String {
        let Manner { tls, login, mechanisms, pipelining, .. } = self.shared.manner;
        let starttls = (tls == Tls::StartTls && !self.encrypted).then(|| "250-STARTTLS\r\n".to_owned());
        let auth = login.map(|_| format!("250-AUTH {mechanisms}\r\n"));
        format!(
            "250-peer.example\r\n{}{}250 {}",
            starttls.unwrap_or_default(),
            auth.unwrap_or_default(),
            if pipelining { "PIPELINING" } else { "8BITMIME" }
        )
    }

    async fn encrypt(mut self) -> io::Result<Self> {
        let stream = self.shared.acceptor.accept(self.wire.into_inner()).await?;
        self.wire = BufReader::new(Box::new(stream));
        self.encrypted = true;
        Ok(self)
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        if self.wire.read_until(b'\n', &mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
        let session = &mut self.shared.sessions.lock().unwrap()[self.session];
        if self.encrypted { &mut session.encrypted } else { &mut session.clear }.push(line.clone());
        Ok(line)
    }

    async fn login(&mut self, line: &str) -> io::Result<&'static str> {
        let Some((user, password)) = self.shared.manner.login else { return Ok("503 5.5.1 no login here") };
        let right = match line.split(' ').collect::<Vec<_>>()[..] {
            ["AUTH", "PLAIN", given] => given == STANDARD.encode(format!("\0{user}\0{password}")),
            ["AUTH", "LOGIN"] => {
                let mut given = Vec::new();
                for prompt in ["Username:", "Password:"] {
                    self.say(&format!("334 {}", STANDARD.encode(prompt))).await?;
                    given.push(self.line().await?);
                }
                given == [STANDARD.encode(user), STANDARD.encode(password)]
            }
            _ => return Ok("504 5.5.4 not that one"),
        };
        self.known |= right;
        Ok(if right { "235 2.7.0 welcome" } else { "535 5.7.8 authentication failed" })
    }

    async fn mail(&mut self) -> io::Result<()> {
        let mut wire = Vec::new();
        while !(wire == b".\r\n" || wire.ends_with(b"\r\n.\r\n")) {
            if self.wire.read_until(b'\n', &mut wire).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let line = self.to.join(" ");
        let act = self.shared.order(SmtpStep::End, &line, "250 2.0.0 taken");
        if act.stores {
            let (from, recipients) = (self.from.clone(), self.to.clone());
            let mail = Received { session: self.session, from, recipients, wire };
            self.shared.mails.lock().unwrap().push(mail);
        }
        self.carry_out(act).await.map(|_| ())
    }

    async fn act(&mut self, step: SmtpStep, line: &str, usual: &str) -> io::Result<u16> {
        let act = self.shared.order(step, line, usual);
        self.carry_out(act).await
    }

    /// Answers; an error ends the connection.
    async fn carry_out(&mut self, act: Act) -> io::Result<u16> {
        let Act { reply, every, closes, .. } = act;
        let silent = reply.is_none();
        let text = reply.unwrap_or_default();
        match every {
            Some(every) => {
                let mut ticks = interval(every);
                for byte in text.bytes().chain(*b"\r\n") {
                    ticks.tick().await;
                    self.wire.write_all(&[byte]).await?;
                    self.wire.flush().await?;
                }
            }
            None if silent => {}
            None => self.say(&text).await?,
        }
        if silent && !closes {
            // Until the other side gives up.
            tokio::io::copy(&mut self.wire, &mut tokio::io::sink()).await?;
        }
        if silent || closes {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(text.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0))
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.wire.write_all(format!("{text}\r\n").as_bytes()).await?;
        self.wire.flush().await
    }
}

/// Returns the text between the angle brackets.
fn path(line: &str) -> String {
    line.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>')).map_or("", |(path, _)| path).to_owned()
}
