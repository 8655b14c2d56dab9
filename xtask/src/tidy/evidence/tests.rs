//! Tests of the evidence: named tests, rows that wait, ids.

use super::*;

const TEST: &str = "`tests/a.rs::codes_expire`";

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

/// The security table with one cell for every id, and a contract that is fine.
fn pages(cell: impl Fn(u32) -> String) -> Vec<File> {
    let mut text = "| id | requirement | test(s) |\n|---|---|---|\n".to_owned();
    for id in REQUIREMENTS {
        text += &format!("| {id} | rule | {} |\n", cell(id));
    }
    vec![
        file(REQUIREMENTS_PAGE, &text),
        file(CONTRACT_PAGE, &format!("| status | tests |\n|---|---|\n| 400 | {TEST} |\n")),
        file("tests/a.rs", "    async fn codes_expire() {\n"),
    ]
}

fn lines(evidence: &Evidence) -> Vec<usize> {
    evidence.violations.iter().map(|violation| violation.line).collect()
}

#[test]
fn pages_whose_tests_all_exist_pass() {
    let evidence = check(&pages(|_| TEST.to_owned()));
    assert_eq!(evidence.violations, []);
    assert_eq!(evidence.shown, REQUIREMENTS.count() + 1);
}

#[test]
fn a_test_that_does_not_exist_is_found() {
    for name in ["codes_expire_late", "codes", "codes_expire() "] {
        let cell = |id| match id {
            7 => format!("{TEST}, `tests/a.rs::{name}`"),
            _ => TEST.to_owned(),
        };
        assert_eq!(lines(&check(&pages(cell))), [9], "{name}");
    }
    let elsewhere = |_| "`tests/b.rs::codes_expire`".to_owned();
    assert_eq!(check(&pages(elsewhere)).violations.len(), REQUIREMENTS.count());
}

#[test]
fn a_test_inside_a_module_is_named_by_its_last_part() {
    let cell = |_| "`tests/a.rs::tests::codes_expire`".to_owned();
    assert_eq!(check(&pages(cell)).violations, []);
}

#[test]
fn a_row_without_a_test_says_what_it_waits_for() {
    let cell = |id| match id {
        1 => "— (needs the SMTP adapter)".to_owned(),
        2 => format!("{TEST}; — (needs Redis for the rest)"),
        3 => "later".to_owned(),
        _ => TEST.to_owned(),
    };
    let evidence = check(&pages(cell));
    assert_eq!(lines(&evidence), [5]);
    assert_eq!(evidence.not_yet_shown.len(), 2);
    assert_eq!(evidence.shown, REQUIREMENTS.count() - 2);
}

#[test]
fn every_id_has_one_row() {
    let mut files = pages(|_| TEST.to_owned());
    files[0].text = files[0].text.replace("| 5 |", "| 6 |").replace("| 9 |", "| 99 |");
    let found: Vec<String> = check(&files).violations.into_iter().map(|v| v.what).collect();
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].contains("id 6 has a second row here"));
    assert!(found[1].contains("`99` is not the id"));
    assert!(found[2].contains("requirement 5 has no row"));
    assert!(found[3].contains("requirement 9 has no row"));
}

#[test]
fn pages_that_are_not_there_or_have_no_table_are_found() {
    assert_eq!(check(&[]).violations.len(), 2);
    let empty = [file(REQUIREMENTS_PAGE, "# None\n"), file(CONTRACT_PAGE, "# None\n")];
    assert_eq!(check(&empty).violations.len(), 2 + REQUIREMENTS.count());
}
