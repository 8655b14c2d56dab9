//! Messages on the wire: one recipient, fixed headers, and a form that RFC 5322 allows.

use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
};

use auth_core::{Address, Locale, Sending, Template};
use auth_http::{
    adapter::{clock::Clock, mail_smtp::MailSmtp, mail_templates::MailTemplates},
    config::MailFrom,
    port::Mailer,
};
use auth_tests::{
    Received,
    smtp_peer::{Manner, SmtpPeer},
};
use tempfile::TempDir;

use crate::smtp::{CODE, activation, mailer, pair, server};

const HEADERS: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Message-ID",
    "Date",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Type",
    "MIME-Version",
];

/// Asserts what holds for every message (RFC 5321 section 4.5.2, RFC 5322 section 2).
fn is_clean(mail: &Received) {
    let wire = &mail.wire;
    assert!(wire.ends_with(b"\r\n.\r\n"), "no final dot");
    assert!(wire.iter().all(|byte| byte.is_ascii() && (*byte >= b' ' || b"\r\n\t".contains(byte))), "7 bits");
    let text = std::str::from_utf8(wire).unwrap();
    for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n']), "{line:?}");
    }
    assert_eq!(text.matches("\r\n.\r\n").count(), 1, "one final dot: {text}");
    let mut names: Vec<String> = mail.headers().into_iter().map(|(name, _)| name).collect();
    names.sort();
    let mut expected = HEADERS;
    expected.sort();
    assert_eq!(names, expected, "each once, and no other");
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert_eq!(mail.header("X-Auto-Response-Suppress"), "All");
    assert_eq!(mail.header("MIME-Version"), "1.0");
    assert_eq!(mail.recipients.len(), 1);
    assert_eq!(mail.header("To").trim(), format!("<{}>", mail.recipients[0]));
    assert_eq!(mail.from, "no-reply@example.net");
}

#[tokio::test]
async fn every_language_and_template_is_clean() {
    let (peer, mailer) = pair(Manner::default());
    for locale in ["en", "fr"] {
        for template in [activation("ada@example.org").template, Template::Notice] {
            let mut order = activation("ada@example.org");
            (order.locale, order.template) = (Locale::parse(locale).unwrap(), template.clone());
            assert_eq!(mailer.send(&order).await.unwrap(), Sending::Accepted);
            let mail = peer.mails().pop().unwrap();
            is_clean(&mail);
            let rendered = MailTemplates::load(None, "Example", None).unwrap();
            let rendered = rendered.render(&template, &order.locale, order.to.as_str()).unwrap();
            assert_eq!(mail.subject(), rendered.subject);
            assert_eq!(&mail.text(), rendered.text.expose());
            assert_eq!(&mail.html(), rendered.html.expose());
            assert_eq!(mail.code().is_some(), template != Template::Notice);
        }
    }
}

#[tokio::test]
async fn names_in_the_headers_are_ours() {
    let (peer, mailer) = pair(Manner::default());
    let order = activation("ada@example.org");
    for _ in 0..2 {
        assert_eq!(mailer.send(&order).await.unwrap(), Sending::Accepted);
    }
    for mail in peer.mails() {
        assert_eq!(mail.header("From"), "\"Accounts\" <no-reply@example.net>");
        assert_eq!(mail.header("Message-ID"), format!("<{}@example.net>", order.id), "again the same");
        assert!(!mail.headers().iter().any(|(_, value)| value.contains(CODE)), "{:?}", mail.headers());
    }
}

#[tokio::test]
async fn answers_go_to_whom_they_are_meant_for() {
    for (name, header) in [("Help, Inc.", "\"Help, Inc.\" <help@example.com>"), ("", "<help@example.com>")] {
        let peer = SmtpPeer::start(Manner::default());
        let mut server = server(&peer, Manner::default());
        let address = Address::parse("help@example.com").unwrap();
        server.reply_to = Some(MailFrom { name: name.to_owned(), address });
        assert_eq!(mailer(&server).send(&activation("ada@example.org")).await.unwrap(), Sending::Accepted);
        let mail = peer.mails().remove(0);
        assert_eq!(mail.header("Reply-To").trim(), header);
        assert_eq!(
            (mail.from.as_str(), mail.recipients.len()),
            ("no-reply@example.net", 1),
            "the envelope stays"
        );
    }
}

#[tokio::test]
async fn the_date_is_the_clocks() {
    let peer = SmtpPeer::start(Manner::default());
    let clock = Clock::default();
    let templates = MailTemplates::load(None, "Example", None).unwrap();
    let mailer = MailSmtp::open(&server(&peer, Manner::default()), 8, templates, clock.clone()).unwrap();
    let mut years = Vec::new();
    for _ in 0..2 {
        assert_eq!(mailer.send(&activation("ada@example.org")).await.unwrap(), Sending::Accepted);
        let date = peer.mails().pop().unwrap().header("Date");
        // Sun, 22 Nov 2026 19:48:00 +0000
        let parts: Vec<&str> = date.split(' ').collect();
        let [day, _, month, year, time, "+0000"] = parts[..] else { panic!("{date}") };
        assert!(day.ends_with(',') && month.len() == 3 && time.split(':').count() == 3, "{date}");
        years.push(year.parse::<u32>().unwrap());
        clock.shift(366 * 86_400);
    }
    assert!(years[0] >= 2026 && years[1] - years[0] >= 1, "{years:?}");
}

