use super::super::fault::Fault;
use super::*;

const V3: Geometry = Geometry {
    version: 3,
    cluster_bits: 16,
    extended_l2: false,
    external_data: false,
};
const WIDE: Geometry = Geometry {
    extended_l2: true,
    ..V3
};
const BESIDE: Geometry = Geometry {
    external_data: true,
    ..V3
};

fn whole(geometry: &Geometry, guest: u64, entry: u64) -> Mapping {
    match geometry.cluster_of(guest, entry, 0).unwrap() {
        Cluster::Whole(mapping) => mapping,
        split => panic!("{split:?}"),
    }
}

fn damaged(cluster: Checked<Cluster>) -> bool {
    matches!(cluster, Err(Fault::Damaged(_)))
}

#[test]
fn standard_clusters() {
    assert_eq!(whole(&V3, 0, 0), Mapping::Unallocated);
    assert_eq!(whole(&V3, 0, 0x50000), Mapping::Data(0x50000));
    assert_eq!(whole(&V3, 0, COPIED | 0x50000), Mapping::Data(0x50000));
    assert_eq!(whole(&V3, 0, ZERO), Mapping::Zero);
    assert_eq!(whole(&V3, 0, COPIED | 0x50000 | ZERO), Mapping::Zero);
    // Offset 0 is never data in the image itself.
    assert_eq!(whole(&V3, 0, COPIED), Mapping::Unallocated);
    let v2 = Geometry { version: 2, ..V3 };
    assert_eq!(whole(&v2, 0, 0x50000), Mapping::Data(0x50000));
    assert!(damaged(v2.cluster_of(0, ZERO, 0)));
}

#[test]
fn every_reserved_bit_is_refused() {
    for bit in (1..9).chain(56..62) {
        assert!(
            damaged(V3.cluster_of(0, 0x50000 | 1 << bit, 0)),
            "bit {bit}"
        );
        assert!(
            damaged(WIDE.cluster_of(0, 0x50000 | 1 << bit, 1)),
            "bit {bit}"
        );
    }
    assert!(damaged(WIDE.cluster_of(0, 0x50000 | ZERO, 1)));
    for bit in (0..9).chain(56..63) {
        assert!(V3.l2_table(0x50000 | 1 << bit).is_err(), "bit {bit}");
    }
    // Those between: the offset, which begins at a cluster.
    for bit in 9..16 {
        assert!(
            damaged(V3.cluster_of(0, 0x50000 | 1 << bit, 0)),
            "bit {bit}"
        );
        assert!(V3.l2_table(0x50000 | 1 << bit).is_err(), "bit {bit}");
    }
    assert_eq!(V3.l2_table(COPIED | 0x50000), Ok(Some(0x50000)));
    assert_eq!(V3.l2_table(COPIED), Ok(None));
}

#[test]
fn a_data_file_has_each_cluster_at_its_place() {
    assert_eq!(whole(&BESIDE, 0, COPIED), Mapping::Data(0));
    assert_eq!(whole(&BESIDE, 0, 0), Mapping::Unallocated);
    assert_eq!(
        whole(&BESIDE, 0x50000, COPIED | 0x50000),
        Mapping::Data(0x50000)
    );
    assert!(damaged(BESIDE.cluster_of(0x60000, COPIED | 0x50000, 0)));
    assert!(damaged(BESIDE.cluster_of(0x60000, COPIED, 0)));
    assert!(damaged(BESIDE.cluster_of(0, COMPRESSED | 0x50000, 0)));
}

#[test]
fn compressed_clusters_of_every_size() {
    // Largest and smallest: 62 - (bits - 8) bits of offset, the rest counts sectors.
    let large = Geometry {
        cluster_bits: 21,
        ..V3
    };
    let entry = COMPRESSED | 0x1fff << 49 | 0x1_2345_6789;
    let want = Packed {
        offset: 0x1_2345_6789,
        len: 0x2000 * 512 - 0x189,
    };
    assert_eq!(whole(&large, 0, entry), Mapping::Compressed(want));
    let small = Geometry {
        cluster_bits: 9,
        ..V3
    };
    let want = Packed {
        offset: 1025,
        len: 1023,
    };
    let entry = COMPRESSED | 1 << 61 | 1025;
    assert_eq!(whole(&small, 0, entry), Mapping::Compressed(want));
    // Offsets end at 56 bits; nobody owns a compressed cluster alone.
    assert!(damaged(small.cluster_of(0, entry | 1 << 56, 0)));
    assert!(damaged(small.cluster_of(0, entry | COPIED, 0)));
    assert_eq!(whole(&WIDE, 0, COMPRESSED | 512), {
        let (offset, len) = (512, 512);
        Mapping::Compressed(Packed { offset, len })
    });
}

#[test]
fn subclusters_run_as_far_as_they_are_alike() {
    // Of 2 KiB: data in 0 to 2, zeros in 3, nothing in 4 to 30, data in 31.
    let bitmap = 0x8000_0007 | 1 << (32 + 3);
    let cluster = WIDE.cluster_of(0, 0x50000, bitmap).unwrap();
    assert_eq!(cluster.at(0, &WIDE), (Mapping::Data(0x50000), 0x1800));
    assert_eq!(cluster.at(0x17ff, &WIDE), (Mapping::Data(0x517ff), 0x1800));
    assert_eq!(cluster.at(0x1800, &WIDE), (Mapping::Zero, 0x2000));
    assert_eq!(cluster.at(0x2001, &WIDE), (Mapping::Unallocated, 0xf800));
    assert_eq!(cluster.at(0xf800, &WIDE), (Mapping::Data(0x5f800), 0x10000));
}

#[test]
fn whole_clusters_of_subclusters() {
    let of = |entry, bitmap| WIDE.cluster_of(0, entry, bitmap).unwrap();
    assert_eq!(of(0, 0), Cluster::Whole(Mapping::Unallocated));
    assert_eq!(of(0x50000, 0), Cluster::Whole(Mapping::Unallocated));
    assert_eq!(of(0, !0 << 32), Cluster::Whole(Mapping::Zero));
    assert_eq!(of(0x50000, !0 << 32), Cluster::Whole(Mapping::Zero));
    assert_eq!(
        of(0x50000, 0xffff_ffff),
        Cluster::Whole(Mapping::Data(0x50000))
    );
    // A subcluster of zeros in a cluster that is nowhere.
    let zero = of(0, 1 << 32);
    assert_eq!(zero.at(0, &WIDE), (Mapping::Zero, 2048));
    assert_eq!(zero.at(2048, &WIDE), (Mapping::Unallocated, 65536));
}

#[test]
fn impossible_bitmaps_are_refused_wherever_the_bit_is() {
    for bit in 0..32 {
        assert!(damaged(WIDE.cluster_of(
            0,
            0x50000,
            1 << (32 + bit) | 1 << bit
        )));
        assert!(damaged(WIDE.cluster_of(0, 0, 1 << bit)));
    }
}

#[test]
fn runs_go_on_with_what_lies_behind_them() {
    let data = Mapping::Data(1000);
    assert!(data.goes_on(500, Mapping::Data(1500)));
    assert!(!data.goes_on(500, Mapping::Data(1501)));
    assert!(!data.goes_on(500, Mapping::Zero));
    assert!(Mapping::Zero.goes_on(1, Mapping::Zero));
    assert!(Mapping::Unallocated.goes_on(1, Mapping::Unallocated));
    assert!(!Mapping::Unallocated.goes_on(1, Mapping::Zero));
    let packed = Mapping::Compressed(Packed { offset: 1, len: 2 });
    assert!(!packed.goes_on(0, packed));
}
