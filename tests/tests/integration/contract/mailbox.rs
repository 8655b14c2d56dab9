//! Rules of the development mailbox: what it shows, and how many mails.

use auth_core::{Sending, Template};

use super::{
    harness::MailboxHarness,
    mailer::{CODE, activation, order},
};

async fn send(harness: &impl MailboxHarness, n: u16, template: Template) {
    let order = order(n, &format!("user{n}@example.org"), "en", template);
    assert_eq!(harness.mailer().send(&order).await.unwrap(), Sending::Accepted);
}

pub(super) async fn the_mailbox_shows_the_newest_first(harness: &impl MailboxHarness) {
    assert_eq!(harness.mailbox().mails().len(), 0);
    for n in 1..=3 {
        send(harness, n, Template::Notice).await;
        assert_eq!(harness.mailbox().mails()[0].to, format!("user{n}@example.org"));
    }
    let shown: Vec<String> = harness.mailbox().mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(shown, ["user3@example.org", "user2@example.org", "user1@example.org"]);
}

pub(super) async fn the_mailbox_shows_each_mails_name_and_code(harness: &impl MailboxHarness) {
    send(harness, 1, activation()).await;
    send(harness, 2, Template::Notice).await;
    let [notice, activation] = &harness.mailbox().mails()[..] else { panic!("two mails") };
    assert_eq!(activation.code.as_deref(), Some(CODE));
    assert_eq!(notice.code, None);
    assert_eq!(activation.id, format!("0001{}", "07".repeat(14)));
    assert_ne!(notice.id, activation.id);
    for mail in [notice, activation] {
        let (date, time) = mail.at.split_once('T').unwrap();
        assert_eq!((date.len(), date.matches('-').count()), (10, 2), "{}", mail.at);
        assert!(time.ends_with('Z') && time.len() >= 9, "{}", mail.at);
    }
}

/// Threat: a flood of registrations fills the memory.
pub(super) async fn the_mailbox_is_bounded_and_forgets_the_oldest(harness: &impl MailboxHarness) {
    for n in 1..=1000 {
        send(harness, n, Template::Notice).await;
    }
    let mails = harness.mailbox().mails();
    assert!((100..=500).contains(&mails.len()), "{} are kept", mails.len());
    for (mail, n) in mails.iter().zip((1..=1000).rev()) {
        assert_eq!(mail.to, format!("user{n}@example.org"));
    }
}
