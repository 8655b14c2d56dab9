//! Which policies are accepted, and what a rejection says.

use std::time::Duration;

use auth_core::{
    Alphabet, CodeFormat, HashFloor, Hashing, OddsLimit, PasswordPolicy, Policy, Rules, RulesError, Scrypt,
};

use crate::fixture::{CODE_KEY, keys, rules, seconds};

fn checked(change: impl FnOnce(&mut Policy)) -> Result<Rules, RulesError> {
    let mut policy = Policy::default();
    change(&mut policy);
    Rules::new(policy, keys(&[CODE_KEY]))
}

fn refusal(change: impl FnOnce(&mut Policy)) -> RulesError {
    checked(change).expect_err("the policy must be rejected")
}

fn digits(length: u8) -> CodeFormat {
    CodeFormat::new(Alphabet::Digits, length).expect("the length is allowed")
}

/// Sets the profile of small deployments: 4 digits for a minute, 3 tries.
fn seed_compat(policy: &mut Policy) {
    policy.code = digits(4);
    policy.code_ttl = seconds(60);
    policy.code_tries = 3;
    policy.odds = OddsLimit::SeedCompat;
    policy.hash_floor = HashFloor::NONE;
}

#[test]
fn the_default_policy_holds_with_the_documented_odds() {
    let odds = rules().odds();
    assert_eq!((odds.codes, odds.tries, odds.mails_per_day), (1_000_000, 5, 18));
    assert_eq!(odds.per_million(), 270);
}

#[test]
fn guessable_codes_are_refused_with_the_numbers() {
    let error = refusal(|policy| policy.code = digits(5));
    let RulesError::Odds(odds) = error else { panic!("{error:?} was not expected") };
    assert_eq!(odds.per_million(), 2700);
    let text = error.to_string();
    for number in ["3 codes", "5 tries", "18 mails", "100000 codes", "2700 in a million", "limit is 300"] {
        assert!(text.contains(number), "{number} is missing: {text}");
    }
    assert!(matches!(refusal(|policy| policy.code_tries = 6), RulesError::Odds(_)));
    assert!(matches!(refusal(|policy| policy.resend_after_max = seconds(60)), RulesError::Odds(_)));
    assert!(checked(|policy| policy.code_tries = 4).is_ok());
    assert!(checked(|policy| policy.code = CodeFormat::new(Alphabet::Crockford, 5).expect("fine")).is_ok());
}

#[test]
fn seed_compat_has_odds_of_its_own() {
    assert!(checked(seed_compat).is_ok());
    let four_tries = |policy: &mut Policy| {
        seed_compat(policy);
        policy.code_tries = 4;
    };
    assert!(matches!(refusal(four_tries), RulesError::Odds(_)));
    let standard = |policy: &mut Policy| {
        seed_compat(policy);
        policy.odds = OddsLimit::Standard;
    };
    assert!(matches!(refusal(standard), RulesError::Odds(_)));
}

#[test]
fn a_code_lives_30_s_to_24_h() {
    for wrong in [0, 29, 86_401] {
        let error = refusal(|policy| policy.code_ttl = seconds(wrong));
        assert_eq!(error, RulesError::CodeTtl(seconds(wrong)));
        assert!(error.to_string().contains(&format!("{wrong} s")), "{error}");
    }
    for right in [30, 86_400] {
        assert!(checked(|policy| policy.code_ttl = seconds(right)).is_ok(), "{right}");
    }
}

#[test]
fn a_code_has_at_least_one_try() {
    assert_eq!(refusal(|policy| policy.code_tries = 0), RulesError::NoTries);
}

#[test]
fn intervals_are_1_s_to_a_day_and_do_not_shrink() {
    for (first, longest) in [(0, 60), (61, 60), (60, 86_401)] {
        let (first, longest) = (seconds(first), seconds(longest));
        let error = refusal(|policy| (policy.resend_after, policy.resend_after_max) = (first, longest));
        assert_eq!(error, RulesError::ResendAfter(first, longest));
    }
    let error = refusal(|policy| policy.resend_after = Duration::MAX);
    assert!(matches!(error, RulesError::ResendAfter(..)), "{error:?}");
}

#[test]
fn a_hash_lies_between_floor_and_ceiling() {
    let hash = |log2_n, r, p| Hashing::Scrypt(Scrypt { log2_n, r, p });
    for wrong in [hash(16, 8, 1), hash(12, 8, 99), hash(21, 8, 1), hash(17, 0, 1)] {
        assert_eq!(refusal(|policy| policy.hash = wrong), RulesError::Hash(wrong));
        assert!(RulesError::Hash(wrong).to_string().contains("OWASP"));
    }
    // Without a floor the ceiling still applies.
    let cheap = |policy: &mut Policy| (policy.hash, policy.hash_floor) = (hash(4, 8, 1), HashFloor::NONE);
    assert!(checked(cheap).is_ok());
    let huge = |policy: &mut Policy| (policy.hash, policy.hash_floor) = (hash(21, 8, 1), HashFloor::NONE);
    assert!(matches!(refusal(huge), RulesError::Hash(_)));
}

#[test]
fn a_password_policy_makes_sense() {
    for (min_length, min_score) in [(0, 3), (1025, 3), (8, 5)] {
        let wrong = PasswordPolicy { min_length, min_score, refuse_common: true };
        assert_eq!(refusal(|policy| policy.password = wrong), RulesError::Password(wrong));
    }
}

#[test]
fn mails_are_given_up_after_a_minute_to_a_week() {
    for wrong in [59, 604_801] {
        let error = refusal(|policy| policy.mail_give_up = seconds(wrong));
        assert_eq!(error, RulesError::MailGiveUp(seconds(wrong)));
    }
    for right in [60, 604_800] {
        assert!(checked(|policy| policy.mail_give_up = seconds(right)).is_ok(), "{right}");
    }
}
