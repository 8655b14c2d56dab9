//! The alert rules, the dashboard and the page about them: they name what `/metrics` has, and nothing else.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use auth_core::{Event, Kind};
use auth_http::{
    metrics::{Metrics, Reading},
    port::{HashLoad, OutboxDepth, PoolLoad},
};
use serde_json::Value;

/// Returns what `/metrics` prints once everything has happened.
fn everything() -> String {
    let metrics = Metrics::default();
    metrics.outcome("activate", Event::WrongCode);
    metrics.fault("register", Kind::CommitAccount);
    metrics.answer("register", 202, Duration::from_millis(1));
    metrics.listener("api").may_have(1);
    let pool = Some(PoolLoad { used: 1, idle: 1, max: 2 });
    metrics.text(&Reading {
        hashes: HashLoad::default(),
        pools: [("accounts", pool), ("codes", pool)],
        outbox: Some(OutboxDepth::default()),
    })
}

/// Returns the names of all series.
fn series() -> BTreeSet<String> {
    let text = everything();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/monitoring").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn alerts() -> Vec<Value> {
    let rules: Value = serde_yaml::from_str(&file("alerts.yml")).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&file("dashboard.json")).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// Returns every query: of the alerts, of the panels and of the dashboard's variable.
fn queries() -> Vec<String> {
    let alerts = alerts();
    let panels = panels();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = alerts.iter().chain(targets).map(|query| query["expr"].as_str().unwrap().to_owned());
    queries.chain(["label_values(auth_build_info, instance)".to_owned()]).collect()
}

/// Returns the names in a text that begin like metrics.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|symbol: char| !symbol.is_ascii_alphanumeric() && symbol != '_');
    words.filter(|word| word.starts_with("auth_")).map(str::to_owned).collect()
}

/// Returns the labels that a query asks for, with the values that it allows.
fn matchers(query: &str) -> Vec<(String, Vec<String>)> {
    let selectors = query.split('{').skip(1).map(|rest| rest.split('}').next().unwrap());
    let matchers = selectors.flat_map(|selector| selector.split("\","));
    let matchers = matchers.map(|matcher| {
        let (label, values) = matcher.split_once('"').unwrap();
        let label = label.trim_end_matches(['=', '~', '!']);
        (label.to_owned(), values.trim_end_matches('"').split('|').map(str::to_owned).collect())
    });
    matchers.collect()
}

#[test]
fn rules_and_dashboard_name_only_what_exists() {
    let (series, text) = (series(), everything());
    for query in queries() {
        let names = named(&query);
        assert!(!names.is_empty(), "{query}");
        for name in names {
            assert!(series.contains(&name), "{name} in {query} is none of {series:?}");
        }
        for (label, values) in matchers(&query) {
            // Prometheus itself adds the instance.
            let exists = label == "instance" || text.contains(&format!("{label}=\""));
            assert!(exists, "no metric has the label {label} of {query}");
            for value in values {
                let exists = match label.as_str() {
                    "effect" => Kind::ALL.iter().any(|kind| kind.name() == value),
                    "outcome" => serde_json::from_value::<Event>(value.clone().into()).is_ok(),
                    "state" | "part" | "listener" => text.contains(&format!("{label}=\"{value}\"")),
                    "operation" => ["activate", "deliver", "readyz"].contains(&value.as_str()),
                    "status" | "instance" => true,
                    _ => false,
                };
                assert!(exists, "{label} is never {value}, as {query} wants it");
            }
        }
    }
}

#[test]
fn matchers_of_a_query_are_found() {
    let query = r#"sum(rate(auth_a{state="x",effect!~"A|B"}[5m])) / auth_b{part=~"c"}"#;
    let found: Vec<String> =
        matchers(query).iter().map(|(label, values)| format!("{label}{values:?}")).collect();
    assert_eq!(found, [r#"state["x"]"#, r#"effect["A", "B"]"#, r#"part["c"]"#]);
}

#[test]
fn every_alert_says_what_it_is_about_and_what_to_do() {
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts.iter().map(|alert| alert["alert"].as_str().unwrap()).collect();
    assert_eq!(names.len(), alerts.len(), "each name once");
    assert!(!alerts.is_empty());
    for alert in &alerts {
        for annotation in ["summary", "description"] {
            let text = alert["annotations"][annotation].as_str().unwrap_or_default();
            assert!(text.len() > 10, "{annotation} of {alert}");
        }
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["page", "ticket"].contains(&severity), "{alert}");
    }
}

#[test]
fn rising_wrong_codes_have_an_alert() {
    assert!(alerts().iter().any(|alert| alert["expr"].as_str().unwrap().contains("auth_wrong_codes_total")));
}

#[test]
fn every_panel_says_what_it_shows() {
    let mut ids = BTreeSet::new();
    for panel in panels() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "each id once: {panel}");
        assert!(panel["title"].is_string(), "{panel}");
        if panel["type"] != "row" {
            assert!(panel["description"].is_string() && panel["targets"][0]["expr"].is_string(), "{panel}");
        }
    }
}

#[test]
fn page_has_every_metric_with_its_type_and_dashboard_shows_it() {
    let (text, page, queries) = (everything(), file("README.md"), queries().join("\n"));
    let mut documented = named(&page);
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (family, kind) = line.split_once(' ').unwrap();
        let name = match kind {
            "counter" => format!("{family}_total"),
            "info" => format!("{family}_info"),
            _ => family.to_owned(),
        };
        assert!(page.contains(&format!("\n| `{name}` | {kind} |")), "{name}, a {kind}, is not on the page");
        assert!(queries.contains(&name), "{name} is in no query");
        documented.remove(&name);
    }
    assert_eq!(documented, BTreeSet::new(), "on the page, but not in /metrics");
}
