//! MySQL and MariaDB beyond the contract of accounts: servers that refuse or are read-only, slow
//! and closed connections, rows that others have locked or damaged. Next: `stack_mysql_schema.rs`.

use std::time::Duration;

use auth_core::{
    Address, Attempt, Change, Commit, Fault, Generation, LeasedMail, Locale, MailChange, MailId, OwedMail,
    PasswordRecord, Purpose, Row, Secret, Status, Time, Version,
};
use auth_http::{
    adapter::{accounts_mysql::AccountsMysql, clock::Clock},
    port::{Accounts, AccountsDatabase, Outbox, OutboxState, Which},
};
use auth_tests::{
    Program, container,
    proxy::Proxy,
    stack::{TestDb, address_of, administer, server, unique, with_address},
    took,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Executor, MySqlConnection, mysql::MySqlConnectOptions, query_scalar,
};

const SERVERS: [&str; 2] = ["AUTH_TEST_MYSQL_URL", "AUTH_TEST_MARIADB_URL"];

/// Runs a rule on an empty database of each server.
pub(crate) fn on_each(rule: impl Fn(&TestDb)) {
    for variable in SERVERS {
        eprintln!("on {variable}");
        rule(&TestDb::create(&server(variable)));
    }
}

/// Runs a rule of the adapter on a migrated database of each server.
pub(crate) fn migrated(rule: impl AsyncFn(&TestDb, &AccountsMysql)) {
    on_each(|database| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let accounts = open(database).await;
            accounts.migrate().await.unwrap();
            rule(database, &accounts).await;
        });
    });
}

fn plain(url: &str) -> String {
    format!("{url}?ssl-mode=DISABLED")
}

async fn open(database: &TestDb) -> AccountsMysql {
    AccountsMysql::open(&Secret::new(plain(&database.url)), Clock::default()).await.unwrap()
}

pub(crate) async fn connection(database: &TestDb) -> MySqlConnection {
    database.url.parse::<MySqlConnectOptions>().unwrap().connect().await.unwrap()
}

pub(crate) async fn execute(connection: &mut MySqlConnection, sql: impl Into<String>) {
    connection.execute(AssertSqlSafe(sql.into())).await.unwrap();
}

/// Executes a statement in a database.
pub(crate) fn alter(database: &TestDb, sql: &str) {
    administer(&database.url, sql.to_owned());
}

pub(crate) fn program(url: &str) -> Program {
    Program::plain(&[("AUTH_DATABASE_URL", &plain(url)), ("AUTH_SINGLE_NODE", "on")])
}

/// Returns the URL with another user or server.
pub(crate) fn with(database: &TestDb, change: impl FnOnce(&mut MySqlConnectOptions) -> String) -> String {
    let mut options = database.url.parse().unwrap();
    let authority = change(&mut options);
    format!("mysql://{authority}/{}", options.get_database().unwrap())
}

pub(crate) fn address(options: &MySqlConnectOptions) -> String {
    format!("{}:{}", options.get_host(), options.get_port())
}

/// Asserts that `check` fails at a part and that `serve` refuses for the same reason.
pub(crate) fn assert_refused(program: &Program, part: &str, words: &[&str]) {
    let ran = program.run(&["check"]);
    let line = ran.out.lines().find(|line| line.starts_with(&format!("FAILED  {part}: ")));
    let line = line.unwrap_or_else(|| panic!("{part} does not fail: {ran:?}"));
    let refusal = program.refusal(&[]);
    for word in words {
        assert!(line.contains(word), "{word:?} in {line}");
        assert!(refusal.contains(word), "{word:?} in {refusal}");
    }
    assert_eq!(ran.status, 1);
}

#[test]
fn check_names_the_server_and_finds_nothing_wrong_with_it() {
    for (variable, name) in SERVERS.into_iter().zip(["MySQL ", "MariaDB "]) {
        let database = TestDb::create(&server(variable));
        for schema in ["not up to date", "up to date; 0 mails wait"] {
            let ran = program(&database.url).run(&["check"]);
            assert_eq!(ran.status, 0, "{ran:?}");
            for said in [name, "without TLS", "STRICT_ALL_TABLES", "READ-COMMITTED", schema] {
                assert!(ran.out.contains(said), "{said:?} in {}", ran.out);
            }
            assert_eq!(program(&database.url).run(&["migrate"]).status, 0);
        }
    }
}

#[test]
fn wrong_password_is_refused_with_the_servers_error() {
    on_each(|database| {
        let url = with(database, |o| format!("root:wrong@{}", address(o)));
        assert_refused(&program(&url), "database", &["Access denied", "AUTH_DATABASE_URL"]);
    });
}

