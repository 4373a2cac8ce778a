# The program stands in a dependency, and wants to be told its version: it reads `requiredVersion` of a helmfile.yaml by it.
set -eu
version=$(go list -m -f '{{.Version}}' github.com/helmfile/helmfile)
exec go build -p 2 -trimpath -o "$GOBIN/helmfile" -ldflags "-s -w -X go.szostok.io/version.version=$version" \
    github.com/helmfile/helmfile
