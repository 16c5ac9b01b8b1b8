//! The table of faults in the operations page: each row names a test, and that test is there.

use std::fs;
use std::path::Path;

/// The cells of the table's rows.
fn rows(page: &str) -> Vec<Vec<String>> {
    let (_, section) =
        page.split_once("\n## What happens when\n").expect("the page has the section");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = |line: &str| {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    lines.map(cells).collect()
}

/// The tests that a row names; an error where it names none, or one that is not there.
fn tests(cell: &str, workspace: &Path) -> Result<usize, String> {
    let named: Vec<&str> = cell.split(", ").collect();
    for test in &named {
        let test = test.strip_prefix('`').and_then(|test| test.strip_suffix('`'));
        let (file, name) = test
            .and_then(|test| test.split_once("::"))
            .ok_or_else(|| format!("{cell}: `FILE::TEST`"))?;
        let path = match file.starts_with("safekit-") {
            true => workspace.join(file),
            false => workspace.join("safekit-agent/tests/real").join(file),
        };
        let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        if !text.contains(&format!("#[test]\nfn {name}()")) {
            return Err(format!("{file} has no test {name}"));
        }
    }
    Ok(named.len())
}

#[test]
fn every_row_of_faults_names_a_test_that_is_there() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(workspace.join("docs/operations.md")).unwrap();
    let rows = rows(&page);
    assert!(rows.len() > 30, "the table is read: {}", rows.len());
    for row in &rows {
        assert_eq!(row.len(), 6, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        tests(&row[5], workspace).unwrap_or_else(|why| panic!("{}: {why}", row[0]));
    }
}

#[test]
fn a_row_without_its_test_is_found() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let there = "`docs/faults.rs::a_row_without_its_test_is_found`";
    assert_eq!(tests(there, workspace), Ok(1));
    for wrong in ["", "way.rs", "`way.rs`", "`way.rs::gone`", "`gone.rs::gone`"] {
        assert!(tests(wrong, workspace).is_err(), "{wrong}");
    }
    assert!(tests(&format!("{there}, `way.rs::gone`"), workspace).is_err());
}
