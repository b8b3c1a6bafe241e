# shellcheck shell=bash
# Sourced within in_image.sh: apt within the image, which starts no service there.
root=${root:?} work=${work:?}

# apt_get ARGUMENT...
apt_get() {
    local -a options=(-q -y -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Options::=--force-confold)
    local line
    while IFS= read -r line; do
        options+=(-o "$line")
    done < <(sed -E 's/ "(.*)";$/=\1/' "$work/apt.conf")
    chroot "$root" apt-get "${options[@]}" "$@"
}

# What the image does not have and apt needs; taken away again at the end.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
for name in resolv.conf hosts; do
    [ ! -e "$root/etc/$name" ] || mv "$root/etc/$name" "$root/etc/$name.kept"
    cp -L "/etc/$name" "$root/etc/$name" 2>/dev/null || true
done
leave_apt() {
    local name
    rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/apt/preferences.d/plain-release"
    for name in resolv.conf hosts; do
        rm -f "$root/etc/$name"
        [ ! -e "$root/etc/$name.kept" ] || mv "$root/etc/$name.kept" "$root/etc/$name"
    done
}
trap leave_apt EXIT