#[test]
fn unknown_database_is_refused_with_the_servers_error() {
    on_each(|database| {
        let url = format!("{}_of_nobody", database.url);
        assert_refused(&program(&url), "database", &["Unknown database", "AUTH_DATABASE_URL"]);
    });
}

/// An error that says "locked" need not come from a file that another program has locked for a moment.
#[test]
fn locked_user_is_refused_at_once() {
    on_each(|database| {
        let user = unique("locked");
        alter(database, &format!("CREATE USER {user}@'%' IDENTIFIED BY 'of-the-test' ACCOUNT LOCK"));
        let url = with(database, |options| format!("{user}:of-the-test@{}", address(options)));
        let (said, time) = took(|| program(&url).refusal(&[]));
        assert!(said.contains("locked"), "{said}");
        assert!(time < Duration::from_secs(5), "it will not be unlocked: {time:?}");
        alter(database, &format!("DROP USER {user}@'%'"));
    });
}

#[test]
fn server_that_is_away_is_tried_for_ten_seconds() {
    // Port 1 of this machine: nobody listens there.
    let program = program("mysql://root:secret@127.0.0.1:1/auth");
    let (said, time) = took(|| program.refusal(&[]));
    assert!(said.contains("refused") && said.contains("AUTH_DATABASE_URL"), "{said}");
    assert!((10..15).contains(&time.as_secs()), "{time:?}");
}

/// Threat: a collation treats two addresses as one, and one owner gets the other's account.
#[test]
fn folding_collation_is_refused() {
    on_each(|database| {
        let program = program(&database.url);
        assert_eq!(program.run(&["migrate"]).status, 0);
        let key = "VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL";
        alter(database, &format!("ALTER TABLE accounts MODIFY address_key {key}"));
        let said = ["accounts.address_key", "utf8mb4_general_ci", "two addresses could become one"];
        assert_refused(&program, "columns", &said);
    });
}

#[test]
fn engine_without_transactions_is_refused() {
    on_each(|database| {
        let program = program(&database.url);
        assert_eq!(program.run(&["migrate"]).status, 0);
        alter(database, "ALTER TABLE outbox ENGINE = MyISAM");
        assert_refused(&program, "columns", &["outbox", "MyISAM", "ENGINE = InnoDB"]);
    });
}

/// Returns the account with this number, which owes a mail since 1970.
pub(crate) fn order(n: u8) -> Change {
    let address = Address::parse(&format!("user{n}@example.org")).unwrap();
    let (generation, locale) = (Generation::from_bytes([n; 16]), Locale::parse("en").unwrap());
    let (id, due) = (MailId::from_bytes([n; 16]), Time::from_micros(u64::from(n)));
    let (purpose, to) = (Purpose::Activation, None);
    let mail = OwedMail { id, purpose, generation, locale: locale.clone(), first_due: due, to };
    let password = PasswordRecord::unusable();
    Change {
        key: address.key().clone(),
        expected: Version(0),
        generation: None,
        waiting: Vec::new(),
        until: Time::from_micros(9_000_000_000_000_000),
        mails: vec![MailChange::Owe(mail)],
        row: Row {
            status: Status::Pending(Attempt { generation, address, locale, password }),
            last_mail: None,
            last_notice: None,
            expires: None,
        },
    }
}

async fn lease(accounts: &AccountsMysql) -> Vec<u8> {
    let leased = accounts.lease(10, Duration::from_secs(60)).await.unwrap();
    leased.iter().map(|leased: &LeasedMail| leased.mail.id.as_bytes()[0]).collect()
}

/// After a restart, an idle time-out or a failover every open connection is stale.
#[test]
fn connections_that_the_server_ended_cost_no_call() {
    migrated(async |database, accounts| {
        let name = database.url.rsplit('/').next().unwrap();
        let mut administrator = server_of(database).await;
        for n in 1..=3 {
            let (key, mut open) = (order(n).key, Vec::<i64>::new());
            let ids = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE db = ?";
            // A finished call passes its connection to the next; MySQL fails while another's statement has bytes in it.
            while open.len() < 2 {
                let (one, two) = tokio::join!(accounts.find(&key), accounts.find(&key));
                assert!(one.unwrap().row.is_none() && two.unwrap().row.is_none());
                open = query_scalar(ids).bind(name).fetch_all(&mut administrator).await.unwrap_or_default();
            }
            for id in open {
                execute(&mut administrator, format!("KILL {id}")).await;
            }
            if n == 1 {
                assert!(accounts.find(&order(n).key).await.unwrap().row.is_none());
            }
            assert_eq!(accounts.commit(&order(n).into()).await.unwrap(), Commit::Committed);
        }
        assert_eq!(lease(accounts).await, [1, 2, 3]);
    });
}

