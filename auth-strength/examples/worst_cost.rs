//! Measures what an estimate costs at most: passwords made to be expensive, and a search for more expensive ones
//! within the limit. Prints milliseconds next to those of zxcvbn alone.
//!
//!     cargo run --release -p auth-strength --example worst_cost

use std::{hint::black_box, time::Instant};

use auth_core::{Address, Password};
use auth_strength::estimate;
use zxcvbn::zxcvbn;

const SYMBOLS: &str = "4@8({[<369!1|70$5+%2";
/// An address of words that contain one another.
const LEANING: &str =
    "aaa@aaaa.aaaaa.aaaaaa.aaaaaaa.aaaaaaaa.aaaaaaaaa.aaaaaaaaaa.aaaaaaaaaaa.aaaaaaaaaaaa.example";

/// Returns the milliseconds of `once`, the best of seven.
fn milliseconds(once: impl Fn()) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    let one = |_| {
        let started = Instant::now();
        once();
        started.elapsed().as_secs_f64() * 1e3
    };
    (0..7).map(one).fold(f64::INFINITY, f64::min)
}

fn cost(password: &str, address: &Address) -> f64 {
    let password = Password::parse(password).expect("the password is valid");
    milliseconds(|| drop(black_box(estimate(black_box(&password), address, "Analytical Society", 4))))
}

#[expect(clippy::print_stdout, reason = "a program prints its result")]
fn main() {
    let plain = Address::parse("ada.lovelace@engine.example").expect("the address is valid");
    let leaning = Address::parse(LEANING).expect("the address is valid");
    let mut dear: Vec<(&str, String)> = vec![
        ("an ordinary password", "correct horse battery staple".to_owned()),
        ("letters", "correct horse battery staple".repeat(3)),
        ("one letter", "a".repeat(64)),
        ("ten digits", "1234567890".repeat(7)),
        ("all symbols", SYMBOLS.repeat(4)),
        ("all symbols, short", SYMBOLS.to_owned()),
        ("12 readings", "({[69@".to_owned() + &"4".repeat(58)),
        ("12 readings and a's", "({[69".to_owned() + &"4a@aa4aa@".repeat(7)),
        ("75 readings", "1!|7+({[a4a4a4a4a4a4a4a4a".to_owned()),
        ("a repetition of 12 readings", "({[69a54aeionst4eion4@tsr9ma4(a5".repeat(2)),
        ("a walk", "qw".repeat(32)),
    ];
    println!(
        "{:>9} {:>9} {:>9}  milliseconds of: an estimate, one that leans on its context, zxcvbn alone",
        "", "", ""
    );
    for (name, password) in &dear {
        let first: String = password.chars().take(64).collect();
        let alone = milliseconds(|| drop(black_box(zxcvbn(&first, &[]))));
        println!("{:9.2} {:9.2} {alone:9.2}  {name}", cost(password, &plain), cost(password, &leaning));
    }

    // Searches from the expensive ones: replaces a character where that costs more.
    let letters: Vec<char> = format!("{SYMBOLS}aeinorst").chars().collect();
    let mut number = 53_u64;
    let mut below = |end: usize| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(number >> 33).unwrap_or(0) % end
    };
    for address in [&plain, &leaning] {
        let mut worst = (0.0, String::new());
        for (_, password) in &mut dear {
            let mut current = cost(password, address);
            for _ in 0..100 {
                let mut letter: Vec<char> = password.chars().take(64).collect();
                let place = below(letter.len());
                letter[place] = letters[below(letters.len())];
                let changed: String = letter.into_iter().collect();
                let costs = cost(&changed, address);
                if costs >= current {
                    current = costs;
                    password.clone_from(&changed);
                }
                if costs > worst.0 {
                    worst = (costs, changed);
                }
            }
        }
        println!(
            "{:9.2} ms at most for {}, of 1,100 passwords: {}",
            worst.0,
            address.key().as_str(),
            worst.1
        );
    }
}
