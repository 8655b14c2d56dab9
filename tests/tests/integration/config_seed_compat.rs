//! The profile `seed-compat`: only defaults, each of them with a warning.

use auth_tests::Program;

const PROFILE: (&str, &str) = ("AUTH_PROFILE", "seed-compat");

/// Starts the released program, and returns the warnings that it logs.
fn warnings(settings: &[(&str, &str)]) -> Vec<String> {
    let mut server = Program::plain(settings).serve(&[]);
    server.terminate();
    let log = server.whole_log();
    let warned = log.lines().filter(|line| line.contains("WARN") && line.contains("seed-compat"));
    warned.map(str::to_owned).collect()
}

#[test]
fn profile_sets_its_defaults() {
    let ran = Program::plain(&[PROFILE]).run(&["--print-config"]);
    for line in [
        "code_length = \"4\"",
        "code_ttl_seconds = \"60\"",
        "code_tries = \"3\"",
        "disclosure = \"explicit\"",
        "password_min_length = \"1\"",
        "password_min_score = \"0\"",
        "login = \"off\"",
    ] {
        assert!(ran.out.contains(&format!("{line} # profile seed-compat\n")), "{line} in {}", ran.out);
    }
    assert_eq!(ran.out.matches("# profile seed-compat").count(), 7, "{}", ran.out);
}

#[test]
fn each_weakness_has_its_warning() {
    let warned = warnings(&[PROFILE, ("AUTH_SCRYPT", "4,8,1")]);
    for weakness in ["guessed", "who has an account", "passwords of any strength", "scrypt"] {
        let about = warned.iter().filter(|line| line.contains(weakness)).count();
        assert_eq!(about, 1, "{weakness} in {warned:#?}");
    }
    assert!(warned.iter().any(|line| line.contains("10000 codes") && line.contains("limit is 20000")));
    assert!(warned.iter().any(|line| line.contains("N=2^4")), "{warned:#?}");
}

#[test]
fn standard_profile_warns_of_no_weakness() {
    assert_eq!(warnings(&[("AUTH_PROFILE", "standard")]), [] as [String; 0]);
}

#[test]
fn what_is_set_explicitly_counts() {
    let set = [
        PROFILE,
        ("AUTH_CODE_LENGTH", "6"),
        ("AUTH_CODE_TTL_SECONDS", "600"),
        ("AUTH_CODE_TRIES", "2"),
        ("AUTH_DISCLOSURE", "hidden"),
        ("AUTH_PASSWORD_MIN_LENGTH", "8"),
        ("AUTH_PASSWORD_MIN_SCORE", "3"),
        ("AUTH_LOGIN", "on"),
    ];
    let ran = Program::plain(&set).run(&["--print-config"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(!ran.out.contains("# profile seed-compat"), "{}", ran.out);
    for (variable, value) in &set[1..] {
        let name = variable.trim_start_matches("AUTH_").to_lowercase();
        let line = format!("{name} = \"{value}\" # environment {variable}");
        assert!(ran.out.contains(&line), "{line} in {}", ran.out);
    }
}

/// A warning without a cause teaches operators to ignore warnings.
#[test]
fn what_was_made_strong_again_is_not_warned_of() {
    let warned = warnings(&[PROFILE, ("AUTH_DISCLOSURE", "hidden")]);
    assert!(!warned.iter().any(|line| line.contains("who has an account")), "{warned:#?}");
    let warned = warnings(&[PROFILE, ("AUTH_CODE_LENGTH", "8")]);
    assert!(!warned.iter().any(|line| line.contains("guessed")), "{warned:#?}");
}

#[test]
fn odds_have_a_limit_there_too() {
    for (variable, value) in [("AUTH_CODE_TRIES", "4"), ("AUTH_RESEND_AFTER_MAX_SECONDS", "600")] {
        let said = Program::plain(&[PROFILE, (variable, value)]).refusal(&[]);
        assert!(said.contains("guessed") && said.contains("limit is 20000"), "{said}");
    }
}
