//! What became of each step: the table that closes a run and the exit status.

use std::fmt;
use std::process::ExitCode;

use super::step::Step;

/// A run that could not check everything is told apart from one that found a fault.
const INCOMPLETE: u8 = 3;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// Something that this machine lacks; says what to do.
    Incomplete(String),
    /// Left out because the caller asked for it.
    LeftOut(String),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "FAILED",
            Outcome::Incomplete(_) => "INCOMPLETE",
            Outcome::LeftOut(_) => "left out",
        }
    }

    fn reason(&self) -> &str {
        match self {
            Outcome::Passed => "",
            Outcome::Failed(why) | Outcome::Incomplete(why) | Outcome::LeftOut(why) => why,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            "" => write!(f, "{}", self.word()),
            why => write!(f, "{} ({why})", self.word()),
        }
    }
}

#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<(Step, Outcome, f64)>,
}

impl Report {
    pub(crate) fn add(&mut self, step: Step, outcome: Outcome, seconds: f64) {
        self.rows.push((step, outcome, seconds));
    }

    /// The first of these steps that ran and did not pass.
    pub(crate) fn first_not_passed(&self, steps: &[Step]) -> Option<Step> {
        self.rows
            .iter()
            .find(|(step, outcome, _)| steps.contains(step) && *outcome != Outcome::Passed)
            .map(|(step, _, _)| *step)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.verdict() {
            "passed" => ExitCode::SUCCESS,
            "INCOMPLETE" => ExitCode::from(INCOMPLETE),
            _ => ExitCode::FAILURE,
        }
    }

    fn verdict(&self) -> &'static str {
        let has = |word| self.rows.iter().any(|(_, outcome, _)| outcome.word() == word);
        if has("FAILED") {
            "FAILED"
        } else if has("INCOMPLETE") {
            "INCOMPLETE"
        } else {
            "passed"
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:12} {:10} {:>8}", "step", "result", "seconds")?;
        for (step, outcome, seconds) in &self.rows {
            let (word, why) = (outcome.word(), outcome.reason());
            let line = format!("{:12} {word:10} {seconds:8.1}  {why}", step.name());
            writeln!(f, "{}", line.trim_end())?;
        }
        let total: f64 = self.rows.iter().map(|(_, _, seconds)| seconds).sum();
        let verdict = self.verdict();
        writeln!(f, "{:12} {verdict:10} {total:8.1}", "all")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: Vec<Outcome>) -> Report {
        let rows = outcomes.into_iter();
        Report { rows: rows.map(|outcome| (Step::Unit, outcome, 1.0)).collect() }
    }

    #[test]
    fn a_failure_outweighs_what_is_missing() {
        let missing = || Outcome::Incomplete("no browser".to_owned());
        let left_out = Outcome::LeftOut("--without browser".to_owned());
        let failed = Outcome::Failed("see above".to_owned());
        assert_eq!(report(vec![Outcome::Passed, left_out]).verdict(), "passed");
        assert_eq!(report(vec![Outcome::Passed, missing()]).verdict(), "INCOMPLETE");
        assert_eq!(report(vec![failed, missing()]).verdict(), "FAILED");
    }

    #[test]
    fn the_table_has_a_line_for_each_step_and_a_total() {
        let text = report(vec![Outcome::Passed, Outcome::Failed("see above".to_owned())]).to_string();
        let lines: Vec<&str> = text.trim().lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1], "unit         passed          1.0");
        assert_eq!(lines[2], "unit         FAILED          1.0  see above");
        assert_eq!(lines[3], "all          FAILED          2.0");
    }

    #[test]
    fn a_step_that_did_not_pass_is_found() {
        let report = report(vec![Outcome::Failed("see above".to_owned())]);
        assert_eq!(report.first_not_passed(&[Step::Unit]), Some(Step::Unit));
        assert_eq!(report.first_not_passed(&[Step::Lint]), None);
    }
}
