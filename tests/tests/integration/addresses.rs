//! Which addresses are accepted: the same ones by every operation.

use auth_tests::{PASSWORD, start};

#[test]
fn well_formed_addresses_are_registered() {
    let server = start(&[]);
    let longest = format!("{}@{}.{}.{}", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(61));
    assert_eq!(longest.len(), 254);
    for (address, mailed) in [
        ("o'brien+tag@mail.sub.example.org", "o'brien+tag@mail.sub.example.org"),
        ("!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"),
        ("a@3com.com", "a@3com.com"),
        ("a@1.example", "a@1.example"),
        ("first.last@bücher.example", "first.last@xn--bcher-kva.example"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        (&longest, &longest),
    ] {
        assert_eq!(server.register(address, PASSWORD).status, 202, "{address}");
        let code = server.code(mailed);
        assert_eq!(server.resend(address).status, 202, "{address}");
        assert_eq!(server.activate(address, PASSWORD, &code).status, 200, "{address}");
    }
}

#[test]
fn blanks_around_an_address_are_taken_off() {
    let server = start(&[]);
    for (typed, mailed) in [
        ("ada@example.org ", "ada@example.org"),
        ("  bob@example.org", "bob@example.org"),
        ("\u{a0}eve@bücher.example\u{a0} ", "eve@xn--bcher-kva.example"),
    ] {
        assert_eq!(server.register(typed, PASSWORD).status, 202, "{typed:?}");
        let code = server.code(mailed);
        assert_eq!(server.resend(typed).status, 202, "{typed:?}");
        assert_eq!(server.activate_in_body(typed, PASSWORD, &code).status, 200, "{typed:?}");
        assert_eq!(server.activate(mailed, PASSWORD, &code).status, 200, "it is one address");
    }
}

#[test]
fn what_is_no_address_is_refused_by_every_operation() {
    let server = start(&[]);
    let long_local = format!("{}@example.org", "a".repeat(65));
    let long_label = format!("a@{}.org", "a".repeat(64));
    let too_long = format!("{}@{}.{}.{}", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(62));
    for bad in [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@example.org.",
        "ada@.org",
        "ada@a..org",
        "ada@-x.org",
        "ada@x-.org",
        "ada@exa_mple.org",
        "ada@example.123",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "\"ada\"@example.org",
        "ada bob@example.org",
        "ada @example.org",
        "ada@ example.org",
        "ada@example.org\n",
        "\tada@example.org",
        "  ",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada\n@example.org",
        "ada\0@example.org",
        "ada@example.org,eve@example.org",
        "ada@example.org;eve@example.org",
        "ada@example.org eve@example.org",
        "ada@eve@example.org",
        "<ada@example.org>",
        "Ada <ada@example.org>",
        "ada(comment)@example.org",
        "ada\\@example.org",
        ".ada@example.org",
        "ada.@example.org",
        "a..b@example.org",
        "ädä@example.org",
        "аda@example.org",
        "ada@exam\u{202e}ple.org",
        "mailto:ada@example.org",
        &long_local,
        &long_label,
        &too_long,
    ] {
        for answer in [server.register(bad, PASSWORD), server.resend(bad)] {
            assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"), "{bad:?}");
            let error = answer.json()["errors"][0].clone();
            assert_eq!((&error["field"], &error["code"]), (&"email".into(), &"address".into()), "{bad:?}");
        }
        assert_eq!(server.activate(bad, PASSWORD, "123456").problem(), "activation-refused", "{bad:?}");
    }
    assert!(server.mails().is_empty());
}
