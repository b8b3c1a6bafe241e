use super::header::MAGIC;
use super::*;
use crate::source::Writers;

const CLUSTER: u64 = 512;
/// The bytes of disk that an L2 table of such clusters describes.
const TABLE: u64 = CLUSTER / 8 * CLUSTER;

/// An image of clusters of 512 bytes whose L2 entries are these by turns: one table serves all.
fn image(size: u64, entries: [u64; 2], backing: &str) -> Vec<u8> {
    let tables = size / TABLE;
    let l2 = CLUSTER + (tables * 8).next_multiple_of(CLUSTER);
    let name_at = if backing.is_empty() { 0 } else { 400u64 };
    let mut out = MAGIC.to_vec();
    out.extend(3u32.to_be_bytes());
    out.extend(name_at.to_be_bytes());
    out.extend((backing.len() as u32).to_be_bytes());
    out.extend(9u32.to_be_bytes());
    out.extend(size.to_be_bytes());
    out.extend(0u32.to_be_bytes());
    out.extend((tables as u32).to_be_bytes());
    out.extend(CLUSTER.to_be_bytes());
    out.resize(100, 0);
    out.extend(104u32.to_be_bytes());
    // The format of the backing file.
    out.extend(0xe279_2aca_u32.to_be_bytes());
    out.extend(5u32.to_be_bytes());
    out.extend(b"qcow2\0\0\0");
    out.resize(400, 0);
    out.extend(backing.as_bytes());
    out.resize(CLUSTER as usize, 0);
    (0..tables).for_each(|_| out.extend(l2.to_be_bytes()));
    out.resize(l2 as usize, 0);
    for _ in 0..CLUSTER / 16 {
        entries
            .iter()
            .for_each(|entry| out.extend(entry.to_be_bytes()));
    }
    out
}

const UNALLOCATED: u64 = 0;
const ZERO: u64 = 1;

/// What a walk through a chain of such images, the lowest first, takes: answers, and looks at
/// clusters in all images together. Each answer must be zeros.
fn walk(name: &str, size: u64, chain: &[[u64; 2]]) -> (u64, u64) {
    let folder = std::env::temp_dir().join(format!("hexz-{}-{name}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let access = Access {
        writers: Writers::Refused,
        other_files: true,
    };
    for (i, entries) in chain.iter().enumerate() {
        let backing = i
            .checked_sub(1)
            .map_or(String::new(), |below| below.to_string());
        let bytes = image(size, *entries, &backing);
        std::fs::write(folder.join(i.to_string()), bytes).unwrap();
    }
    let top = folder.join((chain.len() - 1).to_string());
    let file = RawSource::open(&top, access).unwrap();
    let source = Qcow2Source::open(file, &top, access, false).unwrap();
    let (mut at, mut answers) = (0, 0);
    while at < size {
        let (content, end) = source.content_at(at).unwrap();
        assert_eq!(content, Content::Zero);
        let clusters = (end - at) / CLUSTER;
        let bounded = (1..=LOOKS_MAX as u64 + 1).contains(&clusters);
        assert!(bounded, "{clusters} from {at} on");
        (at, answers) = (end, answers + 1);
        // A reader comes behind, in small steps.
        source
            .read_at(at - CLUSTER, &mut [0; CLUSTER as usize])
            .unwrap();
    }
    std::fs::remove_dir_all(folder).unwrap();
    (
        answers,
        source.images().map(|image| image.looked.get()).sum(),
    )
}

/// However many clusters are alike, one answer goes through a bounded number of them, over all
/// images of a chain together: a caller can cancel between two.
#[test]
fn one_answer_looks_at_a_bounded_number_of_clusters() {
    let size = 8 << 20;
    for (name, chain) in [
        ("zeros", vec![[ZERO; 2]]),
        ("nothing", vec![[UNALLOCATED; 2]]),
        ("five-of-nothing", vec![[UNALLOCATED; 2]; 5]),
    ] {
        let (answers, _) = walk(name, size, &chain);
        let least = size / CLUSTER / (LOOKS_MAX as u64 + 1);
        let most = (least + 1) * chain.len() as u64 * 2;
        assert!((least..=most).contains(&answers), "{name}: {answers}");
    }
}

/// Over an image in small pieces lies one that has hardly anything: for each piece the way to the
/// end of that run was gone again, 4096 looks for a cluster.
#[test]
fn a_long_run_of_nothing_is_gone_through_once() {
    let size = 8 << 20;
    for (name, layers) in [("one-above", 1), ("three-above", 3)] {
        let mut chain = vec![[ZERO, UNALLOCATED]];
        chain.extend(vec![[UNALLOCATED; 2]; layers]);
        let (answers, looks) = walk(name, size, &chain);
        let clusters = size / CLUSTER;
        assert_eq!(answers, clusters, "{name}");
        let most = clusters * (2 + 4 * layers as u64);
        assert!(
            looks <= most,
            "{name}: {looks} looks for {clusters} clusters"
        );
    }
}
