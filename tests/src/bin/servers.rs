//! Starts the servers that a run of the tests shares, prints their addresses, one `VARIABLE=value` per
//! line and an empty line at the end, and removes them when its standard input ends.
//!
//! The caller need not stop it: if that process dies, its end of the pipe is closed as well.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{
    io::{self, Read},
    thread,
};

use auth_tests::{
    container::{self, in_memory},
    stack,
};

fn main() -> io::Result<()> {
    container::sweep();
    let served = serve();
    match container::sweep() {
        0 => served,
        left => Err(io::Error::other(format!("{left} containers, networks or volumes of this run are left"))),
    }
}

fn serve() -> io::Result<()> {
    let (mysql, mariadb, redis, valkey) = thread::scope(|scope| {
        let mysql = scope.spawn(|| container::mysql_with(&["--innodb-redo-log-capacity=8M"], in_memory));
        let mariadb = scope.spawn(|| container::mariadb_with(&[], in_memory));
        let redis = scope.spawn(|| container::redis(&[]));
        let valkey = scope.spawn(|| container::valkey(&[]));
        (mysql.join(), mariadb.join(), redis.join(), valkey.join())
    });
    let failed = |_| io::Error::other("a server did not start, see above");
    let (mysql, mariadb) = (mysql.map_err(failed)?, mariadb.map_err(failed)?);
    let (redis, valkey) = (redis.map_err(failed)?, valkey.map_err(failed)?);
    println!("AUTH_TEST_RUN={}", container::run_name());
    println!("AUTH_TEST_MYSQL_URL={}", mysql.mysql_url());
    println!("AUTH_TEST_MARIADB_URL={}", mariadb.mysql_url());
    println!("AUTH_TEST_REDIS_URL={}", redis.redis_url());
    println!("AUTH_TEST_VALKEY_URL={}", valkey.redis_url());
    let [mysql_version, mariadb_version] = [&mysql, &mariadb].map(|s| stack::mysql_version(&s.mysql_url()));
    let [redis_version, valkey_version] = [&redis, &valkey].map(|s| stack::redis_version(&s.redis_url()));
    println!(
        "AUTH_TEST_VERSIONS=MySQL {mysql_version}, MariaDB {mariadb_version}, Redis {redis_version}, \
        Valkey {valkey_version}"
    );
    println!();
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
