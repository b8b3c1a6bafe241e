use super::*;
use std::fs as stdfs;
use std::path::PathBuf;

/// A folder of its own for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hexz-{}-{name}", std::process::id()));
        stdfs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = stdfs::read_dir(&self.0)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        stdfs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn nothing_is_there_before_publishing_or_after_dropping() {
    let folder = Folder::new("drop");
    let path = folder.0.join("a");
    let pending = PendingFile::create(&path, Existing::Refuse("F"), Sync::No).unwrap();
    pending.write_all_at(b"half", 0).unwrap();
    assert!(folder.names().is_empty());
    drop(pending);
    assert!(folder.names().is_empty());
    let pending = PendingFile::create(&path, Existing::Refuse("F"), Sync::No).unwrap();
    pending.write_all_at(b"whole", 0).unwrap();
    pending.publish().unwrap();
    assert_eq!(folder.names(), ["a"]);
    assert_eq!(stdfs::read(&path).unwrap(), b"whole");
}

#[test]
fn an_old_file_is_kept_or_replaced_whole() {
    let folder = Folder::new("old");
    let path = folder.0.join("a");
    let pending = PendingFile::create(&path, Existing::Refuse("F"), Sync::No).unwrap();
    stdfs::write(&path, "old").unwrap();
    assert!(matches!(pending.publish(), Err(Error::Exists { .. })));
    assert!(PendingFile::create(&path, Existing::Refuse("F"), Sync::No).is_err());
    assert_eq!(stdfs::read(&path).unwrap(), b"old");
    let pending = PendingFile::create(&path, Existing::Replace, Sync::No).unwrap();
    pending.write_all_at(b"new", 0).unwrap();
    assert_eq!(stdfs::read(&path).unwrap(), b"old");
    pending.publish().unwrap();
    assert_eq!(stdfs::read(&path).unwrap(), b"new");
    assert_eq!(folder.names(), ["a"]);
}

/// As begun where unnamed files are not to be had.
fn in_a_temporary(path: &Path, existing: Existing) -> PendingFile {
    let place = Place::of(path, existing).unwrap();
    let (file, temporary) = named(&place).unwrap();
    PendingFile {
        place,
        sync: Sync::No,
        listed: None,
        file,
        temporary: Some(temporary),
    }
}

#[test]
fn what_a_dead_build_left_is_swept_and_what_a_living_one_has_is_not() {
    let folder = Folder::new("sweep");
    let path = folder.0.join("a");
    let others = [
        ".a.hexz-abcde",
        ".b.hexz-abcdef",
        ".a.hexz-ABCDEF",
        "a.hexz-abcdef",
    ];
    for name in others.iter().chain(&[".a.hexz-abcdef", ".a.hexz-234567"]) {
        stdfs::write(folder.0.join(name), "left").unwrap();
    }
    let living = in_a_temporary(&path, Existing::Refuse("F"));
    for existing in [Existing::Refuse("F"), Existing::Replace] {
        // Begins, which sweeps, and ends.
        drop(PendingFile::create(&path, existing, Sync::No).unwrap());
        assert_eq!(folder.names().len(), others.len() + 1);
    }
    living.publish().unwrap();
    let mut left: Vec<&str> = others.iter().copied().chain(["a"]).collect();
    left.sort_unstable();
    assert_eq!(folder.names(), left);
}

#[test]
fn the_mode_of_what_is_replaced_is_kept_without_set_id_bits() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    let path = folder.0.join("a");
    for make in [in_a_temporary, |path: &Path, existing| {
        PendingFile::create(path, existing, Sync::No).unwrap()
    }] {
        for (old, new) in [
            (0o644, 0o644),
            (0o6750, 0o750),
            (0o400, 0o400),
            (0o1777, 0o777),
        ] {
            stdfs::write(&path, "old").unwrap();
            stdfs::set_permissions(&path, stdfs::Permissions::from_mode(old)).unwrap();
            make(&path, Existing::Replace).publish().unwrap();
            let now = stdfs::metadata(&path).unwrap();
            assert_eq!((now.len(), now.permissions().mode() & 0o7777), (0, new));
            stdfs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn a_named_temporary_serves_where_unnamed_files_do_not() {
    let folder = Folder::new("named");
    let path = folder.0.join("a");
    for existing in [Existing::Refuse("F"), Existing::Replace] {
        for publish in [false, true] {
            let pending = in_a_temporary(&path, existing);
            assert!(folder.names().iter().any(|n| n.starts_with(".a.hexz-")));
            match publish {
                true => pending.publish().unwrap(),
                false => drop(pending),
            }
            assert!(folder.names().iter().all(|n| n == "a"));
        }
    }
    assert_eq!(folder.names(), ["a"]);
}

#[test]
fn a_link_is_replaced_and_not_followed() {
    let folder = Folder::new("link");
    let (path, target) = (folder.0.join("a"), folder.0.join("target"));
    stdfs::write(&target, "target").unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    PendingFile::create(&path, Existing::Replace, Sync::No)
        .unwrap()
        .publish()
        .unwrap();
    assert_eq!(stdfs::read(&target).unwrap(), b"target");
    assert!(stdfs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let folder = Folder::new("kinds");
    stdfs::create_dir(folder.0.join("d")).unwrap();
    for bad in ["d", "d/", "d/..", "missing/a", "a/", "a/."] {
        let made = PendingFile::create(&folder.0.join(bad), Existing::Replace, Sync::No);
        assert!(matches!(made, Err(Error::Output { .. })), "{bad}");
    }
    for bad in ["", "/", "/dev/null"] {
        assert!(
            PendingFile::create(Path::new(bad), Existing::Replace, Sync::No).is_err(),
            "{bad}"
        );
    }
    let long = folder.0.join("n".repeat(255));
    PendingFile::create(&long, Existing::Replace, Sync::No)
        .unwrap()
        .publish()
        .unwrap();
    PendingFile::create(&long, Existing::Replace, Sync::No)
        .unwrap()
        .publish()
        .unwrap();
    assert_eq!(folder.names().len(), 2);
}
