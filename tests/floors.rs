//! The floors of the house: which module may use which. Arrows point down only, so that what is
//! below can be understood, tested and taken out without what is above.
//!
//! Read are the `crate::` and `super::` paths of every file under src/. What is compiled for tests
//! only may look anywhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. No module uses another one of its own floor.
const FLOORS: [&[&str]; 9] = [
    &["error", "panic"],
    &["control", "crypto", "format", "lock", "workers"],
    &["profile"],
    &["codec", "keyring", "sink", "source"],
    &["index"],
    &["pack", "snapshot", "live", "pager"],
    &["build"],
    &["capi"],
    &["lib"],
];

/// The bytes of a snapshot are encoded and decoded without any I/O.
const PURE: &str = "format";
const IO: [&str; 7] = [
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "rustix",
    "libc",
];

/// The floor of a module, from the ground.
fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// A file of the crate and what it says, without comments, literals and tests.
struct Source {
    /// The module that it belongs to, counted from the root of the crate, and its own depth there:
    /// 1 for `src/pack/mod.rs`, 2 for `src/pack/hash.rs`.
    module: String,
    depth: usize,
    tokens: Vec<String>,
}

/// What is wrong in one file.
fn faults(name: &str, source: &Source) -> Vec<String> {
    let mut faults = BTreeSet::new();
    let Some(own) = floor(&source.module) else {
        return vec![format!("{name}: module {} has no floor", source.module)];
    };
    for used in modules_used(source) {
        if used == source.module {
            continue;
        }
        match floor(&used) {
            Some(below) if below < own => {}
            Some(same) if same == own => {
                faults.insert(format!(
                    "{name}: uses {used}, which is beside {}",
                    source.module
                ));
            }
            Some(_) => {
                faults.insert(format!(
                    "{name}: uses {used}, which is above {}",
                    source.module
                ));
            }
            None => {
                faults.insert(format!("{name}: uses {used}, which has no floor"));
            }
        }
    }
    if source.module == PURE {
        let text = source.tokens.concat();
        for io in IO.iter().filter(|io| text.contains(&format!("{io}::"))) {
            faults.insert(format!("{name}: uses {io}, which is I/O"));
        }
    }
    faults.into_iter().collect()
}

/// The modules at the root of the crate that a file names.
fn modules_used(source: &Source) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let tokens = &source.tokens;
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        let mut supers = 0;
        while tokens.get(at).is_some_and(|t| t == "super") {
            supers += 1;
            at += if tokens.get(at + 1).is_some_and(|t| t == "::") {
                2
            } else {
                1
            };
        }
        let of_crate = tokens[start] == "crate" && tokens.get(start + 1).is_some_and(|t| t == "::");
        if of_crate {
            at = start + 2;
        }
        if of_crate || (supers > 0 && supers == source.depth) {
            heads(&tokens[at..], &mut used);
        }
        at = at.max(start + 1);
    }
    used
}

