//! Rules of cancelled calls: at whichever await they are dropped, nothing is half done. Where calls are carried out
//! together they go on without whoever called.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

use auth_core::Commit;
use tokio::task::{coop, yield_now};

use super::{
    harness::AccountsHarness,
    values::{LEASE, address, first, found, key, mail, now, owe, pending, seconds, state, vacant},
};

const CALLS: u8 = 250;

/// Makes [`CALLS`] calls and drops each at one of its first awaits, another one each time. Returns the results of
/// those that ended before.
async fn cut_off<T>(call: impl AsyncFn(u8) -> T) -> Vec<Option<T>> {
    let budget = budget().await;
    let mut ended = Vec::new();
    for n in 0..CALLS {
        // A budget of its own.
        yield_now().await;
        let (mut call, mut left) = (pin!(call(n)), n % 10);
        let end = poll_fn(|context| {
            // How far a call gets until it waits is up to the machine, and on a busy one answers are there at once. So
            // the runtime makes it wait after so many operations.
            use_up(budget - usize::from(n / 10), context);
            match call.as_mut().poll(context) {
                Poll::Ready(end) => Poll::Ready(Some(end)),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => {
                    left -= 1;
                    Poll::Pending
                }
            }
        });
        ended.push(end.await);
    }
    assert!(ended.iter().any(Option::is_none), "no call was cut off");
    assert!(ended.iter().any(Option::is_some), "every call was cut off");
    ended
}

/// Returns how many operations the runtime lets a task make before it must wait.
async fn budget() -> usize {
    yield_now().await;
    // Some thousands are more than any runtime gives.
    poll_fn(|context| Poll::Ready(use_up(10_000, context))).await
}

/// Makes so many operations of the task's budget, or all that are left, without doing anything; returns their number.
fn use_up(most: usize, context: &mut Context<'_>) -> usize {
    let mut made = 0;
    while made < most
        && let Poll::Ready(operation) = coop::poll_proceed(context)
    {
        operation.made_progress();
        made += 1;
    }
    made
}

pub(super) async fn a_commit_that_is_cut_off_happened_wholly_or_not_at_all(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let due = now(&store).await;
    let ended = cut_off(async |n| {
        let order = first(&address(n), pending(&address(n), n), Some(mail(n, due)));
        store.commit(&order.clone().into()).await
    })
    .await;
    let order = first("after@example.org", vacant(), None);
    assert_eq!(
        store.commit(&order.clone().into()).await.unwrap(),
        Commit::Committed,
        "nothing is left locked"
    );
    for (n, ended) in (0..).zip(ended) {
        let row = loop {
            let row = found(&store, &address(n)).await.is_some();
            let owed = store.mails().await.unwrap().iter().any(|mail| mail.key == key(&address(n)));
            // What was under way when its call was dropped may end between the two.
            if row == owed || found(&store, &address(n)).await.is_some() == row {
                assert_eq!(row, owed, "account {n}");
                break row;
            }
        };
        assert!(row || !matches!(ended, Some(Ok(Commit::Committed))), "account {n} was committed");
    }
}

pub(super) async fn a_commit_that_is_cut_off_loses_nothing(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let before = (found(&store, &address(1)).await, state(&store).await);
    let order = first(&address(1), vacant(), None);
    cut_off(async |_| store.commit(&order.clone().into()).await).await;
    assert_eq!((found(&store, &address(1)).await, state(&store).await), before);
}

/// Threat: a visitor disconnects in the middle of a request, and the host drops its read.
pub(super) async fn a_read_that_is_cut_off_loses_nothing(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let before = (found(&store, &address(1)).await, state(&store).await);
    cut_off(async |_| store.find(&key(&address(1))).await).await;
    assert_eq!((found(&store, &address(1)).await, state(&store).await), before);
}

/// The worker aborts a lease call that takes too long; its mails come back when the lease ends.
pub(super) async fn a_lease_that_is_cut_off_loses_no_mail(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in 1..=30 {
        owe(&store, n, 5).await;
    }
    cut_off(async |_| store.lease(1, LEASE).await).await;
    harness.advance(LEASE + seconds(1)).await;
    assert_eq!(store.lease(100, LEASE).await.unwrap().len(), 30);
}
