//! Makes the checksums, hashes, MACs and tags of an input right, from the blocks up to the header, so
//! that it is what else is in it that decides.

use hexz::crypto::{FileKey, KdfCost, Keys, Opened, Piece as Sealed, PieceKind, Place, WrappedKey};
use hexz::format::{Header, PAGE_4K, SLOTS_AT, root_hash};

use super::layout::{Layout, number};

/// Of all sealed inputs.
pub const PASSWORD: &[u8] = b"fuzz";
pub const FILE_ID: [u8; 16] = *b"hexz fuzz target";
/// Where the structures of 4 KiB have their checksum.
const CRC: usize = PAGE_4K - 4;

/// A key under [`PASSWORD`], made once by [`WrappedKey::wrap`].
pub const SLOT: WrappedKey = WrappedKey {
    cost: KdfCost {
        memory_kib: 1024,
        passes: 1,
        lanes: 1,
    },
    salt: [
        0x30, 0xbf, 0x82, 0xd1, 0x29, 0x09, 0x43, 0x1b, 0xdf, 0x23, 0x1f, 0x83, 0xdc, 0x2f, 0x7d,
        0x26, 0x1b, 0x80, 0xb1, 0xa0, 0x8a, 0x97, 0x26, 0xa7, 0x25, 0x21, 0xc8, 0x01, 0xbe, 0x05,
        0x86, 0x44,
    ],
    commitment: [
        0x17, 0x7f, 0x09, 0x2f, 0x96, 0xb1, 0x14, 0xb4, 0x1f, 0x3f, 0xd5, 0x8f, 0x0e, 0x56, 0xad,
        0xbf, 0x0e, 0x45, 0x91, 0xff, 0x3f, 0xcc, 0x8c, 0xcb, 0x97, 0xee, 0xa5, 0x93, 0x62, 0x52,
        0xa2, 0x76,
    ],
    wrapped: [
        0xdd, 0xf5, 0x68, 0xed, 0xa6, 0x33, 0xdd, 0x68, 0xa6, 0xdb, 0xc0, 0xf6, 0xba, 0x48, 0x1b,
        0x65, 0xe2, 0x57, 0xc0, 0x9d, 0xa0, 0x27, 0x1c, 0xe9, 0xc5, 0xf2, 0x39, 0x61, 0x17, 0x2d,
        0xca, 0x0a,
    ],
    tag: [
        0x53, 0x70, 0x16, 0x6c, 0x14, 0x0e, 0xab, 0x31, 0x69, 0x94, 0xff, 0x03, 0x2d, 0x65, 0x05,
        0x35,
    ],
};

thread_local! {
    static FILE_KEY: FileKey = {
        let opened = SLOT.open(&FILE_ID, PASSWORD, &|| Ok(())).expect("a key is derived");
        match opened {
            Opened::Key(key) => key,
            Opened::OtherPassword | Opened::Forged => panic!("the slot does not open"),
        }
    };
}

/// As the units of sealed seeds are hashed.
pub fn unit_hash(unit: &[u8]) -> [u8; 16] {
    FILE_KEY.with(|key| {
        let keys = key.keys(FILE_ID).expect("keys follow");
        let hash = keys.with_unit_hash_key(|key| blake3::keyed_hash(key, unit));
        hash.as_bytes()[..16].try_into().expect("16 bytes")
    })
}

/// What becomes of the input; nothing if it has no root page.
pub fn mend(input: &[u8]) -> Option<Vec<u8>> {
    let layout = Layout::of(input)?;
    let mut bytes = input.to_vec();
    let id = bytes[32..48].try_into().expect("16 bytes");
    match layout.sealed {
        true => FILE_KEY.with(|key| {
            let keys = key.keys(id).expect("keys follow");
            bytes[48..80].copy_from_slice(&key.commitment());
            all(&mut bytes, &layout, Some(&keys));
        }),
        false => all(&mut bytes, &layout, None),
    }
    Some(bytes)
}

