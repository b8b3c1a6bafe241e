// Encrypted snapshots: the right password, the wrong one, none, and changing it.
#include "fixture.hpp"

static std::filesystem::path encrypted(const Folder &folder, const std::string &text)
{
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.encrypt = true;
    options.password = password(text);
    options.kdf = cheap;
    hexz::build(options);
    return folder / "disk.hxz";
}

static hexz::Snapshot open_with(const std::filesystem::path &path, hexz::PasswordCallback callback)
{
    hexz::OpenOptions options;
    options.password = std::move(callback);
    return hexz::Snapshot(path, options);
}

TEST(password_opens)
{
    const Folder folder;
    const std::string odd = std::string("a \0 zero byte, ", 15) + "\xff, and spaces  ";
    const hexz::Snapshot snapshot = open_with(encrypted(folder, odd), password(odd));
    CHECK(snapshot.info().encrypted);
    CHECK(all_of(snapshot.stream("disk")) == disk());
    CHECK(!contains(get(folder / "disk.hxz"), "NAND2"));
}

TEST(password_as_a_literal)
{
    const Folder folder;
    const auto path = encrypted(folder, "literal");
    (void)open_with(path, [](const auto &) { return "literal"; }).info();
}

TEST(password_is_told_what_for)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    std::vector<hexz::PasswordRequest> seen;
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.encrypt = true;
    options.kdf = cheap;
    options.password = [&](const hexz::PasswordRequest &request) {
        seen.push_back(request);
        return "right";
    };
    hexz::build(options);
    CHECK_EQ(seen.size(), 1u);
    CHECK_EQ(seen[0].purpose, hexz::PasswordPurpose::create);

    // Wrong twice, then right.
    seen.clear();
    (void)open_with(folder / "disk.hxz", [&](const hexz::PasswordRequest &request) {
        seen.push_back(request);
        return request.attempt < 2 ? "wrong" : "right";
    }).info();
    CHECK_EQ(seen.size(), 3u);
    CHECK_EQ(seen[2].purpose, hexz::PasswordPurpose::open);
    CHECK_EQ(seen[2].path, (folder / "disk.hxz").string());
}

TEST(password_wrong)
{
    const Folder folder;
    const auto path = encrypted(folder, "right");
    int asked = 0;
    CHECK_STATUS(wrong_password, open_with(path, [&](const hexz::PasswordRequest &) { return asked++, "wrong"; }));
    CHECK_EQ(asked, 3);
    CHECK_STATUS(wrong_password, open_with(path, password("right ")));
}

TEST(password_missing_or_declined)
{
    const Folder folder;
    const auto path = encrypted(folder, "right");
    CHECK_STATUS(password_required, hexz::Snapshot(path));
    const auto decline = [](const hexz::PasswordRequest &) { return std::nullopt; };
    CHECK_STATUS(password_required, open_with(path, decline));
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "other.hxz");
    options.encrypt = true;
    CHECK_STATUS(password_required, hexz::build(options));
    options.password = decline;
    CHECK_STATUS(password_required, hexz::build(options));
    // A password without encrypt: somebody expects what would not be.
    options.encrypt = false;
    CHECK_STATUS(invalid_argument, hexz::build(options));
    CHECK_EQ(folder.entries(), 2);
}

TEST(password_too_short_or_long)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    for (const std::size_t size : {std::size_t(0), std::size_t(1025), std::size_t(1) << 20}) {
        hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
        options.encrypt = true;
        options.kdf = cheap;
        options.password = password(std::string(size, 'x'));
        CHECK_STATUS(invalid_password, hexz::build(options));
    }
    const std::string longest(1024, 'x');
    const hexz::Snapshot snapshot = open_with(encrypted(folder, longest), password(longest));
    CHECK(all_of(snapshot.stream("disk")) == disk());
}

TEST(password_for_a_plain_snapshot)
{
    const Folder folder;
    const auto path = snapshot_of(folder, disk());
    CHECK_STATUS(not_encrypted, open_with(path, password("any")));
    hexz::OpenOptions options;
    options.password = password("any");
    options.allow_plain = true;
    CHECK(!hexz::Snapshot(path, options).info().encrypted);
}

TEST(rekey_adds_replaces_removes)
{
    const Folder folder;
    const auto path = encrypted(folder, "first");
    const hexz::Root root = open_with(path, password("first")).info().root;
    const auto from_to = [](const std::string &from, const std::string &to) {
        return [from, to](const hexz::PasswordRequest &request) {
            return request.purpose == hexz::PasswordPurpose::create ? to : from;
        };
    };
    hexz::rekey(path, hexz::Rekey::add, from_to("first", "second"), cheap);
    (void)open_with(path, password("first")).info();
    (void)open_with(path, password("second")).info();
    hexz::rekey(path, hexz::Rekey::replace, from_to("first", "third"), cheap);
    CHECK_STATUS(wrong_password, open_with(path, password("first")));
    hexz::rekey(path, hexz::Rekey::remove, password("second"));
    CHECK_STATUS(wrong_password, open_with(path, password("second")));
    const hexz::Snapshot snapshot = open_with(path, password("third"));
    CHECK(snapshot.info().root == root);
    CHECK(all_of(snapshot.stream(0)) == disk());

    CHECK_STATUS(state, hexz::rekey(path, hexz::Rekey::remove, password("third")));
    CHECK_STATUS(wrong_password, hexz::rekey(path, hexz::Rekey::add, from_to("first", "x"), cheap));
    CHECK_STATUS(not_encrypted, hexz::rekey(snapshot_of(folder, disk(), "plain"), hexz::Rekey::add, password("x")));
}