async fn server_of(database: &TestDb) -> MySqlConnection {
    let url = database.url.rsplit_once('/').unwrap().0;
    url.parse::<MySqlConnectOptions>().unwrap().connect().await.unwrap()
}

/// Returns a proxy to the database's server, and the URL through it.
pub(crate) fn proxied(database: &TestDb, url: &str) -> (Proxy, String) {
    let proxy = Proxy::to(address_of(&database.url));
    let url = with_address(url, proxy.address());
    (proxy, plain(&url))
}

/// A server that looks up the name of each client may be slow to greet, every time.
#[test]
fn connection_that_came_too_late_serves_the_next_call() {
    migrated(async |database, _| {
        let user = unique("late");
        alter(database, &format!("CREATE USER {user}@'%' IDENTIFIED BY 'of-the-test'"));
        alter(database, &format!("GRANT ALL ON *.* TO {user}@'%'"));
        let url = with(database, |options| format!("{user}:of-the-test@{}", address(options)));
        let (proxy, url) = proxied(database, &url);
        let accounts = AccountsMysql::open(&Secret::new(url), Clock::default()).await.unwrap();
        let key = order(1).key;
        let two = async || tokio::join!(accounts.find(&key), accounts.find(&key));
        accounts.find(&key).await.unwrap();

        // One way: connecting takes five of these delays, a call on an open connection two.
        proxy.delay(Duration::from_millis(400));
        let (one, other) = two().await;
        let error = one.and(other).unwrap_err();
        assert_eq!(error.fault, Fault::NotDone);
        assert!(error.to_string().contains("the server does not answer in time"), "{error}");
        proxy.delay(Duration::ZERO);

        let mut administrator = server_of(database).await;
        let open = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = ?";
        let begun = tokio::time::Instant::now();
        while query_scalar::<_, i64>(open).bind(&user).fetch_one(&mut administrator).await.unwrap_or(0) < 2 {
            assert!(begun.elapsed() < Duration::from_secs(10), "the late connection is given up");
        }
        // From here on nobody can connect: only the open connections remain.
        execute(&mut administrator, format!("ALTER USER {user}@'%' ACCOUNT LOCK")).await;
        while !matches!(two().await, (Ok(_), Ok(_))) {
            assert!(begun.elapsed() < Duration::from_secs(10), "the late connection is not used");
        }
        execute(&mut administrator, format!("DROP USER {user}@'%'")).await;
    });
}

/// A commit over this link takes longer than the time limit of a request's commit.
#[test]
fn operators_commit_may_take_longer() {
    migrated(async |database, accounts| {
        assert_eq!(accounts.commit(&order(1).into()).await.unwrap(), Commit::Committed);
        let (proxy, url) = proxied(database, &database.url);
        let far = AccountsMysql::open(&Secret::new(url), Clock::default()).await.unwrap();
        proxy.delay(Duration::from_millis(400));
        assert_eq!(far.drop_mails(&Which::All).await.unwrap(), 1);
    });
}

/// Nothing was written, and that is certain even if the server's last answer is missing.
#[test]
fn conflict_is_known_whatever_becomes_of_its_rollback() {
    migrated(async |database, accounts| {
        assert_eq!(accounts.commit(&order(1).into()).await.unwrap(), Commit::Committed);
        let (proxy, url) = proxied(database, &database.url);
        let far = AccountsMysql::open(&Secret::new(url), Clock::default()).await.unwrap();
        let mut other = connection(database).await;
        execute(&mut other, "BEGIN").await;
        execute(&mut other, "UPDATE accounts SET status = 0 WHERE address_key = 'user1@example.org'").await;
        let stale = order(1);
        let committing = stale.clone().into();
        let holder = async {
            let waits = "SELECT COUNT(*) FROM information_schema.processlist
                 WHERE db = DATABASE() AND info LIKE 'SELECT n.clock, k.address_key%'";
            // Fails while it has a statement with bytes in it, as above.
            while query_scalar::<_, i64>(waits).fetch_one(&mut other).await.unwrap_or(0) == 0 {}
            // The answer comes half a second late, the one to the rollback a second.
            proxy.delay(Duration::from_millis(500));
            execute(&mut other, "ROLLBACK").await;
        };
        let (committed, ()) = tokio::join!(far.commit(&committing), holder);
        assert_eq!(committed.unwrap(), Commit::Conflict);
        proxy.delay(Duration::ZERO);
        assert!(far.find(&stale.key).await.unwrap().row.is_some(), "nothing is left open on it");
    });
}

