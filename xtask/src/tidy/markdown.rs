//! A reader of Markdown for the checks of the documentation: prose without code, headings as anchors,
//! and tables. It covers only as much of the language as the documentation uses.

use std::collections::HashMap;

pub(super) struct Table<'a> {
    pub(super) header: Vec<&'a str>,
    /// The line number and the cells of each row.
    pub(super) rows: Vec<(usize, Vec<&'a str>)>,
}

impl Table<'_> {
    /// Returns the column whose title starts with this word, in any case.
    pub(super) fn column(&self, title: &str) -> Option<usize> {
        let starts = |cell: &&str| cell.to_lowercase().starts_with(title);
        self.header.iter().position(starts)
    }
}

/// Returns each line outside fenced code, with its number.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(close)) if open == close => fence = None,
            (None, None) => return Some((index + 1, line)),
            (Some(_), _) => {}
        }
        None
    })
}

/// Returns the line without its code spans: their text is not a link.
pub(super) fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "" }).collect()
}

/// Returns the text of the line's code spans.
pub(super) fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the anchors of all headings, by GitHub's rule.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = Vec::new();
    for (_, line) in lines(text) {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let slug = slug(title);
        let count = seen.entry(slug.clone()).or_default();
        anchors.push(match *count {
            0 => slug,
            _ => format!("{slug}-{count}"),
        });
        *count += 1;
    }
    anchors
}

/// Returns a title in lower case, with hyphens for blanks and without punctuation; of a link, only its text.
fn slug(title: &str) -> String {
    let mut text = String::new();
    let mut rest = title.trim().trim_end_matches('#').trim_end();
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text.to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            _ => c.is_alphanumeric().then_some(c),
        })
        .collect()
}

/// Returns all tables: a row of titles, a row of dashes, then rows.
pub(super) fn tables(text: &str) -> Vec<Table<'_>> {
    let mut tables: Vec<Table<'_>> = Vec::new();
    let mut previous_row = 0;
    for (number, line) in lines(text) {
        let Some(cells) = cells(line) else {
            continue;
        };
        let is_rule = cells.iter().all(|cell| !cell.is_empty() && cell.trim_matches([':', '-']).is_empty());
        let continues = previous_row + 1 == number;
        previous_row = number;
        match tables.last_mut() {
            Some(_) if is_rule => {}
            Some(table) if continues => table.rows.push((number, cells)),
            _ => tables.push(Table { header: cells, rows: Vec::new() }),
        }
    }
    tables
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?;
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, _) in inner.match_indices('|') {
        // GitHub splits at every bar, in code too, unless a backslash precedes it.
        if !inner[..at].ends_with('\\') {
            cells.push(inner[start..at].trim());
            start = at + 1;
        }
    }
    cells.push(inner[start..].trim());
    Some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_code_is_not_prose() {
        let text = "a\n```sh\nb\n~~~\n```\nc\n";
        let numbers: Vec<usize> = lines(text).map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 6]);
    }

    #[test]
    fn anchors_follow_githubs_rule() {
        let text = "# The `Flow` trait, v1.0!\n## A_b - c\n## A_b - c\n### [Docs](x.md) & more\n\
            #no\n```\n# code\n```\n";
        let expected = ["the-flow-trait-v10", "a_b---c", "a_b---c-1", "docs--more"];
        // The opening bracket of a link is punctuation like any other.
        assert_eq!(anchors(text), expected);
    }

    #[test]
    fn tables_are_read_with_their_line_numbers() {
        let text = "| id | Tests |\n|:--|---|\n| 1 | `a\\|b` |\n\nprose\n\n| x |\n|-|\n| y |\n";
        let tables = tables(text);
        assert_eq!(tables.len(), 2);
        assert_eq!(tables[0].column("test"), Some(1));
        assert_eq!(tables[0].rows, [(3, vec!["1", "`a\\|b`"])]);
        assert_eq!(tables[1].rows, [(9, vec!["y"])]);
    }
}
