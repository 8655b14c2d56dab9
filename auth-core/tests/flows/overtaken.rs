//! Decisions that are outdated at their commit, and workers that have lost their mail: neither changes anything.

use auth_core::{Alphabet, CodeFormat, Deliver, Event, Flow, Kind, Register, Registration, Resend, Run};

use crate::{
    fixture::{DAY, TTL, at, client, rules, rules_with, seconds},
    world::{Going, How, Mailer, World, before, parse, register},
};

const ADDRESS: &str = "ada@example.org";
const OURS: &str = "our password";
const THEIRS: &str = "their password";

fn mailed() -> World {
    let mut world = World::new(rules());
    world.register(ADDRESS, OURS);
    assert_eq!(world.deliver(), [Event::MailSent]);
    world
}

fn resend() -> Resend {
    Resend { address: parse(ADDRESS), client: client() }
}

/// A callback before each effect of a run.
type Trouble<'a> = &'a mut dyn FnMut(&mut World, Kind, usize) -> How;

/// Threat: a request that reads just before a mail is due and commits just after it has left, all day: twice as many
/// mails, and twice as many tries.
#[test]
fn a_mail_that_left_since_a_request_read_keeps_its_interval() {
    let decided: [fn(&mut World, Trouble<'_>); 2] = [
        |world, trouble| drop(world.drive(resend(), None, trouble)),
        |world, trouble| drop(world.drive(register(ADDRESS), Some(THEIRS), trouble)),
    ];
    for request in decided {
        let mut world = mailed();
        world.later(seconds(1));
        world.register(ADDRESS, THEIRS);
        assert_eq!(world.next_due(), Some(at(60)));
        world.now = at(59);
        request(
            &mut world,
            &mut before(Kind::CommitAccount, |world| {
                world.now = at(60);
                assert_eq!(world.deliver(), [Event::MailSent]);
            }),
        );
        assert_eq!(world.next_due(), Some(at(180)), "a minute, then two");
    }
}

/// A worker that is always late, and somebody who registers all the time with other passwords.
#[test]
fn a_mail_that_was_replaced_before_it_left_does_not_count() {
    let mut world = World::new(rules_with(|policy| {
        policy.code = CodeFormat::new(Alphabet::Digits, 8).expect("eight digits are allowed");
        policy.resend_after = seconds(1);
    }));
    for tick in 0..180_u32 {
        world.register(ADDRESS, &format!("password {tick}"));
        if tick % 3 == 2 {
            world.deliver();
        }
        world.later(seconds(1) / 10);
    }
    let times = world.mailbox.windows(2).map(|two| two[1].at.since(two[0].at).as_secs());
    assert_eq!(times.collect::<Vec<_>>(), [1, 2, 4, 8]);
}

#[test]
fn a_request_that_rested_for_a_day_decides_again() {
    let mut world = World::new(rules());
    let rests = before(Kind::CommitAccount, |world| world.later(DAY));
    let disclosed = world.drive(register(ADDRESS), Some(OURS), rests).outcome().disclosed;
    assert_eq!(disclosed, Registration::Accepted);
    assert_eq!(world.deliver(), [Event::MailSent]);
    let code = world.last_code();
    assert_eq!(world.activate(ADDRESS, OURS, &code).outcome().event, Event::Activated);
}

#[test]
fn an_unknown_outcome_holds_no_mail_up_for_longer_than_the_interval() {
    let mut world = World::new(rules());
    world.mailer.push_back(Mailer::LosesMail);
    world.register(ADDRESS, OURS);
    assert_eq!(world.deliver(), [Event::MailUnknown]);
    assert_eq!(world.next_due(), Some(at(600)));
    world.later(seconds(10));
    world.resend(ADDRESS);
    assert_eq!(world.next_due(), Some(at(60)));
}

/// The backoff of an unknown outcome is shorter than the interval by now: asking delays nothing.
#[test]
fn asking_leaves_a_mail_that_is_tried_before_the_interval_ends() {
    let mut world = World::new(rules());
    for _ in 0..5 {
        world.register(ADDRESS, OURS);
        world.pass(seconds(960));
    }
    world.mailer.push_back(Mailer::LosesMail);
    world.register(ADDRESS, OURS);
    while world.mailer.front().is_some() {
        world.pass(seconds(1));
    }
    let tried = world.next_due();
    world.later(seconds(10));
    world.resend(ADDRESS);
    assert_eq!(world.next_due(), tried);
}

/// One worker has sent a mail and is about to settle it when another one takes it over and sends it again.
#[test]
fn a_late_worker_does_not_shorten_the_code_that_another_one_sends() {
    let mut world = World::new(rules());
    world.register(ADDRESS, OURS);
    let mut late = delivers(&mut world);
    while late.run.waits_for() != Some(Kind::SettleMail) {
        assert!(late.step(&mut world, How::Well));
    }
    world.later(crate::world::LEASE);
    let mut second = delivers(&mut world);
    while second.run.waits_for() != Some(Kind::SendMail) {
        assert!(second.step(&mut world, How::Well));
    }
    while late.step(&mut world, How::Well) {}
    world.later(TTL);
    let mut mailbox = world.clone();
    assert!(second.step(&mut mailbox, How::Well), "the mail is sent");
    let code = mailbox.last_code();
    assert_eq!(mailbox.activate(ADDRESS, OURS, &code).outcome().event, Event::Activated);
}

fn delivers(world: &mut World) -> Going<Deliver> {
    let leased = world.lease().expect("a mail is due");
    Going { run: Run::start(Deliver { leased }, &world.rules), extra: world.extra(None) }
}

/// Three codes have arrived. A fourth mail is deferred: while it may still arrive only the newest three codes are
/// valid, its own included; once it is known not to have left, the three that arrived are.
#[test]
fn a_deferred_mail_takes_no_place_from_a_code_that_arrived() {
    let mut world = mailed();
    for _ in 0..2 {
        world.resend(ADDRESS);
        world.pass(seconds(120));
    }
    let arrived: Vec<_> = world.mailbox.iter().filter_map(|mail| mail.code.clone()).collect();
    assert_eq!(arrived.len(), 3);
    let good = |world: &World| -> Vec<Event> {
        arrived.iter().map(|code| world.clone().activate(ADDRESS, OURS, code).outcome().event).collect()
    };
    world.mailer.push_back(Mailer::Defers);
    world.resend(ADDRESS);
    world.now = world.next_due().expect("a mail waits");
    let mut fourth = delivers(&mut world);
    while fourth.run.waits_for() != Some(Kind::SendMail) {
        assert!(fourth.step(&mut world, How::Well));
    }
    // Threat: more codes valid at once than the odds assume.
    assert_eq!(good(&world), [Event::WrongCode, Event::Activated, Event::Activated]);
    while fourth.step(&mut world, How::Well) {}
    assert_eq!(good(&world), [Event::Activated; 3]);
}

#[test]
fn deferred_mails_one_after_another_kill_no_code_that_arrived() {
    let mut world = mailed();
    let code = world.last_code();
    world.mailer.extend([Mailer::Defers; 1000]);
    let mut ids = std::collections::BTreeSet::new();
    while world.now < at(540) {
        world.resend(ADDRESS);
        world.pass(seconds(30));
        ids.extend(world.waiting());
    }
    assert!(ids.len() >= 2, "only {} mails", ids.len());
    assert_eq!(world.activate(ADDRESS, OURS, &code).outcome().event, Event::Activated);
}

/// A small generator of random numbers: the same on every platform.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A request that may pause between any two of its effects.
enum Request {
    Register(Going<Register>),
    Resend(Going<Resend>),
}

impl Request {
    fn begin(world: &mut World, numbers: &mut Numbers) -> Self {
        fn going<F: Flow>(world: &mut World, flow: F, text: Option<&str>) -> Going<F> {
            Going { run: Run::start(flow, &world.rules), extra: world.extra(text) }
        }
        match numbers.below(3) {
            0 => Self::Register(going(world, register(ADDRESS), Some(OURS))),
            1 => Self::Register(going(world, register(ADDRESS), Some(THEIRS))),
            _ => Self::Resend(going(world, resend(), None)),
        }
    }

    fn step(&mut self, world: &mut World) -> bool {
        match self {
            Self::Register(going) => going.step(world, How::Well),
            Self::Resend(going) => going.step(world, How::Well),
        }
    }
}

/// Any requests, at any moments, pausing between any two effects, and an unreliable mail server: over a day no more
/// mails leave than the intervals allow, and each refills the tries once.
#[test]
fn mails_keep_their_interval_over_a_day_whatever_is_asked() {
    for seed in 0..12 {
        eprintln!("seed {seed}");
        let (mut world, mut numbers) = (World::new(rules()), Numbers(seed));
        let mut resting: Vec<Request> = Vec::new();
        while world.now < at(0).after(DAY) {
            match numbers.below(8) {
                0 if resting.len() < 4 => resting.push(Request::begin(&mut world, &mut numbers)),
                0..=4 if !resting.is_empty() => {
                    let one =
                        usize::try_from(numbers.below(resting.len() as u64)).expect("the index is small");
                    if !resting[one].step(&mut world) {
                        resting.swap_remove(one);
                    }
                }
                5 => {
                    if seed % 3 > 0 && numbers.below(3) == 0 {
                        world.mailer.extend(match numbers.below(3) {
                            0 => Some(Mailer::Defers),
                            1 => Some(Mailer::LosesReply),
                            _ => None,
                        });
                    }
                    world.deliver();
                }
                // The moments around a mail's time matter most.
                6 => world.now = world.next_due().map_or(world.now, |next| next.max(world.now)),
                _ => world.later(seconds(1 + numbers.below(40))),
            }
        }
        let times = world.first_begun();
        assert_eq!(world.refilled().len(), times.len(), "each mail that began refills once, and no other");
        let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
        assert!(times.len() <= 18 && gaps.iter().all(|gap| *gap >= 60), "{} mails: {gaps:?}", times.len());
        assert!(times.len() >= 12, "the day was not used: {gaps:?}");
    }
}
