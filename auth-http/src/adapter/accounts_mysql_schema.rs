//! The schema in MySQL and MariaDB, and what `check` says of the server.

use std::io;

use async_trait::async_trait;
use sqlx::{
    MySqlConnection,
    migrate::{MigrateError, Migrator},
};
use tokio::time::Instant;

use super::{
    accounts_mysql::AccountsMysql,
    accounts_mysql_connections::{carry_out, cause, in_time, number},
    migrations::migrations,
};
use crate::{
    deadlines,
    port::{self, AccountsDatabase, Finding, PortError},
};

/// Statements that change nothing and fail where the adapter's own would: because a grant or a column is missing, or
/// on a server that only reads.
const PROBES: [&str; 9] = [
    "INSERT INTO accounts (address_key, version, status, address, locale, password, generation, active_since,
        account_id, blocked, moving_address, moving_generation, moving_until, last_mail_due, last_mail_distance,
        last_mail_left, last_notice, expires)
     SELECT address_key, version, status, address, locale, password, generation, active_since, account_id, blocked,
        moving_address, moving_generation, moving_until, last_mail_due, last_mail_distance, last_mail_left,
        last_notice, expires FROM accounts WHERE FALSE",
    "UPDATE accounts SET version = version WHERE FALSE",
    "DELETE FROM accounts WHERE FALSE",
    "INSERT INTO outbox (address_key, purpose, mail_id, generation, locale, recipient, due, next_at, attempts,
        unknowns, lease, dead_since, last_error)
     SELECT address_key, purpose, mail_id, generation, locale, recipient, due, next_at, attempts, unknowns, lease,
        dead_since, last_error FROM outbox WHERE FALSE",
    "UPDATE outbox SET due = due WHERE FALSE",
    "DELETE FROM outbox WHERE FALSE",
    "INSERT INTO sessions (token, session_id, account_id, generation, created, proven, seen, expires, user_agent)
     SELECT token, session_id, account_id, generation, created, proven, seen, expires, user_agent FROM sessions
     WHERE FALSE",
    "UPDATE sessions SET seen = seen WHERE FALSE",
    "DELETE FROM sessions WHERE FALSE",
];

/// The migrations that add columns: their versions, the table, the first of the columns, and what takes them back.
const ADDED: [(i64, &str, &str, &str); 3] = [
    (3, "accounts", "last_mail_left", "ALTER TABLE accounts DROP COLUMN last_mail_left"),
    (
        4,
        "accounts",
        "account_id",
        "ALTER TABLE accounts DROP KEY accounts_account_id, DROP COLUMN account_id, DROP COLUMN blocked,
            DROP COLUMN moving_address, DROP COLUMN moving_generation, DROP COLUMN moving_until",
    ),
    (5, "outbox", "recipient", "ALTER TABLE outbox DROP COLUMN recipient"),
];

impl AccountsMysql {
    pub(super) async fn reach(&self) -> port::Result<()> {
        carry_out("reach the database", |until| async move {
            let mut lent = self.connections.lend(until).await?;
            // Writes no row, but fails where a write would: a server that was made a replica still reads.
            // Asking for `read_only` would not do: some users may write all the same.
            let query = sqlx::query("UPDATE accounts SET version = version WHERE FALSE");
            let reached = in_time(until, query.execute(&mut lent.connection)).await;
            lent.read(reached)
        })
        .await
        .map(drop)
    }
}

#[async_trait]
impl AccountsDatabase for AccountsMysql {
    async fn claim(&self) -> port::Result<()> {
        // Any number of nodes share it.
        Ok(())
    }

    async fn migrate(&self) -> port::Result<()> {
        let migrated = async {
            let mut connection = self.connections.connect().await?;
            // The lock ends with its connection, whatever happens.
            in_time(Instant::now() + deadlines::mysql::MIGRATION, migrate(&mut connection)).await
        };
        migrated.await.map_err(|error| PortError::not_done("migrate", cause(error)))
    }

    async fn is_migrated(&self) -> port::Result<bool> {
        let applied = carry_out("read the schema's version", |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let applied = in_time(until, applied(&mut lent.connection)).await;
            lent.read(applied)
        });
        // Neither less nor more: a later version's schema is none that this one knows.
        Ok(applied.await?.is_some_and(|applied| migrator().iter().map(|m| m.version).eq(applied)))
    }

    async fn examine(&self) -> Vec<Finding> {
        let until = Instant::now() + deadlines::mysql::EXAMINATION;
        let found = async {
            let mut connection = self.connections.connect().await?;
            let mut findings = Vec::new();
            examine(&mut connection, &mut findings).await?;
            Ok(findings)
        };
        in_time(until, found).await.unwrap_or_else(|error| vec![Finding::bad("database", error)])
    }

    async fn close(&self) {
        self.connections.close().await;
    }
}

