//! Rules of how operators' commands look accounts up: by id, and page by page.

use std::sync::Arc;

use auth_core::{AccountId, AddressKey, Row, Status};
use auth_http::port::Accounts;

use super::{
    harness::AccountsHarness,
    values::{active, address, commit, first, key, pending, replace, vacant},
};

fn id(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16])
}

/// An active account whose id is not its generation's.
fn of_id(given: &str, n: u8, account: u8) -> Row {
    let mut row = active(given, n);
    if let Status::Active { id, .. } = &mut row.status {
        *id = self::id(account);
    }
    row
}

async fn pages<T>(
    store: &Arc<dyn Accounts>,
    by: impl AsyncFn(&Arc<dyn Accounts>, Option<T>) -> Vec<(AddressKey, Row)>,
    last: impl Fn(&(AddressKey, Row)) -> T,
) -> Vec<AddressKey> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = by(store, after.take()).await;
        assert!(page.len() <= 2, "no more than was asked for");
        let Some(end) = page.last() else { return all };
        after = Some(last(end));
        all.extend(page.into_iter().map(|(key, _)| key));
    }
}

pub(super) async fn an_account_is_found_by_its_id_alone(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let row = of_id("Ada@Example.org", 1, 9);
    commit(&store, first("ada@example.org", row.clone(), None)).await;
    commit(&store, first(&address(2), pending(&address(2), 2), None)).await;
    assert_eq!(store.account(id(9)).await.unwrap(), Some((key("ada@example.org"), row)));
    for nobody in [1, 2, 3] {
        assert_eq!(store.account(id(nobody)).await.unwrap(), None, "{nobody}");
    }
}

pub(super) async fn an_account_that_is_gone_has_no_id(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    commit(&store, first(&address(1), of_id(&address(1), 1, 9), None)).await;
    replace(&store, &address(1), vacant(), None).await;
    assert_eq!(store.account(id(9)).await.unwrap(), None);
    assert_eq!(store.active(None, 2).await.unwrap(), []);
}

pub(super) async fn all_rows_are_listed_by_their_keys(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in [3, 1, 5, 2, 4] {
        let row = if n % 2 == 0 { pending(&address(n), n) } else { of_id(&address(n), n, 9 - n) };
        commit(&store, first(&address(n), row, None)).await;
    }
    let by = async |store: &Arc<dyn Accounts>, after: Option<AddressKey>| {
        store.accounts(after.as_ref(), 2).await.unwrap()
    };
    let listed = pages(&store, by, |(key, _)| key.clone()).await;
    assert_eq!(listed, [1, 2, 3, 4, 5].map(|n| key(&address(n))));
}

pub(super) async fn active_accounts_are_listed_by_their_ids(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in [3, 1, 5, 2, 4] {
        let row = if n == 2 { pending(&address(n), n) } else { of_id(&address(n), n, 9 - n) };
        commit(&store, first(&address(n), row, None)).await;
    }
    let by = async |store: &Arc<dyn Accounts>, after| store.active(after, 2).await.unwrap();
    let listed = pages(&store, by, |(_, row)| match &row.status {
        Status::Active { id, .. } => *id,
        Status::Pending(_) | Status::Vacant => panic!("not active"),
    })
    .await;
    assert_eq!(listed, [5, 4, 3, 1].map(|n| key(&address(n))));
}
