//! Names of other files, as an image gives them. Whoever wrote the image chose them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::fault::{Checked, damaged, shown, unsupported};

/// The file that an image at `image` calls `name`: relative names begin where the image is. `what`
/// says in error texts which file that is.
pub fn resolve(image: &Path, name: &[u8], what: &str) -> Checked<PathBuf> {
    if name.is_empty() || name.contains(&0) {
        return damaged(format!(
            "the name of its {what} is '{}', which no file can have",
            shown(name)
        ));
    }
    // As QEMU does: what has a colon before the first slash begins with a protocol ("nbd:",
    // "http:") or is a description of nodes ("json:").
    let colon = name.iter().position(|b| matches!(b, b':' | b'/'));
    if colon.is_some_and(|at| name.get(at) == Some(&b':')) {
        return unsupported(format!(
            "its {what} '{}' is not a plain file name, and nothing else is followed; give it one \
             (qemu-img rebase -u, qemu-img amend), or convert the image",
            shown(name)
        ));
    }
    let folder = image.parent().unwrap_or(Path::new(""));
    Ok(folder.join(OsStr::from_bytes(name)))
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;

    fn path(image: &str, name: &str) -> PathBuf {
        resolve(Path::new(image), name.as_bytes(), "backing file").unwrap()
    }

    #[test]
    fn relative_names_begin_at_the_image() {
        assert_eq!(path("a.qcow2", "b.raw"), Path::new("b.raw"));
        assert_eq!(path("x/a.qcow2", "b.raw"), Path::new("x/b.raw"));
        assert_eq!(path("/x/a.qcow2", "../b.raw"), Path::new("/x/../b.raw"));
        assert_eq!(path("/x/a.qcow2", "/y/b.raw"), Path::new("/y/b.raw"));
        assert_eq!(path("x/a.qcow2", "./odd:name"), Path::new("x/./odd:name"));
    }

    #[test]
    fn what_is_no_file_name_is_refused() {
        for name in [
            "json:{\"driver\":\"nbd\"}",
            "nbd://host/x",
            "http://h/x",
            "file:x",
            ":",
        ] {
            let refused = resolve(Path::new("a"), name.as_bytes(), "backing file");
            assert!(matches!(refused, Err(Fault::Unsupported(_))), "{name}");
        }
        for name in [&b""[..], b"a\0b"] {
            let refused = resolve(Path::new("a"), name, "backing file");
            assert!(matches!(refused, Err(Fault::Damaged(_))));
        }
    }
}
