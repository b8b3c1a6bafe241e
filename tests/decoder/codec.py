"""Decompression of one block or page, to exactly the length that is declared."""

import lz4.block
import zstandard

from layout import MAX_WINDOW, Damaged, must

DICTIONARY_MAGIC = bytes.fromhex("37A430EC")
EMPTY_FRAME = bytes.fromhex("28B52FFD2000010000")


def zstd_dictionary(content, what):
    """A dictionary, whose tables must be whole."""
    must(content[:4] == DICTIONARY_MAGIC and len(content) >= 8, f"{what}: no magic of a dictionary")
    try:
        dictionary = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
        zstandard.ZstdDecompressor(dict_data=dictionary).decompress(EMPTY_FRAME)
    except (zstandard.ZstdError, MemoryError) as error:
        raise Damaged(f"{what}: {error}") from error
    return dictionary


def with_content_size(frame, length):
    """The frame with its content's length in its header: the library takes memory for the window of one without."""
    descriptor, at = frame[4], 5
    window = b"" if descriptor & 0x20 else frame[at : at + 1]
    at += len(window)
    dictionary_id = frame[at : at + (0, 1, 2, 4)[descriptor & 3]]
    at += len(dictionary_id)
    return frame[:4] + bytes([descriptor | 0xC0]) + window + dictionary_id + length.to_bytes(8, "little") + frame[at:]


def zstd_frame(stored, length, dictionary, what):
    """The content of the one frame that `stored` must be, exactly `length` bytes of it."""
    must(stored[:4] == zstandard.FRAME_HEADER, f"{what}: no Zstandard frame")
    try:
        # The library allocates what a frame declares, so this comes first.
        parameters = zstandard.get_frame_parameters(stored)
        declared = parameters.content_size
        must(parameters.window_size <= MAX_WINDOW, f"{what}: a window of {parameters.window_size} bytes")
        must(
            declared in (length, zstandard.CONTENTSIZE_UNKNOWN),
            f"{what}: the frame declares {declared} bytes, not {length}",
        )
        if declared == zstandard.CONTENTSIZE_UNKNOWN:
            stored = with_content_size(bytes(stored), length)
        decoder = zstandard.ZstdDecompressor(dict_data=dictionary)
        content = decoder.decompress(stored, max_output_size=length, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"{what}: {error}") from error
    must(len(content) == length, f"{what}: decodes to {len(content)} bytes, not {length}")
    return content


def lz4_block(stored, length, what):
    try:
        content = lz4.block.decompress(stored, uncompressed_size=length)
    except lz4.block.LZ4BlockError as error:
        raise Damaged(f"{what}: {error}") from error
    must(len(content) == length, f"{what}: decodes to {len(content)} bytes, not {length}")
    return content
