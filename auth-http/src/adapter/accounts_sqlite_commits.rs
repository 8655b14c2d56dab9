//! What a commit reads and writes of one address, in the SQLite adapter's transaction.

use auth_core::{Address, Change, MailChange, OwedMail, Time, Version, WaitingMail};
use sqlx::{Sqlite, Transaction};

use super::accounts_rows::{AccountRow, WaitingRow, micros, waiting_columns};

/// Inserts or replaces the row if its version is the expected one; returns how many were written.
pub(super) async fn write_row(
    transaction: &mut Transaction<'_, Sqlite>,
    change: &Change,
) -> sqlx::Result<u64> {
    let row = AccountRow::new(&change.row);
    let Version(expected) = change.expected;
    let sql = if expected == 0 {
        "INSERT INTO accounts (version, status, address, locale, password, generation, active_since, account_id,
            blocked, moving_address, moving_generation, moving_until, last_mail_due, last_mail_distance,
            last_mail_left, last_notice, expires, address_key)
         VALUES (?1 + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT (address_key) DO NOTHING"
    } else {
        "UPDATE accounts SET version = ?1 + 1, status = ?2, address = ?3, locale = ?4, password = ?5,
            generation = ?6, active_since = ?7, account_id = ?8, blocked = ?9, moving_address = ?10,
            moving_generation = ?11, moving_until = ?12, last_mail_due = ?13, last_mail_distance = ?14,
            last_mail_left = ?15, last_notice = ?16, expires = ?17
         WHERE address_key = ?18 AND version = ?1 AND generation IS ?19"
    };
    let query = sqlx::query(sql)
        .bind(i64::try_from(expected).unwrap_or(i64::MAX))
        .bind(row.status)
        .bind(row.address)
        .bind(row.locale)
        .bind(row.password)
        .bind(row.generation)
        .bind(row.active_since)
        .bind(row.account_id)
        .bind(row.blocked)
        .bind(row.moving_address)
        .bind(row.moving_generation)
        .bind(row.moving_until)
        .bind(row.last_mail_due)
        .bind(row.last_mail_distance)
        .bind(row.last_mail_left)
        .bind(row.last_notice)
        .bind(row.expires)
        .bind(change.key.as_str().as_bytes());
    let query =
        if expected == 0 { query } else { query.bind(change.generation.map(|g| g.as_bytes().to_vec())) };
    Ok(query.execute(&mut **transaction).await?.rows_affected())
}

/// Returns the mails that are compared: those of an address that are not dead.
pub(super) async fn waiting(
    transaction: &mut Transaction<'_, Sqlite>,
    change: &Change,
    now: Time,
) -> sqlx::Result<Vec<WaitingMail>> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        waiting_columns!(),
        " FROM outbox o WHERE o.address_key = ?1 AND o.dead_since IS NULL ORDER BY o.purpose",
    ));
    let rows = rows.bind(change.key.as_str().as_bytes()).fetch_all(&mut **transaction).await?;
    Ok(WaitingRow::mails(rows, now))
}

/// Enqueues the mails, and notes those that are about to leave. Threat: a state that owes none would answer sooner, so
/// a statement runs in any case and inserts nothing then.
pub(super) async fn write_mails(
    transaction: &mut Transaction<'_, Sqlite>,
    change: &Change,
) -> sqlx::Result<()> {
    if change.mails.is_empty() {
        return enqueue(transaction, change, None).await;
    }
    for mail in &change.mails {
        match mail {
            MailChange::Owe(mail) => enqueue(transaction, change, Some(mail)).await?,
            MailChange::Begin { mail, unknowns } => {
                sqlx::query("UPDATE outbox SET unknowns = ?2 WHERE mail_id = ?1")
                    .bind(mail.as_bytes().as_slice())
                    .bind(i64::from(*unknowns))
                    .execute(&mut **transaction)
                    .await?;
            }
        }
    }
    Ok(())
}

async fn enqueue(
    transaction: &mut Transaction<'_, Sqlite>,
    change: &Change,
    mail: Option<&OwedMail>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO outbox (address_key, purpose, mail_id, generation, locale, recipient, due, next_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7 WHERE ?3 IS NOT NULL
         ON CONFLICT (address_key, purpose) DO UPDATE SET
            mail_id = excluded.mail_id, generation = excluded.generation, locale = excluded.locale,
            recipient = excluded.recipient, due = excluded.due, next_at = excluded.next_at, attempts = 0,
            unknowns = 0, lease = NULL, dead_since = NULL, last_error = NULL",
    )
    .bind(change.key.as_str().as_bytes())
    .bind(mail.map(|mail| i64::from(mail.purpose.number())))
    .bind(mail.map(|mail| mail.id.as_bytes().as_slice()))
    .bind(mail.map(|mail| mail.generation.as_bytes().as_slice()))
    .bind(mail.map(|mail| mail.locale.as_str()))
    .bind(mail.and_then(|mail| mail.to.as_ref()).map(Address::given))
    .bind(mail.map(|mail| micros(mail.first_due)))
    .execute(&mut **transaction)
    .await
    .map(drop)
}
