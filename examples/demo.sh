#!/bin/sh
# The main job of ksecrets on a fresh machine, as a terminal session: `./dev demo` calls this with ksecrets on the PATH.
#
# Everything happens in a temporary folder with a HOME of its own, which is removed at the end; the tree stays as it is.
# Helm comes from the PATH, or from the cache of `./dev peers`, or is built once with Go. Without any of these the demo
# stops short of the Helm step and says so. Fails at the first step that fails.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../tests/peers/build.sh

# -- before HOME changes: find ksecrets and Helm -----------------------------------------------------------------------

command -v ksecrets >/dev/null || { echo "demo: there is no ksecrets on the PATH; ./dev demo installs it" >&2; exit 1; }

find_helm() {
    command -v helm && return
    cache=$(sh "$peers" --where) || return 1
    for name in helm4 helm3; do
        [ -x "$cache/$name/helm" ] && echo "$cache/$name/helm" && return
    done
    command -v go >/dev/null || return 1
    echo "demo: no helm on the PATH: building it once with Go (two minutes or so; it is kept in $cache)" >&2
    sh "$peers" helm4 && echo "$cache/helm4/helm"
}
helm=$(find_helm) || helm=

# -- a fresh machine ---------------------------------------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/ksecrets-demo.XXXXXX")
trap 'cd / && rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for name in $(env | awk -F= '/^(SOPS|KSECRETS|HELM|GIT|XDG|AGE)_[A-Za-z0-9_]*=/ {print $1}'); do unset "$name"; done
export HOME="$work/home" XDG_CONFIG_HOME="$work/home/.config" GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
unset EDITOR VISUAL SSH_AUTH_SOCK DBUS_SESSION_BUS_ADDRESS
mkdir -p "$HOME" "$work/bin" "$work/shop"
cp -R "$here/shop/." "$work/shop"
cd "$work/shop"
git config --global user.name alice
git config --global user.email alice@example.com
git config --global init.defaultBranch main
if [ -n "$helm" ]; then
    ln -s "$helm" "$work/bin/helm"
    PATH="$work/bin:$PATH"
fi

note() { printf '\n# %s\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }
run() {
    printf '$ %s\n' "$1"
    status=0
    eval "$1" || status=$?
    [ "$status" -eq 0 ] || fail "this step failed (exit $status): $1"
}

# -- the session -------------------------------------------------------------------------------------------------------

note "a chart in a new git repository, with secrets still in plaintext"
run 'git init -q'
run 'ls env/*'
run 'cat env/prod/secrets.yaml'
cp env/prod/secrets.yaml "$work/plain.yaml"

note "keys and rules: a key of our own, and one for the machine that deploys prod (it stays out of the repository)"
run 'ksecrets init'
run '(umask 077; ksecrets env add prod --machine prod-ci > ~/prod-ci.key)'

note "encrypt, and commit"
run 'ksecrets encrypt -i env/dev/secrets.yaml env/prod/secrets.yaml'
run 'git add . && git commit -q -m "The shop, with encrypted values"'
run 'sed -n 1,12p env/prod/secrets.yaml | cut -c 1-110'
! git grep -q 'horse' -- env || fail "a secret is in the commit"
run 'ksecrets decrypt env/prod/secrets.yaml > ~/again.yaml'
cmp "$work/plain.yaml" "$HOME/again.yaml" || fail "decrypting did not give the same bytes"
echo "# (the same bytes as before)"

note "change one value: three lines of the file change, and git shows it readable"
run 'printf "a new password" | ksecrets set env/prod/secrets.yaml database.password'
run 'git diff --stat'
run 'git diff'
git diff | grep -q '^+.*a new password' || fail "git diff does not show the new value"
run 'ksecrets check'
run 'git commit -q -a -m "A new database password"'

if [ -z "$helm" ]; then
    note "there is no helm, and no Go to build it with: the demo ends before 'helm secrets template'"
    exit
fi

note "deploy with $(helm version --short), as prod-ci: its key, and none of alice's"
run 'mv ~/.config/sops ~/the-keys-of-alice'
run 'export KSECRETS_AGE_KEY_FILE=~/prod-ci.key'
run 'ksecrets helm install-plugin'
run 'helm secrets template shop . -f env/prod/values.yaml -f env/prod/secrets.yaml > ~/rendered.yaml'
run 'grep -A 18 "^kind: Secret" ~/rendered.yaml'
grep -q 'DB_PASSWORD: "a new password"' "$HOME/rendered.yaml" || fail "helm did not get the new value"
run 'git status --short'
[ -z "$(git status --short)" ] || fail "the run left something behind in the repository"