fn all(bytes: &mut [u8], layout: &Layout, keys: Option<&Keys>) {
    // What is sealed already: a second key for the same bytes would open neither.
    let mut done: Vec<(usize, usize, [u8; 32])> = Vec::new();
    for piece in &layout.pieces {
        let (at, end) = (piece.at, piece.at + piece.len as usize);
        let hash = match keys {
            None => *blake3::hash(&bytes[at..end]).as_bytes(),
            Some(keys) => {
                let end = end + 16;
                let met = done.iter().find(|(from, to, _)| *from < end && at < *to);
                match met {
                    Some((from, to, hash)) if (*from, *to) == (at, end) => *hash,
                    Some(_) => continue,
                    None if end > layout.root_at => continue,
                    None => {
                        let sealed = Sealed {
                            kind: piece.kind,
                            codec: piece.codec,
                            ordinal: piece.ordinal,
                            len: piece.len,
                            decoded_len: piece.decoded_len,
                        };
                        let hash = seal(&mut bytes[at..end], &sealed, keys);
                        done.push((at, end, hash));
                        hash
                    }
                }
            }
        };
        if let Some(crc_at) = piece.crc_at {
            let crc = match keys {
                None => crc32c::crc32c(&bytes[at..end]),
                Some(_) => 0,
            };
            bytes[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
        }
        bytes[piece.hash_at..piece.hash_at + 32].copy_from_slice(&hash);
    }
    ends(bytes, layout, keys);
}

/// Seals what lies before the room for its tag, and gives its hash.
fn seal(bytes: &mut [u8], sealed: &Sealed, keys: &Keys) -> [u8; 32] {
    let (body, tag) = bytes.split_at_mut(bytes.len() - 16);
    let hash = keys.piece_hash(body);
    tag.copy_from_slice(&keys.seal(sealed, &hash, body).expect("a piece is sealed"));
    hash
}

fn ends(bytes: &mut [u8], layout: &Layout, keys: Option<&Keys>) {
    let Layout {
        root_at,
        root_end,
        footer_at,
        ..
    } = *layout;
    let file_len = bytes.len() as u64;
    bytes[footer_at + 16..footer_at + 24].copy_from_slice(&file_len.to_le_bytes());
    let mut stored_end = root_end;
    if let Some(keys) = keys {
        stored_end = (root_end + 16).min(footer_at);
        let len = (root_end - root_at) as u32;
        let sealed = Sealed {
            kind: PieceKind::Root,
            codec: 0,
            ordinal: root_at as u64,
            len,
            decoded_len: len,
        };
        if stored_end == root_end + 16 {
            let hash = seal(&mut bytes[root_at..stored_end], &sealed, keys);
            bytes[footer_at + 64..footer_at + 96].copy_from_slice(&hash);
        }
        for at in SLOTS_AT.map(|at| at as usize) {
            authenticate(&mut bytes[at..at + PAGE_4K], keys, Place::Slots, 40);
        }
        authenticate(&mut bytes[..PAGE_4K], keys, Place::Header, 80);
    }
    let header = Header {
        incompat: number(bytes, 16, 8),
        compat: number(bytes, 24, 8),
        file_id: bytes[32..48].try_into().expect("16 bytes"),
        commitment: bytes[48..80].try_into().expect("32 bytes"),
        mac: [0; 32],
    };
    let root = root_hash(&header, &bytes[root_at..stored_end]);
    bytes[footer_at + 32..footer_at + 64].copy_from_slice(&root);
    let footer = &mut bytes[footer_at..];
    if let Some(keys) = keys {
        authenticate(footer, keys, Place::Footer, 96);
    }
    checksum(footer);
    checksum(&mut bytes[..PAGE_4K]);
}

/// Puts the MAC of a structure of 4 KiB at `mac_at`, and its checksum.
fn authenticate(page: &mut [u8], keys: &Keys, place: Place, mac_at: usize) {
    page[mac_at..mac_at + 32].fill(0);
    page[CRC..].fill(0);
    let mac = keys.mac(place, page);
    page[mac_at..mac_at + 32].copy_from_slice(&mac);
    checksum(page);
}

fn checksum(page: &mut [u8]) {
    let crc = crc32c::crc32c(&page[..CRC]);
    page[CRC..].copy_from_slice(&crc.to_le_bytes());
}
