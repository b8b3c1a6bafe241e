//! Golden files of snapshots that lean on others.

use std::path::Path;

use super::testing::thin::{Ancestor, Lean, inherited, password};
use super::testing::{Draft, data, options, text, zero};
use super::{OpenOptions, Snapshot, VerifyReport};
use crate::control::Control;
use crate::format::{ExtentEntry, ParentPlace, Target};
use crate::keyring::PasswordFn;

/// Snapshots that are kept in tests/decoder/golden, where the second reader and the C tests have them
/// as well: a base and a child, plain and sealed. HEXZ_BLESS_THIN writes them anew.
fn golden() -> [(&'static str, Draft, Option<u8>); 4] {
    let mut base = Draft::of_blocks(4, 8192);
    base.streams = vec![
        (
            "disk",
            vec![data(24_576, 0), zero(4096), data(8192, 24_576)],
        ),
        ("memory", vec![zero(4096), data(4096, 8192)]),
    ];
    let in_memory = ExtentEntry {
        len: 4096,
        target: Target::Parent(ParentPlace {
            ancestor: 0,
            stream: 1,
            at: 4096,
        }),
    };
    let child = |lean| {
        let mut child = Draft::of_blocks(1, 4096);
        child.blocks[0].0 = text(77, 4096);
        child.streams = vec![
            (
                "disk",
                vec![
                    inherited(8192, 0, 4096),
                    data(4096, 0),
                    zero(4096),
                    inherited(8192, 0, 24_576),
                    inherited(100, 0, 8192),
                ],
            ),
            ("memory", vec![in_memory, zero(4096)]),
        ];
        child.lean = Some(lean);
        child
    };
    let plain = golden_file("thin-base-v1.hxz", || base.seal());
    let sealed = golden_file("thin-sealed-base-v1.hxz", || base.encrypt_with(1));
    let on_plain = child(Lean::on(vec![Ancestor::of(&plain, "thin-base-v1.hxz")]));
    let mut names = vec![Ancestor::of(&sealed, "thin-sealed-base-v1.hxz")];
    names[0].key = Some(1);
    names.push(Ancestor::of(&plain, "thin-base-v1.hxz"));
    let mut lean = Lean::on(names);
    lean.inherited = Some(1);
    let mut on_both = child(lean);
    on_both.streams[0].1[0] = inherited(8192, 1, 4096);
    let mut again = Draft::of_blocks(4, 8192);
    again.streams = base.streams.clone();
    [
        ("thin-base-v1.hxz", base, None),
        ("thin-child-v1.hxz", on_plain, None),
        ("thin-sealed-base-v1.hxz", again, Some(1)),
        ("thin-sealed-child-v1.hxz", on_both, Some(2)),
    ]
}

fn golden_file(name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decoder/golden");
    let path = folder.join(name);
    if std::env::var_os("HEXZ_BLESS_THIN").is_some() && !path.exists() {
        std::fs::write(&path, make()).unwrap();
    }
    std::fs::read(&path).unwrap()
}

#[test]
fn golden_files_are_read() {
    let golden = golden();
    let content = |at: usize, stream| {
        golden[at]
            .1
            .content(stream, 0, golden[at].1.size(stream) as usize)
    };
    for (at, (name, draft, key)) in golden.iter().enumerate() {
        golden_file(name, || match key {
            None => draft.seal(),
            Some(key) => draft.encrypt_with(*key),
        });
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decoder/golden");
        let path = folder.join(name);
        let options = OpenOptions {
            path: &path,
            ..options(0)
        };
        let ask: Option<&mut PasswordFn<'_>> = match key {
            Some(_) => Some(&mut password),
            None => None,
        };
        let snapshot = Snapshot::open(&options, ask).unwrap();
        for stream in 0..2 {
            let mut expected = content(at, stream);
            if draft.lean.is_some() {
                // The same in both bases.
                let base = |stream, from: usize, len| content(0, stream)[from..from + len].to_vec();
                match stream {
                    0 => {
                        expected[..8192].copy_from_slice(&base(0, 4096, 8192));
                        expected[16_384..24_576].copy_from_slice(&base(0, 24_576, 8192));
                        expected[24_576..].copy_from_slice(&base(0, 8192, 100));
                    }
                    _ => expected[..4096].copy_from_slice(&base(1, 4096, 4096)),
                }
            }
            let mut buf = vec![0; expected.len()];
            snapshot.read(stream as u32, 0, &mut buf).unwrap();
            assert!(buf == expected, "{name} {stream}");
        }
        let mut report = VerifyReport::default();
        snapshot
            .verify(2, &mut Control::new(None, None), &mut report)
            .unwrap();
    }
}
