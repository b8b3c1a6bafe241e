# In place, an image or device that somebody has is not written over, unless asked for.
head -c 3000000 /dev/urandom >disk.raw
hexz build -q disk.raw disk.hxz
head -c 3000000 /dev/zero >machine.raw
cp machine.raw before.raw

for how in -r ''; do # a backing file in use is only read
    # Open until its standard input ends.
    mkfifo hold said
    # shellcheck disable=SC2086
    qemu-io -f raw $how machine.raw <hold >said &
    exec 7>hold 8<said
    echo length >&7
    read -r _ <&8
    expect "an image that a machine has ($how)" 1 'set --force-share' hexz extract -q disk.hxz machine.raw --in-place
    check "it is as it was" cmp before.raw machine.raw
    expect "an image that a machine has, by force ($how)" 0 '' hexz extract -q disk.hxz machine.raw --in-place --force-share
    check "written all the same" cmp disk.raw machine.raw
    cp before.raw machine.raw
    exec 7>&- 8<&-
    wait
    rm hold said
done
expect "nobody has it" 0 '' hexz extract -q disk.hxz machine.raw --in-place
check "written" cmp disk.raw machine.raw

if [ "$(id -u)" -ne 0 ] || ! loop=$(truncate -s 64M image && losetup -f --show image 2>/dev/null); then
    skip "devices in use: no loop device"
else
    mkdir mnt
    mkfs.ext4 -q "$loop"
    mount "$loop" mnt && mounted+=("$PWD/mnt")
    expect "a mounted device" 1 'in use' hexz extract -q disk.hxz "$loop" --in-place
    expect "a mounted device, by force" 0 '' hexz extract -q disk.hxz "$loop" --in-place --force-share
    check "written all the same" cmp -n 3000000 disk.raw "$loop"
    unmount_all
    expect "unmounted" 0 '' hexz extract -q disk.hxz "$loop" --in-place
    check "written" cmp -n 3000000 disk.raw "$loop"
    losetup -d "$loop"
fi
