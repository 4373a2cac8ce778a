# The programs stand in a dependency, and want to be told its version. kubectl is built of what the server is.
set -eu
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
into=k8s.io/component-base/version
for program in kube-apiserver kubectl; do
    go build -p 2 -trimpath -o "$GOBIN/$program" \
        -ldflags "-s -w -X $into.gitVersion=$version -X $into.gitMajor=1 -X $into.gitMinor=${minor%%.*}" \
        "k8s.io/kubernetes/cmd/$program"
done
