// re2match answers, for each line {"pattern": ..., "texts": [...]} on standard input, with one line
// {"ok": compiles, "matches": [whether the pattern is found in each text]}, by Go's own regexp package.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
)

type question struct {
	Pattern string   `json:"pattern"`
	Texts   []string `json:"texts"`
}

type answer struct {
	OK      bool   `json:"ok"`
	Matches []bool `json:"matches"`
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	decoder := json.NewDecoder(in)
	for decoder.More() {
		var q question
		if err := decoder.Decode(&q); err != nil {
			panic(err)
		}
		a := answer{Matches: []bool{}}
		if re, err := regexp.Compile(q.Pattern); err == nil {
			a.OK = true
			for _, text := range q.Texts {
				a.Matches = append(a.Matches, re.MatchString(text))
			}
		}
		if err := encoder.Encode(a); err != nil {
			panic(err)
		}
		out.Flush()
	}
}
