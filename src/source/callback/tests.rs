use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;

/// A host program whose byte at an offset is made from it, with a map of its own, and which puts
/// down what it is asked.
struct Host {
    map: Vec<(ClaimKind, u64)>,
    reads: Mutex<Vec<(u64, usize)>>,
    asked: AtomicUsize,
}

fn byte(at: u64) -> u8 {
    (at % 251) as u8 + 1
}

impl Callbacks for Host {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.reads.lock().unwrap().push((offset, buf.len()));
        for (at, to) in (offset..).zip(buf) {
            *to = byte(at);
        }
        Ok(())
    }

    fn extent_at(&self, offset: u64, len: u64) -> Result<Claim> {
        assert!(len >= 1);
        self.asked.fetch_add(1, Relaxed);
        let (kind, end) = *self.map.iter().find(|(_, end)| *end > offset).unwrap();
        Ok(Claim {
            kind,
            len: end - offset,
        })
    }
}

fn source(size: u64, concurrent: bool, map: &[(ClaimKind, u64)]) -> (CallbackSource, Arc<Host>) {
    let host = Arc::new(Host {
        map: map.to_vec(),
        reads: Mutex::default(),
        asked: AtomicUsize::new(0),
    });
    let callbacks = Arc::clone(&host) as Arc<dyn Callbacks>;
    (
        CallbackSource::new("imagined".into(), size, concurrent, callbacks),
        host,
    )
}

#[test]
fn what_is_no_data_is_not_read_however_it_lies() {
    use ClaimKind::{Data, Zero};
    let map = [
        (Data, 10),
        (Zero, 30),
        (Data, 31),
        (Data, 4000),
        (Zero, 9000),
        (Data, u64::MAX),
    ];
    for deferring in [false, true] {
        let (source, host) = source(20_000, true, &map);
        let mut buf = vec![0xee; 16_000];
        let mut later = Vec::new();
        match deferring {
            true => source.read_deferring(5, &mut buf, &mut later).unwrap(),
            false => source.read_at(5, &mut buf).unwrap(),
        }
        // Only what is worth it is left for later.
        assert_eq!(later.len(), usize::from(deferring));
        for deferred in later {
            deferred
                .unpack(&mut buf, &mut Decompressors::default())
                .unwrap();
        }
        for (at, got) in (5..).zip(&buf) {
            let zero = (10..30).contains(&at) || (4000..9000).contains(&at);
            assert_eq!(*got, if zero { 0 } else { byte(at) }, "{at}");
        }
        assert_eq!(
            *host.reads.lock().unwrap(),
            [(5, 5), (30, 3970), (9000, 7005)]
        );
        // Each run once, and not again in what is known.
        assert_eq!(host.asked.load(Relaxed), 6);
        source.read_at(5, &mut buf).unwrap();
        assert_eq!(host.asked.load(Relaxed), 6);
    }
}

#[test]
fn a_source_for_one_thread_leaves_nothing() {
    let (source, _) = source(100, false, &[(ClaimKind::Data, 100)]);
    let (mut buf, mut later) = ([0; 100], Vec::new());
    source.read_deferring(0, &mut buf, &mut later).unwrap();
    assert!(later.is_empty() && buf.iter().zip(0..).all(|(got, at)| *got == byte(at)));
    assert_eq!(source.deferral(), Deferral::Nothing);
}

#[test]
fn a_map_of_crumbs_is_remembered_within_bounds() {
    let crumbs: Vec<_> = (1..=20_000u64)
        .map(|n| {
            (
                if n % 2 == 0 {
                    ClaimKind::Zero
                } else {
                    ClaimKind::Data
                },
                n * 3,
            )
        })
        .collect();
    let (source, host) = source(60_000, false, &crumbs);
    let mut buf = vec![0; 60_000];
    for _ in 0..2 {
        source.read_at(0, &mut buf).unwrap();
        assert!(source.known.borrow().len() <= KNOWN_MAX);
    }
    for (at, got) in (0..).zip(&buf) {
        let zero = at / 3 % 2 == 1;
        assert_eq!(*got, if zero { 0 } else { byte(at) }, "{at}");
    }
    assert!(host.asked.load(Relaxed) <= 40_000);
}

#[test]
fn claims_that_make_no_sense_are_told() {
    for (kind, words) in [
        (ClaimKind::Parent, "no parent"),
        (ClaimKind::Unknown(9), "kind 9"),
    ] {
        let (source, host) = source(100, false, &[(kind, 100)]);
        let text = source.content_at(7).unwrap_err().to_string();
        assert!(text.contains(words) && text.contains("at 7"), "{text}");
        assert!(text.starts_with("source 'imagined'"), "{text}");
        assert!(host.reads.lock().unwrap().is_empty());
    }
    struct Nothing;
    impl Callbacks for Nothing {
        fn read_at(&self, _: u64, _: &mut [u8]) -> Result<()> {
            unreachable!("nothing is read")
        }
        fn extent_at(&self, _: u64, _: u64) -> Result<Claim> {
            Ok(Claim {
                kind: ClaimKind::Data,
                len: 0,
            })
        }
    }
    let source = CallbackSource::new("n".into(), 5, false, Arc::new(Nothing));
    assert!(matches!(source.content_at(0), Err(Error::Source { .. })));
    // More than was asked about is cut.
    let (source, _) = self::source(100, false, &[(ClaimKind::Zero, u64::MAX)]);
    assert_eq!(source.content_at(99).unwrap(), (Content::Zero, 100));
}
