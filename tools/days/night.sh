#!/bin/bash
# A day in the life of the machine in $root.
#
#   night.sh NUMBER days|days-short
set -euo pipefail
number=$1 form=$2

# One for each night, small, as one installs them by the way.
packages=(tmux htop jq strace sqlite3 tree screen rsync mtr-tiny socat ncdu zsh redis-server haproxy
    memcached lua5.4 tcpdump iperf3 unzip p7zip-full ripgrep fzf mc lsof bc iotop ltrace sysstat pv bmon)

if [ "$form" = days ]; then
    . tools/days/apt.sh
    [ $((number % 7)) -ne 0 ] || apt_get update
    apt_get --no-install-recommends install "${packages[number % ${#packages[@]}]}"
fi

cp tools/days/use.sh "$root/tmp/use.sh"
chroot "$root" bash /tmp/use.sh "$number"
