// Command fluxdecrypt opens a file as Flux's kustomize-controller does: with sops's library, and without its MAC check.
//
//	fluxdecrypt source NAME     a file of a Kustomization: of a secretGenerator, or a patch; the name says the format
//	fluxdecrypt resource        a manifest, as JSON, as it stands after the build
//
// It reads standard input and prints what would go on to the cluster. The rules are those of the controller's
// internal/decryptor: what it takes for encrypted (a marker within the bytes, a field `sops`), in which format it reads
// it, its limit of 5 MiB for a source. What it takes for plaintext comes back as it is.
//
// Its identities are those of sops: SOPS_AGE_KEY.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
)

const limit = 5 << 20

var markers = []struct {
	format formats.Format
	bytes  string
}{
	{formats.Dotenv, "sops_mac=ENC["},
	{formats.Ini, "[sops]"},
	{formats.Json, `"mac": "ENC[`},
	{formats.Yaml, "mac: ENC["},
}

// opened is the plaintext of a tree in another or the same format; nothing asks whether the MAC holds.
func opened(data []byte, in, out formats.Format) ([]byte, error) {
	stores := config.NewStoresConfig()
	tree, err := common.StoreForFormat(in, stores).LoadEncryptedFile(data)
	if err != nil {
		return nil, err
	}
	services := []keyservice.KeyServiceClient{keyservice.NewLocalClient()}
	key, err := tree.Metadata.GetDataKeyWithKeyServices(services, sops.DefaultDecryptionOrder)
	if err != nil {
		return nil, err
	}
	if _, err := tree.Decrypt(key, aes.NewCipher()); err != nil {
		return nil, err
	}
	return common.StoreForFormat(out, stores).EmitPlainFile(tree.Branches)
}

// source is what becomes of a file before the build.
func source(name string, data []byte) ([]byte, error) {
	if len(data) > limit {
		return nil, fmt.Errorf("%d bytes are more than %d", len(data), limit)
	}
	format := formats.FormatForPath(name)
	for _, each := range markers {
		// A binary file stands in JSON.
		same := each.format == format || (each.format == formats.Json && format == formats.Binary)
		if same && bytes.Contains(data, []byte(each.bytes)) {
			return opened(data, format, format)
		}
	}
	return data, nil
}

// resource is what becomes of a manifest after the build.
func resource(data []byte) ([]byte, error) {
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, err
	}
	if _, found := object["sops"]; found {
		return opened(data, formats.Json, formats.Json)
	}
	fields, _ := object["data"].(map[string]any)
	if object["kind"] != "Secret" || fields == nil {
		return data, nil
	}
	for key, value := range fields {
		text, _ := value.(string)
		inner, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		for _, each := range markers {
			if !bytes.Contains(inner, []byte(each.bytes)) {
				continue
			}
			out, err := opened(inner, each.format, formats.FormatForPath(key))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			fields[key] = base64.StdEncoding.EncodeToString(out)
			break
		}
	}
	return json.Marshal(object)
}

func run() ([]byte, error) {
	data, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, err
	}
	switch {
	case len(os.Args) == 3 && os.Args[1] == "source":
		return source(os.Args[2], data)
	case len(os.Args) == 2 && os.Args[1] == "resource":
		return resource(data)
	}
	return nil, fmt.Errorf("usage: fluxdecrypt source NAME | resource")
}

func main() {
	out, err := run()
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fluxdecrypt:", err)
		os.Exit(1)
	}
}
