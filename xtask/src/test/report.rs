//! The outcome of each step: the table at the end of a run, and the exit status.

use std::fmt;
use std::process::ExitCode;

use super::step::Step;

/// The exit status of a run that could not check everything; one that found a fault has another.
const INCOMPLETE: u8 = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StepResult {
    Passed,
    Failed(String),
    /// This machine lacks something; says what to do.
    Incomplete(String),
    /// Left out because the caller asked for it, or did not ask for what this machine lacks.
    LeftOut(String),
}

impl StepResult {
    fn word(&self) -> &'static str {
        match self {
            StepResult::Passed => "passed",
            StepResult::Failed(_) => "FAILED",
            StepResult::Incomplete(_) => "INCOMPLETE",
            StepResult::LeftOut(_) => "left out",
        }
    }

    fn reason(&self) -> &str {
        match self {
            StepResult::Passed => "",
            StepResult::Failed(why) | StepResult::Incomplete(why) | StepResult::LeftOut(why) => why,
        }
    }
}

impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            "" => write!(f, "{}", self.word()),
            why => write!(f, "{} ({why})", self.word()),
        }
    }
}

#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<FinishedStep>,
}

/// A step that has ended.
struct FinishedStep {
    step: Step,
    outcome: StepResult,
    seconds: f64,
    /// The seconds of these that went into builds and installations, which another run reuses.
    building: f64,
}

impl Report {
    pub(crate) fn add(&mut self, step: Step, outcome: StepResult, seconds: f64, building: f64) {
        self.rows.push(FinishedStep { step, outcome, seconds, building });
    }

    /// Returns the first of these steps that ran and did not pass.
    pub(crate) fn first_not_passed(&self, steps: &[Step]) -> Option<Step> {
        let not_passed = |row: &&FinishedStep| steps.contains(&row.step) && row.outcome != StepResult::Passed;
        self.rows.iter().find(not_passed).map(|row| row.step)
    }

    /// Returns the last lines of a run: how long a second run takes and what was not run, if anything.
    /// `narrowed` is what options left out without naming it.
    pub(crate) fn closing(&self, narrowed: &[String]) -> String {
        let mut lines = String::new();
        let sum = |of: fn(&FinishedStep) -> f64| self.rows.iter().map(of).sum::<f64>() / 60.0;
        let (all, building) = (sum(|row| row.seconds), sum(|row| row.building));
        if self.verdict() != "FAILED" {
            let again = all - building;
            lines += &format!(
                "a second run takes about {again:.1} min ({building:.1} min of this one went into building)\n"
            );
        }
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for row in &self.rows {
            let (StepResult::Incomplete(why) | StepResult::LeftOut(why)) = &row.outcome else { continue };
            match reasons.iter_mut().find(|(reason, _)| reason == why) {
                Some((_, steps)) => steps.push(row.step.name()),
                None => reasons.push((why, vec![row.step.name()])),
            }
        }
        let steps = reasons.iter().map(|(why, steps)| format!("{} ({why})", steps.join(", ")));
        let not_run: Vec<String> = steps.chain(narrowed.iter().cloned()).collect();
        if !not_run.is_empty() {
            lines += &format!("not run: {}\n", not_run.join("; "));
        }
        lines
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.verdict() {
            "passed" => ExitCode::SUCCESS,
            "INCOMPLETE" => ExitCode::from(INCOMPLETE),
            _ => ExitCode::FAILURE,
        }
    }

    fn verdict(&self) -> &'static str {
        let has = |word| self.rows.iter().any(|row| row.outcome.word() == word);
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
        for FinishedStep { step, outcome, seconds, .. } in &self.rows {
            let (word, why) = (outcome.word(), outcome.reason());
            let line = format!("{:12} {word:10} {seconds:8.1}  {why}", step.name());
            writeln!(f, "{}", line.trim_end())?;
        }
        let total: f64 = self.rows.iter().map(|row| row.seconds).sum();
        let verdict = self.verdict();
        writeln!(f, "{:12} {verdict:10} {total:8.1}", "all")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: Vec<StepResult>) -> Report {
        let row = |outcome| FinishedStep { step: Step::Unit, outcome, seconds: 60.0, building: 45.0 };
        Report { rows: outcomes.into_iter().map(row).collect() }
    }

    #[test]
    fn a_failure_outweighs_what_is_missing() {
        let missing = || StepResult::Incomplete("no browser".to_owned());
        let left_out = StepResult::LeftOut("--without browser".to_owned());
        let failed = StepResult::Failed("see above".to_owned());
        assert_eq!(report(vec![StepResult::Passed, left_out]).verdict(), "passed");
        assert_eq!(report(vec![StepResult::Passed, missing()]).verdict(), "INCOMPLETE");
        assert_eq!(report(vec![failed, missing()]).verdict(), "FAILED");
    }

    #[test]
    fn the_table_has_a_line_for_each_step_and_a_total() {
        let text = report(vec![StepResult::Passed, StepResult::Failed("see above".to_owned())]).to_string();
        let lines: Vec<&str> = text.trim().lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1], "unit         passed         60.0");
        assert_eq!(lines[2], "unit         FAILED         60.0  see above");
        assert_eq!(lines[3], "all          FAILED        120.0");
    }

    #[test]
    fn the_last_line_names_what_was_not_run() {
        let left_out = || StepResult::LeftOut("no engine".to_owned());
        let missing = StepResult::Incomplete("no browser".to_owned());
        let some = report(vec![left_out(), StepResult::Passed, missing, left_out()]);
        let closing = some.closing(&["all other steps".to_owned()]);
        let last = "not run: unit, unit (no engine); unit (no browser); all other steps";
        assert_eq!(closing.lines().last(), Some(last));
        let all = report(vec![StepResult::Passed]).closing(&[]);
        assert!(!all.contains("not run"), "{all}");
    }

    #[test]
    fn a_second_run_builds_nothing() {
        let text = report(vec![StepResult::Passed, StepResult::Passed]).closing(&[]);
        assert_eq!(text, "a second run takes about 0.5 min (1.5 min of this one went into building)\n");
        assert_eq!(report(vec![StepResult::Failed("see above".to_owned())]).closing(&[]), "");
    }

    #[test]
    fn a_step_that_did_not_pass_is_found() {
        let report = report(vec![StepResult::Failed("see above".to_owned())]);
        assert_eq!(report.first_not_passed(&[Step::Unit]), Some(Step::Unit));
        assert_eq!(report.first_not_passed(&[Step::Lint]), None);
    }
}
