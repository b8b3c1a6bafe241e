// Snapshots that lean on others: the golden files of a base and its child.
#include "fixture.hpp"

#include <memory>
#include <vector>

namespace {

const char *const base_name = "thin-base-v1.hxz";
const char *const child_name = "thin-child-v1.hxz";

std::filesystem::path golden(const std::string &name)
{
    return std::filesystem::path(__FILE__).parent_path() / "../decoder/golden" / name;
}

struct CatalogueGone {
    int value;
};

// The child alone in a folder, and the base beside it under another name.
struct Chain {
    Chain()
    {
        put(child(), get(golden(child_name)));
        put(base(), get(golden(base_name)));
        const hexz::Snapshot whole(golden(child_name));
        disk = all_of(whole.stream("disk"));
        root = hexz::Snapshot(golden(base_name)).info().root;
    }
    std::string child() const { return folder / "child.hxz"; }
    std::string base() const { return folder / "moved.hxz"; }
    void opens(const hexz::OpenOptions &options) const
    {
        const hexz::Snapshot snapshot(child(), options);
        CHECK(all_of(snapshot.stream("disk")) == disk);
        snapshot.verify();
    }
    // The text names the root that is missing.
    void is_missing(const hexz::OpenOptions &options) const
    {
        const hexz::Error error = THROWN(hexz::Error, hexz::Snapshot(child(), options).info());
        CHECK_EQ(error.status(), hexz::Status::parent);
        CHECK(contains(error.what(), hexz::to_hex(root)));
    }

    Folder folder;
    Bytes disk;
    hexz::Root root{};
};

} // namespace

TEST(ancestors_are_told)
{
    const hexz::Snapshot base(golden(base_name)), child(golden(child_name));
    CHECK_EQ(base.info().ancestor_count, 0u);
    CHECK(!base.info().parent_root && base.ancestors().empty());
    CHECK(child.info().parent_root == base.info().root);
    const std::vector<hexz::AncestorInfo> all = child.ancestors();
    CHECK_EQ(all.size(), 1u);
    CHECK(all[0].root == base.info().root);
    CHECK_EQ(all[0].hint, base_name);
    CHECK_EQ(all[0].file_size, base.info().file_size);
    CHECK_EQ(all[0].bytes_inherited, 8192u + 8192u + 100u + 4096u);
    CHECK_EQ(THROWN(hexz::Error, child.ancestor(1)).status(), hexz::Status::out_of_range);
    std::vector<hexz::ExtentKind> kinds;
    for (const hexz::Extent &extent : child.stream("disk").extents())
        kinds.push_back(extent.kind);
    using Kind = hexz::ExtentKind;
    CHECK(kinds == std::vector<Kind>{Kind::parent, Kind::data, Kind::zero, Kind::parent});
}

TEST(a_parent_is_given_by_path_or_open)
{
    const Chain chain;
    hexz::OpenOptions options;
    chain.is_missing(options);
    options.parent = chain.base();
    chain.opens(options);
    options.parent = chain.child();
    chain.is_missing(options);
    options.parent = std::string("a\0b", 3);
    CHECK_EQ(THROWN(hexz::Error, hexz::Snapshot(chain.child(), options).info()).status(),
             hexz::Status::invalid_argument);
    {
        std::optional<hexz::Snapshot> base(std::in_place, chain.base());
        options.parent_snapshot = &*base;
        options.parent = chain.base();
        CHECK_EQ(THROWN(hexz::Error, hexz::Snapshot(chain.child(), options).info()).status(),
                 hexz::Status::invalid_argument);
        options.parent.reset();
        const hexz::Snapshot snapshot(chain.child(), options);
        base.reset();
        std::filesystem::remove(chain.base());
        CHECK(all_of(snapshot.stream("disk")) == chain.disk);
    }
    hexz::Snapshot moved(golden(base_name));
    const hexz::Snapshot taken = std::move(moved);
    options.parent_snapshot = &moved;
    CHECK_EQ(THROWN(hexz::Error, hexz::Snapshot(chain.child(), options).info()).status(),
             hexz::Status::invalid_argument);
    // Beside it, under the recorded name, unless that is not to be followed.
    put(chain.folder / base_name, get(golden(base_name)));
    chain.opens({});
    options = {};
    options.no_hints = true;
    chain.is_missing(options);
}

