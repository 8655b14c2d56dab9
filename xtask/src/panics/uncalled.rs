//! What the probe does not call: a function that is forgotten there is not looked at.

/// Parts of a function's line in the API, or its type and name, and why the probe may leave it out.
const MAY_BE_LEFT_OUT: [(&str, &str); 14] = [
    ("::fmt(", "nobody can follow what formatting calls"),
    ("::MemoryAccounts::", "its maps are the standard library's, with assertions of their own"),
    ("::MemoryCodes::", "the same"),
    ("pub const fn ", "wraps, unwraps or looks up; those that compute are called"),
    ("::Answers<'_>::", "the flows call it"),
    ("::name(", "runs call it"),
    ("::run(", "runs call it"),
    ("serialize<", "messages, stored values and snapshots call it"),
    ("::as_str(", "returns a field"),
    ("::Address::given(", "returns a field"),
    ("::Code::expose(", "returns a field"),
    ("::Password::expose(", "returns a field"),
    ("::Secret<T>::eq(", "comparisons of MACs and hashes call it"),
    ("::Secret<T>::drop(", "whatever holds a secret calls it"),
];

/// Returns the functions of the recorded API that the probe's source does not call.
pub(super) fn uncalled<'a>(api: &'a str, probe: &str) -> Vec<&'a str> {
    let words: Vec<&str> = probe.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let calls = |name: &str| [".", "::"].iter().any(|by| probe.contains(&format!("{by}{name}(")));
    let is_called = |line| function(line).is_none_or(|(of, name)| words.contains(&of) && calls(name));
    let may_be_left_out = |line: &str| MAY_BE_LEFT_OUT.iter().any(|(part, _)| line.contains(part));
    let mut found: Vec<&str> =
        api.lines().filter(|line| !may_be_left_out(line) && !is_called(line)).collect();
    found.dedup();
    found
}

/// Returns type and name of a method: `Run` and `take` of `pub fn auth_core::Run<F>::take(&mut self) -> …`.
fn function(line: &str) -> Option<(&str, &str)> {
    let (path, _) = line.split_once(" fn ")?.1.split_once('(')?;
    let (of, name) = path.rsplit_once("::")?;
    let of = of.split('<').next()?.rsplit("::").next()?;
    Some((of, name.split('<').next()?))
}

#[cfg(test)]
mod tests {
    use super::uncalled;

    #[test]
    fn functions_that_the_probe_forgets_are_found() {
        let api = "pub fn auth_core::Run<F>::take(&mut self) -> core::option::Option<auth_core::Effect>\n\
                   pub fn auth_core::Slot::put(&mut self, &auth_core::PutCode, auth_core::Time)\n\
                   pub fn auth_core::Slot::fmt(&self) -> core::fmt::Result\n\
                   pub const fn auth_core::Time::from_micros(u64) -> Self\n\
                   impl auth_core::Flow for auth_core::Resend\n";
        let found =
            uncalled(api, "fn a(slot: &mut Slot, run: Run<Resend>) { slot.put(order); slot.taken() }");
        assert!(matches!(found[..], [take] if take.contains("::take(")), "{found:?}");
        assert!(uncalled(api, "Run Slot run.take() Slot::put(slot)").is_empty());
    }
}
