// Building: what goes in comes out, and each option does what it says.
#include "fixture.hpp"

TEST(build_and_read_back)
{
    const Folder folder;
    const Bytes memory = noise(64 * 4096, 3) + disk().substr(0, 400000);
    put(folder / "vm.img", disk());
    put(folder / "vm.mem", memory);
    hexz::BuildOptions options;
    options.source = folder / "vm.img";
    options.memory = folder / "vm.mem";
    options.output = folder / "vm.hxz";
    const hexz::BuildReport report = hexz::build(options);

    const hexz::Snapshot snapshot(folder / "vm.hxz");
    CHECK_EQ(snapshot.streams().size(), 2u);
    CHECK(all_of(snapshot.stream("disk")) == disk());
    CHECK(all_of(snapshot.stream("memory")) == memory);
    CHECK_EQ(report.file_size, std::filesystem::file_size(folder / "vm.hxz"));
    CHECK_EQ(report.bytes_zero + report.bytes_duplicate + report.bytes_unique, disk().size() + memory.size());
    CHECK(report.bytes_zero >= (1 << 20) - 8192); // whole pages only
    CHECK(report.bytes_duplicate >= 300000);
    CHECK(report.bytes_stored < report.bytes_unique);
    CHECK(report.blocks > 0 && report.root == snapshot.info().root);
    CHECK(report.total > std::chrono::nanoseconds::zero() && report.total < std::chrono::hours(1));
}

TEST(build_with_each_profile)
{
    const Folder folder;
    const Bytes text = netlist(3000000, 4);
    put(folder / "design.v", text);
    const std::vector<std::string> names = hexz::profile_names();
    CHECK_EQ(names.size(), 4u);
    for (const std::string &name : names) {
        hexz::BuildOptions options = build_of(folder / "design.v", folder / name);
        options.profile = name;
        hexz::build(options);
        const hexz::Snapshot snapshot(folder / name);
        CHECK_EQ(snapshot.info().block_size, hexz::profile(name).block_size);
        CHECK_EQ(snapshot.info().compression, hexz::profile(name).compression);
        CHECK(all_of(snapshot.stream("disk")) == text);
    }
}

TEST(build_with_parameters_of_ones_own)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::Profile mine = hexz::profile("eda");
    mine.level = 1;
    mine.block_size = 32768;
    mine.dictionary = false;
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.profile = mine;
    hexz::build(options);
    const hexz::Info info = hexz::Snapshot(folder / "disk.hxz").info();
    CHECK_EQ(info.compression, hexz::Compression::zstd);
    CHECK_EQ(info.level, 1);
    CHECK_EQ(info.block_size, 32768u);
    CHECK_EQ(info.dictionary_size, 0u);

    mine.block_size = 12345;
    options.profile = mine;
    options.overwrite = true;
    CHECK_STATUS(invalid_argument, hexz::build(options));
}

TEST(build_in_chunks)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.cdc = true;
    hexz::build(options);
    const hexz::Snapshot snapshot(folder / "disk.hxz");
    CHECK(snapshot.info().cdc);
    CHECK(all_of(snapshot.stream("disk")) == disk());
}

TEST(build_is_the_same_with_any_threads)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "one.hxz");
    options.threads = 1;
    options.memory_limit = 64 << 20;
    const hexz::Root root = hexz::build(options).root;
    options.output = folder / "two.hxz";
    options.threads = 2;
    CHECK(hexz::build(options).root == root);
    CHECK(get(folder / "one.hxz") == get(folder / "two.hxz"));
}

TEST(build_replaces_only_when_told)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    put(folder / "disk.hxz", "old");
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    CHECK_STATUS(exists, hexz::build(options));
    CHECK(get(folder / "disk.hxz") == "old");
    options.overwrite = true;
    hexz::build(options);
    const hexz::Snapshot snapshot(folder / "disk.hxz");
    CHECK(all_of(snapshot.stream("disk")) == disk());
}

TEST(build_refuses_wrong_input)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "nothing.raw", folder / "disk.hxz");
    const hexz::Error error = THROWN(hexz::Error, hexz::build(options));
    CHECK_EQ(error.status(), hexz::Status::source);
    CHECK_EQ(std::string(error.status_name()), "HEXZ_ERR_SOURCE");
    CHECK(error.system_error() == std::errc::no_such_file_or_directory);
    CHECK_EQ(error.callback_code(), 0);
    CHECK(contains(error.what(), "nothing.raw"));

    options.source = folder / "disk.raw";
    options.output = folder / "no" / "disk.hxz";
    CHECK_STATUS(output, hexz::build(options));
    options.output = folder / "disk.raw";
    options.overwrite = true;
    CHECK_STATUS(invalid_argument, hexz::build(options));
    options.output = folder / "disk.hxz";
    options.profile = "fast";
    CHECK(contains(THROWN(hexz::Error, hexz::build(options)).what(), "embedded"));
    CHECK_STATUS(unknown_profile, hexz::build(options));
    options.profile = "";
    CHECK_STATUS(unknown_profile, hexz::build(options));
    options.profile = "generic";
    options.memory_limit = 1;
    CHECK_STATUS(invalid_argument, hexz::build(options));
    options.memory_limit = 0;
    options.source_format = hexz::Format::qcow2;
    THROWN(hexz::Error, hexz::build(options));
    CHECK_EQ(folder.entries(), 1);
}

// A name that C would cut short is not another file's.
TEST(build_refuses_zero_bytes_in_names)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    const std::string cut = (folder / "disk.raw").string() + std::string("\0.other", 7);
    CHECK_STATUS(invalid_argument, hexz::build(build_of(cut, folder / "disk.hxz")));
    CHECK_STATUS(invalid_argument, hexz::build(build_of(folder / "disk.raw", (folder / "x").string() + '\0')));
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.memory = cut;
    CHECK_STATUS(invalid_argument, hexz::build(options));
    options.memory.reset();
    options.profile = std::string("eda\0x", 5);
    CHECK_STATUS(invalid_argument, hexz::build(options));
    CHECK_STATUS(invalid_argument, hexz::profile(std::string_view("eda\0x", 5)));
    CHECK_STATUS(invalid_argument, hexz::Snapshot(cut));
    CHECK_EQ(folder.entries(), 1);
}

// A memory dump that was asked for is never left out without a word.
TEST(build_takes_an_empty_name_as_a_name)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.memory = "";
    THROWN(hexz::Error, hexz::build(options));
    THROWN(hexz::Error, hexz::build(hexz::BuildOptions{}));
    CHECK_EQ(folder.entries(), 1);
}

TEST(build_from_an_aggregate)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    CHECK(hexz::build({folder / "disk.raw", folder / "disk.hxz"}).file_size > 0);
}

TEST(profiles_by_name)
{
    const hexz::Profile generic = hexz::profile("generic");
    CHECK_EQ(generic.compression, hexz::Compression::lz4);
    CHECK_EQ(generic.block_size, 65536u);
    CHECK(hexz::profile("eda").dictionary && !generic.dictionary);
    CHECK_STATUS(unknown_profile, hexz::profile("EDA"));
}

TEST(version_of_the_library)
{
    const std::string header = std::to_string(HEXZ_VERSION_MAJOR) + "." + std::to_string(HEXZ_VERSION_MINOR) + "." +
                               std::to_string(HEXZ_VERSION_PATCH);
    CHECK_EQ(hexz::version(), header);
}
