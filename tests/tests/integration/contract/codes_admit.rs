//! Rules of the limiter: a rate limit per client, evenly refilled.

use std::{sync::Arc, time::Duration};

use auth_core::{Admission, Admit, Rate, Subject, SubjectKind};
use auth_http::port::Codes;
use tokio::task::JoinSet;

use super::{harness::CodesHarness, values::seconds};

/// A rate so slow that nothing is refilled during a test.
const HOUR: Duration = Duration::from_secs(3600);

fn request(client: &str, requests: u32, period: Duration) -> Admit {
    let mut mac = [0; 32];
    mac[..client.len()].copy_from_slice(client.as_bytes());
    let subject = Subject::from_parts(SubjectKind::Client, mac);
    Admit { subject, rate: Rate { requests: requests.try_into().unwrap(), period }, give_back: false }
}

/// Asks until it is refused; returns the number of admitted requests and how long to wait.
async fn admitted(codes: &Arc<dyn Codes>, order: &Admit) -> (u32, Duration) {
    for count in 0..10_000 {
        if let Admission::Limited { retry_after } = codes.admit(order).await.unwrap() {
            return (count, retry_after);
        }
    }
    panic!("10000 requests and no limit")
}

pub(super) async fn all_requests_of_a_period_may_come_at_once(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    for (client, requests) in [("192.0.2.1", 1), ("192.0.2.2", 7), ("192.0.2.3", 60)] {
        assert_eq!(admitted(&codes, &request(client, requests, HOUR)).await.0, requests);
    }
}

pub(super) async fn the_wait_is_told_and_is_right(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let order = request("192.0.2.1", 6, HOUR);
    let (_, wait) = admitted(&codes, &order).await;
    assert!(wait > seconds(500) && wait <= seconds(600), "one in 600 s: {wait:?}");
    harness.advance(seconds(wait.as_secs() - 30)).await;
    assert_eq!(admitted(&codes, &order).await.0, 0, "too soon");
    harness.advance(seconds(31)).await;
    let (count, wait) = admitted(&codes, &order).await;
    assert_eq!(count, 1, "one and no more");
    assert!(wait > seconds(500) && wait <= seconds(600), "{wait:?}");
    harness.advance(seconds(400)).await;
    let (count, wait) = admitted(&codes, &order).await;
    assert!(count == 0 && wait > seconds(100) && wait <= seconds(200), "400 s are over: {wait:?}");
}

pub(super) async fn refused_requests_are_not_counted(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let order = request("192.0.2.1", 6, HOUR);
    let (_, first) = admitted(&codes, &order).await;
    for _ in 0..100 {
        let (count, wait) = admitted(&codes, &order).await;
        assert_eq!(count, 0);
        assert!(wait <= first, "asking puts the next one off: {wait:?}");
    }
    harness.advance(seconds(600)).await;
    assert_eq!(admitted(&codes, &order).await.0, 1);
}

pub(super) async fn requests_are_refilled_evenly(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let order = request("192.0.2.1", 6, HOUR);
    assert_eq!(admitted(&codes, &order).await.0, 6);
    for (passed, expected) in [(600, 1), (1200, 2), (1800, 3), (300, 0), (300, 1)] {
        harness.advance(seconds(passed)).await;
        assert_eq!(admitted(&codes, &order).await.0, expected, "after {passed} s");
    }
}

pub(super) async fn no_pause_gives_more_than_a_period_has(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let order = request("192.0.2.1", 6, HOUR);
    assert_eq!(admitted(&codes, &order).await.0, 6);
    harness.advance(HOUR).await;
    assert_eq!(admitted(&codes, &order).await.0, 6);
    harness.advance(HOUR * 100).await;
    assert_eq!(admitted(&codes, &order).await.0, 6);
}

pub(super) async fn subjects_do_not_count_for_each_other(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let order = request("192.0.2.1", 6, HOUR);
    assert_eq!(admitted(&codes, &order).await.0, 6);
    for other in ["192.0.2.2", "192.0.2.10", "192.0.21.0"] {
        assert_eq!(admitted(&codes, &request(other, 6, HOUR)).await.0, 6, "{other}");
    }
    for kind in SubjectKind::ALL.into_iter().filter(|kind| *kind != order.subject.kind()) {
        let subject = Subject::from_parts(kind, *order.subject.as_bytes());
        assert_eq!(admitted(&codes, &Admit { subject, ..order.clone() }).await.0, 6, "{kind:?}");
    }
}

pub(super) async fn a_request_that_is_given_back_can_come_again(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let order = request("192.0.2.1", 6, HOUR);
    let back = Admit { give_back: true, ..order.clone() };
    for _ in 0..20 {
        assert_eq!(codes.admit(&order).await.unwrap(), Admission::Admitted);
        assert_eq!(codes.admit(&back).await.unwrap(), Admission::Admitted);
    }
    assert_eq!(admitted(&codes, &order).await.0, 6, "no more than there were");
    assert_eq!(codes.admit(&back).await.unwrap(), Admission::Admitted);
    assert_eq!(admitted(&codes, &order).await.0, 1);
}

pub(super) async fn giving_back_what_was_never_taken_gives_nothing(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let order = request("192.0.2.1", 6, HOUR);
    let back = Admit { give_back: true, ..order.clone() };
    for _ in 0..2 {
        assert_eq!(codes.admit(&back).await.unwrap(), Admission::Admitted);
    }
    assert_eq!(admitted(&codes, &order).await.0, 6);
}

pub(super) async fn of_200_at_once_exactly_the_rate_is_admitted(harness: &impl CodesHarness) {
    let nodes = [harness.open().await, harness.open().await];
    let mut tasks = JoinSet::new();
    for (_, node) in (0..200).zip(nodes.iter().cycle()) {
        let (node, order) = (Arc::clone(node), request("192.0.2.1", 20, HOUR));
        tasks.spawn(async move { node.admit(&order).await.unwrap() == Admission::Admitted });
    }
    let count = tasks.join_all().await.into_iter().filter(|admitted| *admitted).count();
    assert_eq!(count, 20);
}