/// After a failover the server that a node is connected to may have become a replica.
#[test]
fn server_that_only_reads_is_not_ready() {
    for service in [container::mysql(&[]), container::mariadb(&[])] {
        let database = TestDb::create(&service.mysql_url());
        // Its administrator may still write.
        alter(&database, "CREATE USER auth@'%' IDENTIFIED BY 'of-the-test'");
        alter(&database, "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON *.* TO auth@'%'");
        let url = with(&database, |options| format!("auth:of-the-test@{}", address(options)));
        let node = program(&url).serve(&[]);
        for (reads_only, status) in [("OFF", 200), ("ON", 503), ("OFF", 200)] {
            alter(&database, &format!("SET GLOBAL read_only = {reads_only}"));
            assert_eq!(node.get("/readyz").status, status, "read_only = {reads_only}");
        }
    }
}

/// A node that is cut off in the middle of a transaction keeps its locks for a while.
#[test]
fn rows_that_another_node_holds_stop_nobody_else() {
    migrated(async |database, accounts| {
        for n in [1, 2] {
            assert_eq!(accounts.commit(&order(n).into()).await.unwrap(), Commit::Committed);
        }
        let mut other = connection(database).await;
        execute(&mut other, "BEGIN").await;
        execute(&mut other, "UPDATE accounts SET status = 0 WHERE address_key = 'user1@example.org'").await;
        execute(&mut other, "UPDATE outbox SET due = 7 WHERE address_key = 'user1@example.org'").await;

        let again = Change {
            expected: Version(1),
            generation: Some(Generation::from_bytes([1; 16])),
            waiting: accounts.find(&order(1).key).await.unwrap().waiting,
            ..order(1)
        };
        let started = tokio::time::Instant::now();
        let error = accounts.commit(&again.clone().into()).await.unwrap_err();
        assert_eq!(error.fault, Fault::NotDone, "{error}");
        assert!(started.elapsed() < Duration::from_secs(3), "its callers wait no longer");
        assert!(error.to_string().contains("ock"), "the cause shows: {error}");
        assert_eq!(lease(accounts).await, [2], "the other mail is leased at once");
        assert!(accounts.find(&again.key).await.unwrap().row.is_some(), "readers do not wait");

        execute(&mut other, "ROLLBACK").await;
        assert_eq!(accounts.commit(&again.clone().into()).await.unwrap(), Commit::Committed);
        assert_eq!(lease(accounts).await, [1]);
    });
}

#[test]
fn a_damaged_mail_stops_no_other() {
    migrated(async |database, accounts| {
        for n in [1, 2] {
            assert_eq!(accounts.commit(&order(n).into()).await.unwrap(), Commit::Committed);
        }
        let mut other = connection(database).await;
        execute(&mut other, "UPDATE outbox SET locale = '' WHERE address_key = 'user1@example.org'").await;
        let listed = accounts.mails().await.unwrap().len();
        assert_eq!(listed, 2, "the list shows no locale, so that nothing is amiss there");
        assert_eq!(lease(accounts).await, [2]);
        let mails = accounts.mails().await.unwrap();
        assert_eq!((mails[0].id, mails[0].state), (MailId::from_bytes([1; 16]), OutboxState::Dead));
        assert!(mails[0].last_error.as_deref().unwrap().contains("locale is damaged"));

        execute(&mut other, "UPDATE outbox SET purpose = 99 WHERE address_key = 'user1@example.org'").await;
        let mails = accounts.mails().await.unwrap();
        assert_eq!(mails.iter().map(|mail| mail.id).collect::<Vec<_>>(), [MailId::from_bytes([2; 16])]);
    });
}

/// The server's defaults may be anything: the adapter sets what it relies on.
#[test]
fn values_that_do_not_fit_are_refused_and_not_cut() {
    migrated(async |database, accounts| {
        let mut other = connection(database).await;
        execute(&mut other, "ALTER TABLE accounts MODIFY address_key VARBINARY(8) NOT NULL").await;
        let error = accounts.commit(&order(1).into()).await.unwrap_err();
        assert_eq!(error.fault, Fault::NotDone);
        assert!(error.to_string().contains("Data too long"), "{error}");
        let rows: i64 = query_scalar("SELECT COUNT(*) FROM accounts").fetch_one(&mut other).await.unwrap();
        assert_eq!(rows, 0);
    });
}
