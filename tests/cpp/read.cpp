// Reading: at any offset, into any container; extents, extraction and verification.
#include "fixture.hpp"

#include <cstring>
#include <numeric>

TEST(read_at_random_offsets)
{
    const Folder folder;
    const Bytes want = disk();
    const hexz::Snapshot snapshot(snapshot_of(folder, want));
    const hexz::Stream stream = snapshot.stream("disk");
    std::mt19937 random(5);
    for (int i = 0; i < 500; i++) {
        const std::size_t offset = random() % want.size();
        const std::size_t size = std::min<std::size_t>(random() % 20000, want.size() - offset);
        Bytes got(size, '?');
        stream.read(offset, got);
        CHECK(want.compare(offset, size, got) == 0);
    }
}

TEST(read_into_any_buffer)
{
    const Folder folder;
    const Bytes want = disk();
    const hexz::Snapshot snapshot(snapshot_of(folder, want));
    const hexz::Stream stream = snapshot.stream("disk");
    const auto holds = [&](const void *got, std::size_t size) {
        return std::memcmp(got, want.data() + 100, size) == 0;
    };

    std::vector<std::byte> bytes(1000);
    stream.read(100, bytes);
    CHECK(holds(bytes.data(), 1000));
    std::vector<std::uint64_t> words(125);
    stream.read(100, words);
    CHECK(holds(words.data(), 1000));
    std::array<unsigned char, 64> array{};
    stream.read(100, array);
    CHECK(holds(array.data(), 64));
    char plain[33];
    stream.read(100, plain);
    CHECK(holds(plain, 33));
    struct {
        std::uint32_t a, b;
    } record{};
    stream.read(100, {&record, sizeof record});
    CHECK(holds(&record, sizeof record));
    CHECK(holds(stream.read(100, 4096).data(), 4096));
    CHECK(stream.read(100, 0).empty());
    stream.read(want.size(), {nullptr, 0});
}

static_assert(!std::is_constructible_v<hexz::Buffer, const std::vector<std::byte> &>);
static_assert(!std::is_constructible_v<hexz::Buffer, const std::string &>);
static_assert(!std::is_constructible_v<hexz::Buffer, std::vector<std::string> &>);
static_assert(!std::is_constructible_v<hexz::Buffer, std::string_view &>);

TEST(read_beyond_the_end)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    const hexz::Stream stream = snapshot.stream("disk");
    char two[2];
    CHECK_STATUS(out_of_range, stream.read(stream.size() - 1, two));
    CHECK_STATUS(out_of_range, stream.read(UINT64_MAX, two));
    CHECK_STATUS(out_of_range, stream.read(stream.size() - 1, 2));
    // Refused before memory is taken for it.
    CHECK_STATUS(out_of_range, stream.read(1, SIZE_MAX));
    CHECK(contains(THROWN(hexz::Error, stream.read(UINT64_MAX, 1)).what(), "disk"));
    CHECK_STATUS(out_of_range, stream.extent(stream.size()));
}

TEST(read_finds_streams)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    CHECK_EQ(snapshot.stream("disk").index(), 0u);
    CHECK_EQ(snapshot.stream(0).name(), "disk");
    CHECK_EQ(snapshot.stream(0).info().kind, hexz::StreamKind::disk);
    CHECK_EQ(snapshot.stream(0).info().data_size + snapshot.stream(0).info().zero_size, disk().size());
    CHECK(snapshot.find("disk").has_value() && !snapshot.find("memory").has_value());
    CHECK_STATUS(no_stream, snapshot.stream("memory"));
    CHECK_STATUS(no_stream, snapshot.stream(1));
    CHECK_STATUS(invalid_argument, snapshot.stream(std::string_view("disk\0", 5)));
    CHECK_STATUS(invalid_argument, snapshot.find(std::string_view("disk\0", 5)));
}

