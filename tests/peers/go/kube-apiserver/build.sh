# The program stands in a dependency, and wants to be told its version.
set -eu
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
into=k8s.io/component-base/version
exec go build -p 2 -trimpath -o "$GOBIN/kube-apiserver" \
    -ldflags "-s -w -X $into.gitVersion=$version -X $into.gitMajor=1 -X $into.gitMinor=${minor%%.*}" \
    k8s.io/kubernetes/cmd/kube-apiserver
