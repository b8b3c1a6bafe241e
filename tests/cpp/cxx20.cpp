// What C++20 adds for programs; the tests of C++17 run with it as well.
#if __cplusplus >= 202002L
#include "fixture.hpp"

#include <algorithm>
#include <cstring>
#include <ranges>
#include <span>
#include <stop_token>

static_assert(std::input_iterator<hexz::Extents::iterator>);
static_assert(std::ranges::input_range<hexz::Extents>);

TEST(cxx20_fields_by_name)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::build({.source = folder / "disk.raw", .output = folder / "disk.hxz", .profile = "eda", .threads = 1});
    const hexz::Snapshot snapshot(folder / "disk.hxz", {.cache_size = 1 << 20});
    CHECK_EQ(snapshot.info().block_size, hexz::profile("eda").block_size);
    CHECK_EQ(snapshot.verify({.threads = 1}).blocks_bad, 0u);
    snapshot.stream("disk").extract(folder / "out.raw", {.sync = false});
    CHECK(get(folder / "out.raw") == disk());
}

TEST(cxx20_span)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    std::vector<std::uint16_t> words(100);
    snapshot.stream("disk").read(50, std::span(words).subspan(10, 20));
    CHECK(std::memcmp(words.data() + 10, disk().data() + 50, 40) == 0);
    CHECK(words[9] == 0 && words[30] == 0);
    static_assert(!std::is_constructible_v<hexz::Buffer, std::span<const std::byte>>);
}

TEST(cxx20_ranges)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    const auto is_zero = [](const hexz::Extent &extent) { return extent.kind == hexz::ExtentKind::zero; };
    CHECK(std::ranges::any_of(snapshot.stream("disk").extents(), is_zero));
}

TEST(cxx20_stop_token)
{
    const Folder folder;
    put(folder / "disk.raw", noise(8 << 20, 9));
    std::stop_source source;
    const hexz::Cancel cancel;
    const std::stop_callback stop(source.get_token(), [&cancel] { cancel.trigger(); });
    const auto progress = [&](const hexz::Progress &) { return source.request_stop(), true; };
    THROWN(hexz::Cancelled, hexz::build({.source = folder / "disk.raw",
                                         .output = folder / "disk.hxz",
                                         .progress = progress,
                                         .cancel = &cancel}));
    CHECK_EQ(folder.entries(), 1);
}
#endif
