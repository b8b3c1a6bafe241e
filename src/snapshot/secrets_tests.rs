//! After the end, neither password nor file key is left in the process's memory.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use super::testing::Folder;
use super::{OpenOptions, Snapshot, VerifyReport};
use crate::build::{BuildRequest, Encrypt, Kind, Output, Parent, Parents, PathStream, build};
use crate::control::Control;
use crate::crypto::keys::tests::LAST;
use crate::crypto::seal::tests::sealed_by;
use crate::crypto::{FileKey, Secret};
use crate::keyring::create::tests::CHEAP;
use crate::keyring::{Answer, Encryption, PasswordFn, Request};
use crate::pack::{Options, UnitKind};
use crate::profile;
use crate::sink::{Existing, Sync};
use crate::source::{Access, Format, Writers};

const CHILD: &str = "HEXZ_TEST_SECRETS_CHILD";

/// How often `inverted`, each bit turned over, lies in this process's memory.
fn count_in_memory(inverted: &[u8]) -> usize {
    let mut maps = String::new();
    File::open("/proc/self/maps")
        .unwrap()
        .read_to_string(&mut maps)
        .unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    // One buffer, which is not looked at itself: what it held would be found again.
    let mut buffer = vec![0u8; 1 << 20];
    let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
    let mut found = 0;
    for line in maps.lines().filter(|line| !line.contains("[v")) {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with('r') {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let number = |hex| u64::from_str_radix(hex, 16).unwrap();
        let (mut at, to) = (number(from), number(to));
        while at < to {
            let len = (to - at).min(buffer.len() as u64) as usize;
            let Ok(len) = memory.read_at(&mut buffer[..len], at) else {
                break;
            };
            if len < inverted.len() {
                break;
            }
            for (i, window) in buffer[..len].windows(inverted.len()).enumerate() {
                let same = window.iter().zip(inverted).all(|(a, b)| *a == !*b);
                if same && !own.contains(&(at + i as u64)) {
                    found += 1;
                }
            }
            // What lies across two pieces counts in the second.
            at += match len < buffer.len() {
                true => len,
                false => len - inverted.len() + 1,
            } as u64;
        }
    }
    buffer.fill(0);
    found
}

#[test]
fn neither_password_nor_file_key_stays() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    // In a process of its own: other tests have passwords too, and pages come and go.
    let name = "snapshot::secrets_tests::neither_password_nor_file_key_stays";
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1");
    let output = child.output().unwrap();
    let text = format!("{output:?}");
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

/// The password itself, wiped when it is dropped.
fn password_bytes(inverted: &[u8]) -> Secret<40> {
    let mut bytes = Secret::zeroed().unwrap();
    for (to, from) in bytes.iter_mut().zip(inverted) {
        *to = !from;
    }
    bytes
}

/// An encrypted build.
fn build_on(
    parents: Parents<'_>,
    disk: &PathStream<'_>,
    output: &Path,
    password: &mut PasswordFn<'_>,
) {
    let mut control = Control::new(None, None);
    let request = BuildRequest {
        streams: vec![disk.open(&control).unwrap()],
        parents,
        output: Output::File {
            path: output,
            existing: Existing::Refuse("overwrite"),
            sync: Sync::No,
        },
        options: Options {
            profile: profile::resolve(None).unwrap(),
            units: UnitKind::Page,
            threads: 2,
            memory_limit: 0,
        },
    };
    let encrypt = Encrypt {
        password,
        cost: CHEAP,
    };
    build(request, Some(encrypt), &mut control).unwrap();
}

fn child() {
    let folder = Folder::new("secrets");
    let (source, output) = (folder.path("source"), folder.path("out"));
    std::fs::write(&source, vec![9; 300_000]).unwrap();
    // Turned over too, so that the test has no copy of its own.
    let inverted: Vec<u8> = (0..40u8).map(|i| !(i * 5 + 33)).collect();
    let mut password = |_: &Request<'_>, buffer: &mut [u8]| {
        for (to, from) in buffer.iter_mut().zip(&inverted) {
            *to = !from;
        }
        assert!(count_in_memory(&inverted) > 0, "the search finds nothing");
        Answer::Given(inverted.len())
    };
    // At once, while nothing else has used the stack or the heap.
    let file_key = FileKey::random("test").unwrap();
    let _ = (file_key.commitment(), file_key.keys([0; 16]).unwrap());
    let [.., key] = LAST.get();
    assert!(count_in_memory(&key) > 0, "the search finds nothing");
    drop(file_key);
    assert_eq!(count_in_memory(&key), 0, "file key after its use");
    let made = Encryption::new(&password_bytes(&inverted)[..], CHEAP, "test", &|| Ok(())).unwrap();
    for (i, key) in LAST.get().iter().enumerate() {
        // The four keys in use are where they have to be, and nowhere else.
        assert_eq!(count_in_memory(key), usize::from(i < 4), "key {i} in use");
    }
    drop(made);
    assert_eq!(count_in_memory(&inverted), 0, "password after wrapping");
    none_of(&LAST.get(), "after wrapping");

    let disk = PathStream {
        name: "disk",
        kind: Kind::Disk,
        path: &source,
        format: Format::Raw,
        access: Access {
            writers: Writers::Refused,
            other_files: false,
        },
    };
    let sealed = sealed_by(|| {
        build_on(Parents::default(), &disk, &output, &mut password);
    });
    let keys = LAST.get();
    assert_eq!(count_in_memory(&inverted), 0, "password after the build");
    none_of(&keys, "after the build");
    // The root page is the last that is sealed, on this thread, and the first that is opened.
    let (root_key, _) = sealed[sealed.len() - 1];
    none_of(&[root_key], "after the build, of the root page");

    // A child has its parent's file key in its page of ancestors, and nowhere else.
    let child = folder.path("child");
    let parents = Parents {
        parent: Some(Parent::Path(&output)),
        ..Parents::default()
    };
    build_on(parents, &disk, &child, &mut password);
    assert_eq!(count_in_memory(&inverted), 0, "password after the child");
    none_of(&keys, "after the child, of its parent");
    let childs = LAST.get();
    none_of(&childs, "after the child");
    let in_child = [keys[4], childs[4]];
    let options = OpenOptions {
        path: &child,
        cache_size: 0,
        expect_root: None,
        allow_plain: false,
        cancel: None,
        kdf_memory_max_kib: 0,
        ancestors: Default::default(),
    };
    let snapshot = Snapshot::open(&options, Some(&mut password)).unwrap();
    assert_ne!(snapshot.info().parent_root, [0; 32]);
    let mut bytes = [0; 5000];
    snapshot.read(0, 100, &mut bytes).unwrap();
    assert_eq!(bytes, [9; 5000]);
    assert_eq!(count_in_memory(&inverted), 0, "password, child open");
    none_of(&in_child, "while the child is open");
    let mut report = VerifyReport::default();
    snapshot
        .verify(3, &mut Control::new(None, None), &mut report)
        .unwrap();
    none_of(&in_child, "while the child is open, checked");
    drop(snapshot);
    assert_eq!(count_in_memory(&inverted), 0, "password, child closed");
    none_of(&keys, "after closing the child, of its parent");
    none_of(&childs, "after closing the child");

    let options = OpenOptions {
        path: &output,
        cache_size: 0,
        expect_root: None,
        allow_plain: false,
        cancel: None,
        kdf_memory_max_kib: 0,
        ancestors: Default::default(),
    };
    let snapshot = Snapshot::open(&options, Some(&mut password)).unwrap();
    let mut bytes = [0; 5000];
    snapshot.read(0, 100, &mut bytes).unwrap();
    assert_eq!(bytes, [9; 5000]);
    // Not even while it is open: the keys in use follow from the file key, and do not lead back.
    assert_eq!(count_in_memory(&inverted), 0, "password while open");
    none_of(&[keys[4], root_key], "while open");
    let mut report = VerifyReport::default();
    snapshot
        .verify(3, &mut Control::new(None, None), &mut report)
        .unwrap();
    drop(snapshot);
    assert_eq!(count_in_memory(&inverted), 0, "password after closing");
    none_of(&keys, "after closing");
}

fn none_of(inverted: &[[u8; 32]], when: &str) {
    for (i, key) in inverted.iter().enumerate() {
        assert_ne!(*key, [0; 32]);
        assert_eq!(count_in_memory(key), 0, "key {i} {when}");
        // Half of one is worth half of one.
        assert_eq!(count_in_memory(&key[..16]), 0, "half of key {i} {when}");
        assert_eq!(count_in_memory(&key[16..]), 0, "half of key {i} {when}");
    }
}
