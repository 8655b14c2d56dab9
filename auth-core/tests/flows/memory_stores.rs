//! The stores in memory keep within their bounds, whatever becomes of the mails.

use auth_core::{
    Address, AddressKey, Change, Commit, CommitAccount, Detail, Fault, FindAccount, LeaseToken, MailChange,
    MemoryAccounts, Row, SettleMail, Settled, Settlement, Status, Time, Version,
};

use crate::fixture::{DAY, VACANT, at, attempt, mail_id, owed, pending, seconds};

fn key(n: u8) -> AddressKey {
    Address::parse(&format!("user{n}@example.org")).expect("it is an address").key().clone()
}

/// A new row, and with it a mail unless the address was only asked about.
fn first(n: u8, row: Row, now: Time) -> CommitAccount {
    let owes = !matches!(row.status, Status::Vacant);
    let mail = owes.then(|| MailChange::Owe(owed(mail_id(n), &attempt(n), now)));
    let until = now.after(seconds(600));
    let mails = mail.into_iter().collect();
    Change { key: key(n), expected: Version(0), generation: None, waiting: vec![], until, row, mails }.into()
}

/// Gives up the mail that is due.
fn gives_up(store: &mut MemoryAccounts, now: Time) {
    let leased = store.lease(LeaseToken::from_bytes([5; 16]), seconds(60), now).expect("a mail is due");
    let settlement = Settlement::Dead { detail: Detail::new("550 no such user") };
    assert_eq!(store.settle(&SettleMail { lease: leased.lease, settlement }, now), Settled::Settled);
}

#[test]
fn a_full_store_refuses_new_addresses_until_rows_expire_and_keeps_those_that_live() {
    let mut store = MemoryAccounts::new(2);
    for n in [1, 2] {
        assert_eq!(
            store.commit(first(n, pending(attempt(n), at(0), 60), at(0)), at(0)),
            Ok(Commit::Committed)
        );
    }
    let third = |now| first(3, Row { expires: Some(at(99_999)), ..VACANT }, now);
    assert_eq!(store.commit(third(at(0)), at(0)), Err(Fault::NotDone));
    assert_eq!(store.find(&FindAccount { key: key(3) }, at(0)).row, None);
    assert!([1, 2].iter().all(|n| store.row(&key(*n)).is_some()), "nothing that lives is evicted");
    let later = at(0).after(DAY).after(seconds(1));
    assert_eq!(store.commit(third(later), later), Ok(Commit::Committed));
}

/// Threat: addresses that no mail server accepts, registered one after the other: their dead letters fill the memory.
#[test]
fn dead_letters_go_with_their_rows() {
    let mut store = MemoryAccounts::new(1);
    for n in 1..=20 {
        let now = at(0).after(DAY * 2 * u32::from(n));
        let row = Row { expires: Some(now.after(DAY)), ..pending(attempt(n), now, 60) };
        assert_eq!(store.commit(first(n, row, now), now), Ok(Commit::Committed));
        gives_up(&mut store, now);
        assert_eq!(store.mails().count(), 1, "after {n} addresses");
    }
    store.purge(at(0).after(DAY * 100));
    assert_eq!(store.mails().count(), 0);
}