TEST(an_ancestor_is_found_by_a_function)
{
    const Chain chain;
    const hexz::Snapshot open(golden(base_name));
    const auto held = std::make_shared<Bytes>(get(golden(base_name)));
    hexz::AncestorPlace place;
    int asked = 0;
    hexz::OpenOptions options;
    options.ancestor = [&](const hexz::AncestorRequest &request) {
        asked++;
        CHECK(request.root == chain.root);
        CHECK_EQ(request.hint, base_name);
        return place;
    };
    chain.is_missing(options);
    place = chain.base();
    chain.opens(options);
    place = &open;
    chain.opens(options);
    place = hexz::storage_of(held);
    chain.opens(options);
    CHECK_EQ(asked, 4);
    place = {};
    CHECK_EQ(held.use_count(), 1);

    place = chain.child(); // another one
    chain.is_missing(options);
    for (const hexz::AncestorPlace &bad :
         {hexz::AncestorPlace(std::string("a\0b", 3)), hexz::AncestorPlace(hexz::Storage{}),
          hexz::AncestorPlace(static_cast<const hexz::Snapshot *>(nullptr))}) {
        place = bad;
        CHECK_EQ(THROWN(hexz::Error, hexz::Snapshot(chain.child(), options).info()).status(),
                 hexz::Status::invalid_argument);
    }
    options.ancestor = [](const hexz::AncestorRequest &) -> hexz::AncestorPlace { throw CatalogueGone{5}; };
    CHECK_EQ(THROWN(CatalogueGone, hexz::Snapshot(chain.child(), options).info()).value, 5);
}

// A storage that is refused before the library has it, or given back by it, is freed.
TEST(a_child_in_memory_leans_on_a_base_in_memory)
{
    const Chain chain;
    const auto base = std::make_shared<Bytes>(get(golden(base_name)));
    const auto child = std::make_shared<Bytes>(get(golden(child_name)));
    hexz::OpenOptions options;
    CHECK_EQ(THROWN(hexz::Error, hexz::Snapshot(hexz::storage_of(child)).info()).status(), hexz::Status::parent);
    options.parent = std::string("a\0b", 3);
    CHECK_EQ(THROWN(hexz::Error, hexz::Snapshot(hexz::storage_of(child), options).info()).status(),
             hexz::Status::invalid_argument);
    CHECK_EQ(child.use_count(), 1);
    options.parent.reset();
    options.ancestor = [&](const hexz::AncestorRequest &) { return hexz::storage_of(base); };
    {
        const hexz::Snapshot snapshot(hexz::storage_of(child), options);
        CHECK_EQ(base.use_count(), 2);
        CHECK(all_of(snapshot.stream("disk")) == chain.disk);
    }
    CHECK_EQ(base.use_count() + child.use_count(), 2);
}

TEST(one_password_opens_a_chain)
{
    const hexz::Snapshot plain(golden(child_name));
    const hexz::Snapshot sealed(golden("thin-sealed-child-v1.hxz"), {password("password")});
    CHECK_EQ(sealed.ancestors().size(), 2u);
    CHECK(all_of(sealed.stream("disk")) == all_of(plain.stream("disk")));
}

TEST(differences_of_two_snapshots)
{
    const hexz::Snapshot base(golden(base_name)), child(golden(child_name));
    const hexz::Stream from = base.stream("disk"), to = child.stream("disk");
    std::uint64_t end = 0;
    Bytes patched = all_of(from);
    patched.resize(to.size());
    const Bytes want = all_of(to);
    bool zeros = false;
    for (const hexz::Extent &run : hexz::diff(from, to)) {
        CHECK_EQ(run.offset, end);
        end += run.size;
        zeros |= run.kind == hexz::ExtentKind::zero;
        if (run.kind == hexz::ExtentKind::same)
            continue;
        const Bytes part = run.kind == hexz::ExtentKind::zero ? Bytes(run.size, '\0') : want.substr(run.offset, run.size);
        patched.replace(run.offset, run.size, part);
    }
    CHECK_EQ(end, to.size());
    CHECK(zeros);
    CHECK(patched == want);
    const hexz::Extent same = hexz::diff(to, to, 5);
    CHECK(same.kind == hexz::ExtentKind::same);
    CHECK_EQ(same.size, to.size() - 5);
    CHECK_EQ(THROWN(hexz::Error, hexz::diff(from, to, to.size())).status(), hexz::Status::out_of_range);
}

namespace {

// A disk, a snapshot of it, and the disk with a page changed.
struct Days {
    explicit Days(const hexz::PasswordCallback &secret = {})
    {
        put(folder / "day1.raw", disk());
        hexz::BuildOptions options = build_of(folder / "day1.raw", folder / "day1.hxz");
        seal(options, secret);
        hexz::build(options);
        changed = disk();
        changed.replace(40960, 4096, noise(4096, 77));
        put(folder / "day2.raw", changed);
    }
    static void seal(hexz::BuildOptions &options, const hexz::PasswordCallback &secret)
    {
        options.encrypt = secret != nullptr;
        options.password = secret;
        options.kdf = cheap;
    }
    hexz::BuildOptions second() const { return build_of(folder / "day2.raw", folder / "day2.hxz"); }

    void hold(const hexz::OpenOptions &options = {}) const
    {
        const hexz::Snapshot child(folder / "day2.hxz", options);
        CHECK(all_of(child.stream("disk")) == changed);
        child.verify();
    }

    Folder folder;
    Bytes changed;
};

} // namespace