TEST(read_extents)
{
    const Folder folder;
    const Bytes want = disk();
    const hexz::Snapshot snapshot(snapshot_of(folder, want));
    const hexz::Stream stream = snapshot.stream("disk");
    std::uint64_t at = 0, zeros = 0;
    for (const hexz::Extent &extent : stream.extents()) {
        CHECK_EQ(extent.offset, at);
        CHECK(extent.size > 0);
        CHECK(extent.kind != hexz::ExtentKind::parent);
        if (extent.kind == hexz::ExtentKind::zero) {
            zeros += extent.size;
            CHECK(want.find_first_not_of('\0', extent.offset) >= extent.offset + extent.size);
        }
        at += extent.size;
    }
    CHECK_EQ(at, want.size());
    CHECK_EQ(zeros, stream.info().zero_size);
    CHECK(zeros >= (1 << 20) - 8192);
    CHECK_EQ(stream.extent(800000).kind, hexz::ExtentKind::zero);
    CHECK_EQ(stream.extent(800000).offset, 800000u);

    put(folder / "empty.raw", "");
    hexz::build(build_of(folder / "empty.raw", folder / "empty.hxz"));
    const hexz::Snapshot empty(folder / "empty.hxz");
    const hexz::Extents none = empty.stream(0).extents();
    CHECK(none.begin() == none.end());
}

TEST(read_extract)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    const hexz::Stream stream = snapshot.stream("disk");
    stream.extract(folder / "out.raw");
    CHECK(get(folder / "out.raw") == disk());
    CHECK_STATUS(exists, stream.extract(folder / "out.raw"));

    hexz::ExtractOptions options;
    options.sync = false;
    options.threads = 1;
    options.overwrite = true;
    put(folder / "out.raw", "old");
    stream.extract(folder / "out.raw", options);
    CHECK(get(folder / "out.raw") == disk());
    options.overwrite = false;
    options.in_place = true;
    put(folder / "out.raw", Bytes(3 << 20, 'x'));
    stream.extract(folder / "out.raw", options);
    CHECK(get(folder / "out.raw") == disk());
    CHECK_STATUS(output, stream.extract(folder / "no" / "out.raw"));
    CHECK_STATUS(invalid_argument, stream.extract((folder / "out").string() + '\0'));
}

TEST(read_info)
{
    const Folder folder;
    const hexz::Info info = hexz::Snapshot(snapshot_of(folder, disk())).info();
    CHECK_EQ(info.stream_count, 1u);
    CHECK_EQ(info.logical_size, disk().size());
    CHECK_EQ(info.file_size, std::filesystem::file_size(folder / "disk.hxz"));
    CHECK_EQ(info.compression, hexz::Compression::lz4);
    CHECK(!info.encrypted && !info.cdc && !info.parent_root && info.blocks > 0 && info.format_version > 0);
}

TEST(read_only_the_expected_root)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::OpenOptions options;
    options.expect_root = hexz::build(build_of(folder / "disk.raw", folder / "disk.hxz")).root;
    options.cache_size = 1 << 20;
    const hexz::Snapshot right(folder / "disk.hxz", options);
    CHECK(all_of(right.stream(0)) == disk());
    (*options.expect_root)[31] ^= 1;
    CHECK_STATUS(corrupt, hexz::Snapshot(folder / "disk.hxz", options));
}

TEST(read_roots_as_text)
{
    hexz::Root root{};
    std::iota(root.begin(), root.end(), std::uint8_t(0xA0));
    const std::string text = hexz::to_hex(root);
    CHECK_EQ(text, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf");
    CHECK(hexz::root_from_hex(text) == root);
    CHECK(hexz::root_from_hex("A0A1A2" + text.substr(6)) == root);
    CHECK_STATUS(invalid_argument, hexz::root_from_hex(text.substr(1)));
    CHECK_STATUS(invalid_argument, hexz::root_from_hex(text + "00"));
    CHECK_STATUS(invalid_argument, hexz::root_from_hex("g" + text.substr(1)));
}

TEST(verify_intact)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    hexz::VerifyOptions options;
    options.threads = 2;
    const hexz::VerifyReport report = snapshot.verify(options);
    CHECK_EQ(report.blocks_checked, snapshot.info().blocks);
    CHECK(report.blocks_bad == 0 && !report.bad_stream && !report.bad_offset);
}

TEST(verify_damage)
{
    const Folder folder;
    const std::filesystem::path path = snapshot_of(folder, disk());
    // Blocks follow the header.
    flip(path, 6000);
    const hexz::Snapshot snapshot(path);
    const hexz::Damaged damaged = THROWN(hexz::Damaged, snapshot.verify());
    CHECK_EQ(damaged.status(), hexz::Status::corrupt);
    CHECK_EQ(damaged.report().blocks_bad, 1u);
    CHECK_EQ(damaged.report().blocks_checked, snapshot.info().blocks);
    CHECK(damaged.report().bad_stream == 0u && damaged.report().bad_offset.has_value());
    CHECK_STATUS(corrupt, snapshot.stream(0).read(*damaged.report().bad_offset, 1));
}
