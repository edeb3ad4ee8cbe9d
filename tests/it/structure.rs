//! The structure of the source code that `src/lib.rs` describes.

use crate::tables::{file, rows};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `src/` and what each may use, from the table in `src/lib.rs`.
fn allowed() -> BTreeMap<String, Vec<String>> {
    let lib = file("src/lib.rs").replace("//! ", "");
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let table = rows(&lib, "# Where things are");
    table.iter().map(|row| (names(&row[0]).remove(0), names(&row[2]))).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The top-level modules that a source file imports from or names.
fn used(source: &str) -> Vec<&str> {
    let names = source.split("crate::").skip(1);
    names.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap()).collect()
}

#[test]
fn imports_go_only_where_lib_rs_allows() {
    let allowed = allowed();
    let folders: Vec<String> = fs::read_dir(src())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(folders.len(), allowed.len(), "the table in lib.rs lists every folder: {folders:?}");
    for folder in folders {
        let uses = allowed.get(&folder).unwrap_or_else(|| panic!("the table in lib.rs does not list {folder}"));
        for path in sources(&src().join(&folder)) {
            let source = fs::read_to_string(&path).unwrap();
            for name in used(&source) {
                assert!(name == folder || uses.iter().any(|used| used == name), "{} uses {name}", path.display());
            }
        }
    }
    // The handler calls the loop, not the other way around.
    assert!(!used(&file("src/reconcile.rs")).contains(&"handler"));
}

#[test]
fn pure_folders_are_pure_and_each_effect_is_in_one_place() {
    for path in sources(&src()) {
        let source = fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(src()).unwrap().to_str().unwrap();
        for (word, places) in [
            ("aws_sdk_ec2", &["ec2/", "main.rs"][..]),
            ("aws_sigv4", &["cloudformation/"]),
            ("aws_sdk_secretsmanager", &["secrets/"]),
            ("reqwest", &["runtime/http.rs", "runtime/callback.rs"]),
            ("tokio::net", &["probe/network.rs"]),
            ("rustls", &["probe/tls.rs", "runtime/http.rs", "main.rs"]),
            ("std::env", &["main.rs"]),
            ("SystemTime", &[]),
            ("Timestamp::now", &["main.rs"]),
        ] {
            let is_allowed = places.iter().any(|allowed| place.starts_with(allowed));
            assert!(is_allowed || !source.contains(word), "{word} is used in {place}");
        }
        let is_pure = ["model/", "request/", "decision/", "check/", "answer/", "ask/"]
            .iter()
            .any(|folder| place.starts_with(folder));
        for word in ["tokio", "async ", ".await", "tracing"] {
            assert!(!is_pure || !source.contains(word), "{place} is pure, but uses {word}");
        }
    }
}

#[test]
fn no_file_has_more_than_300_lines() {
    for path in sources(&src()) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 300, "{} has {lines} lines", path.display());
    }
}
