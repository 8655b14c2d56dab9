//! A full disk under SQLite: requests fail while it is full, and no account is lost.
//!
//! The disk is a small one in memory, in a mount namespace that only the server is in.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use auth_tests::{PASSWORD, Program, Server};

use crate::world::{is_unavailable, serves_again};

/// Starts a server whose database is on a disk of one mebibyte.
fn on_a_small_disk() -> Server {
    let program = Program::plain(&[
        ("AUTH_PROFILE", "seed-compat"),
        ("AUTH_SCRYPT", "4,8,1"),
        ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0"),
        ("AUTH_DATABASE_URL", "sqlite://disk/auth.db?mode=rwc"),
    ]);
    fs::create_dir(program.folder().join("disk")).unwrap();
    let mounts = "mount -t tmpfs -o size=1m tmpfs disk && exec \"$0\" \"$@\"";
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let namespace: &[&str] =
        if is_root { &["unshare", "--mount"] } else { &["unshare", "--mount", "--map-root-user"] };
    program.serve_under(&[namespace, &["sh", "-c", mounts]].concat())
}

/// Returns a path on the server's disk, seen from outside.
fn on_the_disk(server: &Server, name: &str) -> PathBuf {
    let folder = server.folder().strip_prefix("/").unwrap();
    PathBuf::from(format!("/proc/{}/root", server.id())).join(folder).join("disk").join(name)
}

fn fill(server: &Server) {
    let mut file = File::create(on_the_disk(server, "fill")).unwrap();
    // Ends with an error by design: no space is left.
    while file.write_all(&[0; 512]).is_ok() {}
}

#[test]
fn full_disk_under_sqlite_is_503_and_not_ready_and_both_end_with_it() {
    let server = on_a_small_disk();
    assert!(on_the_disk(&server, "auth.db-wal").exists(), "the database is on the small disk");
    let mut accepted = Vec::new();
    for round in 0..3 {
        let address = |n: usize| format!("user{round}-{n}@example.org");
        assert_eq!(server.register(&address(0), PASSWORD).status, 201);
        accepted.push(address(0));
        fill(&server);
        // Writes that fit into the log still succeed.
        let mut refused = 0;
        for n in 1..200 {
            let answer = server.register(&address(n), PASSWORD);
            if answer.status == 201 {
                accepted.push(address(n));
                continue;
            }
            is_unavailable(|| answer);
            refused += 1;
            if refused == 20 {
                break;
            }
        }
        assert_eq!(refused, 20, "the disk is not full");
        is_unavailable(|| server.resend(&address(0)));
        is_unavailable(|| server.get("/readyz"));
        assert_eq!(server.get("/livez").status, 200);
        fs::remove_file(on_the_disk(&server, "fill")).unwrap();
        serves_again(&server);
    }
    for address in accepted {
        assert_eq!(server.resend(&address).status, 202, "{address} was accepted and is lost");
    }
}
