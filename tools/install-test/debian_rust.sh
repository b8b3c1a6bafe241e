#!/bin/bash
# A Rust with the standard libraries of other targets, for machines whose own has none: the packages
# rustc-web and libstd-rust-web-dev of Debian 13 with that of arm64, unpacked beside the system and run
# with their own C library, and the library for musl, which Debian has none of, compiled from rust-web-src.
# Needs no root and installs nothing. Prints the path of its rustc.
#
#   tools/install-test/debian_rust.sh FOLDER       about 200 MB to download, 800 MB unpacked
#
# Exit status 3: it is not to be had here, for the reason in the last line of standard error.
set -euo pipefail
suite=trixie
folder=$(realpath -m "$1")
least=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../../Cargo.toml")

no() {
    echo "$*" >&2
    exit 3
}

# apt with lists of its own, for two architectures, in the folder. How this machine reaches its archive holds.
apt() {
    local command=$1
    shift
    "$command" -qq -o Dir::Etc::SourceList="$folder/apt/sources" -o Dir::Etc::SourceParts=- \
        -o Dir::State="$folder/apt" -o Dir::State::Status="$folder/apt/status" -o Dir::Cache="$folder/apt" \
        -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@"
}

# What PACKAGE needs to run, itself included.
closure() {
    apt apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$1" | grep -E '^[a-z0-9][a-z0-9+.-]*$' | sort -u
}

fetch() {
    local archive driver
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || no "this is no Debian"
    [ "$(dpkg --print-architecture)" = amd64 ] || no "its compiler is fetched for amd64 only"
    archive=$(apt-get indextargets 'Created-By: Packages' 'Origin: Debian' --format '$(REPO_URI) $(SUITE) $(COMPONENT)' |
        grep -v -e '-security' -e '-updates' -e '-backports' | sed -n 's/ [^ ]* main$//p' | sort -u | head -n 1)
    [ -n "$archive" ] || no "apt knows no archive of Debian; run apt-get update"
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial" "$folder/debs"
    : >"$folder/apt/status"
    echo "deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" >"$folder/apt/sources"
    apt apt-get update >&2 || no "the lists of Debian's packages do not come"
    driver=$(apt apt-cache depends libstd-rust-web-dev | sed -n 's/^ *Depends: *//p' | head -n 1)
    version=${driver##*-}
    [ "$(printf '%s\n' "$least" "$version" | sort -V | head -n 1)" = "$least" ] || no "Debian's is $version, older than $least"
    # shellcheck disable=SC2046 # packages are words
    (cd "$folder/debs" && apt apt-get download rustc-web libstd-rust-web-dev libstd-rust-web-dev:arm64 rust-web-src \
        $(closure "$driver")) >&2 || no "Debian's packages do not come"
}

unpack() {
    local package
    for package in "$folder"/debs/*.deb; do
        case $package in
        # Of all the sources the standard library's.
        */rust-web-src_*) dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder/root" --wildcards './usr/src/rustc-*/library' ;;
        *) dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder/root" --exclude=./usr/share ;;
        esac
    done
    rm -rf "$folder/debs" "$folder/apt"
    local lib=$folder/root/usr/lib/x86_64-linux-gnu
    printf '#!/bin/sh\nexec "%s" --library-path "%s" --argv0 rustc "%s" "$@"\n' \
        "$lib/ld-linux-x86-64.so.2" "$lib" "$folder/root/usr/bin/rustc" >"$folder/rustc"
    chmod 755 "$folder/rustc"
}

# As the Rust project builds it for who uses a target: with bitcode, because libhexz is linked with LTO.
compile_musl() {
    local target=x86_64-unknown-linux-musl library
    library=$(echo "$folder"/root/usr/src/rustc-*/library)
    env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS RUSTC="$folder/rustc" RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS='-Zforce-unstable-if-unmarked -Cembed-bitcode=yes' \
        cargo build --quiet --locked --release --manifest-path "$library/std/Cargo.toml" --features panic-unwind \
        --target $target --target-dir "$folder/std" >&2 || no "the standard library for musl does not compile"
    mkdir -p "$folder/root/usr/lib/rustlib/$target/lib"
    cp "$folder/std/$target/release/deps/"*.rlib "$folder/root/usr/lib/rustlib/$target/lib"
    rm -rf "$folder/std"
}

if [ ! -e "$folder/whole" ]; then
    rm -rf "$folder"
    mkdir -p "$folder/root"
    fetch
    unpack
    "$folder/rustc" -vV >/dev/null || no "Debian's compiler does not run here"
    compile_musl
    touch "$folder/whole"
fi
echo "$folder/rustc"
