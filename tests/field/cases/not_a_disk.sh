# What people give by mistake for a disk: images of other programs, packed files, snapshots. Each is named,
# with what unpacks it, and its bytes are taken where that is asked for.
seq 1 200000 >disk.raw
truncate -s 2M disk.raw
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
made() { # NAME WORD TOOL FILE: it was made, and is refused
    [ -s "$4" ] || { skip "$1: not made here"; return; }
    expect "$1 is named" 1 "$2" hexz build -q "$4" out.hxz
    expect "$1 has a way out" 1 "$3" hexz build -q "$4" out.hxz
    expect "$1 as memory" 1 "$2" hexz build -q --memory "$4" disk.raw out.hxz
    [ ! -e out.hxz ] || fail "$1 left an output"
    expect "$1 as raw bytes" 0 '' hexz build -q --format raw "$4" out.hxz
    check "$1 has its bytes" cmp "$4" <(hexz cat out.hxz)
    rm out.hxz
}
convert() { qemu-img convert -f raw -O "$1" "${@:3}" disk.raw "$2" 2>/dev/null; }
for kind in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat streamOptimized; do
    convert vmdk $kind.vmdk -o subformat=$kind
    made "VMDK $kind" VMDK 'qemu-img convert -f vmdk' $kind.vmdk
done
for kind in vhdx vdi qed parallels; do
    convert $kind disk.$kind
    name=${kind^^}
    made $kind "${name/PARALLELS/Parallels}" "qemu-img convert -f $kind" disk.$kind
done
for kind in dynamic fixed; do
    convert vpc $kind.vhd -o subformat=$kind
    made "VHD $kind" VHD 'qemu-img convert -f vpc' $kind.vhd
done
qemu-img create -q -f qcow disk.qcow 2M
made qcow 'version 1' 'qemu-img convert -f qcow' disk.qcow
qemu-img create -q -f luks --object secret,id=s,data=x -o key-secret=s,iter-time=10 disk.luks 2M 2>/dev/null
made LUKS LUKS cryptsetup disk.luks
hexz build -q disk.raw disk.hxz
made snapshot 'hexz snapshot' 'hexz extract' disk.hxz
for tool in gzip xz zstd bzip2 lz4; do
    command -v $tool >/dev/null && $tool -c disk.raw >disk.$tool 2>/dev/null
    made $tool $tool unpack disk.$tool
done
: | bzip2 -c >empty.bz2
made 'bzip2 of nothing' bzip2 bunzip2 empty.bz2
tar --format=ustar -cf posix.tar disk.raw
tar --format=gnu -cf gnu.tar disk.raw
made 'POSIX tar' tar 'tar -xf' posix.tar
made 'GNU tar' tar 'tar -xf' gnu.tar
python3 -c 'import zipfile; zipfile.ZipFile("disk.zip", "w").write("disk.raw")'
made zip zip unzip disk.zip
printf '7z\274\257\047\034\0\004' >disk.7z
made 7z 7z '7z x' disk.7z

# A qcow2 image is a disk, and no memory dump.
expect 'a qcow2 image as memory' 1 'qcow2 image and no memory dump' hexz build -q --memory disk.qcow2 disk.raw out.hxz
printf '\177ELF\2\1\1' >dump.elf
expect 'memory in ELF' 0 '' hexz build -q --memory dump.elf disk.raw out.hxz

# Sizes that are none.
: >empty.raw
expect 'a file of nothing' 0 '' hexz build -q --overwrite empty.raw out.hxz
for file in /proc/cpuinfo /sys/kernel/mm/transparent_hugepage/enabled; do
    [ -r $file ] || { skip "no $file"; continue; }
    expect "$file" 1 'says that it has' hexz build -q --overwrite $file out.hxz
    expect "$file as raw" 1 "$file" hexz build -q --overwrite --format raw $file out.hxz
done
