use super::super::fault::Fault;
use super::*;

/// The header of an image of version 3 with clusters of 64 KiB and a disk of 1 GiB.
fn header() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    bytes[..4].copy_from_slice(&MAGIC);
    put32(&mut bytes, 4, 3);
    put32(&mut bytes, 20, 16);
    put64(&mut bytes, 24, 1 << 30);
    put32(&mut bytes, 36, 2);
    put64(&mut bytes, 40, 0x30000);
    put32(&mut bytes, 100, 112);
    bytes
}

fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

fn put64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

#[test]
fn version_3_is_what_it_says() {
    let parsed = Header::parse(&header()).unwrap();
    let want = Header {
        version: 3,
        cluster_bits: 16,
        size: 1 << 30,
        l1_offset: 0x30000,
        l1_entries: 2,
        compression: Compression::Deflate,
        extended_l2: false,
        external_data: false,
        extensions: 112..65536,
        backing_name: None,
        incompatible: 0,
    };
    assert_eq!(parsed, want);
}

#[test]
fn version_2_ends_at_72_whatever_follows() {
    let mut bytes = header();
    put32(&mut bytes, 4, 2);
    bytes[72..].fill(0xff);
    let parsed = Header::parse(&bytes).unwrap();
    assert_eq!((parsed.version, parsed.incompatible), (2, 0));
    assert_eq!(parsed.extensions, 72..65536);
    assert_eq!(Header::parse(&bytes[..72]).unwrap(), parsed);
}

#[test]
fn a_field_that_the_header_does_not_reach_is_absent() {
    let mut bytes = header();
    put32(&mut bytes, 100, 104);
    bytes[104] = 77;
    let parsed = Header::parse(&bytes).unwrap();
    assert_eq!(parsed.compression, Compression::Deflate);
    assert_eq!(parsed.extensions.start, 104);
    put32(&mut bytes, 100, 112);
    assert!(matches!(Header::parse(&bytes), Err(Fault::Unsupported(_))));
}

#[test]
fn extensions_end_where_the_backing_name_begins() {
    let mut bytes = header();
    put64(&mut bytes, 8, 600);
    put32(&mut bytes, 16, 20);
    let parsed = Header::parse(&bytes).unwrap();
    assert_eq!(parsed.extensions, 112..600);
    assert_eq!(parsed.backing_name, Some(600..620));
    // A name inside the header leaves no room for extensions.
    put64(&mut bytes, 8, 80);
    assert!(Header::parse(&bytes).unwrap().extensions.is_empty());
    put64(&mut bytes, 8, u64::MAX - 3);
    assert!(matches!(Header::parse(&bytes), Err(Fault::Damaged(_))));
}

#[test]
fn the_l1_table_covers_the_disk_exactly() {
    // Two entries of 512 MiB; half of that with entries of 16 bytes.
    let mut bytes = header();
    put64(&mut bytes, 24, (1 << 30) + 512);
    assert!(matches!(Header::parse(&bytes), Err(Fault::Damaged(_))));
    put64(&mut bytes, 24, 1 << 30);
    put64(&mut bytes, 72, 1 << 4);
    assert!(matches!(Header::parse(&bytes), Err(Fault::Damaged(_))));
    put32(&mut bytes, 36, 4);
    assert!(Header::parse(&bytes).unwrap().extended_l2);
    put32(&mut bytes, 36, (32 << 20) / 8);
    assert!(Header::parse(&bytes).is_ok());
    put32(&mut bytes, 36, (32 << 20) / 8 + 1);
    assert!(matches!(Header::parse(&bytes), Err(Fault::Damaged(_))));
}

#[test]
fn bits_that_concern_no_reader_are_taken() {
    let mut bytes = header();
    // Dirty, lazy refcounts and unknown compatible ones, bitmaps and unknown autoclear ones.
    put64(&mut bytes, 72, 1);
    put64(&mut bytes, 80, u64::MAX);
    put64(&mut bytes, 88, u64::MAX);
    let parsed = Header::parse(&bytes).unwrap();
    assert_eq!(parsed.check_features(|_| None), Ok(()));
}

#[test]
fn every_bit_that_is_not_known_is_named() {
    for bit in 5..64 {
        let mut bytes = header();
        put64(&mut bytes, 72, 1 << bit);
        let parsed = Header::parse(&bytes).unwrap();
        let Err(Fault::Unsupported(text)) = parsed.check_features(|_| None) else {
            panic!("bit {bit} was taken");
        };
        assert!(text.contains(&format!("bit {bit},")), "{text}");
        let named = parsed.check_features(|b| (b == bit).then(|| b"sp\x1b[2Jin".to_vec()));
        let Err(Fault::Unsupported(text)) = named else {
            panic!("bit {bit} was taken");
        };
        // The name is the image's own, and no terminal obeys it.
        assert!(text.contains("'sp\\u{1b}[2Jin'"), "{text}");
    }
}

#[test]
fn no_length_and_no_byte_panics() {
    let bytes = header();
    for len in 0..bytes.len() {
        let _ = Header::parse(&bytes[..len]);
    }
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = Header::parse(&changed);
            changed[at..].fill(0xff);
            let _ = Header::parse(&changed);
        }
    }
}
