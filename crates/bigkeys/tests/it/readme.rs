//! The READMEs in both languages say the same.

use std::fs;
use std::path::Path;

/// What both languages have in common.
#[derive(Debug, PartialEq, Eq)]
struct Structure {
    /// Levels of headings.
    headings: Vec<usize>,
    /// Lines of code blocks.
    code: Vec<String>,
    /// Cells of each row of a table.
    rows: Vec<usize>,
    /// Items of lists.
    items: usize,
    /// Targets of links, without those of one README to the other.
    links: Vec<String>,
}

impl Structure {
    fn of(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
        let text = fs::read_to_string(path).expect("a README");
        let mut structure =
            Self { headings: Vec::new(), code: Vec::new(), rows: Vec::new(), items: 0, links: Vec::new() };
        let mut prose = String::new();
        let mut in_code = false;
        for line in text.lines() {
            if line.starts_with("```") {
                in_code = !in_code;
            }
            if in_code || line.starts_with("```") {
                structure.code.push(line.to_owned());
                continue;
            }
            if line.starts_with('#') {
                structure.headings.push(line.len() - line.trim_start_matches('#').len());
            } else if line.starts_with('|') {
                structure.rows.push(line.matches('|').count());
            }
            structure.items += usize::from(line.starts_with("* "));
            prose.push_str(line);
        }
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        structure.links = targets.filter(|target| !target.starts_with("README")).map(str::to_owned).collect();
        // The order of words differs, so that of links does.
        structure.links.sort_unstable();
        structure
    }
}

#[test]
fn both_readmes_have_the_same_headings_code_tables_lists_and_links() {
    let (english, chinese) = (Structure::of("README.md"), Structure::of("README.zh-CN.md"));
    assert!(english.headings.len() > 5 && english.code.len() > 50 && english.links.len() > 20);
    assert_eq!(english, chinese);
}
