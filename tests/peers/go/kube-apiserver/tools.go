//go:build tools

// Package tools pins the API server of Kubernetes, and its kubectl. `go install` cannot build them: their module replaces
// parts of itself by folders of its own, which a consumer has to replace by their published versions (go.mod).
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