pub(super) fn migrator() -> Migrator {
    let mut migrator = migrations!(
        "mysql": "0001_accounts", "0002_outbox", "0003_accounts_last_mail_left", "0004_accounts_id",
        "0005_outbox_recipient", "0006_sessions",
    );
    // Its own lock waits forever, which MariaDB refuses.
    migrator.set_locking(false);
    migrator
}

async fn migrate(connection: &mut MySqlConnection) -> sqlx::Result<()> {
    // Names of locks are the whole server's and short.
    let locked: Option<i64> =
        sqlx::query_scalar("SELECT GET_LOCK(CONCAT('auth-http ', LEFT(SHA2(DATABASE(), 256), 32)), 60)")
            .fetch_one(&mut *connection)
            .await?;
    if locked != Some(1) {
        return Err(io::Error::other("another program has been migrating for a minute").into());
    }
    // Under the lock nobody else is at it: what stands there as begun was killed. DDL is not
    // transactional, so each migration is one statement that can be repeated, or is taken back first.
    match sqlx::query("DELETE FROM _sqlx_migrations WHERE NOT success").execute(&mut *connection).await {
        Err(error) if !is_without_table(&error) => return Err(error),
        Ok(_) => take_back_columns(connection).await?,
        Err(_) => {}
    }
    // `run` asks for more than one connection can be (rust-lang/rust#100013): this is its other half.
    migrator().run_direct(None, &mut *connection, false).await.map_err(inner)?;
    // A table of that name that was there before is kept by CREATE IF NOT EXISTS.
    for probe in PROBES {
        sqlx::query(probe).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Drops columns whose migration was killed before it was recorded: MySQL cannot add one only where it is missing, and
/// no node has written to it yet.
async fn take_back_columns(connection: &mut MySqlConnection) -> sqlx::Result<()> {
    for (version, table, column, take_back) in ADDED {
        let added: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
                AND table_name = ? AND column_name = ?
                AND NOT EXISTS (SELECT 1 FROM _sqlx_migrations WHERE version = ?)",
        )
        .bind(table)
        .bind(column)
        .bind(version)
        .fetch_one(&mut *connection)
        .await?;
        if added > 0 {
            sqlx::query(take_back).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Returns the server's error, where there is one.
fn inner(error: MigrateError) -> sqlx::Error {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        error
    } else {
        error.into()
    }
}

/// Returns the migrations that were applied; none where there was never one.
async fn applied(connection: &mut MySqlConnection) -> sqlx::Result<Option<Vec<i64>>> {
    let query = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");
    match query.fetch_all(connection).await {
        Ok(applied) => Ok(Some(applied)),
        Err(error) if is_without_table(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_without_table(error: &sqlx::Error) -> bool {
    number(error) == Some(1146)
}

async fn examine(connection: &mut MySqlConnection, findings: &mut Vec<Finding>) -> sqlx::Result<()> {
    let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut *connection).await?;
    let variables: Vec<(String, String)> = sqlx::query_as(
        "SHOW VARIABLES WHERE Variable_name IN ('sql_mode', 'transaction_isolation', 'tx_isolation',
            'read_only', 'innodb_read_only', 'skip_name_resolve', 'max_connect_errors')",
    )
    .fetch_all(&mut *connection)
    .await?;
    let cipher: Option<(String, String)> =
        sqlx::query_as("SHOW SESSION STATUS LIKE 'Ssl_cipher'").fetch_optional(&mut *connection).await?;
    let variable = |wanted: &str| {
        variables.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str())
    };
    let tls = match cipher {
        Some((_, cipher)) if !cipher.is_empty() => format!("TLS with {cipher}"),
        Some(_) | None => "without TLS".to_owned(),
    };
    findings.push(database(&version, &tls));

    let mode = variable("sql_mode");
    findings.push(if mode.contains("STRICT_ALL_TABLES") {
        Finding::good("sql mode", mode)
    } else {
        Finding::bad(
            "sql mode",
            format_args!("{mode:?} is not strict: values would be cut; does a proxy reset it?"),
        )
    });
    // MariaDB had it under its old name alone before 11.1.
    let isolation = [variable("transaction_isolation"), variable("tx_isolation")].concat();
    findings.push(if isolation.starts_with("READ-COMMITTED") {
        Finding::good("isolation", "READ-COMMITTED")
    } else {
        Finding::bad("isolation", format_args!("{isolation}, not READ-COMMITTED; does a proxy reset it?"))
    });
    let reads = variable("read_only") != "OFF" || variable("innodb_read_only") == "ON";
    if reads {
        // A user with all privileges may write there all the same; on a replica that would part it from
        // its primary.
        findings.push(Finding::bad("writing", "the server is read-only: name the primary, or end read_only"));
    }
    if variable("skip_name_resolve") != "ON" && variable("max_connect_errors").len() < 4 {
        findings.push(Finding::warning(
            "connections",
            format_args!(
                "after {} connections that broke in a row the server refuses this host until FLUSH HOSTS; \
                 set skip_name_resolve, or max_connect_errors to 1000000",
                variable("max_connect_errors")
            ),
        ));
    }
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(COALESCE(engine, 'none') AS CHAR) FROM information_schema.tables
         WHERE table_schema = DATABASE() AND table_name IN ('accounts', 'outbox', 'sessions')",
    )
    .fetch_all(&mut *connection)
    .await?;
    if !tables.is_empty() {
        if !reads {
            findings.extend(written(connection).await);
        }
        findings.push(bytes(connection, &tables).await?);
    }
    Ok(())
}

/// Judges the version: mails are leased by `SKIP LOCKED`.
fn database(version: &str, tls: &str) -> Finding {
    let (name, oldest) =
        if version.contains("MariaDB") { ("MariaDB", [10, 6, 0]) } else { ("MySQL", [8, 0, 1]) };
    let mut numbers = [0; 3];
    for (number, text) in numbers.iter_mut().zip(version.split(['.', '-'])) {
        *number = text.parse::<u32>().unwrap_or(0);
    }
    if numbers < oldest {
        let [major, minor, patch] = oldest;
        return Finding::bad(
            "database",
            format_args!("{name} {version} is too old: {major}.{minor}.{patch} at least, for SKIP LOCKED"),
        );
    }
    let short = version.split('-').next().unwrap_or(version);
    Finding::good("database", format_args!("{name} {short}, {tls}"))
}

/// Returns whether the tables are there to write into; nothing of a schema that waits for migrations.
async fn written(connection: &mut MySqlConnection) -> Option<Finding> {
    let error = match probed(connection).await {
        Ok(true) => return Some(Finding::good("writing", "the user may")),
        Ok(false) => return None,
        Err(error) => error,
    };
    let help = match number(&error) {
        Some(1044 | 1142 | 1143) => {
            "GRANT SELECT, INSERT, UPDATE, DELETE on the database to who serves, and to who migrates CREATE, \
             ALTER, INDEX as well"
        }
        Some(1146) => "a table was dropped: restore a backup",
        Some(1054) => "a table of another program has the name; give auth-http a database of its own",
        _ => "does the server's log say more?",
    };
    Some(Finding::bad("writing", format_args!("{error}; {help}")))
}

/// Carries out what changes nothing, unless migrations are to come: of what they have not made yet nothing
/// can be said, and another node may be making it.
async fn probed(connection: &mut MySqlConnection) -> sqlx::Result<bool> {
    // Where there were never migrations, the tables are another program's: their table is made first.
    if applied(connection).await?.is_some_and(|applied| is_behind(&applied)) {
        return Ok(false);
    }
    for probe in PROBES {
        sqlx::query(probe).execute(&mut *connection).await?;
    }
    Ok(true)
}

/// Returns whether this version's migrations go on where those that were applied end.
fn is_behind(applied: &[i64]) -> bool {
    let all: Vec<i64> = migrator().iter().map(|migration| migration.version).collect();
    applied.len() < all.len() && all.starts_with(applied)
}

/// Returns whether all that is compared is compared byte by byte, in tables that have transactions.
async fn bytes(connection: &mut MySqlConnection, tables: &[(String, String)]) -> sqlx::Result<Finding> {
    if let Some((table, engine)) = tables.iter().find(|(_, engine)| engine != "InnoDB") {
        return Ok(Finding::bad(
            "columns",
            format_args!(
                "{table} has the engine {engine}, without transactions: ALTER TABLE {table} ENGINE = InnoDB"
            ),
        ));
    }
    let folded: Option<String> = sqlx::query_scalar(
        "SELECT CAST(CONCAT(table_name, '.', column_name, ' is ', column_type,
                COALESCE(CONCAT(' with collation ', collation_name), '')) AS CHAR)
         FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name IN ('accounts', 'outbox', 'sessions')
            AND (column_name IN ('address_key', 'mail_id', 'generation', 'lease', 'account_id', 'moving_generation',
                    'token', 'session_id')
                    AND data_type NOT IN ('binary', 'varbinary')
                OR collation_name NOT LIKE '%\\_bin')
         ORDER BY 1 LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(match folded {
        None => Finding::good("columns", "keys are bytes, texts keep their case, all in InnoDB"),
        Some(folded) => Finding::bad(
            "columns",
            format_args!(
                "{folded}: two addresses could become one; restore the type of the migrations (VARBINARY or BINARY \
                 for keys, utf8mb4_bin for texts)"
            ),
        ),
    })
}
