//! An operator's own look, words and languages of the pages for visitors.

use std::fs;

use auth_tests::{Program, Visitor, start};
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn style_texts_and_pages_are_replaced_file_by_file() {
    let own = folder(&[
        ("style.css", "body { color: rebeccapurple }"),
        ("message.html", "{% extends \"layout.html\" %}{% block title %}Oh no{% endblock %}"),
        ("de.toml", "[login]\ntitle = \"Anmelden bei {service}\"\n"),
        ("fr-CA.toml", "[login]\nbutton = \"Ouvrir une session\"\n"),
        ("style.css~", "left by an editor"),
    ]);
    let path = own.path().to_str().unwrap();
    let server = start(&[("AUTH_PAGE_TEMPLATES", path), ("AUTH_SERVICE_NAME", "Tea & Co")]);
    let german = Visitor::at(&server).reading("de").open("login");
    assert!(german.body.contains("<html lang=\"de\" dir=\"ltr\">"), "{german:?}");
    assert!(german.body.contains("<h1>Anmelden bei Tea &amp; Co</h1>"), "{german:?}");
    assert!(german.body.contains("Forgot your password?"), "in English what German lacks: {german:?}");
    assert!(german.body.contains("body { color: rebeccapurple }"), "{german:?}");
    let canadian = Visitor::at(&server).reading("fr-CA").open("login");
    assert!(canadian.body.contains("Ouvrir une session"), "{canadian:?}");
    assert!(
        canadian.body.contains("Mot de passe oublié"),
        "in French what Canadian French lacks: {canadian:?}"
    );
    let refused = server.request("PUT", "/account/login", &[], b"");
    assert!(refused.body.contains("<h1>Oh no</h1>"), "{refused:?}");
    let log = server.log();
    assert_eq!(log.matches("AUTH_PAGE_TEMPLATES lacks texts").count(), 1, "of German, once: {log}");
    assert!(log.contains("login.button"), "{log}");
}

/// An operator changes one text of a language that is built in, English among them.
#[test]
fn one_text_is_replaced_and_the_others_stay() {
    let own = folder(&[
        ("en.toml", "[login]\ntitle = \"Come in\"\n"),
        ("fr.toml", "[login]\ntitle = \"Entrez\"\n"),
    ]);
    let server = start(&[("AUTH_PAGE_TEMPLATES", own.path().to_str().unwrap())]);
    for (language, title, other) in
        [("en", "Come in", "Forgot your password?"), ("fr", "Entrez", "Créer un compte")]
    {
        let page = Visitor::at(&server).reading(language).open("login");
        assert!(page.body.contains(&format!("<h1>{title}</h1>")), "{page:?}");
        assert!(page.body.contains(other), "{page:?}");
    }
    assert!(!server.log().contains("AUTH_PAGE_TEMPLATES"), "{}", server.log());
}

/// A mistake in a file shows when the server starts, not to a visitor.
#[test]
fn files_that_are_wrong_are_refused_at_start() {
    for (name, text, said) in [
        ("login.htm", "", "login.htm is not a file of the pages"),
        ("e_n.toml", "", "e_n.toml is not a file of the pages"),
        ("login.html", "{% if %}", "login.html is wrong"),
        ("login.html", "{{ t.login.titel }}", "login.html is wrong"),
        ("style.css", "{{ nothing }}", "style.css"),
        ("activate.html", "{{ refused.fields.code[0] if refused }}", "activate.html is wrong"),
        (
            "confirm.html",
            "{{ t.confirm[action] }}{{ t.confirm.button[action ~ action] }}",
            "confirm.html is wrong",
        ),
        ("fr.toml", "login = ", "fr.toml is not a TOML file"),
        ("fr.toml", "[login]\ntitel = \"x\"", "fr.toml: there is no text `login.titel`"),
        ("fr.toml", "login = \"x\"", "fr.toml: there is no text `login`"),
        ("fr.toml", "email = 1", "fr.toml is not a TOML file"),
    ] {
        let own = folder(&[(name, text)]);
        let refusal =
            Program::plain(&[("AUTH_PAGE_TEMPLATES", own.path().to_str().unwrap())]).refusal(&["serve"]);
        assert!(
            refusal.contains("AUTH_PAGE_TEMPLATES") && refusal.contains(said),
            "{name} {text}: {refusal}"
        );
    }
    let refusal = Program::plain(&[("AUTH_PAGE_TEMPLATES", "/nowhere")]).refusal(&["serve"]);
    assert!(refusal.contains("AUTH_PAGE_TEMPLATES") && refusal.contains("/nowhere"), "{refusal}");
}