/// Lines that SMTP, RFC 5322 or a mail server on the way could misinterpret.
#[tokio::test]
async fn whatever_a_template_says_the_message_is_clean() {
    let peer = SmtpPeer::start(Manner::default());
    let folder = TempDir::new().unwrap();
    let nasty = [
        ".\n",
        "..\n.a\n. \n",
        "\n.\nMAIL FROM:<eve@example.org>\n",
        "\r\n.\r\nRCPT TO:<eve@example.org>\r\n",
        "\r.\r\0\u{1b}[31m\u{7f}\n",
        "\n\r.\n\r\n",
        "From here\n>From there\n",
        "--\n--boundary\n=20=\n=\n",
        "trailing \t\n",
        &"long ".repeat(1000),
        &"x".repeat(5000),
        &format!("{}\n", "é🔑".repeat(1000)),
        "\u{2028}\u{85}\u{feff}\n",
    ];
    for (n, nasty) in nasty.into_iter().enumerate() {
        for (file, code) in [("activation.en.txt", "\n{{ code }}\n"), ("activation.en.html", "{{ code }}")] {
            fs::write(folder.path().join(file), format!("{nasty}{code}{nasty}")).unwrap();
        }
        let templates =
            MailTemplates::load(Some(folder.path()), "Exämple, \"Inc.\" =?utf-8?Q?x?= <a@b>", None).unwrap();
        let mut from = server(&peer, Manner::default());
        from.from.name = "Zoë (Accounts), Inc. =?utf-8?Q?x?=".to_owned();
        let mailer = MailSmtp::open(&from, 8, templates, Clock::default()).unwrap();
        assert_eq!(mailer.send(&activation("ada@example.org")).await.unwrap(), Sending::Accepted);
        let mails = peer.mails();
        assert_eq!(mails.len(), n + 1, "{nasty:?} is one mail");
        is_clean(&mails[n]);
        assert_eq!(mails[n].code().as_deref(), Some(CODE), "{nasty:?}");
        let expected: String = nasty.chars().filter(|c| !c.is_control()).collect();
        let text: String = mails[n].text().chars().filter(|c| !c.is_control()).collect();
        assert_eq!(text, format!("{expected}{CODE}{expected}"), "nothing else is lost");
    }
    assert!(peer.sessions().iter().all(|session| !session.clear.iter().any(|line| line.contains("eve@"))));
}

/// A generator whose seed is printed (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % end
    }

    fn text(&mut self, of: &[char], longest: usize) -> String {
        (0..=self.below(longest)).map(|_| of[self.below(of.len())]).collect()
    }
}

/// Threat: an address that injects further recipients or headers.
#[tokio::test]
async fn one_recipient_and_fixed_headers_whatever_the_address() {
    let seed = RandomState::new().build_hasher().finish() | 1;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let (peer, mailer) = pair(Manner::default());
    let plain: Vec<char> = "abcXYZ019!#$%&'*+-/=?^_`{|}~.".chars().collect();
    let hostile: Vec<char> = "ab.@<>\r\n\t \0\"\\(),:;[]\u{e9}\u{202e}\u{ff20}\u{2028}%0d".chars().collect();
    let domains = [
        "example.org",
        "b\u{fc}cher.example",
        "xn--bcher-kva.example",
        "\u{ff45}xample.org",
        "a.b.c.d.example",
    ];
    for bad in [
        "ada@example.org>\r\nRCPT TO:<eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "<ada@example.org>",
        "ada@example.org> SIZE=1",
        "@relay.example:ada@example.org",
        "\"ada eve\"@example.org",
        "ada@example.org\0",
    ] {
        assert!(Address::parse(bad).is_err(), "{bad:?}");
    }
    let mut sent = 0;
    for n in 0..400 {
        let local = if n < 150 { dice.text(&hostile, 20) } else { dice.text(&plain, 64) };
        let given = format!("{local}@{}", domains[dice.below(domains.len())]);
        // No order can contain what the parser refuses.
        let Ok(address) = Address::parse(&given) else { continue };
        let to = address.recipient();
        let order = activation(&given);
        assert_eq!(mailer.send(&order).await.unwrap(), Sending::Accepted, "{given:?}");
        sent += 1;
        let mail = peer.mails().pop().unwrap();
        assert_eq!(mail.recipients, [to.as_str()], "{given:?}");
        is_clean(&mail);
    }
    assert!((50..400).contains(&sent), "{sent} addresses were some");
    let lines: Vec<String> = peer.sessions().into_iter().flat_map(|session| session.clear).collect();
    for verb in ["MAIL FROM:<", "RCPT TO:<", "DATA"] {
        assert_eq!(lines.iter().filter(|line| line.starts_with(verb)).count(), sent, "{verb}");
    }
}
