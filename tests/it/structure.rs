//! The directions of imports that `src/lib.rs` states.

use crate::tables::{file, rows};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `src/` and what each may use, from the table in `src/lib.rs`.
fn allowed() -> BTreeMap<String, Vec<String>> {
    let lib: String = file("src/lib.rs").lines().map(|line| format!("{}\n", line.trim_start_matches("//! "))).collect();
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
    assert_eq!(folders.len(), allowed.len(), "the table has every folder: {folders:?}");
    for folder in folders {
        let uses = allowed.get(&folder).unwrap_or_else(|| panic!("the table in lib.rs has {folder}"));
        for path in sources(&src().join(&folder)) {
            let source = fs::read_to_string(&path).unwrap();
            for name in used(&source) {
                assert!(name == folder || uses.iter().any(|used| used == name), "{} uses {name}", path.display());
            }
        }
    }
    // The loop, below the handler.
    assert!(!used(&file("src/reconcile.rs")).contains(&"handler"));
}

#[test]
fn the_pure_half_is_pure_and_each_effect_has_one_door() {
    for path in sources(&src()) {
        let source = fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(src()).unwrap().to_str().unwrap();
        for (word, doors) in [
            ("aws_sdk_ec2", &["ec2/", "main.rs"][..]),
            ("reqwest", &["runtime/http.rs", "runtime/callback.rs"]),
            ("std::env", &["main.rs"]),
            ("SystemTime", &[]),
            ("Timestamp::now", &["main.rs"]),
        ] {
            let has_door = doors.iter().any(|door| place.starts_with(door));
            assert!(has_door || !source.contains(word), "{word} is used in {place}");
        }
        let is_pure = ["model/", "request/", "decision/", "answer/"].iter().any(|folder| place.starts_with(folder));
        for word in ["tokio", "async ", ".await", "tracing"] {
            assert!(!is_pure || !source.contains(word), "{place} is pure, but uses {word}");
        }
    }
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    for path in sources(&src()) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 300, "{} has {lines} lines", path.display());
    }
}
