//! Reads tables of the documentation, for tests that compare them with the code or generate files from them.

use std::fs;
use std::path::Path;

/// The contents of a file of the project.
pub(crate) fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of every row of the table under a heading of a document.
pub(crate) fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) =
        document.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading '{heading}'"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The first cell of every row, without its backticks.
pub(crate) fn first_cells(document: &str, heading: &str) -> Vec<String> {
    rows(document, heading).into_iter().map(|row| row[0].trim_matches('`').to_owned()).collect()
}

/// Whether the first cell of a row quotes a sentence. An ellipsis stands for any text.
pub(crate) fn fits(row: &str, sentence: &str) -> bool {
    let mut rest = sentence;
    row.split('…').map(str::trim).all(|piece| match rest.split_once(piece) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

/// The properties that CloudFormation reads itself, and that come first in the README's table.
pub(crate) const OF_CLOUDFORMATION: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// A row of the README's table of properties.
pub(crate) struct PropertyRow {
    pub(crate) name: String,
    /// `yes`, `no`, or a condition.
    pub(crate) required: String,
    pub(crate) default: String,
    pub(crate) update: String,
    pub(crate) meaning: String,
}

/// The properties that the provider reads.
pub(crate) fn properties() -> Vec<PropertyRow> {
    let row = |cells: Vec<String>| {
        let [name, required, default, update, meaning] = cells.try_into().expect("five cells");
        PropertyRow { name: name.trim_matches('`').to_owned(), required, default, update, meaning }
    };
    rows(&file("README.md"), "## Properties").into_iter().skip(OF_CLOUDFORMATION.len()).map(row).collect()
}

/// Name and meaning of every row of the README's table of attributes.
pub(crate) fn attributes() -> Vec<(String, String)> {
    let row = |cells: Vec<String>| {
        let [name, meaning] = cells.try_into().expect("two cells");
        (name.trim_matches('`').to_owned(), meaning)
    };
    rows(&file("README.md"), "## Attributes").into_iter().map(row).collect()
}
