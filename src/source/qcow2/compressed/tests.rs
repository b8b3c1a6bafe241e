use flate2::{Compress, FlushCompress};
use zstd::bulk;

use super::super::fault::Fault;
use super::*;

const CLUSTER: usize = 65536;

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1000);
    let mut deflate = Compress::new(flate2::Compression::default(), false);
    deflate
        .compress_vec(bytes, &mut out, FlushCompress::Finish)
        .unwrap();
    out
}

fn inflate(packed: &[u8]) -> Checked<Vec<u8>> {
    let mut cluster = vec![0xee; CLUSTER];
    // One that was used before, as the reader's is.
    let mut inflate = DecompressorOxide::new();
    let _ = inflate_cluster(&mut inflate, b"\x01garbage", &mut cluster);
    inflate_cluster(&mut inflate, packed, &mut cluster).map(|()| cluster)
}

fn unzstd(packed: &[u8]) -> Checked<Vec<u8>> {
    let mut cluster = vec![0xee; CLUSTER];
    let mut context = DCtx::create();
    let _ = unzstd_cluster(&mut context, b"garbage", &mut cluster);
    unzstd_cluster(&mut context, packed, &mut cluster).map(|()| cluster)
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * i / 300) as u8).collect()
}

fn is_damage(result: Checked<Vec<u8>>, words: &str) {
    match result {
        Err(Fault::Damaged(text)) => assert!(text.contains(words), "{text}"),
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn what_follows_the_end_is_another_clusters() {
    for follows in [&b""[..], b"\0", &[0xff; 511]] {
        let packed = [&deflated(&text(CLUSTER))[..], follows].concat();
        assert_eq!(inflate(&packed).unwrap(), text(CLUSTER));
        let packed = [&bulk::compress(&text(CLUSTER), 3).unwrap()[..], follows].concat();
        assert_eq!(unzstd(&packed).unwrap(), text(CLUSTER));
    }
}

#[test]
fn a_cluster_of_another_size_is_damage() {
    for len in [0, 1, CLUSTER - 1] {
        let words = format!("holds {len} bytes");
        is_damage(inflate(&deflated(&text(len))), &words);
        is_damage(unzstd(&bulk::compress(&text(len), 3).unwrap()), &words);
    }
    for len in [CLUSTER + 1, 3 * CLUSTER] {
        is_damage(inflate(&deflated(&text(len))), "more than the 65536");
        is_damage(
            unzstd(&bulk::compress(&text(len), 3).unwrap()),
            "decompress",
        );
    }
}

#[test]
fn every_cut_is_damage() {
    let (flat, frame) = (
        deflated(&text(CLUSTER)),
        bulk::compress(&text(CLUSTER), 3).unwrap(),
    );
    // All of the last, where the end of the stream is, and some of the others.
    let cuts = |len: usize| (0..len).step_by(97).chain(len - 40..len);
    for len in cuts(flat.len()) {
        assert!(inflate(&flat[..len]).is_err(), "{len}");
    }
    for len in cuts(frame.len()) {
        assert!(unzstd(&frame[..len]).is_err(), "{len}");
    }
}

#[test]
fn frames_one_after_the_other_fill_a_cluster() {
    let all = text(CLUSTER);
    let (first, second) = all.split_at(1000);
    let frames = [first, &[], second].map(|part| bulk::compress(part, 1).unwrap());
    assert_eq!(unzstd(&frames.concat()).unwrap(), text(CLUSTER));
    is_damage(unzstd(&frames[..2].concat()), "holds 1000 bytes");
}

#[test]
fn a_large_window_takes_no_memory() {
    // A frame that asks for a window of 2^31 bytes: the cluster itself is the window.
    let mut compressor = bulk::Compressor::new(1).unwrap();
    compressor.include_contentsize(false).unwrap();
    compressor.window_log(31).unwrap();
    let mut frame = compressor.compress(&text(CLUSTER)).unwrap();
    // Magic, a descriptor without content size, then the window itself.
    assert_eq!(frame[4] & 0xe0, 0);
    frame[5] = (31 - 10) << 3;
    assert_eq!(unzstd(&frame).unwrap(), text(CLUSTER));
}
