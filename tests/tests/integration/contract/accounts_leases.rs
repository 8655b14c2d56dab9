//! Rules of leases: who holds a mail and for how long, and that nobody else does.

use auth_core::{Lease, LeaseToken, MailId, Settled, Settlement, Time};

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, address, assert_lost, commit, first, lease_none, lease_one, mail, now, owe, pending, retry,
        seconds, settle,
    },
};

pub(super) async fn only_due_mails_are_leased(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let later = mail(1, now(&store).await.after(seconds(1000)));
    commit(&store, first(&address(1), pending(&address(1), 1), Some(later.clone()))).await;
    lease_none(&store).await;
    harness.advance(seconds(900)).await;
    lease_none(&store).await;
    harness.advance(seconds(100)).await;
    assert_eq!(lease_one(&store).await.mail, later);
}

pub(super) async fn the_oldest_are_leased_first_and_no_more_than_asked_for(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (n, ago) in [(1, 10), (2, 40), (3, 20), (4, 50), (5, 30)] {
        owe(&store, n, ago).await;
    }
    assert_eq!(store.lease(0, LEASE).await.unwrap(), []);
    let mut order = Vec::new();
    for most in [2, 1, 10] {
        let leased = store.lease(most, LEASE).await.unwrap();
        order.push(leased.iter().map(|leased| leased.mail.id).collect::<Vec<_>>());
    }
    let ids = |numbers: &[u8]| numbers.iter().map(|n| MailId::from_bytes([*n; 16])).collect::<Vec<_>>();
    assert_eq!(order, [ids(&[4, 2]), ids(&[5]), ids(&[3, 1])]);
}

pub(super) async fn a_leased_mail_is_leased_by_nobody_else(harness: &impl AccountsHarness) {
    let (store, other) = (harness.open().await, harness.open().await);
    owe(&store, 1, 5).await;
    lease_one(&store).await;
    lease_none(&other).await;
    harness.advance(LEASE - seconds(20)).await;
    lease_none(&other).await;
}

pub(super) async fn a_lease_that_ran_out_is_taken_over(harness: &impl AccountsHarness) {
    let (store, other) = (harness.open().await, harness.open().await);
    let owed = owe(&store, 1, 5).await;
    let first = lease_one(&store).await;
    harness.advance(LEASE).await;
    let second = lease_one(&other).await;
    assert_eq!((second.mail, second.attempts), (owed, 2));
    assert_ne!(second.lease.token, first.lease.token);
    assert_lost(&store, first.lease).await;
    assert_eq!(settle(&other, second.lease, Settlement::Sent).await, Settled::Settled);
}

/// Otherwise a mail whose renewal failed once would be sent twice even though its worker finished.
pub(super) async fn a_lease_that_ran_out_settles_while_nobody_took_it_over(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    harness.advance(LEASE + seconds(10)).await;
    assert_eq!(settle(&store, lease, Settlement::Sent).await, Settled::Settled);
    lease_none(&store).await;
}

pub(super) async fn renewing_prolongs_a_lease(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    for _ in 0..3 {
        harness.advance(LEASE - seconds(20)).await;
        assert_eq!(store.renew(&lease, LEASE).await.unwrap(), Settled::Settled);
        lease_none(&store).await;
    }
    harness.advance(LEASE).await;
    assert_eq!(lease_one(&store).await.attempts, 2, "renewals are no attempts");
}

pub(super) async fn releasing_gives_the_mail_and_its_attempt_back(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = owe(&store, 1, 5).await;
    for _ in 0..3 {
        let leased = lease_one(&store).await;
        assert_eq!((leased.mail, leased.attempts), (owed.clone(), 1));
        assert_eq!(store.release(&leased.lease).await.unwrap(), Settled::Settled);
        assert_lost(&store, leased.lease).await;
    }
    let leased = lease_one(&store).await;
    assert_eq!(settle(&store, leased.lease, retry(100, 2)).await, Settled::Settled);
    harness.advance(seconds(100)).await;
    let leased = lease_one(&store).await;
    assert_eq!(store.release(&leased.lease).await.unwrap(), Settled::Settled);
    let leased = lease_one(&store).await;
    assert_eq!((leased.attempts, leased.unknowns), (2, 2), "earlier attempts still count");
}

pub(super) async fn a_foreign_token_holds_nothing(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = owe(&store, 1, 5).await;
    let forged = |token| Lease { mail: owed.id, token: LeaseToken::from_bytes(token) };
    // A waiting mail is held by nobody, whatever a store keeps in place of a token.
    for token in [[0; 16], [0xff; 16], [b' '; 16]] {
        assert_lost(&store, forged(token)).await;
    }
    let mut token = *lease_one(&store).await.lease.token.as_bytes();
    assert_ne!(token, [0; 16]);
    for at in [0, 15] {
        token[at] ^= 1;
        assert_lost(&store, forged(token)).await;
        token[at] ^= 1;
    }
    let of_another = Lease { mail: MailId::from_bytes([9; 16]), ..forged(token) };
    assert_lost(&store, of_another).await;
    assert_eq!(settle(&store, forged(token), Settlement::Sent).await, Settled::Settled);
}

pub(super) async fn leases_last_as_long_as_asked_for(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    for lasting in [10, 10_000] {
        let leased = store.lease(1, seconds(lasting)).await.unwrap();
        assert_eq!(leased.len(), 1);
        let [listed] = &store.mails().await.unwrap()[..] else { panic!("one mail is held") };
        let left = listed.next_at.since(now(&store).await);
        assert!(left <= seconds(lasting) && listed.next_at > Time::from_micros(0), "{left:?}");
        harness.advance(seconds(lasting - 9)).await;
        assert_eq!(store.lease(1, LEASE).await.unwrap(), [], "{lasting}");
        harness.advance(seconds(9)).await;
    }
    lease_one(&store).await;
}
