#!/bin/sh
# Builds the real programs that the tests, the demo and the bench compare with, once, at pinned versions:
#
#   build.sh            all of them, and every helper in tests/peers/go/ that is not `rare`
#   build.sh NAME...    only these (helm3 helm4 sops age age-keygen actionlint kustomize services, or a helper's folder)
#   build.sh --where    print the cache folder
#
# The cache is outside the tree: $KSECRETS_PEERS, or ksecrets-peers in the user's cache folder. In it stand helm3/helm,
# helm4/helm and bin/*. What is there at its pinned version is left alone. Needs Go, and a Go module proxy.
set -eu

# name, folder in the cache, module path of the command, version
pins="
helm4      helm4 helm.sh/helm/v4/cmd/helm            v4.3.1
helm3      helm3 helm.sh/helm/v3/cmd/helm            v3.22.0
sops       bin   github.com/getsops/sops/v3/cmd/sops v3.13.3
age        bin   filippo.io/age/cmd/age              v1.3.2
age-keygen bin   filippo.io/age/cmd/age-keygen       v1.3.2
actionlint bin   github.com/rhysd/actionlint/cmd/actionlint v1.7.12
kustomize  bin   sigs.k8s.io/kustomize/kustomize/v5  v5.8.1
"

cd "$(dirname "$0")"
cache=${KSECRETS_PEERS:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/ksecrets-peers}
[ "${1:-}" != --where ] || { echo "$cache"; exit; }

# No C compiler needed; a module cache that can be removed again with rm.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -modcacherw"

say() { echo "peers: $*" >&2; }

# up_to_date NAME FOLDER BINARY VERSION
up_to_date() { [ -x "$cache/$2/$3" ] && [ "$(cat "$cache/.versions/$1" 2>/dev/null)" = "$4" ]; }

# Takes longer than all others together: only by its name. docs/verification.md says when its tests ran last.
rare=" helmfile "

# build NAME FOLDER BINARY VERSION COMMAND...: COMMAND puts BINARY into the folder $GOBIN, and what comes with it
build() {
    name=$1 folder=$2 binary=$3 version=$4
    shift 4
    up_to_date "$name" "$folder" "$binary" "$version" && return
    command -v go >/dev/null || { say "$name: not built: there is no go on the PATH"; return 1; }
    began=$(date +%s)
    scratch=$(mktemp -d)
    mkdir -p "$cache/$folder" "$cache/.versions"
    if ! GOBIN=$scratch "$@" >"$scratch/log" 2>&1; then
        say "$name $version: the build failed"
        cat "$scratch/log" >&2
        rm -rf "$scratch"
        return 1
    fi
    # Into place whole: a run that is stopped leaves the old one or none. (mv across file systems would not.)
    rm -f "$scratch/log" "$cache/.versions/$name"
    for made in "$scratch"/*; do
        cp "$made" "$cache/$folder/.${made##*/}.$$" &&
            mv -f "$cache/$folder/.${made##*/}.$$" "$cache/$folder/${made##*/}" || { rm -rf "$scratch"; return 1; }
    done
    rm -rf "$scratch"
    [ -x "$cache/$folder/$binary" ] && echo "$version" >"$cache/.versions/$name" || return 1
    say "$name $version: built in $(($(date +%s) - began)) s"
}

pinned() {
    while read -r name folder path version; do
        [ "$name" = "$1" ] || continue
        command=${path%/v[0-9]} # as go install names it
        build "$name" "$folder" "${command##*/}" "$version" go install -trimpath -ldflags "-s -w" "$path@$version"
        return
    done <<END
$pins
END
    return 1
}

in_folder() {
    (
        cd "go/$1"
        [ ! -f build.sh ] || exec sh build.sh
        exec go build -trimpath -o "$GOBIN/$1" .
    )
}
# A helper's version is the checksum of its sources.
helper() {
    sum=$(find "go/$1" -type f -exec cksum {} + | LC_ALL=C sort | cksum | cut -d' ' -f1)
    build "$1" bin "$1" "$sum" in_folder "$1"
}

# Servers of key services that come as Python packages: moto (AWS KMS) and OpenBao (Vault), in their own environment.
services() {
    sum=$(cat services.txt openbao.txt | cksum | cut -d' ' -f1)
    up_to_date services bin bao "$sum" && [ -x "$cache/bin/moto_server" ] && return
    began=$(date +%s)
    mkdir -p "$cache/bin" "$cache/.versions"
    rm -f "$cache/.versions/services"
    pip="$cache/services/bin/python -m pip install --quiet --disable-pip-version-check"
    "${PYTHON:-python3}" -m venv --clear "$cache/services" && $pip -r services.txt &&
        $pip --no-deps --require-hashes -r openbao.txt || { say "services: not installed"; return 1; }
    for program in moto_server bao; do
        ln -sf "../services/bin/$program" "$cache/bin/$program"
    done
    echo "$sum" >"$cache/.versions/services"
    say "services: installed in $(($(date +%s) - began)) s"
}

# lane NAME...: one after the other
lane() {
    status=0
    for peer in "$@"; do
        if [ "$peer" = services ]; then services || status=1
        elif [ -f "go/$peer/go.mod" ]; then helper "$peer" || status=1
        elif echo "$pins" | grep -q "^$peer "; then pinned "$peer" || status=1
        else say "no such peer: $peer" && status=1
        fi
    done
    return $status
}

started=$(date +%s)
if [ $# -gt 0 ]; then
    lane "$@"
else
    helpers=
    for module in go/*/go.mod; do
        helper=$(basename "$(dirname "$module")")
        case $rare in *" $helper "*) ;; *) helpers="$helpers $helper" ;; esac
    done
    # Two lanes: one downloads or links on one core while the other compiles. The two Helms share much of what they
    # need, and so do sops and the helpers, so each pair follows itself.
    lane helm4 helm3 kustomize actionlint services &
    # shellcheck disable=SC2086 # names of folders, one word each
    status=0 && lane sops age age-keygen $helpers || status=1
    wait $! || status=1
    [ $status -eq 0 ] || exit 1
fi
# Not built here: the packages of a distribution. Their tests are skipped, or fail with KSECRETS_REQUIRE_PEERS=1.
command -v gpg >/dev/null || say "gpg: there is none on the PATH (Debian: apt-get install gnupg)"
say "ready in $cache after $(($(date +%s) - started)) s"
