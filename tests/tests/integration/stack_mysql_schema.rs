//! The schema in MySQL and MariaDB: several nodes that migrate, interrupted
//! migrations, schemas of other programs, and grants.

use std::thread;

use auth_tests::{Exit, stack::unique};

use crate::stack_mysql::{address, alter, assert_refused, on_each, program, with};

/// Each node looks at the schema while another one creates it.
#[test]
fn three_nodes_serve_on_an_empty_database_at_once() {
    on_each(|database| {
        let ready = thread::scope(|scope| {
            let nodes = [(); 3].map(|()| scope.spawn(|| program(&database.url).serve(&[])));
            nodes.map(|node| node.join().unwrap().get("/readyz").status)
        });
        assert_eq!(ready, [200; 3]);
    });
}

#[test]
fn start_that_is_refused_leaves_the_database_as_it_was() {
    on_each(|database| {
        let program = program(&database.url);
        let mail = [
            ("AUTH_SMTP_URL", "smtps://127.0.0.1:465?ssl-ca=/of-nobody.pem"),
            ("AUTH_MAIL_FROM", "auth@example.org"),
        ];
        let said = program.with(&mail).refusal(&[]);
        assert!(said.contains("/of-nobody.pem"), "{said}");
        let ran = program.run(&["check"]);
        assert!(ran.out.contains("schema: not up to date"), "{ran:?}");
    });
}

/// A node was killed between two migrations, and then the first node of the next version starts.
#[test]
fn serve_goes_on_where_migrations_ended() {
    on_each(|database| {
        let program = program(&database.url);
        assert_eq!(program.run(&["migrate"]).status, 0);
        for left in [
            ["DROP TABLE outbox", "DELETE FROM _sqlx_migrations WHERE version > 1"],
            ["DROP TABLE outbox, accounts", "DELETE FROM _sqlx_migrations"],
            ["DROP TABLE outbox", "DELETE FROM _sqlx_migrations"],
        ] {
            left.iter().for_each(|sql| alter(database, sql));
            let ran = program.run(&["check"]);
            assert!(ran.status == 0 && ran.out.contains("`serve` will bring it up to date"), "{ran:?}");
            assert_eq!(program.serve(&[]).get("/readyz").status, 200);
        }
        alter(database, "DROP TABLE outbox");
        assert_refused(&program, "writing", &["outbox", "restore a backup"]);
    });
}

#[test]
fn three_nodes_migrate_an_empty_database_at_once() {
    on_each(|database| {
        let ran: Vec<Exit> = thread::scope(|scope| {
            let runs = [(); 3].map(|()| scope.spawn(|| program(&database.url).run(&["migrate"])));
            runs.map(|run| run.join().unwrap()).into()
        });
        assert!(ran.iter().all(|ran| ran.status == 0), "{ran:#?}");
        assert_eq!(program(&database.url).serve(&[]).get("/readyz").status, 200);
    });
}

/// DDL is not transactional: a node that is killed leaves a migration marked as begun.
#[test]
fn a_migration_that_was_killed_is_repeated() {
    on_each(|database| {
        let program = program(&database.url);
        for left_behind in [None, Some("DROP TABLE outbox")] {
            assert_eq!(program.run(&["migrate"]).status, 0);
            if let Some(sql) = left_behind {
                alter(database, sql);
            }
            alter(database, "DELETE FROM _sqlx_migrations WHERE version > 2");
            alter(database, "UPDATE _sqlx_migrations SET success = FALSE WHERE version = 2");
            let ran = program.run(&["migrate"]);
            assert_eq!(ran.status, 0, "{ran:?}");
            assert_eq!(program.serve(&[]).get("/readyz").status, 200);
        }
        // Killed between adding columns and recording it.
        for version in [3, 4, 6] {
            alter(database, &format!("DELETE FROM _sqlx_migrations WHERE version >= {version}"));
            let ran = program.run(&["migrate"]);
            assert_eq!(ran.status, 0, "{version}: {ran:?}");
            assert_eq!(program.serve(&[]).get("/readyz").status, 200);
        }
    });
}

#[test]
fn missing_grant_is_named() {
    on_each(|database| {
        assert_eq!(program(&database.url).run(&["migrate"]).status, 0);
        let user = unique("reader");
        let name = database.url.rsplit('/').next().unwrap();
        alter(database, &format!("CREATE USER {user}@'%' IDENTIFIED BY 'of-the-test'"));
        alter(database, &format!("GRANT SELECT ON `{name}`.* TO {user}@'%'"));
        let url = with(database, |options| format!("{user}:of-the-test@{}", address(options)));
        assert_refused(&program(&url), "writing", &["INSERT command denied", "GRANT SELECT, INSERT"]);
        let ran = program(&url).run(&["migrate"]);
        assert!(ran.status == 1 && ran.message().contains("command denied"), "{ran:?}");
        alter(database, &format!("DROP USER {user}@'%'"));
    });
}

/// The recommended grants are enough, each for its purpose.
#[test]
fn advised_grants_suffice() {
    on_each(|database| {
        let name = database.url.rsplit('/').next().unwrap();
        let user = unique("granted");
        alter(database, &format!("CREATE USER {user}@'%' IDENTIFIED BY 'of-the-test'"));
        let url = with(database, |options| format!("{user}:of-the-test@{}", address(options)));
        let program = program(&url);
        let serves = "SELECT, INSERT, UPDATE, DELETE";
        alter(database, &format!("GRANT {serves}, CREATE, ALTER, INDEX ON `{name}`.* TO {user}@'%'"));
        assert_eq!(program.run(&["migrate"]).status, 0);
        alter(database, &format!("REVOKE CREATE, ALTER, INDEX ON `{name}`.* FROM {user}@'%'"));
        let node = program.with(&[("AUTH_MIGRATE", "off")]).serve(&[]);
        assert_eq!(node.get("/readyz").status, 200);
        drop(node);
        alter(database, &format!("DROP USER {user}@'%'"));
    });
}

#[test]
fn table_of_another_program_is_refused_and_stays_as_it_is() {
    on_each(|database| {
        alter(database, "CREATE TABLE accounts (id INT PRIMARY KEY)");
        assert_refused(&program(&database.url), "writing", &["Unknown column", "another program"]);
        let ran = program(&database.url).run(&["migrate"]);
        assert!(ran.status == 1 && ran.message().contains("another program"), "{ran:?}");
        alter(database, "INSERT INTO accounts (id) VALUES (1)");
    });
}

#[test]
fn schema_of_a_later_version_is_refused() {
    on_each(|database| {
        let program = program(&database.url);
        assert_eq!(program.run(&["migrate"]).status, 0);
        let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99, 'later', TRUE, 'x', 1)";
        alter(database, later);
        for said in [program.refusal(&[]), program.run(&["migrate"]).message()] {
            assert!(said.contains("later version") && said.contains("schema"), "{said}");
        }
        let ran = program.with(&[("AUTH_MIGRATE", "off")]).run(&["mail", "list"]);
        assert!(ran.status == 1 && ran.message().contains("auth-http migrate"), "{ran:?}");
    });
}