/// The first names of a path, or of each path in a group of `use`.
fn heads(tokens: &[String], out: &mut BTreeSet<String>) {
    match tokens.first().map(String::as_str) {
        Some("{") => {
            let mut depth = 0;
            let mut first = true;
            for token in tokens {
                match token.as_str() {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    "," if depth == 1 => {
                        first = true;
                        continue;
                    }
                    name if depth == 1 && first => {
                        out.insert(name.to_owned());
                        first = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    return;
                }
            }
        }
        Some(name) => {
            out.insert(name.to_owned());
        }
        None => {}
    }
}

/// Words, `::` and single signs; comments and literals are left out.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut at = 0;
    let ahead = |at: usize, wanted: &str| {
        wanted
            .chars()
            .enumerate()
            .all(|(i, c)| chars.get(at + i) == Some(&c))
    };
    while at < chars.len() {
        let c = chars[at];
        if ahead(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if ahead(at, "/*") {
            let mut depth = 0;
            while at < chars.len() {
                if ahead(at, "/*") {
                    depth += 1;
                    at += 2;
                } else if ahead(at, "*/") {
                    depth -= 1;
                    at += 2;
                } else {
                    at += 1;
                }
                if depth == 0 {
                    break;
                }
            }
        } else if is_word(c) {
            let start = at;
            while at < chars.len() && is_word(chars[at]) {
                at += 1;
            }
            let word: String = chars[start..at].iter().collect();
            let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
            let raw =
                matches!(word.as_str(), "r" | "br" | "cr") && chars.get(at + hashes) == Some(&'"');
            if raw {
                let end = format!("\"{}", "#".repeat(hashes));
                at += hashes + 1;
                while at < chars.len() && !ahead(at, &end) {
                    at += 1;
                }
                at += end.len();
            } else {
                tokens.push(word);
            }
        } else if c == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' {
            // A character, or a lifetime.
            match (chars.get(at + 1), chars.get(at + 2)) {
                (Some('\\'), _) => {
                    at += 3;
                    while at < chars.len() && chars[at] != '\'' {
                        at += 1;
                    }
                    at += 1;
                }
                (Some(_), Some('\'')) => at += 3,
                _ => at += 1,
            }
        } else if ahead(at, "::") {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// Takes out each item that is there for tests only. Gives the names of modules among them that are
/// files of their own.
fn without_tests(tokens: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut files) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().take(mark.len()).eq(mark) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += mark.len();
        let item = at;
        // To the end of the item: a `;` or `,` outside of brackets, or the brackets of its body.
        let mut depth = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(token.as_str(), ";" | "," | "}") {
                break;
            }
        }
        let item = &tokens[item..at];
        if item.last().is_some_and(|t| t == ";")
            && let Some(mod_at) = item.iter().position(|t| t == "mod")
            && let Some(name) = item.get(mod_at + 1)
        {
            files.push(name.clone());
        }
    }
    (kept, files)
}

/// A text as the file at that path below src/ that has it, and the modules of it that are files for
/// tests only.
fn parse(path: &Path, text: &str) -> (Source, Vec<PathBuf>) {
    let (tokens, names) = without_tests(tokens(text));
    let mut segments: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    let mut folder = path.with_extension("");
    if segments
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        folder = path.parent().unwrap().to_owned();
        if segments.len() > 1 {
            segments.pop();
        }
    }
    let depth = match segments[0].as_str() {
        "lib" => 0,
        _ => segments.len(),
    };
    let tests = names.iter().flat_map(|name| {
        [
            folder.join(format!("{name}.rs")),
            folder.join(name).join("mod.rs"),
        ]
    });
    let source = Source {
        module: segments[0].clone(),
        depth,
        tokens,
    };
    (source, tests.collect())
}

fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn arrows_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    files_below(&root, &mut files);
    files.sort();
    let (mut sources, mut tests) = (Vec::new(), Vec::new());
    for file in &files {
        let name = file.strip_prefix(&root).unwrap();
        let (source, of_tests) = parse(name, &fs::read_to_string(file).unwrap());
        sources.push((name, source));
        tests.extend(of_tests);
    }
    // A module for tests may have files of its own in a folder of its name.
    let is_test = |name: &Path| {
        tests.iter().any(|test| {
            name == test || {
                let folder = if test.ends_with("mod.rs") {
                    test.parent().unwrap().to_owned()
                } else {
                    test.with_extension("")
                };
                name.starts_with(folder)
            }
        })
    };
    let (mut found, mut checked) = (Vec::new(), 0);
    for (name, source) in sources.iter().filter(|(name, _)| !is_test(name)) {
        found.extend(faults(&name.display().to_string(), source));
        checked += 1;
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    assert!(
        checked > 80 && checked < files.len(),
        "{checked} of {} files",
        files.len()
    );
}

