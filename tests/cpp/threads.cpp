// Several threads: one snapshot for all, builds side by side, an error for each.
#include "fixture.hpp"

#include <thread>

// Runs body(0) and body(1) at once; what either throws comes out here.
template <class Body> static void in_two_threads(const Body &body)
{
    std::exception_ptr problems[2];
    std::thread threads[2];
    for (unsigned i = 0; i < 2; i++)
        threads[i] = std::thread([&, i] {
            try {
                body(i);
            } catch (...) {
                problems[i] = std::current_exception();
            }
        });
    for (std::thread &thread : threads)
        thread.join();
    for (const std::exception_ptr &problem : problems)
        if (problem)
            std::rethrow_exception(problem);
}

TEST(threads_read_one_snapshot)
{
    const Folder folder;
    const Bytes want = disk();
    const hexz::Snapshot snapshot(snapshot_of(folder, want));
    const hexz::Stream stream = snapshot.stream("disk");
    in_two_threads([&](unsigned number) {
        std::mt19937 random(number);
        for (int i = 0; i < 200; i++) {
            const std::size_t offset = random() % (want.size() - 5000);
            Bytes got(5000, '?');
            stream.read(offset, got);
            CHECK(want.compare(offset, 5000, got) == 0);
            if (i % 50 == 0)
                CHECK_EQ(snapshot.verify().blocks_bad, 0u);
        }
    });
}

TEST(threads_build_at_once)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    in_two_threads([&](unsigned number) {
        int reports = 0;
        hexz::BuildOptions options = build_of(folder / "disk.raw", folder / std::to_string(number));
        options.progress = [&](const hexz::Progress &) { return ++reports > 0; };
        hexz::build(options);
        CHECK(reports >= 2);
    });
    CHECK(get(folder / "0") == get(folder / "1"));
}

TEST(threads_have_errors_of_their_own)
{
    in_two_threads([&](unsigned number) {
        for (int i = 0; i < 200; i++) {
            const std::string name = "thread" + std::to_string(number) + "-" + std::to_string(i);
            const hexz::Error error = THROWN(hexz::Error, hexz::profile(name));
            CHECK(contains(error.what(), name));
        }
    });
}
