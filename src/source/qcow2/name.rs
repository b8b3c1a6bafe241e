//! Names of other files, as an image gives them. Whoever wrote the image chose them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::fault::{Checked, damaged, shown, unsupported};
use super::json;

/// A file that an image names.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// Where it is.
    pub path: PathBuf,
    /// The format that the name itself says it is in.
    pub format: Option<String>,
}

/// Whether the files that an image names are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// The caller said so.
    Opened,
    /// The caller did not say so.
    Unasked,
    /// The caller said so, but nobody said that this file is an image: a guest may have written its
    /// header, and the names in it, into a raw disk.
    Guessed,
}

impl Others {
    /// Refuses an image that has another file, as `what` says, unless that may be opened.
    pub fn check(self, what: &str, to_do: &str) -> Checked<()> {
        match self {
            Others::Opened => Ok(()),
            Others::Unasked => damaged(format!(
                "{what}; set HEXZ_BUILD_ALLOW_BACKING to {to_do} it"
            )),
            Others::Guessed => unsupported(format!(
                "{what}, and no image says that it is a qcow2 image itself, so that a guest may have \
                 written that; record its format in the image above with qemu-img rebase -u -F qcow2 -b \
                 FILE, or set HEXZ_FORMAT_QCOW2 if all that it does not say is qcow2"
            )),
        }
    }
}

/// The file that an image at `image` calls `name`, as QEMU takes it: relative names begin where the image
/// is, those behind "file:" and within "json:" in the working directory. `what` says in error texts
/// which file that is.
pub fn resolve(image: &Path, name: &[u8], what: &str) -> Checked<Named> {
    if name.is_empty() || name.contains(&0) {
        return no_name(name, what);
    }
    // As QEMU does: what has a colon before the first slash begins with a protocol ("nbd:",
    // "http:") or is a description of nodes ("json:").
    let colon = name.iter().position(|b| matches!(b, b':' | b'/'));
    let protocol = colon.filter(|at| name.get(*at) == Some(&b':'));
    let Some(at) = protocol else {
        let folder = image.parent().unwrap_or(Path::new(""));
        return Ok(plain(folder.join(OsStr::from_bytes(name))));
    };
    let rest = name.get(at + 1..).unwrap_or_default();
    match name.get(..at) {
        // Not RFC 8089: no host, nothing in per cent.
        Some(b"file") if !rest.is_empty() => Ok(plain(PathBuf::from(OsStr::from_bytes(rest)))),
        Some(b"file") => no_name(name, what),
        Some(b"json") => nodes(rest)
            .map_err(|fault| fault.told(|text| format!("its {what} '{}' {text}", shown(name)))),
        _ => unsupported(format!(
            "its {what} '{}' is not a plain file name, and no other protocol than 'file:' is followed; \
             give it one (qemu-img rebase -u, qemu-img amend), or convert the image",
            shown(name)
        )),
    }
}

fn plain(path: PathBuf) -> Named {
    Named { path, format: None }
}

fn no_name<T>(name: &[u8], what: &str) -> Checked<T> {
    damaged(format!(
        "the name of its {what} is '{}', which no file can have",
        shown(name)
    ))
}

