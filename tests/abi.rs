//! The structs, types and constants of src/capi/abi.rs are those of include/hexz.h: ctest compiles
//! both and compares sizes, alignments, offsets, types of fields, signs and values.

use std::path::Path;

use ctest::{__compile_test, __run_test, TestGenerator, generate_test};

const OPAQUE: [&str; 5] = [
    "hexz_builder",
    "hexz_cancel",
    "hexz_live",
    "hexz_pager",
    "hexz_snapshot",
];

#[test]
fn layouts_and_values_are_those_of_the_header() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let abi = root.join("src/capi/abi.rs");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ctest");
    std::fs::create_dir_all(&out).unwrap();
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);

    // SAFETY: this program has no other thread that looks at the environment. cc, which ctest
    // compiles with, is made for build scripts and takes these from there.
    unsafe {
        for (name, value) in [
            ("TARGET", &target),
            ("HOST", &target),
            ("OPT_LEVEL", &"0".into()),
        ] {
            std::env::set_var(name, value);
        }
    }
    let mut generator = TestGenerator::new();
    generator
        .header("hexz.h")
        .include(root.join("include"))
        .out_dir(&out)
        .edition(2024)
        // Opaque: C knows no size of them.
        .skip_struct(|s| OPAQUE.contains(&s.ident()))
        .skip_alias(|alias| alias.ident() == "size_t")
        .skip_const(|constant| constant.ident() == "_");
    let library = generate_test(&mut generator, &abi, "abi_test").unwrap();
    let program = __compile_test(&out, &abi, library).unwrap();
    let report = __run_test(program).unwrap();

    assert!(report.contains("PASSED"), "{report}");

    // What ctest does not see it does not miss.
    let source = std::fs::read_to_string(&abi).unwrap();
    let tests = std::fs::read_to_string(out.join("abi_test.rs")).unwrap();
    let structs = source
        .lines()
        .filter_map(|l| l.strip_prefix("pub struct ")?.strip_suffix(" {"));
    let compared = structs
        .filter(|name| !OPAQUE.contains(name))
        .inspect(|name| {
            assert!(
                tests.contains(&format!("fn ctest_field_ptr_{name}_struct_size()")),
                "{name}"
            );
        });
    assert_eq!(compared.count(), source.matches("#[repr(C)]").count());
    for line in source.lines() {
        if let Some((name, _)) = line
            .strip_prefix("pub const ")
            .and_then(|l| l.split_once(':'))
        {
            assert!(
                tests.contains(&format!("fn ctest_const_{name}()")),
                "{name}"
            );
        }
    }
}
