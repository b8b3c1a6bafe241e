// Cancelling: before, from a callback, from another thread, from a signal handler.
#include "fixture.hpp"

#include <atomic>
#include <csignal>
#include <thread>

static const hexz::Cancel *of_signal;

extern "C" {
static void on_signal(int) { of_signal->trigger(); }
}

TEST(cancel_before)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    const std::ptrdiff_t entries = folder.entries();
    const hexz::Cancel cancel;
    cancel.trigger();
    cancel.trigger();
    hexz::BuildOptions building = build_of(folder / "disk.raw", folder / "out.hxz");
    building.cancel = &cancel;
    CHECK_EQ(THROWN(hexz::Cancelled, hexz::build(building)).callback_code(), 0);
    hexz::OpenOptions opening;
    opening.cancel = &cancel;
    THROWN(hexz::Cancelled, hexz::Snapshot(folder / "disk.hxz", opening));
    hexz::VerifyOptions verifying;
    verifying.cancel = &cancel;
    THROWN(hexz::Cancelled, snapshot.verify(verifying));
    hexz::ExtractOptions extracting;
    extracting.cancel = &cancel;
    THROWN(hexz::Cancelled, snapshot.stream(0).extract(folder / "out.raw", extracting));
    CHECK_EQ(folder.entries(), entries);
}

TEST(cancel_in_a_callback)
{
    const Folder folder;
    put(folder / "disk.raw", noise(8 << 20, 9));
    put(folder / "disk.hxz", "old");
    const hexz::Cancel cancel;
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.overwrite = true;
    options.cancel = &cancel;
    options.progress = [&](const hexz::Progress &) {
        cancel.trigger();
        return true;
    };
    THROWN(hexz::Cancelled, hexz::build(options));
    CHECK(get(folder / "disk.hxz") == "old");
    CHECK_EQ(folder.entries(), 2);
}

// The first report waits until the other thread has done it, so no timing decides.
TEST(cancel_from_another_thread)
{
    const Folder folder;
    put(folder / "disk.raw", noise(8 << 20, 9));
    const hexz::Cancel cancel;
    std::atomic<bool> begun{false}, triggered{false};
    std::thread other([&] {
        while (!begun)
            std::this_thread::yield();
        cancel.trigger();
        triggered = true;
    });
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.cancel = &cancel;
    options.progress = [&](const hexz::Progress &) {
        begun = true;
        while (!triggered)
            std::this_thread::yield();
        return true;
    };
    bool cancelled = false;
    try {
        hexz::build(options);
    } catch (const hexz::Cancelled &) {
        cancelled = true;
    }
    begun = true;
    other.join();
    CHECK(cancelled);
    CHECK_EQ(folder.entries(), 1);
}

TEST(cancel_from_a_signal_handler)
{
    const Folder folder;
    put(folder / "disk.raw", noise(8 << 20, 9));
    const hexz::Cancel cancel;
    of_signal = &cancel;
    const auto before = std::signal(SIGUSR1, on_signal);
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.cancel = &cancel;
    options.progress = [](const hexz::Progress &) { return std::raise(SIGUSR1) == 0; };
    THROWN(hexz::Cancelled, hexz::build(options));
    std::signal(SIGUSR1, before);
    CHECK_EQ(folder.entries(), 1);
}