/// The file of a description of nodes, if that is a format over a plain file.
fn nodes(text: &[u8]) -> Checked<Named> {
    let (mut driver, mut protocol, mut filename) = (None, None, None);
    for (key, value) in json::strings(text)? {
        match key.as_str() {
            "driver" => driver = Some(value),
            "file.driver" => protocol = Some(value),
            "file.filename" => filename = Some(value),
            "filename" => {
                return unsupported(
                    "is a bare file, whose format it does not say; put the driver raw or qcow2 over it: \
                     {\"driver\":FORMAT,\"file\":{\"driver\":\"file\",\"filename\":FILE}}",
                );
            }
            other => {
                return unsupported(format!(
                    "says '{}', and of such names only driver, file.driver and file.filename are \
                     followed",
                    shown(other.as_bytes())
                ));
            }
        }
    }
    match driver.as_deref() {
        None | Some("raw" | "qcow2") => {}
        Some(other) => {
            return unsupported(format!(
                "has the driver '{}'; raw and qcow2 over a plain file are followed",
                shown(other.as_bytes())
            ));
        }
    }
    // Block devices have a driver of their own, of which QEMU asks that it is one.
    match protocol.as_deref() {
        None | Some("file" | "host_device") => {}
        Some(other) => {
            return unsupported(format!(
                "has the file driver '{}'; only plain files are followed",
                shown(other.as_bytes())
            ));
        }
    }
    match filename {
        Some(name) if !name.is_empty() && !name.contains('\0') => Ok(Named {
            path: PathBuf::from(name),
            format: driver,
        }),
        _ => damaged("names no file"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;

    fn named(image: &str, name: &str) -> Named {
        resolve(Path::new(image), name.as_bytes(), "backing file").unwrap()
    }

    fn path(image: &str, name: &str) -> PathBuf {
        named(image, name).path
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
    fn the_protocol_of_files_is_cut_off_and_nothing_else() {
        for (name, wanted) in [
            ("file:b.raw", "b.raw"),
            ("file:/y/b.raw", "/y/b.raw"),
            ("file:///y/b.raw", "///y/b.raw"),
            ("file://host/y", "//host/y"),
            ("file:/y/b%20c", "/y/b%20c"),
            ("file:file:b", "file:b"),
            ("file:json:{}", "json:{}"),
        ] {
            assert_eq!(path("/x/a.qcow2", name), Path::new(wanted), "{name}");
        }
    }

    #[test]
    fn a_format_over_a_plain_file_is_followed() {
        for (text, file, format) in [
            (
                r#"{"driver":"qcow2","file":{"driver":"file","filename":"/b"}}"#,
                "/b",
                Some("qcow2"),
            ),
            (
                r#"{"driver":"raw","file.driver":"file","file.filename":"/b"}"#,
                "/b",
                Some("raw"),
            ),
            (
                r#"{"driver":"raw","file":{"driver":"host_device","filename":"/dev/b"}}"#,
                "/dev/b",
                Some("raw"),
            ),
            (r#"{"file":{"filename":"b"}}"#, "b", None),
            (
                r#"{"driver":"raw","file":{"driver":"file"},"file.filename":"json:{}"}"#,
                "json:{}",
                Some("raw"),
            ),
        ] {
            let wanted = Named {
                path: file.into(),
                format: format.map(str::to_owned),
            };
            assert_eq!(
                named("/x/a.qcow2", &format!("json:{text}")),
                wanted,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_file_name_is_refused() {
        for name in [
            "nbd://host/x",
            "http://h/x",
            "rbd:pool/image",
            "FILE:x",
            " json:{}",
            ":",
            r#"json:{"driver":"nbd","host":"h"}"#,
            r#"json:{"driver":"file","filename":"b.raw"}"#,
            r#"json:{"filename":"b.raw"}"#,
            r#"json:{"driver":"vmdk","file":{"driver":"file","filename":"/b"}}"#,
            r#"json:{"driver":"raw","file":{"driver":"nbd","filename":"/b"}}"#,
            r#"json:{"driver":"qcow2","file":{"driver":"raw","file":{"driver":"file","filename":"/b"}}}"#,
            r#"json:{"driver":"raw","offset":512,"file":{"driver":"file","filename":"/b"}}"#,
            r#"json:{"driver":"raw","file":{"driver":"file","filename":"/b","locking":"off"}}"#,
        ] {
            let refused = resolve(Path::new("a"), name.as_bytes(), "backing file");
            assert!(
                matches!(refused, Err(Fault::Unsupported(_))),
                "{name}: {refused:?}"
            );
        }
        for name in [
            "",
            "a\0b",
            "file:",
            "json:",
            "json:{}",
            r#"json:{"driver":"raw","file":{"driver":"file"}}"#,
            r#"json:{"driver":"raw","file":{"driver":"file","filename":""}}"#,
            r#"json:{"driver":"raw","file":{"driver":"file","filename":"a\u0000b"}}"#,
            r#"json:{"driver":"raw","driver":"qcow2","file":{"driver":"file","filename":"/b"}}"#,
        ] {
            let refused = resolve(Path::new("a"), name.as_bytes(), "backing file");
            assert!(
                matches!(refused, Err(Fault::Damaged(_))),
                "{name}: {refused:?}"
            );
        }
    }
}
