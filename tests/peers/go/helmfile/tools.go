//go:build tools

// Package tools pins helmfile. `go install` cannot build it: its module replaces others by older versions, which a
// consumer has to say again (go.mod).
package tools

import _ "github.com/helmfile/helmfile"
