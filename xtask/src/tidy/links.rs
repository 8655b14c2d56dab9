//! Links in the documentation: every relative one leads to an existing file, every anchor to a
//! heading. Links to other sites are not followed. Pages that guide through the source name existing files.

use super::markdown::{anchors, code_spans, lines, without_code};
use super::{File, Violation};

/// How the names of the pages begin whose code spans name files of the source, by the end of their paths.
const GUIDES: [&str; 3] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/adding-a"];
const ENDINGS: [&str; 8] = ["/", ".rs", ".md", ".js", ".py", ".wit", ".c", ".json"];

pub(super) fn check(files: &[File], paths: &[String]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in links(&file.text) {
            if let Some(what) = broken(file, &target, files, paths) {
                violations.push(Violation::new(&file.path, line, what));
            }
        }
        if GUIDES.iter().any(|guide| file.path.starts_with(guide)) {
            let gone =
                lines(&file.text).flat_map(|(line, text)| code_spans(text).map(move |span| (line, span)));
            violations.extend(gone.filter(|(_, span)| is_gone(span, paths)).map(|(line, span)| {
                Violation::new(&file.path, line, format!("names `{span}`, which is not there: mend it"))
            }));
        }
    }
    violations
}

/// Returns whether a code span names a file or a folder, and no path ends with it or has it inside.
fn is_gone(span: &str, paths: &[String]) -> bool {
    let is_path = ENDINGS.iter().any(|ending| span.ends_with(ending))
        && !span.starts_with(['/', '.'])
        && !span.contains([' ', '<', '*', ':']);
    let is_there = |path: &String| {
        let path = format!("/{path}");
        path.ends_with(&format!("/{span}")) || (span.ends_with('/') && path.contains(&format!("/{span}")))
    };
    is_path && !paths.iter().any(is_there)
}

/// Returns why a link is broken, if it is.
fn broken(file: &File, target: &str, files: &[File], paths: &[String]) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { file.path.clone() } else { resolved(&file.path, path) };
    let folder = format!("{path}/");
    let exists = path.is_empty() || paths.iter().any(|known| *known == path || known.starts_with(&folder));
    if !exists {
        return Some(format!("links to `{target}`, which does not exist: correct the path"));
    }
    // The meaning of an anchor in another kind of file depends on the program that shows it.
    if anchor.is_empty() || !path.ends_with(".md") {
        return None;
    }
    let page = files.iter().find(|file| file.path == path)?;
    let known = anchors(&page.text).iter().any(|known| known == anchor)
        || page.text.contains(&format!("id=\"{anchor}\""));
    (!known).then(|| format!("links to `{target}`, but no heading has this anchor: correct it"))
}

/// Returns a link's path from the root: relative to the file's folder, or to the root after a `/`.
fn resolved(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if link.starts_with('/') {
        parts.clear();
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Returns all links of a text that lead into the repository, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in lines(text) {
        let line = without_code(line);
        let mut targets = Vec::new();
        for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            let rests = line.split(opening).skip(1);
            targets.extend(rests.map(|rest| rest.split(closing).next().unwrap_or("")));
        }
        targets.extend(definition(&line));
        let own = targets.into_iter().filter_map(inside);
        found.extend(own.map(|target| (number, target.to_owned())));
    }
    found
}

/// Returns the target of a line such as `[name]: path`, but not of a footnote.
fn definition(line: &str) -> Option<&str> {
    let (name, target) = line.strip_prefix('[')?.split_once("]:")?;
    (!name.starts_with('^') && !name.contains(']')).then_some(target)
}

/// Returns the path of a link without its title; none for another site.
fn inside(target: &str) -> Option<&str> {
    let path = target.split_whitespace().next()?;
    let path = path.trim_start_matches('<').trim_end_matches('>');
    let elsewhere = ["http://", "https://", "mailto:"];
    (!elsewhere.iter().any(|scheme| path.starts_with(scheme))).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, String)> {
        let page = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = [page("docs/a.md", text), page("README.md", "# Read me\n## Start here\n")];
        let paths = ["README.md", "docs/a.md", "docs/decisions/1.md", "docs/p.png"];
        let violations = check(&files, &paths.map(str::to_owned));
        violations.into_iter().map(|v| (v.line, v.what)).collect()
    }

    #[test]
    fn a_link_to_a_file_that_is_there_is_fine() {
        let text = "[a](../README.md) [b](decisions/1.md \"t\") ![c](./p.png) [d](decisions/)\n\
            [e](/docs/a.md)\n<img src=\"p.png\">\n\n[f]: ../README.md\n[^1]: a note\n";
        assert_eq!(found(text), []);
    }

    #[test]
    fn a_link_to_nowhere_is_found() {
        let text = "ok\n[a](README.md)\n<img src=\"q.png\">\n[b]: gone.md\n[a long\ntext](gone.md)\n";
        let lines: Vec<usize> = found(text).iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 6]);
    }

    #[test]
    fn an_anchor_leads_to_a_heading() {
        assert_eq!(found("# Here\n[a](#here) [b](../README.md#start-here)\n"), []);
        let wrong = found("[a](#there)\n[b](../README.md#start)\n");
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].1.contains("no heading"));
    }

    #[test]
    fn a_guide_names_files_that_are_there() {
        let paths = ["auth-core/src/flow/mod.rs".to_owned()];
        for there in ["flow/mod.rs", "mod.rs", "src/flow/", "<flow>.rs", "Flow::run", "cargo build"] {
            assert!(!is_gone(there, &paths), "{there}");
        }
        for gone in ["flow/gone.rs", "od.rs", "src/flows/"] {
            assert!(is_gone(gone, &paths), "{gone}");
        }
    }

    #[test]
    fn other_sites_and_code_are_not_followed() {
        let text = "[a](https://example.org/x) `[b](gone.md)`\n```\n[c](gone.md)\n```\n";
        assert_eq!(found(text), []);
    }
}