TEST(differences_to_a_parent_are_built)
{
    const Days days;
    hexz::BuildOptions options = days.second();
    options.parent = days.folder / "day1.hxz";
    const hexz::BuildReport report = hexz::build(options);
    CHECK_EQ(report.bytes_unique, 4096u);
    CHECK_EQ(report.bytes_zero + report.bytes_duplicate + report.bytes_inherited + report.bytes_unique, days.changed.size());
    const Bytes bytes = get(options.output);
    const hexz::Snapshot first(days.folder / "day1.hxz");
    {
        const hexz::Snapshot child(options.output);
        CHECK(all_of(child.stream("disk")) == days.changed);
        CHECK(child.info().parent_root == first.info().root);
    }
    // Open already, the file is the same; both are refused.
    options.overwrite = true;
    options.parent_snapshot = &first;
    CHECK_EQ(THROWN(hexz::Error, hexz::build(options)).status(), hexz::Status::invalid_argument);
    options.parent.reset();
    hexz::build(options);
    CHECK(get(options.output) == bytes);
    // Folding without too many of them changes nothing.
    options.fold = true;
    hexz::build(options);
    CHECK(get(options.output) == bytes);
}

TEST(content_of_bases_is_not_stored_again)
{
    const Days days;
    Bytes moved = noise(4096, 5) + disk();
    put(days.folder / "day2.raw", moved);
    hexz::BuildOptions options = days.second();
    std::optional<hexz::Snapshot> first(std::in_place, days.folder / "day1.hxz");
    options.bases = {&*first, &*first};
    CHECK_EQ(hexz::build(options).bytes_unique, 4096u);
    first.reset();
    const hexz::Snapshot child(options.output);
    CHECK_EQ(child.info().ancestor_count, 1u);
    CHECK(!child.info().parent_root);
    CHECK(all_of(child.stream("disk")) == moved);
}

TEST(a_source_says_what_is_its_parents)
{
    const Days days;
    hexz::BuildOptions options = days.second();
    options.source.clear();
    options.parent = days.folder / "day1.hxz";
    std::uint64_t read = 0;
    hexz::Source source;
    source.size = days.changed.size();
    source.read_at = [&](std::uint64_t offset, void *data, std::size_t len) {
        read += len;
        days.changed.copy(static_cast<char *>(data), len, offset);
    };
    source.extent_at = [](std::uint64_t offset, std::uint64_t len) -> hexz::SourceRun {
        if (offset < 40960)
            return {hexz::ExtentKind::parent, 40960 - offset};
        if (offset < 45056)
            return {hexz::ExtentKind::data, 45056 - offset};
        return {hexz::ExtentKind::parent, len};
    };
    options.streams = {{"disk", source, hexz::StreamKind::disk}};
    CHECK_EQ(hexz::build(options).bytes_read, 4096u);
    CHECK_EQ(read, 4096u);
    days.hold();
    options.overwrite = true;
    options.parent.reset();
    CHECK_EQ(THROWN(hexz::Error, hexz::build(options)).status(), hexz::Status::source);
}

TEST(parents_that_cannot_be)
{
    const Days days;
    hexz::BuildOptions options = days.second();
    const auto refused = [&](hexz::Status status) {
        CHECK_EQ(THROWN(hexz::Error, hexz::build(options)).status(), status);
        CHECK(!std::filesystem::exists(options.output));
    };
    options.parent = days.folder / "absent";
    refused(hexz::Status::parent);
    options.parent = std::string("a\0b", 3);
    refused(hexz::Status::invalid_argument);
    options.parent.reset();
    hexz::Snapshot first(days.folder / "day1.hxz");
    const hexz::Snapshot taken = std::move(first);
    options.parent_snapshot = &first;
    refused(hexz::Status::invalid_argument);
    options.parent_snapshot = nullptr;
    options.bases = {&taken, &first};
    refused(hexz::Status::invalid_argument);
    options.bases = {nullptr};
    refused(hexz::Status::invalid_argument);
    options.bases.assign(65, &taken);
    refused(hexz::Status::parent);
}

TEST(an_encrypted_parent_is_asked_for_before_the_new_password)
{
    const Days days(password("old"));
    hexz::BuildOptions options = days.second();
    options.parent = days.folder / "day1.hxz";
    CHECK_EQ(THROWN(hexz::Error, hexz::build(options)).status(), hexz::Status::invalid_argument);
    std::vector<hexz::PasswordPurpose> asked;
    Days::seal(options, [&](const hexz::PasswordRequest &request) -> std::optional<std::string> {
        asked.push_back(request.purpose);
        CHECK(request.purpose == hexz::PasswordPurpose::create || contains(request.path, "day1.hxz"));
        return request.purpose == hexz::PasswordPurpose::create ? "new" : request.attempt == 0 ? "wrong" : "old";
    });
    CHECK_EQ(hexz::build(options).bytes_unique, 4096u);
    using Purpose = hexz::PasswordPurpose;
    CHECK(asked == std::vector<Purpose>{Purpose::parent, Purpose::parent, Purpose::create});
    days.hold({password("new")});
    // What it throws comes out.
    options.overwrite = true;
    options.password = [](const hexz::PasswordRequest &) -> std::optional<std::string> { throw CatalogueGone{9}; };
    CHECK_EQ(THROWN(CatalogueGone, hexz::build(options)).value, 9);
}
