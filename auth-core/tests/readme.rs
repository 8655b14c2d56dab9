//! The README contains the whole example.

#[test]
fn the_readme_shows_the_example() {
    let (readme, example) = (include_str!("../README.md"), include_str!("../examples/register.rs"));
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```\n").next());
    let program = example.find("use std::").map(|from| &example[from..]);
    assert_eq!(shown, program);
}
