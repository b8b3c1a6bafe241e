#!/bin/bash
# What `apt upgrade` does to a system whose last upgrade was the plain release.
set -euo pipefail
. tools/days/apt.sh
apt_get update
apt_get --with-new-pkgs upgrade
