use super::*;

fn ends(head: &[u8], tail: &[u8]) -> Ends {
    Ends {
        head: head.to_vec(),
        tail: tail.to_vec(),
    }
}

fn name_of(head: &[u8], tail: &[u8]) -> Option<&'static str> {
    kind_of(&ends(head, tail), TABLE).map(|kind| kind.name)
}

/// Bytes at an offset of a sector of zeros.
fn at(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut head = vec![0; offset];
    head.extend(bytes);
    head.resize(512, 0);
    head
}

/// What each kind begins with, all of it that matters.
fn marks() -> Vec<(&'static str, Vec<u8>)> {
    let gzip = [0x1f, 0x8b, 8, 8, 1, 2, 3, 4, 0, 3, b'a', 0];
    vec![
        ("a VMDK image", at(0, b"KDMV\x01\0\0\0")),
        ("a VMDK image", at(0, b"COWD\x01\0\0\0")),
        ("a VMDK image", at(0, b"\xbe\xba\xfe\xca\0\0\0\0")),
        ("a VHDX image", at(0, b"vhdxfile")),
        ("a VHD image", at(0, b"conectix")),
        ("a VDI image", at(0x40, b"\x7f\x10\xda\xbe\x01\0\x01\0")),
        ("a QED image", at(0, b"QED\0")),
        ("a Parallels image", at(0, b"WithoutFreeSpace")),
        ("a Parallels image", at(0, b"WithouFreSpacExt")),
        ("a qcow image of version 1", at(0, b"QFI\xfb\0\0\0\x01")),
        ("an Android sparse image", at(0, b"\x3a\xff\x26\xed\x01\0")),
        ("an encrypted LUKS container", at(0, b"LUKS\xba\xbe")),
        ("a hexz snapshot", at(0, b"\x89HXZ\r\n\x1a\n")),
        ("compressed with gzip", at(0, &gzip)),
        ("compressed with xz", at(0, b"\xfd7zXZ\0")),
        ("compressed with zstd", at(0, b"\x28\xb5\x2f\xfd")),
        ("compressed with bzip2", at(0, b"BZh91AY&SY")),
        (
            "compressed with bzip2",
            at(0, b"BZh1\x17\x72\x45\x38\x50\x90"),
        ),
        ("compressed with lz4", at(0, b"\x04\x22\x4d\x18\x64")),
        ("a 7z archive", at(0, b"7z\xbc\xaf\x27\x1c")),
        ("a zip archive", at(0, b"PK\x03\x04\x14")),
        ("a zip archive", at(0, b"PK\x05\x06\0\0\0\0")),
        ("a zip archive", at(0, b"PK\x07\x08PK\x03\x04")),
        ("a tar archive", at(257, b"ustar\x0000")),
        ("a tar archive", at(257, b"ustar  \0")),
    ]
}

#[test]
fn each_kind_is_known_by_its_mark() {
    for (name, head) in marks() {
        assert_eq!(name_of(&head, &[0; 512]), Some(name), "{head:x?}");
        // Also where the file ends with what matters, but for gzip, which has data behind it.
        let len = head.iter().rposition(|b| *b != 0).unwrap() + 1;
        let short = name_of(&head[..len], &head[..len]);
        assert!(
            short == Some(name) || head[len - 1] < 2 || head[len] == 0,
            "{name}"
        );
    }
    assert_eq!(name_of(&[0; 512], &at(0, b"conectix")), Some("a VHD image"));
    let koly = at(0, b"koly\0\0\0\x04\0\0\x02\0");
    assert_eq!(name_of(&[0; 512], &koly), Some("an Apple disk image"));
}

/// A mark is no stronger than what of it is looked at.
#[test]
fn a_mark_with_one_byte_changed_is_none() {
    // Marks of four bytes and more that are fixed; what may vary varies in the others.
    for (name, head) in marks() {
        let fixed = match name {
            "compressed with gzip" | "a zip archive" => 2,
            "compressed with bzip2" => 3,
            "a VDI image" => 0x44,
            "a tar archive" => 262,
            _ => 4,
        };
        for place in 0..fixed {
            let mut changed = head.clone();
            if changed[place] == 0 {
                continue;
            }
            changed[place] ^= 0x20;
            assert_eq!(name_of(&changed, &[0; 512]), None, "{name} {place}");
        }
    }
    for head in [
        // Reserved flags, a method that is none, letters as extra flags, a system that is none.
        [0x1f, 0x8b, 8, 0x20, 0, 0, 0, 0, 0, 3, 1, 1],
        [0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 3, 1, 1],
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, b'a', 3, 1, 1],
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 99, 1, 1],
    ] {
        assert_eq!(name_of(&head, &head), None);
    }
    assert_eq!(name_of(b"BZh9 what one may write in ASCII", b""), None);
    assert_eq!(name_of(b"BZh01AY&SY", b""), None);
    assert_eq!(
        name_of(&at(0x40, b"\x7f\x10\xda\xbe\x01\0\x02\0"), b""),
        None
    );
}

