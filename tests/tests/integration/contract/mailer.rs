//! Rules of mailers: an accepted mail arrives once, at one recipient, with the right content.

use std::time::Duration;

use auth_core::{Address, Alphabet, CodeFormat, Locale, MailId, SendMail, Sending, Template};

use super::harness::{Arrived, MailerHarness, SERVICE};

pub(super) const CODE: &str = "271828";

/// Valid local parts that could be read as an option, a header, a template, SQL or a shell command.
const HOSTILE: [&str; 8] = [
    "!#$%&'*+-/=?^_`{|}~@example.org",
    "-oQ/tmp/x@example.org",
    "{{code}}@example.org",
    "{%raw%}@example.org",
    "%0d%0aBcc=eve@example.org",
    "'or'1'='1@example.org",
    "$HOME`id`&&id@example.org",
    "x@xn--bcher-kva.example",
];

pub(super) fn activation() -> Template {
    let code = CodeFormat::new(Alphabet::Digits, 6).unwrap().parse(CODE).unwrap();
    Template::Activation { code, ttl: Duration::from_secs(600), tries: 5 }
}

pub(super) fn order(n: u16, to: &str, locale: &str, template: Template) -> SendMail {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    let locale = Locale::parse(locale).unwrap();
    SendMail { id: MailId::from_bytes(id), to: Address::parse(to).unwrap().recipient(), locale, template }
}

/// Sends one mail and returns it as it arrived.
async fn sent(harness: &impl MailerHarness, order: SendMail) -> Arrived {
    let before = harness.arrived().await.len();
    assert_eq!(harness.mailer().send(&order).await.unwrap(), Sending::Accepted);
    let mut arrived = harness.arrived().await;
    assert_eq!(arrived.len(), before + 1, "one mail arrives once");
    arrived.remove(before)
}

pub(super) async fn an_accepted_mail_arrives_once_at_its_recipient(harness: &impl MailerHarness) {
    for template in [activation(), Template::Notice] {
        let arrived = sent(harness, order(1, "Ada@example.org", "en", template)).await;
        assert_eq!(arrived.recipients, ["Ada@example.org"], "in the spelling of the order");
        assert!(!arrived.subject.is_empty() && !arrived.text.is_empty() && !arrived.html.is_empty());
    }
}

pub(super) async fn mails_arrive_in_the_order_they_were_sent_in(harness: &impl MailerHarness) {
    for n in 0..5 {
        sent(harness, order(n, &format!("user{n}@example.org"), "en", Template::Notice)).await;
    }
    let arrived = harness.arrived().await;
    let recipients: Vec<&str> =
        arrived.iter().flat_map(|mail| &mail.recipients).map(String::as_str).collect();
    let expected: Vec<String> = (0..5).map(|n| format!("user{n}@example.org")).collect();
    assert_eq!(recipients, expected);
}

pub(super) async fn a_hostile_looking_address_is_one_recipient_verbatim(harness: &impl MailerHarness) {
    for to in HOSTILE {
        assert_eq!(Address::parse(to).unwrap().recipient().as_str(), to, "it is an address");
        for template in [activation(), Template::Notice] {
            let arrived = sent(harness, order(1, to, "en", template)).await;
            assert_eq!(arrived.recipients, [to]);
            let said = [arrived.subject, arrived.text, arrived.html].concat();
            assert!(!said.contains(to), "no text of a visitor is in a mail: {said}");
        }
    }
}

pub(super) async fn the_code_stands_alone_on_a_line_of_the_text(harness: &impl MailerHarness) {
    for locale in ["en", "fr"] {
        let arrived = sent(harness, order(1, "ada@example.org", locale, activation())).await;
        assert!(arrived.text.lines().any(|line| line == CODE), "{}", arrived.text);
        assert!(arrived.html.contains(CODE));
        assert!(!arrived.subject.contains(CODE), "notifications show subjects");
    }
}

pub(super) async fn a_notice_carries_no_code(harness: &impl MailerHarness) {
    for locale in ["en", "fr"] {
        let arrived = sent(harness, order(1, "ada@example.org", locale, Template::Notice)).await;
        let digits = arrived.text.chars().filter(char::is_ascii_digit).count();
        assert_eq!(digits, 0, "{}", arrived.text);
    }
}

pub(super) async fn lifetime_and_tries_are_told(harness: &impl MailerHarness) {
    let Template::Activation { code, .. } = activation() else { panic!("it is one") };
    for (ttl, tries, told) in [(600, 5, ["10", "5"]), (90, 1, ["90", "1"]), (86_400, 200, ["24", "200"])] {
        for locale in ["en", "fr"] {
            let template = Template::Activation { code: code.clone(), ttl: Duration::from_secs(ttl), tries };
            let arrived = sent(harness, order(1, "ada@example.org", locale, template)).await;
            let numbers = |text: &str| -> Vec<String> {
                let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
                numbers.filter(|number| *number != CODE).map(str::to_owned).collect()
            };
            assert_eq!(numbers(&arrived.text), told, "{locale}: {}", arrived.text);
        }
    }
}

pub(super) async fn mails_name_the_service(harness: &impl MailerHarness) {
    for template in [activation(), Template::Notice] {
        for locale in ["en", "fr"] {
            let arrived = sent(harness, order(1, "ada@example.org", locale, template.clone())).await;
            assert!(arrived.subject.contains(SERVICE), "{}", arrived.subject);
            assert!(arrived.text.contains(SERVICE) && arrived.html.contains(SERVICE));
        }
    }
}

pub(super) async fn a_mail_is_in_its_language_or_in_english(harness: &impl MailerHarness) {
    for template in [activation(), Template::Notice] {
        let mut said = Vec::new();
        for locale in ["en", "fr", "fr-CA", "en-GB", "tlh", "x"] {
            let arrived = sent(harness, order(1, "ada@example.org", locale, template.clone())).await;
            said.push(arrived.text);
        }
        let [english, french, canadian, british, klingon, other] = &said[..] else { panic!("six mails") };
        assert!(english.contains("Hello") && french.contains("Bonjour"), "{english} {french}");
        assert_eq!(canadian, french, "the language without its region");
        assert_eq!([british, klingon, other], [english; 3], "English where there is no other");
    }
}

pub(super) async fn subjects_are_one_line(harness: &impl MailerHarness) {
    for template in [activation(), Template::Notice] {
        for locale in ["en", "fr"] {
            let arrived = sent(harness, order(1, "ada@example.org", locale, template.clone())).await;
            assert!(!arrived.subject.chars().any(char::is_control), "{:?}", arrived.subject);
            assert_eq!(arrived.subject.trim(), arrived.subject);
        }
    }
}
