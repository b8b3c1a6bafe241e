"""Decompression of one block or page, to exactly the length that is declared."""

import lz4.block
import zstandard

from layout import Damaged, must


def zstd_frame(stored, length, dictionary, what):
    """The content of the one frame that `stored` must be, exactly `length` bytes of it."""
    must(stored[:4] == zstandard.FRAME_HEADER, f"{what}: no Zstandard frame")
    try:
        # The library allocates what a frame declares, so this comes first.
        declared = zstandard.get_frame_parameters(stored).content_size
        must(
            declared in (length, zstandard.CONTENTSIZE_UNKNOWN),
            f"{what}: the frame declares {declared} bytes, not {length}",
        )
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
