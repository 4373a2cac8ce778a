// Command yamltypes says what the two YAML readers that matter to ksecrets make of a document.
//
// It reads lines of JSON, {"yaml": "..."}, and answers each with one line:
//
//	sops_error  the document does not load in sops (go.yaml.in/yaml/v3; first document into a map)
//	sops        the scalars in document order as sops sees them: {path, go, type, bytes, error};
//	            `go` is the Go type, `type` and `bytes` (base64) are what sops would encrypt,
//	            `error` is why it could not
//	helm_error  sigs.k8s.io/yaml does not turn the document into JSON
//	helm        what it reads, typed: [type, text], {"map": [[key, value]...]} or {"list": [...]}
//	helm_json   the JSON that Helm decodes its values from
//
// The rules of the sops side are those of its stores/yaml/store.go (one Decode into an interface a
// node), of its cipher (which Go types it encrypts) and of ToBytes in sops.go.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	yaml2 "go.yaml.in/yaml/v2"
	yaml3 "go.yaml.in/yaml/v3"
	sigs "sigs.k8s.io/yaml"
)

type leaf struct {
	Path  string `json:"path"`
	Go    string `json:"go"`
	Type  string `json:"type"`
	Bytes string `json:"bytes"`
	Error string `json:"error,omitempty"`
}

type answer struct {
	SopsError string `json:"sops_error,omitempty"`
	Sops      []leaf `json:"sops"`
	HelmError string `json:"helm_error,omitempty"`
	Helm      any    `json:"helm"`
	HelmJSON  string `json:"helm_json"`
}

// canonical gives the type and the plaintext bytes under which sops would encrypt a decoded scalar.
func canonical(value any) (string, []byte, error) {
	switch value := value.(type) {
	case nil:
		return "null", nil, nil
	case string:
		return "str", []byte(value), nil
	case int:
		return "int", []byte(strconv.Itoa(value)), nil
	case float64:
		return "float", []byte(strconv.FormatFloat(value, 'f', -1, 64)), nil
	case bool:
		if value {
			return "bool", []byte("True"), nil
		}
		return "bool", []byte("False"), nil
	case time.Time:
		text, err := value.MarshalText()
		return "time", text, err
	}
	return "", nil, fmt.Errorf("sops does not encrypt a %T", value)
}

func walk(node *yaml3.Node, path string, out *[]leaf) {
	switch node.Kind {
	case yaml3.DocumentNode, yaml3.SequenceNode:
		for index, child := range node.Content {
			walk(child, path+"/"+strconv.Itoa(index), out)
		}
	case yaml3.MappingNode:
		for index := 0; index+1 < len(node.Content); index += 2 {
			walk(node.Content[index+1], path+"/"+node.Content[index].Value, out)
		}
	case yaml3.AliasNode:
		walk(node.Alias, path, out)
	case yaml3.ScalarNode:
		var value any
		decodeErr := node.Decode(&value)
		kind, text, err := canonical(value)
		if decodeErr != nil {
			err = decodeErr
		}
		item := leaf{Path: path, Go: fmt.Sprintf("%T", value), Type: kind, Bytes: base64.StdEncoding.EncodeToString(text)}
		if err != nil {
			item.Error = err.Error()
		}
		*out = append(*out, item)
	}
}

// typed keeps the Go type beside the value; YAML's 1.1 reader has more types than JSON.
func typed(value any) any {
	switch value := value.(type) {
	case nil:
		return [2]string{"null", ""}
	case string:
		return [2]string{"str", value}
	case bool:
		return [2]string{"bool", strconv.FormatBool(value)}
	case int, int64, uint64:
		return [2]string{"int", fmt.Sprint(value)}
	case float64:
		return [2]string{"float", strconv.FormatFloat(value, 'f', -1, 64)}
	case []any:
		items := make([]any, 0, len(value))
		for _, item := range value {
			items = append(items, typed(item))
		}
		return map[string]any{"list": items}
	case yaml2.MapSlice:
		pairs := make([]any, 0, len(value))
		for _, item := range value {
			pairs = append(pairs, [2]any{typed(item.Key), typed(item.Value)})
		}
		return map[string]any{"map": pairs}
	}
	return [2]string{fmt.Sprintf("%T", value), fmt.Sprint(value)}
}

func look(text string) (out answer) {
	out.Sops = []leaf{}
	if err := yaml3.Unmarshal([]byte(text), map[string]any{}); err != nil {
		out.SopsError = err.Error()
	}
	decoder := yaml3.NewDecoder(strings.NewReader(text))
	for {
		var node yaml3.Node
		if decoder.Decode(&node) != nil {
			break
		}
		walk(&node, "", &out.Sops)
	}
	var values map[string]any
	if err := sigs.Unmarshal([]byte(text), &values); err != nil {
		out.HelmError = err.Error()
	} else if encoded, err := sigs.YAMLToJSON([]byte(text)); err == nil {
		out.HelmJSON = string(encoded)
	}
	var slice yaml2.MapSlice
	if err := yaml2.Unmarshal([]byte(text), &slice); err == nil {
		out.Helm = typed(slice)
	}
	return out
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 0, 1<<20), 1<<28)
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	encoder := json.NewEncoder(output)
	for input.Scan() {
		var question struct {
			YAML string `json:"yaml"`
		}
		if err := json.Unmarshal(input.Bytes(), &question); err != nil {
			fmt.Fprintln(os.Stderr, "yamltypes:", err)
			os.Exit(2)
		}
		if err := encoder.Encode(look(question.YAML)); err != nil {
			fmt.Fprintln(os.Stderr, "yamltypes:", err)
			os.Exit(1)
		}
	}
	if err := input.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "yamltypes:", err)
		os.Exit(1)
	}
}
