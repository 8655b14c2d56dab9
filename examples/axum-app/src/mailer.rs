//! The texts of the mails, and the folder from which a mail server picks them up.

use std::{
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use auth_core::{Detail, Fault, SendMail, Sending, Template};
use mail_builder::MessageBuilder;
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};

pub struct Mailer {
    folder: PathBuf,
}

impl Mailer {
    pub async fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder).await?;
        Ok(Self { folder })
    }

    /// Writes the mail to the folder, as a whole or not at all, and to the disk before it counts as accepted. A mail
    /// that is sent again has the same name, so it replaces the earlier one if that was not picked up yet.
    pub async fn send(&self, mail: &SendMail) -> Result<Sending, Fault> {
        let text = message(mail).map_err(|_| Fault::NotDone)?;
        let name = |end: &str| self.folder.join(format!("{}.{end}", mail.id));
        let (draft, ready) = (name("tmp"), name("eml"));
        if let Err(error) = write(&draft, &text).await {
            tracing::warn!(%error, "a mail could not be written");
            return Ok(Sending::Deferred(Detail::new(&error.to_string())));
        }
        let placed = async {
            fs::rename(&draft, &ready).await?;
            File::open(&self.folder).await?.sync_all().await
        };
        placed.await.map(|()| Sending::Accepted).map_err(|error| {
            tracing::warn!(%error, "a mail may be missing in the folder");
            Fault::Unknown
        })
    }
}

async fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::create(path).await?;
    file.write_all(text).await?;
    file.sync_all().await
}

fn message(mail: &SendMail) -> io::Result<Vec<u8>> {
    let (subject, text) = match &mail.template {
        Template::Activation { code, ttl, tries } => (
            "Welcome to the reading club",
            format!(
                "Your code is\r\n\r\n{}\r\n\r\nIt is valid for {} minutes and {tries} tries. If it does not work, \
                 ask for another mail.\r\n",
                code.expose(),
                ttl.as_secs() / 60,
            ),
        ),
        // Members are owed no other mails here.
        _ => (
            "You are a member already",
            "Somebody, perhaps you, has tried to join the reading club with your address. You are a member: \
             nothing has changed.\r\n"
                .to_owned(),
        ),
    };
    MessageBuilder::new()
        .from(("The reading club", "club@example.org"))
        .to(mail.to.as_str())
        .subject(subject)
        // The default would contain the name of this machine.
        .message_id(format!("{}@example.org", mail.id))
        .date(seconds_since_1970())
        .text_body(text)
        .write_to_vec()
}

#[expect(clippy::disallowed_methods, reason = "the date of a mail; it decides nothing")]
fn seconds_since_1970() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs().cast_signed()
}
