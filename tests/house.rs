//! The house rules that a machine can check: arrows point down, files are small and say what they are for.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The floors of `src/`, from the ground up. A module imports only from floors strictly below its own.
const FLOORS: [&[&str]; 11] = [
    &["clock", "failpoint"],
    &["shutdown", "task"],
    &["config", "event"],
    &["telemetry"],
    &["policy", "routing", "store"],
    &["pool"],
    &["dispatch"],
    &["hub"],
    &["testing"],
    &["server"],
    &["bench", "cli"],
];

/// What `platforms/src/contract` may depend on.
const CONTRACT_CRATES: [&str; 7] = ["async_trait", "serde", "serde_json", "thiserror", "bytes", "http", "std"];

const LINES_MAX: usize = 300;

#[test]
fn every_module_stands_on_a_floor() {
    for entry in fs::read_dir("src").expect("src is there") {
        let path = entry.expect("readable").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let known = matches!(&*name, "lib" | "main") || floor(&name).is_some();
        assert!(known, "{} stands on no floor: give it one in tests/house.rs and ARCHITECTURE.md", path.display());
    }
}

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let Some(module) = module_of(&file) else { continue };
        let own = floor(&module).expect("checked by the test above");
        for used in used_modules(&production_code(&file)) {
            let below = floor(&used).is_some_and(|floor| floor < own);
            if used != module && !below {
                wrong.push(format!("{}: `{module}` must not use `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn adapters_do_not_use_each_other() {
    let families = ["chat", "email", "sms", "push", "incident", "generic"];
    for family in families {
        for file in rust_files(&format!("platforms/src/{family}")) {
            let code = production_code(&file);
            let used = used_modules(&code);
            let other = families.iter().find(|other| **other != family && used.iter().any(|used| used == *other));
            assert!(other.is_none(), "{} uses {other:?}", file.display());
            assert!(!used.iter().any(|used| used == "registry"), "{} uses the registry", file.display());
        }
    }
}

#[test]
fn the_contract_depends_on_nothing_of_ours() {
    for file in rust_files("platforms/src/contract") {
        let code = production_code(&file);
        assert!(used_modules(&code).is_empty(), "{} uses {:?}", file.display(), used_modules(&code));
        for line in code.lines().filter(|line| line.starts_with("use ")) {
            let root = line.trim_start_matches("use ").split([':', ';', ' ']).next().unwrap_or_default();
            let allowed = CONTRACT_CRATES.contains(&root) || matches!(root, "super" | "self");
            assert!(allowed, "{}: `{line}`", file.display());
        }
    }
}

#[test]
fn files_are_small_and_begin_by_saying_what_they_are_for() {
    let mut wrong = Vec::new();
    for folder in ["src", "platforms/src", "platforms/tests", "tests", "benches", "examples"] {
        for file in rust_files(folder) {
            let text = fs::read_to_string(&file).expect("readable");
            if !text.starts_with("//! ") {
                wrong.push(format!("{} does not begin with `//! `", file.display()));
            }
            let lines = text.lines().count();
            if lines > LINES_MAX {
                wrong.push(format!("{} has {lines} lines, at most {LINES_MAX}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_unfinished_or_skipped() {
    let marks = ["todo!(", "unimplemented!(", "FIXME", "#[ignore"].map(str::to_owned);
    let own = Path::new("tests/house.rs");
    for file in ["src", "platforms", "tests", "benches", "examples"].iter().flat_map(|folder| rust_files(folder)) {
        if file == own {
            continue;
        }
        let text = fs::read_to_string(&file).expect("readable");
        let found = marks.iter().find(|mark| text.contains(*mark));
        assert!(found.is_none(), "{} contains {found:?}", file.display());
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// The top-level module a file of `src/` belongs to; `None` for the crate roots.
fn module_of(file: &Path) -> Option<String> {
    let below = file.strip_prefix("src").ok()?;
    let first = below.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
    (!matches!(&*first, "lib" | "main")).then_some(first)
}

/// A file without its tests and comments.
fn production_code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("readable");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The modules of its own crate that a piece of code names, as `crate::module` or in `use crate::{…}`.
fn used_modules(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => used.push(word(rest)),
            Some(list) => used.extend(top_level_items(list).iter().map(|item| word(item))),
        }
    }
    used.retain(|module| !module.is_empty());
    used
}

/// The items of a `{…}` list, without what is nested in them.
fn top_level_items(list: &str) -> Vec<String> {
    let (mut items, mut depth) = (vec![String::new()], 0);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            c if depth == 0 && !c.is_whitespace() => items.last_mut().expect("never empty").push(c),
            _ => {}
        }
    }
    items
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("readable").path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