#[test]
fn frames_to_be_skipped_are_zstd_if_a_frame_follows() {
    let pzstd = b"\x50\x2a\x4d\x18\x04\0\0\0\x12\x34\0\0\x28\xb5\x2f\xfd\x04";
    assert_eq!(name_of(pzstd, b""), Some("compressed with zstd"));
    let twice = [&pzstd[..12], b"\x5f\x2a\x4d\x18\0\0\0\0", &pzstd[12..]].concat();
    assert_eq!(name_of(&twice, b""), Some("compressed with zstd"));
    assert_eq!(name_of(&pzstd[..12], b""), None);
    assert_eq!(
        name_of(b"\x50\x2a\x4d\x18\xff\xff\xff\xff\x28\xb5\x2f\xfd", b""),
        None
    );
    assert_eq!(
        name_of(b"\x60\x2a\x4d\x18\0\0\0\0\x28\xb5\x2f\xfd", b""),
        None
    );
}

#[test]
fn descriptors_of_vmdk_are_text() {
    for text in [
        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\n",
        "# Disk DescriptorFile\r\nversion=3\r\nencoding=\"UTF-8\"\r\n",
        "\n#disk descriptorfile\n",
        "# written by hand\n# more\n\n version = 1\ncreateType=\"monolithicFlat\"\n",
    ] {
        assert_eq!(
            name_of(text.as_bytes(), b""),
            Some("a VMDK image"),
            "{text}"
        );
    }
    for text in [
        "#!/bin/sh\nexec hexz\n",
        "# Disk DescriptorFiles of mine\nnothing\n",
        "# a configuration\nname=version=1\n",
        "version=1\n",
        "#",
        "",
    ] {
        assert_eq!(name_of(text.as_bytes(), b""), None, "{text}");
    }
}

#[test]
fn beginnings_of_disks_are_none() {
    let disks: [&[u8]; 18] = [
        // Jumps of FAT, NTFS and exFAT; BitLocker.
        b"\xeb\x3c\x90MSDOS5.0",
        b"\xeb\x58\x90mkfs.fat",
        b"\xeb\x52\x90NTFS    ",
        b"\xeb\x76\x90EXFAT   ",
        b"\xeb\x58\x90-FVE-FS-",
        b"\xe9\x00\x00",
        // Boot code of GRUB, of GRUB's and Windows' and older MBRs, SYSLINUX, isohybrid images.
        b"\xeb\x63\x90\x10\x8e\xd0",
        b"\x33\xc0\x8e\xd0\xbc\x00\x7c",
        b"\xfa\x33\xc0\x8e\xd0",
        b"\xfa\xb8\x00\x10\x8e\xd0",
        b"\x33\xed\x90\x90",
        b"\x45\x52\x08\x00\x00\x00",
        // File systems and layers that begin at byte 0.
        b"XFSB\0\0\x10\0",
        b"hsqs",
        b"\xe2\xe1\xf5\xe0",
        b"\x45\x3d\xcd\x28",
        b"-rom1fs-",
        b"bcache",
    ];
    for disk in disks {
        let mut head = at(0, disk);
        head[510..].copy_from_slice(b"\x55\xaa");
        assert_eq!(name_of(&head, &at(0, b"EFI PART")), None, "{disk:x?}");
    }
    // A file system that leaves its first sectors free, LVM, and nothing at all.
    for head in [
        vec![0; HEAD],
        at(0, b""),
        [at(0, b""), at(0, b"LABELONE")].concat(),
    ] {
        assert_eq!(name_of(&head, &head[head.len() - 512..]), None);
    }
    // Dumps of memory.
    for head in [
        &b"\x7fELF\x02\x01\x01"[..],
        b"KDUMP   ",
        b"QEVM",
        b"LibvirtQemudSave",
        b"EMiL",
    ] {
        assert_eq!(name_of(head, b""), None);
    }
}

/// What marks there are, short beginnings and random sectors: no panic, and no chance hits.
#[test]
fn random_sectors_are_none() {
    let mut state = 7u64;
    for _ in 0..200_000 {
        let mut head = [0; 512];
        for chunk in head.chunks_exact_mut(8) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            chunk.copy_from_slice(&(state ^ state >> 29).to_le_bytes());
        }
        assert_eq!(name_of(&head, &head), None);
    }
    for (_, head) in marks() {
        for len in 0..head.len() {
            let _ = name_of(&head[..len], &head[..len]);
        }
    }
}
