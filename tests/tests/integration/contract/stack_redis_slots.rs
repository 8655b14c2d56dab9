//! Faults of Redis and Valkey that an in-process store cannot have: lost codes, damaged codes, closed connections.

use std::{sync::Arc, time::Duration};

use auth_core::{Admission, Admit, Fault, Rate, Redemption, Subject, SubjectKind};
use auth_http::{adapter::clock::Clock, port::Codes};
use auth_tests::{container::free_port, stack};
use tokio::{task::JoinSet, time::Instant};

use super::{
    adapters_redis::Keys,
    orders::{Slot, TRIES},
};
use crate::stack_redis::{Own, User};

const SERVERS: [&str; 2] = ["AUTH_TEST_REDIS_URL", "AUTH_TEST_VALKEY_URL"];

fn open(keys: &Keys) -> Arc<dyn Codes> {
    Arc::new(keys.open(&Clock::default()))
}

fn request(n: u8) -> Admit {
    let rate = Rate { requests: 1000.try_into().unwrap(), period: Duration::from_secs(3600) };
    Admit { subject: Subject::from_parts(SubjectKind::Client, [n; 32]), rate, give_back: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_were_flushed_are_loaded_again() {
    let own = Own::start("", &[]).await;
    let codes = open(&Keys::on(own.url()));
    let slot = Slot::new(&codes, 1);
    for n in 1..=3 {
        let code = slot.put(n, n).await;
        own.command("SCRIPT FLUSH");
        assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
        assert_eq!(codes.admit(&request(1)).await.unwrap(), Admission::Admitted);
        own.command("SCRIPT FLUSH");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_server_asks_for_a_new_code() {
    let own = Own::start("", &[]).await;
    let slot = Slot::new(&open(&Keys::on(own.url())), 1);
    let code = slot.put(1, 1).await;
    own.command("FLUSHALL");
    assert_eq!(slot.redeem(&code).await, Redemption::Missing);
    let code = slot.put(2, 2).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_cut_off_cost_no_call() {
    for variable in SERVERS {
        let user = User::create(&stack::server(variable), "~* &* +@all");
        let keys = Keys::on(user.url("c4n4ry-secret"));
        let codes = open(&keys);
        let slot = Slot::new(&codes, 1);
        for n in 1..=3 {
            // Enough calls at once to open several connections, which are idle afterwards.
            let mut tasks = JoinSet::new();
            for _ in 0..50 {
                let codes = Arc::clone(&codes);
                tasks.spawn(async move { codes.admit(&request(1)).await.unwrap() });
            }
            assert!(tasks.join_all().await.iter().all(|reply| *reply == Admission::Admitted));
            assert!(user.cut_off() > 1, "there were several");
            let code = slot.put(n, n).await;
            user.cut_off();
            assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_given_up_and_serves_again_by_itself() {
    let own = Own::start("", &[]).await;
    let codes = open(&Keys::on(own.url()));
    let slot = Slot::new(&codes, 1);
    let code = slot.put(1, 1).await;
    own.command("CLIENT PAUSE 3000 ALL");
    let began = Instant::now();
    let failed = codes.admit(&request(1)).await.unwrap_err();
    assert_eq!(failed.fault, Fault::Unknown, "it may carry it out later: {failed}");
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    while codes.admit(&request(1)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(8), "3 s, and at most 5 s after");
    }
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_told_at_once_and_nothing_was_done() {
    let port = free_port();
    let codes = open(&Keys::on(format!("redis://127.0.0.1:{port}")));
    let began = Instant::now();
    let failed = codes.admit(&request(1)).await.unwrap_err();
    assert_eq!(failed.fault, Fault::NotDone);
    assert!(failed.to_string().contains("refused"), "the real cause: {failed}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_writes_says_so_and_admits_nobody() {
    let own = Own::start("", &[]).await;
    let codes = open(&Keys::on(own.url()));
    for (fault, said, cure) in [
        ("CONFIG SET maxmemory 1", "OOM", "CONFIG SET maxmemory 0"),
        ("REPLICAOF 127.0.0.1 1", "READONLY", "REPLICAOF NO ONE"),
    ] {
        own.command(fault);
        for failed in [codes.admit(&request(1)).await.unwrap_err(), codes.ping().await.unwrap_err()] {
            assert_eq!(failed.fault, Fault::NotDone, "{failed}");
            assert!(failed.to_string().contains(said), "{failed}");
        }
        own.command(cure);
        assert_eq!(codes.admit(&request(1)).await.unwrap(), Admission::Admitted);
    }
}

/// Threat: contents that are damaged, or belong to another program, and match something.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_slot_is_missing_and_taken_again() {
    for variable in SERVERS {
        let keys = Keys::on(stack::server(variable));
        let slot = Slot::new(&open(&keys), 1);
        let code = slot.put(1, 1).await;
        slot.put(2, 2).await;
        let (mut redis, names) = keys.all().unwrap();
        let name = &names[0];
        let whole: Vec<u8> = redis::cmd("GET").arg(name).query(&mut redis).unwrap();
        let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
        damaged.push([&whole[..], b"0"].concat());
        damaged.push(b"\x00\xff".repeat(whole.len() / 2));
        damaged.push(vec![b'1'; whole.len()]);
        for at in [0, 2, 17, 18, 19] {
            // The number of the layout, the first and last digit of the end, the counts.
            let mut one = whole.clone();
            one[at] = b'~';
            damaged.push(one);
        }
        for value in damaged {
            redis::cmd("SET").arg(name).arg(&value).exec(&mut redis).unwrap();
            assert_eq!(slot.redeem(&code).await, Redemption::Missing, "{value:?}");
        }
        for write in ["RPUSH", "SADD"] {
            redis::cmd("DEL").arg(name).exec(&mut redis).unwrap();
            redis::cmd(write).arg(name).arg(&whole).exec(&mut redis).unwrap();
            assert_eq!(slot.redeem(&code).await, Redemption::Missing, "{write}");
        }
        let code = slot.put(3, 3).await;
        assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
        assert_eq!(slot.use_up().await, TRIES - 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_count_of_requests_is_begun_again() {
    let order = Admit { rate: Rate { requests: 2.try_into().unwrap(), ..request(1).rate }, ..request(1) };
    for variable in SERVERS {
        let keys = Keys::on(stack::server(variable));
        let codes = open(&keys);
        assert_eq!(codes.admit(&order).await.unwrap(), Admission::Admitted);
        let (mut redis, names) = keys.all().unwrap();
        for value in ["", "nan", "-1", "1e99", "inf", "0x7fffffffffff"] {
            redis::cmd("SET").arg(&names[0]).arg(value).exec(&mut redis).unwrap();
            assert_eq!(codes.admit(&order).await.unwrap(), Admission::Admitted, "{value}");
            assert_eq!(codes.admit(&order).await.unwrap(), Admission::Admitted, "{value}");
            assert!(matches!(codes.admit(&order).await.unwrap(), Admission::Limited { .. }), "{value}");
        }
        // A server's clock was set back by years: nobody waits for longer than the period.
        redis::cmd("SET").arg(&names[0]).arg("9000000000000000").exec(&mut redis).unwrap();
        let Admission::Limited { retry_after } = codes.admit(&order).await.unwrap() else {
            panic!("admitted")
        };
        assert!(retry_after <= order.rate.period, "{retry_after:?}");
        redis::cmd("DEL").arg(&names[0]).exec(&mut redis).unwrap();
        redis::cmd("RPUSH").arg(&names[0]).arg("1").exec(&mut redis).unwrap();
        assert_eq!(codes.admit(&order).await.unwrap(), Admission::Admitted);
    }
}
