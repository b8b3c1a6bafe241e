//! include/hexz.h is what src/capi declares, and compiles alone as C and as C++.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The files with declarations, in the order in which a C programmer meets them.
const SOURCES: [&str; 13] = [
    "abi", "version", "error", "profile", "cancel", "build", "builder", "snapshot", "verify",
    "extract", "rekey", "live", "pager",
];

const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Werror"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generate() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for name in SOURCES {
        builder = builder.with_src(root().join(format!("src/capi/{name}.rs")));
    }
    let mut bytes = Vec::new();
    builder.generate().unwrap().write(&mut bytes);
    for_readers(&String::from_utf8(bytes).unwrap())
}

/// What cbindgen has no setting for: headings, short comments in one line, types by their names.
fn for_readers(header: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for line in header.lines().map(str::trim_end) {
        let indent = &line[..line.len() - line.trim_start().len()];
        let previous = out.last().map(|l| l.trim_start()).unwrap_or_default();
        if let Some(title) = line.strip_prefix(" * = ") {
            // The first comment of a section carries its heading.
            assert_eq!(previous, "/**", "the heading {title} begins a comment");
            out.pop();
            let rule = "-".repeat(79 - "/*  ".len() - title.len() - " */".len());
            out.extend([
                format!("/* {title} {rule} */"),
                String::new(),
                "/**".to_owned(),
            ]);
        } else if line == " *" && previous == "/**" {
            // The empty line below a heading.
        } else if line.is_empty() && previous.is_empty() {
            // One empty line is enough.
        } else if line.trim() == "*/" && out.len() >= 2 && out[out.len() - 2].trim() == "/**" {
            let text = previous.trim_start_matches("* ").to_owned();
            out.truncate(out.len() - 2);
            out.push(format!("{indent}/** {text} */", indent = &indent[1..]));
        } else if line.trim_start().starts_with("typedef struct") {
            out.push(line.to_owned());
        } else {
            out.push(line.replace("struct hexz_", "hexz_"));
        }
    }
    out.join("\n") + "\n"
}

#[test]
fn the_checked_in_header_is_fresh() {
    let path = root().join("include/hexz.h");
    let fresh = generate();
    if std::env::var_os("HEXZ_BLESS_HEADER").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap();
    let differs = checked_in
        .lines()
        .zip(fresh.lines())
        .position(|(a, b)| a != b);
    assert!(
        checked_in == fresh,
        "include/hexz.h is not what src/capi declares (first difference in line {:?}); make it \
         anew with HEXZ_BLESS_HEADER=1 cargo test --test header",
        differs.map(|i| i + 1)
    );
}

/// Compiles `program` in `language` under each of `standards`, without a warning.
fn compiles(compiler: &str, language: &str, standards: &[&str], program: &str) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("alone.{language}"));
    std::fs::write(&path, program).unwrap();
    for standard in standards {
        let output = Command::new(compiler)
            .args(["-fsyntax-only", "-x", language, &format!("-std={standard}")])
            .args(WARNINGS)
            .arg("-I")
            .arg(root().join("include"))
            .arg(&path)
            .output()
            .unwrap_or_else(|e| panic!("no compiler {compiler}: {e}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{language}, {standard}:\n{errors}");
    }
}

const USE: &str = "hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_info info = HEXZ_INIT(hexz_info);
    return hexz_build(&opts) == HEXZ_OK && info.struct_size == sizeof(hexz_info);";

#[test]
fn compiles_alone_as_c() {
    let program = format!("#include <hexz.h>\nint main(void)\n{{\n    {USE}\n}}\n");
    compiles("cc", "c", &["c99", "c11", "c17", "c2x"], &program);
}

#[test]
fn compiles_alone_as_cpp() {
    let program = format!("#include <hexz.h>\nint main()\n{{\n    {USE}\n}}\n");
    compiles(
        "c++",
        "c++",
        &["c++11", "c++14", "c++17", "c++20"],
        &program,
    );
}
