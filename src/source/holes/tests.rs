use super::*;

const KIB: u64 = 1 << 10;

/// A file of runs that counts what a file system does for it.
struct File {
    /// Ends of runs, which are data and holes by turns, data first.
    ends: Vec<u64>,
    looks: u64,
    /// Bytes that looks went over.
    walked: u64,
}

impl File {
    fn of(runs: impl IntoIterator<Item = u64>) -> Self {
        let mut end = 0;
        let ends = runs.into_iter().map(|len| {
            end += len;
            end
        });
        File {
            ends: ends.collect(),
            looks: 0,
            walked: 0,
        }
    }

    fn size(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// What is truly there, and up to where.
    fn truth(&self, offset: u64) -> (Content, u64) {
        let number = self.ends.partition_point(|end| *end <= offset);
        let content = match number % 2 {
            0 => Content::Data,
            _ => Content::Zero,
        };
        (content, self.ends[number])
    }

    fn look(&mut self, look: Look) -> Found {
        self.looks += 1;
        let (from, wanted) = match look {
            Look::Data(from) => (from, Content::Data),
            Look::Hole(from) => (from, Content::Zero),
        };
        let size = self.size();
        let (is, end) = self.truth(from);
        let at = if is == wanted { from } else { end };
        self.walked += at - from;
        match (wanted, at == size) {
            (Content::Data, true) => Found::None,
            _ => Found::At(at),
        }
    }
}

/// Asks at each of these offsets, and compares: no data may be called a hole.
fn ask(map: &HoleMap, file: &mut File, offsets: impl IntoIterator<Item = u64>) {
    let size = file.size();
    for offset in offsets {
        let (content, end) = map.at(offset, size, |look| Ok(file.look(look))).unwrap();
        assert!(end > offset && end <= size, "{offset} {end}");
        let (truth, truth_end) = file.truth(offset);
        if content == Content::Zero {
            assert!(truth == Content::Zero && end <= truth_end, "{offset} {end}");
        }
        assert!(map.0.borrow().runs.len() <= RUNS_MAX);
    }
}

/// All multiples of `step` below `size`, in an order that is none.
fn scattered(size: u64, step: u64) -> impl Iterator<Item = u64> {
    let count = size / step;
    (0..count).map(move |i| i * 7_368_787 % count * step)
}

#[test]
fn a_file_is_gone_through_once_whatever_the_order() {
    let size = 64 << 20;
    let full = || File::of([size]);
    let halves = || File::of(std::iter::repeat_n(256 * KIB, 256));
    for make in [&full as &dyn Fn() -> File, &halves] {
        let (mut scattered_file, mut ordered_file) = (make(), make());
        ask(
            &HoleMap::default(),
            &mut scattered_file,
            scattered(size, 64 * KIB),
        );
        ask(
            &HoleMap::default(),
            &mut ordered_file,
            (0..size).step_by(64 << 10),
        );
        assert_eq!(scattered_file.looks, ordered_file.looks);
        assert!(scattered_file.walked <= size && ordered_file.walked <= size);
        // The worst order for who asks at each place: every answer goes to the end.
        let mut backwards = make();
        let offsets = (0..size >> 16).rev().map(|i| i << 16);
        ask(&HoleMap::default(), &mut backwards, offsets);
        // At most what one answer may do and a second look for each of the others.
        assert!(backwards.walked <= 2 * size, "{}", backwards.walked);
    }
}

#[test]
fn in_order_all_holes_are_seen_however_many_there_are() {
    let mut file = File::of(std::iter::repeat_n(4 * KIB, 100_000));
    let (map, size) = (HoleMap::default(), file.size());
    let (mut at, mut zeros) = (0, 0);
    while at < size {
        let (content, end) = map.at(at, size, |look| Ok(file.look(look))).unwrap();
        assert_eq!((content, end), file.truth(at));
        zeros += u64::from(content == Content::Zero) * (end - at);
        at = end;
    }
    assert_eq!(zeros, size / 2);
    assert!(file.looks <= 100_001, "{}", file.looks);
    // What was forgotten is looked for again, and found.
    let (mut at, mut zeros) = (0, 0);
    while at < size {
        let (content, end) = map.at(at, size, |look| Ok(file.look(look))).unwrap();
        zeros += u64::from(content == Content::Zero) * (end - at);
        at = end;
    }
    assert_eq!(zeros, size / 2);
    assert!(map.0.borrow().runs.len() <= RUNS_MAX);
}

#[test]
fn the_longest_runs_are_remembered() {
    // Many short ones around a few that are long to go over.
    let runs = (0..50_000).map(|i| if i % 5000 == 2500 { 1 << 30 } else { 4 * KIB });
    let mut file = File::of(runs);
    let (map, size) = (HoleMap::default(), file.size());
    ask(&map, &mut file, (0..size).step_by(1 << 20));
    ask(&map, &mut file, [size - 1]);
    let before = file.walked;
    ask(&map, &mut file, scattered(size, 1 << 20));
    assert!(
        file.walked - before < size / 1000,
        "{}",
        file.walked - before
    );
}

#[test]
fn one_answer_is_bounded_work() {
    let mut file = File::of(std::iter::repeat_n(4 * KIB, 1 << 20));
    let (map, size) = (HoleMap::default(), file.size());
    let mut seen = 0;
    for offset in scattered(size, 1 << 16).take(2000) {
        ask(&map, &mut file, [offset]);
        assert!(file.looks - seen <= 2 * STEPS_MAX as u64 + 2);
        seen = file.looks;
    }
}

#[test]
fn where_nothing_is_told_all_is_data() {
    let map = HoleMap::default();
    let mut looks = 0;
    for offset in [0, 5 << 30, 7] {
        let told = map.at(offset, 10 << 30, |_| {
            looks += 1;
            Ok(Found::Untold)
        });
        assert_eq!(told.unwrap(), (Content::Data, 10 << 30));
    }
    assert_eq!(looks, 2);
}

#[test]
fn a_file_that_changes_under_a_look_stays_within_its_size() {
    // Answers that contradict each other, and reach beyond what the file had.
    let mut state = 1u64;
    for _ in 0..2000 {
        let map = HoleMap::default();
        for offset in [0, 999, 500, 3] {
            let answer = map.at(offset, 1000, |_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                Ok(match state >> 62 {
                    0 => Found::None,
                    1 => Found::Untold,
                    _ => Found::At(state >> 32 & 2047),
                })
            });
            let (_, end) = answer.unwrap();
            assert!(end > offset && end <= 1000, "{offset} {end}");
        }
    }
}
