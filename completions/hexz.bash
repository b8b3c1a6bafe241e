# bash completion of hexz. Made by tools/manual.py from `hexz help --json`.
_hexz() {
    local commands='build convert flatten info verify extract cat extents diff rekey profiles help version'
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    local words='' options='' files='' i
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$word")
        return
    fi
    # --name=value comes as three words, since bash splits at '='.
    if [ "$word" = = ]; then
        word=''
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $command:$before in
    build:--profile | build:-p) words='generic eda embedded ml' ;;
    build:--compression) words='none lz4 zstd' ;;
    build:--format | build:-f) words='auto raw qcow2' ;;
    convert:--profile | convert:-p) words='generic eda embedded ml' ;;
    build:--memory | build:--parent | build:--base | build:--parent-password-file | build:--password-file | convert:--password-file | convert:--parent | convert:--new-password-file | flatten:--password-file | flatten:--parent | flatten:--new-password-file | info:--password-file | info:--parent | verify:--password-file | verify:--parent | extract:--password-file | extract:--parent | cat:--password-file | cat:--parent | extents:--password-file | extents:--parent | diff:--password-file | diff:--parent | rekey:--password-file | rekey:--new-password-file) files=yes ;;
    build:--disk | build:--blob | build:--level | build:-l | build:--block-size | build:-b | build:--cdc-min | build:--cdc-avg | build:--cdc-max | build:--input-size | build:--ancestors | build:--parent-password-fd | build:--threads | build:-j | build:--memory-limit | build:--password-fd | build:--kdf-memory | build:--kdf-passes | build:--kdf-lanes | convert:--threads | convert:-j | convert:--memory-limit | convert:--password-fd | convert:--expect-root | convert:--kdf-memory-max | convert:--ancestors | convert:--new-password-fd | convert:--kdf-memory | convert:--kdf-passes | convert:--kdf-lanes | flatten:--threads | flatten:-j | flatten:--memory-limit | flatten:--password-fd | flatten:--expect-root | flatten:--kdf-memory-max | flatten:--ancestors | flatten:--new-password-fd | flatten:--kdf-memory | flatten:--kdf-passes | flatten:--kdf-lanes | info:--password-fd | info:--expect-root | info:--kdf-memory-max | info:--ancestors | verify:--threads | verify:-j | verify:--password-fd | verify:--expect-root | verify:--kdf-memory-max | verify:--ancestors | extract:--stream | extract:-s | extract:--threads | extract:-j | extract:--password-fd | extract:--expect-root | extract:--kdf-memory-max | extract:--ancestors | cat:--stream | cat:-s | cat:--offset | cat:-o | cat:--length | cat:-n | cat:--password-fd | cat:--expect-root | cat:--kdf-memory-max | cat:--ancestors | extents:--stream | extents:-s | extents:--password-fd | extents:--expect-root | extents:--kdf-memory-max | extents:--ancestors | diff:--stream | diff:-s | diff:--password-fd | diff:--expect-root | diff:--kdf-memory-max | diff:--ancestors | rekey:--password-fd | rekey:--new-password-fd | rekey:--kdf-memory | rekey:--kdf-passes | rekey:--kdf-lanes | rekey:--kdf-memory-max) return ;;
    *)
        case $command in
        build) options='--memory --disk --blob --profile -p --cdc --compression --level -l --block-size -b --cdc-min --cdc-avg --cdc-max --format -f --input-size --parent --ancestors --no-hints --base --fold --parent-password-file --parent-password-fd --threads -j --memory-limit --allow-backing --allow-change --force-share --overwrite --no-sync --json --progress --no-progress --quiet -q --encrypt --password-file --password-fd --kdf-memory --kdf-passes --kdf-lanes --help -h' files=yes ;;
        convert) options='--threads -j --memory-limit --overwrite --no-sync --json --progress --no-progress --quiet -q --password-file --password-fd --expect-root --kdf-memory-max --parent --ancestors --no-hints --encrypt --decrypt --new-password-file --new-password-fd --kdf-memory --kdf-passes --kdf-lanes --profile -p --cdc --help -h' files=yes ;;
        flatten) options='--threads -j --memory-limit --overwrite --no-sync --json --progress --no-progress --quiet -q --password-file --password-fd --expect-root --kdf-memory-max --parent --ancestors --no-hints --encrypt --decrypt --new-password-file --new-password-fd --kdf-memory --kdf-passes --kdf-lanes --help -h' files=yes ;;
        info) options='--json --password-file --password-fd --expect-root --kdf-memory-max --parent --ancestors --no-hints --help -h' files=yes ;;
        verify) options='--threads -j --json --progress --no-progress --quiet -q --password-file --password-fd --expect-root --kdf-memory-max --parent --ancestors --no-hints --help -h' files=yes ;;
        extract) options='--stream -s --threads -j --overwrite --no-sync --in-place --force-share --json --progress --no-progress --quiet -q --password-file --password-fd --expect-root --kdf-memory-max --parent --ancestors --no-hints --help -h' files=yes ;;
        cat) options='--stream -s --offset -o --length -n --password-file --password-fd --expect-root --kdf-memory-max --parent --ancestors --no-hints --help -h' files=yes ;;
        extents) options='--stream -s --json --password-file --password-fd --expect-root --kdf-memory-max --parent --ancestors --no-hints --help -h' files=yes ;;
        diff) options='--stream -s --json --password-file --password-fd --expect-root --kdf-memory-max --parent --ancestors --no-hints --help -h' ;;
        rekey) options='--password-file --password-fd --new-password-file --new-password-fd --kdf-memory --kdf-passes --kdf-lanes --kdf-memory-max --quiet -q --help -h' words="add replace remove" files=yes ;;
        profiles) options='--json --help -h' ;;
        help) options='--json --help -h' words="$commands" ;;
        version) options='--help -h' ;;
        *) return ;;
        esac
        for ((i = 2; i < COMP_CWORD; i++)); do
            [ "${COMP_WORDS[i]}" != -- ] || options=''
        done
        if [[ $word == -* && -n $options ]]; then
            words=$options files=''
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    if [ -n "$files" ]; then
        local -a found
        mapfile -t found < <(compgen -f -- "$word")
        COMPREPLY+=("${found[@]}")
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _hexz hexz
