#!/bin/sh
# Archives of both plugins into a folder, made by Helm 4: for its `helm plugin install`, and to unpack for Helm 3.
#
#   package.sh FOLDER                      without a signature
#   package.sh FOLDER KEY SECRET-KEYRING   signed, each with a .prov: KEY is a name of the key, as gpg shows it
#
# HELM is the Helm 4 to call. The archives start the ksecrets of the PATH.
set -eu
[ $# -eq 1 ] || [ $# -eq 3 ] || { sed -n '4,5s/^# *//p' "$0" >&2; exit 2; }
here=$(dirname "$0")
folder=$1
mkdir -p "$folder"
for plugin in secrets secrets-getter; do
    if [ $# -eq 3 ]; then
        "${HELM:-helm}" plugin package "$here/$plugin" --destination "$folder" --key "$2" --keyring "$3"
    else
        "${HELM:-helm}" plugin package "$here/$plugin" --destination "$folder" --sign=false
    fi
done
