//! The schema's migrations as sqlx runs them, from the files in `migrations/`.
//!
//! By hand, since `sqlx::migrate!` builds the drivers of every database a second time, for the compiler.

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Returns the migrator of a database from the names of its files.
macro_rules! migrations {
    ($database:literal: $($name:literal),+ $(,)?) => {
        $crate::adapter::migrations::of([
            $(($name, include_str!(concat!("../../migrations/", $database, "/", $name, ".sql"))),)+
        ])
    };
}
pub(super) use migrations;

/// Makes the migrator of files named `0001_accounts`: the version, then what it is about.
pub(super) fn of<const N: usize>(files: [(&'static str, &'static str); N]) -> Migrator {
    let migrations = files.iter().map(|(name, sql)| {
        let (version, about) = name.split_once('_').unwrap_or((name, ""));
        let version = version.parse().unwrap_or_else(|_| unreachable!("names begin with a number"));
        Migration::new(
            version,
            about.replace('_', " ").into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Compares with what the folder has, in the form of its names: a file that is not listed would not run.
    fn every_file_runs(database: &str, migrator: &Migrator) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
        let mut files: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let listed =
            migrator.iter().map(|m| format!("{:04}_{}.sql", m.version, m.description.replace(' ', "_")));
        assert_eq!(listed.collect::<Vec<_>>(), files);
    }

    #[test]
    #[cfg(feature = "sqlite")]
    fn every_file_for_sqlite_runs() {
        every_file_runs("sqlite", &crate::adapter::accounts_sqlite::MIGRATOR);
    }

    #[test]
    #[cfg(feature = "mysql")]
    fn every_file_for_mysql_runs() {
        every_file_runs("mysql", &crate::adapter::accounts_mysql_schema::migrator());
    }
}
