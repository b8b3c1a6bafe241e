# File systems as people have them: without hard links, names of characters, uploads.
head -c 3000000 /dev/urandom >disk.raw
hexz build -q disk.raw disk.hxz
mkdir mnt

on() { # KIND: build and extract on what is mounted at mnt
    local long
    long=$(/usr/bin/python3 -c 'print("\u96ea" * 83)')
    expect "$1: build" 0 '' hexz build -q disk.raw mnt/new.hxz
    check "$1: it is whole" cmp disk.hxz mnt/new.hxz
    expect "$1: build over" 0 '' hexz build -q disk.raw mnt/new.hxz --overwrite
    expect "$1: refused, since it is there" 1 '(HEXZ_ERR_EXISTS)' hexz build -q disk.raw mnt/new.hxz
    expect "$1: a long name" 0 '' hexz build -q disk.raw "mnt/$long"
    if [ "$1" = rclone ]; then # which writes front to back only
        holds_only mnt new.hxz "$long"
        return
    fi
    expect "$1: extract" 0 '' hexz extract -q disk.hxz mnt/back.raw
    expect "$1: extract over" 0 '' hexz extract -q disk.hxz mnt/back.raw --overwrite
    check "$1: it is whole" cmp disk.raw mnt/back.raw
    if [ -d mnt/lost+found ]; then rmdir mnt/lost+found; fi
    holds_only mnt new.hxz back.raw "$long"
}
has() { command -v "$1" >/dev/null; }
on_image() { # KIND MOUNT...: makes an image with mkfs.KIND, mounts it
    local kind=$1 reason
    shift
    truncate -s 64M image
    if ! has "mkfs.$kind" || ! "mkfs.$kind" ${force[@]+"${force[@]}"} image >/dev/null 2>&1 || ! reason=$("$@" image mnt 2>&1); then
        skip "$kind: ${reason:-no mkfs.$kind}"
        return
    fi
    mounted+=("$PWD/mnt")
    on "$kind"
    unmount_all
    rm image
}

if [ "$(id -u)" -ne 0 ]; then
    skip "file systems on images: not root"
else
    force=(-F -q)
    on_image ntfs ntfs-3g
    on_image ext4 mount -o loop
    force=()
    on_image vfat mount -o loop,utf8=1
    # In the kernel, or by FUSE, which needs a loop device by itself.
    on_image exfat mount -t exfat -o loop
    if has mount.exfat-fuse && has mkfs.exfat && truncate -s 64M image && mkfs.exfat image >/dev/null 2>&1 &&
        loop=$(losetup -f --show image 2>/dev/null); then
        if mount.exfat-fuse "$loop" mnt >/dev/null 2>&1; then
            mounted+=("$PWD/mnt")
            on exfat-fuse
            unmount_all
        else
            skip "exfat-fuse does not mount here"
        fi
        losetup -d "$loop"
    else
        skip "exfat-fuse: not installed, or no loop device"
    fi
    mkdir -p back
    if has rclone && has fusermount3 && [ -w /dev/fuse ] &&
        rclone --config /dev/null mount --daemon --vfs-cache-mode off "$PWD/back" mnt 2>/dev/null; then
        mounted+=("$PWD/mnt")
        on rclone
        unmount_all
    else
        skip "rclone: not installed, or no FUSE"
    fi

    # A folder that may be written and entered, and not listed. The tool beside its library, where
    # anybody can read it.
    install -m 755 "$HEXZ" hexz-copy
    install -m 755 "$HEXZ_LIB" libhexz.so.0
    chmod 755 . && chmod 644 disk.raw disk.hxz
    other() { LD_LIBRARY_PATH=$PWD setpriv --reuid=65534 --regid=65534 --clear-groups "$PWD/hexz-copy" "$@"; }
    if other version >/dev/null 2>&1 || other --version >/dev/null 2>&1; then
        mkdir -m 0733 drop
        expect "a folder that cannot be listed" 0 '' other build -q disk.raw drop/new.hxz
        expect "over it" 0 '' other build -q disk.raw drop/new.hxz --overwrite
        expect "extract" 0 '' other extract -q disk.hxz drop/back.raw
        holds_only drop new.hxz back.raw
        # Another's file in a sticky folder is found out before the work.
        mkdir -m 1777 sticky
        cp disk.raw sticky/old
        expect "another's in a sticky folder" 1 'cannot replace' other build -q disk.raw sticky/old --overwrite
        holds_only sticky old
        # Owner and group are passed on by root, and what is not allowed gives no rights away.
        cp disk.raw drop/old
        chown 65534:65534 drop/old
        chmod 640 drop/old
        expect "root over another's" 0 '' hexz build -q disk.raw drop/old --overwrite
        check "with owner, group and mode" test "$(stat -c %u:%g:%a drop/old)" = 65534:65534:640
        cp disk.raw drop/theirs
        chown 0:0 drop/theirs
        chmod 664 drop/theirs
        expect "another over root's" 0 '' other build -q disk.raw drop/theirs --overwrite
        check "without the group's rights" test "$(stat -c %u:%g:%a drop/theirs)" = 65534:65534:644
        if has setfacl && cp disk.raw drop/acl && chmod 600 drop/acl && setfacl -m u:65533:rw,g::- drop/acl 2>/dev/null; then
            before=$(getfacl -c drop/acl)
            expect "over a file with a list" 0 '' hexz build -q disk.raw drop/acl --overwrite
            check "which stays" test "$(getfacl -c drop/acl)" = "$before"
        else
            skip "access control lists: no setfacl, or not on this file system"
        fi
        # One that is bound to its place.
        touch bound drop/bound
        mount --bind bound drop/bound && mounted+=("$PWD/drop/bound")
        expect "a mount point" 1 'mount point' hexz build -q disk.raw drop/bound --overwrite
        unmount_all
    else
        skip "other users: setpriv does not run the tool"
    fi
fi
