//! The source of zxcvbn as built: its lists and keyboards, on which this crate's claims depend and which it does not
//! export.

use std::process::Command;

/// Returns a file of zxcvbn's source.
pub(crate) fn file(name: &str) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().expect("the program starts");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the output is UTF-8")
    };
    // Only this platform's packages: the others need not be on this machine.
    let version = run("rustc", &["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let metadata = [
        "metadata",
        "--offline",
        "--format-version=1",
        "--filter-platform",
        host,
        "--manifest-path",
        manifest,
    ];
    let metadata: serde_json::Value =
        serde_json::from_str(&run(&cargo, &metadata)).expect("cargo prints JSON");
    let mut packages = metadata["packages"].as_array().expect("cargo lists packages").iter();
    let zxcvbn = packages.find(|package| package["name"] == "zxcvbn").expect("zxcvbn is a dependency");
    let library = zxcvbn["targets"][0]["src_path"].as_str().expect("zxcvbn has a library");
    std::fs::read_to_string(std::path::Path::new(library).with_file_name(name)).expect("zxcvbn has this file")
}

/// Returns zxcvbn's lists, the most frequent entries first; the list of leaked passwords comes first.
pub(crate) fn lists() -> Vec<Vec<String>> {
    let source = file("frequency_lists.rs");
    let lists = source.split(": &str = \"").skip(1).map(|list| list.split('"').next().unwrap_or(""));
    lists.map(|list| list.split(',').map(|entry| entry.replace(r"\\", r"\")).collect()).collect()
}