#[test]
fn an_arrow_that_points_up_or_sideways_is_seen() {
    let told = |path: &str, text: &str| faults(path, &parse(Path::new(path), text).0);
    for (path, text, fault) in [
        // Up.
        (
            "pack/mod.rs",
            "use crate::build::build;",
            "pack/mod.rs: uses build, which is above pack",
        ),
        (
            "index/tree.rs",
            "use crate::snapshot::{Snapshot, read};",
            "index/tree.rs: uses snapshot, which is above index",
        ),
        (
            "error.rs",
            "fn f() { crate::control::check(None) }",
            "error.rs: uses control, which is above error",
        ),
        (
            "index/tree/deep.rs",
            "use super::super::super::capi::x;",
            "index/tree/deep.rs: uses capi, which is above index",
        ),
        (
            "index/mod.rs",
            "use super::pack;",
            "index/mod.rs: uses pack, which is above index",
        ),
        (
            "crypto/a.rs",
            "use crate::{error::Error, codec::{Encoder, index}, format as f};",
            "crypto/a.rs: uses codec, which is above crypto",
        ),
        // Sideways.
        (
            "pack/a.rs",
            "pub(crate) use crate::snapshot::Snapshot;",
            "pack/a.rs: uses snapshot, which is beside pack",
        ),
        (
            "format/a.rs",
            "type K = crate :: crypto :: Keys;",
            "format/a.rs: uses crypto, which is beside format",
        ),
        (
            "source/qcow2/mod.rs",
            "use crate::sink::Sink;",
            "source/qcow2/mod.rs: uses sink, which is beside source",
        ),
        // Nowhere.
        (
            "pack/a.rs",
            "use crate::helpers;",
            "pack/a.rs: uses helpers, which has no floor",
        ),
        ("helpers.rs", "", "helpers.rs: module helpers has no floor"),
        // I/O.
        (
            "format/a.rs",
            "use std::fs::File;",
            "format/a.rs: uses std::fs, which is I/O",
        ),
        // Code behind what is for tests, and behind what only looks like a comment or a text.
        (
            "pack/a.rs",
            "#[cfg(test)] mod tests { use super::*; } use crate::capi;",
            "pack/a.rs: uses capi, which is above pack",
        ),
        (
            "pack/a.rs",
            r##"const A: &str = r#"" // "#; use crate::capi;"##,
            "pack/a.rs: uses capi, which is above pack",
        ),
        (
            "pack/a.rs",
            "fn f<'a>(c: &'a char) { '\"' == *c } use crate::capi; // \"",
            "pack/a.rs: uses capi, which is above pack",
        ),
    ] {
        assert!(
            told(path, text).contains(&fault.to_owned()),
            "{text}: {:?}",
            told(path, text)
        );
    }
    for (path, text) in [
        (
            "pack/mod.rs",
            "use crate::index::Index; use crate::{error::{build, Error}, source};",
        ),
        (
            "index/tree.rs",
            "use super::page::Page; use crate::index::cache; use super::super::format;",
        ),
        (
            "capi/a.rs",
            "use crate::build::build; use crate::error::Error;",
        ),
        ("lib.rs", "pub mod build; pub use crate::capi::x;"),
        (
            "pack/a.rs",
            "//! See crate::capi.\n/* crate::capi /* */ crate::build */ const A: &str = \"crate::capi \\\" crate::build\";",
        ),
        (
            "pack/a.rs",
            "#[cfg(test)]\nmod tests { use crate::capi; fn f() { [1, 2]; } }\n#[cfg(test)] use crate::build;",
        ),
        (
            "pack/a.rs",
            "struct A { #[cfg(test)] a: [crate::capi::B; 2], b: u8 }",
        ),
    ] {
        assert_eq!(told(path, text), Vec::<String>::new(), "{text}");
    }
    let (_, tests) = parse(
        Path::new("pack/a.rs"),
        "#[cfg(test)] pub(crate) mod testing; mod b;",
    );
    assert!(tests.contains(&PathBuf::from("pack/a/testing.rs")) && tests.len() == 2);
}
